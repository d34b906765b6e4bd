"""Link 2: a pod that has another identity than its binding gives now, only part of it, or none."""

from __future__ import annotations

from dataclasses import replace

from podrole.base.events import Event
from podrole.cluster.admission.matching import RegisteredWebhook
from podrole.cluster.kinds.namespace import NAME_LABEL
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection, value_of
from podrole.doctor.facts.pods import PodFacts, containers
from podrole.doctor.facts.registered_webhooks import excluding_by_name, is_asked, is_identity_webhook
from podrole.doctor.links.injection import registration
from podrole.doctor.links.injection.common import about, name_of
from podrole.doctor.remedies.changes import ByHand, Change, Remedy, Restart
from podrole.doctor.remedies.restart import without_identity
from podrole.doctor.report.findings import Finding
from podrole.doctor.unknown import UnknownFact
from podrole.webhook.patch.injection_plan import CREDENTIALS

# A pod that carries another identity: PR208


def check_stale_identity(pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    """Return a finding if the pod has another role or audience than its service account names now."""
    identity = admitted.mutation.identity
    if identity.method != "sts_web_identity":
        return []
    role_name, token_file = CREDENTIALS[identity.method]
    change = Restart(pod.workload, without_identity(pod.manifest, admitted.plan))
    remedy = Remedy("create the pod again: its identity was fixed when it was created", (change,))
    for _, _, container in containers(pod.manifest):
        role = value_of(container, role_name)
        injected = value_of(container, token_file) == admitted.plan.credentials[1][1]
        if injected and role is not None and role != identity.role_arn:
            return [
                Finding(
                    "PR208",
                    f"{name_of(pod).capitalize()} has another role than its service account names now.",
                    about(pod, "spec"),
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
                f"The token of {name_of(pod)} has another audience than its service account names now.",
                about(pod, "spec", "volumes"),
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


def check_missing_identity(facts: ChainFacts, pod: PodFacts, admitted: PodInjection) -> list[Finding]:
    """Return why a pod has no identity, or only part of it."""
    restart = Restart(pod.workload)
    if admitted.has_parts:
        return [_undone(facts, pod, admitted)]
    registered = registration.check_registration(facts, pod.manifest)
    if facts.binding.identity is None:  # the binding's remedy creates the pods again
        return list(registered.findings)
    if registered.findings:
        return [replace(finding, remedy=finding.remedy.then(restart)) for finding in registered.findings]
    lacking = ", ".join(admitted.containers_without_identity)
    admission = _admission(facts, pod)
    made = pod.manifest["metadata"].get("creationTimestamp", "")
    bound_at, what = _bound_at(facts)
    why = ""
    if admission is not None:
        why = f" (admission at {made}: {admission.why})"
    elif registered.unknown and not bound_at:
        why = f" ({registered.unknown})"
    older = bound_at and made and made <= bound_at
    if older or (not bound_at and not _webhook_failed(admission)):
        times = f"created {made}" + (f", {what} {bound_at}" if bound_at else "")
        return [
            Finding(
                "PR207",
                f"{name_of(pod).capitalize()} was created before its service account had this role, and a pod's "
                f"identity is fixed when the pod is created{why}.",
                about(pod, "metadata"),
                Remedy("create the pod again", (restart,)),
                expected=f"variables and token in {lacking}",
                got=times,
            )
        ]
    return [
        Finding(
            "PR212",
            f"{name_of(pod).capitalize()} was admitted without its identity, though its service account had the role: "
            f"the webhook was not called, or did not answer{why}.",
            about(pod, "metadata"),
            Remedy("create the pod again, now that the webhook answers", (restart,)),
            expected=f"variables and token in {lacking}",
            got=f"created {made}, {what} {bound_at}" if bound_at else f"created {made}",
        )
    ]


def _bound_at(facts: ChainFacts) -> tuple[str, str]:
    """Return when the service account was bound to its role (RFC 3339), and how it was; empty if it is not known."""
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


def _admission(facts: ChainFacts, pod: PodFacts) -> Event | None:
    """Return the pod's admission in the world's event log."""
    where = f"{facts.target.namespace}/{pod.name}"
    admissions = (event for event in facts.log if event.kind == "admission" and event.on == where)
    return next((event for event in admissions if event.outcome == "allowed" and event.why), None)


def _webhook_failed(admission: Event | None) -> bool:
    """Say whether a webhook did not answer when the pod was admitted."""
    traces = () if admission is None else (admission.explanation or {}).get("webhooks", ())
    return any(trace.get("outcome") in ("failed", "failed open") for trace in traces)


def _undone(facts: ChainFacts, pod: PodFacts, admitted: PodInjection) -> Finding:
    labels = {NAME_LABEL: facts.target.namespace}
    if not isinstance(facts.service_account.namespace_labels, UnknownFact):
        labels |= facts.service_account.namespace_labels

    def asked(hook: RegisteredWebhook) -> bool:
        return is_asked(hook, pod.manifest, facts.target.namespace, labels).called

    hooks = [hook for hook in facts.webhook.known if asked(hook)]
    ours = next((hook for hook in hooks if is_identity_webhook(hook)), None)
    others = [hook for hook in hooks if not is_identity_webhook(hook)]
    culprits = [hook for hook in others if _changed(facts, pod, hook.configuration, hook.name)]
    names = ", ".join(culprit.name for culprit in culprits or others) or "another webhook"
    restart = Restart(pod.workload, without_identity(pod.manifest, admitted.plan))
    what, changes = f"exclude this namespace from {names}", list[Change]()
    if ours is not None and ours.webhook.get("reinvocationPolicy") != "IfNeeded":
        what = "have the API server call the identity webhook again"
        changes.append(registration.patch(facts, ours, "reinvocationPolicy", "IfNeeded"))
    elif culprits:
        for culprit in culprits:
            selector = excluding_by_name(culprit.webhook.get("namespaceSelector") or {}, facts.target.namespace)
            kept_away = replace(culprit, webhook={**culprit.webhook, "namespaceSelector": selector})
            changes.append(
                ByHand(f"exclude the pod from webhook {culprit.name} in {culprit.configuration}")
                if asked(kept_away)
                else registration.patch(facts, culprit, "namespaceSelector", selector)
            )
    else:
        what = "exclude the pod from the webhook that changes it"
        changes.append(ByHand(f"find out which webhook changes the pod ({names}), and exclude the pod from it"))
    lacking = ", ".join(admitted.containers_without_identity)
    return Finding(
        "PR211",
        f"{name_of(pod).capitalize()} has only part of what the webhook injects: {names} changed the pod after it.",
        about(pod, "spec"),
        Remedy(what, (*changes, restart)),
        expected=f"all of it, also in {lacking}",
        got=f"only the volume, a mount or a variable in {lacking}",
    )


def _changed(facts: ChainFacts, pod: PodFacts, configuration: str, name: str) -> bool:
    where = f"{facts.target.namespace}/{pod.name}"
    for event in facts.log:
        if event.kind == "admission" and event.on == where and event.explanation:
            traces = event.explanation.get("webhooks", [])
            return any(
                trace.get("configuration") == configuration
                and trace.get("webhook") == name
                and trace.get("outcome") == "mutated"
                for trace in traces
            )
    return False
