"""Parameters are judged as the API's model does, all at once."""

from __future__ import annotations

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.aws.protocol.validation import violations
from podrole.sts.denial import Denied
from podrole.sts.parameters import (
    ACCESS_KEY_INFO_PARAMETERS,
    ASSUME_ROLE_PARAMETERS,
    DECODE_MESSAGE_PARAMETERS,
    DEFAULT_DURATION,
    DEFAULT_USER_DURATION,
    FEDERATION_PARAMETERS,
    SESSION_TOKEN_PARAMETERS,
    WEB_IDENTITY_PARAMETERS,
    Text,
    is_tag_text,
    policy_arns,
    tags,
    transitive_tag_keys,
    validate,
)
from podrole.sts.role_arn import RoleName, parse_role_arn

GOOD = {
    "RoleArn": "arn:aws:iam::111122223333:role/reader",
    "RoleSessionName": "web",
    "WebIdentityToken": "a.b.c",
}
FAILED = "failed to satisfy constraint: Member must"
LONGER, SHORTER = "have length greater than or equal to", "have length less than or equal to"
MORE, LESS = "have value greater than or equal to", "have value less than or equal to"
ANY = (
    "satisfy regular expression pattern: "
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"
)
LATIN = r"satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+"
PATTERN = r"satisfy regular expression pattern: [\w+=,.@-]*"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"RoleArn": None}, f"Value null at 'roleArn' {FAILED} not be null"),
        ({"RoleArn": "arn:aws:iam::1:role"}, f"Value 'arn:aws:iam::1:role' at 'roleArn' {FAILED} {LONGER} 20"),
        ({"RoleSessionName": "a:b"}, rf"Value 'a:b' at 'roleSessionName' {FAILED} {PATTERN}"),
        ({"RoleSessionName": "ä" * 3}, rf"Value 'äää' at 'roleSessionName' {FAILED} {PATTERN}"),
        ({"RoleSessionName": "x"}, f"Value 'x' at 'roleSessionName' {FAILED} {LONGER} 2"),
        ({"RoleSessionName": "x" * 65}, f"Value '{'x' * 65}' at 'roleSessionName' {FAILED} {SHORTER} 64"),
        ({"DurationSeconds": "899"}, f"Value '899' at 'durationSeconds' {FAILED} {MORE} 900"),
        ({"DurationSeconds": "43201"}, f"Value '43201' at 'durationSeconds' {FAILED} {LESS} 43200"),
        ({"DurationSeconds": "1e3"}, f"Value '1e3' at 'durationSeconds' {FAILED} be an integer"),
        ({"WebIdentityToken": "abc"}, f"Value at 'webIdentityToken' {FAILED} {LONGER} 4"),
        ({"WebIdentityToken": "a" * 20_001}, f"Value at 'webIdentityToken' {FAILED} {SHORTER} 20000"),
        ({"MinimumSessionTokenSize": "4097"}, f"Value '4097' at 'minimumSessionTokenSize' {FAILED} {LESS} 4096"),
        ({"RoleArn": "arn:aws:iam::1:role/\x7fxx"}, f"Value 'arn:aws:iam::1:role/\x7fxx' at 'roleArn' {FAILED} {ANY}"),
        ({"Policy": "{}\u0100"}, f"Value '{{}}\u0100' at 'policy' {FAILED} {LATIN}"),
    ],
)
def test_a_parameter_outside_its_limits_is_named(changed: dict[str, str | None], message: str) -> None:
    parameters = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(Denied) as raised:
        validate(parameters, WEB_IDENTITY_PARAMETERS)
    denial = raised.value.denial
    assert (denial.code, denial.status) == ("ValidationError", 400)
    assert denial.message == f"1 validation error detected: {message}"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, f"Value null at 'encodedMessage' {FAILED} not be null"),
        ({"EncodedMessage": ""}, f"Value at 'encodedMessage' {FAILED} {LONGER} 1"),
        ({"EncodedMessage": "x" * 10_241}, f"Value at 'encodedMessage' {FAILED} {SHORTER} 10240"),
    ],
)
def test_an_encoded_message_outside_its_limits_is_named_and_not_repeated(
    parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(Denied) as raised:
        validate(parameters, DECODE_MESSAGE_PARAMETERS)
    assert raised.value.denial.message == f"1 validation error detected: {message}"


def test_several_violations_share_one_message() -> None:
    with pytest.raises(Denied) as raised:
        validate({**GOOD, "RoleSessionName": ":", "DurationSeconds": "1"}, WEB_IDENTITY_PARAMETERS)
    message = raised.value.denial.message
    assert message.startswith("3 validation errors detected: Value ':' at 'roleSessionName'")
    assert message.count("; ") == 2


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"DurationSeconds": "900"},
        {"DurationSeconds": "43200"},
        {"DurationSeconds": "+900"},
        {"MinimumSessionTokenSize": "0"},
        {"MinimumSessionTokenSize": "4096"},
    ],
)
def test_parameters_at_their_limits_pass(parameters: dict[str, str]) -> None:
    validate({**GOOD, **parameters}, WEB_IDENTITY_PARAMETERS)


