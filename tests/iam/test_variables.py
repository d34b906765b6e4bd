"""Policy variables stand for a value of the request, literally, and only where AWS lets them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.evaluate import PolicySet, evaluate
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts, Request
from podrole.iam.unknown import UNKNOWN, UnknownKeys
from podrole.iam.variables import Variable, expand, parts, without_value

USER = principal_of("arn:aws:iam::111122223333:user/bob")
BUCKET = "arn:aws:s3:::b/"


def allowed(
    policy: Any, resource: str, context: dict[str, Any], *, version: str | None = "2012-10-17", **elements: Any
) -> bool:
    named = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"} | elements, version=version)
    return evaluate(Request(USER, "s3:GetObject", resource, context=context), PolicySet((named,))).allowed


@pytest.mark.parametrize(
    ("pattern", "key", "context", "matches"),
    [
        pytest.param("${aws:username}/*", "bob/x", {"aws:username": "bob"}, True, id="a variable is its value"),
        pytest.param("${aws:username}/*", "eve/x", {"aws:username": "bob"}, False, id="and no other"),
        pytest.param("${AWS:UserName}", "bob", {"aws:username": "bob"}, True, id="its name is compared without case"),
        pytest.param(
            "${ aws:username }", "bob", {"aws:username": "bob"}, True, id="blanks around the name do not count"
        ),
        pytest.param("${aws:username}", "b", {"aws:username": "*"}, False, id="a star in the value is no wildcard"),
        pytest.param("${aws:username}", "*", {"aws:username": "*"}, True, id="it is an asterisk"),
        pytest.param("${aws:username}", "b", {"aws:username": "?"}, False, id="nor is a question mark"),
        pytest.param(
            "${aws:username}", "x", {"aws:username": "${aws:b}", "aws:b": "x"}, False, id="a value is not read again"
        ),
        pytest.param("${aws:a}-${aws:b}", "1-2", {"aws:a": "1", "aws:b": "2"}, True, id="two variables"),
        pytest.param("${aws:a}", "", {"aws:a": ""}, True, id="an empty value is a value"),
        pytest.param("${aws:a, 'x'}", "x", {}, True, id="a default stands for a missing key"),
        pytest.param("${aws:a, 'x'}", "y", {"aws:a": "y"}, True, id="and gives way to a value"),
        pytest.param("${aws:a,'x'}", "x", {}, True, id="the blank before a default may be missing"),
        pytest.param("${aws:a, 'a}b*'}", "a}b*", {}, True, id="a default may hold a brace, and is literal"),
        pytest.param("${aws:a, x}", "x", {}, False, id="a default without quotes is none"),
        pytest.param("${aws:a, x}", "y", {"aws:a": "y"}, False, id="and spoils the variable"),
        pytest.param("${aws:a}", "", {}, False, id="a missing key matches nothing"),
        pytest.param("*${aws:a}", "x", {}, False, id="not even beside a wildcard"),
        pytest.param("${aws:a}", "x", {"aws:a": ["x", "y"]}, False, id="a key with several values has none"),
        pytest.param("${aws:a, 'x'}", "x", {"aws:a": ["y", "z"]}, False, id="and its default does not help"),
        pytest.param("${}", "", {"": ""}, False, id="a variable without name"),
        pytest.param("${aws:${aws:a}}", "x}", {"aws:a": "b", "aws:b": "x"}, False, id="a variable in a variable"),
        pytest.param("${aws:a", "${aws:a", {"aws:a": "x"}, True, id="one that is not closed is text"),
        pytest.param("a${*}b", "a*b", {}, True, id="an escaped star"),
        pytest.param("a${*}b", "axb", {}, False, id="is no wildcard"),
        pytest.param("a${?}b", "a?b", {}, True, id="an escaped question mark"),
        pytest.param("a${?}b", "axb", {}, False, id="is no wildcard either"),
        pytest.param("${$}{aws:a}", "${aws:a}", {"aws:a": "x"}, True, id="an escaped dollar"),
    ],
)
def test_variables_in_a_resource(policy: Any, pattern: str, key: str, context: dict[str, Any], matches: bool) -> None:
    assert allowed(policy, BUCKET + key, context, Resource=BUCKET + pattern) is matches


@pytest.mark.parametrize(
    ("text", "key", "default"),
    [
        ("${aws:a}", "aws:a", None),
        ("${ AWS:A , 'X' }", "aws:a", "X"),
        ("${a,'x'}", "a", "x"),
        ("${a, ''}", "a", ""),
        ("${a, 'x,y'}", "a", "x,y"),
        ("${a,}", "", None),
        ("${a, x}", "", None),
        ("${a, '}", "", None),
        ("${a, 'x}", "", None),
        ("${a, x'}", "", None),
        ("${a, 'x'y'}", "", None),
        ("${a, 'x' y}", "", None),
        ("${}", "", None),
        ("${, 'x'}", "", None),
        ("${a b, 'x'}", "", None),
        ("${a\tb}", "", None),
        ("${a$b}", "", None),
        ("${a{b, 'x'}", "", None),
        ("${a}b, 'x'}", "", None),
        ("${a'b}", "", None),
    ],
)
def test_a_variable_has_a_key_and_perhaps_a_default(text: str, key: str, default: str | None) -> None:
    variable = Variable(text)
    assert (variable.key, variable.default) == (key, default)


@pytest.mark.parametrize(
    "key",
    [
        "aws:CalledVia",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalServiceNamesList",
        "aws:ResourceOrgPaths",
        "aws:SourceOrgPaths",
        "aws:TagKeys",
        "aws:VpceSourceOrgPaths",
        "sts:TransitiveTagKeys",
    ],
)
def test_a_key_that_is_a_set_has_no_value_even_with_one_member(policy: Any, key: str) -> None:
    pattern = BUCKET + "${" + key + "}"
    assert not allowed(policy, BUCKET + "x", {key: ["x"]}, Resource=pattern)


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_before_version_2012_they_are_text(policy: Any, version: str | None) -> None:
    context = {"aws:username": "bob"}
    resource = BUCKET + "${aws:username}"
    assert not allowed(policy, BUCKET + "bob", context, Resource=resource, version=version)
    assert allowed(policy, resource, context, Resource=resource, version=version)
    condition = {"StringEquals": {"aws:username": "${aws:username}"}}
    assert not allowed(policy, BUCKET, context, Condition=condition, version=version)
    assert allowed(policy, BUCKET, {"aws:username": "${aws:username}"}, Condition=condition, version=version)


def test_they_stand_only_after_the_fifth_colon(policy: Any) -> None:
    context = {"aws:PrincipalAccount": "111122223333"}
    mine = "arn:aws:kms:eu-west-1:111122223333:key/1"
    pattern = "arn:aws:kms:eu-west-1:${aws:PrincipalAccount}:key/*"
    assert not allowed(policy, mine, context, Resource=pattern, Action="*")
    named = policy({"Effect": "Allow", "Action": "s3:*", "NotResource": pattern})
    assert not evaluate(Request(USER, "s3:GetObject", mine, context=context), PolicySet((named,))).allowed


def test_they_are_text_in_actions(policy: Any) -> None:
    assert not allowed(policy, BUCKET, {"a": "GetObject"}, Action="s3:${a}")


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", True),
        ("StringEqualsIgnoreCase", True),
        ("StringLike", True),
        ("StringNotEquals", False),
        ("NumericEquals", False),
        ("IpAddress", False),
        ("Bool", False),
        ("BinaryEquals", False),
    ],
)
def test_they_are_in_force_in_string_operators(policy: Any, operator: str, holds: bool) -> None:
    for value in ("1", "true", "10.0.0.1", "QQ=="):
        condition = {operator: {"aws:a": "${aws:b}"}}
        got = allowed(policy, BUCKET, {"aws:a": value, "aws:b": value}, Condition=condition)
        assert got is holds


def test_they_are_in_force_in_arn_operators(policy: Any) -> None:
    context = {
        "aws:SourceArn": "arn:aws:sns:r:111122223333:t",
        "aws:a": "111122223333",
        "aws:whole": "arn:aws:sns:r:111122223333:t",
        "aws:other": "arn:aws:sns:r:111122223333:t2",
    }
    for value in ("arn:aws:sns:*:${aws:a}:t2", "${aws:other}", "${aws:none}", "arn:aws:sns:*:${aws:none}:*"):
        assert not allowed(policy, BUCKET, context, Condition={"ArnLike": {"aws:SourceArn": value}})
        assert allowed(policy, BUCKET, context, Condition={"ArnNotLike": {"aws:SourceArn": value}})
    for value in ("arn:aws:sns:*:${aws:a}:*", "${aws:whole}"):
        assert allowed(policy, BUCKET, context, Condition={"ArnLike": {"aws:SourceArn": value}})
        assert not allowed(policy, BUCKET, context, Condition={"ArnNotLike": {"aws:SourceArn": value}})
    for broken in ("${aws:a}", "arn:${aws:a}"):
        assert not allowed(policy, BUCKET, context, Condition={"ArnLike": {"aws:SourceArn": broken}})
        assert not allowed(policy, BUCKET, context, Condition={"ArnNotLike": {"aws:SourceArn": broken}})


def test_a_colon_in_a_value_opens_no_further_part_of_an_arn(policy: Any) -> None:
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:sns:${aws:PrincipalTag/r}:111122223333:topic"}}
    theirs = "arn:aws:sns:eu:444455556666:111122223333:topic"
    assert not allowed(
        policy, BUCKET, {"aws:SourceArn": theirs, "aws:PrincipalTag/r": "eu:444455556666"}, Condition=condition
    )
    mine = "arn:aws:sns:eu:111122223333:topic"
    assert allowed(policy, BUCKET, {"aws:SourceArn": mine, "aws:PrincipalTag/r": "eu"}, Condition=condition)
    whole = {"ArnLike": {"aws:SourceArn": "${aws:PrincipalTag/r}:topic"}}
    context = {"aws:SourceArn": mine, "aws:PrincipalTag/r": "arn:aws:sns:eu:111122223333"}
    assert allowed(policy, BUCKET, context, Condition=whole)


@pytest.mark.parametrize("family", ["String", "Arn"])
def test_without_value_a_positive_operator_fails_and_a_negated_one_holds(policy: Any, family: str) -> None:
    context = {"k": "arn:aws:s3:::b"}
    for operator, holds in ((f"{family}Equals", False), (f"{family}Like", False), (f"{family}NotLike", True)):
        assert allowed(policy, BUCKET, context, Condition={operator: {"k": "arn:aws:s3:::${aws:none}"}}) is holds
    for other in ("arn:aws:s3:::b", "arn:aws:s3:::${k2}"):
        both = {f"{family}Equals": {"k": ["arn:aws:s3:::${aws:none}", other]}}
        assert allowed(policy, BUCKET, context | {"k2": "b"}, Condition=both)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("ab", ["ab"]),
        ("${a}", ["${a}"]),
        ("x${a}y${b}z", ["x", "${a}", "y", "${b}", "z"]),
        ("${a}${b}", ["${a}", "${b}"]),
        ("${a, '}'}}", ["${a, '}'}", "}"]),
        ("${a, '}'x'}", ["${a, '}'x'}"]),
        ("${a, '}", ["${a, '}"]),
        ("${a}${b", ["${a}", "${b"]),
        ("x${b${c}", ["x", "${b${c}"]),
        ("${*}${?}${$}", ["*", "?", "$"]),
        ("$a{b}", ["$a{b}"]),
    ],
)
def test_a_text_is_cut_at_its_variables(text: str, found: list[str]) -> None:
    cut = parts(text, wildcards=False, variables=True)
    assert [part.text if isinstance(part, Variable) else part for part in cut] == found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${aws:b}", UNKNOWN),
        ("${aws:b, 'x'}", UNKNOWN),
        ("${aws:a}", "1"),
        ("${aws:TagKeys}", None),
        ("${}", None),
        ("${aws b}", None),
    ],
)
def test_where_every_key_is_unknown_only_a_well_formed_variable_is(text: str, value: Any) -> None:
    facts = Facts(Request(USER, "s3:GetObject", "*", context={"aws:a": "1"}, unknown=UnknownKeys(["*"])))
    assert Variable(text).value(facts) == value


def test_the_variables_without_value_are_told_as_written() -> None:
    facts = Facts(Request(USER, "s3:GetObject", "*", context={"a": "1"}))
    pattern = parts("${a}-${B}-*-${c, 'x'}-${d}", wildcards=True, variables=True)
    assert without_value(pattern, facts) == ("${B}", "${d}")


def test_ignoring_case_reaches_into_the_value(policy: Any) -> None:
    condition = {"StringEqualsIgnoreCase": {"aws:a": "X-${aws:b}"}}
    assert allowed(policy, BUCKET, {"aws:a": "x-team", "aws:b": "TEAM"}, Condition=condition)
    assert not allowed(policy, BUCKET, {"aws:a": "x-team", "aws:b": "TEAMS"}, Condition=condition)


@given(st.text(alphabet="${}*?',a: ", max_size=20))
def test_any_text_can_be_read_and_expanded(text: str) -> None:
    facts = Facts(Request(USER, "s3:GetObject", "*", context={"a": "value"}))
    expand(parts(text, wildcards=True, variables=True), facts)
    assert "".join(map(str, parts(text, wildcards=False, variables=False))) == text
