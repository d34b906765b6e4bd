"""Session credentials hold their session, and nobody can change it."""

from __future__ import annotations

import base64
import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.sts.credentials import Vault, access_key_id, account_of_key_id
from podrole.sts.session import Session, SessionKind

SESSION = Session(
    kind=SessionKind.ASSUMED_ROLE,
    account="111122223333",
    principal_arn="arn:aws:iam::111122223333:role/apps/reader",
    principal_id="AROAEXAMPLE",
    name="web",
    issued_at=1_700_000_000,
    expires_at=1_700_003_600,
    tags={"team": "data"},
    context={"oidc.example.com:sub": "system:serviceaccount:a:b"},
)
VAULT = Vault(bytes(range(32)))


def test_what_was_sealed_comes_out_again() -> None:
    credentials = VAULT.issue(SESSION)
    assert VAULT.open(credentials.access_key_id, credentials.session_token) == SESSION
    assert credentials.secret_access_key == VAULT.secret_of(credentials.access_key_id)


def test_another_process_with_the_same_key_opens_it() -> None:
    credentials = VAULT.issue(SESSION)
    other = Vault(bytes(range(32)))
    assert other.open(credentials.access_key_id, credentials.session_token) == SESSION
    assert other.secret_of(credentials.access_key_id) == credentials.secret_access_key


def test_another_world_does_not() -> None:
    credentials = VAULT.issue(SESSION)
    other = Vault(bytes(32))
    assert other.open(credentials.access_key_id, credentials.session_token) is None
    assert other.secret_of(credentials.access_key_id) != credentials.secret_access_key


def test_the_secret_of_an_access_key_is_the_same_in_every_version_of_podrole() -> None:
    key = hmac.digest(bytes(range(32)), b"podrole secret access key", "sha256")
    for key_id in ("ASIAEXAMPLE", "ASIAOTHER"):
        expected = base64.b64encode(hmac.digest(key, key_id.encode(), "sha256")[:30]).decode()
        assert VAULT.secret_of(key_id) == expected


def test_a_token_belongs_to_its_access_key() -> None:
    first, second = VAULT.issue(SESSION), VAULT.issue(SESSION)
    assert VAULT.open(second.access_key_id, first.session_token) is None


def test_a_token_is_a_nonce_and_the_sealed_session() -> None:
    sizes: list[int] = []

    def numbered_bytes(size: int) -> bytes:
        sizes.append(size)
        return bytes(range(size))

    credentials = Vault(bytes(range(32)), random_bytes=numbered_bytes).issue(SESSION)
    raw = base64.b64decode(credentials.session_token)
    assert sizes == [12 + 5]
    assert credentials.access_key_id == access_key_id("ASIA", SESSION.account, bytes(range(12, 17)))
    assert raw[:24] == b"!\n\torigin_ec" + bytes(range(12))
    assert len(raw) == 24 + len(msgspec.msgpack.encode(SESSION)) + 16


@pytest.mark.parametrize("name", ["web", "web1", "web22"])  # base64 rounds each of the lengths differently
def test_a_token_is_as_long_as_was_asked_for_and_hardly_longer(name: str) -> None:
    session = msgspec.structs.replace(SESSION, name=name)
    shortest = len(VAULT.issue(session).session_token)
    for size in (0, 1, *range(shortest - 4, shortest + 60), 4_096, 65_536):
        credentials = VAULT.issue(session, minimum_size=size)
        assert size <= len(credentials.session_token) <= max(shortest, size + 24)
        opened = VAULT.open(credentials.access_key_id, credentials.session_token)
        assert opened is not None
        assert msgspec.structs.replace(opened, padding="") == session


@pytest.mark.parametrize("more", ["\n", " ", "!", "=", "AAAA"])
def test_a_token_with_more_text_does_not_open(more: str) -> None:
    credentials = VAULT.issue(SESSION)
    assert VAULT.open(credentials.access_key_id, credentials.session_token + more) is None
    assert VAULT.open(credentials.access_key_id, more + credentials.session_token) is None


