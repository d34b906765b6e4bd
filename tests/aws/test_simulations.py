"""IAM's policy simulator without an endpoint: what it refuses, whose policies it asks, and what it says of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest
from botocore.parsers import create_parser

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.operations import simulate
from podrole.aws.operations.simulate import Simulation
from podrole.aws.operations.simulated_results import SimulatedCaller, SimulatedPolicy, SimulatedResults
from podrole.aws.protocol.paging import page_token
from podrole.aws.protocol.parameters import operation_of
from podrole.iam.directory import PolicyText, PrincipalPolicies, Role, User
from podrole.iam.document import compile_policy
from podrole.iam.evaluate import NamedPolicy
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from support.aws_facts import FakeFacts, call_of, request

T = TypeVar("T")

ACCOUNT, OTHER = "111122223333", "444455556666"
ADA = User(f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1", "ada", ACCOUNT)
READER = Role(f"arn:aws:iam::{ACCOUNT}:role/reader", "AROA1", "reader", ACCOUNT, "{}")
STAFF = f"arn:aws:iam::{ACCOUNT}:group/staff"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k1"
OBJECT = "arn:aws:s3:::logs/a"
SERVICE = "ec2.amazonaws.com"
AWS_POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
LINKED = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
GET = "s3:GetObject"


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str = "*", resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, **more), "Effect": "Deny"}


def when(key: str, action: str = GET) -> dict[str, Any]:
    return allow(action, Condition={"StringEquals": {key: "x"}})


READ = document(allow("s3:*"))
EVERYONE = {"Principal": "*"}


# What a simulation is asked


@dataclass
class FakeDirectory:
    """A user, a role and a group, with these policies each."""

    identity: list[PolicyText] = field(default_factory=list)
    boundary: PolicyText | None = None

    def user(self, arn: str) -> User | None:
        return ADA if arn == ADA.arn else None

    def role(self, arn: str) -> Role | None:
        return READER if arn == READER.arn else None

    def group_policies(self, arn: str) -> tuple[PolicyText, ...] | None:
        return tuple(self.identity) if arn == STAFF else None

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        return PrincipalPolicies(tuple(self.identity), self.boundary)


OPERATIONS = {
    "SimulateCustomPolicy": Simulation.simulate_custom_policy,
    "SimulatePrincipalPolicy": Simulation.simulate_principal_policy,
    "GetContextKeysForCustomPolicy": Simulation.get_context_keys_for_custom_policy,
    "GetContextKeysForPrincipalPolicy": Simulation.get_context_keys_for_principal_policy,
}


async def answer(
    operation: str, directory: FakeDirectory | None = None, facts: FakeFacts | None = None, /, **given: Any
) -> dict[str, Any]:
    call = call_of(f"iam:{operation}", request(body=b"b" * 100), **given)
    simulation = Simulation(cast("IdentityDirectory", directory or FakeDirectory()), facts or FakeFacts())
    made = await OPERATIONS[operation](simulation, call, caller_of_user(ADA, "AKIA1"))
    response = {"body": made.body, "headers": {}, "status_code": made.status}
    return dict(create_parser("query").parse(response, operation_of(call).output_shape))


async def decisions(operation: str, directory: FakeDirectory | None = None, /, **given: Any) -> list[str]:
    found = await answer(operation, directory, **{"ActionNames": [GET], **given})
    return [one["EvalDecision"] for one in found["EvaluationResults"]]


async def refusal(operation: str, /, **given: Any) -> tuple[str, int, str]:
    with pytest.raises(AWSError) as raised:
        await answer(operation, **given)
    return raised.value.error_code, raised.value.status, raised.value.message


def absent(*names: str) -> tuple[str, int, str]:
    text = "; ".join(f"Value at '{name}' failed to satisfy constraint: Member must not be null" for name in names)
    return "ValidationError", 400, f"{len(names)} validation error{'s' * (len(names) > 1)} detected: {text}"


def none(what: str) -> tuple[str, int, str]:
    return "NoSuchEntity", 404, f"The {what} cannot be found."


def invalid(text: str) -> tuple[str, int, str]:
    return "InvalidInput", 400, text


def out_of_bounds(bound: str) -> tuple[str, int, str]:
    text = "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value "
    return "ValidationError", 400, f"{text}{bound}"


CUSTOM = {"PolicyInputList": [READ], "ActionNames": [GET, "s3:PutObject"]}
OF_ADA = {"PolicySourceArn": ADA.arn, "ActionNames": [GET]}
BUCKET_POLICY = document(allow("s3:*", **EVERYONE))
REFUSED: dict[str, tuple[str, dict[str, Any], tuple[str, int, str]]] = {
    "no policy": ("SimulateCustomPolicy", {"ActionNames": [GET]}, absent("policyInputList")),
    "no action": ("SimulateCustomPolicy", {"PolicyInputList": [READ]}, absent("actionNames")),
    "neither": ("SimulateCustomPolicy", {}, absent("policyInputList", "actionNames")),
    "no principal": ("SimulatePrincipalPolicy", {}, absent("policySourceArn", "actionNames")),
    "no policy to read keys of": ("GetContextKeysForCustomPolicy", {}, absent("policyInputList")),
    "no principal to read keys of": ("GetContextKeysForPrincipalPolicy", {}, absent("policySourceArn")),
    "a resource policy without a caller": (
        "SimulateCustomPolicy",
        {**CUSTOM, "ResourcePolicy": BUCKET_POLICY},
        invalid("The CallerArn must be provided when a ResourcePolicy is."),
    ),
    "a caller that is none": (
        "SimulateCustomPolicy",
        {**CUSTOM, "CallerArn": "x"},
        invalid("Invalid caller ARN: x"),
    ),
    "a caller of a principal that is none": (
        "SimulatePrincipalPolicy",
        {**OF_ADA, "CallerArn": "x"},
        invalid("Invalid caller ARN: x"),
    ),
    "a policy that is none": (
        "SimulateCustomPolicy",
        {**CUSTOM, "PolicyInputList": [READ, "{"]},
        invalid("Invalid policy in PolicyInputList.2: "),
    ),
    "a boundary that is none": (
        "SimulateCustomPolicy",
        {**CUSTOM, "PermissionsBoundaryPolicyInputList": ["{"]},
        invalid("Invalid policy in PermissionsBoundaryPolicyInputList.1: "),
    ),
    "a resource policy that is none": (
        "SimulateCustomPolicy",
        {**CUSTOM, "CallerArn": ADA.arn, "ResourcePolicy": READ},
        invalid("Invalid policy in ResourcePolicy: "),
    ),
    "a source that is no ARN": (
        "SimulatePrincipalPolicy",
        {**OF_ADA, "PolicySourceArn": "ada"},
        ("ValidationError", 400, "ARN ada is not valid."),
    ),
    "no user": ("SimulatePrincipalPolicy", {**OF_ADA, "PolicySourceArn": ADA.arn + "m"}, none("user with name adam")),
    "no role": (
        "SimulatePrincipalPolicy",
        {**OF_ADA, "PolicySourceArn": READER.arn + "s"},
        none("role with name readers"),
    ),
    "no group": ("SimulatePrincipalPolicy", {**OF_ADA, "PolicySourceArn": STAFF + "s"}, none("group with name staffs")),
    "a policy as the source": (
        "SimulatePrincipalPolicy",
        {**OF_ADA, "PolicySourceArn": AWS_POLICY},
        none("policy with name ReadOnlyAccess"),
    ),
    "an empty page": ("SimulateCustomPolicy", {**CUSTOM, "MaxItems": 0}, out_of_bounds("greater than or equal to 1")),
    "a page of too many": (
        "SimulateCustomPolicy",
        {**CUSTOM, "MaxItems": 1_001},
        out_of_bounds("less than or equal to 1000"),
    ),
    "a page of what is no number": (
        "SimulateCustomPolicy",
        {**CUSTOM, "MaxItems": "9" * 5_000},
        out_of_bounds("less than or equal to 1000"),
    ),
    "a marker of no page": ("SimulateCustomPolicy", {**CUSTOM, "Marker": page_token(2)}, invalid("Invalid Marker")),
}


@pytest.mark.parametrize(("operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_simulation_is_refused(operation: str, given: dict[str, Any], expected: tuple[str, int, str]) -> None:
    found = await refusal(operation, **given)
    assert found[:2] == expected[:2]
    assert found[2].startswith(expected[2])


async def test_every_action_is_simulated_on_every_resource_in_pages() -> None:
    names = [f"s3:Get{number}" for number in range(60)]
    given = {"PolicyInputList": [READ], "ActionNames": names, "ResourceArns": [OBJECT, f"{OBJECT}b"]}
    first = await answer("SimulateCustomPolicy", **given)
    assert (len(first["EvaluationResults"]), first["IsTruncated"]) == (100, True)
    rest = await answer("SimulateCustomPolicy", **given, Marker=first["Marker"])
    assert (len(rest["EvaluationResults"]), rest["IsTruncated"], "Marker" in rest) == (20, False, False)
    told = [(one["EvalActionName"], one["EvalResourceName"]) for one in first["EvaluationResults"][:3]]
    assert told == [("s3:Get0", OBJECT), ("s3:Get0", f"{OBJECT}b"), ("s3:Get1", OBJECT)]
    for most in (120, 1_000):
        whole = await answer("SimulateCustomPolicy", **given, MaxItems=most)
        assert (len(whole["EvaluationResults"]), whole["IsTruncated"]) == (120, False)
    assert len((await answer("SimulateCustomPolicy", **given, MaxItems=1))["EvaluationResults"]) == 1


async def test_action_without_a_resource_is_simulated_on_any() -> None:
    found = await answer("SimulateCustomPolicy", **CUSTOM)
    assert [one["EvalResourceName"] for one in found["EvaluationResults"]] == ["*", "*"]


@pytest.mark.parametrize("source", [ADA.arn, READER.arn, STAFF])
async def test_principal_has_what_is_attached_to_it_and_what_the_call_adds(source: str) -> None:
    directory = FakeDirectory([PolicyText("p", READ)])
    given = {"PolicySourceArn": source, "ActionNames": [GET, "sqs:SendMessage"]}
    assert await decisions("SimulatePrincipalPolicy", directory, **given) == ["allowed", "implicitDeny"]
    added = {**given, "PolicyInputList": [document(allow("sqs:*"))]}
    assert await decisions("SimulatePrincipalPolicy", directory, **added) == ["allowed", "allowed"]


async def test_boundary_of_the_call_replaces_that_of_the_principal() -> None:
    directory = FakeDirectory([PolicyText("p", READ)], PolicyText("b", document(allow("sqs:*"))))
    assert await decisions("SimulatePrincipalPolicy", directory, **OF_ADA) == ["implicitDeny"]
    given = {**OF_ADA, "PermissionsBoundaryPolicyInputList": [READ]}
    assert await decisions("SimulatePrincipalPolicy", directory, **given) == ["allowed"]
    given = {**CUSTOM, "PermissionsBoundaryPolicyInputList": [document(allow(GET))]}
    assert await decisions("SimulateCustomPolicy", **given) == ["allowed", "implicitDeny"]


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        (ADA.arn, {"aws:username": "ada", "aws:userid": "AIDA1", "aws:PrincipalArn": ADA.arn}),
        (READER.arn, {"aws:userid": "AROA1", "aws:PrincipalArn": READER.arn, "aws:PrincipalType": "AssumedRole"}),
    ],
)
async def test_principal_has_its_own_condition_keys(source: str, keys: dict[str, str]) -> None:
    statements = [allow(f"s3:{key[4:]}", Condition={"StringEquals": {key: value}}) for key, value in keys.items()]
    directory = FakeDirectory([PolicyText("p", document(*statements))])
    given = {"PolicySourceArn": source, "ActionNames": [f"s3:{key[4:]}" for key in keys]}
    assert set(await decisions("SimulatePrincipalPolicy", directory, **given)) == {"allowed"}


@pytest.mark.parametrize(
    ("caller", "named", "decision"),
    [
        ({}, {"AWS": ADA.arn}, "allowed"),
        ({"CallerArn": READER.arn}, {"AWS": READER.arn}, "allowed"),
        ({"CallerArn": READER.arn}, {"AWS": ADA.arn}, "implicitDeny"),
    ],
)
async def test_caller_is_the_principal_or_another(caller: dict[str, str], named: dict[str, str], decision: str) -> None:
    given = {**OF_ADA, **caller, "ResourcePolicy": document(allow("s3:*", Principal=named))}
    assert await decisions("SimulatePrincipalPolicy", **given) == [decision]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (AWS_POLICY, "aws-managed"),
        (f"arn:aws:iam::{ACCOUNT}:policy/own", "user-managed"),
        ("inline policy p of role reader", "role"),
        ("inline policy p of user ada", "user"),
        ("inline policy p of group staff", "group"),
        ("something else", "none"),
    ],
)
async def test_source_of_a_policy_is_told(name: str, kind: str) -> None:
    found = await answer("SimulatePrincipalPolicy", FakeDirectory([PolicyText(name, READ)]), **OF_ADA)
    (matched,) = found["EvaluationResults"][0]["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == (name, kind)


async def test_keys_that_policies_read_are_listed() -> None:
    given = {"PolicyInputList": [document(when("aws:A"))]}
    assert (await answer("GetContextKeysForCustomPolicy", **given))["ContextKeyNames"] == ["aws:A"]
    directory = FakeDirectory([PolicyText("p", document(when("aws:B")))])
    found = await answer("GetContextKeysForPrincipalPolicy", directory, PolicySourceArn=ADA.arn, **given)
    assert found["ContextKeyNames"] == ["aws:B", "aws:A"]


@pytest.mark.parametrize(
    ("operation", "given", "size"),
    [
        ("SimulateCustomPolicy", CUSTOM, 100 + 2 * 2_000),
        ("SimulateCustomPolicy", {**CUSTOM, "ResourceArns": [OBJECT] * 3}, 100 + 6 * 2_000),
        ("SimulateCustomPolicy", {**CUSTOM, "ResourceArns": [OBJECT] * 600}, 100 + 1_000 * 2_000),
        ("SimulatePrincipalPolicy", OF_ADA, 100 + 2_000),
        ("GetContextKeysForCustomPolicy", CUSTOM, 100),
        ("GetContextKeysForPrincipalPolicy", OF_ADA, 100),
    ],
)
async def test_large_simulation_keeps_no_other_call_waiting(
    monkeypatch: pytest.MonkeyPatch, operation: str, given: dict[str, Any], size: int
) -> None:
    sizes = []

    async def off_loop(size: int, work: Callable[[], T]) -> T:
        sizes.append(size)
        return work()

    monkeypatch.setattr(simulate, "off_loop", off_loop)
    await answer(operation, **given)
    assert sizes == [size]


# What one simulation says


def compiled(name: str, text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> NamedPolicy:
    return NamedPolicy(name, compile_policy(text, kind))


def result(
    *policies: str,
    caller: str = ADA.arn,
    boundaries: Sequence[str] | None = None,
    scps: Sequence[Sequence[str]] | None = None,
    action: str = GET,
    resource: str = OBJECT,
    keys: dict[str, str | list[str]] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Simulate one action; the account is in an organization if ``scps`` are given."""
    subject = SimulatedCaller(
        principal_of(caller),
        {} if keys is None else keys,
        [SimulatedPolicy(compiled(f"p{number}", text), "user") for number, text in enumerate(policies)],
        None if boundaries is None else tuple(compiled("b", text, PolicyKind.BOUNDARY) for text in boundaries),
    )
    levels = () if scps is None else tuple(tuple(PolicyText("scp", text) for text in level) for level in scps)
    facts = FakeFacts(scps={} if scps is None else {ACCOUNT: levels})
    return SimulatedResults(given, subject, facts).result(action, resource)


