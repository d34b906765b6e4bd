"""What makes roles and bindings invalid: each rule has a case in which it alone refuses."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.validation import rbac

Object = dict[str, Any]
Faults = list[tuple[str, str]]
GROUP = "rbac.authorization.k8s.io"
RESOURCES = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
URLS = {"verbs": ["get"], "nonResourceURLs": ["/healthz"]}
URL_FIELD = "rules[0].nonResourceURLs"


def told(errors: Any) -> Faults:
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in errors]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RESOURCES, []),
        ({**RESOURCES, "verbs": []}, [("rules[0].verbs", "Required")]),
        ({**RESOURCES, "apiGroups": []}, [("rules[0].apiGroups", "Required")]),
        ({**RESOURCES, "resources": []}, [("rules[0].resources", "Required")]),
        ({**URLS, "apiGroups": [""]}, [(URL_FIELD, "Invalid")]),
        ({**URLS, "resources": ["pods"]}, [(URL_FIELD, "Invalid")]),
        ({**URLS, "resourceNames": ["a"]}, [(URL_FIELD, "Invalid")]),
    ],
)
def test_rules_of_a_role(rule: Object, expected: Faults) -> None:
    local = [(URL_FIELD, "Invalid")] if "nonResourceURLs" in rule else []
    assert told(rbac.validate_role({"rules": [rule]})) == local + expected
    assert told(rbac.validate_cluster_role({"rules": [rule]})) == expected


def test_urls_are_for_the_whole_cluster() -> None:
    assert told(rbac.validate_role({"rules": [URLS]})) == [(URL_FIELD, "Invalid")]
    assert told(rbac.validate_cluster_role({"rules": [URLS]})) == []
    assert told(rbac.validate_role({"rules": None})) == []
    assert told(rbac.validate_cluster_role({})) == []


SELECTORS = "aggregationRule.clusterRoleSelectors"


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, []),
        ({}, [(SELECTORS, "Required")]),
        ({"clusterRoleSelectors": []}, [(SELECTORS, "Required")]),
        ({"clusterRoleSelectors": [{}, {"matchLabels": {"-": "b"}}]}, [(f"{SELECTORS}[1].matchLabels", "Invalid")]),
    ],
)
def test_roles_are_aggregated_by_labels(aggregation: Object, expected: Faults) -> None:
    assert told(rbac.validate_cluster_role({"aggregationRule": aggregation})) == expected


def binding(kind: str = "RoleBinding", *subjects: Object, **role: Any) -> Object:
    return {
        "kind": kind,
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "r", **role},
        "subjects": [*subjects],
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (binding(), []),
        (binding(kind_of="x"), []),
        ({**binding(), "roleRef": {"kind": "Role", "name": "r", "apiGroup": GROUP}}, []),
        (binding(apiGroup=""), [("roleRef.apiGroup", "NotSupported")]),
        ({**binding(), "roleRef": {"kind": "Role", "name": "r"}}, [("roleRef.apiGroup", "NotSupported")]),
        ({**binding(), "roleRef": {"kind": "x", "name": "r", "apiGroup": GROUP}}, [("roleRef.kind", "NotSupported")]),
        (binding("ClusterRoleBinding"), []),
        (
            {**binding("ClusterRoleBinding"), "roleRef": {"kind": "Role", "name": "r", "apiGroup": GROUP}},
            [("roleRef.kind", "NotSupported")],
        ),
        (binding(name=""), [("roleRef.name", "Required")]),
        (binding(name="a/b"), [("roleRef.name", "Invalid")]),
        (binding(name="system:a"), []),
    ],
)
def test_role_of_a_binding(given: Object, expected: Faults) -> None:
    assert told(rbac.validate_binding(given)) == expected


ACCOUNT = {"kind": "ServiceAccount", "name": "a", "namespace": "n"}
USER = {"kind": "User", "name": "U", "apiGroup": GROUP}


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (ACCOUNT, []),
        ({**ACCOUNT, "name": ""}, [("name", "Required")]),
        ({**ACCOUNT, "name": "A"}, [("name", "Invalid")]),
        ({**ACCOUNT, "apiGroup": GROUP}, [("apiGroup", "NotSupported")]),
        (USER, []),
        ({**USER, "kind": "Group"}, []),
        ({**USER, "name": ""}, [("name", "Required")]),
        ({**USER, "apiGroup": ""}, [("apiGroup", "NotSupported")]),
        ({**USER, "kind": "Group", "apiGroup": "x"}, [("apiGroup", "NotSupported")]),
        ({"kind": "User", "name": "U"}, [("apiGroup", "NotSupported")]),
        ({**USER, "kind": "Robot"}, [("kind", "NotSupported")]),
    ],
)
def test_subject_of_a_binding(kind: str, subject: Object, expected: Faults) -> None:
    found = told(rbac.validate_binding(binding(kind, ACCOUNT, subject)))
    assert found == [(f"subjects[1].{field}", reason) for field, reason in expected]


def test_service_account_of_a_cluster_has_a_namespace() -> None:
    without = {**ACCOUNT, "namespace": ""}
    assert told(rbac.validate_binding(binding("RoleBinding", without))) == []
    found = told(rbac.validate_binding(binding("ClusterRoleBinding", without)))
    assert found == [("subjects[0].namespace", "Required")]


def test_role_of_a_binding_stays() -> None:
    assert told(rbac.validate_binding_update(binding(), binding())) == []
    assert told(rbac.validate_binding_update(binding("RoleBinding", {**USER, "name": ""}), binding())) == []
    found = told(rbac.validate_binding_update(binding(name="s"), binding()))
    assert found == [("roleRef", "Invalid")]
    found = told(rbac.validate_binding_update(binding(name=""), binding()))
    assert found == [("roleRef.name", "Required"), ("roleRef", "Invalid")]
