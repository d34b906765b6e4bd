"""Rules for webhook configurations (k8s.io/kubernetes ``pkg/apis/admissionregistration/validation``)."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from podrole.cluster.cel.environment import available, problem_of
from podrole.cluster.core.errors import FieldError, duplicate, forbidden, invalid, not_supported, required
from podrole.kube.names import qualified_name, subdomain

Object = dict[str, Any]

REVIEW_VERSION = "v1"
"""The only AdmissionReview version that this server sends."""

MAX_CONDITIONS = 64
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")


def validate_webhook_configuration(configuration: Object) -> list[FieldError]:
    """Check a webhook configuration, each of its webhooks, and that their names are unique."""
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks", ())):
        field = f"webhooks[{index}]"
        name = webhook.get("name", "")
        errors.extend(_name(name, f"{field}.name"))
        if name in names:
            errors.append(duplicate(f"{field}.name", name))
        names.add(name)
        errors.extend(_webhook(webhook, field))
    return errors


def _name(name: str, field: str) -> Iterator[FieldError]:
    if not name:
        yield required(field)
        return
    for text in subdomain(name):
        yield invalid(field, name, text)
    if len(name.split(".")) < 3:
        yield invalid(field, name, "should be a domain with at least three segments separated by dots")


def _webhook(webhook: Object, field: str) -> Iterator[FieldError]:
    versions = webhook.get("admissionReviewVersions")
    if not versions:
        yield required(f"{field}.admissionReviewVersions", "must specify one of v1, v1beta1")
    elif REVIEW_VERSION not in versions:
        yield invalid(f"{field}.admissionReviewVersions", versions, "must include at least one of v1")
    for key, choices in (
        ("failurePolicy", ("Fail", "Ignore")),
        ("matchPolicy", ("Equivalent", "Exact")),
        ("reinvocationPolicy", ("IfNeeded", "Never")),
    ):
        if key in webhook and webhook[key] not in choices:
            yield not_supported(f"{field}.{key}", webhook[key], choices)
    effects = webhook.get("sideEffects")
    if not effects:
        yield required(f"{field}.sideEffects", "must specify one of None, NoneOnDryRun")
    elif effects not in ("None", "NoneOnDryRun"):
        yield not_supported(f"{field}.sideEffects", effects, ("None", "NoneOnDryRun"))
    seconds = webhook.get("timeoutSeconds", 10)
    if not 1 <= seconds <= 30:
        yield invalid(f"{field}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds")
    for index, rule in enumerate(webhook.get("rules", ())):
        yield from _rule(rule, f"{field}.rules[{index}]")
    yield from _client(webhook["clientConfig"], f"{field}.clientConfig")
    yield from _conditions(webhook.get("matchConditions", ()), f"{field}.matchConditions")


def _conditions(conditions: Sequence[Object], field: str) -> Iterator[FieldError]:
    if conditions and not available():
        # Honest rather than half right: without CEL the condition could neither be checked nor be left out.
        why = "this server cannot evaluate CEL: install podrole[cel], or leave out matchConditions"
        yield forbidden(field, why)
        return
    if len(conditions) > MAX_CONDITIONS:
        text = f"Too many: {len(conditions)}: must have at most {MAX_CONDITIONS} items"
        yield FieldError("FieldValueTooMany", field, text)
    names: set[str] = set()
    for index, condition in enumerate(conditions):
        at = f"{field}[{index}]"
        expression, name = condition["expression"].strip(), condition["name"]
        if not expression:
            yield required(f"{at}.expression")
        elif (problem := problem_of(expression)) is not None:
            yield invalid(f"{at}.expression", condition["expression"], problem)
        if not name:
            yield required(f"{at}.name")
        else:
            yield from (invalid(f"{at}.name", name, text) for text in qualified_name(name))
        if name and name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)


def _rule(rule: Object, field: str) -> Iterator[FieldError]:
    for key in ("operations", "apiGroups", "apiVersions", "resources"):
        values = rule.get(key)
        if not values:
            yield required(f"{field}.{key}")
        elif "*" in values and len(values) > 1 and key != "resources":
            yield invalid(f"{field}.{key}", values, "if '*' is present, must not specify other " + _PLURALS[key])
    for index, operation in enumerate(rule.get("operations", ())):
        if operation not in _OPERATIONS:
            yield not_supported(f"{field}.operations[{index}]", operation, _OPERATIONS)
    if rule.get("scope") not in (None, *_SCOPES):
        yield not_supported(f"{field}.scope", rule["scope"], _SCOPES)
    resources = rule.get("resources", ())
    if "*/*" in resources and len(resources) > 1:
        yield invalid(f"{field}.resources", resources, "if '*/*' is present, must not specify other resources")


_PLURALS = {"operations": "operations", "apiGroups": "API groups", "apiVersions": "API versions"}


def _client(client: Object, field: str) -> Iterator[FieldError]:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        yield required(field, "exactly one of url or service is required")
    elif url is not None:
        yield from _url(url, f"{field}.url")
    elif service is not None:
        for key in ("name", "namespace"):
            if not service.get(key):
                yield required(f"{field}.service.{key}", f"service {key} is required")
        path = service.get("path")
        if path is not None and not path.startswith("/"):
            yield invalid(f"{field}.service.path", path, "must start with a '/'")
        if not 1 <= service.get("port", 443) <= 65535:
            yield invalid(
                f"{field}.service.port", service["port"], "port must be a valid number between 1 and 65535, inclusive"
            )
    bundle = client.get("caBundle")
    if bundle and b"-----BEGIN CERTIFICATE-----" not in base64.b64decode(bundle):
        yield invalid(
            f"{field}.caBundle",
            "<value omitted>",
            "unable to load root certificates: unable to parse bytes as PEM block",
        )


def _url(url: str, field: str) -> Iterator[FieldError]:
    form = "; desired format: https://host[/path]"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        yield invalid(field, url, "url must be a valid URL" + form)
        return
    if parts.scheme != "https":
        yield invalid(field, parts.scheme, "'https' is the only allowed URL scheme" + form)
    if not parts.hostname:
        yield invalid(field, "", "host must be specified" + form)
    if parts.username is not None:
        yield invalid(field, parts.username, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid(field, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid(field, parts.query, "query parameters are not permitted in the URL")