def matched(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(one["SourcePolicyId"], one["SourcePolicyType"]) for one in found["MatchedStatements"]]


OWN_KEYS: dict[str, str | list[str]] = {"aws:username": "ada"}
EVERYTHING = document(allow())
NOTHING = document(deny())
OTHER_SERVICE = document(allow("sqs:*"))
GRANTING = document(allow(**EVERYONE))
DENYING = document(deny(**EVERYONE))
DENYING_OTHERS = document(deny(NotPrincipal={"AWS": [ADA.arn, ACCOUNT]}))


@pytest.mark.parametrize(
    ("policies", "given", "decision", "statements"),
    [
        ([READ, OTHER_SERVICE], {}, "allowed", [("p0", "user")]),
        ([OTHER_SERVICE], {}, "implicitDeny", []),
        ([READ, NOTHING], {}, "explicitDeny", [("p1", "user")]),
        ([document(deny("sqs:*"), allow())], {}, "allowed", [("p0", "user")]),
        ([READ], {"boundaries": [EVERYTHING]}, "allowed", [("p0", "user")]),
        ([READ], {"boundaries": [NOTHING]}, "explicitDeny", [("b", "IAM Policy")]),
        ([READ], {"boundaries": [OTHER_SERVICE]}, "implicitDeny", []),
        # a Deny on all others spares nobody who has a permissions boundary
        ([READ], {"ResourcePolicy": DENYING_OTHERS}, "allowed", [("p0", "user")]),
        (
            [READ],
            {"ResourcePolicy": DENYING_OTHERS, "boundaries": [EVERYTHING]},
            "explicitDeny",
            [("ResourcePolicy", "Resource Policy")],
        ),
        ([], {"ResourcePolicy": GRANTING}, "allowed", [("ResourcePolicy", "Resource Policy")]),
        ([READ], {"ResourcePolicy": DENYING}, "explicitDeny", [("ResourcePolicy", "Resource Policy")]),
        # the simulator decides by identity policies alone where there is no resource policy
        ([EVERYTHING], {"action": "kms:Decrypt", "resource": KEY}, "allowed", [("p0", "user")]),
        ([EVERYTHING], {"caller": SERVICE}, "allowed", [("p0", "user")]),
        ([EVERYTHING], {"action": "iam:DeletePolicy", "resource": AWS_POLICY}, "implicitDeny", []),
        ([NOTHING], {"action": "iam:DeletePolicy", "resource": AWS_POLICY}, "implicitDeny", []),
    ],
)
def test_decision_names_the_statements_that_made_it(
    policies: list[str], given: dict[str, Any], decision: str, statements: list[tuple[str, str]]
) -> None:
    found = result(*policies, **given)
    assert (found["EvalActionName"], found["EvalResourceName"]) == (
        given.get("action", GET),
        given.get("resource", OBJECT),
    )
    assert (found["EvalDecision"], matched(found)) == (decision, statements)


