"""The form of a cluster's token: each part of the presigned request has a case in which it alone is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from podrole.account.identities import IdentityDirectory
from podrole.aws.eks import cluster_tokens
from podrole.aws.eks.cluster_tokens import ClusterTokens, Identity
from podrole.iam.directory import AccessKey, Role, User
from podrole.sts.credentials import Vault
from podrole.sts.session import Session, SessionKind
from support.offline_requests import URL, signed_request

NOW, ACCOUNT = 1_769_860_800.0, "111122223333"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = User(f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1", "ada", ACCOUNT)
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/team/reader", "AROA1", "reader", ACCOUNT, "{}")
VAULT = Vault(bytes(range(32)))
SESSION = Session(SessionKind.ASSUMED_ROLE, ACCOUNT, ROLE.arn, ROLE.id, "ci", int(NOW) - 60, int(NOW) + 3_000)


@dataclass
class Directory:
    """An account with a user, whose key is known, and a role."""

    def access_key(self, key_id: str) -> AccessKey | None:
        return AccessKey(KEY, SECRET, USER, True) if key_id == KEY else None

    def role_by_id(self, account: str, role_id: str, partition: str = "aws") -> Role | None:
        return ROLE if (account, role_id, partition) == (ACCOUNT, ROLE.id, "aws") else None


def identity(token: str, *, at: float = NOW) -> Identity | None:
    tokens = ClusterTokens(cast("IdentityDirectory", Directory()), VAULT, "podrole", lambda: at, lambda: at)
    return tokens.identity_of(token)


def presigned(
    action: str = "GetCallerIdentity", *, headers: dict[str, str] | None = None, more: str = "", **options: Any
) -> str:
    """Return the URL of a presigned request for the cluster ``podrole``."""
    given = {"key": KEY, "secret": SECRET, "at": NOW, "signer": "SigV4QueryAuth", "expires": 60, **options}
    signed = signed_request(
        "sts",
        method="GET",
        path=f"/?Action={action}&Version=2011-06-15{more}",
        headers={"x-k8s-aws-id": "podrole"} if headers is None else headers,
        **given,
    )
    return f"{URL}/?{signed.query}"


def token_of(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def test_token_proves_its_user() -> None:
    assert identity(token_of(presigned())) == Identity(USER.arn, USER.arn, ACCOUNT, USER.id, KEY)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("slash", ["/?", "?"])
def test_address_may_be_written_in_more_than_one_way(scheme: str, slash: str) -> None:
    url = presigned().replace("http://", f"{scheme}://").replace("/?", slash)
    assert identity(token_of(url)) is not None


def test_token_of_a_session_proves_its_role() -> None:
    made = VAULT.issue(SESSION)
    url = presigned(key=made.access_key_id, secret=made.secret_access_key, token=made.session_token)
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/ci"
    assert identity(token_of(url)) == Identity(ROLE.arn, caller, ACCOUNT, f"{ROLE.id}:ci", made.access_key_id, "ci")


SPOILT: dict[str, Callable[[], str]] = {
    "of another action": lambda: token_of(presigned("GetSessionToken")),
    "for another cluster": lambda: token_of(presigned(headers={"x-k8s-aws-id": "other"})),
    "for no cluster": lambda: token_of(presigned(headers={})),
    "with another signed header": lambda: token_of(presigned(headers={"x-k8s-aws-id": "podrole", "x-a": "b"})),
    "with another secret": lambda: token_of(presigned(secret="x")),
    "with an unknown key": lambda: token_of(presigned(key="AKIAI44QH8DHBEXAMPLE")),
    "with a signed parameter more": lambda: token_of(presigned(more="&X=1")),
    "with a parameter twice": lambda: token_of(presigned() + "&Version=2011-06-15"),
    "without a prefix": lambda: token_of(presigned()).removeprefix("k8s-aws-v1."),
    "with another prefix": lambda: token_of(presigned()).replace("v1", "v2"),
    "of another scheme": lambda: token_of(presigned().replace("http://", "ftp://")),
    "for another path": lambda: token_of(presigned().replace("/?", "/path?")),
    "with a fragment": lambda: token_of(presigned() + "#x"),
    "that is not base64": lambda: token_of(presigned()) + "!!!!",
    "that is not ASCII": lambda: token_of(presigned().replace("127.0.0.1", "\u00e9")),
    "of half an address": lambda: token_of(presigned().replace("127.0.0.1", "[::1")),
}


@pytest.mark.parametrize("token", SPOILT.values(), ids=SPOILT.keys())
def test_token_is_refused(token: Callable[[], str]) -> None:
    assert identity(token()) is None


@pytest.mark.parametrize(("less", "valid"), [(0, True), (1, False)])
def test_token_has_a_greatest_length(monkeypatch: pytest.MonkeyPatch, less: int, valid: bool) -> None:
    assert cluster_tokens.MAX_CHARACTERS == 16_384
    token = token_of(presigned())
    monkeypatch.setattr(cluster_tokens, "MAX_CHARACTERS", len(token) - less)
    assert (identity(token) is not None) is valid


@pytest.mark.parametrize(("age", "valid"), [(60, True), (901, False)])
def test_token_expires(age: int, valid: bool) -> None:
    assert (identity(token_of(presigned()), at=NOW + age) is not None) is valid
