"""A token is read strictly before anything of it is believed."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.oidc.errors import TokenFault, TokenRefused
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.oidc.token import MAX_TOKEN_CHARACTERS, parse_token, read_claims

CLAIMS: dict[str, Any] = {
    "iss": "https://oidc.example.com/id/ABC",
    "sub": "system:serviceaccount:default:web",
    "aud": ["sts.amazonaws.com"],
    "iat": 1_700_000_000,
    "nbf": 1_700_000_000,
    "exp": 1_700_086_400,
}
KEY = SigningKey.generate("ES256")


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(header: object, payload: object, signature: bytes = b"signature") -> str:
    return f"{segment(header)}.{segment(payload)}.{segment(signature)}"


GOOD_HEADER = {"alg": "RS256", "kid": "k"}


def test_a_kubernetes_token_is_read() -> None:
    parsed = parse_token(mint(CLAIMS, KEY))
    claims = read_claims(parsed)
    assert (parsed.algorithm, parsed.kid) == ("ES256", KEY.kid)
    assert claims.audiences == ("sts.amazonaws.com",)
    assert claims.effective_audience == "sts.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", ""),
        ("one segment", segment({})),
        ("two segments", f"{segment(GOOD_HEADER)}.{segment(CLAIMS)}"),
        ("an empty signature", f"{segment(GOOD_HEADER)}.{segment(CLAIMS)}."),
        ("four segments", token(GOOD_HEADER, CLAIMS) + ".AAAA"),
        ("five segments, an encrypted token", token(GOOD_HEADER, CLAIMS) + ".AAAA.AAAA"),
        ("a trailing newline", token(GOOD_HEADER, CLAIMS) + "\n"),
        ("a leading blank", " " + token(GOOD_HEADER, CLAIMS)),
        ("padding", token(GOOD_HEADER, CLAIMS, b"x") + "=="),
        ("the standard alphabet", f"{segment(GOOD_HEADER)}.{segment(CLAIMS)}.ab+/"),
        ("an impossible length", f"{segment(GOOD_HEADER)}.{segment(CLAIMS)}.AAAAA"),
        ("a second spelling of the last byte", f"{segment(GOOD_HEADER)}.{segment(CLAIMS)}.AB"),
        ("a header that is a list", token([], CLAIMS)),
        ("a header that is no JSON", token(b"{", CLAIMS)),
        ("a payload that is text", token(GOOD_HEADER, "text")),
        ("a payload with trailing data", token(GOOD_HEADER, json.dumps(CLAIMS).encode() + b"{}")),
        ("a payload that is not UTF-8", token(GOOD_HEADER, b'{"sub": "\xff"}')),
        ("a member twice", token(GOOD_HEADER, b'{"sub":"a","sub":"b"}')),
        ("a member twice, further down", token(GOOD_HEADER, b'{"x":{"a":1,"a":2}}')),
        ("an algorithm twice", token(b'{"alg":"none","alg":"RS256"}', CLAIMS)),
        ("NaN", token(GOOD_HEADER, b'{"exp": NaN}')),
        ("infinity", token(GOOD_HEADER, b'{"exp": -Infinity}')),
        ("deep nesting", token(GOOD_HEADER, b"[" * 9_000)),
        ("a number of 5,000 digits", token(GOOD_HEADER, b'{"exp": ' + b"9" * 5_000 + b"}")),
        ("no algorithm", token({"kid": "k"}, CLAIMS)),
        ("alg none", token({"alg": "none"}, CLAIMS)),
        ("alg None", token({"alg": "None"}, CLAIMS)),
        ("an HMAC", token({"alg": "HS256"}, CLAIMS)),
        ("a PSS signature", token({"alg": "PS256"}, CLAIMS)),
        ("an Edwards curve", token({"alg": "EdDSA"}, CLAIMS)),
        ("an algorithm in small letters", token({"alg": "rs256"}, CLAIMS)),
        ("an algorithm that is a list", token({"alg": ["RS256"]}, CLAIMS)),
        ("a key id that is a number", token({"alg": "RS256", "kid": 1}, CLAIMS)),
        ("an embedded key", token({**GOOD_HEADER, "jwk": {}}, CLAIMS)),
        ("a key address", token({**GOOD_HEADER, "jku": "https://evil.example/keys"}, CLAIMS)),
        ("a certificate address", token({**GOOD_HEADER, "x5u": "https://evil.example/c"}, CLAIMS)),
        ("a certificate chain", token({**GOOD_HEADER, "x5c": []}, CLAIMS)),
        ("critical extensions", token({**GOOD_HEADER, "crit": ["b64"]}, CLAIMS)),
        ("an unencoded payload", token({**GOOD_HEADER, "b64": False}, CLAIMS)),
        ("compression", token({**GOOD_HEADER, "zip": "DEF"}, CLAIMS)),
        ("encryption", token({**GOOD_HEADER, "enc": "A128GCM"}, CLAIMS)),
        ("too many characters", "a" * (MAX_TOKEN_CHARACTERS - 3) + ".b.cc"),
    ],
)
def test_what_is_no_jwt_is_refused(name: str, text: str) -> None:
    with pytest.raises(TokenRefused) as raised:
        parse_token(text)
    assert raised.value.fault is TokenFault.NOT_A_JWT
    assert not text or text not in raised.value.diagnostics()


def test_a_token_does_not_show_what_it_holds() -> None:
    parsed = parse_token(token(GOOD_HEADER, {**CLAIMS, "sub": "secret-subject"}, b"secret-signature"))
    claims = read_claims(parsed)
    assert "secret-sub" not in repr(parsed)
    assert repr(parsed.signed) not in repr(parsed)
    assert "secret-sig" not in repr(parsed)
    assert "payload" not in repr(claims)


def test_a_token_is_the_same_after_its_claims_were_read() -> None:
    text = token(GOOD_HEADER, CLAIMS)
    parsed = parse_token(text)
    read_claims(parsed)
    assert parsed == parse_token(text)


def test_a_token_has_at_most_twenty_thousand_characters() -> None:
    wholes = (f"{segment({**GOOD_HEADER, 'x': 'y' * count})}.{segment(CLAIMS)}." for count in range(9))
    # No base64url segment has a length of one more than a multiple of four: here both signatures are well-formed.
    whole = next(text for text in wholes if (20_000 - len(text)) % 4 == 3)
    longest = whole + "A" * (20_000 - len(whole))
    assert parse_token(longest)
    with pytest.raises(TokenRefused):
        parse_token(longest + "A")


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "iat", "exp"])
@pytest.mark.parametrize("how", ["absent", "null"])
def test_a_missing_claim_is_named(missing: str, how: str) -> None:
    payload = {name: value for name, value in CLAIMS.items() if name != missing}
    if how == "null":
        payload[missing] = None
    with pytest.raises(TokenRefused) as raised:
        read_claims(parse_token(token(GOOD_HEADER, payload)))
    assert (raised.value.fault, raised.value.claim) == (TokenFault.MISSING_CLAIM, missing)


def test_of_several_missing_claims_the_first_in_order_is_named() -> None:
    with pytest.raises(TokenRefused) as raised:
        read_claims(parse_token(token(GOOD_HEADER, {"exp": 1})))
    assert raised.value.claim == "iss"


@pytest.mark.parametrize("value", ["1700000000", 1_700_000_000.0, True, [1], {}])
@pytest.mark.parametrize("claim", ["iat", "exp", "nbf"])
def test_a_time_that_is_no_integer_is_refused(claim: str, value: object) -> None:
    with pytest.raises(TokenRefused) as raised:
        read_claims(parse_token(token(GOOD_HEADER, {**CLAIMS, claim: value})))
    assert (raised.value.fault, raised.value.claim) == (TokenFault.BAD_TIMESTAMP, claim)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", 7),
        ("iss", ""),
        ("sub", ["a"]),
        ("sub", ""),
        ("sub", "line\nbreak"),
        ("sub", "\ud800"),
        ("aud", 7),
        ("aud", []),
        ("aud", [7]),
        ("aud", [""]),
        ("aud", ["a", "line\nbreak"]),
        ("aud", {"sts.amazonaws.com": True}),
        ("azp", 7),
        ("azp", ""),
    ],
)
def test_a_claim_of_a_wrong_type_is_refused(claim: str, value: object) -> None:
    with pytest.raises(TokenRefused) as raised:
        read_claims(parse_token(token(GOOD_HEADER, {**CLAIMS, claim: value})))
    assert (raised.value.fault, raised.value.claim) == (TokenFault.BAD_CLAIM, claim)


@pytest.mark.parametrize("claim", ["iat", "exp", "nbf"])
def test_a_time_has_at_most_64_bits(claim: str) -> None:
    for value in (-(2**63), 2**63 - 1):
        assert read_claims(parse_token(token(GOOD_HEADER, {**CLAIMS, claim: value})))
    for value in (-(2**63) - 1, 2**63):
        with pytest.raises(TokenRefused) as raised:
            read_claims(parse_token(token(GOOD_HEADER, {**CLAIMS, claim: value})))
        assert raised.value.fault is TokenFault.BAD_TIMESTAMP


def test_an_audience_may_be_a_string() -> None:
    assert read_claims(parse_token(token(GOOD_HEADER, {**CLAIMS, "aud": "x"}))).audiences == ("x",)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (token({**GOOD_HEADER, "kid": None}, CLAIMS), "kid null"),
        (token({**GOOD_HEADER, "kid": 7}, CLAIMS), "kid an integer"),
        (token([], CLAIMS), "a list"),
        (token(GOOD_HEADER, b'{"iss": 1, "iss": 2}'), "a member appears twice"),
        (token(GOOD_HEADER, b'{"iss": NaN}'), "NaN is not a JSON number"),
        (token(GOOD_HEADER, b"{"), None),
    ],
)
def test_a_refusal_says_what_was_found_and_repeats_no_content(text: str, got: str | None) -> None:
    with pytest.raises(TokenRefused) as raised:
        parse_token(text)
    assert raised.value.got == got


def test_the_authorized_party_takes_the_place_of_the_audience() -> None:
    claims = read_claims(parse_token(token(GOOD_HEADER, {**CLAIMS, "azp": "caller", "aud": ["a", "b"]})))
    assert claims.effective_audience == "caller"
    assert claims.audiences == ("a", "b")


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        read_claims(parse_token(text))
    except TokenRefused:
        return
    raise AssertionError("a random text is no token")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "azp", "iat", "exp", "nbf"]), json_values))
def test_claims_of_any_type_are_read_or_refused(payload: dict[str, Any]) -> None:
    parsed = parse_token(token(GOOD_HEADER, {**CLAIMS, **payload}))
    try:
        claims = read_claims(parsed)
    except TokenRefused:
        return
    assert type(claims.expires_at) is int
    assert claims.audiences


def test_the_claims_of_a_token_are_its_own_also_after_those_of_another_were_read() -> None:
    token = parse_token(mint(CLAIMS, KEY))
    claims = read_claims(token)
    assert read_claims(token) is claims
    changed = dataclasses.replace(token, payload={**token.payload, "sub": "another"})
    assert read_claims(changed).subject == "another"
    assert read_claims(token).subject == CLAIMS["sub"]


def test_the_header_that_the_tokens_of_a_key_share_cannot_be_changed() -> None:
    first, second = parse_token(mint(CLAIMS, KEY)), parse_token(mint({**CLAIMS, "sub": "another"}, KEY))
    with pytest.raises(TypeError):
        first.header["alg"] = "none"  # type: ignore[index]
    assert second.header == {"alg": "ES256", "kid": KEY.kid}
