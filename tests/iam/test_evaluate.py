"""Everything that has a say, in AWS's order: one row of AWS's tables, one case."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.errors import InvalidRequest
from podrole.iam.evaluate import Decision, Outcome, PolicySet, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType
from podrole.iam.principal_element import Grant
from podrole.iam.request import Request

HERE, THERE = "111122223333", "444455556666"
USER = Principal(PrincipalType.USER, HERE, f"arn:aws:iam::{HERE}:user/bob", "AIDAEXAMPLE")
ROLE_ARN, SESSION_ARN = f"arn:aws:iam::{HERE}:role/p/reader", f"arn:aws:sts::{HERE}:assumed-role/reader/pod-1"
SESSION = Principal(PrincipalType.ASSUMED_ROLE, HERE, SESSION_ARN, "AROAEXAMPLE:pod-1", ROLE_ARN, "AROAEXAMPLE")
FEDERATED_ARN = f"arn:aws:sts::{HERE}:federated-user/carol"
FEDERATED = Principal(PrincipalType.FEDERATED_USER, HERE, FEDERATED_ARN, user_arn=USER.arn)
ROOT = Principal(PrincipalType.ROOT, HERE, f"arn:aws:iam::{HERE}:root", HERE)
SERVICE = Principal(PrincipalType.SERVICE, arn="logging.s3.amazonaws.com")
LINKED = Principal(
    PrincipalType.ASSUMED_ROLE, HERE, SESSION_ARN, role_arn=f"arn:aws:iam::{HERE}:role/aws-service-role/x/y"
)
OBJECT = "arn:aws:s3:::bucket/key"
KEY = f"arn:aws:kms:eu-west-1:{HERE}:key/1"
ROLE = f"arn:aws:iam::{HERE}:role/target"

ALLOWED, IMPLICIT, EXPLICIT = Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED, Outcome.EXPLICITLY_DENIED
IDENTITY, RESOURCE, BOUNDARY = PolicyKind.IDENTITY, PolicyKind.RESOURCE, PolicyKind.BOUNDARY
SESSION_POLICY, SCP, RCP, ENDPOINT, TRUST = (
    PolicyKind.SESSION,
    PolicyKind.SCP,
    PolicyKind.RCP,
    PolicyKind.ENDPOINT,
    PolicyKind.TRUST,
)


def ask(
    policies: PolicySet,
    caller: Principal = USER,
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    owner: str = HERE,
    **context: str,
) -> Decision:
    return evaluate(Request(caller, action, resource, owner, context), policies)


class Write:
    """Write policies of every kind in a word each; ``action`` is the one they speak of."""

    def __init__(self, compile_policy: Any, action: str = "s3:GetObject") -> None:
        self._compile = compile_policy
        self.action = action

    def on_identity(self, effect: str = "Allow", kind: PolicyKind = IDENTITY) -> Any:
        return self._compile({"Effect": effect, "Action": self.action, "Resource": "*"}, kind=kind)

    def on_resource(self, principal: Any, effect: str = "Allow", kind: PolicyKind = RESOURCE, **elements: Any) -> Any:
        return self._compile({"Effect": effect, "Action": self.action, "Principal": principal, **elements}, kind=kind)

    def guard(self, kind: PolicyKind, effect: str = "Allow", action: str | None = None) -> Any:
        principal = {} if kind is SCP else {"Principal": "*"}
        action = action or ("*" if effect == "Allow" else self.action)
        return self._compile({"Effect": effect, "Action": action, "Resource": "*", **principal}, kind=kind)


@pytest.fixture(scope="module")
def write(policy: Any) -> Write:
    return Write(policy)


# Identity policies alone


def test_nothing_allows_by_itself(write: Write) -> None:
    decision = ask(PolicySet())
    assert (decision.outcome, decision.decided_by, decision.statement) == (IMPLICIT, IDENTITY, None)
    assert decision.reference == ""


def test_an_allow_allows_and_says_which(write: Write) -> None:
    named = write.on_identity()
    decision = ask(PolicySet((named,)))
    assert (decision.outcome, decision.decided_by, decision.policy) == (ALLOWED, IDENTITY, named.name)
    assert decision.statement is named.policy.statements[0]
    assert decision.reference == "$.Statement[0]"


def test_a_deny_wins_wherever_it_stands(write: Write) -> None:
    allow, deny = write.on_identity(), write.on_identity("Deny")
    for policies in ((allow, deny), (deny, allow)):
        decision = ask(PolicySet(policies))
        assert (decision.outcome, decision.decided_by, decision.policy) == (EXPLICIT, IDENTITY, deny.name)


def test_a_decision_has_no_truth_value(write: Write) -> None:
    with pytest.raises(TypeError, match=r"decision\.allowed"):
        bool(ask(PolicySet()))
    assert ask(PolicySet((write.on_identity(),))).allowed
    assert not ask(PolicySet()).allowed


# What a resource policy of the caller's account grants. AWS, "Policy evaluation logic", the table of principals.

BYPASS = [
    # principal of the resource policy, caller, whether it passes without: identity policy, boundary, session policy
    pytest.param({"AWS": USER.arn}, USER, True, True, True, id="user ARN, that user"),
    pytest.param({"AWS": ROLE_ARN}, SESSION, True, False, False, id="role ARN, a session of it"),
    pytest.param({"AWS": SESSION_ARN}, SESSION, True, True, True, id="session ARN, that session"),
    pytest.param({"AWS": FEDERATED_ARN}, FEDERATED, True, True, True, id="federated-user ARN, that federated user"),
    pytest.param({"AWS": USER.arn}, FEDERATED, True, False, False, id="user ARN, a federated user of it"),
    pytest.param("*", SESSION, True, True, True, id="everyone, a session"),
    pytest.param({"AWS": "*"}, USER, True, True, True, id="everyone of AWS, a user"),
    pytest.param({"AWS": HERE}, USER, False, False, False, id="account, a user"),
    pytest.param({"AWS": ROOT.arn}, SESSION, False, False, False, id="account root, a session"),
    pytest.param({"AWS": HERE}, FEDERATED, False, False, False, id="account, a federated user"),
]


@pytest.mark.parametrize(("principal", "caller", "identity", "boundary", "session"), BYPASS)
def test_what_a_resource_policy_makes_unnecessary(
    write: Write, principal: Any, caller: Principal, identity: bool, boundary: bool, session: bool
) -> None:
    resource = write.on_resource(principal)
    allow = (write.on_identity(),)
    passes = allow if caller is FEDERATED else None  # without a session policy it may nothing
    assert ask(PolicySet(allow, resource, session=passes), caller).allowed
    for policies, expected, kind in (
        (PolicySet((), resource, session=passes), identity, IDENTITY),
        (PolicySet(allow, resource, boundaries=(), session=passes), boundary, BOUNDARY),
        (PolicySet(allow, resource, session=()), session, SESSION_POLICY),
    ):
        decision = ask(policies, caller)
        assert decision.allowed is expected
        assert expected or (decision.outcome, decision.decided_by) == (IMPLICIT, kind)


def test_everyone_under_a_condition_on_the_role_passes_boundary_and_session_policy(write: Write) -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}}
    resource = write.on_resource("*", Condition=condition)
    policies = PolicySet((), resource, boundaries=(), session=())
    context = {"aws:PrincipalArn": ROLE_ARN}
    assert ask(policies, SESSION, **context).allowed
    assert not ask(policies, SESSION).allowed


def test_the_farthest_reaching_allow_of_a_resource_policy_counts(policy: Any) -> None:
    statements = [
        {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": principal}, "Resource": "*"}
        for principal in (HERE, SESSION_ARN, ROLE_ARN)
    ]
    decision = ask(PolicySet((), policy(*statements, kind=RESOURCE), boundaries=()), SESSION)
    assert decision.grant is Grant.CALLER
    assert decision.statement is not None
    assert decision.statement.index == 1


@pytest.mark.parametrize("principal", [{"AWS": HERE}, {"AWS": ROLE_ARN}, {"AWS": SESSION_ARN}, "*"])
def test_a_deny_of_the_resource_policy_holds_however_it_names_the_caller(write: Write, principal: Any) -> None:
    decision = ask(PolicySet((write.on_identity(),), write.on_resource(principal, "Deny")), SESSION)
    assert (decision.outcome, decision.decided_by) == (EXPLICIT, RESOURCE)


# Across accounts: both sides must allow.


@pytest.mark.parametrize("principal", [{"AWS": HERE}, {"AWS": ROLE_ARN}, {"AWS": SESSION_ARN}, "*"])
def test_across_accounts_both_sides_must_allow(write: Write, principal: Any) -> None:
    allow, resource = (write.on_identity(),), write.on_resource(principal)
    assert ask(PolicySet(allow, resource), SESSION, owner=THERE).allowed
    for policies, kind in (
        (PolicySet((), resource), IDENTITY),
        (PolicySet(allow), RESOURCE),
        (PolicySet(allow, write.on_resource({"AWS": THERE})), RESOURCE),
        (PolicySet(allow, resource, boundaries=()), BOUNDARY),
        (PolicySet(allow, resource, session=()), SESSION_POLICY),
        (PolicySet(allow, resource, scps=((),)), SCP),
    ):
        decision = ask(policies, SESSION, owner=THERE)
        assert (decision.outcome, decision.decided_by) == (IMPLICIT, kind)


def test_the_account_in_the_arn_is_the_owner_where_none_is_named(write: Write) -> None:
    queue = f"arn:aws:sqs:eu-west-1:{THERE}:q"
    policies = PolicySet((Write(write._compile, "sqs:*").on_identity(),))
    assert ask(policies, USER, "sqs:SendMessage", queue, owner="").decided_by is RESOURCE
    assert ask(policies, USER, "sqs:SendMessage", queue.replace(THERE, HERE), owner="").allowed
    assert ask(PolicySet((write.on_identity(),)), owner="").allowed  # a bucket's ARN has none


# Boundaries and session policies


def test_a_boundary_limits_and_grants_nothing(write: Write) -> None:
    allow, boundary = (write.on_identity(),), (write.on_identity(kind=BOUNDARY),)
    assert ask(PolicySet(allow, boundaries=boundary)).allowed
    assert ask(PolicySet((), boundaries=boundary)).decided_by is IDENTITY
    assert ask(PolicySet(allow, boundaries=())).decided_by is BOUNDARY
    denied = ask(PolicySet(allow, boundaries=(write.on_identity("Deny", BOUNDARY),)))
    assert (denied.outcome, denied.decided_by) == (EXPLICIT, BOUNDARY)


def test_session_policies_are_a_union_that_limits_and_grants_nothing(write: Write, policy: Any) -> None:
    allow = (write.on_identity(),)
    passing = write.on_identity(kind=SESSION_POLICY)
    other = policy({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, kind=SESSION_POLICY)
    assert ask(PolicySet(allow, session=(other, passing)), SESSION).allowed
    assert ask(PolicySet(allow, session=(other,)), SESSION).decided_by is SESSION_POLICY
    assert ask(PolicySet((), session=(passing,)), SESSION).decided_by is IDENTITY
    denied = ask(PolicySet(allow, session=(passing, write.on_identity("Deny", SESSION_POLICY))), SESSION)
    assert (denied.outcome, denied.decided_by) == (EXPLICIT, SESSION_POLICY)


def test_a_federated_user_may_what_session_policies_give(write: Write) -> None:
    allow = (write.on_identity(),)
    assert ask(PolicySet(allow), FEDERATED).decided_by is SESSION_POLICY
    assert ask(PolicySet(allow, session=allow), FEDERATED).allowed
    assert ask(PolicySet((), session=allow), FEDERATED).decided_by is IDENTITY
    assert ask(PolicySet(allow), SESSION).allowed  # a role session without any is not limited


# Organizations and VPC endpoints


def test_every_level_of_scps_must_allow(write: Write) -> None:
    allow, full, other = (write.on_identity(),), write.guard(SCP), write.guard(SCP, action="sqs:*")
    assert ask(PolicySet(allow, scps=((full,), (other, full)))).allowed
    assert ask(PolicySet(allow, scps=())).allowed
    for levels in (((full,), (other,)), ((other,), (full,)), ((full,), ())):
        decision = ask(PolicySet(allow, scps=levels))
        assert (decision.outcome, decision.decided_by) == (IMPLICIT, SCP)
    denied = ask(PolicySet(allow, scps=((full,), (full, write.guard(SCP, "Deny")))))
    assert (denied.outcome, denied.decided_by) == (EXPLICIT, SCP)
    assert ask(PolicySet((), scps=((full,),))).decided_by is IDENTITY


def test_scps_limit_root_and_no_service_linked_role_nor_callers_without_account(write: Write) -> None:
    levels = ((),)
    everyone = write.on_resource("*")
    assert ask(PolicySet(scps=levels), ROOT).decided_by is SCP
    assert ask(PolicySet((write.on_identity(),), scps=levels), LINKED).allowed
    assert ask(PolicySet((), everyone, scps=levels), SERVICE).allowed
    assert ask(PolicySet((), everyone, scps=levels), ANONYMOUS).allowed


def test_an_rcp_denies_and_its_level_always_allows_the_rest(write: Write) -> None:
    allow, full, deny = (write.on_identity(),), write.guard(RCP), write.guard(RCP, "Deny")
    assert ask(PolicySet(allow, rcps=((full,), ()))).allowed
    for caller in (USER, SESSION, ROOT, SERVICE, ANONYMOUS):
        decision = ask(PolicySet(allow, write.on_resource("*"), rcps=((full,), (full, deny))), caller)
        assert (decision.outcome, decision.decided_by) == (EXPLICIT, RCP)
    assert ask(PolicySet(allow, rcps=((deny,),)), LINKED).allowed
    assert ask(PolicySet((), rcps=((full,),))).decided_by is IDENTITY


def test_an_endpoint_policy_must_allow_whoever_comes_that_way(write: Write) -> None:
    allow, everyone = (write.on_identity(),), write.on_resource("*")
    for caller in (USER, SESSION, ROOT, ANONYMOUS, SERVICE):
        assert ask(PolicySet(allow, everyone, endpoint=(write.guard(ENDPOINT),)), caller).allowed
        assert ask(PolicySet(allow, everyone, endpoint=()), caller).decided_by is ENDPOINT
        denied = ask(
            PolicySet(allow, everyone, endpoint=(write.guard(ENDPOINT), write.guard(ENDPOINT, "Deny"))), caller
        )
        assert (denied.outcome, denied.decided_by) == (EXPLICIT, ENDPOINT)


def test_of_several_kinds_that_deny_the_first_in_aws_order_is_reported(write: Write) -> None:
    policies = {
        "rcps": ((write.guard(RCP, "Deny"),),),
        "scps": ((write.guard(SCP, "Deny"),),),
        "resource": write.on_resource("*", "Deny"),
        "identity": (write.on_identity("Deny"),),
        "boundaries": (write.on_identity("Deny", BOUNDARY),),
        "session": (write.on_identity("Deny", SESSION_POLICY),),
        "endpoint": (write.guard(ENDPOINT, "Deny"),),
    }
    for name, kind in zip(
        list(policies), (RCP, SCP, RESOURCE, IDENTITY, BOUNDARY, SESSION_POLICY, ENDPOINT), strict=True
    ):
        assert ask(PolicySet(**policies)).decided_by is kind
        del policies[name]


# Callers without identity policies


def test_the_root_user_may_what_its_account_can_allow(write: Write) -> None:
    decision = ask(PolicySet(), ROOT)
    assert (decision.outcome, decision.decided_by) == (ALLOWED, None)
    assert ask(PolicySet((), write.on_resource({"AWS": THERE})), ROOT).allowed
    assert ask(PolicySet((), write.on_resource("*", "Deny")), ROOT).outcome is EXPLICIT
    assert ask(PolicySet(), ROOT, owner=THERE).decided_by is RESOURCE
    assert ask(PolicySet((), write.on_resource({"AWS": HERE})), ROOT, owner=THERE).allowed


def test_a_service_is_let_in_by_the_resource_alone(write: Write) -> None:
    assert ask(PolicySet((), write.on_resource({"Service": SERVICE.arn})), SERVICE).allowed
    for policies in (PolicySet((write.on_identity(),)), PolicySet((), write.on_resource({"AWS": HERE}))):
        decision = ask(policies, SERVICE)
        assert (decision.outcome, decision.decided_by) == (IMPLICIT, RESOURCE)


@pytest.mark.parametrize("caller", [SERVICE, ANONYMOUS])
def test_policies_on_identities_do_not_concern_a_caller_without_account(write: Write, caller: Principal) -> None:
    deny = (write.on_identity("Deny"),)
    everyone = write.on_resource("*")
    assert ask(PolicySet(deny, everyone, boundaries=deny, session=deny), caller).allowed
    assert ask(PolicySet((), everyone, boundaries=(), session=()), caller).allowed


def test_an_anonymous_caller_is_let_in_by_everyone_alone(write: Write) -> None:
    assert ask(PolicySet((), write.on_resource("*")), ANONYMOUS).allowed
    assert ask(PolicySet((), write.on_resource({"AWS": "*"})), ANONYMOUS).allowed
    for policies in (PolicySet((write.on_identity(),)), PolicySet((), write.on_resource({"AWS": HERE}))):
        assert ask(policies, ANONYMOUS).decided_by is RESOURCE


# Services with rules of their own


@pytest.mark.parametrize(
    ("principal", "with_identity", "without"),
    [
        pytest.param({"AWS": HERE}, True, False, id="the key policy names the account"),
        pytest.param({"AWS": ROLE_ARN}, True, True, id="the key policy names the role"),
        pytest.param({"AWS": THERE}, False, False, id="the key policy names another account"),
        pytest.param(None, False, False, id="there is no key policy"),
    ],
)
def test_a_kms_key_needs_its_own_policy(policy: Any, principal: Any, with_identity: bool, without: bool) -> None:
    kms = Write(policy, "kms:*")
    key_policy = kms.on_resource(principal, Resource="*") if principal else None
    assert ask(PolicySet((kms.on_identity(),), key_policy), SESSION, "kms:Decrypt", KEY).allowed is with_identity
    assert ask(PolicySet((), key_policy), SESSION, "kms:Decrypt", KEY).allowed is without


def test_root_needs_the_key_policy_too_and_aliases_and_lists_do_not(policy: Any) -> None:
    kms = Write(policy, "kms:*")
    assert not ask(PolicySet(), ROOT, "kms:Decrypt", KEY).allowed
    assert ask(PolicySet((), kms.on_resource({"AWS": HERE})), ROOT, "kms:Decrypt", KEY).allowed
    allow = PolicySet((kms.on_identity(),))
    assert ask(allow, USER, "kms:ListKeys", "*").allowed
    assert ask(allow, USER, "kms:CreateAlias", f"arn:aws:kms:eu-west-1:{HERE}:alias/a").allowed


@pytest.mark.parametrize(
    "action", ["sts:AssumeRole", "STS:assumerole", "sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"]
)
@pytest.mark.parametrize(
    ("principal", "owner", "with_identity", "without"),
    [
        pytest.param({"AWS": USER.arn}, HERE, True, True, id="the trust policy names the user"),
        pytest.param({"AWS": "*"}, HERE, True, True, id="it names everyone"),
        pytest.param({"AWS": HERE}, HERE, True, False, id="it names the account"),
        pytest.param({"AWS": THERE}, HERE, False, False, id="it names another account"),
        pytest.param(None, HERE, False, False, id="there is none"),
        pytest.param({"AWS": USER.arn}, THERE, True, False, id="it names the user of another account"),
        pytest.param({"AWS": HERE}, THERE, True, False, id="it names another account, which the caller is of"),
    ],
)
def test_assuming_a_role_needs_its_trust(
    policy: Any, action: str, principal: Any, owner: str, with_identity: bool, without: bool
) -> None:
    sts = Write(policy, "sts:*")
    trust = sts.on_resource(principal, kind=TRUST) if principal else None
    role = ROLE.replace(HERE, owner)
    assert ask(PolicySet((sts.on_identity(),), trust), USER, action, role, owner="").allowed is with_identity
    decision = ask(PolicySet((), trust), USER, action, role, owner="")
    assert decision.allowed is without
    if principal is None:
        assert decision.decided_by is (TRUST if owner == HERE else IDENTITY)


@pytest.mark.parametrize("action", ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"])
def test_no_way_of_assuming_a_role_is_open_to_root_or_without_trust(policy: Any, action: str) -> None:
    trust = Write(policy, "sts:*").on_resource({"AWS": [HERE, "*"]}, kind=TRUST)
    decision = ask(PolicySet((), trust), ROOT, f"sts:{action}", ROLE)
    assert (decision.outcome, decision.decided_by) == (IMPLICIT, TRUST)
    allow = PolicySet((Write(policy, "sts:*").on_identity(),))
    decision = ask(allow, USER, f"sts:{action}", ROLE)
    assert (decision.outcome, decision.decided_by) == (IMPLICIT, TRUST)


@pytest.mark.parametrize("caller", [SERVICE, ANONYMOUS, ROOT, USER])
@pytest.mark.parametrize("principal", [None, {"AWS": THERE}])
def test_without_trust_the_trust_policy_is_what_did_not_allow(policy: Any, caller: Principal, principal: Any) -> None:
    trust = None if principal is None else Write(policy, "sts:*").on_resource(principal, kind=TRUST)
    decision = ask(PolicySet((), trust), caller, "sts:AssumeRole", ROLE)
    assert (decision.outcome, decision.decided_by) == (IMPLICIT, TRUST)


@pytest.mark.parametrize(("action", "resource"), [("sts:AssumeRole", ROLE), ("s3:GetObject", OBJECT)])
@pytest.mark.parametrize("kind", [TRUST, RESOURCE])
def test_the_policy_that_a_resource_has_is_the_one_that_did_not_allow(
    policy: Any, kind: PolicyKind, action: str, resource: str
) -> None:
    attached = Write(policy, "sts:AssumeRole").on_resource({"AWS": THERE}, kind=kind)
    assert ask(PolicySet((), attached), SERVICE, action, resource).decided_by is kind


def test_not_principal_denies_a_listed_caller_that_has_a_boundary(policy: Any, write: Write) -> None:
    listed = {"NotPrincipal": {"AWS": [USER.arn, HERE]}, "Effect": "Deny", "Action": "s3:*"}
    deny, allow = policy(listed, kind=RESOURCE), (write.on_identity(),)
    assert ask(PolicySet(allow, deny)).allowed
    assert ask(PolicySet(allow, deny, boundaries=allow)).outcome is EXPLICIT


@pytest.mark.parametrize(
    ("action", "resource", "kind"),
    [
        ("sts:AssumeRole", "*", TRUST),
        ("sts:TagSession", ROLE, TRUST),
        ("kms:Decrypt", KEY, RESOURCE),
        # With an identity policy alone:
        ("sts:TagSession", "*", None),
        ("sts:TagSession", f"arn:aws:iam::{HERE}:user/role/", None),
        ("sts:TagSession", f"arn:aws:sts::{HERE}:role/target", None),
        ("sts:GetAccessKeyInfo", ROLE, None),
        ("kms:Decrypt", f"arn:aws:kms:eu-west-1:{HERE}:alias/key/", None),
        ("kms:Decrypt", f"arn:aws:s3:eu-west-1:{HERE}:key/1", None),
        ("s3:AssumeRole", ROLE, None),
        ("s3:TagSession", ROLE, None),
        ("s3:Decrypt", KEY, None),
        ("sns:Publish", "+491701234567", None),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:nobody:q", None),
    ],
)
def test_only_roles_and_keys_need_a_policy_of_their_own(
    policy: Any, action: str, resource: str, kind: PolicyKind | None
) -> None:
    decision = ask(PolicySet((Write(policy, "*").on_identity(),)), USER, action, resource, owner="")
    assert (decision.outcome, decision.decided_by) == ((ALLOWED, IDENTITY) if kind is None else (IMPLICIT, kind))
    decision = ask(PolicySet(), ROOT, action, resource, owner="")
    assert (decision.outcome, decision.decided_by) == ((ALLOWED, None) if kind is None else (IMPLICIT, kind))


@pytest.mark.parametrize("action", ["s3:GetCallerIdentity", "s3:GetSessionToken", "sts:GetFederationToken"])
def test_no_other_action_needs_no_allow(policy: Any, action: str) -> None:
    assert ask(PolicySet(), USER, action, "*").outcome is IMPLICIT
    assert ask(PolicySet((Write(policy, "*").on_identity("Deny"),)), USER, action, "*").outcome is EXPLICIT


def test_tagging_a_federated_session_asks_no_trust_policy(policy: Any) -> None:
    allow = PolicySet((Write(policy, "sts:*").on_identity(),))
    assert ask(allow, USER, "sts:TagSession", f"arn:aws:sts::{HERE}:federated-user/x").allowed


def test_get_caller_identity_is_never_denied(policy: Any) -> None:
    deny = PolicySet((Write(policy, "*").on_identity("Deny"),), boundaries=(), scps=((),), endpoint=())
    for caller in (USER, SESSION, ROOT, FEDERATED):
        assert ask(deny, caller, "sts:GetCallerIdentity", "*").allowed
    assert not ask(deny, ANONYMOUS, "sts:GetCallerIdentity", "*").allowed


def test_get_session_token_needs_no_allow_but_can_be_denied(policy: Any) -> None:
    assert ask(PolicySet(boundaries=()), USER, "sts:GetSessionToken", "*").allowed
    assert (
        ask(PolicySet((Write(policy, "*").on_identity("Deny"),)), USER, "sts:GetSessionToken", "*").outcome is EXPLICIT
    )
    assert not ask(PolicySet(), ANONYMOUS, "sts:GetSessionToken", "*").allowed


# Misuse


@pytest.mark.parametrize("place", ["identity", "boundaries", "session", "endpoint"])
def test_a_policy_in_the_place_of_another_kind_is_refused(write: Write, place: str) -> None:
    wrong = write.guard(ENDPOINT) if place != "endpoint" else write.on_identity()
    with pytest.raises(ValueError, match="was compiled as"):
        PolicySet(**{place: (wrong,)})


def test_a_managed_policy_serves_as_identity_boundary_and_session_policy(write: Write) -> None:
    managed = (write.on_identity(),)
    decision = ask(PolicySet(managed, boundaries=managed, session=managed), SESSION)
    assert decision.decided_by is IDENTITY
    with pytest.raises(ValueError, match="was compiled as"):
        PolicySet(resource=write.on_identity())
    with pytest.raises(ValueError, match="was compiled as"):
        PolicySet(scps=(managed,))
    with pytest.raises(ValueError, match="was compiled as"):
        PolicySet(rcps=(managed,))


def test_a_context_key_that_is_no_text_is_refused(write: Write, policy: Any) -> None:
    named = policy({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": "true"}}})
    with pytest.raises(InvalidRequest):
        evaluate(Request(USER, "s3:GetObject", OBJECT, context={1: "true"}), PolicySet((named,)))  # type: ignore[dict-item]
