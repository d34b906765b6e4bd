"""ARNs are six parts, and say what they name."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.arn import assumed_role_arn, oidc_provider_arn, parse_arn
from podrole.iam.errors import InvalidARN


def test_the_first_five_colons_divide() -> None:
    arn = parse_arn("arn:aws:logs:eu-west-1:111122223333:log-group:name:*")
    assert (arn.partition, arn.service, arn.region, arn.account) == ("aws", "logs", "eu-west-1", "111122223333")
    assert arn.resource == "log-group:name:*"
    assert arn.resource_type == "log-group"
    assert parse_arn("arn:aws:iam::111122223333:role/a:b/c").resource_type == "role"


@pytest.mark.parametrize(
    "text",
    ["", "arn", "*", "arn:aws:s3:::", "arn:aws:::1:x", "arn::s3:::x", "ARN:aws:s3:::b", "urn:aws:s3:::b", "a:b:c:d:e"],
)
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(InvalidARN) as refused:
        parse_arn(text)
    assert repr(text) in refused.value.diagnostics()


@given(st.text(max_size=40))
def test_what_is_read_is_written_back_unchanged(text: str) -> None:
    with contextlib.suppress(InvalidARN):
        assert str(parse_arn(text)) == text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("arn:aws:iam::111122223333:root", "is_account_root"),
        ("arn:aws-cn:iam::111122223333:user/path/to/bob", "is_user"),
        ("arn:aws:iam::111122223333:role/path/reader", "is_role"),
        ("arn:aws:sts::111122223333:assumed-role/reader/session", "is_assumed_role"),
        ("arn:aws:sts::111122223333:federated-user/bob", "is_federated_user"),
        ("arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A/", "is_oidc_provider"),
        ("arn:aws:iam::111122223333:saml-provider/corp", "is_saml_provider"),
        ("arn:aws:iam::111122223333:role/", None),
        ("arn:aws:iam::111122223333:oidc-provider/", None),
        ("arn:aws:iam::1111:role/reader", None),
        ("arn:aws:iam:eu-west-1:111122223333:role/reader", None),
        ("arn:aws:sts::111122223333:assumed-role/reader", None),
        ("arn:aws:sts::111122223333:assumed-role/path/reader/session", None),
        ("arn:aws:iam::111122223333:group/admins", None),
        ("arn:aws:iam::1111:root", None),
        ("arn:aws:iam:eu-west-1:111122223333:root", None),
        ("arn:aws:iam:eu-west-1:111122223333:user/bob", None),
        ("arn:aws:iam::111122223333:saml-provider/", None),
        ("arn:aws:s3::111122223333:root", None),
        ("arn:aws:s3::111122223333:role/reader", None),
        ("arn:aws:s3::111122223333:oidc-provider/oidc.example.com", None),
        ("arn:aws:s3::111122223333:saml-provider/corp", None),
        ("arn:aws:iam::111122223333:role/path/", None),
        ("arn:aws:iam::111122223333:user/path/", None),
        ("arn:aws:sts::111122223333:assumed-role//session", None),
        ("arn:aws:sts::111122223333:assumed-role/reader/", None),
        ("arn:aws:sts::111122223333:other/reader/session", None),
        ("arn:aws:sts::111122223333:federated-user/", None),
        ("arn:aws:iam::111122223333:assumed-role/reader/session", None),
        ("arn:aws:iam::111122223333:federated-user/bob", None),
        ("arn:aws:sts::1111:federated-user/bob", None),
        ("arn:aws:sts:eu-west-1:111122223333:federated-user/bob", None),
    ],
)
def test_an_arn_knows_what_it_names(text: str, kind: str | None) -> None:
    arn = parse_arn(text)
    kinds = [name for name in dir(arn) if name.startswith("is_") and getattr(arn, name)]
    assert kinds == ([kind] if kind else [])


def test_a_session_arn_drops_the_path_of_its_role() -> None:
    written = assumed_role_arn("arn:aws:iam::111122223333:role/deep/path/reader", "pod-1")
    assert written == "arn:aws:sts::111122223333:assumed-role/reader/pod-1"
    assert parse_arn(written).session == ("reader", "pod-1")


def test_a_provider_arn_drops_the_scheme_and_gives_the_issuer_back() -> None:
    written = oidc_provider_arn("111122223333", "https://oidc.eks.eu-west-1.amazonaws.com/id/AB")
    assert written == "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/AB"
    assert parse_arn(written).issuer == "oidc.eks.eu-west-1.amazonaws.com/id/AB"


def test_asking_an_arn_for_what_it_does_not_have_is_refused() -> None:
    role = parse_arn("arn:aws:iam::111122223333:role/reader")
    with pytest.raises(InvalidARN):
        _ = role.session
    with pytest.raises(InvalidARN):
        _ = role.issuer
    with pytest.raises(InvalidARN):
        assumed_role_arn("arn:aws:iam::111122223333:user/bob", "s")
