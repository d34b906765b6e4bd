"""Who executes a call, and what is decided before: each check of the fifth station has a case in which it decides."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from podrole.account.identities import IdentityDirectory
from podrole.aws.access_denied import Refusals
from podrole.aws.caller import ANONYMOUS, Caller, caller_of_user
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import AuthorizedCall, Bucket, Facts, Resource, StoredPolicy
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.serve import NewestRecords, Server, own_operations
from podrole.iam.directory import PolicyText, PrincipalPolicies, Role, User
from support.aws_facts import FakeFacts, call_of
from support.calls import ACCOUNT, REGION

OTHER, WORLD = "444455556666", "999988887777"
ADA = caller_of_user(User(f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1", "ada", ACCOUNT), "AKIA1")
REFUSALS = Refusals(EncodedMessages("a secret"))
DENIED = ("AccessDenied", 403)
BUCKET = "arn:aws:s3:::shop"
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class FakeDirectory:
    """Every user may do everything if ``allows``, and nothing otherwise."""

    allows: bool = True
    asked: int = 0

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        self.asked += 1
        return PrincipalPolicies((PolicyText("all", document(ANYTHING)),) if self.allows else ())


@dataclass
class FakeStore:
    """A store whose changes are being written. ``kept`` says of each whether it is; after the last none is left."""

    kept: list[bool] = field(default_factory=list)
    is_writing: bool = True

    async def newest_is_kept(self) -> bool:
        found = self.kept.pop(0)
        self.is_writing = bool(self.kept)
        return found


@dataclass
class FakeServices:
    """Decides each call, and answers with what it was told."""

    facts: FakeFacts = field(default_factory=FakeFacts)
    authorized: AuthorizedCall | HTTPResponse | None = None
    body: bytes = b'{"a": 1}'

    async def serve(self, decide: Callable[[Facts], AuthorizedCall | HTTPResponse]) -> HTTPResponse:
        self.authorized = decide(cast("Facts", self.facts))
        if isinstance(self.authorized, HTTPResponse):
            return self.authorized
        return HTTPResponse(200, [(b"content-type", b"application/json")], self.body)


OWN = HTTPResponse(200, [], b"own")
ALL_ELSE = HTTPResponse(200, [], b"all else")


async def own(call: IdentifiedCall, caller: Caller) -> HTTPResponse:
    return OWN


async def all_else(call: IdentifiedCall, caller: Caller) -> HTTPResponse:
    return ALL_ELSE


class World:
    """A server with two operations of its own in each service of podrole's, over facts that are values."""

    def __init__(self, facts: FakeFacts | None = None, *, allows: bool = True) -> None:
        self.facts = facts or FakeFacts()
        self.directory, self.newest = FakeDirectory(allows), FakeDirectory()
        self.store = FakeStore(is_writing=False)
        self.services: FakeServices | None = FakeServices(self.facts)

    async def __call__(self, call: IdentifiedCall, caller: Caller = ADA) -> HTTPResponse:
        newest = cast("NewestRecords", SimpleNamespace(store=self.store, directory=self.newest, facts=self.facts))
        names = {"eks": "ListClusters", "iam": "GetUser", "organizations": "ListRoots", "sts": "GetFederationToken"}
        operations = dict.fromkeys(names.items(), own)
        operations |= {(service, "*"): all_else for service in names}
        directory, facts = cast("IdentityDirectory", self.directory), cast("Facts", self.facts)
        server = Server(operations, self.services, directory, facts, newest, REFUSALS, WORLD)
        return await server.serve(call, caller)

    async def authorized(self, call: IdentifiedCall, caller: Caller = ADA) -> AuthorizedCall:
        await self(call, caller)
        assert self.services is not None
        assert isinstance(self.services.authorized, AuthorizedCall)
        return self.services.authorized

    async def refusal(self, call: IdentifiedCall, caller: Caller = ADA) -> tuple[str, int]:
        with pytest.raises(AWSError) as raised:
            await self(call, caller)
        return raised.value.error_code, raised.value.status


GET_USER = ("iam:GetUser", {"UserName": "ada"})
RECORDS = [("eks:ListClusters", {}), GET_USER, ("organizations:ListRoots", {})]


# podrole's own operations


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        (*GET_USER, OWN),
        ("iam:GetRole", {"RoleName": "r"}, ALL_ELSE),
        ("sts:GetFederationToken", {"Name": "f"}, OWN),
        ("sts:GetSessionToken", {}, ALL_ELSE),
    ],
)
async def test_own_operation_is_answered_by_its_own_handler(
    operation: str, given: dict[str, Any], expected: HTTPResponse
) -> None:
    world = World()
    assert await world(call_of(operation, **given)) == expected
    assert world.services is not None
    assert world.services.authorized is None