def test_the_default_durations_are_those_of_the_api() -> None:
    assert (DEFAULT_DURATION, DEFAULT_USER_DURATION) == (3_600, 43_200)


def test_policy_arns_come_in_the_order_of_their_numbers() -> None:
    arns = {f"PolicyArns.member.{n}.arn": f"arn:aws:iam::aws:policy/P{n}" for n in (2, 10, 1)}
    assert [arn[-2:] for arn in policy_arns(arns)] == ["P1", "P2", "10"]


def refused(parameters: dict[str, str], *lists: str) -> tuple[str, str]:
    with pytest.raises(Denied) as raised:
        validate(parameters, (), lists)
    return raised.value.denial.code, raised.value.denial.message


@pytest.mark.parametrize(
    ("name", "maximum"), [("PolicyArns.member.{}.arn", 10), ("TransitiveTagKeys.member.{}", 50), ("Tags", 50)]
)
def test_a_list_may_be_as_long_as_the_api_says_and_no_longer(name: str, maximum: int) -> None:
    names = [f"Tags.member.{{}}.{part}" for part in ("Key", "Value")] if name == "Tags" else [name]
    of_list = name.partition(".")[0]

    def elements(count: int) -> dict[str, str]:
        return {one.format(number): "a" * 20 for number in range(1, count + 1) for one in names}

    validate(elements(maximum), (), (of_list,))
    code, message = refused(elements(maximum + 1), of_list)
    assert code == "ValidationError"
    assert message.endswith(f"at '{of_list[0].lower()}{of_list[1:]}' {FAILED} {SHORTER} {maximum}")


@pytest.mark.parametrize(
    ("arn", "shown"), [("short", f"{FAILED} {LONGER} 20"), ("x" * 2_049, f"{FAILED} {SHORTER} 2048")]
)
def test_a_policy_arn_outside_its_limits_is_named(arn: str, shown: str) -> None:
    code, message = refused({"PolicyArns.member.1.arn": arn}, "PolicyArns")
    assert code == "ValidationError"
    assert message.endswith(f"Value '{arn}' at 'policyArns.1.member.arn' {shown}")


@pytest.mark.parametrize(
    "name",
    [
        "PolicyArns",
        "PolicyArns.",
        "PolicyArns.1",
        "PolicyArns.1.arn",
        "PolicyArns.member",
        "PolicyArns.member.0.arn",
        "PolicyArns.member.01.arn",
        "PolicyArns.member.-1.arn",
        "PolicyArns.member.1",
        "PolicyArns.member.1.Arn",
        "PolicyArns.member.1.arn.x",
        "PolicyArns.member.99999.arn",
        "PolicyArns.Member.1.arn",
    ],
)
def test_a_restriction_that_is_misspelt_is_refused_and_not_lost(name: str) -> None:
    assert refused({name: "arn:aws:iam::aws:policy/P"}, "PolicyArns")[0] == "MalformedInput"


