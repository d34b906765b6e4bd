"""The webhook's registration: whether the API server calls it for a new pod, and can reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.admission.matching import NAMESPACE_NOT_SELECTED, NO_RULE, OBJECT_NOT_SELECTED, RegisteredWebhook
from podrole.cluster.kinds.namespace import NAME_LABEL
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.registered_webhooks import (
    WITHOUT_LABEL,
    is_asked,
    is_identity_webhook,
    labels_meeting,
    selecting_by_name,
    unmet_requirements,
)
from podrole.doctor.remedies.changes import Apply, ByHand, Change, Label, PatchObject, PatchPods, Remedy, json_pointer
from podrole.doctor.report.findings import About, Finding, Severity
from podrole.doctor.sources.cluster import Object, Workload
from podrole.doctor.unknown import UnknownFact

KIND = "MutatingWebhookConfiguration"
_RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
# Parts of the API server's own text (Go's crypto/x509 and crypto/tls); there is no other sign of the cause.
_OF_CERTIFICATE = ("x509:", "tls:", "caBundle")


@dataclass(frozen=True, slots=True)
class RegistrationCheck:
    """``findings`` are why a new pod would get no identity, ``unknown`` is what could not be checked.

    ``webhook`` is the name of the webhook that is called.
    """

    findings: tuple[Finding, ...] = ()
    unknown: str = ""
    webhook: str = ""


def check_registration(facts: ChainFacts, pod: Object) -> RegistrationCheck:
    """Check whether the API server calls the identity webhook for a new pod like ``pod``, and can reach it."""
    if isinstance(facts.webhook.registered, UnknownFact):
        return RegistrationCheck(unknown=f"The registered webhooks could not be read: {facts.webhook.registered.what}")
    hooks = [hook for hook in facts.webhook.registered if is_identity_webhook(hook)]
    if not hooks:
        return RegistrationCheck((_not_registered(facts),))
    if isinstance(facts.service_account.namespace_labels, UnknownFact):
        return RegistrationCheck(
            unknown=f"The namespace could not be read: {facts.service_account.namespace_labels.what}"
        )
    decisions = [
        (hook, is_asked(hook, pod, facts.target.namespace, facts.service_account.namespace_labels)) for hook in hooks
    ]
    asked = [hook for hook, decision in decisions if decision.called]
    if not asked:
        hook, decision = max(decisions, key=lambda each: each[1].rules_match)
        return RegistrationCheck((_not_asked(facts, hook, decision.why, pod),))
    return _reached(facts, asked[0])


def broken_webhooks(facts: ChainFacts) -> tuple[Finding, ...]:
    """Return what is wrong with the identity webhooks themselves, whichever pods they are for."""
    hooks = [hook for hook in facts.webhook.known if is_identity_webhook(hook)]
    return tuple(finding for hook in hooks for finding in _reached(facts, hook).findings)


def patch(facts: ChainFacts, hook: RegisteredWebhook, member: str, value: Any) -> PatchObject:
    """Return the change that sets one member of a registered webhook."""
    operation = {"op": "add", "path": f"/webhooks/{_index(facts, hook)}/{member}", "value": value}
    return PatchObject(KIND, "", hook.configuration, (operation,))


def _index(facts: ChainFacts, hook: RegisteredWebhook) -> int:
    hooks = facts.webhook.known
    return [known.name for known in hooks if known.configuration == hook.configuration].index(hook.name)


def _about(hook: RegisteredWebhook, *path: str) -> About:
    return About(KIND, "", hook.configuration, ("webhooks", hook.name, *path))


# PR201


def _not_registered(facts: ChainFacts) -> Finding:
    registration = facts.environment.registration
    changes: tuple[Change, ...] = (ByHand("install the webhook: see docs/webhook.md"),)
    if registration is not None:
        changes = (Apply(registration),)
    others = facts.webhook.known
    return Finding(
        "PR201",
        "The cluster has no webhook that gives pods their AWS identity.",
        About(KIND, "", "pod-identity-webhook"),
        Remedy("register the webhook", changes),
        expected="a MutatingWebhookConfiguration such as pod-identity-webhook",
        got=", ".join(sorted({other.configuration for other in others})) or "no webhook",
    )


# PR202, PR203, PR204


def _not_asked(facts: ChainFacts, hook: RegisteredWebhook, why: str, pod: Object) -> Finding:
    labels = (
        {}
        if isinstance(facts.service_account.namespace_labels, UnknownFact)
        else facts.service_account.namespace_labels
    )
    if why == NAMESPACE_NOT_SELECTED:
        selector = hook.webhook["namespaceSelector"]
        missed = unmet_requirements(selector, labels)
        return Finding(
            "PR203",
            f"The API server does not call webhook {hook.name} for pods of namespace {facts.target.namespace}: the "
            "webhook's namespaceSelector excludes it.",
            _about(hook, "namespaceSelector"),
            Remedy("have the selector include the namespace", _selecting_namespace(facts, hook, labels)),
            expected="; ".join(map(_in_words, missed)),
            got=_labels(labels),
        )
    if why == OBJECT_NOT_SELECTED:
        own = pod.get("metadata", {}).get("labels") or {}
        missed = unmet_requirements(hook.webhook["objectSelector"], own)
        return Finding(
            "PR204",
            f"The API server does not call webhook {hook.name} for this pod: the webhook's objectSelector excludes it.",
            _about(hook, "objectSelector"),
            Remedy("give the pod labels that the selector includes", _selecting_pod(facts, hook, missed, own)),
            expected="; ".join(map(_in_words, missed)),
            got=_labels(own),
            # A label that the selector excludes is how the pod's author declines the identity.
            severity=Severity.RISK if all(part["operator"] in WITHOUT_LABEL for part in missed) else Severity.FAULT,
        )
    rules = hook.webhook.get("rules") or []
    return Finding(
        "PR202",
        f"The API server does not call webhook {hook.name} when a pod is created: none of its rules includes that.",
        _about(hook, "rules"),
        Remedy("add the rule", (patch(facts, hook, "rules", [*rules, *_RULES]),)),
        expected="a rule for CREATE of pods in API group '', version v1",
        got="; ".join(_rule(rule) for rule in rules) or f"no rule ({NO_RULE})",
    )


def _selecting_namespace(facts: ChainFacts, hook: RegisteredWebhook, own: Mapping[str, str]) -> tuple[Change, ...]:
    """Return a change of the selector where it excludes the namespace by name, and labels for what else it requires.
    A requirement of the selector that concerns other namespaces stays."""
    selector, namespace = hook.webhook["namespaceSelector"], facts.target.namespace
    wanted = selecting_by_name(selector, namespace)
    labels = None if wanted is None else labels_meeting(wanted, {NAME_LABEL: namespace, **own})
    if wanted is None or labels is None or NAME_LABEL in labels:
        return (_by_hand(hook, "namespaceSelector"),)
    changes: list[Change] = [] if wanted == selector else [patch(facts, hook, "namespaceSelector", wanted)]
    return (*changes, Label("Namespace", "", namespace, labels)) if labels else tuple(changes)


def _selecting_pod(
    facts: ChainFacts, hook: RegisteredWebhook, missed: list[Mapping[str, Any]], own: Mapping[str, str]
) -> tuple[Change, ...]:
    pods = facts.known_pods
    labels = labels_meeting(hook.webhook["objectSelector"], own)
    if labels is None:
        return (_by_hand(hook, "objectSelector"),)
    operations: list[dict[str, Any]] = [] if own else [{"op": "add", "path": "/metadata/labels", "value": {}}]
    for key, value in labels.items():
        path = json_pointer("metadata", "labels", key)
        operations.append(
            {"op": "remove", "path": path} if value is None else {"op": "add", "path": path, "value": value}
        )
    if not pods:
        wanted = ", ".join(map(_in_words, missed))
        return (ByHand(f"give the pods of this service account these labels: {wanted}"),)
    workloads: list[Workload] = []
    for pod in pods:
        if pod.workload not in workloads:
            workloads.append(pod.workload)
    return tuple(PatchPods(workload, tuple(operations)) for workload in workloads)


def _by_hand(hook: RegisteredWebhook, member: str) -> ByHand:
    what = "namespace" if member == "namespaceSelector" else "pod"
    return ByHand(f"change the {member} of webhook {hook.name} in {hook.configuration}: no labels of a {what} meet it")


def _in_words(part: Mapping[str, Any]) -> str:
    values = part.get("values") or []
    match part["operator"]:
        case "In":
            return f"label {part['key']} is {' or '.join(values)}"
        case "NotIn":
            return f"label {part['key']} is not {' or '.join(values)}"
        case "Exists":
            return f"label {part['key']} is set"
        case _:
            return f"label {part['key']} is not set"


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"


def _rule(rule: Mapping[str, Any]) -> str:
    return f"{','.join(rule.get('operations', ()))} of {','.join(rule.get('resources', ()))}"


# PR205, PR206


def _reached(facts: ChainFacts, hook: RegisteredWebhook) -> RegistrationCheck:
    if hook.webhook.get("matchConditions"):
        return RegistrationCheck(
            unknown=f"Webhook {hook.name} has matchConditions, which only the API server can evaluate."
        )
    probe = facts.webhook.probes.get(hook.key)
    if probe is None or isinstance(probe, UnknownFact):
        why = "it was not called" if probe is None else probe.what
        return RegistrationCheck(
            unknown=f"Webhook {hook.name} is called, but it could not be checked whether it answers: {why}",
            webhook=hook.name,
        )
    if not probe.problem:
        return RegistrationCheck(webhook=hook.name)
    return RegistrationCheck((unreachable(facts, hook, probe.problem),), webhook=hook.name)


def unreachable(facts: ChainFacts, hook: RegisteredWebhook, problem: str) -> Finding:
    """Return that the API server cannot call the webhook. ``problem`` is the API server's own text."""
    fails_open = hook.webhook.get("failurePolicy") == "Ignore"
    effect = "pods are admitted without their identity" if fails_open else "the API server rejects these pods"
    wanted = _registered_as(facts, hook)
    if any(mark in problem for mark in _OF_CERTIFICATE):
        bundle = (wanted or {}).get("clientConfig", {}).get("caBundle")
        by_hand = ByHand(
            f"put the certificate authority of the webhook into the caBundle of {hook.configuration}; if cert-manager "
            "issues the certificate, annotate the configuration with cert-manager.io/inject-ca-from"
        )
        change: Change = by_hand if bundle is None else patch(facts, hook, "clientConfig/caBundle", bundle)
        return Finding(
            "PR205",
            f"The API server does not trust the certificate of webhook {hook.name}, so {effect}.",
            _about(hook, "clientConfig", "caBundle"),
            Remedy("register the certificate authority of the webhook", (change,)),
            expected="a caBundle that verifies the webhook's certificate",
            got=problem,
        )
    config = (wanted or {}).get("clientConfig")
    service = hook.webhook.get("clientConfig", {}).get("service") or {}
    look_at = f"kubectl get pods,endpoints --namespace {service.get('namespace', 'kube-system')}"
    change = (
        ByHand(f"start the webhook; to see its pods: {look_at}")
        if config is None
        else patch(facts, hook, "clientConfig", config)
    )
    return Finding(
        "PR206",
        f"The API server cannot reach webhook {hook.name}, so {effect}.",
        _about(hook, "clientConfig"),
        Remedy("register the webhook's address, or start the webhook", (change,)),
        expected="an answer to an AdmissionReview",
        got=problem,
    )


def _registered_as(facts: ChainFacts, hook: RegisteredWebhook) -> Mapping[str, Any] | None:
    """Return the webhook as the world registers it, None outside a world."""
    registration = facts.environment.registration
    if registration is None:
        return None
    return next((webhook for webhook in registration["webhooks"] if webhook["name"] == hook.name), None)