@pytest.mark.parametrize(("operation", "given"), [*RECORDS, ("sts:GetFederationToken", {"Name": "f"})])
async def test_own_operation_is_authorized_on_what_is_on_disk(operation: str, given: dict[str, Any]) -> None:
    world = World(allows=False)
    assert (await world.refusal(call_of(operation, **given)))[1] in (400, 403)
    assert world.newest.asked == 0


async def test_operation_that_needs_no_signature_needs_no_permission() -> None:
    world = World(allows=False)
    call = call_of("sts:AssumeRoleWithWebIdentity", RoleArn="r")
    assert await world(call, ANONYMOUS) == ALL_ELSE
    assert world.directory.asked == 0


@pytest.mark.parametrize(("operation", "given"), RECORDS)
async def test_operation_on_records_is_authorized_on_the_newest_too(operation: str, given: dict[str, Any]) -> None:
    world = World()
    call = call_of(operation, **given)
    assert await world(call) == OWN
    assert world.newest.asked == 0  # nothing is being written
    world.store.is_writing = True
    assert await world(call) == OWN
    assert world.newest.asked == 1
    world.newest.allows, world.store.kept = False, [True]
    assert (await world.refusal(call))[1] in (400, 403)


async def test_refusal_by_a_change_that_was_not_kept_is_decided_again() -> None:
    world = World()
    world.newest.allows, world.store = False, FakeStore([False, False])
    assert await world(call_of("iam:GetUser", UserName="ada")) == OWN
    assert world.newest.asked == 2


async def test_operation_on_no_records_is_not_authorized_on_the_newest() -> None:
    world = World()
    world.newest.allows, world.store = False, FakeStore([True])
    assert await world(call_of("sts:GetFederationToken", Name="f")) == OWN


async def test_operation_of_sts_that_is_not_served_says_so() -> None:
    services = cast("Any", FakeOwn())
    handler = own_operations(services, services, services, services)["sts", "*"]
    with pytest.raises(AWSError) as raised:
        await handler(call_of("sts:AssumeRoot"), ADA)
    assert (raised.value.error_code, raised.value.status) == ("NotImplemented", 501)
    assert raised.value.message == "podrole's local AWS does not serve sts:AssumeRoot."


class FakeOwn:
    """Has every operation."""

    def __getattr__(self, name: str) -> object:
        return name


# The services


async def test_without_its_services_podrole_says_what_is_missing() -> None:
    world = World()
    world.services = None
    call = call_of("sqs:ListQueues")
    with pytest.raises(AWSError, match=r"serves sqs:ListQueues only with its services: pip install") as raised:
        await world(call)
    assert (raised.value.error_code, raised.value.status) == ("NotImplemented", 501)
    world.directory.allows = False
    assert await world.refusal(call) == DENIED


