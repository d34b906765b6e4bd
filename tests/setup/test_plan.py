"""What is written for an identity, from what is wanted and what is there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.setup.found import FoundAssociation, FoundRole, FoundServiceAccount
from podrole.setup.group import GroupFound, PlanOptions, PlanPart, RoleGroup
from podrole.setup.plan import plan_group
from podrole.setup.plan_provider import plan_provider
from podrole.setup.policy_text import new_document
from podrole.setup.trust import Trust, new_trust_policy, trust_of
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
)
from podrole.setup.writes import PlannedWrite
from podrole.sts.circumstances import Circumstances
from support.setup_model import OURS, PLACE, PROVIDER, after

AT = Circumstances(now=1_800_000_000, source_ip="192.0.2.1", region="us-east-1", secure_transport=True)
OPTIONS = PlanOptions(PLACE)
INVENTORY, ORDERS = ServiceAccountName("shop", "inventory"), ServiceAccountName("shop", "orders")
ROLE = "prod-shop-inventory"
ARN = PLACE.role_arn(ROLE)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
EC2 = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
INLINE = new_document([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}])
EMPTY = GroupFound(provider=PROVIDER)
MOST_WRITES = 40


def group(*accounts: WantedServiceAccount, role: WantedRole | ExistingRole | None = None, **more: object) -> RoleGroup:
    return RoleGroup(ARN, role or WantedRole(managed=(EC2,)), accounts, **more)  # type: ignore[arg-type]


def wanted(account: ServiceAccountName = INVENTORY, **more: object) -> WantedServiceAccount:
    return WantedServiceAccount(account, WantedRole(managed=(EC2,)), **more)  # type: ignore[arg-type]


def plan(one: RoleGroup, found: GroupFound, options: PlanOptions = OPTIONS) -> PlanPart:
    return plan_group(PLACE, one, found, options, AT)


def lines(part: PlanPart) -> list[str]:
    return [f"{one.kind} {one.object} {one.field}".rstrip() for one in part.writes]


def converged(
    one: RoleGroup, found: GroupFound, options: PlanOptions = OPTIONS
) -> tuple[GroupFound, list[PlannedWrite]]:
    """Plan again before each write, as the executor does."""
    written: list[PlannedWrite] = []
    while (part := plan(one, found, options)).writes:
        assert not part.refusals
        found = after(found, part.writes[0])
        written.append(part.writes[0])
        assert len(written) < MOST_WRITES
    assert not part.refusals, part.refusals
    return found, written


def role(**changes: object) -> FoundRole:
    trust = new_trust_policy(Trust(frozenset({INVENTORY})), PLACE)
    made = FoundRole(ARN, ROLE, trust, (EC2,), tags=OURS)
    return replace(made, **changes)  # type: ignore[arg-type]


def service_account(**annotations: str) -> FoundServiceAccount:
    return FoundServiceAccount(INVENTORY, "uid", "7", {}, annotations)


def there(**changes: object) -> GroupFound:
    """The state after ``create iamserviceaccount`` for shop/inventory."""
    account = FoundServiceAccount(
        INVENTORY,
        "uid",
        "7",
        {"app.kubernetes.io/managed-by": "podrole"},
        {"eks.amazonaws.com/role-arn": ARN, "podrole.dev/managed": "prod"},
    )
    found = GroupFound(PROVIDER, role(), frozenset({"shop"}), {INVENTORY: account})
    return replace(found, **changes)  # type: ignore[arg-type]


# What is created


def test_role_is_complete_before_a_service_account_names_it() -> None:
    made = group(wanted(), role=WantedRole(managed=(EC2,), inline={"podrole-attached": INLINE}))
    assert lines(plan(made, EMPTY)) == [
        f"create role {ROLE}",
        f"change role {ROLE} managed policy",
        f"change role {ROLE} inline policy podrole-attached",
        "create namespace shop",
        "create service account shop/inventory",
    ]


def test_what_was_created_needs_no_more_writes() -> None:
    found, _ = converged(group(wanted()), EMPTY)
    assert plan(group(wanted()), found) == PlanPart()
    assert found.role is not None
    assert trust_of(found.role.trust_policy, PLACE) == Trust(frozenset({INVENTORY}))
    assert found.service_accounts[INVENTORY].annotations["eks.amazonaws.com/role-arn"] == ARN


def test_boundary_is_there_from_the_first_moment() -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    part = plan(group(wanted(), role=WantedRole(boundary=boundary)), EMPTY)
    assert part.writes[0].call.parameters["PermissionsBoundary"] == boundary  # type: ignore[union-attr]
    assert not [one for one in part.writes if one.field == "permissions boundary"]


@pytest.mark.parametrize(
    ("name", "next_step"),
    [
        ("AmazonEC2ReadonlyAcces", "name arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess, if"),
        ("AmazonEBSCSIDriverPolicy", "name arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy, if"),
        ("nothing-like-it", "check its name and account, or create it"),
    ],
)
def test_managed_policy_that_does_not_exist_is_refused(name: str, next_step: str) -> None:
    arn = f"arn:aws:iam::aws:policy/{name}"
    part = plan(group(wanted(), role=WantedRole(managed=(arn,))), replace(EMPTY, missing_policies=(arn,)))
    assert part.writes == ()
    (refusal,) = part.refusals
    assert f"{arn} does not exist" in refusal.what
    assert refusal.next_step.startswith(next_step)


def test_role_only_leaves_the_cluster_alone() -> None:
    assert lines(plan(group(wanted(role_only=True)), EMPTY)) == [
        f"create role {ROLE}",
        f"change role {ROLE} managed policy",
    ]


def test_second_service_account_of_a_role_is_added_to_its_statement() -> None:
    part = plan(group(wanted(ORDERS)), there())
    assert lines(part) == [f"change role {ROLE} trust policy", "create service account shop/orders"]
    assert trust_of(part.writes[0].after or "", PLACE) == Trust(frozenset({INVENTORY, ORDERS}))


# What is changed


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (there(), []),
        (there(role=role(managed=(READ_ONLY,))), ["managed policy", "managed policy"]),
        (there(role=role(inline={"podrole-old": INLINE})), ["inline policy podrole-old"]),
        (there(role=role(inline={"made-by-hand": INLINE})), []),
        (there(role=role(boundary=READ_ONLY)), ["permissions boundary"]),
        (there(role=role(tags={**OURS, "team": "shop"})), []),
        (there(role=role(trust_policy=new_trust_policy(Trust(frozenset({ORDERS})), PLACE))), ["trust policy"]),
    ],
)
def test_role_is_changed_field_by_field(found: GroupFound, expected: list[str]) -> None:
    part = plan(group(wanted()), found)
    assert [one.field for one in part.writes] == expected
    assert not part.refusals


def test_policies_are_attached_before_others_are_detached() -> None:
    part = plan(group(wanted()), there(role=role(managed=(READ_ONLY,))))
    assert [(one.before, one.after) for one in part.writes] == [(None, EC2), (READ_ONLY, None)]


def test_other_annotations_and_labels_of_a_service_account_stay() -> None:
    account = FoundServiceAccount(
        INVENTORY, "uid", "7", {"team": "shop"}, {"note": "mine", "podrole.dev/managed": "prod"}
    )
    found, written = converged(group(wanted()), there(service_accounts={INVENTORY: account}))
    assert len(written) == 1
    assert written[0].call.body == {  # type: ignore[union-attr]
        "metadata": {"resourceVersion": "7", "annotations": {"eks.amazonaws.com/role-arn": ARN}}
    }
    assert found.service_accounts[INVENTORY].annotations["note"] == "mine"


# What is somebody else's

STACK = {"aws:cloudformation:stack-name": "eksctl-prod-addon", "alpha.eksctl.io/cluster-name": "prod"}
OTHERS = {**OURS, "podrole.dev/issuer": "example.com/other"}
"""The tags of another cluster of the same name: IAM is one for all regions."""
NO_ISSUER = {"podrole.dev/cluster": "prod"}
ASSOCIATION = FoundAssociation("a-1", "arn:a-1", INVENTORY, PLACE.role_arn("other"))


@pytest.mark.parametrize(
    ("found", "owner", "adoptable"),
    [
        (there(role=role(tags={}, managed=())), "somebody else", True),
        (there(role=role(tags=STACK, managed=())), "the CloudFormation stack eksctl-prod-addon", False),
        (there(role=role(tags={"alpha.eksctl.io/cluster-name": "prod"}, managed=())), "eksctl, for cluster prod", True),
        (there(role=role(tags={"podrole.dev/cluster": "test"}, managed=())), "podrole, for cluster test", True),
        (there(role=role(tags=OTHERS, managed=())), "podrole, for cluster prod of issuer example.com/other", True),
        (there(role=role(tags=NO_ISSUER, managed=())), "podrole, for cluster prod of an unknown issuer", True),
        (there(service_accounts={INVENTORY: service_account()}), "somebody else", True),
    ],
)
def test_what_somebody_else_made_is_refused_with_the_writes(found: GroupFound, owner: str, adoptable: bool) -> None:
    part = plan(group(wanted()), found)
    assert part.writes == ()
    (refusal,) = part.refusals
    assert f"belongs to {owner}" in refusal.what
    assert refusal.writes
    assert ("--adopt" in refusal.next_step) is adoptable
    adopted = plan(group(wanted()), found, PlanOptions(PLACE, adopt=True))
    assert bool(adopted.writes) is adoptable
    if adoptable:
        final, _ = converged(group(wanted()), found, PlanOptions(PLACE, adopt=True))
        assert plan(group(wanted()), final) == PlanPart()


def test_role_of_somebody_else_that_serves_as_it_is_needs_nothing() -> None:
    part = plan(group(wanted()), there(role=role(tags={})))
    assert (part.writes, part.refusals) == ((), ())
    assert "belongs to somebody else" in part.notes[0]


def test_override_annotates_a_service_account_that_exists() -> None:
    found = there(service_accounts={INVENTORY: service_account()})
    assert lines(plan(group(wanted(override=True)), found)) == ["change service account shop/inventory annotations"]


def test_existing_role_is_named_and_never_changed() -> None:
    account = WantedServiceAccount(INVENTORY, ExistingRole(ARN))
    one = RoleGroup(ARN, ExistingRole(ARN), (account,))
    found = GroupFound(role=role(tags={}, managed=(), trust_policy=new_document([])), namespaces=frozenset({"shop"}))
    assert lines(plan(one, found)) == ["create service account shop/inventory"]


def test_without_a_provider_no_role_is_made() -> None:
    (refusal,) = plan(group(wanted()), GroupFound()).refusals
    assert "has no OpenID Connect provider" in refusal.what
    assert refusal.next_step == "podrole utils associate-iam-oidc-provider --cluster prod --approve"


def test_trust_policy_with_a_deny_that_would_refuse_the_service_account_is_not_written() -> None:
    deny = {
        "Effect": "Deny",
        "Principal": {"Federated": PLACE.provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{PLACE.key_prefix}:sub": INVENTORY.subject}},
    }
    refusals = plan(group(wanted()), there(role=role(trust_policy=new_document([deny])))).refusals
    assert [one.what for one in refusals] == [
        f"With its other statements the trust policy of role {ROLE} would refuse shop/inventory."
    ]


def test_inline_policy_that_aws_would_not_store_is_not_written() -> None:
    bad = group(wanted(), role=WantedRole(inline={"podrole-attached": new_document([{"Effect": "Allow"}])}))
    (refusal,) = plan(bad, EMPTY).refusals
    assert "AWS would not store the inline policy podrole-attached" in refusal.what


@pytest.mark.parametrize(("count", "note", "refused"), [(20, False, False), (40, True, False), (200, True, True)])
def test_length_of_a_trust_policy_is_told_and_bounded(count: int, note: bool, refused: bool) -> None:
    accounts = [wanted(ServiceAccountName("shop", f"service-{index:03}")) for index in range(count)]
    part = plan(group(*accounts), EMPTY)
    assert any("--role-name" in one for one in part.notes) is note
    assert any("at most 8,192" in one.what for one in part.refusals) is refused


WEB, WEB_1 = "system:serviceaccount:shop:web-*", ServiceAccountName("shop", "web-1")


def of_pattern(*patterns: str, names: tuple[ServiceAccountName, ...] = (), **changes: object) -> FoundRole:
    return role(trust_policy=new_trust_policy(Trust(frozenset(names), frozenset(patterns)), PLACE), **changes)


@pytest.mark.parametrize(
    ("before", "account", "pattern", "expected"),
    [
        (Trust(patterns=frozenset({WEB})), INVENTORY, "api-*", Trust(patterns=frozenset({WEB.replace("web", "api")}))),
        (Trust(patterns=frozenset({WEB})), INVENTORY, None, Trust(frozenset({INVENTORY}))),
        (Trust(frozenset({INVENTORY})), INVENTORY, "web-*", Trust(patterns=frozenset({WEB}))),
        (Trust(patterns=frozenset({WEB})), WEB_1, None, Trust(frozenset({WEB_1}))),
        (Trust(patterns=frozenset({WEB})), ORDERS, None, Trust(frozenset({ORDERS}), frozenset({WEB}))),
        (
            Trust(frozenset({INVENTORY}), frozenset({WEB})),
            INVENTORY,
            None,
            Trust(frozenset({INVENTORY}), frozenset({WEB})),
        ),
    ],
)
def test_pattern_of_a_service_account_is_replaced(
    before: Trust, account: ServiceAccountName, pattern: str | None, expected: Trust
) -> None:
    found = there(role=role(trust_policy=new_trust_policy(before, PLACE)))
    done, _ = converged(group(wanted(account, subject_pattern=pattern)), found)
    assert done.role is not None
    assert trust_of(done.role.trust_policy, PLACE) == expected


def test_pattern_of_a_role_without_a_service_account_is_replaced() -> None:
    found = GroupFound(PROVIDER, of_pattern(WEB))
    done, _ = converged(group(wanted(subject_pattern="api-*", role_only=True)), found)
    assert done.role is not None
    assert trust_of(done.role.trust_policy, PLACE).patterns == {WEB.replace("web", "api")}


def test_pattern_of_somebody_elses_role_stays() -> None:
    part = plan(group(wanted(subject_pattern="web-*")), there(role=of_pattern(WEB, "system:*", tags={})))
    assert (part.writes, part.refusals) == ((), ())


# What is deleted


@pytest.mark.parametrize("named_elsewhere", [False, True])
def test_patterns_go_with_the_last_service_account(named_elsewhere: bool) -> None:
    gone = RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,))
    found = there(role=of_pattern(WEB), named_elsewhere=named_elsewhere)
    done, _ = converged(gone, found)
    assert done.service_accounts == {}
    assert (done.role is None) is not named_elsewhere


def test_deleted_service_account_takes_its_role_with_it() -> None:
    gone = RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,))
    found, written = converged(gone, there(role=role(inline={"podrole-attached": INLINE})))
    assert [f"{one.kind} {one.object} {one.field}".rstrip() for one in written] == [
        "delete service account shop/inventory",
        f"change role {ROLE} managed policy",
        f"change role {ROLE} inline policy podrole-attached",
        f"delete role {ROLE}",
    ]
    assert (found.role, found.service_accounts) == (None, {})


def test_role_with_inline_policies_of_others_is_deleted_only_with_adopt() -> None:
    gone = RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,))
    found = there(role=role(inline={"podrole-attached": INLINE, "logs": INLINE, "alarms": INLINE}))
    part = plan(gone, found)
    assert part.writes == ()
    (refusal,) = part.refusals
    assert refusal.what.endswith("deleted with it: logs, alarms.")
    assert "--adopt" in refusal.next_step
    assert [one.field for one in refusal.writes if "inline" in one.field] == [
        "inline policy podrole-attached",
        "inline policy logs",
        "inline policy alarms",
    ]
    assert not plan(gone, found, PlanOptions(PLACE, adopt=True)).refusals


@pytest.mark.parametrize(
    ("labels", "owner"), [({"app.kubernetes.io/managed-by": "Helm"}, "Helm"), ({}, "somebody else")]
)
@pytest.mark.parametrize(("override", "option"), [(True, "--override-existing-serviceaccounts"), (False, "--adopt")])
def test_plan_says_whose_service_account_it_annotates(
    labels: dict[str, str], owner: str, override: bool, option: str
) -> None:
    account = FoundServiceAccount(INVENTORY, "uid", "7", labels)
    found = there(service_accounts={INVENTORY: account})
    part = plan(group(wanted(override=override)), found, PlanOptions(PLACE, adopt=not override))
    assert [one.object for one in part.writes] == ["service account shop/inventory"]
    (note,) = part.notes
    assert note.startswith(f"The service account shop/inventory belongs to {owner}")
    assert note.endswith(f"{option} annotates it all the same.")


def test_service_account_that_podrole_did_not_create_loses_its_annotations_only() -> None:
    annotations = {"eks.amazonaws.com/role-arn": ARN, "podrole.dev/managed": "prod", "note": "mine"}
    account = FoundServiceAccount(INVENTORY, "uid", "7", {}, annotations)
    found, _ = converged(
        RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,)), there(service_accounts={INVENTORY: account})
    )
    assert found.service_accounts[INVENTORY].annotations == {"note": "mine"}


def test_role_that_others_use_stays() -> None:
    shared = role(trust_policy=new_trust_policy(Trust(frozenset({INVENTORY, ORDERS})), PLACE))
    found, _ = converged(RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,)), there(role=shared))
    assert found.role is not None
    assert trust_of(found.role.trust_policy, PLACE) == Trust(frozenset({ORDERS}))


def test_role_of_somebody_else_stays_when_its_service_account_goes() -> None:
    found, written = converged(RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,)), there(role=role(tags={})))
    assert [one.object for one in written] == ["service account shop/inventory"]
    assert found.role == role(tags={})


# Associations


def association(**more: object) -> WantedAssociation:
    return WantedAssociation(INVENTORY, WantedRole(managed=(EC2,)), **more)  # type: ignore[arg-type]


def pod_group(*wanted_associations: WantedAssociation) -> RoleGroup:
    return RoleGroup(ARN, WantedRole(managed=(EC2,)), associations=wanted_associations)


def test_association_comes_after_its_role_and_needs_no_provider() -> None:
    part = plan(pod_group(association()), GroupFound(namespaces=frozenset({"shop"})))
    assert lines(part) == [
        f"create role {ROLE}",
        f"change role {ROLE} managed policy",
        "create association shop/inventory",
    ]
    assert part.writes[-1].call.parameters == {  # type: ignore[union-attr]
        "clusterName": "prod",
        "namespace": "shop",
        "serviceAccount": "inventory",
        "roleArn": ARN,
        "tags": OURS,
    }


@pytest.mark.parametrize(
    ("before", "after_", "field"),
    [
        ({}, {"target_role_arn": PLACE.role_arn("target")}, "target role"),
        ({"target_role_arn": PLACE.role_arn("target")}, {}, "target role"),
        ({}, {"disable_session_tags": True}, "session tags"),
        (
            {"disable_session_tags": True, "target_role_arn": PLACE.role_arn("t")},
            {"disable_session_tags": True, "target_role_arn": PLACE.role_arn("t"), "session_policy": INLINE},
            "session policy",
        ),
    ],
)
def test_association_is_changed_member_by_member(before: dict, after_: dict, field: str) -> None:
    found, _ = converged(pod_group(association(**before)), EMPTY)
    assert not plan(pod_group(association(**before)), found).writes
    changed, written = converged(pod_group(association(**after_)), found)
    assert field in [one.field for one in written]
    assert not plan(pod_group(association(**after_)), changed).writes


def test_target_role_gets_the_permission_to_be_assumed() -> None:
    target = PLACE.role_arn("target")
    found, _ = converged(pod_group(association(target_role_arn=target)), EMPTY)
    assert found.role is not None
    (statement,) = json.loads(found.role.inline["podrole-target-role"])["Statement"]
    assert statement == {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": [target]}


def test_association_of_an_add_on_is_refused_even_if_adopted() -> None:
    found = there(associations={INVENTORY: replace(ASSOCIATION, owner_arn="arn:aws:eks:us-east-1:1:addon/prod/csi")})
    for options in (OPTIONS, PlanOptions(PLACE, adopt=True)):
        refusals = plan(pod_group(association()), found, options).refusals
        assert any("belongs to the add-on" in one.what for one in refusals)


def test_off_eks_an_association_is_refused_with_a_sentence() -> None:
    off_eks = replace(PLACE, cluster_arn=None)
    refusals = plan_group(off_eks, pod_group(association()), EMPTY, OPTIONS, AT).refusals
    assert "Pod Identity associations are EKS's" in refusals[0].what


def test_without_the_agent_an_association_is_refused() -> None:
    (refusal,) = plan(pod_group(association()), replace(EMPTY, agent=False)).refusals
    assert refusal.next_step == "aws eks create-addon --cluster-name prod --addon-name eks-pod-identity-agent"


def test_service_account_is_created_for_an_association_only_if_asked() -> None:
    found = GroupFound(namespaces=frozenset({"shop"}))
    assert "create service account shop/inventory" not in lines(plan(pod_group(association()), found))
    asked = plan(pod_group(association(create_service_account=True)), found)
    assert "create service account shop/inventory" in lines(asked)


# The provider


@pytest.mark.parametrize(
    ("found", "thumbprints", "options", "expected", "refused"),
    [
        (None, [], OPTIONS, ["create_open_id_connect_provider"], False),
        (PROVIDER, [], OPTIONS, [], False),
        (replace(PROVIDER, client_ids=()), [], OPTIONS, ["add_client_id_to_open_id_connect_provider"], False),
        (PROVIDER, ["ab"], OPTIONS, ["update_open_id_connect_provider_thumbprint"], False),
        (replace(PROVIDER, thumbprints=("AB",)), ["ab"], OPTIONS, [], False),
        (replace(PROVIDER, tags={}), [], OPTIONS, [], False),
        (replace(PROVIDER, tags={}, client_ids=()), [], OPTIONS, [], True),
        (
            replace(PROVIDER, tags={}, client_ids=()),
            [],
            PlanOptions(PLACE, adopt=True),
            ["tag_open_id_connect_provider", "add_client_id_to_open_id_connect_provider"],
            False,
        ),
    ],
)
def test_provider(found, thumbprints, options, expected, refused) -> None:  # type: ignore[no-untyped-def]
    part = plan_provider(PLACE, found, thumbprints, options)
    assert [one.call.operation for one in part.writes] == expected  # type: ignore[union-attr]
    assert bool(part.refusals) is refused


# Interruptions and any order of things

STARTS = st.builds(
    there,
    role=st.none()
    | st.builds(
        role,
        managed=st.lists(st.sampled_from([EC2, READ_ONLY]), unique=True).map(tuple),
        inline=st.dictionaries(st.sampled_from(["podrole-a", "hand-made"]), st.just(INLINE)),
        boundary=st.sampled_from([None, READ_ONLY]),
        trust_policy=st.sampled_from([new_document([]), new_trust_policy(Trust(frozenset({ORDERS})), PLACE)]),
    ),
    service_accounts=st.sampled_from([{}, there().service_accounts]),
)


@given(STARTS, st.integers(0, 10))
def test_a_run_that_was_interrupted_ends_in_the_same_state(found: GroupFound, survived: int) -> None:
    one = group(wanted(), wanted(ORDERS), role=WantedRole(managed=(EC2,), inline={"podrole-b": INLINE}))
    whole, _ = converged(one, found)
    interrupted = found
    for write in plan(one, found).writes[:survived]:
        interrupted = after(interrupted, write)
    again, _ = converged(one, interrupted)
    assert again == whole
    assert plan(one, again) == PlanPart()


# What is shown is what is done

KINDS = st.builds(
    WantedServiceAccount,
    st.sampled_from([INVENTORY, ORDERS, ServiceAccountName("data", "inventory")]),
    st.just(WantedRole(managed=(EC2,))),
    role_only=st.booleans(),
    subject_pattern=st.sampled_from([None, None, "web-*"]),
    override=st.booleans(),
)
ASSOCIATIONS = st.builds(
    WantedAssociation,
    st.sampled_from([INVENTORY, ORDERS, ServiceAccountName("data", "inventory")]),
    st.just(WantedRole(managed=(EC2,))),
    st.sampled_from([None, "arn:aws:iam::444455556666:role/target"]),
    st.just(True),
    st.sampled_from([None, INLINE]),
    create_service_account=st.booleans(),
) | st.builds(
    WantedAssociation,
    st.sampled_from([INVENTORY, ORDERS, ServiceAccountName("data", "inventory")]),
    st.just(WantedRole(managed=(EC2,))),
    create_service_account=st.booleans(),
)
GROUPS = st.builds(
    lambda accounts, associations: RoleGroup(ARN, WantedRole(managed=(EC2,)), tuple(accounts), tuple(associations)),
    st.lists(KINDS, max_size=3, unique_by=lambda one: one.account),
    st.lists(ASSOCIATIONS, max_size=3, unique_by=lambda one: one.account),
).filter(lambda one: bool(one.accounts))


def written_by(one: PlannedWrite) -> tuple[str, ...]:
    return (one.kind, one.object, one.field)


@given(GROUPS, GROUPS, st.integers(0, MOST_WRITES))
def test_every_write_of_a_plan_is_made_once_in_its_order(before: RoleGroup, one: RoleGroup, survived: int) -> None:
    """The plan is that of the next run, after another run was cut off."""
    found = EMPTY
    for _ in range(survived):
        writes = plan(before, found).writes
        found = after(found, writes[0]) if writes else found
    shown = plan(one, found)
    if shown.refusals:
        return
    changed, made = converged(one, found)
    assert [written_by(each) for each in made] == [written_by(each) for each in shown.writes]
    assert plan(one, changed).writes == ()


def test_namespace_and_service_account_are_created_once() -> None:
    one = group(wanted(), wanted(ORDERS), associations=(association(create_service_account=True),))
    assert lines(plan(one, EMPTY)).count("create namespace shop") == 1
    assert lines(plan(one, EMPTY)).count("create service account shop/inventory") == 1


# What EKS takes only together


@pytest.mark.parametrize("on", [True, False])
def test_session_tags_and_session_policy_change_in_one_call(on: bool) -> None:
    target = PLACE.role_arn("t")
    limited = association(disable_session_tags=True, target_role_arn=target, session_policy=INLINE)
    free = association(target_role_arn=target)
    found, _ = converged(pod_group(free if on else limited), EMPTY)
    _, written = converged(pod_group(limited if on else free), found)
    calls = [one.call.parameters for one in written if "session" in one.field]  # type: ignore[union-attr]
    expected = {"disableSessionTags": on, "policy": INLINE if on else ""}
    assert [{key: one[key] for key in expected} for one in calls] == [expected]


# What a plan leaves alone


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Version": "2012-10-17"}', '{"Statement": [1]}'])
def test_role_whose_trust_policy_cannot_be_read_is_refused(text: str) -> None:
    part = plan(group(wanted()), there(role=role(trust_policy=text)))
    assert [one.what for one in part.refusals] == [
        f"The trust policy of role {ROLE} cannot be read, so nothing can be added to it."
    ]


def test_role_of_the_same_name_in_another_path_is_named() -> None:
    namesake = "arn:aws:iam::111122223333:role/team/prod-shop-inventory"
    part = plan(group(wanted()), replace(EMPTY, namesake=namesake))
    assert namesake in part.refusals[0].what


def test_tag_whose_key_differs_in_case_is_there() -> None:
    found = there(role=role(tags={**OURS, "Team": "shop"}))
    assert plan(group(wanted(), role=WantedRole(managed=(EC2,), tags={"team": "shop"})), found) == PlanPart()


def test_service_account_that_names_another_role_keeps_it() -> None:
    found = there()
    moved = replace(
        found.service_accounts[INVENTORY], annotations={"eks.amazonaws.com/role-arn": PLACE.role_arn("other")}
    )
    part = plan(
        RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,)), replace(found, service_accounts={INVENTORY: moved})
    )
    assert not part.refusals
    assert not [one for one in part.writes if "service account" in one.object]


@pytest.mark.parametrize("kept_by", ["association", "file"])
def test_service_account_that_something_else_needs_loses_its_annotation_only(kept_by: str) -> None:
    bound = FoundAssociation("a-1", "arn:1", INVENTORY, PLACE.role_arn("other"))
    found = there(associations={INVENTORY: bound} if kept_by == "association" else {})
    kept = frozenset({INVENTORY}) if kept_by == "file" else frozenset[ServiceAccountName]()
    part = plan(RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,), kept=kept), found)
    assert "change service account shop/inventory annotations" in lines(part)
    assert "delete service account shop/inventory" not in lines(part)


@pytest.mark.parametrize(
    ("trust", "why"),
    [
        (Trust(patterns=frozenset({"system:serviceaccount:shop:web-*"})), "the pattern"),
        (Trust(untagged=True), "every association of the cluster"),
        (Trust(frozenset({ORDERS})), "others use it"),
    ],
)
def test_role_that_stays_says_why(trust: Trust, why: str) -> None:
    found = there(role=role(trust_policy=new_trust_policy(trust, PLACE)))
    assert why in plan(RoleGroup(ARN, None, lost_service_accounts=(INVENTORY,)), found).notes[0]


@pytest.mark.parametrize("others", [False, True])
def test_trust_without_session_tags_goes_with_the_last_association_that_needs_it(others: bool) -> None:
    target = PLACE.role_arn("t")
    found, _ = converged(pod_group(association(disable_session_tags=True, target_role_arn=target)), EMPTY)
    found = replace(found, untagged_elsewhere=others)
    changed, written = converged(pod_group(association(target_role_arn=target)), found)
    fields = [one.field for one in written]
    narrowed = [] if others else ["trust policy"]
    assert fields == ["trust policy", "session tags", *narrowed], "a pod is let in at every moment"
    assert changed.role is not None
    assert trust_of(changed.role.trust_policy, PLACE) == Trust(pod_identity=frozenset({INVENTORY}), untagged=others)
    part = plan(RoleGroup(ARN, None, lost_associations=(INVENTORY,)), found)
    assert ("delete role prod-shop-inventory" in lines(part)) is not others