def test_statement_is_found_by_line_and_column() -> None:
    text = '{"Version": "2012-10-17", "Statement":\n  [{"Effect": "Allow",\n  "Action": "*", "Resource": "*"}]}'
    (statement,) = result(text)["MatchedStatements"]
    assert statement["StartPosition"] == {"Line": 2, "Column": 4}
    assert statement["EndPosition"] == {"Line": 3, "Column": 34}


@pytest.mark.parametrize(
    ("boundaries", "allowed"),
    [
        ([EVERYTHING], True),
        ([OTHER_SERVICE], False),
        ([NOTHING], False),
        ([EVERYTHING, NOTHING], False),
        ([OTHER_SERVICE, EVERYTHING], True),
    ],
)
def test_boundary_says_whether_it_allows(boundaries: list[str], allowed: bool) -> None:
    found = result(READ, boundaries=boundaries)
    assert found["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": allowed}
    assert "PermissionsBoundaryDecisionDetail" not in result(READ)


@pytest.mark.parametrize(
    ("scps", "given", "allowed", "decision"),
    [
        ([[EVERYTHING]], {}, True, "allowed"),
        ([[EVERYTHING], [OTHER_SERVICE]], {}, False, "implicitDeny"),
        ([[EVERYTHING, NOTHING]], {}, False, "explicitDeny"),
        ([[EVERYTHING]], {"ResourcePolicy": DENYING}, True, "explicitDeny"),
        ([[EVERYTHING]], {"action": "iam:DeletePolicy", "resource": AWS_POLICY}, True, "implicitDeny"),
        ([[NOTHING]], {"action": "sts:GetCallerIdentity"}, True, "allowed"),
        ([[NOTHING]], {"caller": LINKED}, True, "allowed"),
    ],
)
def test_organization_says_whether_it_allows(
    scps: list[list[str]], given: dict[str, Any], allowed: bool, decision: str
) -> None:
    found = result(EVERYTHING, keys=OWN_KEYS, scps=scps, **given)
    assert found["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": allowed}
    assert found["EvalDecision"] == decision


