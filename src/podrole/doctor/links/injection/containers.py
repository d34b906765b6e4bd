"""Link 2: the containers that the webhook does not change, and why."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from podrole.doctor.facts.binding import annotations_of
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection, is_set, reads_own_token, value_of
from podrole.doctor.facts.pods import PodFacts, containers
from podrole.doctor.links.injection.common import about, name_of
from podrole.doctor.remedies.changes import Change, PatchPods, Remedy, SetEnvironment, json_pointer
from podrole.doctor.remedies.restart import without_identity
from podrole.doctor.report.findings import Finding, Severity
from podrole.webhook.identity.annotations import SKIP_CONTAINERS
from podrole.webhook.patch.injection_plan import CREDENTIALS

# The containers: PR209, PR210, PR213


def check_containers(facts: ChainFacts, pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    """Return the containers and volumes of a pod that prevent the injection."""
    findings: list[Finding] = []
    outcomes: dict[tuple[str, str], str] = {
        (outcome.kind, outcome.name): outcome.reason for outcome in admitted.mutation.containers
    }
    for kind, position, container in containers(pod.manifest):
        reason = outcomes.get((kind, str(container.get("name", ""))))
        if reason == "skipped":
            findings.append(_skipped(facts, pod, container))
        elif reason == "mount-path-taken":
            findings.append(_place_taken(pod, admitted, kind, position, container))
        else:
            findings += _own_variables(facts, pod, admitted, kind, position, container)
    findings += _volume_taken(pod, admitted)
    return findings


def _skipped(facts: ChainFacts, pod: PodFacts, container: Mapping[str, Any]) -> Finding:
    """Return what the pod's author decided: worth knowing, but not a fault."""
    key = SKIP_CONTAINERS.key(facts.settings.annotation_prefix)
    name = container.get("name", "")
    listed = [entry.strip() for entry in (annotations_of(pod.manifest).get(key) or "").split(",")]
    kept = ",".join(entry for entry in listed if entry != name)
    pointer = json_pointer("metadata", "annotations", key)
    operation = {"op": "replace", "path": pointer, "value": kept} if kept else {"op": "remove", "path": pointer}
    return Finding(
        "PR209",
        f"Container {name!r} of {name_of(pod)} gets no identity: an annotation of the pod skips it.",
        about(pod, "metadata", "annotations", key),
        Remedy(
            "remove the container from the annotation, unless it should be skipped",
            (PatchPods(pod.workload, (operation,)),),
        ),
        expected=f"no {name!r} in {key}",
        got=repr(annotations_of(pod.manifest).get(key)),
        severity=Severity.RISK,
    )


def _place_taken(
    pod: PodFacts, admitted: PodInjection, kind: str, position: int, container: Mapping[str, Any]
) -> Finding:
    mounts = list(enumerate(container.get("volumeMounts") or ()))
    path = admitted.plan.mount_path
    taken = [index for index, mount in mounts if str(mount.get("mountPath", "")).rstrip("/") == path]
    operations = tuple(
        {"op": "remove", "path": f"/spec/{kind}/{position}/volumeMounts/{index}"} for index in taken[::-1]
    )
    volume = next((mount.get("name") for index, mount in mounts if index in taken), "")
    return Finding(
        "PR213",
        f"Container {container.get('name')!r} of {name_of(pod)} mounts volume {volume!r} at the token's path.",
        about(pod, "spec", kind, str(position), "volumeMounts"),
        Remedy("mount the volume at another path, or remove the mount", (PatchPods(pod.workload, operations),)),
        expected=f"no other mount at {path}",
        got=f"volume {volume!r} at {path}",
    )


def _volume_taken(pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    """Return a finding if the pod's own volume, without the token, has the name of the token's volume."""
    if not admitted.has_own_volume:
        return []
    name = admitted.plan.volume_name
    return [
        Finding(
            "PR213",
            f"{name_of(pod).capitalize()} has its own volume with the name of the token's volume, {name!r}.",
            about(pod, "spec", "volumes"),
            Remedy(
                "rename that volume, or remove it",
                (PatchPods(pod.workload, without_identity(pod.manifest, admitted.plan)),),
            ),
            expected=f"no volume {name!r}, or a volume with the token",
            got=f"volume {name!r} without the token",
        )
    ]


def _own_variables(
    facts: ChainFacts, pod: PodFacts, admitted: PodInjection, kind: str, position: int, container: dict[str, Any]
) -> list[Finding]:
    """Return a finding if the container's manifest sets variables of the identity."""
    offered = dict(admitted.plan.credentials)
    own = [name for name in offered if is_set(container, name)]
    by_hand = [name for name in own if len(own) < len(offered) or value_of(container, name) != offered[name]]
    token_file = CREDENTIALS[admitted.mutation.identity.method][1]
    if not by_hand or _is_injected_role(container, admitted, by_hand):
        return []
    own_file = value_of(container, token_file)
    works = own_file is not None and reads_own_token(admitted.pod, container, own_file) is not None
    both = len(own) == len(offered)
    name = str(container.get("name", ""))
    # Remove both: if one is left, the webhook injects neither.
    unset: dict[str, str | None] = dict.fromkeys(own)
    changes: list[Change] = [SetEnvironment(pod.workload, name, unset)]
    if _outcome_without(own, facts, admitted, kind, position) == "mount-path-taken":
        changes += _place_taken(pod, admitted, kind, position, container).remedy.changes
    shown = ", ".join(f"{variable}={value_of(container, variable) or '…'}" for variable in by_hand)
    return [
        Finding(
            "PR210",
            f"Container {name!r} of {name_of(pod)} sets {' and '.join(by_hand)} itself, so the webhook injects no "
            "identity.",
            about(pod, "spec", kind, str(position), "env"),
            Remedy("remove these variables, so that the webhook sets them", tuple(changes)),
            expected=" and ".join(f"{variable} not set" for variable in by_hand),
            got=shown,
            severity=Severity.RISK if works and both else Severity.FAULT,
        )
    ]


def _outcome_without(names: list[str], facts: ChainFacts, admitted: PodInjection, kind: str, position: int) -> str:
    """Return what the webhook would do with a container that does not set these variables."""
    manifest = copy.deepcopy(admitted.manifest)
    container = manifest["spec"][kind][position]
    container["env"] = [entry for entry in container.get("env") or () if entry.get("name") not in names]
    changed = PodInjection.of(manifest, admitted.mutation.identity, facts.settings)
    return next(
        outcome.reason
        for outcome in changed.mutation.containers
        if (outcome.kind, outcome.name) == (kind, str(container.get("name", "")))
    )


def _is_injected_role(container: dict[str, Any], admitted: PodInjection, by_hand: list[str]) -> bool:
    """Say whether the webhook wrote the role by an earlier binding: the token file beside it is the webhook's."""
    role, token_file = (name for name, _ in admitted.plan.credentials)
    return by_hand == [role] and value_of(container, token_file) == admitted.plan.credentials[1][1]
