"""What AWS refuses is refused in AWS's words, with the place of the fault; what it takes is taken."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.document import compile_policy, parse_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError, PolicyTooLarge
from podrole.iam.policy import Effect, PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts, Request
from support.cases import read_yaml

MALFORMED = read_yaml(Path(__file__).parent / "data" / "malformed.yaml")


@pytest.mark.parametrize(
    ("kind", "document", "message", "path"), [pytest.param(*row[1:], id=row[0]) for row in MALFORMED]
)
def test_a_malformed_document_is_refused(kind: str, document: Any, message: str, path: str) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(text, PolicyKind(kind))
    assert refused.value.message == message
    assert refused.value.faults[0].path == path
    assert refused.value.status == 400
    organizations = kind in ("scp", "rcp")
    assert refused.value.aws_code == (
        "MalformedPolicyDocumentException" if organizations else "MalformedPolicyDocument"
    )


S3 = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::example_bucket"}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Action": "iam: asdf safdsf af "},  # IAM does not look at names
        {"Action": "*"},
        {"Action": "*:*"},
        {"Action": "aaaaaadsfdsafsadfsadfaaaaa:ListBucket"},
        {"Action": "s3-s:ListBucket"},
        {"Action": "s3.s:ListBucket"},
        {"Resource": ["arn:aws:s3:::example_bucket", "*"]},
        {"Resource": "arn:aws:iam:::user/example"},
        {"Resource": "arn:aws:iam::111122223333:root"},
        {"Resource": "arn:aws:iam::*:*"},
        {"Resource": "arn:aws:fdsasf"},
        {"Resource": "arn:aws:s3*"},
        {"Resource": "arn:*:s3:::example_bucket"},
        {"Resource": "arn:aws:invalid-service:us-east-1::example_bucket"},
        {"Resource": "arn:aws:s3:eu-west-1:111122223333:accesspoint/p"},
        {"Condition": {}},
        {"Condition": {"DateGreaterThan": {}}},
        {"Condition": {"DateGreaterThan": {"a": []}}},
        {"Condition": {"DateGreaterThan": {"a": "01T"}}},
        {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2017-07-01T00:00:00Z"}}},
        {"Condition": {"DateLessThanEquals": {"a": "2016-12-13T21:20:37.593194+00:00"}}},
        {"Condition": {"DateLessThanEquals": {"a": "2016-12-13t2:00:00.593194+23"}}},
        {"Condition": {"DateLessThan": {"a": "-292275054"}}},
        {"Condition": {"DateLessThan": {"a": 1700000000}}},
        {"Condition": {"ForAnyValue:StringEqualsIfExists": {"a": "asf"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"a": [1, 2.5]}}},
        {"Sid": "dsfsdfsdfsdfsdfsadfsd"},
        {"Sid": ""},
    ],
)
def test_what_iam_takes_is_taken(changed: dict[str, Any]) -> None:
    parse_policy(json.dumps({"Version": "2012-10-17", "Statement": S3 | changed}), PolicyKind.IDENTITY)


def test_a_statement_may_stand_alone_or_in_a_list() -> None:
    alone = parse_policy(json.dumps({"Statement": S3}), PolicyKind.IDENTITY)
    listed = parse_policy(json.dumps({"Statement": [S3, S3]}), PolicyKind.IDENTITY)
    assert [(one.index, one.path) for one in alone.statements] == [(0, "$.Statement")]
    assert [(one.index, one.path) for one in listed.statements] == [(0, "$.Statement[0]"), (1, "$.Statement[1]")]


def test_a_document_may_have_an_id() -> None:
    assert parse_policy(json.dumps({"Id": "x", "Statement": S3}), PolicyKind.IDENTITY).id == "x"
    assert parse_policy(json.dumps({"Statement": S3}), PolicyKind.IDENTITY).id == ""


def test_a_text_that_the_api_refuses_is_not_read() -> None:
    with pytest.raises(PolicyTooLarge):
        parse_policy("", PolicyKind.IDENTITY)


@pytest.mark.parametrize(("version", "matches"), [("2012-10-17", True), ("2008-10-17", False)])
def test_variables_are_in_force_from_version_2012(version: str, matches: bool) -> None:
    condition = {"StringEquals": {"aws:b": "${aws:a}"}}
    statement = S3 | {"Resource": "arn:aws:s3:::${aws:a}", "Condition": condition}
    (read,) = parse_policy(json.dumps({"Version": version, "Statement": statement}), PolicyKind.IDENTITY).statements
    user = principal_of("arn:aws:iam::111122223333:user/bob")
    facts = Facts(Request(user, "s3:ListBucket", "arn:aws:s3:::x", context={"aws:a": "x", "aws:b": "x"}))
    assert read.resources is not None
    assert read.resources.matches(facts) is matches
    assert read.conditions[0].holds(facts) is matches


def test_a_document_without_version_is_of_the_old_one() -> None:
    assert parse_policy(json.dumps({"Statement": S3}), PolicyKind.IDENTITY).version == "2008-10-17"


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "*"},
        {"AWS": ["111122223333", "arn:aws:iam::111122223333:root", "arn:aws-cn:iam::111122223333:role/p/r"]},
        {"AWS": "arn:aws:sts::111122223333:assumed-role/r/s"},
        {"AWS": "arn:aws:sts::111122223333:federated-user/bob"},
        {"AWS": "AROAEXAMPLEEXAMPLEEXA"},
        {"Service": ["ec2.amazonaws.com", "pods.eks.amazonaws.com"]},
        {"Federated": "cognito-identity.amazonaws.com"},
        {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A/"},
        {"Federated": "arn:aws:iam::111122223333:saml-provider/corp", "AWS": "111122223333"},
    ],
)
def test_a_trust_policy_may_name(principal: dict[str, Any]) -> None:
    for action in ("sts:AssumeRole", "sts:AssumeRole*", "STS:assumerolewithwebidentity", "sts:*", "sts:TagSession"):
        document = {"Statement": {"Effect": "Allow", "Principal": principal, "Action": action}}
        parse_policy(json.dumps(document), PolicyKind.TRUST)


def test_a_resource_policy_may_leave_its_resource_out_and_use_any_sid() -> None:
    one = {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": "*", "Action": "ecr:*"}
    assert parse_policy(json.dumps({"Statement": [one, one]}), PolicyKind.RESOURCE).statements[0].resources is None


def test_the_one_rcp_that_allows_is_taken() -> None:
    full = {"Sid": "RCPFullAWSAccess", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [full]}
    assert parse_policy(json.dumps(document), PolicyKind.RCP).statements[0].effect is Effect.ALLOW


OF_IAM = {PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION, PolicyKind.TRUST}
NAMED = {"AWS": "111122223333"}
OF_KIND: dict[PolicyKind, dict[str, Any]] = {
    PolicyKind.IDENTITY: S3,
    PolicyKind.BOUNDARY: S3,
    PolicyKind.SESSION: S3,
    PolicyKind.TRUST: {"Effect": "Allow", "Principal": NAMED, "Action": "sts:AssumeRole"},
    PolicyKind.RESOURCE: S3 | {"Principal": NAMED},
    PolicyKind.ENDPOINT: S3 | {"Principal": NAMED},
    PolicyKind.SCP: S3,
    PolicyKind.RCP: S3 | {"Principal": "*", "Effect": "Deny"},
}


def test_a_fault_says_where_it_stands_what_stands_there_and_what_should() -> None:
    text = (
        '{\n  "Version": "2012-10-17",\n  "Statement": [\n'
        '    {"Effect": "allow",\n     "Action": "s3:*", "Resource": "*"}\n  ]\n}'
    )
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(text, PolicyKind.IDENTITY)
    fault = refused.value.faults[0]
    assert (fault.path, fault.line, fault.column) == ("$.Statement[0].Effect", 4, 16)
    shown = refused.value.diagnostics()
    assert "'allow' at $.Statement[0].Effect (line 4, column 16)" in shown
    assert "Allow" in shown
    assert json.loads(json.dumps(fault.to_dict()))["line"] == 4


def test_an_unknown_element_is_pointed_at_by_its_name() -> None:
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy('{"Statement": [], "Extra": {"a": 1}}', PolicyKind.IDENTITY)
    assert ("$.Extra", 1, 19) in [(one.path, one.line, one.column) for one in refused.value.faults]


@pytest.mark.parametrize(
    ("kind", "changed", "pointed_at"),
    [
        ("identity", {"Extra": 1}, '"Extra"'),
        ("identity", {"NotAction": "iam:*"}, '"NotAction"'),
        ("identity", {"Principal": "*"}, '"Principal"'),
        ("identity", {"Condition": {"Equals": {"a": "b"}}}, '"Equals"'),
        ("identity", {"Condition": {"StringEquals": {"aws:a": "b", "AWS:A": "c"}}}, '"AWS:A"'),
        ("identity", {"Condition": {"StringEquals": {"": "b"}}}, '""'),
        ("identity", {"Condition": {"StringEquals": {"a": None}}}, "null"),
        ("identity", {"Condition": {"StringEquals": ["a"]}}, '["a"]'),
        ("identity", {"Condition": {"DateLessThan": {"a": ["2026", "never"]}}}, '["2026", "never"]'),
        ("identity", {"Condition": 1}, "1"),
        ("identity", {"Sid": "a b"}, '"a b"'),
        ("identity", {"Effect": "allow"}, '"allow"'),
        ("identity", {"Effect": "Permit"}, '"Permit"'),
        ("identity", {"Action": ["s3:*", "x"]}, '"x"'),
        ("identity", {"Resource": ["*", "x"]}, '"x"'),
        ("identity", {"Resource": [1]}, "[1]"),
        ("identity", {"Action": []}, "[]"),
        ("identity", {"Action": None}, "null"),
        ("trust", {"Resource": "*"}, '"Resource"'),
        ("trust", {"NotResource": "*"}, '"NotResource"'),
        ("trust", {"Action": "s3:*"}, '"s3:*"'),
        ("trust", {"NotPrincipal": {"AWS": "*"}, "Principal": ..., "Effect": "Deny"}, '"NotPrincipal"'),
        ("trust", {"NotAction": "sts:AssumeRole", "Action": ...}, '"NotAction"'),
        ("trust", {"Principal": {"AWS": ["111122223333", "bob"]}}, '"bob"'),
        ("trust", {"Principal": "*"}, '"*"'),
        ("resource", {"NotPrincipal": {"AWS": "*"}, "Principal": ...}, '"NotPrincipal"'),
        ("rcp", {"Effect": "Allow"}, '"Allow"'),
    ],
)
def test_a_fault_points_at_the_name_or_the_value_that_is_wrong(
    kind: str, changed: dict[str, Any], pointed_at: str
) -> None:
    written = {name: value for name, value in (OF_KIND[PolicyKind(kind)] | changed).items() if value is not ...}
    text = json.dumps({"Version": "2012-10-17", "Statement": written})
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(text, PolicyKind(kind))
    (fault,) = refused.value.faults
    assert text[fault.column - 1 :].startswith(pointed_at)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("null", "null, or nothing"),
        ("true", "the boolean true"),
        ("false", "the boolean false"),
        ("1.50", "the number 1.50"),
        ("1" * 61, f"the number {'1' * 60}"),
        ("{}", "an empty object"),
        ('{"a": 1}', "an object"),
        ("[]", "an empty list"),
        ("[1]", "a list"),
        ('"Permit"', "'Permit'"),
        (f'"{"x" * 200}"', repr("x" * 200)),
        (f'"{"x" * 201}"', repr("x" * 200) + "…"),
    ],
)
def test_a_fault_says_what_was_found(value: str, got: str) -> None:
    text = '{"Statement": {"Effect": %s, "Action": "s3:*", "Resource": "*"}}' % value  # noqa: UP031 - braces
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(text, PolicyKind.IDENTITY)
    assert refused.value.faults[0].got == got


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        ({"Equals": {"a": "b"}, "Like": {"a": "b"}}, ["Equals", "Like"]),
        ({"StringEquals": 1, "Like": {"a": "b"}}, ["StringEquals", "Like"]),
        (
            {"StringEquals": {"": "b", "a": None, "A": "c"}, "Bool": {"": "true"}},
            ["a", 'StringEquals[""]', "A", 'Bool[""]'],
        ),
        ({"DateLessThan": {"a": ["never", "ever"]}}, ["a", "a"]),
    ],
)
def test_every_fault_of_a_condition_is_told(condition: dict[str, Any], paths: list[str]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": S3 | {"Condition": condition}})
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(text, PolicyKind.IDENTITY)
    found = [one.path.removeprefix("$.Statement.Condition.") for one in refused.value.faults]
    assert sorted(path.rpartition(".")[2] for path in found) == sorted(paths)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("true", ["true"]),
        ("false", ["false"]),
        ("1.50", ["1.50"]),
        ('"a"', ["a"]),
        ("[]", []),
        ('["a", 1, true, "b"]', ["a", "1", "true", "b"]),
    ],
)
def test_the_values_of_a_condition_are_texts(value: str, texts: list[str]) -> None:
    condition = (
        '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"k": %s}}}}'
    )
    (statement,) = parse_policy(condition % value, PolicyKind.IDENTITY).statements
    (found,) = statement.conditions
    assert list(found.values) == texts


def test_all_faults_are_reported_the_one_aws_answers_with_first() -> None:
    document = {"Statement": [{"Effect": "Allow", "Action": "x", "Resource": "y"}, {"Effect": "no", "Action": "s3:*"}]}
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(json.dumps(document), PolicyKind.IDENTITY)
    assert [one.path for one in refused.value.faults] == [
        "$.Statement[1].Effect",
        "$.Statement[0].Resource",
        "$.Statement[0].Action",
        "$.Statement[1]",
    ]


def test_the_earliest_stage_comes_first_wherever_its_fault_stands() -> None:
    by_stage: list[dict[str, Any]] = [
        {"Effect": "no"},
        {"Principal": "*"},
        {"Effect": "allow"},
        {"Sid": "a b"},
        {"Action": []},
        {"Resource": "y"},
        {"Action": "x"},
        {"Resource": []},
    ]
    document = {"Statement": [S3 | changed for changed in reversed(by_stage)]}
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(json.dumps(document), PolicyKind.IDENTITY)
    assert [int(one.path[len("$.Statement[")]) for one in refused.value.faults] == [7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "legacy",
    [{"Effect": "allow"}, {"Resource": "arn:aws:s3::b"}, {"Condition": {"DateLessThan": {"a": "never"}}}],
)
def test_what_fails_legacy_parsing_comes_before_a_sid(legacy: dict[str, Any]) -> None:
    document = {"Statement": [S3 | {"Sid": "a b"}, S3 | legacy]}
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(json.dumps(document), PolicyKind.IDENTITY)
    assert refused.value.message == "The policy failed legacy parsing"
    assert [one.rule == "sid" for one in refused.value.faults] == [False, True]


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, set(PolicyKind)),
        ({"Sid": "a b"}, set(PolicyKind) - OF_IAM),
        ({"Condition": {"DateLessThan": {"a": "never"}}}, set(PolicyKind) - OF_IAM),
        (
            {"Principal": None, "NotPrincipal": NAMED, "Effect": "Deny"},
            {PolicyKind.RESOURCE, PolicyKind.ENDPOINT},
        ),
        ({"Principal": {"CanonicalUser": "a" * 64}}, {PolicyKind.RESOURCE}),
        ({"Action": None, "NotAction": "sts:AssumeRole"}, set(PolicyKind) - {PolicyKind.TRUST, PolicyKind.RCP}),
        ({"Resource": None}, {PolicyKind.RESOURCE, PolicyKind.TRUST}),
    ],
)
def test_each_kind_of_policy_has_its_grammar(changed: dict[str, Any], kinds: set[PolicyKind]) -> None:
    taken = set()
    for kind, statement in OF_KIND.items():
        written = {name: value for name, value in (statement | changed).items() if value is not None}
        with contextlib.suppress(MalformedPolicyDocument):
            parse_policy(json.dumps({"Version": "2012-10-17", "Statement": written}), kind)
            taken.add(kind)
    assert taken == kinds


@pytest.mark.parametrize("kind", PolicyKind)
def test_only_policies_of_organizations_need_the_current_version(kind: PolicyKind) -> None:
    text = json.dumps({"Statement": OF_KIND[kind]})
    if kind in (PolicyKind.SCP, PolicyKind.RCP):
        with pytest.raises(MalformedPolicyDocument):
            parse_policy(text, kind)
    else:
        assert parse_policy(text, kind).version == "2008-10-17"


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, True),
        ({"Action": "s3:*"}, False),
        ({"Action": ["*", "*"]}, False),
        ({"Resource": "arn:aws:s3:::b"}, False),
        ({"Resource": ..., "NotResource": "*"}, False),
        ({"Resource": ...}, False),
        ({"Action": ..., "NotAction": "*"}, False),
        ({"Condition": {"Bool": {"a": True}}}, False),
        ({"Condition": {}}, True),
        ({"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b"}, True),
    ],
)
def test_an_rcp_allows_everything_or_nothing(changed: dict[str, Any], taken: bool) -> None:
    full = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    written = {name: value for name, value in (full | changed).items() if value is not ...}
    text = json.dumps({"Version": "2012-10-17", "Statement": written})
    if taken:
        parse_policy(text, PolicyKind.RCP)
    else:
        with pytest.raises(MalformedPolicyDocument):
            parse_policy(text, PolicyKind.RCP)


def test_a_document_full_of_faults_is_refused_at_once() -> None:
    document = {"Statement": [{"Effect": "Allow", "Action": ["x"] * 20_000, "Resource": "*"}]}
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse_policy(json.dumps(document), PolicyKind.IDENTITY)
    assert len(refused.value.faults) == 20


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 20_000,
        '{"Statement":' + "[" * 900 + "1," * 50_000 + "1" + "]" * 900 + "}",
        '"' + "\\" * 100_001,
        '{"Version":' + "9" * 100_000 + "}",
        '{"Statement":{"Effect":' + '"\\"' * 30_000,
        "${" * 50_000,
    ],
    ids=["brackets", "objects", "deep and broad", "backslashes", "a long number", "quotes", "variables"],
)
def test_a_hostile_document_is_refused_at_once(text: str) -> None:
    for kind in PolicyKind:
        with pytest.raises(PolicyError):
            parse_policy(text, kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    [
        "*",
        "Allow",
        "Deny",
        "2012-10-17",
        "s3:Get*",
        "sts:AssumeRole",
        "arn:aws:s3:::b/${aws:username}",
        "111122223333",
        "${",
        "",
    ]
)
ANYTHING = WORDS | JSON | st.lists(WORDS | JSON, max_size=3)
STATEMENTS = st.dictionaries(
    st.sampled_from(
        [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            "x",
        ]
    ),
    ANYTHING
    | st.dictionaries(
        st.sampled_from(["AWS", "Federated", "StringEquals", "DateLessThan", "Null", "ForAnyValue:ArnLike"]),
        ANYTHING | st.dictionaries(st.text(max_size=5), ANYTHING, max_size=2),
        max_size=2,
    ),
)
DOCUMENTS = st.fixed_dictionaries(
    {"Statement": STATEMENTS | st.lists(STATEMENTS, max_size=3)},
    optional={"Version": ANYTHING, "Id": ANYTHING, "y": JSON},
)


@given(DOCUMENTS | JSON, st.sampled_from(PolicyKind))
def test_any_document_is_compiled_or_refused(document: Any, kind: PolicyKind) -> None:
    try:
        policy = parse_policy(json.dumps(document), kind)
    except PolicyError:
        return
    assert policy.statements
    assert policy.kind is kind


@given(st.text(max_size=200), st.sampled_from(PolicyKind))
def test_any_text_is_compiled_or_refused(text: str, kind: PolicyKind) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text, kind)


@given(st.data(), st.sampled_from(PolicyKind))
def test_a_document_cut_anywhere_is_refused(data: st.DataObject, kind: PolicyKind) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [S3]})
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(PolicyError):
        parse_policy(text[:end], kind)


def test_the_same_text_is_compiled_once_for_each_kind() -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [S3]})
    assert compile_policy(text, PolicyKind.IDENTITY) is compile_policy(text, PolicyKind.IDENTITY)
    assert compile_policy(text, PolicyKind.IDENTITY) is not compile_policy(text, PolicyKind.SESSION)