def test_organization_has_no_say_outside_of_it_nor_in_a_custom_policy() -> None:
    outside = result(READ, keys=OWN_KEYS)
    custom = result(READ, scps=[[NOTHING]])
    for found in (outside, custom):
        assert found["EvalDecision"] == "allowed"
        assert "OrganizationsDecisionDetail" not in found


@pytest.mark.parametrize(
    ("own", "of_resource", "expected"),
    [
        (READ, GRANTING, ("allowed", "allowed", "allowed")),
        (READ, DENYING, ("explicitDeny", "allowed", "explicitDeny")),
        (OTHER_SERVICE, GRANTING, ("implicitDeny", "implicitDeny", "allowed")),
        (NOTHING, GRANTING, ("explicitDeny", "explicitDeny", "allowed")),
        (READ, document(allow("sqs:*", **EVERYONE)), ("implicitDeny", "allowed", "implicitDeny")),
    ],
)
def test_each_side_says_its_own_across_accounts(own: str, of_resource: str, expected: tuple[str, str, str]) -> None:
    found = result(own, ResourcePolicy=of_resource, ResourceOwner=OTHER)
    sides = found["EvalDecisionDetails"]
    assert (found["EvalDecision"], sides["IAM Policy"], sides["Resource Policy"]) == expected


