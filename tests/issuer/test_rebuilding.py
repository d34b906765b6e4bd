"""A lost record is rebuilt without losing a key that a token may need."""

from __future__ import annotations

from podrole.issuer.rebuilding import rebuilt, usable_keys
from podrole.issuer.record import IssuerRecord
from podrole.issuer.rotation import SeenServer, finish, forget_gone
from podrole.oidc.keys import SigningKey, jwks

JWKS = {key.kid: jwks([key.verification_key])["keys"][0] for key in (SigningKey.generate("ES256") for _ in range(3))}
OURS, THEIRS, OLD = JWKS
LOST = IssuerRecord("https://oidc.example.com", longest_token_seconds=100)


def states(record: IssuerRecord) -> dict[tuple[str, str], str]:
    return {(one.cluster, one.kid): one.state.value for one in record.keys}


def test_keys_that_sign_are_signing_and_all_others_stay_for_the_longest_token() -> None:
    record = rebuilt(LOST, "prod", JWKS, frozenset({OURS}), 10)
    assert states(record) == {("prod", OURS): "signing", ("prod", THEIRS): "retired", ("prod", OLD): "retired"}
    assert {one.since for one in record.keys} == {10}
    assert rebuilt(record, "prod", JWKS, frozenset({OURS}), 20) == record


def test_key_of_a_second_cluster_outlives_the_first_ones_rotation() -> None:
    record = rebuilt(LOST, "prod", JWKS, frozenset({OURS}), 10)
    record = rebuilt(record, "staging", {THEIRS: JWKS[THEIRS]}, frozenset({THEIRS}), 20)
    assert states(record)["staging", THEIRS] == "signing"
    seen = {"https://prod": SeenServer(frozenset({OURS}), OURS)}
    record = forget_gone(finish(record, "prod", seen, 1_000))
    assert {one.kid for one in record.published} == {OURS, THEIRS}


def test_published_entries_that_no_token_could_use_are_left_alone() -> None:
    entries = [dict(JWKS[OURS]), {"kty": "oct", "k": "x", "kid": "secret"}, {"kty": "RSA"}]
    assert list(usable_keys(entries, "the bucket")) == [OURS]