def test_an_empty_list_as_sdks_write_it_is_an_empty_list() -> None:
    validate({"PolicyArns": ""}, (), ("PolicyArns",))
    assert policy_arns({"PolicyArns": ""}) == ()


def test_tags_and_transitive_keys_are_read_in_order() -> None:
    given = {
        "Tags.member.2.Key": "b",
        "Tags.member.2.Value": "",
        "Tags.member.1.Key": "a",
        "Tags.member.1.Value": "1",
        "TransitiveTagKeys.member.1": "b",
    }
    validate(given, (), ("Tags", "TransitiveTagKeys"))
    assert tags(given) == [("a", "1"), ("b", "")]
    assert transitive_tag_keys(given) == ("b",)


KEYS = r"satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Tags.member.1.Key": "a"}, f"Value null at 'tags.1.member.value' {FAILED} not be null"),
        ({"Tags.member.1.Value": "a"}, f"Value null at 'tags.1.member.key' {FAILED} not be null"),
        (
            {"Tags.member.3.Key": "a;b", "Tags.member.3.Value": ""},
            f"Value 'a;b' at 'tags.3.member.key' {FAILED} {KEYS}",
        ),
        (
            {"Tags.member.1.Key": "a\tb", "Tags.member.1.Value": ""},
            f"Value 'a\tb' at 'tags.1.member.key' {FAILED} {KEYS}",
        ),
        (
            {"Tags.member.1.Key": "a", "Tags.member.1.Value": "x" * 257},
            f"Value '{'x' * 257}' at 'tags.1.member.value' {FAILED} {SHORTER} 256",
        ),
        (
            {"Tags.member.1.Key": "x" * 129, "Tags.member.1.Value": ""},
            f"Value '{'x' * 129}' at 'tags.1.member.key' {FAILED} {SHORTER} 128",
        ),
        ({"TransitiveTagKeys.member.1": ""}, f"Value '' at 'transitiveTagKeys.1.member' {FAILED} {LONGER} 1"),
        (
            {"TransitiveTagKeys.member.1": "x" * 129},
            f"Value '{'x' * 129}' at 'transitiveTagKeys.1.member' {FAILED} {SHORTER} 128",
        ),
    ],
)
def test_a_tag_outside_its_limits_is_named(parameters: dict[str, str], message: str) -> None:
    code, told = refused(parameters, "Tags", "TransitiveTagKeys")
    assert code == "ValidationError"
    assert message in told


@pytest.mark.parametrize("name", ["Tags.member.1", "Tags.member.1.key", "TransitiveTagKeys.member.1.x", "Tags.1.Key"])
def test_a_tag_that_is_misspelt_is_refused(name: str) -> None:
    assert refused({name: "a"}, "Tags", "TransitiveTagKeys")[0] == "MalformedInput"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Project 1", True),
        ("a_.:/=+-@", True),
        ("Straße 東京\u3000x\xa0²½Ⅻ", True),
        ("a\n", False),
        ("é\t", False),
        ("€", False),
    ],
)
def test_tags_are_of_letters_blanks_digits_and_some_signs(text: str, fits: bool) -> None:
    assert is_tag_text(text) is fits


