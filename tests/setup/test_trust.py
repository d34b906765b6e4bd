"""Which statements trust service accounts of a cluster, and how they change."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.setup.policy_text import new_document
from podrole.setup.trust import Trust, changed_trust_policy, has_foreign_statements, new_trust_policy, trust_of
from podrole.setup.wanted import ServiceAccountName
from support.setup_model import PLACE

INVENTORY, ORDERS = ServiceAccountName("shop", "inventory"), ServiceAccountName("shop", "orders")
OTHER = ServiceAccountName("other", "inventory")
HOST = PLACE.key_prefix


def web(**changes: Any) -> dict[str, Any]:
    """eksctl's statement for shop/inventory."""
    condition = {
        "StringEquals": {f"{HOST}:sub": "system:serviceaccount:shop:inventory", f"{HOST}:aud": "sts.amazonaws.com"}
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PLACE.provider_arn},
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Condition": condition,
    }
    return {**statement, **changes}


def pods(**equals: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": PLACE.cluster_arn,
                "aws:RequestTag/kubernetes-namespace": "shop",
                "aws:RequestTag/kubernetes-service-account": "inventory",
                **equals,
            }
        },
    }


WIDE = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
PATTERN = web(
    Condition={
        "StringLike": {f"{HOST}:sub": "system:serviceaccount:shop:web-*"},
        "StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"},
    }
)

READ = {
    "eksctl's": (web(), Trust(frozenset({INVENTORY}))),
    "with a Sid": (web(Sid="Mine"), Trust(frozenset({INVENTORY}))),
    "several": (
        web(
            Condition={
                "StringEquals": {
                    f"{HOST}:sub": [INVENTORY.subject, ORDERS.subject],
                    f"{HOST}:aud": ["sts.amazonaws.com"],
                }
            }
        ),
        Trust(frozenset({INVENTORY, ORDERS})),
    ),
    "a pattern": (PATTERN, Trust(patterns=frozenset({"system:serviceaccount:shop:web-*"}))),
    "Pod Identity": (pods(), Trust(pod_identity=frozenset({INVENTORY}))),
    "Pod Identity without tags": (
        {**WIDE, "Condition": {"StringEquals": {"aws:SourceArn": PLACE.cluster_arn}}},
        Trust(untagged=True),
    ),
}

