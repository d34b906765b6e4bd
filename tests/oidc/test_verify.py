"""A signature, a key and three times decide whether claims become verified ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import podrole
from podrole.oidc.errors import TokenFault, TokenRefused
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey, VerificationKey
from podrole.oidc.token import VerifiedClaims, parse_token
from podrole.oidc.verify import STS_TIME_RULES, TimeRules, verify
from support.keys import rsa_key

NOW = 1_700_000_000
KEY = rsa_key()
CLAIMS = {
    "iss": "https://oidc.example.com/id/ABC",
    "sub": "system:serviceaccount:default:web",
    "aud": ["sts.amazonaws.com"],
    "iat": NOW,
    "exp": NOW + 3_600,
}


def check(text: str, *keys: VerificationKey, now: float = NOW) -> VerifiedClaims:
    return verify(parse_token(text), keys or [KEY.verification_key], now=now, times=STS_TIME_RULES)


def refused(text: str, *keys: VerificationKey, now: float = NOW) -> TokenRefused:
    with pytest.raises(TokenRefused) as raised:
        check(text, *keys, now=now)
    assert text not in raised.value.diagnostics()
    return raised.value


def fault_of(text: str, *keys: VerificationKey, now: float = NOW) -> TokenFault:
    return refused(text, *keys, now=now).fault


def test_a_good_token_yields_its_claims() -> None:
    assert check(mint(CLAIMS, KEY)).subject == "system:serviceaccount:default:web"


def test_another_key_of_the_same_name_is_found_out() -> None:
    other = SigningKey.generate("RS256").verification_key
    assert fault_of(mint(CLAIMS, KEY), VerificationKey(KEY.kid, other.public_key, "RS256")) is TokenFault.BAD_SIGNATURE


def test_of_two_keys_of_one_name_the_right_one_is_found() -> None:
    other = SigningKey.generate("RS256").verification_key
    assert check(mint(CLAIMS, KEY), VerificationKey(KEY.kid, other.public_key), KEY.verification_key)


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_changed_segment_is_found_out(segment: int) -> None:
    parts, others = mint(CLAIMS, KEY).split("."), mint({**CLAIMS, "sub": "x"}, SigningKey.generate("RS512")).split(".")
    parts[segment] = others[segment]
    assert fault_of(".".join(parts)) in (TokenFault.BAD_SIGNATURE, TokenFault.WRONG_KEY)


def test_a_key_for_another_algorithm_is_not_used() -> None:
    signer = SigningKey.of(KEY.private_key, "RS512")
    assert fault_of(mint(CLAIMS, signer), KEY.verification_key) is TokenFault.WRONG_KEY


@pytest.mark.parametrize(
    ("seconds_after_expiry", "fault"), [(0, None), (300, None), (300.9, None), (301, TokenFault.EXPIRED)]
)
def test_a_token_is_taken_for_five_minutes_after_its_expiry(
    seconds_after_expiry: float, fault: TokenFault | None
) -> None:
    now, text = CLAIMS["exp"] + seconds_after_expiry, mint(CLAIMS, KEY)  # type: ignore[operator]
    assert fault is None or fault_of(text, now=now) is fault
    assert fault is not None or check(text, now=now)


def test_a_token_older_than_a_day_is_refused_whatever_its_expiry() -> None:
    text = mint({**CLAIMS, "exp": NOW + 10 * 86_400}, KEY)
    assert check(text, now=NOW + 86_400)
    assert fault_of(text, now=NOW + 86_401) is TokenFault.TOO_OLD


def test_without_a_limit_of_age_an_old_token_is_taken() -> None:
    token = parse_token(mint({**CLAIMS, "exp": NOW + 10 * 86_400}, KEY))
    times = TimeRules(expiry_leeway=0, future_leeway=0, max_age=None)
    assert verify(token, [KEY.verification_key], now=NOW + 5 * 86_400, times=times)


@pytest.mark.parametrize(
    ("lifetime", "age", "fault", "seconds"),
    [
        (3_600, 3_901, TokenFault.EXPIRED, NOW + 3_600),
        (10 * 86_400, 86_401, TokenFault.TOO_OLD, 86_401),
        (3_600, -301, TokenFault.NOT_YET_VALID, 0),
    ],
)
def test_a_refusal_holds_the_time_of_expiry_or_the_age(
    lifetime: int, age: int, fault: TokenFault, seconds: int
) -> None:
    problem = refused(mint({**CLAIMS, "exp": NOW + lifetime}, KEY), now=NOW + age)
    assert (problem.fault, problem.seconds) == (fault, seconds)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_of_the_future_is_refused_beyond_the_leeway(claim: str) -> None:
    assert check(mint({**CLAIMS, claim: NOW + 300}, KEY))
    assert fault_of(mint({**CLAIMS, claim: NOW + 301}, KEY)) is TokenFault.NOT_YET_VALID


def test_the_signature_is_checked_before_any_time() -> None:
    forged = mint({**CLAIMS, "exp": NOW - 10_000}, SigningKey.of(SigningKey.generate("RS256").private_key))
    assert fault_of(forged, KEY.verification_key) is TokenFault.BAD_SIGNATURE


def test_only_the_verifier_makes_signed_and_verified_claims() -> None:
    root = Path(podrole.__file__).parent
    made = re.compile(r"\b(?:SignedClaims|VerifiedClaims)\(")
    assert [path.relative_to(root).as_posix() for path in root.rglob("*.py") if made.search(path.read_text())] == [
        "oidc/verify.py"
    ]
