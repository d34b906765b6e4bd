"""Which of a token's claims become condition keys, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.oidc.token import UnverifiedClaims, VerifiedClaims, parse_token, read_claims
from podrole.oidc.verify import STS_TIME_RULES, verify
from podrole.sts.claim_keys import ROLES_CLAIM, check_claims, lasting_keys, require_listed_role, trust_keys
from podrole.sts.denial import Denied, Step
from support.sts import NOW

KEY = SigningKey.generate("ES256")
ROLE = "arn:aws:iam::111122223333:role/reader"
OTHER = "arn:aws:iam::111122223333:role/other"
CLAIMS: dict[str, Any] = {"iss": "https://x", "sub": "s", "aud": ["a"], "iat": NOW, "exp": NOW + 60}


def unverified(**claims: Any) -> UnverifiedClaims:
    return read_claims(parse_token(mint({**CLAIMS, **claims}, KEY)))


def verified(**claims: Any) -> VerifiedClaims:
    token = parse_token(mint({**CLAIMS, **claims}, KEY))
    return verify(token, [KEY.verification_key], now=NOW, times=STS_TIME_RULES)


@pytest.mark.parametrize(
    ("claims", "refused"),
    [
        ({}, False),
        ({"amr": "mfa"}, False),
        ({"amr": ["mfa", "pwd"]}, False),
        ({"amr": []}, False),
        ({"amr": 7}, True),
        ({"amr": ["mfa", 7]}, True),
        ({"amr": ["line\nbreak"]}, True),
        ({"amr": {"mfa": True}}, True),
        ({"email": "a@example.com"}, False),
        ({"email": 7}, True),
        ({"email": "line\nbreak"}, True),
        ({"sub": "x" * 255}, False),
        ({"sub": "x" * 256}, True),
    ],
)
def test_a_claim_that_no_condition_could_ask_about_is_refused(claims: dict[str, Any], refused: bool) -> None:
    if refused:
        with pytest.raises(Denied) as raised:
            check_claims(unverified(**claims))
        assert raised.value.denial.code == "InvalidIdentityToken"
    else:
        check_claims(unverified(**claims))


@pytest.mark.parametrize(
    ("claims", "keys"),
    [
        ({}, {"p:aud": "a", "p:sub": "s"}),
        ({"azp": "z"}, {"p:aud": "z", "p:sub": "s"}),
        ({"amr": "mfa"}, {"p:aud": "a", "p:sub": "s", "p:amr": ["mfa"]}),
        ({"amr": ["mfa", "pwd"]}, {"p:aud": "a", "p:sub": "s", "p:amr": ["mfa", "pwd"]}),
        ({"amr": []}, {"p:aud": "a", "p:sub": "s"}),
        ({"email": "a@example.com", "ref": "main"}, {"p:aud": "a", "p:sub": "s"}),
    ],
)
def test_the_keys_that_a_session_carries_on(claims: dict[str, Any], keys: dict[str, Any]) -> None:
    assert lasting_keys("p", verified(**claims)) == keys


GITHUB = "token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("prefix", "claims", "keys"),
    [
        ("p", {}, {"p:oaud": "a"}),
        ("p", {"aud": ["a", "b"], "azp": "a"}, {"p:oaud": ["a", "b"]}),
        ("p", {"email": "a@example.com"}, {"p:oaud": "a", "p:email": "a@example.com"}),
        ("p", {"ref": "main", "iss2": "x", "kubernetes.io": {"namespace": "n"}}, {"p:oaud": "a"}),
        (GITHUB, {"ref": "main", "actor_id": 7}, {"ref": "main", "actor_id": "7"}),
        (GITHUB, {"ref": True, "actor": False}, {"ref": "true", "actor": "false"}),
        (GITHUB, {"ref": ["main"], "actor": "line\nbreak", "workflow": None}, {}),
        (f"{GITHUB}/enterprise", {"ref": "main", "unknown": "x"}, {"ref": "main"}),
        ("token.actions.acme.ghe.com", {"ref": "main"}, {"ref": "main"}),
        ("token.actions.a.b.ghe.com", {"ref": "main"}, {}),
        ("github.com/enterprises/acme", {"ref": "main"}, {"ref": "main"}),
        ("agent.buildkite.com", {"cluster_id": "c", "ref": "main"}, {"cluster_id": "c"}),
        ("agent.acme.buildkite.dev", {"cluster_id": "c"}, {"cluster_id": "c"}),
        ("gitlab.com", {"project_id": "7"}, {"project_id": "7"}),
        ("gitlab.com.example", {"project_id": "7"}, {}),
        ("xgitlab.com", {"project_id": "7"}, {}),
        (
            "oidc.circleci.com/org/1",
            {"oidc.circleci.com/project-id": "7"},
            {"oidc.circleci.com/project-id": "7"},
        ),
        ("idcs-1.identity.oraclecloud.com", {"rpst_id": "7"}, {"rpst_id": "7"}),
        ("accounts.google.com", {"google": {"organization_number": 7}}, {"google/organization_number": "7"}),
        ("accounts.google.com", {"google": {"other": 7}}, {}),
        ("accounts.google.com", {"google": "organization_number"}, {}),
        (
            "accounts.google.com",
            {"google/organization_number": "8", "google": {"organization_number": 7}},
            {"google/organization_number": "8"},
        ),
    ],
)
def test_the_keys_that_a_trust_policy_sees_besides(prefix: str, claims: dict[str, Any], keys: dict[str, Any]) -> None:
    expected = keys if prefix == "p" else {f"{prefix}:oaud": "a", **{f"{prefix}:{key}": keys[key] for key in keys}}
    assert trust_keys(prefix, verified(**claims), ROLE) == {"sts:RoleAuthorizedByIdp": "false", **expected}


@pytest.mark.parametrize(
    ("claim", "authorized"),
    [
        ({}, "false"),
        ({ROLES_CLAIM: [ROLE]}, "true"),
        ({ROLES_CLAIM: [OTHER, ROLE]}, "true"),
        ({ROLES_CLAIM: f"{OTHER};{ROLE}"}, "true"),
        ({ROLES_CLAIM: ROLE}, "true"),
    ],
)
def test_the_key_says_whether_the_provider_lists_the_role(claim: dict[str, Any], authorized: str) -> None:
    require_listed_role(unverified(**claim), ROLE)
    assert trust_keys("p", verified(**claim), ROLE)["sts:RoleAuthorizedByIdp"] == authorized


@pytest.mark.parametrize(
    "claim",
    [
        [OTHER],
        [],
        "",
        OTHER,
        f"{ROLE}x;{OTHER}",
        "arn:aws:iam::111122223333:role/*",  # no wildcards
        "reader",  # no names
        [ROLE, 7],
        7,
        {"role": ROLE},
        [f"{ROLE}\n"],
        None,
    ],
)
def test_a_token_that_does_not_list_the_role_is_refused(claim: Any) -> None:
    with pytest.raises(Denied) as raised:
        require_listed_role(unverified(**{ROLES_CLAIM: claim}), ROLE)
    assert (raised.value.denial.step, raised.value.denial.code) == (Step.CLAIMS, "InvalidIdentityToken")
