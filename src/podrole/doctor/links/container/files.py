"""Link 3: files of a container: its token file, its image, and its own credentials file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.containers import ContainerFacts, containers_of
from podrole.doctor.facts.injection import PodInjection
from podrole.doctor.facts.pods import PodFacts, containers
from podrole.doctor.links.container.common import about, present, sentence, unset
from podrole.doctor.links.container.images import outdated
from podrole.doctor.remedies.changes import Change, PatchPods, Remedy
from podrole.doctor.report.findings import About, Finding, Severity
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.pod import token_in

FILES = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
_READ_BY_OTHERS = 0o044


def check_files(container: ContainerFacts) -> Iterator[Finding]:
    """Yield what is wrong with a container's image and its mounts."""
    yield from _old_image(container)
    yield from _credentials_file(container)


# PR307


def check_token_file(facts: ChainFacts, identity: Identity, pod: PodFacts) -> Iterator[Finding]:
    """Find token files that the container's user cannot read (PR307)."""
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
        for container in containers_of(pod):
            user = _user(spec, container.manifest)
            if user:
                path = f"/spec/volumes/{index}/projected/defaultMode"
                workload = pod.workload
                yield Finding(
                    "PR307",
                    f"{sentence(container)} cannot read its token: only root can read the file, and the container "
                    "runs as "
                    f"{user}.",
                    About(
                        workload.kind, workload.namespace, workload.name, (*workload.template, "spec", "volumes", index)
                    ),
                    Remedy(
                        "allow other users to read the file", (PatchPods(workload, ({"op": "remove", "path": path},)),)
                    ),
                    expected="mode 0644, or an fsGroup",
                    got=f"mode {mode:04o} and no fsGroup",
                )


def _holds_token(admitted: PodInjection, name: str) -> bool:
    spec = admitted.pod.spec
    volumes = (
        [] if spec is None else [volume for volume in spec.volumes or () if volume is not None and volume.name == name]
    )
    return any(token_in(volume, admitted.plan.token_path) is not None for volume in volumes)


def _has_one_user(pod: PodFacts) -> bool:
    """Say whether all containers run as the same user: then the kubelet makes that user the file's owner."""
    spec = pod.manifest.get("spec") or {}
    of_pod = (spec.get("securityContext") or {}).get("runAsUser")
    users = {
        (container.get("securityContext") or {}).get("runAsUser", of_pod)
        for _, _, container in containers(pod.manifest)
    }
    return len(users) == 1 and None not in users


def _user(spec: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Return the user that a container runs as, in words; empty for root, or if the image decides."""
    for context in (container.get("securityContext") or {}, spec.get("securityContext") or {}):
        if context.get("runAsUser"):
            return f"user {context['runAsUser']}"
        if context.get("runAsUser") == 0:
            return ""
        if context.get("runAsNonRoot"):
            return "a user other than root"
    return ""


# PR308


def _old_image(container: ContainerFacts) -> Iterator[Finding]:
    image = str(container.manifest.get("image", ""))
    old = outdated(image)
    if old is None:
        return
    newer = image.rpartition(":")[0] + ":" + ("latest" if old.name == "the aws CLI" else f"v{old.least}")
    operation = {"op": "replace", "path": f"/spec/{container.kind}/{container.position}/image", "value": newer}
    yield Finding(
        "PR308",
        f"{sentence(container)} runs a version of {old.name} that does not support web identity tokens.",
        about(container, "image"),
        Remedy("use a newer image", (PatchPods(container.pod.workload, (operation,)),)),
        expected=f"{old.name} {old.least} or newer",
        got=image,
    )


# PR309


def _credentials_file(container: ContainerFacts) -> Iterator[Finding]:
    variables = present(container, FILES)
    mounts = [
        (index, mount)
        for index, mount in enumerate(container.manifest.get("volumeMounts") or ())
        if _is_credentials(str(mount.get("mountPath", "")), str(mount.get("subPath", "")))
    ]
    if not variables and not mounts:
        return
    changes: list[Change] = []
    if mounts:
        path = f"/spec/{container.kind}/{container.position}/volumeMounts"
        operations = tuple({"op": "remove", "path": f"{path}/{index}"} for index, _ in reversed(mounts))
        changes.append(PatchPods(container.pod.workload, operations))
    if variables:
        changes += unset(container, variables)
    got = [variable.name for variable in variables] + [f"a mount at {mount['mountPath']}" for _, mount in mounts]
    yield Finding(
        "PR309",
        f"{sentence(container)} has its own credentials file, which some SDKs (JavaScript, Rust, C++) use before the "
        "web "
        "identity token.",
        about(container, "volumeMounts"),
        Remedy("remove the file", tuple(changes)),
        expected="no mounted ~/.aws",
        got=", ".join(got),
        severity=Severity.RISK,
    )


def _is_credentials(path: str, sub_path: str) -> bool:
    parts = posixpath.normpath(path).split("/")
    return ".aws" in parts or (parts[-1:] == ["credentials"] and sub_path == "credentials")
