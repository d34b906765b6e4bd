"""Each check of the authorization station has a case in which it alone decides. The facts are values."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from podrole.account.identities import IdentityDirectory
from podrole.account.organizations.state import Levels
from podrole.aws.access_denied import Refusals
from podrole.aws.authorize import authorize, unsigned
from podrole.aws.call_context import circumstances, iam_call
from podrole.aws.caller import ANONYMOUS, Caller, caller_of_session, caller_of_user
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.global_keys import OrganizationPlace
from podrole.aws.interfaces import AuthorizedCall, Bucket, Facts, Resource
from podrole.aws.lazy_keys import LazyKeys, PermissionKeys
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPRequest, HTTPResponse
from podrole.iam.actions.keys import ConditionKeys
from podrole.iam.directory import PolicyText, PrincipalPolicies, Role, User
from podrole.sts.session import Session, SessionKind
from support.aws_facts import NOW, REGION, FakeFacts, call_of, request

ACCOUNT, OTHER = "111122223333", "444455556666"
ADA = User(f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1", "ada", ACCOUNT)
READER = Role(f"arn:aws:iam::{ACCOUNT}:role/reader", "AROA1", "reader", ACCOUNT, "{}")
SESSION = Session(SessionKind.ASSUMED_ROLE, ACCOUNT, READER.arn, READER.id, "s", 0, 1)
USER = caller_of_user(ADA, "AKIA1")
ROOT = caller_of_user(User(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "", ACCOUNT), "AKIA2")
BUCKET = "arn:aws:s3:::shop"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
REFUSALS = Refusals(EncodedMessages("a secret"))
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, **more: Any) -> dict[str, Any]:
    return {**allow(action, **more), "Effect": "Deny"}


def policy_of(resource: str, *statements: Mapping[str, Any]) -> PolicyText:
    """Return a resource policy; a statement without a principal is about everyone."""
    return PolicyText(f"the policy of {resource}", document(*({"Principal": "*", **one} for one in statements)))


@dataclass
class FakeDirectory:
    """Every user and role has these identity policies."""

    statements: tuple[Mapping[str, Any], ...] = ()

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        text = PolicyText(f"policy of {principal.name}", document(*self.statements))
        return PrincipalPolicies((text,) if self.statements else ())


def decided(
    call: IdentifiedCall, *statements: Mapping[str, Any], facts: FakeFacts | None = None, caller: Caller = USER
) -> AuthorizedCall | HTTPResponse:
    """Authorize a call of a caller who has these identity policies."""
    directory = cast("IdentityDirectory", FakeDirectory(statements))
    return authorize(call, caller, directory, cast("Facts", facts or FakeFacts()), REFUSALS)


def is_allowed(
    call: IdentifiedCall, *statements: Mapping[str, Any], facts: FakeFacts | None = None, caller: Caller = USER
) -> bool:
    try:
        decided(call, *statements, facts=facts, caller=caller)
    except AWSError as refusal:
        if refusal.explanation is None:  # not a decision of policies
            raise
        return False
    return True


def refusal_of(
    call: IdentifiedCall, *statements: Mapping[str, Any], facts: FakeFacts | None = None, caller: Caller = USER
) -> AWSError:
    with pytest.raises(AWSError) as raised:
        decided(call, *statements, facts=facts, caller=caller)
    return raised.value


def get(key: str = "a") -> IdentifiedCall:
    return call_of("s3:GetObject", Bucket="shop", Key=key)


def put() -> IdentifiedCall:
    return call_of("s3:PutObject", Bucket="shop", Key="a")


def held(policy: PolicyText | None, account: str = ACCOUNT, *, closed: bool = False) -> FakeFacts:
    """Return facts about an object of an account, and the policy of its bucket."""
    return FakeFacts({f"{BUCKET}/a": Resource(account, policy, closed)}, objects=frozenset({("shop", "a")}))


# What is decided here


@pytest.mark.parametrize("operation", ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"])
def test_sts_decides_about_the_assumption_of_a_role_itself(operation: str) -> None:
    call = call_of(f"sts:{operation}")
    assert decided(call) == AuthorizedCall(call, ACCOUNT)


def test_another_operation_of_sts_needs_a_permission() -> None:
    call = call_of("sts:GetFederationToken", Name="f")
    assert not is_allowed(call)
    assert is_allowed(call, allow("sts:GetFederationToken"))


def test_a_call_that_needs_nothing_is_authorized_on_nothing() -> None:
    call = call_of("sts:GetCallerIdentity")
    assert decided(call) == AuthorizedCall(call, ACCOUNT, "")


def test_an_unsigned_call_acts_in_no_account() -> None:
    call = call_of("sts:AssumeRoleWithWebIdentity")
    assert unsigned(call) == AuthorizedCall(call, "")


def test_a_call_is_authorized_on_its_first_resource() -> None:
    keys = [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-{number}" for number in (1, 2)]
    call = call_of("ec2:StopInstances", InstanceIds=["i-1", "i-2"])
    assert decided(call, allow("ec2:StopInstances", keys)) == AuthorizedCall(call, ACCOUNT, keys[0])


@pytest.mark.parametrize("allowed", [[1], [2], []])
def test_every_permission_must_be_allowed(allowed: list[int]) -> None:
    resources = [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-{number}" for number in allowed]
    call = call_of("ec2:StopInstances", InstanceIds=["i-1", "i-2"])
    assert not is_allowed(call, *([allow("ec2:StopInstances", resources)] if resources else []))


def test_a_resource_of_another_region_is_refused_before_policies_are_asked() -> None:
    call = call_of("sns:Publish", TopicArn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:news", Message="m")
    assert refusal_of(call, ANYTHING).error_code == "InvalidParameter"


def test_a_refusal_has_the_words_of_the_service_and_its_evidence() -> None:
    refusal = refusal_of(call_of("sqs:SendMessage", QueueUrl=f"https://sqs/{ACCOUNT}/orders"), deny("sqs:*"))
    assert (refusal.error_code, refusal.status) == ("AccessDenied", 403)
    assert "with an explicit deny in an identity-based policy" in refusal.message
    assert refusal.explanation is not None
    assert refusal.explanation["decision"] == "ExplicitlyDenied"
    assert refusal.explanation["evidence"]


def test_the_statement_that_allowed_a_call_is_kept() -> None:
    call = put()
    decided(call, allow("s3:PutObject", Sid="writes"))
    assert call.explanation == {
        "action": "s3:PutObject",
        "resource": f"{BUCKET}/a",
        "decision": "Allowed",
        "policy": "policy of ada",
        "statement": "writes ($.Statement[0])",
    }


def test_no_statement_allows_what_the_root_user_does() -> None:
    call = put()
    decided(call, caller=ROOT)
    assert call.explanation is None


# The services' own rules


STACK = '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'


def test_what_a_service_also_needs_must_be_allowed() -> None:
    call = call_of("cloudformation:CreateStack", StackName="s", TemplateBody=STACK)
    assert not is_allowed(call, allow("cloudformation:*"))
    assert is_allowed(call, allow(["cloudformation:*", "sqs:*"]))


def stop(**more: Any) -> IdentifiedCall:
    return call_of("ec2:StopInstances", InstanceIds=["i-1"], **more)


def test_a_dry_run_is_refused_by_ec2_once_all_is_allowed() -> None:
    refusal = refusal_of(stop(DryRun=True), ANYTHING)
    assert (refusal.error_code, refusal.status) == ("DryRunOperation", 412)
    assert refusal.message == "Request would have succeeded, but DryRun flag is set."
    assert refusal_of(stop(DryRun=True)).error_code == "UnauthorizedOperation"


@pytest.mark.parametrize(
    "call",
    [
        stop(DryRun=False),
        stop(),
        call_of("lambda:UpdateFunctionCode", FunctionName="f", DryRun=True),
    ],
    ids=["not wanted", "not said", "another service"],
)
def test_no_other_call_is_a_dry_run(call: IdentifiedCall) -> None:
    assert is_allowed(call, ANYTHING)


# The account in which the service acts


@pytest.mark.parametrize(
    ("owners", "account"),
    [
        ({}, ACCOUNT),
        ({QUEUE: "aws"}, ACCOUNT),
        ({QUEUE: OTHER}, OTHER),
    ],
    ids=["the caller's", "the caller's if the owner is no account", "the owner's"],
)
def test_a_service_acts_in_the_account_of_the_resource(owners: dict[str, str], account: str) -> None:
    facts = FakeFacts({arn: Resource(owner, policy_of(arn, allow("*"))) for arn, owner in owners.items()})
    call = call_of("sqs:SendMessage", QueueUrl=f"https://sqs/{ACCOUNT}/orders", MessageBody="m")
    assert decided(call, ANYTHING, facts=facts) == AuthorizedCall(call, account, QUEUE)


def acting(needs: Mapping[str, str], call: IdentifiedCall) -> str:
    facts = FakeFacts({arn: Resource(owner, policy_of(arn, allow("*"))) for arn, owner in needs.items()})
    found = decided(call, ANYTHING, facts=facts)
    assert isinstance(found, AuthorizedCall)
    return found.account


def test_a_service_acts_in_the_account_of_its_first_resource() -> None:
    first, second = (f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-{number}" for number in (1, 2))
    call = call_of("ec2:StopInstances", InstanceIds=["i-1", "i-2"])
    assert acting({first: OTHER, second: ACCOUNT}, call) == OTHER
    assert acting({second: OTHER}, call) == OTHER


def test_a_service_does_not_act_in_the_account_of_another_services_resource() -> None:
    role = f"arn:aws:iam::{OTHER}:role/service"
    call = call_of("lambda:CreateFunction", FunctionName="f", Role=role, Code={})
    assert acting({role: OTHER}, call) == ACCOUNT


# Resource policies


@pytest.mark.parametrize(
    ("caller", "account", "policy", "allowed"),
    [
        (USER, ACCOUNT, policy_of("b", allow("s3:GetObject", f"{BUCKET}/a")), True),
        (USER, ACCOUNT, policy_of("b", allow("s3:PutObject", f"{BUCKET}/a")), False),
        (USER, ACCOUNT, None, False),
        (ANONYMOUS, ACCOUNT, policy_of("b", allow("s3:GetObject", f"{BUCKET}/a")), True),
        (ANONYMOUS, ACCOUNT, None, False),
        (USER, OTHER, policy_of("b", allow("s3:GetObject", f"{BUCKET}/a")), False),
    ],
)
def test_the_resources_policy_takes_part(
    caller: Caller, account: str, policy: PolicyText | None, allowed: bool
) -> None:
    assert is_allowed(get(), facts=held(policy, account), caller=caller) == allowed


def test_across_accounts_both_sides_must_allow() -> None:
    facts = held(policy_of("b", allow("s3:GetObject", f"{BUCKET}/a")), OTHER)
    assert is_allowed(get(), allow("s3:GetObject"), facts=facts)
    assert not is_allowed(get(), allow("s3:GetObject"), facts=held(None, OTHER))


def test_what_a_call_is_about_to_make_has_no_policy_yet() -> None:
    facts = FakeFacts({BUCKET: Resource(ACCOUNT, policy_of("b", deny("s3:*")))})
    assert is_allowed(call_of("s3:CreateBucket", Bucket="shop"), ANYTHING, facts=facts)
    assert not is_allowed(call_of("s3:ListObjectsV2", Bucket="shop"), ANYTHING, facts=facts)


def within(*statements: Mapping[str, Any]) -> FakeFacts:
    return FakeFacts(within=[policy_of("another", allow("kms:ListKeys")), policy_of("table", *statements)])


def test_a_partial_resource_is_refused_if_the_policy_of_one_that_it_may_mean_denies() -> None:
    call = call_of("dynamodb:BatchExecuteStatement", Statements=[{"Statement": "?"}])
    assert is_allowed(call, ANYTHING)
    refusal = refusal_of(call, ANYTHING, facts=within(deny("dynamodb:*")))
    assert refusal.explanation is not None
    assert refusal.explanation["decision"] == "ExplicitlyDenied"
    assert any(one["policy"] == "the policy of table" for one in refusal.explanation["evidence"])


def test_a_policy_of_one_that_a_partial_resource_may_mean_allows_nothing() -> None:
    call = call_of("dynamodb:BatchExecuteStatement", Statements=[{"Statement": "?"}])
    refusal = refusal_of(call, facts=within(allow("dynamodb:*")))
    assert refusal.explanation is not None
    assert refusal.explanation["decision"] == "ImplicitlyDenied"


def test_only_partial_resources_that_exist_are_looked_through() -> None:
    facts = within(deny("*"))
    assert is_allowed(put(), ANYTHING, facts=facts)
    made = call_of("config:PutConfigRule", ConfigRule={"ConfigRuleName": "r"}, Tags=[{"Key": "a", "Value": "b"}])
    assert is_allowed(made, ANYTHING, facts=within(deny("config:TagResource")))
    assert not is_allowed(made, ANYTHING, facts=within(deny("config:PutConfigRule")))


# Public policies of a bucket that restricts them

PUBLIC = policy_of("b", allow("s3:GetObject", f"{BUCKET}/a"))
NOT_PUBLIC = policy_of("b", allow("s3:GetObject", f"{BUCKET}/a", Principal={"AWS": ADA.arn}))


@pytest.mark.parametrize(
    ("facts", "caller", "allowed"),
    [
        (held(PUBLIC, closed=True), ANONYMOUS, False),
        (held(PUBLIC, OTHER, closed=True), USER, False),
        (held(PUBLIC, closed=True), USER, True),
        (held(PUBLIC), ANONYMOUS, True),
        (held(NOT_PUBLIC, OTHER, closed=True), USER, True),
        (held(None, "", closed=True), USER, True),
    ],
    ids=["anonymous", "another account", "the owner's account", "open", "not public", "no policy"],
)
def test_a_closed_bucket_grants_nothing_to_strangers_by_a_public_policy(
    facts: FakeFacts, caller: Caller, allowed: bool
) -> None:
    assert is_allowed(get(), allow("s3:GetObject"), facts=facts, caller=caller) == allowed


def test_a_closed_bucket_does_not_hide_what_denied() -> None:
    public = policy_of("b", allow("s3:GetObject", f"{BUCKET}/a"), deny("s3:*", Principal={"AWS": ADA.arn}))
    refusal = refusal_of(get(), allow("s3:GetObject"), facts=held(public, OTHER, closed=True))
    assert refusal.explanation is not None
    assert refusal.explanation["decision"] == "ExplicitlyDenied"


def test_a_closed_bucket_says_that_the_resource_side_does_not_allow() -> None:
    refusal = refusal_of(get(), facts=held(PUBLIC, closed=True), caller=ANONYMOUS)
    assert refusal.explanation is not None
    assert (refusal.explanation["decision"], refusal.explanation["decided_by"]) == ("ImplicitlyDenied", "resource")


# Control policies

NO_PUT = ((PolicyText("none may put", document(deny("s3:PutObject"), ANYTHING)),),)
NO_SEND = ((PolicyText("none may send", document({**deny("sqs:*"), "Principal": "*"})),),)
NO_RUN = ((PolicyText("none may run", document({**deny("*"), "Principal": "*"})),),)


@pytest.mark.parametrize(
    ("facts", "caller", "allowed"),
    [
        (FakeFacts(scps={ACCOUNT: NO_PUT}), USER, False),
        (FakeFacts(scps={ACCOUNT: ((PolicyText("all", document(ANYTHING)),),)}), USER, True),
        (FakeFacts(scps={ACCOUNT: ((),)}), USER, False),
        (FakeFacts(scps={OTHER: NO_PUT}), USER, True),
        (FakeFacts(scps={ACCOUNT: NO_PUT}), ROOT, False),
    ],
    ids=["denied", "allowed", "not allowed", "of another account", "the root user"],
)
def test_scps_of_the_callers_account_limit_it(facts: FakeFacts, caller: Caller, allowed: bool) -> None:
    assert is_allowed(put(), allow("s3:PutObject"), facts=facts, caller=caller) == allowed


def test_scps_count_beside_a_resource_policy() -> None:
    facts = held(policy_of("b", allow("s3:PutObject", f"{BUCKET}/a")))
    assert is_allowed(put(), facts=facts)
    assert not is_allowed(put(), facts=replace(facts, scps={ACCOUNT: NO_PUT}))


def send() -> IdentifiedCall:
    return call_of("sqs:SendMessage", QueueUrl=f"https://sqs/{ACCOUNT}/orders", MessageBody="m")


@pytest.mark.parametrize(
    ("owner", "rcps", "allowed"),
    [
        (ACCOUNT, {ACCOUNT: NO_SEND}, False),
        (ACCOUNT, {OTHER: NO_SEND}, True),
        (ACCOUNT, {}, True),
        ("", {ACCOUNT: NO_SEND, "": NO_SEND}, True),
    ],
    ids=["of the owner", "of another account", "none", "the owner is not known"],
)
def test_rcps_of_the_owners_account_limit_everyone(owner: str, rcps: dict[str, Levels], allowed: bool) -> None:
    facts = FakeFacts({QUEUE: Resource(owner)}, rcps=rcps)
    assert is_allowed(send(), allow("sqs:SendMessage"), facts=facts) == allowed


def test_rcps_limit_the_services_that_support_them() -> None:
    instance = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"
    facts = FakeFacts({instance: Resource(ACCOUNT)}, rcps={ACCOUNT: NO_RUN})
    assert is_allowed(call_of("ec2:StopInstances", InstanceIds=["i-1"]), allow("ec2:StopInstances"), facts=facts)


def test_boundaries_and_session_policies_count_beside_other_policies() -> None:
    """Every kind of policy is kept when a resource policy is added."""
    policy = document(allow("s3:GetObject"))
    session = Session(SessionKind.ASSUMED_ROLE, ACCOUNT, READER.arn, READER.id, "s", 0, 1, policy)
    caller = caller_of_session(session, READER, "ASIA1")
    facts = held(policy_of("b", allow("sqs:*")))
    assert is_allowed(get(), ANYTHING, facts=facts, caller=caller)
    assert not is_allowed(put(), ANYTHING, facts=facts, caller=caller)


# Condition keys


def has_keys(
    call: IdentifiedCall, expected: Mapping[str, str | None], facts: FakeFacts | None = None, caller: Caller = USER
) -> bool:
    """Say whether the call is allowed by a statement with these keys; None is a key that is absent."""
    present = {key: value for key, value in expected.items() if value is not None}
    absent = {key: "true" for key, value in expected.items() if value is None}
    condition = {"StringEquals": present, "Null": absent}
    statement = allow("*", Condition={operator: keys for operator, keys in condition.items() if keys})
    return is_allowed(call, statement, facts=facts, caller=caller)


QUEUE_URL = f"https://sqs/{ACCOUNT}/orders"
OF_OTHER = Resource(OTHER, policy_of("the queue", allow("sqs:*")))
PLACE, OTHER_PLACE = OrganizationPlace("o-1", "o-1/r-1/"), OrganizationPlace("o-2", "o-2/r-2/")


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        ({"aws:ResourceAccount": OTHER}, FakeFacts({QUEUE: OF_OTHER})),
        ({"aws:ResourceAccount": ACCOUNT}, FakeFacts()),
        ({"aws:ResourceAccount": ACCOUNT}, FakeFacts({QUEUE: Resource("aws")})),
        ({"aws:ResourceOrgID": None, "aws:PrincipalOrgID": None}, FakeFacts()),
        ({"aws:PrincipalOrgID": "o-1", "aws:ResourceOrgID": "o-1"}, FakeFacts(places={ACCOUNT: PLACE})),
        (
            {"aws:PrincipalOrgID": "o-1", "aws:ResourceOrgID": "o-2"},
            FakeFacts({QUEUE: OF_OTHER}, places={ACCOUNT: PLACE, OTHER: OTHER_PLACE}),
        ),
        (
            {"aws:PrincipalOrgID": "o-1", "aws:ResourceOrgID": None},
            FakeFacts({QUEUE: OF_OTHER}, places={ACCOUNT: PLACE}),
        ),
        ({"aws:PrincipalOrgPaths": "o-1/r-1/"}, FakeFacts(places={ACCOUNT: PLACE})),
        ({"aws:ResourceTag/team": "blue"}, FakeFacts(tags={QUEUE: {"team": "blue"}})),
        ({"s3:authType": None}, FakeFacts()),
        ({"aws:SourceIp": "192.0.2.7", "aws:PrincipalArn": ADA.arn}, FakeFacts()),
    ],
)
def test_the_keys_of_a_request(expected: Mapping[str, str | None], facts: FakeFacts) -> None:
    call = call_of("sqs:SendMessage", request(headers=[("authorization", "x")]), QueueUrl=QUEUE_URL, MessageBody="m")
    assert has_keys(call, expected, facts)
    assert not has_keys(call, {**expected, "aws:PrincipalAccount": None}, facts)


def test_a_request_about_no_resource_has_no_keys_of_one() -> None:
    facts = FakeFacts(places={ACCOUNT: PLACE})
    call = call_of("kms:ListKeys")
    assert has_keys(call, {"aws:ResourceAccount": None, "aws:ResourceOrgID": None, "aws:PrincipalOrgID": "o-1"}, facts)


def test_a_request_of_nobody_about_a_resource_of_nobody_has_no_account() -> None:
    policy = policy_of("b", allow("s3:GetObject", f"{BUCKET}/a", Condition={"Null": {"aws:ResourceAccount": "true"}}))
    assert is_allowed(get(), facts=held(policy, ""), caller=ANONYMOUS)
    assert not is_allowed(get(), facts=held(policy), caller=ANONYMOUS)


def test_a_key_whose_value_is_unknown_allows_nothing() -> None:
    facts = FakeFacts()
    facts.tags_of = lambda call, arn: None  # type: ignore[method-assign, assignment, return-value]
    call = call_of("sqs:SendMessage", QueueUrl=QUEUE_URL, MessageBody="m")
    assert not is_allowed(call, allow("*", Condition={"Null": {"aws:ResourceTag/team": "true"}}), facts=facts)
    assert is_allowed(call, allow("*", Condition={"Null": {"aws:ResourceTag/team": "true"}}))


SIGNED = ("authorization", "AWS4-HMAC-SHA256 …")
AGED = ("x-amz-date", "20260131T115959Z")


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        (request(headers=[SIGNED]), {"s3:authType": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256"}),
        (request(query="X-Amz-Signature=0"), {"s3:authType": "REST-QUERY-STRING"}),
        (request(query="X-Amz-Other=0"), {"s3:authType": None, "s3:signatureversion": None}),
        (request(headers=[AGED]), {"s3:authType": None, "s3:signatureAge": None}),
        (request(headers=[SIGNED, AGED]), {"s3:signatureAge": "1000"}),
        (request(headers=[SIGNED, ("x-amz-date", "20260131T120000Z")]), {"s3:signatureAge": "0"}),
        (request(headers=[SIGNED, ("x-amz-date", "20260131T120010Z")]), {"s3:signatureAge": "0"}),
        (request(headers=[SIGNED, ("x-amz-date", "yesterday")]), {"s3:signatureAge": None}),
        (request(query="X-Amz-Signature=0&X-Amz-Date=20260131T115958Z"), {"s3:signatureAge": "2000"}),
        (request(query="X-Amz-Date=20260131T115958Z", headers=[SIGNED, AGED]), {"s3:signatureAge": "1000"}),
        (request(headers=[SIGNED]), {"s3:x-amz-content-sha256": None, "s3:signatureAge": None}),
        (request(headers=[SIGNED, ("x-amz-content-sha256", "0f")]), {"s3:x-amz-content-sha256": "0f"}),
    ],
)
def test_the_keys_that_say_how_a_request_to_s3_was_signed(
    http: HTTPRequest, expected: Mapping[str, str | None]
) -> None:
    assert has_keys(call_of("s3:PutObject", http, Bucket="shop", Key="a"), expected)
    of_sqs = call_of("sqs:SendMessage", http, QueueUrl=QUEUE_URL, MessageBody="m")
    assert has_keys(of_sqs, dict.fromkeys(expected))


def test_keys_are_worked_out_once_and_only_if_a_policy_reads_one() -> None:
    made: list[int] = []

    def make() -> ConditionKeys:
        made.append(1)
        return ConditionKeys({"aws:a": "1"}, frozenset({"aws:b"}))

    keys = PermissionKeys(make)
    unknown = keys.unknown
    assert not made
    assert (dict(keys), list(keys), len(keys), list(keys.items())) == ({"aws:a": "1"}, ["aws:a"], 1, [("aws:a", "1")])
    assert "aws:b" in unknown
    assert "aws:a" not in unknown
    assert len(made) == 1


def test_the_keys_of_a_call_are_worked_out_once() -> None:
    made: list[int] = []

    def make() -> dict[str, str | list[str]]:
        made.append(1)
        return {"aws:a": "1"}

    keys = LazyKeys(make)
    assert not made
    assert (keys["aws:a"], len(keys)) == ("1", 1)
    assert len(made) == 1


def test_a_policy_without_conditions_makes_no_key_be_worked_out() -> None:
    facts = FakeFacts()
    assert is_allowed(send(), ANYTHING, facts=facts)
    assert facts.tags_asked == 0


def test_what_a_decision_used_is_freed_without_the_garbage_collector() -> None:
    facts = FakeFacts()
    used = weakref.ref(facts)
    reads_keys = {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": OTHER, "sqs:Unknown": "a"}}}
    gc.disable()
    try:
        assert is_allowed(send(), allow("sqs:*", **reads_keys), facts=facts)
        del facts
        assert used() is None
    finally:
        gc.enable()


# The call and its circumstances


def test_a_call_is_described_as_the_actions_take_it() -> None:
    call = call_of("sqs:SendMessage", request(scheme="https"), QueueUrl="q", MessageBody="m")
    found = iam_call(call, USER)
    assert (found.client, found.prefix, found.operation) == ("sqs", "sqs", "SendMessage")
    assert (found.parameters, found.account, found.region) == ({"QueueUrl": "q", "MessageBody": "m"}, ACCOUNT, REGION)
    assert (found.partition, found.method, found.path) == ("aws", "POST", "/")
    assert "queueurl" in found.members
    assert found.tls
    assert not iam_call(call_of("sqs:SendMessage"), USER).tls
    assert iam_call(replace(call, region="cn-north-1"), USER).partition == "aws-cn"


@pytest.mark.parametrize(
    ("caller", "arn"),
    [(USER, ADA.arn), (ROOT, ""), (caller_of_session(SESSION, READER, "ASIA1"), ""), (ANONYMOUS, "")],
    ids=["user", "root", "role", "anonymous"],
)
def test_only_a_user_has_a_users_arn(caller: Caller, arn: str) -> None:
    assert iam_call(send(), caller).user_arn == arn


@pytest.mark.parametrize(
    ("call", "binding"),
    [
        (call_of("apigateway:ImportRestApi"), ("POST", "/restapis")),
        (replace(call_of("apigateway:GetRestApi"), path_parameters={"restapi_id": "r"}), ("GET", "/restapis/r")),
        (
            replace(call_of("apigatewayv2:GetTags"), path_parameters={"resource-arn": "a/b"}),
            ("GET", "/v2/tags/a/b"),
        ),
        (replace(call_of("s3:GetObject"), path_parameters={"Bucket": "b", "Key": "k"}), ("POST", "/")),
    ],
    ids=["without its query", "a label", "a label of API Gateway v2", "another service"],
)
def test_api_gateway_is_asked_about_the_method_on_the_path(call: IdentifiedCall, binding: tuple[str, str]) -> None:
    found = iam_call(call, USER)
    assert (found.method, found.path) == binding


def test_the_circumstances_of_a_call() -> None:
    http = request(scheme="https", headers=[("user-agent", "cli"), ("referer", "here")])
    found = circumstances(call_of("sqs:ListQueues", http))
    assert (found.now, found.source_ip, found.region, found.secure_transport) == (NOW, "192.0.2.7", REGION, True)
    assert (found.user_agent, found.referer) == ("cli", "here")
    found = circumstances(call_of("sqs:ListQueues"))
    assert (found.secure_transport, found.user_agent, found.referer) == (False, "", "")


# Missing keys of S3

HAS_BUCKET = FakeFacts(buckets={"shop": Bucket(BUCKET, ACCOUNT, REGION, blocks_public_policy=False)})
READS = [
    ("s3:GetObject", ["s3:GetObject"]),
    ("s3:GetObjectAcl", ["s3:GetObjectAcl"]),
    ("s3:GetObjectAttributes", ["s3:GetObject", "s3:GetObjectAttributes"]),
    ("s3:GetObjectTagging", ["s3:GetObjectTagging"]),
    ("s3:HeadObject", ["s3:GetObject"]),
]


@pytest.mark.parametrize(("operation", "actions"), READS, ids=[operation for operation, _ in READS])
def test_a_missing_key_is_only_told_to_callers_who_may_list(operation: str, actions: list[str]) -> None:
    call = call_of(operation, Bucket="shop", Key="a")
    refusal = refusal_of(call, allow(actions), facts=HAS_BUCKET)
    assert f's3:ListBucket on resource: "{BUCKET}"' in refusal.message
    assert is_allowed(call, allow([*actions, "s3:ListBucket"]), facts=HAS_BUCKET)
    assert is_allowed(call, allow(actions), facts=replace(HAS_BUCKET, objects=frozenset({("shop", "a")})))
    assert is_allowed(call, allow(actions))  # the service says that there is no such bucket


@pytest.mark.parametrize(
    "call",
    [put(), call_of("mediastore-data:GetObject", Path="a", Bucket="shop", Key="a")],
    ids=["another operation", "another service"],
)
def test_a_call_that_reads_no_object_of_s3_may_name_a_missing_key(call: IdentifiedCall) -> None:
    assert is_allowed(call, allow([call.action, "mediastore:GetObject"]), facts=HAS_BUCKET)


# S3's DeleteObjects


def delete(*objects: tuple[str, str], **more: Any) -> IdentifiedCall:
    named = [{"Key": key, **({"VersionId": version} if version else {})} for key, version in objects]
    return call_of("s3:DeleteObjects", Bucket="shop", Delete={"Objects": named}, **more)


BYPASS = {"BypassGovernanceRetention": True}
DELETED = HTTPResponse(200, [], b"<DeleteResult><Deleted/></DeleteResult>")


@pytest.mark.parametrize(
    ("call", "statements", "kept"),
    [
        (delete(("a", ""), ("b", "")), [allow("s3:DeleteObject", f"{BUCKET}/a")], [("a", "")]),
        (delete(("a", ""), ("b", "")), [allow("s3:DeleteObject", f"{BUCKET}/b")], [("b", "")]),
        (delete(("a", ""), ("a", "1")), [allow("s3:DeleteObject")], [("a", "")]),
        (delete(("a", ""), ("a", "1")), [allow("s3:DeleteObjectVersion")], [("a", "1")]),
        (delete(("a", "1"), ("a", "2")), [allow("s3:DeleteObjectVersion")], [("a", "1"), ("a", "2")]),
        (
            delete(("a", ""), ("b", ""), **BYPASS),
            [allow("s3:DeleteObject"), allow("s3:BypassGovernanceRetention", f"{BUCKET}/b")],
            [("b", "")],
        ),
        (
            delete(("a", ""), ("b", ""), **BYPASS),
            [allow("s3:BypassGovernanceRetention"), allow("s3:DeleteObject", f"{BUCKET}/b")],
            [("b", "")],
        ),
    ],
    ids=["first", "second", "not the version", "only the version", "every version", "bypass", "bypass alone"],
)
def test_the_keys_that_may_not_be_deleted_are_taken_out_of_the_call(
    call: IdentifiedCall, statements: list[dict[str, Any]], kept: list[tuple[str, str]]
) -> None:
    assert call.input is not None
    asked = [(one["Key"], one.get("VersionId", "")) for one in call.input["Delete"]["Objects"]]
    authorized = decided(call, *statements)
    assert isinstance(authorized, AuthorizedCall)
    assert [(one["Key"], one.get("VersionId", "")) for one in call.input["Delete"]["Objects"]] == kept
    body = authorized.finish(DELETED).body.decode()
    assert body.count("<Error>") == len(asked) - len(kept)
    assert all(f"<Key>{key}</Key>" in body for key, version in asked if (key, version) not in kept)


def test_the_error_of_a_refused_key_says_why() -> None:
    authorized = decided(delete(("a", ""), ("b", "")), allow("s3:DeleteObject", f"{BUCKET}/a"))
    assert isinstance(authorized, AuthorizedCall)
    assert f"{ADA.arn} is not authorized to perform: s3:DeleteObject" in authorized.finish(DELETED).body.decode()


def test_a_call_that_may_delete_none_of_its_keys_is_answered_here() -> None:
    answer = decided(delete(("a", ""), ("b", "")))
    assert isinstance(answer, HTTPResponse)
    assert answer.status == 200
    assert answer.body.count(b"<Error>") == 2


@pytest.mark.parametrize(
    "call",
    [
        delete(("a", ""), ("b", "")),
        delete(),
        call_of("s3:DeleteObjects", Bucket="shop"),
        call_of("s3:DeleteObjects", Bucket="shop", Delete={}),
    ],
    ids=["every key is allowed", "no keys", "no list", "an empty element"],
)
def test_a_call_of_which_no_key_is_refused_goes_on_as_it_is(call: IdentifiedCall) -> None:
    before = json.dumps(call.input)
    authorized = decided(call, allow("s3:DeleteObject"))
    assert isinstance(authorized, AuthorizedCall)
    assert json.dumps(call.input) == before
    assert authorized == AuthorizedCall(call, ACCOUNT, authorized.resource)
