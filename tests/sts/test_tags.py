"""Session tags and source identity are read from claims, within AWS's limits."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.sts.denial import Denied
from podrole.sts.tags import (
    SOURCE_IDENTITY_CLAIM,
    TAGS_CLAIM,
    SessionTags,
    check_not_inherited,
    overriding,
    source_identity_of_claims,
    tags_of_claims,
    tags_of_parameters,
)


def nested(principal_tags: Any, transitive: Any = None) -> dict[str, Any]:
    claim = {"principal_tags": principal_tags}
    if transitive is not None:
        claim["transitive_tag_keys"] = transitive
    return {TAGS_CLAIM: claim}


def test_request_tags_override_those_of_the_session_by_case_insensitive_keys() -> None:
    assert overriding({"Team": "a", "x": "1"}, {"team": "b"}) == {"x": "1", "team": "b"}
    calling = SessionTags({"Team": "a", "Stage": "prod"}, ("team",))
    assert calling.inherited() == SessionTags({"Team": "a"}, ("Team",))
    check_not_inherited(SessionTags({"Stage": "dev"}), calling.inherited())
    with pytest.raises(Denied) as raised:
        check_not_inherited(SessionTags({"TEAM": "b"}), calling.inherited())
    assert raised.value.denial.code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("pairs", "transitive", "message"),
    [
        ([("a", "1"), ("A", "2")], [], "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
        ([("a", "1"), ("a", "1")], [], "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
        ([("a", "1")], ["b"], "The specified transitive tag key must be included in the requested tags."),
        ([("Aws:a", "1")], [], "System tags cannot be added by the requester. Tag keys may not begin with aws:"),
    ],
)
def test_tags_that_contradict_each_other_are_refused(
    pairs: list[tuple[str, str]], transitive: list[str], message: str
) -> None:
    with pytest.raises(Denied) as raised:
        tags_of_parameters(pairs, transitive)
    assert (raised.value.denial.code, raised.value.denial.message) == ("InvalidParameterValue", message)


def test_no_claim_is_no_tag() -> None:
    assert tags_of_claims({}).tags == {}


def test_nested_and_flattened_claims_say_the_same() -> None:
    flat = {f"{TAGS_CLAIM}/principal_tags/Project": "Automation", f"{TAGS_CLAIM}/transitive_tag_keys": ["Project"]}
    assert tags_of_claims(flat) == tags_of_claims(nested({"Project": ["Automation"]}, ["Project"]))
    assert tags_of_claims(flat).transitive_keys == ("Project",)


def test_flattened_tags_need_no_transitive_keys() -> None:
    assert tags_of_claims({f"{TAGS_CLAIM}/principal_tags/a": "b"}) == SessionTags({"a": "b"})
    assert tags_of_claims(nested({"a": ["b"]})) == SessionTags({"a": "b"})
    assert tags_of_claims({f"{TAGS_CLAIM}/transitive_tag_keys": []}) == SessionTags({})
    assert tags_of_claims({TAGS_CLAIM: {}}) == SessionTags({})


def test_tags_at_their_limits_are_taken() -> None:
    assert len(tags_of_claims(nested({f"k{n}": ["v"] for n in range(50)})).tags) == 50
    assert tags_of_claims(nested({"k" * 128: ["v" * 256]})).tags == {"k" * 128: "v" * 256}
    assert tags_of_claims(nested({"k": [""]})).tags == {"k": ""}


def test_tags_that_may_be_inherited_or_replaced_leave_the_others_alone() -> None:
    assert overriding({"a": "1", "b": "2"}, {}) == {"a": "1", "b": "2"}
    assert SessionTags({"a": "1", "b": "2"}, ()).inherited() == SessionTags({}, ())
    check_not_inherited(SessionTags({"a": "1"}), SessionTags({}))


def test_the_condition_keys_of_a_request_name_its_tags_if_it_has_any() -> None:
    assert SessionTags().context_keys() == {}
    assert SessionTags({"a": "1", "b": "2"}, ("b",)).context_keys() == {
        "aws:TagKeys": ["a", "b"],
        "aws:RequestTag/a": "1",
        "aws:RequestTag/b": "2",
        "sts:TransitiveTagKeys": ["b"],
    }


def test_tags_of_parameters_are_taken_as_they_are() -> None:
    assert tags_of_parameters([("a", "1"), ("b", "2")], ["B"]) == SessionTags({"a": "1", "b": "2"}, ("B",))


def test_letters_of_any_script_are_taken() -> None:
    assert tags_of_claims(nested({"Straße": ["東京 1/2"]})).tags == {"Straße": "東京 1/2"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({TAGS_CLAIM: "text"}, "InvalidIdentityToken"),
        ({TAGS_CLAIM: {"principal_tags": []}}, "InvalidIdentityToken"),
        (nested({"a": "b"}), "InvalidIdentityToken"),
        (nested({"a": ["b", "c"]}), "InvalidIdentityToken"),
        (nested({"a": []}), "InvalidIdentityToken"),
        (nested({"a": [1]}), "InvalidIdentityToken"),
        (nested({"": ["b"]}), "InvalidIdentityToken"),
        (nested({"a" * 129: ["b"]}), "InvalidIdentityToken"),
        (nested({"a": ["b" * 257]}), "InvalidIdentityToken"),
        (nested({"a": ["b;c"]}), "InvalidIdentityToken"),
        (nested({"aws:a": ["b"]}), "InvalidIdentityToken"),
        (nested({"AWS:a": ["b"]}), "InvalidIdentityToken"),
        (nested({f"k{n}": ["v"] for n in range(51)}), "InvalidIdentityToken"),
        (nested({"a": ["b"]}, "a"), "InvalidIdentityToken"),
        (nested({"a": ["b"]}, [1]), "InvalidIdentityToken"),
        (nested({"a": ["b"]}, ["c"]), "InvalidParameterValue"),
        (nested({"team": ["a"], "Team": ["b"]}), "InvalidParameterValue"),
        ({**nested({"a": ["b"]}), f"{TAGS_CLAIM}/principal_tags/c": "d"}, "InvalidIdentityToken"),
        ({**nested({"a": ["b"]}), f"{TAGS_CLAIM}/transitive_tag_keys": ["a"]}, "InvalidIdentityToken"),
        ({f"{TAGS_CLAIM}/principal_tags/a": ["b"]}, "InvalidIdentityToken"),
        ({f"{TAGS_CLAIM}/principal_tags/a;": "b"}, "InvalidIdentityToken"),
        ({f"{TAGS_CLAIM}/principal_tags/": "b"}, "InvalidIdentityToken"),
        ({f"{TAGS_CLAIM}/principal_tags/aws:a": "b"}, "InvalidIdentityToken"),
        ({f"{TAGS_CLAIM}/principal_tags/a": "b", f"{TAGS_CLAIM}/transitive_tag_keys": "a"}, "InvalidIdentityToken"),
        ({f"{TAGS_CLAIM}/transitive_tag_keys": ["a"]}, "InvalidParameterValue"),
    ],
)
def test_malformed_tags_are_refused(payload: dict[str, Any], code: str) -> None:
    with pytest.raises(Denied) as raised:
        tags_of_claims(payload)
    assert raised.value.denial.code == code


@pytest.mark.parametrize("value", ["x", "x" * 65, "a b", "ä", 7, ["alice"], {}, ""])
def test_a_source_identity_that_aws_would_not_take_is_refused(value: object) -> None:
    with pytest.raises(Denied):
        source_identity_of_claims({SOURCE_IDENTITY_CLAIM: value})


def test_a_source_identity_is_read() -> None:
    assert source_identity_of_claims({SOURCE_IDENTITY_CLAIM: "alice@example.com"}) == "alice@example.com"
    assert source_identity_of_claims({}) is None


@pytest.mark.parametrize("values", ["b", [], ["b", "c"], {}, None])
def test_a_tag_whose_value_is_not_a_list_of_one_is_refused_in_words_of_its_own(values: object) -> None:
    with pytest.raises(Denied) as raised:
        tags_of_claims(nested({"a": values}))
    assert raised.value.denial.message == "principal_tags passed in claim is not in correct format."
