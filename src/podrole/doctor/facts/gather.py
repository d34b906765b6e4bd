"""Gathering the facts of a case from a place. What cannot be had is kept as the reason why not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from podrole.cluster.admission.caller import CallError, WebhookCaller
from podrole.cluster.admission.matching import RegisteredWebhook
from podrole.cluster.admission.review import ReviewError, read_response, request_body
from podrole.cluster.node.content.environment import Reference, references_of
from podrole.doctor.errors import BadTarget, CannotTell
from podrole.doctor.facts import webhooks as hooks
from podrole.doctor.facts.chain import (
    ChainFacts,
    DesiredCall,
    DoctorTarget,
    IssuerFacts,
    LiveFacts,
    PodFacts,
    WebhookProbe,
)
from podrole.doctor.facts.injection import containers
from podrole.doctor.facts.webhook_settings import find_settings
from podrole.doctor.remedies.changes import Workload
from podrole.doctor.similarity import nearest
from podrole.doctor.sources.account import Account, EKSAssociation
from podrole.doctor.sources.cluster import Cluster, Object
from podrole.doctor.sources.sources import Sources
from podrole.kube.subjects import find_subjects, subject_of
from podrole.oidc.discovery import fetch_keys
from podrole.oidc.errors import KeysFault, KeysUnavailable, TokenRefused
from podrole.oidc.fetch import Fetcher
from podrole.oidc.jwks import Keys
from podrole.oidc.token import parse_token
from podrole.sts.circumstances import Circumstances
from podrole.webhook.identity.config_map import CONFIG_MAP, EMPTY_CONFIG_MAP, ConfigMapBindings, parse_bindings
from podrole.webhook.settings import InjectionSettings

T = TypeVar("T")

MOST_PODS = 5
"""How many pods of a service account are looked at, the newest of each workload."""
PROBE_SECONDS = 3
_UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - stands for a source address that nobody knows
# What a ReplicaSet or Job appends, and before that a Deployment.
_APPENDED = re.compile(r"(?:-[a-z0-9]{5,10})?-[a-z0-9]{5}$")
_MOST_SUBJECTS = 20
_DEEPEST_OWNER = 2  # Deployment, ReplicaSet, pod
_OWNERS = {
    "ReplicaSet": "replicasets.apps",
    "Job": "jobs.batch",
    "ReplicationController": "replicationcontrollers",
}


async def find_target(text: str, sources: Sources) -> DoctorTarget:
    """Read ``NAMESPACE/POD`` or ``NAMESPACE/serviceaccount/NAME``. Raises BadTarget or, without a cluster, CannotTell.

    A pod's name may lack what a controller appended to it, or be that of a pod that its controller has replaced: the
    newest such pod is meant.
    """
    parts = text.split("/")
    if len(parts) == 3 and parts[1].lower() in ("serviceaccount", "serviceaccounts", "sa") and all(parts):
        return DoctorTarget(parts[0], parts[2])
    if len(parts) == 3 and parts[1].lower() in ("pod", "pods", "po"):
        parts = [parts[0], parts[2]]
    if len(parts) != 2 or not all(parts):
        raise BadTarget(
            "This names neither a pod nor a service account.",
            got=repr(text),
            expected="NAMESPACE/POD or NAMESPACE/serviceaccount/NAME",
        )
    namespace, name = parts
    if isinstance(sources.cluster, CannotTell):
        raise sources.cluster
    pod = await sources.cluster.get("pods", namespace, name)
    if pod is None:
        pods = await sources.cluster.list("pods", namespace)
        made = [one for one in pods if one["metadata"].get("ownerReferences")]  # a controller appended to their names
        beginnings = (f"{name}-", *(f"{name[: found.start()]}-" for found in _APPENDED.finditer(name)))
        alike = ([one for one in made if one["metadata"]["name"].startswith(start)] for start in beginnings)
        pod = _newest(next(filter(None, alike), []))
        if pod is None:
            raise await _no_such_pod(sources.cluster, namespace, name, pods)
    account = pod.get("spec", {}).get("serviceAccountName") or "default"
    return DoctorTarget(namespace, account, pod["metadata"]["name"])


async def _no_such_pod(cluster: Cluster, namespace: str, name: str, pods: list[Object]) -> BadTarget:
    names = [one["metadata"]["name"] for one in pods]
    meant = nearest(name, names)
    step = f"did you mean {namespace}/{meant}?" if meant else "name another pod"
    if await cluster.get("namespaces", "", namespace) is None:
        spaces = [one["metadata"]["name"] for one in await cluster.list("namespaces")]
        return BadTarget(f"There is no namespace {namespace}.", expected="one of " + ", ".join(sorted(spaces)[:20]))
    account = await cluster.get("serviceaccounts", namespace, name)
    if account is not None:
        step = f"for the service account of that name: {namespace}/serviceaccount/{name}"
    return BadTarget(
        f"There is no pod {namespace}/{name}.",
        got="the pods " + ", ".join(sorted(names)[:10]) if names else "no pod in that namespace",
        next_step=step,
    )


def _newest(pods: Iterable[Object]) -> Object | None:
    return max(pods, key=_age, default=None)


def _age(pod: Object) -> tuple[bool, str]:
    """Order pods: those that are being deleted first, then the oldest first."""
    metadata = pod["metadata"]
    return "deletionTimestamp" not in metadata, str(metadata.get("creationTimestamp", ""))


@dataclass(frozen=True, slots=True)
class _WebhookSetUp:
    """The webhook as the cluster has it."""

    webhooks: tuple[RegisteredWebhook, ...] | CannotTell
    settings: InjectionSettings
    bindings: ConfigMapBindings


class Gatherer:
    """Gathers the cases of one place. What all cases share is read once."""

    def __init__(
        self, sources: Sources, *, desired_call: DesiredCall | None = None, follow_owners: bool = True
    ) -> None:
        """``follow_owners`` says whether a pod's ReplicaSet is asked for its Deployment: one more call for each."""
        self.sources = sources
        self._follow_owners = follow_owners
        self._desired_call = desired_call
        self._caller = WebhookCaller(lambda _namespace, _name, _port: None)
        self._shared: dict[str, asyncio.Task[Any]] = {}
        self._log = tuple(sources.log())

    async def close(self) -> None:
        """Close the connections to webhooks."""
        await self._caller.close()

    async def case(self, target: DoctorTarget, *, live: bool = False) -> ChainFacts:
        """Gather everything about one service account."""
        sources = self.sources
        set_up: _WebhookSetUp = await self._once("set-up", _set_up(sources))
        account, neighbours, namespace, pods = await asyncio.gather(
            _fact(_get(sources, "serviceaccounts", target.namespace, target.service_account)),
            _fact(_list(sources, "serviceaccounts", target.namespace)),
            _fact(_get(sources, "namespaces", "", target.namespace)),
            _fact(self._pods(target)),
        )
        url, own_keys, documents = await self._once("issuer", _own_issuer(sources))
        associations = await self._once("associations", _associations(sources, url))
        case = ChainFacts(
            target=target,
            service_account=account,
            neighbours=neighbours if isinstance(neighbours, CannotTell) else tuple(neighbours),
            namespace_labels=_labels(namespace),
            pods=pods,
            webhooks=set_up.webhooks,
            probes={},
            bindings=set_up.bindings,
            associated=frozenset(associations),
            settings=set_up.settings,
            issuer=IssuerFacts(url, own_keys, CannotTell("not asked"), own_documents=documents),
            account=sources.account,
            at=self._circumstances(),
            environment=sources.environment,
            role_arn=sources.role_arn,
            log=self._log,
            desired_call=self._desired_call,
            tools=sources.tools,
            associations=associations,
        )
        case = replace(
            case,
            issuer=await self._issuer(case),
            probes=await self._probes(case),
            existing=await self._existing(case),
        )
        return replace(case, live=await self._live(case)) if live else case

    async def _once(self, name: str, coroutine: Any) -> Any:
        """Run what all cases share for the first of them; the others wait for it."""
        task = self._shared.get(name)
        if task is None:
            task = self._shared[name] = asyncio.ensure_future(coroutine)
        else:
            coroutine.close()
        return await asyncio.shield(task)

    def _circumstances(self) -> Circumstances:
        environment = self.sources.environment
        return Circumstances(
            now=self.sources.clock(),
            source_ip=environment.source_ip or _UNKNOWN_ADDRESS,
            region=environment.region or "us-east-1",
            secure_transport=True,
        )

    async def _existing(self, case: ChainFacts) -> frozenset[str]:
        """Return those of the subjects that the trust policy names whose service accounts exist: they keep the role."""
        role = case.role
        if role is None or isinstance(role, CannotTell):
            return frozenset()
        found = set()
        for namespace, name in sorted(set(find_subjects(role.trust_policy)))[:_MOST_SUBJECTS]:
            item = await _fact(_get(self.sources, "serviceaccounts", namespace, name))
            if item is not None:  # what cannot be told counts as there: nothing is taken from it
                found.add(subject_of(namespace, name))
        return frozenset(found)

    # Pods

    async def _pods(self, target: DoctorTarget) -> tuple[PodFacts, ...]:
        cluster = self.sources.cluster
        if isinstance(cluster, CannotTell):
            raise cluster
        if target.pod is not None:
            pod = await cluster.get("pods", target.namespace, target.pod)
            found = [pod] if pod is not None else []
        else:
            listed = await cluster.list("pods", target.namespace)
            of_account = [one for one in listed if _account_of(one) == target.service_account]
            found = [one for one in of_account if "deletionTimestamp" not in one["metadata"]]
        depth = _DEEPEST_OWNER if self._follow_owners else 0
        facts = [
            PodFacts(one, await workload_of(one, cluster, depth), await _references(one, cluster)) for one in found
        ]
        return tuple(_representatives(facts))

    # The issuer

    async def _issuer(self, case: ChainFacts) -> IssuerFacts:
        """Fetch the issuer's documents as STS would, trusting the provider's thumbprints; where those do not do, once
        more trusting what is served, so that the documents can be judged apart from the certificate."""
        facts, fetcher = case.issuer, self.sources.fetcher
        if isinstance(facts.url, CannotTell):
            return facts
        if fetcher is None:
            return replace(facts, published=CannotTell("Nothing is fetched here."))
        provider = case.provider
        listed = () if provider is None or isinstance(provider, CannotTell) else provider.thumbprints
        published, thumbprint = await self._once(
            f"keys of {facts.url} by {listed}", _published(facts.url, listed, fetcher)
        )
        if thumbprint is None:
            return replace(facts, published=published)
        distrust = published if isinstance(provider, CannotTell) or provider is not None else None
        again, _ = await self._once(
            f"keys of {facts.url} by {thumbprint}", _published(facts.url, (thumbprint,), fetcher)
        )
        return replace(facts, published=again, thumbprint=thumbprint, distrust=distrust)

    # The webhook

    async def _probes(self, case: ChainFacts) -> Mapping[tuple[str, str], WebhookProbe | CannotTell]:
        if isinstance(case.webhooks, CannotTell):
            return {}
        found: dict[tuple[str, str], WebhookProbe | CannotTell] = {}
        for hook in case.webhooks:
            if hooks.is_identity_webhook(hook):
                key = json.dumps(hook.webhook.get("clientConfig", {}), sort_keys=True)
                found[hook.key] = await self._once(f"probe {hook.key} {key}", self._probe(case, hook))
        return found

    async def _probe(self, case: ChainFacts, hook: RegisteredWebhook) -> WebhookProbe | CannotTell:
        """Call the webhook with a review of a pod, as a dry run, just as the API server does."""
        config = hook.webhook.get("clientConfig", {})
        if "service" in config:
            return await _service(self.sources, config["service"])
        if not self.sources.environment.calls_webhooks:
            return CannotTell(f"{config.get('url')} is an address of the API server's own machine or network.")
        pod: Object = {"metadata": {"name": "podrole-doctor"}, "spec": {"containers": [{"name": "probe"}]}}
        attributes = hooks.attributes_of(pod, case.target.namespace)
        uid = "podrole-doctor"
        try:
            answer = await self._caller.call(config, request_body(attributes, uid), PROBE_SECONDS)
            read_response(answer, uid, mutating=True)
        except (CallError, ReviewError) as problem:
            return WebhookProbe(str(problem))
        return WebhookProbe()

    # The real try

    async def _live(self, case: ChainFacts) -> LiveFacts:
        cluster, target = self.sources.cluster, case.target
        if isinstance(cluster, CannotTell):
            return LiveFacts(cluster)
        audience = case.identity.audience if case.identity is not None else case.settings.token_audience
        admitted = await _fact(cluster.admit(_new_pod(case)))
        before = self.sources.clock()
        try:
            issued = await cluster.request_token(target.namespace, target.service_account, audience)
            parsed = parse_token(issued.token)
        except CannotTell as why:
            return LiveFacts(why, admitted=admitted)
        except TokenRefused as why:
            return LiveFacts(CannotTell(why.what, got=why.got), admitted=admitted)
        shown = {"header": dict(parsed.header), "claims": dict(parsed.payload)}
        issued_at = parsed.payload.get("iat")
        skew = float(issued_at) - before if isinstance(issued_at, int) else None
        arn, sts = case.binding.role_arn, self.sources.sts
        if arn is None or sts is None:
            return LiveFacts(shown, skew=skew, admitted=admitted)
        if isinstance(sts, CannotTell):
            return LiveFacts(shown, sts, skew=skew, admitted=admitted)
        try:
            answer, told_at = await asyncio.to_thread(
                sts.assume, arn, issued.token, case.session_name or "podrole-doctor"
            )
        except CannotTell as why:
            return LiveFacts(shown, why, skew=skew, admitted=admitted)
        if told_at is not None and skew is not None:
            skew += before - told_at  # AWS's clock counts, not ours
        return LiveFacts(shown, answer, answer["arn"], skew=skew, admitted=admitted)


