"""Key files: what is read of them, and that nobody's file is overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from podrole.base.certificates import Authority
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.key_files import keys_of_cluster, new_key_file, public_file_of, public_key_file
from podrole.oidc.keys import SigningKey, jwks
from support.keys import rsa_key

FIRST, SECOND = rsa_key(), SigningKey.generate("ES512")


def public_pem(key: object) -> bytes:
    private = key.private_key if isinstance(key, SigningKey) else key
    return private.public_key().public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(key: object, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


@pytest.mark.parametrize(
    ("pem", "kids"),
    [
        (public_pem(FIRST), [FIRST.kid]),
        (public_pem(FIRST).replace(b"\n", b"\r\n"), [FIRST.kid]),
        (b"# the cluster's key\n" + public_pem(SECOND), [SECOND.kid]),
        (public_pem(FIRST) + public_pem(SECOND), [FIRST.kid, SECOND.kid]),
    ],
    ids=["one", "crlf", "comment", "several, as kube-apiserver takes them"],
)
def test_public_keys_of_a_file(tmp_path: Path, pem: bytes, kids: list[str]) -> None:
    (tmp_path / "sa.pub").write_bytes(pem)
    assert list(public_key_file(tmp_path / "sa.pub")) == kids


WEAK = rsa.generate_private_key(65537, 1024)
UNUSABLE = {
    "rsa 1024": WEAK,
    "dsa": dsa.generate_private_key(1024),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "p-224": ec.generate_private_key(ec.SECP224R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_key_that_aws_does_not_take_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "sa.pub").write_bytes(public_pem(UNUSABLE[name]))
    with pytest.raises(InvalidIssuer, match="is not a public key that AWS takes"):
        public_key_file(tmp_path / "sa.pub")
    (tmp_path / "sa.pub").unlink()
    (tmp_path / "sa.key").write_bytes(private_pem(UNUSABLE[name]))
    with pytest.raises(InvalidIssuer):
        new_key_file(tmp_path / "sa.key")
    assert not (tmp_path / "sa.pub").exists()


@pytest.mark.parametrize(
    "pem",
    [b"", b"x", public_pem(FIRST)[:100], public_pem(FIRST) + public_pem(WEAK)],
    ids=["empty", "text", "cut", "one of two is weak"],
)
def test_file_in_which_one_key_cannot_be_used_is_refused(tmp_path: Path, pem: bytes) -> None:
    (tmp_path / "sa.pub").write_bytes(pem)
    with pytest.raises(InvalidIssuer, match="is not a public key that AWS takes"):
        public_key_file(tmp_path / "sa.pub")


def test_remedy_for_a_private_key_does_not_overwrite_it(tmp_path: Path) -> None:
    file = tmp_path / "the key.pub"
    file.write_bytes(public_pem(SECOND) + FIRST.to_pem())
    with pytest.raises(InvalidIssuer, match="private key") as refused:
        public_key_file(file)
    assert refused.value.next_step == f"openssl pkey -in '{file}' -pubout -out '{file}.public'"


def test_certificate_is_named_as_one(tmp_path: Path) -> None:
    file = tmp_path / "sa.pub"
    file.write_bytes(public_pem(FIRST) + Authority.create("x", now=1_800_000_000).certificate_pem)
    with pytest.raises(InvalidIssuer, match="holds a certificate") as refused:
        public_key_file(file)
    assert "openssl x509 -in" in (refused.value.next_step or "")


@pytest.mark.parametrize(
    ("name", "public"),
    [("sa.key", "sa.pub"), ("sa.pem", "sa.pub"), ("sa", "sa.pub"), ("sa.2027", "sa.2027.pub"), ("a b.key", "a b.pub")],
)
def test_public_key_is_written_beside_the_new_key(tmp_path: Path, name: str, public: str) -> None:
    kid, jwk = new_key_file(tmp_path / name)
    assert public_file_of(tmp_path / name) == tmp_path / public
    assert public_key_file(tmp_path / public) == {kid: jwk}
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([name, public])
    assert new_key_file(tmp_path / name) == (kid, jwk)


@pytest.mark.parametrize("name", ["sa", "sa.key", "sa.pem"])
def test_public_key_of_another_key_is_not_overwritten(tmp_path: Path, name: str) -> None:
    there = public_pem(SECOND)
    (tmp_path / "sa.pub").write_bytes(there)
    with pytest.raises(InvalidIssuer, match="stays as it is"):
        new_key_file(tmp_path / name)
    assert not (tmp_path / name).exists()
    (tmp_path / name).write_bytes(FIRST.to_pem())
    with pytest.raises(InvalidIssuer, match="stays as it is"):
        new_key_file(tmp_path / name)
    assert (tmp_path / "sa.pub").read_bytes() == there


def test_new_key_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "sa.key").write_bytes(FIRST.to_pem())
    (tmp_path / "sa.pub").touch()
    assert new_key_file(tmp_path / "sa.key")[0] == FIRST.kid
    assert list(public_key_file(tmp_path / "sa.pub")) == [FIRST.kid]


def test_encrypted_key_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "sa.key").write_bytes(private_pem(FIRST.private_key, b"secret"))
    with pytest.raises(InvalidIssuer) as refused:
        new_key_file(tmp_path / "sa.key")
    assert "without a password" in (refused.value.expected or "")


def test_key_of_a_cluster_keeps_the_members_that_are_text() -> None:
    jwk = jwks([FIRST.verification_key])["keys"][0]
    assert keys_of_cluster({"keys": [{**jwk, "key_ops": ["verify"], "x5c": ["AA"]}]}, "x") == {FIRST.kid: jwk}


@pytest.mark.parametrize("kid", [None, "", 5, "\x1b[2J", "a\nb"])
def test_key_of_a_cluster_without_an_id_is_refused(kid: object) -> None:
    jwk = jwks([FIRST.verification_key])["keys"][0]
    with pytest.raises(InvalidIssuer):
        keys_of_cluster({"keys": [jwk, {**jwk, "kid": kid}]}, "x")
