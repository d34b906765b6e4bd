"""MutatingWebhookConfiguration and ValidatingWebhookConfiguration."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.core import webhook_cells
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.cluster.validation.webhooks import validate_webhook_configuration

_GROUP = "admissionregistration.k8s.io"
_COUNT = Column(
    "Webhooks", description="Webhooks indicates the number of webhooks registered in this configuration", type="integer"
)


def default_webhook_configuration(configuration: Object) -> None:
    """Fill in the policies, selectors and limits of each webhook."""
    mutating = configuration["kind"] == "MutatingWebhookConfiguration"
    for webhook in configuration.get("webhooks", ()):
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if mutating:
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in webhook.get("rules", ()):
            rule.setdefault("scope", "*")
        service = webhook["clientConfig"].get("service")
        if service is not None:
            service.setdefault("port", 443)


def _configuration(plural: str, kind: str) -> Kind:
    return Kind(
        Resource(
            _GROUP,
            plural,
            kind,
            f"io.k8s.api.admissionregistration.v1.{kind}",
            namespaced=False,
            categories=("api-extensions",),
            unconditional_update=False,
            counts_generations=True,
        ),
        table=TableLayout((NAME, _COUNT, AGE), webhook_cells),
        default=default_webhook_configuration,
        validate=validate_webhook_configuration,
        without={
            "prepare": "It has no status.",
            "selectable_fields": "Kubernetes selects it by metadata alone.",
            "validate_update": "An update is checked like a new configuration.",
        },
    )


MUTATING_WEBHOOK_CONFIGURATION = _configuration("mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
VALIDATING_WEBHOOK_CONFIGURATION = _configuration("validatingwebhookconfigurations", "ValidatingWebhookConfiguration")
