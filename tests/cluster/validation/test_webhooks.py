"""What makes a webhook configuration invalid: each rule has a case in which it alone refuses."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from podrole.cluster.kinds.webhook_configurations import default_webhook_configuration
from podrole.cluster.validation import webhooks
from podrole.cluster.validation.webhooks import validate_webhook_configuration

Object = dict[str, Any]
Faults = list[tuple[str, str]]
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
WEBHOOK: Object = {
    "name": "a.example.com",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "rules": [RULE],
    "clientConfig": {"url": "https://example.com/path"},
}


def told(*given: Object, kind: str = "MutatingWebhookConfiguration") -> Faults:
    configuration = {"kind": kind, "webhooks": copy.deepcopy([*given])}
    default_webhook_configuration(configuration)
    found = validate_webhook_configuration(configuration)
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in found]


def webhook(**changed: Any) -> Object:
    return {key: value for key, value in {**WEBHOOK, **changed}.items() if value is not None}


def faults(**changed: Any) -> Faults:
    """Return the fields of one webhook that are refused; a member of None is left out."""
    return [(field.removeprefix("webhooks[0]."), reason) for field, reason in told(webhook(**changed))]


def rule(**changed: Any) -> Object:
    return {"rules": [RULE, {**RULE, **changed}]}


def client(**config: Any) -> Object:
    return {"clientConfig": config}


def service(**changed: Any) -> Object:
    return client(service={"name": "s", "namespace": "n", **changed})


R, URL, SERVICE = "rules[1]", "clientConfig.url", "clientConfig.service"
BUNDLE = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()


def test_configuration_without_webhooks_is_valid() -> None:
    assert told() == []
    assert validate_webhook_configuration({}) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"name": None}, [("name", "Required")]),
        ({"name": "A.example.com"}, [("name", "Invalid")]),
        ({"name": "example.com"}, [("name", "Invalid")]),
        ({"name": "a.b.example.com"}, []),
        ({"admissionReviewVersions": []}, [("admissionReviewVersions", "Required")]),
        ({"admissionReviewVersions": ["v1beta1"]}, [("admissionReviewVersions", "Invalid")]),
        ({"admissionReviewVersions": ["v1beta1", "v1"]}, []),
        *(({"failurePolicy": one}, []) for one in ("Fail", "Ignore")),
        ({"failurePolicy": "x"}, [("failurePolicy", "NotSupported")]),
        *(({"matchPolicy": one}, []) for one in ("Equivalent", "Exact")),
        ({"matchPolicy": "x"}, [("matchPolicy", "NotSupported")]),
        *(({"reinvocationPolicy": one}, []) for one in ("IfNeeded", "Never")),
        ({"reinvocationPolicy": "x"}, [("reinvocationPolicy", "NotSupported")]),
        ({"sideEffects": None}, [("sideEffects", "Required")]),
        ({"sideEffects": "NoneOnDryRun"}, []),
        ({"sideEffects": "Some"}, [("sideEffects", "NotSupported")]),
        ({"timeoutSeconds": 1}, []),
        ({"timeoutSeconds": 30}, []),
        ({"timeoutSeconds": 0}, [("timeoutSeconds", "Invalid")]),
        ({"timeoutSeconds": 31}, [("timeoutSeconds", "Invalid")]),
        ({"rules": None}, []),
        # rules
        *((rule(**{key: []}), [(f"{R}.{key}", "Required")]) for key in RULE),
        *((rule(**{key: ["*"]}), []) for key in RULE),
        (rule(operations=["*", "CREATE"]), [(f"{R}.operations", "Invalid")]),
        (rule(apiGroups=["*", "apps"]), [(f"{R}.apiGroups", "Invalid")]),
        (rule(apiVersions=["*", "v1"]), [(f"{R}.apiVersions", "Invalid")]),
        (rule(apiGroups=["apps", "batch"]), []),
        (rule(resources=["*", "pods/status"]), []),
        (rule(resources=["*/*"]), []),
        (rule(resources=["*/*", "pods"]), [(f"{R}.resources", "Invalid")]),
        *((rule(operations=[one]), []) for one in ("CONNECT", "CREATE", "DELETE", "UPDATE")),
        (rule(operations=["CREATE", "READ"]), [(f"{R}.operations[1]", "NotSupported")]),
        *((rule(scope=one), []) for one in ("*", "Cluster", "Namespaced")),
        (rule(scope="x"), [(f"{R}.scope", "NotSupported")]),
        # the client
        (client(), [("clientConfig", "Required")]),
        ({"clientConfig": {**service()["clientConfig"], "url": "https://a"}}, [("clientConfig", "Required")]),
        (service(), []),
        (service(name=""), [(f"{SERVICE}.name", "Required")]),
        (service(namespace=""), [(f"{SERVICE}.namespace", "Required")]),
        (service(path="/a"), []),
        (service(path="a"), [(f"{SERVICE}.path", "Invalid")]),
        (service(port=1), []),
        (service(port=65_535), []),
        (service(port=0), [(f"{SERVICE}.port", "Invalid")]),
        (service(port=65_536), [(f"{SERVICE}.port", "Invalid")]),
        (client(url="https://a", caBundle=BUNDLE), []),
        (client(url="https://a", caBundle=""), []),
        (client(url="https://a", caBundle="eA=="), [("clientConfig.caBundle", "Invalid")]),
        (client(url="https://a:8443/path"), []),
        (client(url="https://a:x"), [(URL, "Invalid")]),
        (client(url="https://[a"), [(URL, "Invalid")]),
        (client(url="http://a"), [(URL, "Invalid")]),
        (client(url="https:///a"), [(URL, "Invalid")]),
        (client(url="https://user@a"), [(URL, "Invalid")]),
        (client(url="https://a#b"), [(URL, "Invalid")]),
        (client(url="https://a?b"), [(URL, "Invalid")]),
    ],
)
def test_rules_of_a_webhook(changed: Object, expected: Faults) -> None:
    assert faults(**changed) == expected


def test_names_of_webhooks_are_different() -> None:
    assert told(webhook(), webhook(name="b.example.com")) == []
    assert told(webhook(), webhook()) == [("webhooks[1].name", "Duplicate")]


def test_webhook_without_defaults_has_ten_seconds_and_a_service_the_port_443() -> None:
    config = {"service": {"name": "s", "namespace": "n"}}
    assert validate_webhook_configuration({"webhooks": [webhook(clientConfig=config)]}) == []


# Conditions. Whether an expression is valid is CEL's to say.


@pytest.fixture
def cel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "available", lambda: True)
    monkeypatch.setattr(webhooks, "problem_of", lambda text: "it is bad" if text == "bad" else None)


def condition(name: str = "a", expression: str = "true") -> Object:
    return {"name": name, "expression": expression}


M = "matchConditions"


@pytest.mark.usefixtures("cel")
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], []),
        ([condition(), condition("b")], []),
        ([condition("a", " ")], [(f"{M}[0].expression", "Required")]),
        ([condition("a", " bad ")], [(f"{M}[0].expression", "Invalid")]),
        ([condition("")], [(f"{M}[0].name", "Required")]),
        ([condition(""), condition("")], [(f"{M}[0].name", "Required"), (f"{M}[1].name", "Required")]),
        ([condition("-")], [(f"{M}[0].name", "Invalid")]),
        ([condition(), condition()], [(f"{M}[1].name", "Duplicate")]),
        ([condition(f"c{number}") for number in range(64)], []),
        ([condition(f"c{number}") for number in range(65)], [(M, "TooMany")]),
    ],
)
def test_rules_of_conditions(conditions: list[Object], expected: Faults) -> None:
    assert faults(matchConditions=conditions) == expected


def test_conditions_are_refused_where_cel_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "available", lambda: False)
    assert faults(matchConditions=[condition("", "")]) == [(M, "Forbidden")]
    assert faults(matchConditions=[]) == []
