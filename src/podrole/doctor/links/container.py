"""Link 3: nothing in the container keeps the SDK from the identity that it was given.

SDKs look for credentials in an order of their own
(https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). In every one of them static keys in the
environment come before the web identity token; in some a profile or a credentials file does too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from podrole.base.partitions import partition_of, regions
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection
from podrole.doctor.facts.pods import PodFacts, containers
from podrole.doctor.links.images import outdated
from podrole.doctor.remedies.changes import ByHand, Change, PatchPods, Remedy, RemoveKey, Restart, SetEnvironment
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, Severity, unknown, verdict_from
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import Unknown
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import CREDENTIALS, POD_IDENTITY, REGION, WEB_IDENTITY
from podrole.webhook.patch.pod import token_in

LINK = Link.CONTAINER
STATIC = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PROFILE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
FILES = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
OTHER_CONTAINER_CREDENTIALS = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
METADATA_DISABLED = "AWS_EC2_METADATA_DISABLED"
_READ_BY_OTHERS = 0o044


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable of a container's environment. ``value`` is None where it comes from elsewhere; ``source`` says from
    where: a kind, a name and a key."""

    name: str
    value: str | None
    source: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Container:
    """A container with its environment, in the pod that it belongs to."""

    pod: PodFacts
    kind: str
    position: int
    manifest: dict[str, Any]
    variables: Mapping[str, EnvironmentVariable]

    @property
    def name(self) -> str:
        return str(self.manifest.get("name", ""))

    def __str__(self) -> str:
        return f"container {self.name!r} of pod {self.pod.name}"

    def about(self, *path: str | int) -> About:
        workload = self.pod.workload
        place = (*workload.template, "spec", self.kind, self.position, *path)
        return About(workload.kind, workload.namespace, workload.name, place)


def check(facts: ChainFacts) -> LinkVerdict | None:
    """Say whether an SDK in the pods' containers would take the identity; None where there is no pod to look into."""
    identity = facts.identity
    if identity is None:
        return unknown(LINK, "Nothing binds the service account.")
    if isinstance(facts.pods, Unknown):
        return unknown(LINK, f"The pods could not be read: {facts.pods.what}")
    if not facts.pods:
        return None
    findings: list[Finding] = []
    unread: list[str] = []
    for pod in facts.pods:
        unread += [why.what for why in pod.references.values() if isinstance(why, Unknown)]
        for container in _containers(pod):
            findings += [one for one in _of_container(facts, identity, container) if one not in findings]
        findings += [one for one in _unreadable_token(facts, identity, pod) if one not in findings]
    names = ", ".join(one.name for one in facts.pods[:3])
    verdict = verdict_from(LINK, f"nothing in {names} comes before the identity", findings)
    if unread and not verdict.faults:
        return unknown(LINK, f"Part of the environment could not be read: {unread[0]}", *findings)
    return verdict


def _containers(pod: PodFacts) -> Iterator[_Container]:
    for kind, position, manifest in containers(pod.manifest):
        yield _Container(pod, kind, position, manifest, {one.name: one for one in _variables(pod, manifest)})


def _variables(pod: PodFacts, container: Mapping[str, Any]) -> Iterator[EnvironmentVariable]:
    """Yield a container's variables; of two of one name the later counts, as in Kubernetes."""
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for field, resource, kind in (("configMapRef", "configmaps", "ConfigMap"), ("secretRef", "secrets", "Secret")):
            name = str((source.get(field) or {}).get("name") or "")
            keys = pod.references.get((resource, name))
            if isinstance(keys, frozenset):
                yield from (EnvironmentVariable(prefix + key, None, (kind, name, key)) for key in sorted(keys))
    for entry in container.get("env") or ():
        origin = entry.get("valueFrom") or {}
        found = None
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if field in origin:
                found = (kind, str(origin[field].get("name", "")), str(origin[field].get("key", "")))
        value = entry.get("value")
        yield EnvironmentVariable(str(entry.get("name", "")), None if origin else str(value or ""), found)


