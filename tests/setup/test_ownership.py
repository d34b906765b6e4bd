"""Whose an object is: the tags of two clusters of one name in one account differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podrole.setup import text_forms
from podrole.setup.found import FoundAssociation, FoundProvider, FoundRole
from podrole.setup.ownership import issuer_tag, own_tags, owner_of
from podrole.setup.wanted import ServiceAccountName
from support.setup_model import OURS, PLACE

ELSEWHERE = replace(PLACE, issuer="https://example.com/other", region="eu-west-1")


@pytest.mark.parametrize(
    "found",
    [
        FoundRole(PLACE.role_arn("x"), "x", "{}", tags=OURS),
        FoundProvider(PLACE.provider_arn, (), tags=OURS),
        FoundAssociation("a", "arn:a", ServiceAccountName("shop", "x"), PLACE.role_arn("x"), tags=OURS),
    ],
)
def test_object_of_another_issuer_is_not_this_clusters(found: FoundRole | FoundProvider | FoundAssociation) -> None:
    assert owner_of(found, PLACE).ours
    owner = owner_of(found, ELSEWHERE)
    assert not owner.ours
    assert owner.what == f"podrole, for cluster prod of issuer {PLACE.key_prefix}"


LONG = "https://example.com/" + "a" * 300


@pytest.mark.parametrize(
    ("issuer", "kept"),
    [
        ("https://127.0.0.1:8443", "127.0.0.1:8443"),
        (PLACE.issuer, PLACE.key_prefix),
        ("https://example.com/" + "a" * 244, "example.com/" + "a" * 244),
        ("https://example.com/" + "a" * 245, None),
        (LONG, None),
        ("https://example.com/~me/%7E", None),
    ],
)
def test_tag_of_an_issuer_is_one_that_aws_takes(issuer: str, kept: str | None) -> None:
    tag = issuer_tag(issuer)
    assert text_forms.tag_value(tag) is None
    assert tag == kept or (kept is None and tag.startswith("example.com/"))
    assert own_tags(replace(PLACE, issuer=issuer), None)["podrole.dev/issuer"] == tag


@pytest.mark.parametrize(("one", "other"), [(LONG, LONG + "b"), ("https://example.com/~a", "https://example.com/-a")])
def test_two_issuers_have_two_tags(one: str, other: str) -> None:
    assert issuer_tag(one) != issuer_tag(other)