def test_sides_are_told_only_across_accounts_and_with_a_resource_policy() -> None:
    assert "EvalDecisionDetails" not in result(READ, ResourcePolicy=GRANTING)
    assert "EvalDecisionDetails" not in result(READ, ResourcePolicy=GRANTING, ResourceOwner=ACCOUNT)
    assert "EvalDecisionDetails" not in result(READ, ResourceOwner=OTHER)


def test_keys_that_a_decision_lacks_are_told() -> None:
    own = document(when("aws:A"), when("aws:Elsewhere", "sqs:*"), when("aws:A"))
    bucket = document({**when("aws:B"), **EVERYONE})
    given = {"ResourcePolicy": bucket, "boundaries": [document(when("aws:C"))]}
    assert result(own, **given)["MissingContextValues"] == ["aws:A", "aws:B", "aws:C"]
    entries = [{"ContextKeyName": "AWS:a", "ContextKeyValues": ["x"]}]
    assert result(own, ContextEntries=entries, **given)["MissingContextValues"] == ["aws:B", "aws:C"]
    assert result(own, ContextEntries=entries)["MissingContextValues"] == []
    assert result(document(when("aws:username")), keys=OWN_KEYS)["MissingContextValues"] == []


@pytest.mark.parametrize(
    ("operator", "values", "decision"),
    [
        ("StringEquals", ["x"], "allowed"),
        ("ForAllValues:StringEquals", ["x", "x"], "allowed"),
        ("ForAllValues:StringEquals", ["x", "y"], "implicitDeny"),
        ("StringEquals", [], "implicitDeny"),
    ],
)
def test_context_of_a_simulation_is_what_the_call_gives(operator: str, values: list[str], decision: str) -> None:
    own = document(allow(Condition={operator: {"aws:A": "x"}}))
    nameless: list[dict[str, Any]] = [{"ContextKeyValues": ["x"]}, {"ContextKeyName": "aws:B"}]
    entries = [*nameless, {"ContextKeyName": "aws:A", "ContextKeyValues": values}]
    assert result(own, ContextEntries=entries)["EvalDecision"] == decision