async def test_service_executes_what_was_authorized() -> None:
    world = World()
    call = call_of("sns:Publish", TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:news", Message="m")
    found = await world.authorized(call)
    assert (found.call, found.account) == (call, ACCOUNT)
    assert found.resource == f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
    world.directory.allows = False
    assert (await world.refusal(call))[1] == 403


async def test_answer_has_the_protocol_of_the_call() -> None:
    call = call_of("cloudwatch:ListMetrics")
    for protocol, kind in (("json", b"application/json"), ("smithy-rpc-v2-cbor", b"application/cbor")):
        call.protocol = protocol
        world = World()
        assert world.services is not None
        world.services.body = b"{}"
        assert dict((await world(call)).headers)[b"content-type"] == kind


async def test_answer_is_rewritten_by_the_rules_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    from podrole.aws import serve
    from podrole.aws.services.registry import rules_of

    rules = dataclasses.replace(rules_of("sqs"), answer=lambda _, answer: HTTPResponse(201, [], answer.body))
    monkeypatch.setattr(serve, "rules_of", lambda _: rules)
    assert (await World()(call_of("sqs:ListQueues"))).status == 201


async def test_unsigned_call_acts_in_the_callers_account_or_the_worlds() -> None:
    call = call_of("cognito-idp:SignUp", ClientId="c", Username="u", Password="p")
    assert (await World().authorized(call, ANONYMOUS)).account == WORLD
    assert (await World().authorized(call, ADA)).account == ACCOUNT


async def test_call_on_a_resource_of_another_account_acts_there() -> None:
    policy = PolicyText("the bucket's policy", document({**ANYTHING, "Principal": "*", "Resource": f"{BUCKET}/*"}))
    facts = FakeFacts({f"{BUCKET}/a": Resource(OTHER, policy)}, objects=frozenset({("shop", "a")}))
    assert (await World(facts).authorized(call_of("s3:GetObject", Bucket="shop", Key="a"))).account == OTHER


async def test_answer_without_anything_left_to_execute_is_the_clients() -> None:
    call = call_of("s3:DeleteObjects", Bucket="shop", Delete={"Objects": [{"Key": "a"}]})
    answer = await World(allows=False)(call)
    assert (answer.status, b"AccessDenied" in answer.body) == (200, True)


async def test_rules_of_the_service_come_first() -> None:
    call = call_of("dynamodb:UpdateItem", TableName="t", Key={"id": {"S": "1"}})
    await World()(call)
    assert call.input is not None
    assert call.input["AttributeUpdates"] == {}


async def test_identifiers_are_resolved_before_a_call_is_authorized() -> None:
    given = {"ChangeSetName": "c", "StackName": "s"}
    arns = {"cloudformation:change-set s|c": "id of c", "cloudformation:stack-of-change-set s|c": "id of s"}
    call = call_of("cloudformation:DescribeChangeSet", **given)
    await World(FakeFacts(arns=arns))(call)
    assert call.input == {"ChangeSetName": "id of c", "StackName": "id of s"}


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k1"
LOCKED = document({**ANYTHING, "Principal": {"Service": "sqs.amazonaws.com"}})
OPEN = document({**ANYTHING, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})


def put_key_policy(policy: str) -> IdentifiedCall:
    return call_of("kms:PutKeyPolicy", KeyId="k1", PolicyName="default", Policy=policy)


def key_facts() -> FakeFacts:
    return FakeFacts({KEY: Resource(ACCOUNT, PolicyText("key", OPEN))}, arns={"kms:key k1": KEY, f"kms:key {KEY}": KEY})


async def test_policy_that_a_call_stores_is_checked() -> None:
    queue = document({**ANYTHING, "Principal": "*", "Action": "sqs:*"})
    call = call_of("sns:SetTopicAttributes", TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:t", AttributeName="Policy")
    assert call.input is not None
    call.input["AttributeValue"] = queue.replace("sqs:*", "sns:Publish")
    assert isinstance((await World().authorized(call)).stored, StoredPolicy)
    call.input["AttributeValue"] = "{"
    assert (await World().refusal(call))[1] == 400


async def test_policy_of_a_key_must_not_lock_its_caller_out() -> None:
    world = World(key_facts())
    assert (await world.authorized(put_key_policy(OPEN))).stored == StoredPolicy(KEY, OPEN)
    assert await world.refusal(put_key_policy(LOCKED)) == ("MalformedPolicyDocumentException", 400)


async def test_policy_of_another_resource_may_lock_its_caller_out() -> None:
    bucket = FakeFacts({BUCKET: Resource(ACCOUNT)})
    policy = document({**ANYTHING, "Effect": "Deny", "Principal": "*", "Resource": [BUCKET, f"{BUCKET}/*"]})
    found = await World(bucket).authorized(call_of("s3:PutBucketPolicy", Bucket="shop", Policy=policy))
    assert found.stored == StoredPolicy(BUCKET, policy)


async def test_call_that_stores_no_policy_locks_nobody_out() -> None:
    call = call_of("kms:DescribeKey", KeyId="k1")
    assert (await World(key_facts()).authorized(call)).stored is None


async def test_destination_that_does_not_take_deliveries_is_refused() -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
    wanted = {"QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]}
    buckets = {"shop": Bucket(BUCKET, ACCOUNT, REGION, blocks_public_policy=False)}
    facts = FakeFacts({BUCKET: Resource(ACCOUNT), queue: Resource(ACCOUNT, exists=True)}, buckets=buckets)
    call = call_of("s3:PutBucketNotificationConfiguration", Bucket="shop", NotificationConfiguration=wanted)
    assert (await World(facts).refusal(call)) == ("InvalidArgument", 400)


# Calls that a service makes for the caller


async def further(world: World) -> tuple[IdentifiedCall, Callable[..., AuthorizedCall]]:
    call = call_of("cloudformation:DescribeStacks")
    found = (await world.authorized(call)).further
    assert found is not None
    return call, found


async def test_further_call_is_decided_like_one_of_the_caller() -> None:
    call, ask = await further(World())
    made = ask("sqs", "CreateQueue", {"QueueName": "q"})
    assert (made.call.action, made.account, made.call.id) == ("sqs:CreateQueue", ACCOUNT, call.id)
    assert call.refused == ()


async def test_refusal_of_a_further_call_is_kept_once() -> None:
    world = World()
    call, ask = await further(world)
    world.directory.allows = False
    for _ in range(2):
        for operation in ("CreateQueue", "ListQueues"):
            for name in ("q", "r"):
                given = {"QueueName": name} if operation == "CreateQueue" else {}
                with pytest.raises(AWSError):
                    ask("sqs", operation, given)
    assert [inner.action for inner, _ in call.refused] == ["sqs:CreateQueue", "sqs:CreateQueue", "sqs:ListQueues"]
    world.directory.allows = True
    await world(call)
    assert call.refused == ()


async def test_further_call_is_allowed_or_refused_as_a_whole() -> None:
    world = World()
    _, ask = await further(world)
    world.directory.allows = False
    with pytest.raises(TypeError, match="s3:DeleteObjects is refused in part"):
        ask("s3", "DeleteObjects", {"Bucket": "shop", "Delete": {"Objects": [{"Key": "a"}]}})