FOREIGN = {
    "a Deny": web(Effect="Deny"),
    "another provider": web(Principal={"Federated": PLACE.provider_arn[:-1] + "0"}),
    "two providers": web(Principal={"Federated": [PLACE.provider_arn, "arn:aws:iam::111122223333:oidc-provider/x"]}),
    "another action beside": web(Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]),
    "no conditions": {key: value for key, value in web().items() if key != "Condition"},
    "no audience": web(Condition={"StringEquals": {f"{HOST}:sub": INVENTORY.subject}}),
    "another audience": web(Condition={"StringEquals": {f"{HOST}:sub": INVENTORY.subject, f"{HOST}:aud": "x"}}),
    "one more condition": web(Condition={**web()["Condition"], "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
    "a subject that is no service account": web(
        Condition={"StringEquals": {f"{HOST}:sub": "me", f"{HOST}:aud": "sts.amazonaws.com"}}
    ),
    "NotAction": {**web(), "NotAction": "iam:*"},
    "a person": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"},
    "eksctl's wide Pod Identity": WIDE,
    "Pod Identity of another cluster": pods(
        **{"aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:111122223333:cluster/test"}
    ),
    "Pod Identity of two namespaces": pods(**{"aws:RequestTag/kubernetes-namespace": ["shop", "other"]}),
}


@pytest.mark.parametrize(("statement", "expected"), READ.values(), ids=READ)
def test_a_canonical_statement_is_read(statement: dict[str, Any], expected: Trust) -> None:
    document = new_document([statement])
    assert trust_of(document, PLACE) == expected
    assert not has_foreign_statements(document, PLACE)


@pytest.mark.parametrize("statement", FOREIGN.values(), ids=FOREIGN)
def test_any_other_statement_is_somebody_elses_and_stays(statement: dict[str, Any]) -> None:
    document = new_document([statement])
    assert trust_of(document, PLACE) == Trust()
    assert has_foreign_statements(document, PLACE)
    changed = changed_trust_policy(document, Trust(frozenset({INVENTORY})), PLACE)
    assert changed is not None
    assert json.loads(changed)["Statement"][0] == statement
    assert changed_trust_policy(changed, Trust(), PLACE) is not None
    assert trust_of(changed, PLACE) == Trust(frozenset({INVENTORY}))


def test_off_eks_nothing_is_pod_identitys() -> None:
    off_eks = replace(PLACE, cluster_arn=None)
    assert trust_of(new_document([pods()]), off_eks) == Trust()


def test_service_accounts_of_one_role_become_one_statement_with_a_list() -> None:
    document = new_trust_policy(Trust(frozenset({ORDERS, INVENTORY, OTHER})), PLACE)
    (statement,) = json.loads(document)["Statement"]
    assert statement["Condition"]["StringEquals"] == {
        f"{HOST}:sub": [OTHER.subject, INVENTORY.subject, ORDERS.subject],
        f"{HOST}:aud": "sts.amazonaws.com",
    }


def test_pod_identity_has_one_statement_for_each_namespace_so_that_no_combination_is_let_in() -> None:
    document = new_trust_policy(Trust(pod_identity=frozenset({ORDERS, INVENTORY, OTHER})), PLACE)
    conditions = [one["Condition"]["StringEquals"] for one in json.loads(document)["Statement"]]
    assert [
        (one["aws:RequestTag/kubernetes-namespace"], one["aws:RequestTag/kubernetes-service-account"])
        for one in conditions
    ] == [("other", "inventory"), ("shop", ["inventory", "orders"])]
    assert {one["aws:RequestTag/eks-cluster-arn"] for one in conditions} == {PLACE.cluster_arn}


def test_a_document_that_trusts_what_is_wanted_stays_byte_for_byte() -> None:
    two = json.dumps({"Statement": [web(Sid="one"), web(Sid="two")], "Version": "2012-10-17"}, indent=1)
    assert changed_trust_policy(two, Trust(frozenset({INVENTORY})), PLACE) == two


def test_a_document_without_any_statement_left_is_none() -> None:
    assert changed_trust_policy(new_document([web(), pods()]), Trust(), PLACE) is None


NAMES = st.sampled_from([INVENTORY, ORDERS, OTHER])
TRUSTS = st.builds(
    Trust,
    st.frozensets(NAMES),
    st.frozensets(st.sampled_from(["system:serviceaccount:shop:*", "system:serviceaccount:other:a?"])),
    st.frozensets(NAMES),
    st.booleans(),
)


@given(TRUSTS.filter(bool), TRUSTS.filter(bool), st.lists(st.sampled_from(list(FOREIGN.values())), max_size=3))
def test_a_changed_policy_trusts_exactly_what_is_wanted(old: Trust, new: Trust, foreign: list[dict[str, Any]]) -> None:
    statements = [*foreign, *json.loads(new_trust_policy(old, PLACE))["Statement"], *foreign]
    changed = changed_trust_policy(new_document(statements), new, PLACE)
    assert changed is not None
    assert trust_of(changed, PLACE) == new
    kept = [one for one in json.loads(changed)["Statement"] if one in foreign]
    assert kept == [*foreign, *foreign]
    assert changed_trust_policy(changed, new, PLACE) == changed


def test_a_changed_statement_keeps_its_sid() -> None:
    changed = changed_trust_policy(
        new_document([web(Sid="Mine")]), Trust(web_identity=frozenset({INVENTORY, ORDERS})), PLACE
    )
    (statement,) = json.loads(changed or "")["Statement"]
    assert statement["Sid"] == "Mine"


@pytest.mark.parametrize("action", [{"a": 1}, [["a"]], [None], 1])
def test_an_action_of_another_type_is_somebody_elses(action: Any) -> None:
    assert has_foreign_statements(new_document([web(Action=action)]), PLACE)
