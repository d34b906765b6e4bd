"""Whom a Principal or NotPrincipal element means, and how far its Allow carries."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.errors import InvalidRequest
from podrole.iam.evaluate import PolicySet, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType, principal_of
from podrole.iam.principal_element import Grant
from podrole.iam.request import Facts, Request

HERE, THERE = "111122223333", "444455556666"
ROOT = Principal(PrincipalType.ROOT, HERE, f"arn:aws:iam::{HERE}:root", HERE)
USER = Principal(PrincipalType.USER, HERE, f"arn:aws:iam::{HERE}:user/team/bob", "AIDAEXAMPLEEXAMPLEEXA")
ROLE_ARN, SESSION_ARN = f"arn:aws:iam::{HERE}:role/path/reader", f"arn:aws:sts::{HERE}:assumed-role/reader/pod-1"
ROLE_ID = "AROAEXAMPLEEXAMPLEEXA"
SESSION = Principal(PrincipalType.ASSUMED_ROLE, HERE, SESSION_ARN, f"{ROLE_ID}:pod-1", ROLE_ARN, ROLE_ID)
FEDERATED_ARN = f"arn:aws:sts::{HERE}:federated-user/carol"
FEDERATED = Principal(PrincipalType.FEDERATED_USER, HERE, FEDERATED_ARN, f"{HERE}:carol", user_arn=USER.arn)
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/oidc.example.com/id/A"
WEB = Principal(PrincipalType.WEB_IDENTITY, arn=PROVIDER)
SERVICE = Principal(PrincipalType.SERVICE, arn="pods.eks.amazonaws.com")
EVERYBODY = {
    "root": ROOT,
    "user": USER,
    "session": SESSION,
    "federated": FEDERATED,
    "web": WEB,
    "service": SERVICE,
    "anonymous": ANONYMOUS,
}

CALLER, ROLE, ACCOUNT = Grant.CALLER, Grant.ROLE, Grant.ACCOUNT


def grant(policy: Any, element: dict[str, Any], caller: Principal, *, boundary: bool = False) -> Grant:
    """Return how the one statement of a resource policy means the caller."""
    effect = "Deny" if "NotPrincipal" in element else "Allow"
    named = policy({"Effect": effect, "Action": "s3:*", **element}, kind=PolicyKind.RESOURCE)
    written = named.policy.statements[0].principal
    return written.grant(Facts(Request(caller, "s3:GetObject", "*"), has_boundary=boundary))


@pytest.mark.parametrize(
    ("principal", "meant"),
    [
        pytest.param("*", dict.fromkeys(EVERYBODY, CALLER), id="star is everyone"),
        pytest.param(
            {"AWS": "*"},
            dict.fromkeys(EVERYBODY.keys() - {"web"}, CALLER),
            id="AWS star is everyone but web identities",
        ),
        pytest.param(
            {"AWS": HERE},
            {"root": CALLER, "user": ACCOUNT, "session": ACCOUNT, "federated": ACCOUNT},
            id="an account delegates",
        ),
        pytest.param(
            {"AWS": ROOT.arn},
            {"root": CALLER, "user": ACCOUNT, "session": ACCOUNT, "federated": ACCOUNT},
            id="so does its root",
        ),
        pytest.param({"AWS": THERE}, {}, id="another account"),
        pytest.param(
            {"AWS": USER.arn}, {"user": CALLER, "federated": ROLE}, id="a user, and the sessions it federates"
        ),
        pytest.param({"AWS": USER.id}, {"user": CALLER}, id="a user by its unique id"),
        pytest.param({"AWS": f"arn:aws:iam::{HERE}:user/bob"}, {}, id="a user without its path"),
        pytest.param({"AWS": f"arn:aws:iam::{HERE}:user/team/BOB"}, {}, id="a user in another case"),
        pytest.param({"AWS": ROLE_ARN}, {"session": ROLE}, id="a role means all its sessions"),
        pytest.param({"AWS": ROLE_ID}, {"session": ROLE}, id="a role by its unique id"),
        pytest.param({"AWS": f"arn:aws:iam::{HERE}:role/reader"}, {}, id="a role without its path"),
        pytest.param({"AWS": SESSION_ARN}, {"session": CALLER}, id="a session"),
        pytest.param({"AWS": f"arn:aws:sts::{HERE}:assumed-role/reader/pod-2"}, {}, id="another session"),
        pytest.param({"AWS": FEDERATED_ARN}, {"federated": CALLER}, id="a federated user"),
        pytest.param({"AWS": [THERE, ROLE_ARN, SESSION_ARN]}, {"session": CALLER}, id="the closest counts"),
        pytest.param({"Federated": PROVIDER}, {"web": CALLER}, id="a provider"),
        pytest.param({"Federated": f"{PROVIDER}/"}, {}, id="a provider with a slash"),
        pytest.param({"Federated": PROVIDER.replace("/A", "/a")}, {}, id="a provider in another case"),
        pytest.param({"Federated": PROVIDER.replace("/A", "/*")}, {}, id="a star in a provider is a star"),
        pytest.param({"Federated": PROVIDER.replace(HERE, THERE)}, {}, id="a provider of another account"),
        pytest.param({"Service": SERVICE.arn}, {"service": CALLER}, id="a service"),
        pytest.param({"Service": "eks.amazonaws.com"}, {}, id="another service"),
        pytest.param({"CanonicalUser": "a" * 64}, {}, id="a canonical user is nobody here"),
        pytest.param(
            {"Service": SERVICE.arn, "Federated": PROVIDER, "AWS": USER.arn},
            {"service": CALLER, "web": CALLER, "user": CALLER, "federated": ROLE},
            id="several types",
        ),
    ],
)
def test_principal(policy: Any, principal: Any, meant: dict[str, Grant]) -> None:
    got = {name: grant(policy, {"Principal": principal}, caller) for name, caller in EVERYBODY.items()}
    assert {name: found for name, found in got.items() if found is not Grant.NONE} == meant


@pytest.mark.parametrize(
    ("principal", "spared"),
    [
        pytest.param("*", set(EVERYBODY), id="star spares everyone"),
        pytest.param({"AWS": "*"}, set(EVERYBODY) - {"web"}, id="AWS star spares everyone but web identities"),
        pytest.param({"AWS": [FEDERATED_ARN, HERE]}, {"root"}, id="a federated user without its user is not spared"),
        pytest.param({"AWS": HERE}, {"root"}, id="an account alone spares only its root user"),
        pytest.param({"AWS": USER.arn}, set(), id="a user without its account is not spared"),
        pytest.param({"AWS": [USER.arn, ROOT.arn]}, {"root", "user"}, id="with its account it is"),
        pytest.param({"AWS": [USER.id, HERE]}, {"root", "user"}, id="also by its unique id"),
        pytest.param({"AWS": [ROLE_ARN, HERE]}, {"root"}, id="a role and its account do not spare a session"),
        pytest.param({"AWS": [SESSION_ARN, HERE]}, {"root"}, id="nor a session and its account"),
        pytest.param({"AWS": [SESSION_ARN, ROLE_ARN, HERE]}, {"root", "session"}, id="all three do"),
        pytest.param({"AWS": [SESSION_ARN, ROLE_ID, HERE]}, {"root", "session"}, id="the role may stand by its id"),
        pytest.param(
            {"AWS": [FEDERATED_ARN, USER.arn, HERE]}, {"root", "user", "federated"}, id="a federated user with its user"
        ),
        pytest.param({"Service": SERVICE.arn}, {"service"}, id="a service"),
        pytest.param({"Federated": PROVIDER}, {"web"}, id="a provider"),
        pytest.param({"AWS": THERE}, set(), id="another account"),
    ],
)
def test_not_principal_denies_whoever_is_not_listed_whole(policy: Any, principal: Any, spared: set[str]) -> None:
    got = {
        name for name, caller in EVERYBODY.items() if grant(policy, {"NotPrincipal": principal}, caller) is Grant.NONE
    }
    assert got == spared


@pytest.mark.parametrize(
    ("principal", "listed"),
    [
        ("*", ("*",)),
        ({"AWS": "*"}, ("*",)),
        ({"AWS": [USER.arn, HERE, ROOT.arn, ROLE_ID]}, (HERE, USER.arn, ROLE_ID)),
        ({"AWS": ["*", HERE], "Service": SERVICE.arn}, ("*", HERE, SERVICE.arn)),
        ({"Federated": PROVIDER, "CanonicalUser": "a" * 64}, (PROVIDER, "a" * 64)),
    ],
)
def test_an_element_lists_what_it_names(policy: Any, principal: Any, listed: tuple[str, ...]) -> None:
    named = policy({"Effect": "Allow", "Action": "s3:*", "Principal": principal}, kind=PolicyKind.RESOURCE)
    assert named.policy.statements[0].principal.listed() == listed


@pytest.mark.parametrize(
    ("principal", "caller", "unlisted"),
    [
        ("*", "user", ()),
        ({"AWS": HERE}, "user", (USER.arn,)),
        ({"AWS": THERE}, "session", (HERE, ROLE_ARN, SESSION_ARN)),
        ({"AWS": THERE}, "service", (SERVICE.arn,)),
        ({"AWS": THERE}, "anonymous", ()),
    ],
)
def test_the_identities_that_are_not_listed(
    policy: Any, principal: Any, caller: str, unlisted: tuple[str, ...]
) -> None:
    named = policy({"Effect": "Deny", "Action": "s3:*", "NotPrincipal": principal}, kind=PolicyKind.RESOURCE)
    assert named.policy.statements[0].principal.unlisted(EVERYBODY[caller]) == unlisted


def test_not_principal_denies_everybody_who_has_a_boundary(policy: Any) -> None:
    listed = {"NotPrincipal": {"AWS": [USER.arn, HERE], "Service": SERVICE.arn}}
    assert grant(policy, listed, USER, boundary=True) is not Grant.NONE
    assert grant(policy, listed, SERVICE, boundary=True) is Grant.NONE


def test_aws_star_keeps_a_web_identity_out_though_it_lets_none_in(policy: Any) -> None:
    named = policy({"Effect": "Deny", "Action": "s3:*", "Principal": {"AWS": "*"}}, kind=PolicyKind.RESOURCE)
    decision = evaluate(Request(WEB, "s3:GetObject", "arn:aws:s3:::b/k"), PolicySet(resource=named))
    assert decision.decided_by is PolicyKind.RESOURCE
    assert decision.statement is named.policy.statements[0]


def test_a_role_asked_about_without_session_is_its_role(policy: Any) -> None:
    role = principal_of(ROLE_ARN)
    assert grant(policy, {"Principal": {"AWS": ROLE_ARN}}, role) is Grant.ROLE
    assert grant(policy, {"NotPrincipal": {"AWS": [ROLE_ARN, HERE]}}, role) is Grant.NONE


def test_a_role_without_session_may_be_listed_by_its_unique_id(policy: Any) -> None:
    role = Principal(PrincipalType.ASSUMED_ROLE, HERE, ROLE_ARN, ROLE_ID, ROLE_ARN, ROLE_ID)
    assert grant(policy, {"Principal": {"AWS": ROLE_ID}}, role) is Grant.ROLE
    assert grant(policy, {"NotPrincipal": {"AWS": [ROLE_ID, HERE]}}, role) is Grant.NONE
    assert grant(policy, {"NotPrincipal": {"AWS": [HERE]}}, role) is Grant.CALLER


def test_a_user_that_the_root_user_federated_has_no_iam_user_behind_it(policy: Any) -> None:
    federated = Principal(PrincipalType.FEDERATED_USER, HERE, FEDERATED_ARN, f"{HERE}:carol")
    assert grant(policy, {"NotPrincipal": {"AWS": [FEDERATED_ARN, HERE]}}, federated) is Grant.NONE
    assert grant(policy, {"NotPrincipal": {"AWS": [HERE]}}, federated) is Grant.CALLER
    assert grant(policy, {"Principal": {"AWS": USER.arn}}, federated) is Grant.NONE


def test_a_recreated_role_is_another_one(policy: Any) -> None:
    recreated = Principal(PrincipalType.ASSUMED_ROLE, HERE, SESSION_ARN, "AROANEW:pod-1", ROLE_ARN, "AROANEW")
    assert grant(policy, {"Principal": {"AWS": ROLE_ID}}, recreated) is Grant.NONE


@pytest.mark.parametrize(
    ("text", "kind", "account"),
    [
        ("anonymous", PrincipalType.ANONYMOUS, ""),
        ("ec2.amazonaws.com", PrincipalType.SERVICE, ""),
        (ROOT.arn, PrincipalType.ROOT, HERE),
        (USER.arn, PrincipalType.USER, HERE),
        (ROLE_ARN, PrincipalType.ASSUMED_ROLE, HERE),
        (SESSION_ARN, PrincipalType.ASSUMED_ROLE, HERE),
        (FEDERATED_ARN, PrincipalType.FEDERATED_USER, HERE),
        (PROVIDER, PrincipalType.WEB_IDENTITY, ""),
        (f"arn:aws:iam::{HERE}:saml-provider/p", PrincipalType.WEB_IDENTITY, ""),
    ],
)
def test_a_caller_can_be_written_as_text(text: str, kind: PrincipalType, account: str) -> None:
    caller = principal_of(text)
    assert (caller.type, caller.account) == (kind, account)
    assert str(caller) == text


def test_from_a_session_arn_the_role_is_taken_to_have_no_path() -> None:
    assert principal_of(SESSION_ARN).role_arn == f"arn:aws:iam::{HERE}:role/reader"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bob.smith",
        "evil.com",
        "*",
        "bob",
        HERE,
        "arn:aws:s3:::b",
        f"arn:aws:iam::{HERE}:group/g",
        "a b.amazonaws.com",
        "https://x.com",
        "Anonymous",
    ],
)
def test_what_names_no_caller_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        principal_of(text)


def test_only_a_role_under_the_reserved_path_is_service_linked() -> None:
    linked = f"arn:aws:iam::{HERE}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForEKS"
    assert principal_of(linked).is_service_linked_role
    assert not principal_of(f"arn:aws:iam::{HERE}:role/my/aws-service-role/x").is_service_linked_role
    assert not principal_of(f"arn:aws:iam::{HERE}:role/x:role/aws-service-role/y").is_service_linked_role
    assert not USER.is_service_linked_role