def test_context_of_the_call_wins_over_the_callers_own() -> None:
    entries = [{"ContextKeyName": "aws:username", "ContextKeyValues": ["x"]}]
    assert result(document(when("aws:username")), keys=OWN_KEYS, ContextEntries=entries)["EvalDecision"] == "allowed"


@pytest.mark.parametrize(
    ("owner", "decision"),
    [
        ("", "allowed"),
        (ACCOUNT, "allowed"),
        (f"arn:aws:iam::{ACCOUNT}:root", "allowed"),
        (OTHER, "implicitDeny"),
        (f"arn:aws:iam::{OTHER}:root", "implicitDeny"),
    ],
)
def test_resource_belongs_to_an_account(owner: str, decision: str) -> None:
    found = result(ResourcePolicy=document(allow(Principal={"AWS": ADA.arn})), ResourceOwner=owner)
    assert found["EvalDecision"] == decision


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ResourceOwner": "x"}, ("ValidationError", 400, "ARN x is not valid.")),
        ({"ResourceOwner": OBJECT}, invalid(f"Invalid resource owner: {OBJECT}")),
        ({"action": "s3:*"}, invalid("Invalid Input Action Name: s3:*")),
        ({"action": "nothing"}, invalid("Invalid Input Action Name: nothing")),
    ],
)
def test_input_of_a_simulation_is_refused(given: dict[str, Any], expected: tuple[str, int, str]) -> None:
    with pytest.raises(AWSError) as raised:
        result(READ, **given)
    assert (raised.value.error_code, raised.value.status, raised.value.message) == expected
