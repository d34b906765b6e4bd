"""The identity webhook as the cluster has it: its registration, its settings, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.base.events import Event
from podrole.cluster.admission.caller import CallError, WebhookCaller
from podrole.cluster.admission.matching import RegisteredWebhook
from podrole.cluster.admission.review import ReviewError, read_response, request_body
from podrole.cluster.assembly.services import is_ready_endpoint
from podrole.doctor.facts.registered_webhooks import attributes_of, is_identity_webhook, registered
from podrole.doctor.facts.webhook_settings import find_settings
from podrole.doctor.sources.cluster import Cluster, Object
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact, read_async
from podrole.webhook.identity.config_map import CONFIG_MAP, EMPTY_CONFIG_MAP, ConfigMapBindings, parse_bindings
from podrole.webhook.settings import InjectionSettings

PROBE_SECONDS = 3
_NAME = "podrole-doctor"
_SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class WebhookProbe:
    """The result of calling a webhook as the API server does. ``problem`` is in the API server's words; empty if the
    webhook answered."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class WebhookFacts:
    """``registered`` are the cluster's mutating webhooks in the order in which the API server calls them.

    ``settings`` are the identity webhook's, ``config_map`` the roles that its ConfigMap gives. ``probes`` has one
    entry for each identity webhook, by its key.
    """

    registered: tuple[RegisteredWebhook, ...] | UnknownFact
    settings: InjectionSettings
    config_map: ConfigMapBindings | UnknownFact = EMPTY_CONFIG_MAP
    probes: Mapping[tuple[str, str], WebhookProbe | UnknownFact] = field(default_factory=dict)

    @property
    def known(self) -> tuple[RegisteredWebhook, ...]:
        """The registered webhooks; none if they could not be read."""
        return () if isinstance(self.registered, UnknownFact) else self.registered


async def read_webhook(sources: Sources, caller: WebhookCaller, namespace: str) -> WebhookFacts:
    """Read the webhook's registration and settings, and call it, as a dry run, about a pod in ``namespace``."""
    cluster = sources.cluster
    listed = await read_async(cluster.list("mutatingwebhookconfigurations.admissionregistration.k8s.io"))
    if isinstance(listed, UnknownFact):
        return WebhookFacts(listed, sources.settings or InjectionSettings())
    hooks = registered(listed)
    log = tuple(sources.log())
    probes = {
        hook.key: _last_call(hook, log) or await _probe(sources, caller, hook, namespace)
        for hook in hooks
        if is_identity_webhook(hook)
    }
    if sources.settings is not None:
        return WebhookFacts(hooks, sources.settings, probes=probes)
    settings, home = await find_settings(cluster, hooks)
    config_map: ConfigMapBindings | UnknownFact = EMPTY_CONFIG_MAP
    if settings.sources.watch_config_map:
        item = await read_async(cluster.get("configmaps", home, CONFIG_MAP))
        if isinstance(item, UnknownFact):
            config_map = item
        elif item is not None:
            config_map = parse_bindings(item.get("data"))[0] or EMPTY_CONFIG_MAP
    return WebhookFacts(hooks, settings.injection, config_map, probes)


async def _probe(
    sources: Sources, caller: WebhookCaller, hook: RegisteredWebhook, namespace: str
) -> WebhookProbe | UnknownFact:
    config = hook.webhook.get("clientConfig", {})
    if "service" in config:
        return await _probe_service(sources.cluster, config["service"])
    if not sources.environment.calls_webhooks:
        return UnknownFact(f"{config.get('url')} is an address of the API server's own machine or network.")
    pod: Object = {"metadata": {"name": _NAME}, "spec": {"containers": [{"name": "probe"}]}}
    try:
        answer = await caller.call(config, request_body(attributes_of(pod, namespace), _NAME), PROBE_SECONDS)
        read_response(answer, _NAME, mutating=True)
    except (CallError, ReviewError) as problem:
        return WebhookProbe(str(problem))
    return WebhookProbe()


async def _probe_service(cluster: Cluster, service: Mapping[str, Any]) -> WebhookProbe | UnknownFact:
    """Look at the Service and what answers for it: from outside the cluster nothing more is possible."""
    namespace, name = str(service.get("namespace", "")), str(service.get("name", ""))
    url = f"https://{name}.{namespace}.svc:{service.get('port', 443)}"
    stored = await read_async(cluster.get("services", namespace, name))
    if stored is None:
        return WebhookProbe(f'failed to call webhook: Post "{url}": service "{name}" not found')
    if isinstance(stored, UnknownFact):
        return stored
    answers = await _has_endpoints(cluster, stored, namespace, name)
    if isinstance(answers, UnknownFact):
        return answers
    if not answers:
        return WebhookProbe(f'failed to call webhook: Post "{url}": no endpoints available for service "{name}"')
    return UnknownFact(f"{url} can be called only from inside the cluster; --live has the cluster try it.")


async def _has_endpoints(cluster: Cluster, service: Object, namespace: str, name: str) -> bool | UnknownFact:
    """Say whether something answers for a Service: by its EndpointSlices, its Endpoints, or the pods that it selects.

    Endpoints are deprecated, and a podrole world has neither. If one of the three cannot be read, a No is unknown.
    """
    slices = await read_async(cluster.list("endpointslices.discovery.k8s.io", namespace))
    if not isinstance(slices, UnknownFact):
        mine = [
            endpoint_slice
            for endpoint_slice in slices
            if (endpoint_slice["metadata"].get("labels") or {}).get(_SERVICE_LABEL) == name
        ]
        if any(_is_ready(endpoint) for endpoint_slice in mine for endpoint in endpoint_slice.get("endpoints") or ()):
            return True
    endpoints = await read_async(cluster.get("endpoints", namespace, name))
    if isinstance(endpoints, dict) and any(subset.get("addresses") for subset in endpoints.get("subsets") or ()):
        return True
    pods = await read_async(cluster.list("pods", namespace))
    selector = (service.get("spec") or {}).get("selector") or {}
    if not isinstance(pods, UnknownFact) and any(is_ready_endpoint(pod, selector) for pod in pods):
        return True
    return next((result for result in (slices, endpoints, pods) if isinstance(result, UnknownFact)), False)


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    return bool(endpoint.get("addresses")) and (endpoint.get("conditions") or {}).get("ready") is not False


def _last_call(hook: RegisteredWebhook, log: Iterable[Event]) -> WebhookProbe | None:
    """Return how the API server's last call of a webhook that is reached by a Service ended; None if no call is in the
    world's event log."""
    if "service" not in hook.webhook.get("clientConfig", {}):
        return None
    for event in log:  # newest first
        for trace in (event.explanation or {}).get("webhooks", ()) if event.kind == "admission" else ():
            if (trace.get("configuration"), trace.get("webhook")) != (hook.configuration, hook.name):
                continue
            if trace.get("outcome") in ("mutated", "unchanged"):
                return WebhookProbe()
            if trace.get("outcome") in ("failed", "failed open"):
                return WebhookProbe(str(trace.get("why", "")) or "the last call failed")
    return None