def _of_container(facts: ChainFacts, identity: Identity, container: _Container) -> Iterator[Finding]:
    yield from _static_keys(container)
    yield from _profile(container)
    yield from _other_credentials(identity, container)
    yield from _node_role(facts, identity, container)
    yield from _region(facts, container)
    yield from _endpoint(identity, container)
    yield from _old_image(container)
    yield from _credentials_file(container)


def _present(container: _Container, names: Iterable[str]) -> list[EnvironmentVariable]:
    return [container.variables[name] for name in names if name in container.variables]


def _unset(container: _Container, variables: Iterable[EnvironmentVariable]) -> tuple[Change, ...]:
    """Return how variables go: those that the container sets itself, and those that come with a whole ConfigMap or
    Secret."""
    own: dict[str, str | None] = {}
    changes: list[Change] = []
    set_here = {str(entry.get("name", "")) for entry in container.manifest.get("env") or ()}
    for one in variables:
        if one.name in set_here:
            own[one.name] = None
        elif one.source is not None:
            kind, name, key = one.source
            changes.append(RemoveKey(kind, container.pod.workload.namespace, name, key))
    if own:
        return (*changes, SetEnvironment(container.pod.workload, container.name, own))
    return (*changes, Restart(container.pod.workload))


def _listed(variables: Iterable[EnvironmentVariable]) -> str:
    return ", ".join(
        one.name if one.source is None else f"{one.name} (from {one.source[0]} {one.source[1]})" for one in variables
    )


# PR301


def _static_keys(container: _Container) -> Iterator[Finding]:
    found = _present(container, STATIC)
    if any(one.name != "AWS_SESSION_TOKEN" for one in found):
        yield Finding(
            "PR301",
            f"{_sentence(container)} has static keys in its environment, and every SDK uses those first.",
            container.about("env"),
            Remedy("take the keys out, and withdraw them if nothing else needs them", _unset(container, found)),
            expected="no " + ", ".join(STATIC),
            got=_listed(found),
        )


# PR302


def _profile(container: _Container) -> Iterator[Finding]:
    found = _present(container, PROFILE)
    if found:
        yield Finding(
            "PR302",
            f"{_sentence(container)} names a profile: some SDKs then take its credentials, and others fail where there "
            "is none of that name.",
            container.about("env"),
            Remedy("take the variable out", _unset(container, found)),
            expected="no " + " and no ".join(PROFILE),
            got=", ".join(f"{one.name}={one.value}" if one.value else one.name for one in found),
        )


# PR303


def _other_credentials(identity: Identity, container: _Container) -> Iterator[Finding]:
    if identity.method == "sts_web_identity":
        found = _present(container, OTHER_CONTAINER_CREDENTIALS)
        if found:
            yield Finding(
                "PR303",
                f"{_sentence(container)} names a second source of credentials; which of the two an SDK takes is for "
                "its order to say.",
                container.about("env"),
                Remedy("leave one of the two", _unset(container, found)),
                expected="no " + " and no ".join(OTHER_CONTAINER_CREDENTIALS),
                got=_listed(found),
                severity=Severity.RISK,
            )
        return
    found = _present(container, WEB_IDENTITY)
    if found:
        yield Finding(
            "PR303",
            f"{_sentence(container)} has a web identity of its own, which SDKs use before EKS Pod Identity.",
            container.about("env"),
            Remedy("leave the identity to the association", _unset(container, found)),
            expected=f"only {POD_IDENTITY[0]}",
            got=_listed(found),
        )


# PR304


