"""Link 2: the webhook is asked about the pods, and what it gives them is still there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podrole.doctor.facts.binding import annotations_of
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection, is_set, reads_own_token, value_of
from podrole.doctor.facts.pods import PodFacts, containers
from podrole.doctor.facts.registered_webhooks import is_asked, is_identity_webhook
from podrole.doctor.links import registration
from podrole.doctor.remedies.changes import Change, PatchObject, PatchPods, Remedy, Restart, SetEnvironment
from podrole.doctor.remedies.restart import without_identity
from podrole.doctor.report.findings import (
    About,
    Finding,
    Link,
    LinkVerdict,
    Severity,
    broken,
    holds,
    unknown,
    verdict_from,
)
from podrole.doctor.unknown import Unknown
from podrole.webhook.identity.annotations import SKIP_CONTAINERS
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import CREDENTIALS

LINK = Link.INJECTION


def check(facts: ChainFacts) -> LinkVerdict:
    """Say whether the pods have what the webhook gives them, and whether a new pod would."""
    identity = facts.identity
    if identity is None:
        return unknown(LINK, "Nothing binds the service account, so there is nothing to inject.")
    if isinstance(facts.pods, Unknown):
        return _set_up_alone(facts)
    admitted = [one for one in facts.pods if one.manifest.get("metadata", {}).get("uid")]
    findings = _tried(facts, identity)
    for pod in facts.pods:
        for finding in of_pod(facts, pod, identity):
            if finding not in findings:
                findings.append(finding)
    if not admitted and not any(one.severity is Severity.FAULT for one in findings):
        if facts.live is not None and isinstance(facts.live.admitted, dict):
            return verdict_from(LINK, "the cluster gives a new pod the identity, tried as a dry run", findings)
        alone = _set_up_alone(facts)
        return replace(alone, findings=(*alone.findings, *findings))
    if facts.binding.identity is None and not findings:
        return unknown(LINK, f"{_name(admitted[0])} was made while nothing bound its service account; it is made anew.")
    names = ", ".join(one.name for one in admitted[:3]) + (", …" if len(admitted) > 3 else "")
    return verdict_from(LINK, f"pod {names} has the variables, the token's volume and its mount", findings)


def _tried(facts: ChainFacts, identity: Identity) -> list[Finding]:
    """Return what a real try found: what the cluster made of a new pod."""
    made = None if facts.live is None else facts.live.admitted
    if made is None or facts.binding.identity is None:
        return []
    hooks = facts.webhook.known
    ours = next((one for one in hooks if is_identity_webhook(one)), None)
    if isinstance(made, Unknown):
        problem = made.what.partition("failed calling webhook")[2]
        if ours is None or ours.name not in problem:
            return []
        return [registration.unreachable(facts, ours, problem.partition(": ")[2])]
    if ours is None or not PodInjection.of(made, identity, facts.settings).containers_without_identity:
        return []
    return [
        Finding(
            "PR212",
            f"A new pod is let in without its identity (tried as a dry run): webhook {ours.name} was not asked, or did "
            "not answer.",
            About(registration.KIND, "", ours.configuration),
            Remedy(
                "see that the webhook answers, and have pods wait for it",
                (registration.patch(facts, ours, "failurePolicy", "Fail"),),
            ),
            expected="variables and token in the new pod",
            got=f"none (failurePolicy {ours.webhook.get('failurePolicy')})",
        )
    ]


def _set_up_alone(facts: ChainFacts) -> LinkVerdict:
    """Judge by the webhook's registration, where there is no pod to look at."""
    pods = facts.known_pods
    manifest = pods[0].manifest if pods else {"metadata": {}, "spec": {"containers": []}}
    set_up = registration.look(facts, manifest)
    if set_up.findings:
        return broken(LINK, *set_up.findings)
    if set_up.unknown:
        return unknown(LINK, set_up.unknown)
    return holds(LINK, f"a new pod is sent to webhook {set_up.webhook}, which gives it the identity")


