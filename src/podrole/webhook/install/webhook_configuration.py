"""The registration of the webhook at the API server: a MutatingWebhookConfiguration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from podrole.webhook.settings import REQUIRE_LABEL, SKIP_LABEL

Object = dict[str, Any]

WEBHOOK = "pod-identity-webhook.podrole.dev"
FailurePolicy = Literal["Ignore", "Fail"]
FAILURE_POLICIES: tuple[FailurePolicy, ...] = get_args(FailurePolicy)


def mutating_webhook_configuration(
    name: str, client_config: Callable[[str], Object], *, failure_policy: FailurePolicy, require_label: bool = False
) -> Object:
    """Return the webhook's registration at the API server. ``client_config`` returns the address for a path."""
    expressions: list[Object] = [{"key": SKIP_LABEL, "operator": "DoesNotExist"}]
    if require_label:
        expressions.append({"key": REQUIRE_LABEL, "operator": "NotIn", "values": ["true"]})
    create = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    debug = {**create, "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]}

    def webhook(name: str, path: str, policy: FailurePolicy, selector: Object, rules: list[Object]) -> Object:
        return {
            "name": name,
            "admissionReviewVersions": ["v1", "v1beta1"],
            "clientConfig": client_config(path),
            "failurePolicy": policy,
            "matchPolicy": "Equivalent",
            "objectSelector": selector,
            # So containers that another webhook adds later also get the identity.
            "reinvocationPolicy": "IfNeeded",
            "rules": rules,
            "sideEffects": "NoneOnDryRun",
            "timeoutSeconds": 5,
        }

    unless = {"matchExpressions": expressions}
    webhooks = [webhook(WEBHOOK, "/mutate", failure_policy, unless, [create, debug])]
    if require_label:
        only = {"matchLabels": {REQUIRE_LABEL: "true"}}
        webhooks.append(webhook(f"required.{WEBHOOK}", "/require", "Fail", only, [create]))
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": webhooks,
    }
