"""Which webhooks are called for a request: a pure decision, with its reason.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
The steps for each webhook: the rules, the namespace's labels, the object's labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.core.label_selectors import label_selector
from podrole.cluster.core.resources import Resource

Object = dict[str, Any]

EXEMPT = frozenset({"mutatingwebhookconfigurations", "validatingwebhookconfigurations"})
"""Never sent to webhooks, so that a broken webhook can always be removed."""


NO_RULE = "no rule matches the operation and the resource"
NAMESPACE_NOT_SELECTED = "the namespaceSelector does not select the namespace's labels"
OBJECT_NOT_SELECTED = "the objectSelector does not select the object's labels"


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """One webhook of one configuration."""

    configuration: str
    webhook: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the webhook."""
        return str(self.webhook["name"])

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the webhook: the names of its configuration and of itself."""
        return self.configuration, self.name


@dataclass(frozen=True, slots=True)
class WebhookMatch:
    """Whether the webhook is called. ``why`` is the reason if not; ``rules_match``: one of its rules matches."""

    called: bool
    why: str = ""
    rules_match: bool = False


def match_webhook(
    webhook: Mapping[str, Any], request: AdmissionAttributes, namespace_labels: Mapping[str, str] | None
) -> WebhookMatch:
    """Decide whether the webhook is called for the request.

    ``namespace_labels`` are those of the request's namespace, of the object itself where that is a namespace, None for
    other cluster-scoped objects (which every namespaceSelector selects).
    """
    if request.resource.plural in EXEMPT:
        return WebhookMatch(called=False, why="webhook configurations are never sent to webhooks")
    if seen_as(webhook, request) is None:
        return WebhookMatch(called=False, why=NO_RULE)
    if namespace_labels is not None and not label_selector(webhook["namespaceSelector"]).matches(namespace_labels):
        return WebhookMatch(called=False, why=NAMESPACE_NOT_SELECTED, rules_match=True)
    selector = label_selector(webhook["objectSelector"])
    candidates = [obj for obj in (request.object, request.old) if obj is not None]
    if not any(selector.matches(candidate.get("metadata", {}).get("labels")) for candidate in candidates):
        return WebhookMatch(called=False, why=OBJECT_NOT_SELECTED, rules_match=True)
    return WebhookMatch(called=True, rules_match=True)


def seen_as(webhook: Mapping[str, Any], request: AdmissionAttributes) -> Resource | None:
    """Return the resource as which the webhook sees the request, None if no rule matches.

    It is another version of a custom resource if only that matches and the matchPolicy is Equivalent.
    """
    own = request.resource
    others = own.custom.versions if own.custom is not None and webhook.get("matchPolicy") == "Equivalent" else ()
    rules = webhook.get("rules", ())
    return next(
        (resource for resource in (own, *others) if any(_rule_matches(rule, resource, request) for rule in rules)), None
    )


def _rule_matches(rule: Mapping[str, Any], resource: Resource, request: AdmissionAttributes) -> bool:
    scope = rule.get("scope", "*")
    # A Namespace counts as cluster-scoped.
    if scope != "*" and (scope == "Namespaced") != resource.namespaced:
        return False
    return (
        _among(rule["operations"], request.operation)
        and _among(rule["apiGroups"], resource.group)
        and _among(rule["apiVersions"], resource.version)
        and any(_resource_matches(pattern, resource.plural, request.subresource) for pattern in rule["resources"])
    )


def _among(values: list[str], value: str) -> bool:
    return "*" in values or value in values


def _resource_matches(pattern: str, plural: str, subresource: str) -> bool:
    main, _, below = pattern.partition("/")
    return main in ("*", plural) and below in ("*", subresource)