def _node_role(facts: ChainFacts, identity: Identity, container: _Container) -> Iterator[Finding]:
    exists = bool(container.pod.manifest.get("metadata", {}).get("uid"))
    disabled = container.variables.get(METADATA_DISABLED)
    if not exists or METADATA_DISABLED in facts.environment.node_environment:
        return
    if disabled is not None and (disabled.value or "").lower() == "true":
        return
    if any(name in container.variables for name in (*CREDENTIALS[identity.method], *STATIC)):
        return
    change = SetEnvironment(container.pod.workload, container.name, {METADATA_DISABLED: "true"})
    yield Finding(
        "PR304",
        f"{_sentence(container)} has no identity of its own, so an SDK in it takes the node's role, if the instance's "
        "metadata can be reached.",
        container.about("env"),
        Remedy("keep the container from the node's role", (change,)),
        expected=f"{METADATA_DISABLED}=true, or an identity",
        got="neither",
        severity=Severity.RISK,
    )


# PR305, PR306


def _region(facts: ChainFacts, container: _Container) -> Iterator[Finding]:
    for variable in _present(container, REGION):
        region = variable.value
        if not region or "$(" in region:
            continue
        known = regions()
        arn = facts.binding.role_arn or ""
        of_role = arn.split(":", 2)[1] if arn else ""
        partition = known.get(region)
        if partition is None:
            meant = nearest(region, known)
            got, expected = repr(region), f"a region of AWS ({meant}?)" if meant else "a region of AWS"
            what = f"{_sentence(container)} names a region that does not exist."
        elif of_role and partition != of_role:
            meant = None
            got, expected = f"{region}, of partition {partition}", f"a region of partition {of_role}, as the role"
            what = f"{_sentence(container)} names a region where its role does not exist."
        else:
            continue
        right = meant or facts.settings.aws_default_region or facts.environment.region
        usable = right if right and partition_of(right) == (of_role or partition_of(right)) else None
        change: Change = ByHand(f"set {variable.name} to the region that the pod works in")
        if usable:
            change = SetEnvironment(container.pod.workload, container.name, {variable.name: usable})
        yield Finding(
            "PR305",
            what,
            container.about("env"),
            Remedy("name the right region", (change,)),
            expected=expected,
            got=got,
        )


def _endpoint(identity: Identity, container: _Container) -> Iterator[Finding]:
    led_away = [one for one in _present(container, ENDPOINTS) if not _leads_to_sts(one.value, identity)]
    if led_away:
        yield Finding(
            "PR306",
            f"{_sentence(container)} sends its calls to STS elsewhere than to AWS.",
            container.about("env"),
            Remedy("take the variable out, unless the endpoint is meant", _unset(container, led_away)),
            expected=identity.endpoint_url or "no " + " and no ".join(ENDPOINTS),
            got=", ".join(f"{one.name}={one.value}" if one.value else one.name for one in led_away),
        )


def _leads_to_sts(url: str | None, identity: Identity) -> bool:
    if not url or url == identity.endpoint_url:
        return True
    host = urlsplit(url).hostname or ""
    of_region = _STS.fullmatch(host)
    return host.endswith(".vpce.amazonaws.com") or (
        of_region is not None and (of_region["region"] is None or of_region["region"] in regions())
    )


_STS = re.compile(r"sts(?:-fips)?\.(?:(?P<region>[a-z0-9-]+)\.)?amazonaws\.com(?:\.cn)?")


# PR307


def _unreadable_token(facts: ChainFacts, identity: Identity, pod: PodFacts) -> Iterator[Finding]:
    admitted = PodInjection.of(pod.manifest, identity, facts.settings)
    spec = pod.manifest.get("spec") or {}
    group = (spec.get("securityContext") or {}).get("fsGroup")
    for index, volume in enumerate(spec.get("volumes") or ()):
        projected = volume.get("projected") or {}
        mode = projected.get("defaultMode")
        if volume.get("name") != admitted.plan.volume_name or mode is None or group is not None:
            continue
        if mode & _READ_BY_OTHERS or not _holds_token(admitted, volume["name"]) or _has_one_user(pod):
            continue
        for container in _containers(pod):
            user = _user(spec, container.manifest)
            if user:
                path = f"/spec/volumes/{index}/projected/defaultMode"
                workload = pod.workload
                yield Finding(
                    "PR307",
                    f"{_sentence(container)} cannot read its token: the file is its owner's alone, and the container "
                    f"runs as user {user}.",
                    About(
                        workload.kind, workload.namespace, workload.name, (*workload.template, "spec", "volumes", index)
                    ),
                    Remedy("let others read the file", (PatchPods(workload, ({"op": "remove", "path": path},)),)),
                    expected="mode 0644, or an fsGroup",
                    got=f"mode {mode:04o} and no fsGroup",
                )