def test_a_policy_for_assume_role_has_no_limit_of_its_own() -> None:
    given = {"RoleArn": GOOD["RoleArn"], "RoleSessionName": "web", "Policy": "x" * 3_000}
    validate(given, ASSUME_ROLE_PARAMETERS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing-valid-in-here", "nothing-valid-in-here is invalid"),
        ("arn:a:a::aaaaaaaaaa:", "arn:a:a::aaaaaaaaaa: is invalid"),
        ("arn::iam::111122223333:role/r", "arn::iam::111122223333:role/r is invalid"),
        ("arn:aws:::111122223333:role/r", "arn:aws:::111122223333:role/r is invalid"),
        ("ARN:aws:iam::111122223333:role/r", "ARN:aws:iam::111122223333:role/r is invalid"),
        ("arn:aws:iam::111122223333", "arn:aws:iam::111122223333 is invalid"),
        ("arn:aws:iam::111122223333:user/a:role/r", "Request ARN is invalid"),
        ("arn:aws:iam::111122223333:user/r", "Request ARN is invalid"),
        ("arn:aws:sts::111122223333:role/r", "Request ARN is invalid"),
        ("arn:aws:iam:us-east-1:111122223333:role/r", "Request ARN is invalid"),
        ("arn:aws:iam::1111:role/reader", "Request ARN is invalid"),
        ("arn:aws:iam::111122223333:role/path/", "Request ARN is invalid"),
        ("arn:aws:iam::111122223333:assumed-role/r/s", "Request ARN is invalid"),
    ],
)
def test_what_is_no_role_arn_is_refused(text: str, message: str) -> None:
    with pytest.raises(Denied) as raised:
        parse_role_arn(text)
    assert (raised.value.denial.code, raised.value.denial.message) == ("ValidationError", message)


def test_a_role_with_a_path_is_taken_apart() -> None:
    for path in ("", "a/b/", "a:b/"):
        arn = f"arn:aws-cn:iam::111122223333:role/{path}reader"
        assert parse_role_arn(arn) == RoleName(arn, "aws-cn", "111122223333")


STS_MODEL = botocore.session.get_session().get_service_model("sts")
OPERATIONS = {
    "AssumeRole": ASSUME_ROLE_PARAMETERS,
    "AssumeRoleWithWebIdentity": WEB_IDENTITY_PARAMETERS,
    "DecodeAuthorizationMessage": DECODE_MESSAGE_PARAMETERS,
    "GetAccessKeyInfo": ACCESS_KEY_INFO_PARAMETERS,
    "GetFederationToken": FEDERATION_PARAMETERS,
    "GetSessionToken": SESSION_TOKEN_PARAMETERS,
}
TEXTS = [
    (operation, member) for operation, members in OPERATIONS.items() for member in members if isinstance(member, Text)
]
CONSTRAINT = "failed to satisfy constraint: "


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_limits_are_those_of_the_apis_model(operation: str) -> None:
    shape = STS_MODEL.operation_model(operation).input_shape
    plain = {name: one for name, one in shape.members.items() if one.type_name != "list"}
    assert {member.name for member in OPERATIONS[operation]} == set(plain)
    for member in OPERATIONS[operation]:
        limits = plain[member.name].metadata
        assert (member.minimum, member.maximum) == (limits.get("min"), limits.get("max"))
        if isinstance(member, Text):
            assert member.pattern == limits.get("pattern")
            assert member.required is (member.name in shape.required_members)


@given(
    st.sampled_from(TEXTS),
    st.text() | st.from_regex(r"[\w+=,.@:/ -]{0,70}", fullmatch=True) | st.text("ä\n\x7fa", max_size=20),
)
def test_texts_are_judged_as_by_the_validator_of_the_other_services(case: tuple[str, Text], value: str) -> None:
    """podrole.aws.protocol.validation reads the same constraints from botocore's model."""
    operation, member = case
    shape = STS_MODEL.operation_model(operation).input_shape
    required = dict.fromkeys(shape.required_members, "x" * 20)
    by_model = [
        fault.partition(CONSTRAINT)[2]
        for fault in violations({**required, member.name: value}, shape)
        if fault.startswith(f"Value at '{member.name[0].lower()}{member.name[1:]}' ")
    ]
    assert [fault.partition(CONSTRAINT)[2] for fault in member.faults(value)] == by_model
