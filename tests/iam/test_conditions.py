"""Condition operators, sets of values and missing keys: one row of the table, one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from podrole.iam.conditions import Condition, UnknownOperator, read_operator
from podrole.iam.errors import InvalidRequest, MalformedPolicyDocument
from podrole.iam.evaluate import PolicySet, evaluate
from podrole.iam.operators import OPERATORS
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts, Request
from support.cases import read_yaml

ROWS = read_yaml(Path(__file__).parent / "data" / "conditions.yaml")
USER = principal_of("arn:aws:iam::111122223333:user/bob")


def ask(policy: Any, condition: Mapping[str, Any], context: Mapping[str, Any], **document: Any) -> bool:
    """Say whether a statement with this condition applies."""
    named = policy({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}, **document)
    request = Request(USER, "s3:ListAllMyBuckets", "*", context=context)
    return evaluate(request, PolicySet((named,))).allowed


@pytest.mark.parametrize(("operator", "values", "found", "holds"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_condition(policy: Any, operator: str, values: Sequence[Any], found: Any, holds: bool) -> None:
    context = {} if found is None else {"aws:TheKey": found}
    assert ask(policy, {operator: {"aws:TheKey": values}}, context) is holds


def test_every_operator_has_rows() -> None:
    assert {*OPERATORS, "Null"} <= {read_operator(row[1])[1] for row in ROWS}


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_a_negated_operator_is_the_opposite_on_well_formed_values(operator: str) -> None:
    assert OPERATORS[operator].negated is ("Not" in operator)


def test_null_is_not_a_negated_operator() -> None:
    for value in ("true", "false"):
        assert not Condition("Null", "aws:TheKey", [value], variables=True).negated


@pytest.mark.parametrize(
    ("operator", "values", "malformed", "unreadable"),
    [
        ("Null", ["true"], False, False),
        ("NumericEquals", ["1"], False, True),
        ("NumericEquals", ["1", "one"], True, True),
        ("NumericEqualsIfExists", ["one"], True, True),
        ("StringEquals", ["one"], False, False),
    ],
)
def test_a_condition_knows_which_side_is_malformed(
    operator: str, values: list[str], malformed: bool, unreadable: bool
) -> None:
    condition = Condition(operator, "aws:TheKey", values, variables=True)
    facts = Facts(Request(USER, "s3:ListAllMyBuckets", "*"))
    assert condition.has_malformed_values is malformed
    assert condition.cannot_read("one", facts) is unreadable
    assert not condition.cannot_read("1", facts)


@pytest.mark.parametrize(
    ("operator", "values", "malformed", "value", "unreadable"),
    [
        ("ArnLike", ["*"], True, "arn:aws:s3:::b", False),
        ("ArnLike", ["*", "arn:aws:s3:::b"], True, "arn:aws:s3:::c", False),
        ("ArnLike", ["arn:aws:s3:::b"], False, "b", True),
        ("Bool", ["true"], False, "1", True),
        ("Bool", ["1"], True, "true", False),
        ("BinaryEquals", ["QQ=="], False, "*", True),
        ("IpAddress", ["10.0.0.0/33"], True, "10.0.0.1", False),
        ("IpAddress", ["10.0.0.0/8"], False, "localhost", True),
        ("DateEquals", ["01T"], True, "2026", False),
        ("DateEquals", ["2026"], False, "yesterday", True),
    ],
)
def test_a_malformed_value_of_the_policy_does_not_make_the_requests_unreadable(
    operator: str, values: list[str], malformed: bool, value: str, unreadable: bool
) -> None:
    condition = Condition(operator, "aws:TheKey", values, variables=True)
    facts = Facts(Request(USER, "s3:ListAllMyBuckets", "*"))
    assert condition.has_malformed_values is malformed
    assert condition.cannot_read(value, facts) is unreadable


@pytest.mark.parametrize("value", ["a", "b", "c"])
def test_a_bare_value_is_a_list_of_one(policy: Any, value: str) -> None:
    for operator in ("StringEquals", "StringNotEquals", "ForAnyValue:StringEquals", "ForAllValues:StringEquals"):
        assert ask(policy, {operator: {"k": "b"}}, {"k": value}) is ask(policy, {operator: {"k": ["b"]}}, {"k": value})


def test_all_keys_and_all_operators_must_hold(policy: Any) -> None:
    condition = {"StringEquals": {"a": "1", "b": "2"}, "StringLike": {"c": "3*"}}
    assert ask(policy, condition, {"a": "1", "b": "2", "c": "33"})
    for key in "abc":
        assert not ask(policy, condition, {"a": "1", "b": "2", "c": "33"} | {key: "0"})


def test_an_operator_without_keys_and_a_condition_without_operators_hold(policy: Any) -> None:
    assert ask(policy, {}, {})
    assert ask(policy, {"StringEquals": {}}, {})


def test_key_names_are_compared_without_case(policy: Any) -> None:
    assert ask(policy, {"StringEquals": {"AWS:PrincipalTag/Team": "a"}}, {"aws:principaltag/TEAM": "a"})


def test_two_keys_that_differ_in_case_are_one_key_with_two_values(policy: Any) -> None:
    context = {"aws:ResourceTag/Team": "a", "aws:ResourceTag/team": "b"}
    assert not ask(policy, {"StringEquals": {"aws:ResourceTag/Team": "a"}}, context)
    assert not ask(policy, {"StringNotEquals": {"aws:ResourceTag/Team": "x"}}, context)


def test_the_order_of_values_does_not_matter(policy: Any) -> None:
    for operator in ("StringEquals", "NumericLessThan", "IpAddress", "ArnLike", "DateLessThan"):
        for values in (["junk", "1"], ["1", "junk"]):
            try:
                first = ask(policy, {operator: {"k": values}}, {"k": "0"})
            except MalformedPolicyDocument:
                continue  # a date that IAM does not store
            assert first is ask(policy, {operator: {"k": values[::-1]}}, {"k": "0"})


@pytest.mark.parametrize(
    "operator",
    [
        "",
        "stringequals",
        "STRINGEQUALS",
        "StringEqual",
        "StringMatches",
        "ForAllValuesStringEquals",
        "ForAnyValue::StringEquals",
        "ForSomeValues:StringEquals",
        "foranyvalue:StringEquals",
        "ForAnyValue:ForAllValues:StringEquals",
        "IfExists",
        "StringEqualsIfExistsIfExists",
        "IfExistsStringEquals",
        "NullIfExists",
        "ForAllValues:Null",
        "ForAnyValue:",
        ":StringEquals",
        " StringEquals",
        "StringEquals ",
    ],
)
def test_an_unknown_operator_is_refused(policy: Any, operator: str) -> None:
    with pytest.raises(UnknownOperator):
        read_operator(operator)
    with pytest.raises(MalformedPolicyDocument):
        ask(policy, {operator: {"k": "v"}}, {"k": "v"})
    with pytest.raises(MalformedPolicyDocument):  # also where it holds no key
        ask(policy, {operator: {}}, {})


@pytest.mark.parametrize("value", [1, True, None, 1.5, {"a": "b"}, b"x", ["a", 1], [["a"]], {"a"}])
def test_a_context_value_that_is_no_text_is_refused_and_never_compared(policy: Any, value: Any) -> None:
    with pytest.raises(InvalidRequest, match="not text"):
        ask(policy, {"StringLike": {"k": "*"}}, {"k": value})