@given(st.data())
def test_a_token_with_any_bit_changed_does_not_open(data: st.DataObject) -> None:
    credentials = VAULT.issue(SESSION)
    raw = bytearray(base64.b64decode(credentials.session_token))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert VAULT.open(credentials.access_key_id, base64.b64encode(raw).decode()) is None


@given(st.text() | st.binary().map(lambda data: base64.b64encode(b"!\n\torigin_ec" + data).decode()))
def test_no_other_text_opens(text: str) -> None:
    assert VAULT.open("ASIAAAAAAAAAAAAAAAAA", text) is None


def test_credentials_look_like_those_of_aws_and_hide_themselves() -> None:
    credentials = VAULT.issue(SESSION)
    assert credentials.access_key_id.startswith("ASIA")
    assert len(credentials.access_key_id) == 20
    assert len(credentials.secret_access_key) == 40
    assert credentials.session_token.startswith("IQoJb3JpZ2luX2Vj")
    assert credentials.secret_access_key not in repr(credentials)
    assert credentials.session_token not in repr(credentials)


@given(st.integers(0, 999_999_999_999), st.binary(min_size=5, max_size=5))
def test_an_access_key_id_holds_its_account(account: int, random: bytes) -> None:
    key_id = access_key_id("ASIA", f"{account:012d}", random)
    assert account_of_key_id(key_id) == f"{account:012d}"


@pytest.mark.parametrize(
    ("account", "random", "key_id"),
    [
        ("111122223333", bytes(5), "ASIARTX3GSDSQAAAAAAA"),
        ("111122223333", b"\xff" * 5, "ASIARTX3GSDS77777777"),
        ("000000000000", b"\x80\0\0\0\1", "ASIAQAAAAAAAAAAAAAAB"),
    ],
)
def test_an_access_key_id_has_this_form(account: str, random: bytes, key_id: str) -> None:
    assert access_key_id("ASIA", account, random) == key_id


@pytest.mark.parametrize("key_id", ["", "ASIA", "ASIA1111111111111111", "asiaaaaaaaaaaaaaaaaa"])
def test_what_is_no_access_key_id_holds_none(key_id: str) -> None:
    assert account_of_key_id(key_id) is None


def test_a_key_of_another_length_is_no_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")


@pytest.mark.parametrize(
    ("kind", "arn", "identity"),
    [
        (SessionKind.ASSUMED_ROLE, "arn:aws:sts::111122223333:assumed-role/reader/web", "AROAEXAMPLE:web"),
        (SessionKind.FEDERATED_USER, "arn:aws:sts::111122223333:federated-user/web", "111122223333:web"),
        (SessionKind.SESSION_TOKEN, "arn:aws:iam::111122223333:role/apps/reader", "AROAEXAMPLE"),
    ],
)
def test_a_session_names_itself_as_aws_does(kind: SessionKind, arn: str, identity: str) -> None:
    session = msgspec.structs.replace(SESSION, kind=kind)
    assert (session.arn, session.id) == (arn, identity)


def test_a_session_cannot_be_changed_and_holds_only_what_was_given() -> None:
    with pytest.raises(AttributeError):
        SESSION.name = "root"  # type: ignore[misc]
    names = {"kind", "account", "principal_arn", "principal_id", "name", "issued_at", "expires_at", "tags", "context"}
    assert msgspec.to_builtins(SESSION).keys() == names


@pytest.mark.parametrize(
    ("policy", "arns", "restricted"),
    [(None, (), False), ("{}", (), True), ("", (), True), (None, ("arn",), True), ("{}", ("arn",), True)],
)
def test_any_session_policy_restricts_a_session(policy: str | None, arns: tuple[str, ...], restricted: bool) -> None:
    assert msgspec.structs.replace(SESSION, policy=policy, policy_arns=arns).restricted is restricted


def test_a_session_is_of_the_partition_of_its_role() -> None:
    arn = "arn:aws-cn:iam::111122223333:role/reader"
    assert msgspec.structs.replace(SESSION, principal_arn=arn).partition == "aws-cn"
