"""Link 2: the webhook is called for the pods, and the pods still have what it injected."""

from __future__ import annotations

from dataclasses import replace

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection
from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.facts.registered_webhooks import is_identity_webhook
from podrole.doctor.links.injection import registration
from podrole.doctor.links.injection.common import name_of
from podrole.doctor.links.injection.containers import check_containers
from podrole.doctor.links.injection.identity import check_missing_identity, check_stale_identity
from podrole.doctor.remedies.changes import Remedy
from podrole.doctor.report.findings import (
    About,
    Finding,
    Link,
    LinkVerdict,
    Severity,
    holds,
    unknown,
    verdict_from,
)
from podrole.doctor.unknown import UnknownFact
from podrole.webhook.identity.binding import Identity

LINK = Link.INJECTION


def check(facts: ChainFacts) -> LinkVerdict:
    """Check that the pods have what the webhook injects, and that a new pod would get it."""
    identity = facts.identity
    if identity is None:
        return unknown(LINK, "The service account is not bound to a role, so there is nothing to inject.")
    if isinstance(facts.pods, UnknownFact):
        return _check_registration_alone(facts)
    admitted = [pod for pod in facts.pods if pod.manifest.get("metadata", {}).get("uid")]
    findings = _check_dry_run(facts, identity)
    for pod in facts.pods:
        for finding in of_pod(facts, pod, identity):
            if finding not in findings:
                findings.append(finding)
    if not admitted and not any(finding.severity is Severity.FAULT for finding in findings):
        if facts.live is not None and isinstance(facts.live.admitted, dict):
            return verdict_from(LINK, "the cluster gives a new pod the identity (dry run)", findings)
        alone = _check_registration_alone(facts)
        return replace(alone, findings=(*alone.findings, *findings))
    if facts.binding.identity is None and not findings:
        return unknown(
            LINK,
            f"{name_of(admitted[0]).capitalize()} was created before its service account was bound to a role; create "
            "it again.",
        )
    names = ", ".join(pod.name for pod in admitted[:3]) + (", …" if len(admitted) > 3 else "")
    if any(finding.code in ("PR204", "PR209") for finding in findings):
        return verdict_from(
            LINK, f"pod {names} has what its own labels and annotations leave of the identity", findings
        )
    return verdict_from(LINK, f"pod {names} has the variables, the token's volume and its mount", findings)


def _check_dry_run(facts: ChainFacts, identity: Identity) -> list[Finding]:
    """Return what is wrong with a new pod that the cluster admitted as a dry run (``--live``)."""
    made = None if facts.live is None else facts.live.admitted
    if made is None or facts.binding.identity is None:
        return []
    hooks = facts.webhook.known
    ours = next((hook for hook in hooks if is_identity_webhook(hook)), None)
    if isinstance(made, UnknownFact):
        problem = made.what.partition("failed calling webhook")[2]
        if ours is None or ours.name not in problem:
            return []
        return [registration.unreachable(facts, ours, problem.partition(": ")[2])]
    if ours is None or not PodInjection.of(made, identity, facts.settings).containers_without_identity:
        return []
    return [
        Finding(
            "PR212",
            f"A new pod is admitted without its identity (dry run): webhook {ours.name} was not called, or did not "
            "answer.",
            About(registration.KIND, "", ours.configuration),
            Remedy(
                "check that the webhook answers, and reject pods while it does not",
                (registration.patch(facts, ours, "failurePolicy", "Fail"),),
            ),
            expected="variables and token in the new pod",
            got=f"neither (failurePolicy {ours.webhook.get('failurePolicy')})",
        )
    ]


def _check_registration_alone(facts: ChainFacts) -> LinkVerdict:
    """Check the webhook's registration alone, if there is no pod."""
    pods = facts.known_pods
    manifest = pods[0].manifest if pods else {"metadata": {}, "spec": {"containers": []}}
    registered = registration.check_registration(facts, manifest)
    if registered.findings:
        return verdict_from(LINK, "pods like these decline the identity with their labels", list(registered.findings))
    if registered.unknown:
        return unknown(LINK, registered.unknown)
    return holds(LINK, f"the API server calls webhook {registered.webhook} for a new pod")


def of_pod(facts: ChainFacts, pod: PodFacts, identity: Identity) -> list[Finding]:
    """Return what is wrong with one pod, or with the manifest of pods that a workload will create."""
    admitted = PodInjection.of(pod.manifest, identity, facts.settings)
    exists = bool(pod.manifest.get("metadata", {}).get("uid"))
    findings = check_containers(facts, pod, admitted)
    if (
        exists
        and admitted.containers_without_identity
        and not any(finding.severity is Severity.FAULT for finding in findings)
    ):
        findings = [*check_missing_identity(facts, pod, admitted), *findings]
    elif exists:
        findings += check_stale_identity(pod, admitted)
    return findings
