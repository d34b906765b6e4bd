"""The identity webhook among the registered webhooks, and whether the API server calls it for a pod.

That is the API server's own decision (``podrole.cluster.admission.matching``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, product
from typing import Any

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.matching import RegisteredWebhook, WebhookMatch, match_webhook
from podrole.cluster.core.label_selectors import label_selector
from podrole.cluster.core.users import User
from podrole.cluster.kinds.namespace import NAME_LABEL
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.kinds.webhook_configurations import default_webhook_configuration
from podrole.doctor.sources.cluster import Object
from podrole.kube.subjects import subject_of

_PODS = BY_NAME["pods"]
_CREATOR = User(subject_of("kube-system", "replicaset-controller"))
# The names of EKS's webhook, of the one that Amazon publishes, of podrole's, and other usual names.
_MARKS = ("pod-identity-webhook", "iam-for-pods", "irsa", "aws-pod-identity")


def registered(configurations: Iterable[Object]) -> tuple[RegisteredWebhook, ...]:
    """Return the webhooks in the order in which the API server calls them, with their defaults filled in."""
    webhooks: list[RegisteredWebhook] = []
    for configuration in sorted(configurations, key=lambda item: str(item["metadata"]["name"])):
        filled = {"kind": "MutatingWebhookConfiguration", **configuration}
        default_webhook_configuration(filled)
        webhooks.extend(
            RegisteredWebhook(configuration["metadata"]["name"], hook) for hook in filled.get("webhooks") or ()
        )
    return tuple(webhooks)


def is_identity_webhook(hook: RegisteredWebhook) -> bool:
    """Say whether a webhook injects AWS identities, judged by its name."""
    service = hook.webhook.get("clientConfig", {}).get("service") or {}
    names = f"{hook.configuration} {hook.name} {service.get('name', '')}".lower()
    return any(mark in names for mark in _MARKS)


def is_asked(hook: RegisteredWebhook, pod: Object, namespace: str, labels: Mapping[str, str]) -> WebhookMatch:
    """Say whether the API server calls this webhook for the creation of a pod."""
    return match_webhook(hook.webhook, attributes_of(pod, namespace), labels)


def attributes_of(pod: Object, namespace: str) -> AdmissionAttributes:
    """Return the creation of a pod as admission sees it, as a dry run."""
    metadata = pod.get("metadata", {})
    return AdmissionAttributes(
        operation="CREATE",
        resource=_PODS,
        namespace=namespace,
        name=str(metadata.get("name", "")),
        user=_CREATOR,
        object={"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**metadata, "namespace": namespace}},
        dry_run=True,
    )


def unmet_requirements(selector: Mapping[str, Any], labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the parts of a LabelSelector that these labels do not meet, each as an element of matchExpressions."""
    parts: list[Mapping[str, Any]] = [
        {"key": key, "operator": "In", "values": [value]} for key, value in (selector.get("matchLabels") or {}).items()
    ]
    parts += selector.get("matchExpressions") or []
    return [part for part in parts if not label_selector({"matchExpressions": [part]}).matches(labels)]


WITHOUT_LABEL = ("NotIn", "DoesNotExist")
"""The operators that a label which is not there meets."""
_MOST_TRIED = 1000


def labels_meeting(selector: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str | None] | None:
    """Return changes of the labels that make the whole selector match, None for a label to remove.

    None if no such change was found, because the selector's requirements contradict each other.
    """
    options: dict[str, dict[str | None, None]] = {}
    for part in unmet_requirements(selector, labels):
        values = [None] if part["operator"] in WITHOUT_LABEL else part.get("values") or ["true"]
        options.setdefault(part["key"], {}).update(dict.fromkeys(values))
    for chosen in islice(product(*options.values()), _MOST_TRIED):
        changes = dict(zip(options, chosen, strict=True))
        changed = {key: value for key, value in {**labels, **changes}.items() if value is not None}
        if not unmet_requirements(selector, changed):
            return changes
    return None


def selecting_by_name(selector: Mapping[str, Any], namespace: str) -> dict[str, Any] | None:
    """Return the namespaceSelector without what excludes a namespace by its name, a label that cannot be changed.

    All that the selector says of other labels stays, and of every other namespace it says the same. None if no such
    selector was found.
    """
    matched = dict(selector.get("matchLabels") or {})
    parts = [*(selector.get("matchExpressions") or ())]
    if matched.get(NAME_LABEL, namespace) != namespace:
        parts.append({"key": NAME_LABEL, "operator": "In", "values": [matched.pop(NAME_LABEL)]})
    kept = []
    for part in parts:
        values = part.get("values") or []
        if part["key"] != NAME_LABEL or not unmet_requirements({"matchExpressions": [part]}, {NAME_LABEL: namespace}):
            kept.append(part)
        elif part["operator"] == "In":
            kept.append({**part, "values": [*values, namespace]})
        elif part["operator"] == "NotIn":
            others = [value for value in values if value != namespace]
            kept += [{**part, "values": others}] if others else []
        else:  # every namespace has the label
            return None
    return {**({"matchLabels": matched} if matched else {}), **({"matchExpressions": kept} if kept else {})}


def excluding_by_name(selector: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return the namespaceSelector with the requirement that it is not the namespace of that name."""
    other = {"key": NAME_LABEL, "operator": "NotIn", "values": [namespace]}
    return {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), other]}
