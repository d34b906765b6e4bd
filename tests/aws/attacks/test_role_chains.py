"""AssumeRole: who may become whom, and what goes along from session to session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.aws import ACCOUNT, LocalAWS, allow, policy, refused, trust_of

TARGET = f"arn:aws:iam::{ACCOUNT}:role/target"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OTHER_ACCOUNT = "444455556666"
NO_TARGET = "arn:aws:iam::111122223333:role/other"


def denied(caller: str, action: str = "sts:AssumeRole", role: str = TARGET) -> tuple[str, int, str]:
    return "AccessDenied", 403, f"User: {caller} is not authorized to perform: {action} on resource: {role}"


def assume(aws: LocalAWS, credentials: dict[str, str], role: str = TARGET, **more: Any) -> dict[str, Any]:
    answer = aws.client("sts", credentials).assume_role(RoleArn=role, RoleSessionName="chain", **more)
    return dict(answer)


def is_refused(aws: LocalAWS, credentials: dict[str, str], role: str = TARGET, **more: Any) -> tuple[str, int, str]:
    return refused(aws.client("sts", credentials).assume_role, RoleArn=role, RoleSessionName="chain", **more)


ASSUME = allow("sts:AssumeRole", TARGET)
BOTH_SIDES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], bool]] = {
    "the trust policy names the user, who has no policy": (trust_of(ALICE), [], True),
    "the trust policy names the account, the user's policy the role": (trust_of(ROOT), [ASSUME], True),
    "the trust policy names the account by its number": (trust_of(ACCOUNT), [ASSUME], True),
    "the trust policy names the account, the user has no policy": (trust_of(ROOT), [], False),
    "the trust policy names the account, the user's policy another role": (
        trust_of(ROOT),
        [allow("sts:AssumeRole", NO_TARGET)],
        False,
    ),
    "the trust policy names another user": (trust_of(ROOT.replace(":root", ":user/admin")), [ASSUME], False),
    "the trust policy names another account": (trust_of(OTHER_ACCOUNT), [ASSUME], False),
    "the trust policy names everyone": (trust_of("*"), [], True),
    "the trust policy names a service": (
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        [ASSUME],
        False,
    ),
    "the trust policy is for a web identity's action": (
        trust_of(ALICE, "sts:AssumeRoleWithWebIdentity"),
        [ASSUME],
        False,
    ),
    "the user's policy denies": (trust_of(ALICE), [{**ASSUME, "Effect": "Deny"}], False),
    "a condition on the user's name holds": (
        trust_of(ROOT, Condition={"StringEquals": {"aws:username": "alice"}}),
        [ASSUME],
        True,
    ),
    "a condition on the user's ARN fails": (
        trust_of(ROOT, Condition={"ArnEquals": {"aws:PrincipalArn": ROOT}}),
        [ASSUME],
        False,
    ),
    "a condition on the user's tag holds": (
        trust_of(ROOT, Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}}),
        [ASSUME],
        True,
    ),
    "a condition on the user's tag fails": (
        trust_of(ROOT, Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}}),
        [ASSUME],
        False,
    ),
    "multi-factor authentication is asked for": (
        trust_of(ROOT, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        [ASSUME],
        False,
    ),
}


@pytest.mark.parametrize(("trust", "statements", "allowed"), BOTH_SIDES.values(), ids=BOTH_SIDES.keys())
def test_a_user_needs_permission_from_both_sides(
    aws: LocalAWS, trust: dict[str, Any], statements: list[dict[str, Any]], allowed: bool
) -> None:
    alice = aws.user("alice", *statements, Tags=[{"Key": "team", "Value": "blue"}])
    aws.role("target", trust)
    if not allowed:
        assert is_refused(aws, alice) == denied(ALICE)
        return
    answer = assume(aws, alice)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/target/chain"
    assert answer["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert "PackedPolicySize" not in answer
    assert "SourceIdentity" not in answer
    session = aws.client("sts", answer["Credentials"]).get_caller_identity()
    assert session["Arn"] == answer["AssumedRoleUser"]["Arn"]


def test_a_missing_role_is_refused_with_the_same_text(aws: LocalAWS) -> None:
    alice = aws.user("alice", allow("*"))
    assert is_refused(aws, alice) == denied(ALICE)


def test_a_boundary_and_a_session_policy_limit_what_an_identity_policy_grants(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT))
    aws.role("source", trust_of(ROOT.replace("root", "user/admin")), allow("sts:AssumeRole"))
    session = assume(aws, ADMIN(aws), f"arn:aws:iam::{ACCOUNT}:role/source", Policy=policy(allow("s3:*")))
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/source/chain"
    assert is_refused(aws, session["Credentials"]) == denied(caller)
    free = assume(aws, ADMIN(aws), f"arn:aws:iam::{ACCOUNT}:role/source")
    assert assume(aws, free["Credentials"])
    boundary = aws.client("iam").create_policy(PolicyName="edge", PolicyDocument=policy(allow("s3:*")))
    aws.client("iam").put_role_permissions_boundary(RoleName="source", PermissionsBoundary=boundary["Policy"]["Arn"])
    assert is_refused(aws, free["Credentials"]) == denied(caller), "on the very next request"


def ADMIN(aws: LocalAWS) -> dict[str, str]:  # noqa: N802 - it reads as the name of a constant
    from support.aws import ADMIN_KEY, ADMIN_SECRET

    return {"AccessKeyId": ADMIN_KEY, "SecretAccessKey": ADMIN_SECRET}


@pytest.mark.parametrize(
    ("given", "allowed"), [("secret-of-ours", True), ("another", False), (None, False)], ids=["right", "wrong", "none"]
)
def test_an_external_id_is_what_the_trust_policy_says(aws: LocalAWS, given: str | None, allowed: bool) -> None:
    aws.role("target", trust_of(ROOT, Condition={"StringEquals": {"sts:ExternalId": "secret-of-ours"}}))
    more = {} if given is None else {"ExternalId": given}
    if allowed:
        assert assume(aws, ADMIN(aws), **more)
    else:
        assert is_refused(aws, ADMIN(aws), **more)[0] == "AccessDenied"


def chained(aws: LocalAWS, **more: Any) -> dict[str, str]:
    """Return a session of a role that the administrator has assumed, which may assume any other."""
    aws.role("source", trust_of(ROOT, "sts:*"), allow("sts:*"))
    return dict(assume(aws, ADMIN(aws), f"arn:aws:iam::{ACCOUNT}:role/source", **more)["Credentials"])


SOURCE = f"arn:aws:sts::{ACCOUNT}:assumed-role/source/chain"


def test_a_chained_session_lasts_an_hour_at_most(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT), MaxSessionDuration=43_200)
    assert assume(aws, ADMIN(aws), DurationSeconds=43_200)
    session = chained(aws)
    assert assume(aws, session, DurationSeconds=3_600)
    assert is_refused(aws, session, DurationSeconds=3_601) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )


def test_temporary_credentials_of_a_user_count_as_a_chain_too(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT), MaxSessionDuration=43_200)
    session = aws.client("sts").get_session_token()["Credentials"]
    assert is_refused(aws, session, DurationSeconds=7_200)[0] == "ValidationError"
    assert assume(aws, session)


def test_a_session_lasts_no_longer_than_its_role_allows(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT), MaxSessionDuration=7_200)
    assert assume(aws, ADMIN(aws), DurationSeconds=7_200)
    assert is_refused(aws, ADMIN(aws), DurationSeconds=7_201) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )


def test_a_role_may_become_itself_only_if_it_trusts_itself(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT.replace("root", "user/admin")), allow("sts:AssumeRole"))
    session = assume(aws, ADMIN(aws))["Credentials"]
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/target/chain"
    assert is_refused(aws, session) == denied(caller)
    aws.client("iam").update_assume_role_policy(RoleName="target", PolicyDocument=policy(trust_of(TARGET)))
    assert assume(aws, session)


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def test_tags_need_sts_tag_session_on_both_sides(aws: LocalAWS) -> None:
    alice = aws.user("alice", ASSUME)
    aws.role("target", trust_of(ROOT))
    assert is_refused(aws, alice, Tags=tags(team="blue")) == denied(ALICE, "sts:TagSession")
    aws.store_trust(json.loads(policy(trust_of(ROOT, ["sts:AssumeRole", "sts:TagSession"]))), "target")
    assert is_refused(aws, alice, Tags=tags(team="blue")) == denied(ALICE, "sts:TagSession")
    bob = aws.user("bob", allow(["sts:AssumeRole", "sts:TagSession"], TARGET))
    assert assume(aws, bob, Tags=tags(team="blue"))["PackedPolicySize"] >= 1


def test_transitive_tags_go_along_and_others_do_not(aws: LocalAWS) -> None:
    wanted = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    aws.role("target", trust_of(ROOT, "sts:*"), allow("ec2:DescribeInstances", Condition=wanted))
    session = chained(aws, Tags=tags(team="blue", stage="test"), TransitiveTagKeys=["team"])
    carried = assume(aws, session)["Credentials"]
    assert aws.client("ec2", carried).describe_instances()["Reservations"] == []
    opened = aws.vault.open(carried["AccessKeyId"], carried["SessionToken"])
    assert opened is not None
    assert (opened.tags, opened.transitive_tag_keys) == ({"team": "blue"}, ("team",))


def test_a_tag_that_is_passed_on_cannot_be_replaced(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT, "sts:*"))
    session = chained(aws, Tags=tags(team="blue"), TransitiveTagKeys=["team"])
    code, status, message = is_refused(aws, session, Tags=tags(Team="red"))
    assert (code, status) == ("InvalidParameterValue", 400)
    assert "conflicts with a transitive tag key from the calling session" in message


def test_inherited_tags_need_sts_tag_session_at_the_next_role(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT))
    session = chained(aws, Tags=tags(team="blue"), TransitiveTagKeys=["team"])
    assert is_refused(aws, session) == denied(SOURCE, "sts:TagSession")


def test_a_source_identity_stays_along_the_chain(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT, "sts:*"))
    session = chained(aws, SourceIdentity="alice")
    assert assume(aws, session)["SourceIdentity"] == "alice"
    assert assume(aws, session, SourceIdentity="alice")["SourceIdentity"] == "alice"
    assert is_refused(aws, session, SourceIdentity="bob") == denied(SOURCE, "sts:SetSourceIdentity")


def test_a_role_that_does_not_allow_a_source_identity_ends_the_chain(aws: LocalAWS) -> None:
    aws.role("target", trust_of(ROOT))
    session = chained(aws, SourceIdentity="alice")
    assert is_refused(aws, session) == denied(SOURCE, "sts:SetSourceIdentity")


def test_a_role_of_another_account_needs_permission_from_both_accounts(aws: LocalAWS) -> None:
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/foreign"
    alice = aws.user("alice")
    foreign = aws.administrator_of(OTHER_ACCOUNT)
    iam = aws.client("iam", foreign)
    iam.create_role(RoleName="foreign", AssumeRolePolicyDocument=policy(trust_of(ALICE)))
    assert is_refused(aws, alice, role) == denied(ALICE, role=role), "the trust policy alone is not enough"
    aws.client("iam").put_user_policy(
        UserName="alice", PolicyName="own", PolicyDocument=policy(allow("sts:AssumeRole", role))
    )
    answer = assume(aws, alice, role)
    identity = aws.client("sts", answer["Credentials"]).get_caller_identity()
    assert identity["Account"] == OTHER_ACCOUNT
    iam.update_assume_role_policy(RoleName="foreign", PolicyDocument=policy(trust_of(OTHER_ACCOUNT)))
    assert is_refused(aws, alice, role) == denied(ALICE, role=role)


@pytest.mark.parametrize(
    ("parameters", "code", "start"),
    [
        ({"RoleArn": "nothing-valid-in-here"}, "ValidationError", "nothing-valid-in-here is invalid"),
        ({"RoleArn": "arn:aws:iam::111122223333:user/alice"}, "ValidationError", "Request ARN is invalid"),
        (
            {"RoleSessionName": "a:b"},
            "ValidationError",
            "1 validation error detected: Value 'a:b' at 'roleSessionName'",
        ),
        ({"DurationSeconds": 899}, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds'"),
        ({"ExternalId": "a b"}, "ValidationError", "1 validation error detected: Value 'a b' at 'externalId'"),
        ({"SourceIdentity": "a"}, "ValidationError", "1 validation error detected: Value 'a' at 'sourceIdentity'"),
        (
            {"Tags": tags(a="b;c")},
            "ValidationError",
            "1 validation error detected: Value 'b;c' at 'tags.1.member.value'",
        ),
        ({"Tags": tags(a="1", A="2")}, "InvalidParameterValue", "Duplicate tag keys found."),
        ({"TransitiveTagKeys": ["a"]}, "InvalidParameterValue", "The specified transitive tag key must be included"),
        ({"Tags": tags(**{"aws:a": "1"})}, "InvalidParameterValue", "System tags cannot be added"),
        ({"Policy": "{}"}, "MalformedPolicyDocument", ""),
        ({"Policy": "{" + " " * 2_100 + "}"}, "PackedPolicyTooLarge", "Serialized token too large for session"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::111122223333:policy/none"}]}, "ValidationError", "Policy arn:aws:iam"),
        (
            {"SerialNumber": "arn:aws:iam::1:mfa/x"},
            "AccessDenied",
            "MultiFactorAuthentication failed, must provide both",
        ),
        (
            {"SerialNumber": "arn:aws:iam::1:mfa/x", "TokenCode": "123456"},
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        ),
        (
            {"ProvidedContexts": [{"ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter"}]},
            "AccessDenied",
            "User: arn:aws:iam::111122223333:user/admin is not authorized to perform: sts:SetContext",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_invalid_parameter_is_refused(aws: LocalAWS, parameters: dict[str, Any], code: str, start: str) -> None:
    aws.role("target", trust_of(ROOT, "sts:*"))
    call = aws.client("sts", parameter_validation=False).assume_role
    found = refused(call, **{"RoleArn": TARGET, "RoleSessionName": "chain", **parameters})
    assert found[0] == code
    assert found[2].startswith(start)


def test_the_roots_of_accounts_assume_no_roles() -> None:
    """No root user has a key here, so the decision is asked itself."""
    from podrole.iam.directory import Role
    from podrole.iam.evaluate import PolicySet
    from podrole.iam.principal import Principal, PrincipalType
    from podrole.sts.assume_role import assume_role
    from podrole.sts.circumstances import Circumstances
    from podrole.sts.denial import Denial
    from podrole.sts.trust import Candidate

    class Account:
        def role(self, arn: str) -> Role:
            return Role(arn, "AROA", "target", ACCOUNT, policy(trust_of("*")))

    root = Candidate(Principal(PrincipalType.ROOT, ACCOUNT, ROOT, ACCOUNT), {}, PolicySet())
    parameters = {"RoleArn": TARGET, "RoleSessionName": "chain"}
    found = assume_role(parameters, root, None, Account(), Circumstances(0, "127.0.0.1", "us-east-1", False))  # type: ignore[arg-type]
    assert isinstance(found, Denial)
    assert (found.code, found.status, found.message) == (
        "AccessDenied",
        403,
        "Roles may not be assumed by root accounts.",
    )