def _new_pod(case: ChainFacts) -> Object:
    """Return a pod like those of the case, for the cluster to say what would become of it."""
    pods = () if isinstance(case.pods, CannotTell) else case.pods
    labels = pods[0].pod.get("metadata", {}).get("labels") if pods else None
    metadata: Object = {"generateName": "podrole-doctor-", "namespace": case.target.namespace}
    if labels:
        metadata["labels"] = labels
    spec = {
        "serviceAccountName": case.target.service_account,
        "containers": [{"name": "probe", "image": "busybox"}],
        "restartPolicy": "Never",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def _fact(answer: Awaitable[T]) -> T | CannotTell:
    try:
        return await answer
    except CannotTell as why:
        return why


async def _get(sources: Sources, resource: str, namespace: str, name: str) -> Object | None:
    if isinstance(sources.cluster, CannotTell):
        raise sources.cluster
    return await sources.cluster.get(resource, namespace, name)


async def _list(sources: Sources, resource: str, namespace: str = "") -> list[Object]:
    if isinstance(sources.cluster, CannotTell):
        raise sources.cluster
    return await sources.cluster.list(resource, namespace)


def _labels(namespace: Object | CannotTell | None) -> Mapping[str, str] | CannotTell:
    if isinstance(namespace, CannotTell):
        return namespace
    labels: Mapping[str, str] = (namespace or {}).get("metadata", {}).get("labels") or {}
    return labels


def _account_of(pod: Object) -> str:
    spec = pod.get("spec", {})
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


async def workload_of(pod: Object, cluster: Cluster, depth: int = _DEEPEST_OWNER) -> Workload:
    """Return what makes the pod: its controller, or that one's own; the pod itself where nothing does."""
    metadata = pod.get("metadata", {})
    namespace = str(metadata.get("namespace", ""))
    found = Workload(str(pod.get("kind", "Pod")), namespace, str(metadata.get("name", "")))
    item: Object | None = pod
    for _ in range(depth + 1):
        owners = (item or {}).get("metadata", {}).get("ownerReferences") or ()
        owner = next((one for one in owners if one.get("controller")), None)
        if owner is None:
            return found
        found = Workload(owner["kind"], namespace, owner["name"])
        resource = _OWNERS.get(owner["kind"])
        if resource is None or not depth:
            return found
        item = await _found(cluster, resource, namespace, owner["name"])
    return found


async def _found(cluster: Cluster, resource: str, namespace: str, name: str) -> Object | None:
    try:
        return await cluster.get(resource, namespace, name)
    except CannotTell:
        return None


def _representatives(facts: list[PodFacts]) -> list[PodFacts]:
    """Return the newest pod of each workload: its others come from the same template."""
    newest: dict[Workload, PodFacts] = {}
    for one in sorted(facts, key=lambda each: _age(each.pod)):
        newest[one.workload] = one
    return list(newest.values())[-MOST_PODS:]


async def _references(pod: Object, cluster: Cluster) -> Mapping[Reference, frozenset[str] | CannotTell | None]:
    """Return the keys of the ConfigMaps and Secrets that a pod's environment takes in whole."""
    found: dict[Reference, frozenset[str] | CannotTell | None] = {}
    namespace = str(pod.get("metadata", {}).get("namespace", ""))
    for _, _, container in containers(pod):
        whole = {"envFrom": container.get("envFrom")}
        for reference in references_of(whole):
            if reference not in found:
                found[reference] = await _fact(_keys_of(cluster, reference, namespace))
    return found


async def _keys_of(cluster: Cluster, reference: Reference, namespace: str) -> frozenset[str] | None:
    resource, name = reference
    item = await cluster.get(resource, namespace, name)
    if item is None:
        return None
    # Of a Secret the names of its keys are looked at, never a value.
    return frozenset(item.get("data") or {}) | frozenset(item.get("binaryData") or {})


async def _set_up(sources: Sources) -> _WebhookSetUp:
    """Read how the webhook is registered, how it is set, and the roles that its ConfigMap gives."""
    found = await _fact(_list(sources, "mutatingwebhookconfigurations.admissionregistration.k8s.io"))
    registered = found if isinstance(found, CannotTell) else hooks.registered(found)
    if sources.settings is not None:
        return _WebhookSetUp(registered, sources.settings, EMPTY_CONFIG_MAP)
    if isinstance(registered, CannotTell) or isinstance(sources.cluster, CannotTell):
        return _WebhookSetUp(registered, InjectionSettings(), EMPTY_CONFIG_MAP)
    settings, namespace = await find_settings(sources.cluster, registered)
    bindings: ConfigMapBindings = EMPTY_CONFIG_MAP
    if settings.sources.watch_config_map:
        listed = await _fact(sources.cluster.get("configmaps", namespace, CONFIG_MAP))
        if isinstance(listed, dict):
            bindings = parse_bindings(listed.get("data"))[0] or EMPTY_CONFIG_MAP
    return _WebhookSetUp(registered, settings.injection, bindings)


async def _own_issuer(
    sources: Sources,
) -> tuple[str | CannotTell, frozenset[str] | CannotTell, tuple[Object, Object] | None]:
    """Return the cluster's issuer, the ids of its own keys, and both documents."""
    if sources.issuer is not None:
        return sources.issuer, CannotTell("The cluster's keys are not asked for."), None
    if isinstance(sources.cluster, CannotTell):
        return sources.cluster, sources.cluster, None
    document = await _fact(sources.cluster.discovery_document())
    if isinstance(document, CannotTell):
        return document, document, None
    keys = await _fact(sources.cluster.keys())
    if isinstance(keys, CannotTell):
        return str(document.get("issuer", "")), keys, None
    names = frozenset(str(one.get("kid", "")) for one in keys.get("keys", ()))
    return str(document.get("issuer", "")), names, (document, keys)


async def _associations(sources: Sources, issuer: str | CannotTell) -> Mapping[tuple[str, str], EKSAssociation]:
    if isinstance(sources.account, CannotTell) or isinstance(issuer, CannotTell):
        return {}
    account: Account = sources.account
    try:
        found: Iterable[EKSAssociation] = account.associations(issuer)
    except CannotTell:
        return {}
    return {(one.namespace, one.service_account): one for one in found}


async def _published(
    issuer: str, thumbprints: tuple[str, ...], fetcher: Fetcher
) -> tuple[Keys | KeysUnavailable, str | None]:
    """Return the issuer's keys or why there are none, and the thumbprint that is served where it is not trusted."""
    try:
        try:
            return await fetch_keys(issuer, thumbprints=thumbprints, fetcher=fetcher), None
        except KeysUnavailable as why:
            if why.fault is not KeysFault.TIMEOUT:
                raise
        # Once more: one slow answer is no fault of the issuer's, and STS would be asked again too.
        return await fetch_keys(issuer, thumbprints=thumbprints, fetcher=fetcher), None
    except KeysUnavailable as why:
        served = (why.got or "").removeprefix("thumbprint ") if why.fault is KeysFault.THUMBPRINT else None
        return why, served


async def _service(sources: Sources, service: Mapping[str, Any]) -> WebhookProbe | CannotTell:
    """Look at the Service and its endpoints: from outside a cluster nothing more can be done."""
    namespace, name = str(service.get("namespace", "")), str(service.get("name", ""))
    url = f"https://{name}.{namespace}.svc:{service.get('port', 443)}"
    found = await _fact(_get(sources, "services", namespace, name))
    if found is None:
        return WebhookProbe(f'failed to call webhook: Post "{url}": service "{name}" not found')
    if isinstance(found, CannotTell):
        return found
    endpoints = await _fact(_get(sources, "endpoints", namespace, name))
    if isinstance(endpoints, CannotTell):
        return endpoints
    if not any(one.get("addresses") for one in (endpoints or {}).get("subsets") or ()):
        return WebhookProbe(f'failed to call webhook: Post "{url}": no endpoints available for service "{name}"')
    return CannotTell(f"{url} can be called only from inside the cluster; --live has the cluster try it.")