def _holds_token(admitted: PodInjection, name: str) -> bool:
    spec = admitted.pod.spec
    volumes = [] if spec is None else [one for one in spec.volumes or () if one is not None and one.name == name]
    return any(token_in(one, admitted.plan.token_path) is not None for one in volumes)


def _has_one_user(pod: PodFacts) -> bool:
    """Say whether all containers name the same user: the kubelet then makes the file that user's own."""
    spec = pod.manifest.get("spec") or {}
    of_pod = (spec.get("securityContext") or {}).get("runAsUser")
    users = {(one.get("securityContext") or {}).get("runAsUser", of_pod) for _, _, one in containers(pod.manifest)}
    return len(users) == 1 and None not in users


def _user(spec: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Return the user that a container runs as, in words; empty for root, or where the image says."""
    for context in (container.get("securityContext") or {}, spec.get("securityContext") or {}):
        if context.get("runAsUser"):
            return str(context["runAsUser"])
        if context.get("runAsUser") == 0:
            return ""
        if context.get("runAsNonRoot"):
            return "other than root"
    return ""


# PR308


def _old_image(container: _Container) -> Iterator[Finding]:
    image = str(container.manifest.get("image", ""))
    old = outdated(image)
    if old is None:
        return
    newer = image.rpartition(":")[0] + ":" + ("latest" if old.name == "the aws CLI" else f"v{old.least}")
    operation = {"op": "replace", "path": f"/spec/{container.kind}/{container.position}/image", "value": newer}
    yield Finding(
        "PR308",
        f"{_sentence(container)} runs a version of {old.name} that knows nothing of web identity tokens.",
        container.about("image"),
        Remedy("use a newer image", (PatchPods(container.pod.workload, (operation,)),)),
        expected=f"{old.name} {old.least} or newer",
        got=image,
    )


# PR309


def _credentials_file(container: _Container) -> Iterator[Finding]:
    found = _present(container, FILES)
    mounts = [
        (index, mount)
        for index, mount in enumerate(container.manifest.get("volumeMounts") or ())
        if _is_credentials(str(mount.get("mountPath", "")), str(mount.get("subPath", "")))
    ]
    if not found and not mounts:
        return
    changes: list[Change] = []
    if mounts:
        path = f"/spec/{container.kind}/{container.position}/volumeMounts"
        operations = tuple({"op": "remove", "path": f"{path}/{index}"} for index, _ in reversed(mounts))
        changes.append(PatchPods(container.pod.workload, operations))
    if found:
        changes += _unset(container, found)
    got = [one.name for one in found] + [f"a mount at {mount['mountPath']}" for _, mount in mounts]
    yield Finding(
        "PR309",
        f"{_sentence(container)} brings a credentials file of its own, which some SDKs (JavaScript, Rust, C++) use "
        "before the web identity token.",
        container.about("volumeMounts"),
        Remedy("take the file out", tuple(changes)),
        expected="no mounted ~/.aws",
        got=", ".join(got),
        severity=Severity.RISK,
    )


def _is_credentials(path: str, sub_path: str) -> bool:
    parts = posixpath.normpath(path).split("/")
    return ".aws" in parts or (parts[-1:] == ["credentials"] and sub_path == "credentials")


def _sentence(container: _Container) -> str:
    text = str(container)
    return text[0].upper() + text[1:]
