"""What the matchers read of a request."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.errors import InvalidRequest
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts, Request
from podrole.iam.unknown import UNKNOWN, UnknownKeys

USER = principal_of("arn:aws:iam::111122223333:user/bob")


def facts(action: str = "s3:GetObject", resource: str = "*", **options: Any) -> Facts:
    return Facts(Request(USER, action, resource, **options))


@pytest.mark.parametrize(
    "action", ["", "GetObject", "s3:", ":GetObject", "s3:Get:Object", "s3:*", "s3:Get?bject", "s3:Get*:?"]
)
def test_a_request_asks_for_one_action(action: str) -> None:
    with pytest.raises(InvalidRequest, match="not one action"):
        facts(action)


def test_an_action_is_read_without_regard_to_case() -> None:
    read = facts("S3:GetObject")
    assert (read.action, read.service, read.name) == ("s3:getobject", "s3", "getobject")


def test_a_request_is_known_whole_and_without_boundary_unless_it_says_otherwise() -> None:
    assert (facts().partial, facts().has_boundary) == (False, False)
    assert facts(partial=True).partial
    assert Facts(Request(USER, "s3:GetObject", "*"), has_boundary=True).has_boundary


@pytest.mark.parametrize(
    ("resource", "parts"),
    [
        ("*", []),
        ("arn:aws:s3:::", ["arn", "aws", "s3", "", "", ""]),
        ("arn:aws:logs:r:1:a:b:c", ["arn", "aws", "logs", "r", "1", "a:b:c"]),
        ("arn:aws:s3::b", []),
    ],
)
def test_a_resource_has_six_parts_or_none(resource: str, parts: list[str]) -> None:
    read = facts(resource=resource)
    assert read.resource_parts == parts
    assert read.resource_parts is read.resource_parts


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ({}, {}),
        ({"aws:UserName": "bob"}, {"aws:username": ("bob",)}),
        ({"k": ["a", "b"]}, {"k": ("a", "b")}),
        ({"k": ("a",)}, {"k": ("a",)}),
        ({"k": ""}, {"k": ("",)}),
        ({"k": []}, {}),
        ({"tag/Team": "a", "tag/team": "b"}, {"tag/team": ("a", "b")}),
        ({"tag/Team": ["a", "b"], "tag/team": ["c"]}, {"tag/team": ("a", "b", "c")}),
        ({"tag/Team": "a", "tag/team": []}, {"tag/team": ("a",)}),
    ],
)
def test_condition_keys_are_read_without_regard_to_case(context: Any, found: dict[str, tuple[str, ...]]) -> None:
    read = facts(context=context)
    assert read.context == found
    assert read.context is read.context


@pytest.mark.parametrize("context", [{1: "a"}, {"k": 1}, {"k": ["a", None]}, {"k": {"a"}}, {"k": None}])
def test_a_condition_key_and_its_values_are_texts(context: Any) -> None:
    with pytest.raises(InvalidRequest, match="not text"):
        _ = facts(context=context).context


@pytest.mark.parametrize(
    ("key", "values"), [("k", ("a",)), ("both", ("b",)), ("unknown", UNKNOWN), ("tag/x", UNKNOWN), ("absent", None)]
)
def test_a_key_is_there_or_unknown_or_absent(key: str, values: Any) -> None:
    unknown = UnknownKeys(["Unknown", "both", "tag/*"])
    assert facts(context={"K": "a", "both": "b"}, unknown=unknown).values_of(key) == values


class Unread(dict[str, str]):
    """Keys that say whether they were read."""

    read = False

    def items(self) -> Any:
        self.read = True
        return super().items()


def test_further_keys_are_read_only_when_the_context_lacks_the_key() -> None:
    further = Unread({"S3:Prefix": "logs/"})
    read = facts(context={"aws:SourceIp": "127.0.0.1"}, further=further, unknown=UnknownKeys(("s3:delimiter",)))
    assert read.values_of("aws:sourceip") == ("127.0.0.1",)
    assert not further.read
    assert read.values_of("s3:prefix") == ("logs/",)
    assert further.read
    assert read.values_of("s3:delimiter") is UNKNOWN
    assert read.values_of("s3:max-keys") is None


@pytest.mark.parametrize("first_asked", ["aws:sourceip", "s3:prefix"])
def test_the_context_shows_further_keys_whatever_was_asked_before(first_asked: str) -> None:
    read = facts(context={"aws:SourceIp": "127.0.0.1"}, further={"S3:Prefix": "logs/"})
    read.values_of(first_asked)
    assert read.context == {"aws:sourceip": ("127.0.0.1",), "s3:prefix": ("logs/",)}
    assert read.request.keys == {"aws:SourceIp": "127.0.0.1", "S3:Prefix": "logs/"}


def test_a_further_key_that_is_not_text_is_refused_when_it_is_read() -> None:
    read = facts(context={"aws:SourceIp": "127.0.0.1"}, further={"s3:prefix": 1})
    assert read.values_of("aws:sourceip") == ("127.0.0.1",)
    with pytest.raises(InvalidRequest, match="not text"):
        read.values_of("s3:prefix")