def of_pod(facts: ChainFacts, pod: PodFacts, identity: Identity) -> list[Finding]:
    """Return what is wrong with one pod, or with the manifest of pods to come."""
    admitted = PodInjection.of(pod.manifest, identity, facts.settings)
    exists = bool(pod.manifest.get("metadata", {}).get("uid"))
    findings = _of_containers(facts, pod, admitted)
    if exists and admitted.containers_without_identity and not any(one.severity is Severity.FAULT for one in findings):
        findings = [*_without_identity(facts, pod, admitted), *findings]
    elif exists:
        findings += _stale(pod, admitted)
    return findings


# The containers: PR209, PR210, PR213


def _of_containers(facts: ChainFacts, pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    found: list[Finding] = []
    outcomes: dict[tuple[str, str], str] = {(one.kind, one.name): one.reason for one in admitted.mutation.containers}
    has_identity = any(
        one.reason in ("injected", "complete") for one in admitted.mutation.containers if one.kind == "containers"
    )
    for kind, position, container in containers(pod.manifest):
        reason = outcomes.get((kind, str(container.get("name", ""))))
        if reason == "skipped":
            found.append(_skipped(facts, pod, container, alone=has_identity))
        elif reason == "mount-path-taken":
            found.append(_place_taken(pod, admitted, kind, position, container))
        else:
            found += _own_variables(pod, admitted, kind, position, container)
    found += _volume_taken(pod, admitted)
    return found


def _skipped(facts: ChainFacts, pod: PodFacts, container: Mapping[str, Any], *, alone: bool) -> Finding:
    key = SKIP_CONTAINERS.key(facts.settings.annotation_prefix)
    name = container.get("name", "")
    listed = [one.strip() for one in (annotations_of(pod.manifest).get(key) or "").split(",")]
    kept = ",".join(one for one in listed if one != name)
    pointer = f"/metadata/annotations/{_escaped(key)}"
    operation = {"op": "replace", "path": pointer, "value": kept} if kept else {"op": "remove", "path": pointer}
    return Finding(
        "PR209",
        f"Container {name!r} of {_name(pod)} gets no identity: the pod's annotation asks to skip it.",
        _about(pod, "metadata", "annotations", key),
        Remedy(
            "take the container out of the annotation, unless it is meant", (PatchPods(pod.workload, (operation,)),)
        ),
        expected=f"no {name!r} in {key}",
        got=repr(annotations_of(pod.manifest).get(key)),
        severity=Severity.RISK if alone else Severity.FAULT,
    )


def _place_taken(
    pod: PodFacts, admitted: PodInjection, kind: str, position: int, container: Mapping[str, Any]
) -> Finding:
    mounts = list(enumerate(container.get("volumeMounts") or ()))
    path = admitted.plan.mount_path
    taken = [index for index, one in mounts if str(one.get("mountPath", "")).rstrip("/") == path]
    operations = tuple(
        {"op": "remove", "path": f"/spec/{kind}/{position}/volumeMounts/{index}"} for index in taken[::-1]
    )
    volume = next((one.get("name") for index, one in mounts if index in taken), "")
    return Finding(
        "PR213",
        f"Container {container.get('name')!r} of {_name(pod)} mounts volume {volume!r} where the token belongs.",
        _about(pod, "spec", kind, str(position), "volumeMounts"),
        Remedy("mount it elsewhere, or not at all", (PatchPods(pod.workload, operations),)),
        expected=f"nothing else at {path}",
        got=f"volume {volume!r} at {path}",
    )


def _volume_taken(pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    """Find a volume of the pod's own under the name of the token's volume, that holds no such token."""
    warning = next((one for one in admitted.mutation.warnings if "has its own volume" in one), None)
    if warning is None or "another audience" in warning:
        return []
    name = admitted.plan.volume_name
    return [
        Finding(
            "PR213",
            f"{_name(pod).capitalize()} has a volume of its own under the name of the token's volume, {name!r}.",
            _about(pod, "spec", "volumes"),
            Remedy(
                "give that volume another name, or take it out",
                (PatchPods(pod.workload, without_identity(pod.manifest, admitted.plan)),),
            ),
            expected=f"no volume {name!r}, or one with the token",
            got=f"volume {name!r} without the token",
        )
    ]


def _own_variables(
    pod: PodFacts, admitted: PodInjection, kind: str, position: int, container: dict[str, Any]
) -> list[Finding]:
    """Find variables of the identity that somebody set by hand."""
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
    # Both go: one alone keeps the webhook from giving either.
    unset: dict[str, str | None] = dict.fromkeys(own)
    change: Change = SetEnvironment(pod.workload, name, unset)
    shown = ", ".join(f"{one}={value_of(container, one) or '…'}" for one in by_hand)
    return [
        Finding(
            "PR210",
            f"Container {name!r} of {_name(pod)} sets {' and '.join(by_hand)} by hand, so the webhook gives it none.",
            _about(pod, "spec", kind, str(position), "env"),
            Remedy("leave these variables to the webhook", (change,)),
            expected=" and ".join(f"{one} not set" for one in by_hand),
            got=shown,
            severity=Severity.RISK if works and both else Severity.FAULT,
        )
    ]


def _is_injected_role(container: dict[str, Any], admitted: PodInjection, by_hand: list[str]) -> bool:
    """Say whether the role stands beside our token's file: then a webhook wrote it, by a binding of that time."""
    role, token_file = (name for name, _ in admitted.plan.credentials)
    return by_hand == [role] and value_of(container, token_file) == admitted.plan.credentials[1][1]


# A pod that carries another identity: PR208


def _stale(pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    identity = admitted.mutation.identity
    if identity.method != "sts_web_identity":
        return []
    role_name, token_file = CREDENTIALS[identity.method]
    change = Restart(pod.workload, without_identity(pod.manifest, admitted.plan))
    remedy = Remedy("make the pod anew: what a pod has is fixed when it is made", (change,))
    for _, _, container in containers(pod.manifest):
        role = value_of(container, role_name)
        injected = value_of(container, token_file) == admitted.plan.credentials[1][1]
        if injected and role is not None and role != identity.role_arn:
            return [
                Finding(
                    "PR208",
                    f"{_name(pod).capitalize()} carries another role than its service account names now.",
                    _about(pod, "spec"),
                    remedy,
                    expected=identity.role_arn,
                    got=role,
                )
            ]
    audience = _injected_audience(admitted)
    if audience is not None and audience != identity.audience:
        return [
            Finding(
                "PR208",
                f"The token of {_name(pod)} is for another audience than its service account says now.",
                _about(pod, "spec", "volumes"),
                remedy,
                expected=repr(identity.audience),
                got=repr(audience),
            )
        ]
    return []


def _injected_audience(admitted: PodInjection) -> str | None:
    for volume in (admitted.manifest.get("spec") or {}).get("volumes") or ():
        if volume.get("name") != admitted.plan.volume_name:
            continue
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token is not None and token.get("path") == admitted.plan.token_path:
                return str(token.get("audience") or "")
    return None


# A pod without its identity: PR201 to PR207, PR211, PR212


def _without_identity(facts: ChainFacts, pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    restart = Restart(pod.workload)
    if admitted.has_parts:
        return [_undone(facts, pod, admitted)]
    set_up = registration.look(facts, pod.manifest)
    if facts.binding.identity is None:  # the binding's remedy makes the pods anew
        return list(set_up.findings)
    if set_up.findings:
        return [replace(one, remedy=one.remedy.then(restart)) for one in set_up.findings]
    lacking = ", ".join(admitted.containers_without_identity)
    told = _told_at_admission(facts, pod)
    made = pod.manifest["metadata"].get("creationTimestamp", "")
    bound_at, what = _bound_at(facts)
    why = f" ({set_up.unknown})" if set_up.unknown and not bound_at and not told else f" ({told})" if told else ""
    older = bound_at and made and made <= bound_at
    if older or (not bound_at and "failed" not in told):
        times = f"made {made}" + (f", {what} {bound_at}" if bound_at else "")
        return [
            Finding(
                "PR207",
                f"{_name(pod).capitalize()} was made before its service account had this role, and a pod's identity "
                f"is fixed when it is made{why}.",
                _about(pod, "metadata"),
                Remedy("make the pod anew", (restart,)),
                expected=f"variables and token in {lacking}",
                got=times,
            )
        ]
    return [
        Finding(
            "PR212",
            f"{_name(pod).capitalize()} was let in without its identity, though its service account had the role: "
            f"the webhook was not asked, or did not answer{why}.",
            _about(pod, "metadata"),
            Remedy("make the pod anew, now that the webhook answers", (restart,)),
            expected=f"variables and token in {lacking}",
            got=f"made {made}, {what} {bound_at}" if bound_at else f"made {made}",
        )
    ]


def _bound_at(facts: ChainFacts) -> tuple[str, str]:
    """Return when the service account was last known to be bound, RFC 3339, and by what that is known."""
    account = facts.service_account.manifest if isinstance(facts.service_account.manifest, dict) else {}
    metadata = account.get("metadata", {})
    wanted = f"f:{facts.rules.role_annotation}"
    times = [
        str(entry.get("time", ""))
        for entry in metadata.get("managedFields") or ()
        if wanted in ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:annotations", {})
    ]
    if times:
        return max(times), "annotated"
    return "", ""


def _told_at_admission(facts: ChainFacts, pod: PodFacts) -> str:
    """Return what the world's event log tells of the pod's admission."""
    where = f"{facts.target.namespace}/{pod.name}"
    made = pod.manifest["metadata"].get("creationTimestamp", "")
    for event in facts.log:
        if event.kind == "admission" and event.on == where and event.outcome == "allowed" and event.why:
            return f"its admission at {made}: {event.why}"
    return ""


def _undone(facts: ChainFacts, pod: PodFacts, admitted: PodInjection) -> Finding:
    hooks = facts.webhook.known
    labels = (
        {} if isinstance(facts.service_account.namespace_labels, Unknown) else facts.service_account.namespace_labels
    )
    asked = [one for one in hooks if is_asked(one, pod.manifest, facts.target.namespace, labels).called]
    ours = next((one for one in asked if is_identity_webhook(one)), None)
    others = [one for one in asked if not is_identity_webhook(one)]
    culprits = [one for one in others if _changed(facts, pod, one.configuration, one.name)] or others
    restart = Restart(pod.workload, without_identity(pod.manifest, admitted.plan))
    changes: list[Change] = []
    if ours is not None and ours.webhook.get("reinvocationPolicy") != "IfNeeded":
        changes.append(registration.patch(facts, ours, "reinvocationPolicy", "IfNeeded"))
    else:
        changes += [_keep_away(facts, one.configuration, one.name) for one in culprits]
    names = ", ".join(one.name for one in culprits) or "something"
    lacking = ", ".join(admitted.containers_without_identity)
    return Finding(
        "PR211",
        f"{_name(pod).capitalize()} has only part of what the webhook gives: {names} changed the pod after it.",
        _about(pod, "spec"),
        Remedy(
            "have the identity webhook look again" if changes and ours is not None
            and ours.webhook.get("reinvocationPolicy") != "IfNeeded" else f"keep {names} away from this namespace",
            (*changes, restart),
        ),
        expected=f"all of it, in {lacking} too",
        got=f"the volume, a mount or a variable, but not all in {lacking}",
    )  # fmt: skip


def _changed(facts: ChainFacts, pod: PodFacts, configuration: str, name: str) -> bool:
    where = f"{facts.target.namespace}/{pod.name}"
    for event in facts.log:
        if event.kind == "admission" and event.on == where and event.explanation:
            traces = event.explanation.get("webhooks", [])
            return any(
                one.get("configuration") == configuration
                and one.get("webhook") == name
                and one.get("outcome") == "mutated"
                for one in traces
            )
    return False


def _keep_away(facts: ChainFacts, configuration: str, name: str) -> PatchObject:
    hooks = facts.webhook.known
    index, hook = next(
        (index, one)
        for index, one in enumerate(one for one in hooks if one.configuration == configuration)
        if one.name == name
    )
    selector = hook.webhook.get("namespaceSelector") or {}
    away = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [facts.target.namespace]}
    value = {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), away]}
    operation = {"op": "add", "path": f"/webhooks/{index}/namespaceSelector", "value": value}
    return PatchObject("MutatingWebhookConfiguration", "", configuration, (operation,))


def _name(pod: PodFacts) -> str:
    return f"pod {pod.name}"


def _about(pod: PodFacts, *path: str) -> About:
    kind = pod.workload.kind if not pod.manifest.get("metadata", {}).get("uid") else "Pod"
    name = pod.workload.name if kind != "Pod" else pod.name
    prefix = pod.workload.template if kind != "Pod" else ()
    return About(kind, pod.workload.namespace, name, (*prefix, *path))


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
