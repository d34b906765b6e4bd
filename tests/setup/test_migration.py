"""Service accounts move between annotations and Pod Identity, and a pod keeps its identity all the time."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.setup.found import FoundAssociation, FoundPod, FoundRole, FoundServiceAccount
from podrole.setup.group import GroupFound, PlanOptions
from podrole.setup.inventory import Inventory, set_up_service_accounts
from podrole.setup.method import Method
from podrole.setup.migration import BY_AGENT, BY_TOKEN, migration_of
from podrole.setup.plan import plan_group
from podrole.setup.trust import Trust, new_trust_policy, trust_of
from podrole.setup.wanted import ServiceAccountName
from podrole.sts.circumstances import Circumstances
from support.setup_model import OURS, PLACE, PROVIDER, after

AT = Circumstances(now=1_800_000_000, source_ip="192.0.2.1", region="us-east-1", secure_transport=True)
A = ServiceAccountName("shop", "a")
ARN = PLACE.role_arn("one")
ROLE = FoundRole(
    ARN,
    "one",
    new_trust_policy(Trust(frozenset({A})), PLACE),
    ("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    tags=OURS,
)
ANNOTATIONS = {"eks.amazonaws.com/role-arn": ARN, "podrole.dev/managed": "prod"}
START = GroupFound(PROVIDER, ROLE, frozenset({"shop"}), {A: FoundServiceAccount(A, "u", "1", {}, ANNOTATIONS)})


def pod(variable: str) -> FoundPod:
    return FoundPod("shop", "web", "a", frozenset({variable}), running=True)


def run_once(
    found: GroupFound, to: Method, pods: list[FoundPod], most: int = 100
) -> tuple[GroupFound, tuple[str, ...]]:
    """Do what one run of the command does, or its first ``most`` writes."""
    notes: tuple[str, ...] = ()
    groups = None
    for _ in range(most):
        if groups is None:  # a run decides once what moves
            role = () if found.role is None else (found.role,)
            inventory = Inventory(
                PLACE, role, tuple(found.service_accounts.values()), tuple(found.associations.values())
            )
            migration = migration_of(inventory, role, {A: pods}, to, None)
            groups, notes = migration.groups, migration.notes
        writes = [plan_group(PLACE, one, found, PlanOptions(PLACE), AT) for one in groups]
        assert not [one.refusals for one in writes if one.refusals]
        first = next((one.writes[0] for one in writes if one.writes), None)
        if first is None:
            break
        found = after(found, first)
        assert has_identity(found), first
    return found, notes


def has_identity(found: GroupFound) -> bool:
    """Whether a pod that is created now gets the role, by the way that EKS's webhook prefers."""
    assert found.role is not None
    trust = trust_of(found.role.trust_policy, PLACE)
    if A in found.associations:
        return A in trust.pod_identity
    return "eks.amazonaws.com/role-arn" in found.service_accounts[A].annotations and A in trust.web_identity


def test_annotation_stays_until_every_pod_has_been_created_again() -> None:
    found, notes = run_once(START, Method.POD_IDENTITY, [pod(BY_TOKEN)])
    assert A in found.associations
    assert found.service_accounts[A].annotations == ANNOTATIONS
    assert notes == ("shop/a: create these pods again, then run the same command once more: web.",)
    again, notes = run_once(found, Method.POD_IDENTITY, [pod(BY_TOKEN)])
    assert again == found
    done, notes = run_once(found, Method.POD_IDENTITY, [pod(BY_AGENT)])
    assert done.service_accounts[A].annotations == {"podrole.dev/managed": "prod"}
    assert notes == ()
    assert done.role is not None
    assert trust_of(done.role.trust_policy, PLACE).web_identity, "the way back stays open"


def test_without_pods_the_annotation_goes_in_the_second_run() -> None:
    found, notes = run_once(START, Method.POD_IDENTITY, [])
    assert found.service_accounts[A].annotations == ANNOTATIONS
    assert notes == ("shop/a: run the same command again to remove the annotation.",)
    found, _ = run_once(found, Method.POD_IDENTITY, [])
    assert found.service_accounts[A].annotations == {"podrole.dev/managed": "prod"}


def test_migration_is_reversible() -> None:
    there, _ = run_once(run_once(START, Method.POD_IDENTITY, [])[0], Method.POD_IDENTITY, [])
    back, notes = run_once(there, Method.IRSA, [pod(BY_AGENT)])
    assert back.associations == {}
    assert back.service_accounts[A].annotations == ANNOTATIONS
    assert "Their credentials last 6 hours at most." in notes[0]
    assert back.role is not None
    assert json.loads(back.role.trust_policy) == json.loads(ROLE.trust_policy)


def test_service_account_of_another_tool_is_annotated_only_if_adopted() -> None:
    found = run_once(run_once(START, Method.POD_IDENTITY, [])[0], Method.POD_IDENTITY, [])[0]
    helms = FoundServiceAccount(A, "u", "1", {"app.kubernetes.io/managed-by": "Helm"})
    found = replace(found, service_accounts={A: helms})
    assert found.role is not None
    inventory = Inventory(PLACE, (found.role,), (helms,), tuple(found.associations.values()))
    (group,) = migration_of(inventory, [found.role], {}, Method.IRSA, None).groups
    part = plan_group(PLACE, group, found, PlanOptions(PLACE), AT)
    assert part.writes == ()
    assert "belongs to Helm" in part.refusals[0].what
    assert plan_group(PLACE, group, found, PlanOptions(PLACE, adopt=True), AT).writes


def test_service_account_that_moved_is_not_listed_with_a_role() -> None:
    found = run_once(run_once(START, Method.POD_IDENTITY, [])[0], Method.POD_IDENTITY, [])[0]
    assert found.role is not None
    assert trust_of(found.role.trust_policy, PLACE).web_identity == {A}
    inventory = Inventory(PLACE, (found.role,), tuple(found.service_accounts.values()), ())
    assert set_up_service_accounts(inventory) == ()


def test_pattern_in_the_trust_is_kept_on_the_way_back() -> None:
    found = run_once(START, Method.POD_IDENTITY, [])[0]
    trust = Trust(patterns=frozenset({"system:serviceaccount:shop:a*"}), pod_identity=frozenset({A}))
    role = replace(ROLE, trust_policy=new_trust_policy(trust, PLACE))
    inventory = Inventory(PLACE, (role,), (), tuple(found.associations.values()))
    (group,) = migration_of(inventory, [role], {}, Method.IRSA, None).groups
    assert [one.subject_pattern for one in group.service_accounts] == ["a*"]


@given(
    st.lists(st.tuples(st.sampled_from(Method), st.sampled_from([BY_AGENT, BY_TOKEN]), st.integers(0, 4)), max_size=5)
)
def test_pod_that_is_created_has_its_identity_at_every_moment_of_any_interrupted_runs(
    runs: list[tuple[Method, str, int]],
) -> None:
    found = START
    for to, variable, most in runs:
        found, _ = run_once(found, to, [pod(variable)], most)
    found, _ = run_once(found, Method.IRSA, [])
    assert found.associations == {}


@pytest.mark.parametrize("namespace", ["shop", "other"])
def test_only_the_namespace_that_was_named_moves(namespace: str) -> None:
    inventory = Inventory(PLACE, (ROLE,), tuple(START.service_accounts.values()), ())
    assert bool(migration_of(inventory, [ROLE], {}, Method.POD_IDENTITY, namespace).groups) is (namespace == "shop")


def test_role_of_another_account_stays_and_is_named() -> None:
    found = FoundServiceAccount(A, "u", "1", {}, {"eks.amazonaws.com/role-arn": "arn:aws:iam::444455556666:role/x"})
    migration = migration_of(Inventory(PLACE, (), (found,), ()), [], {}, Method.POD_IDENTITY, None)
    assert migration.groups == ()
    assert "is not in account 111122223333" in migration.notes[0]


def test_association_with_a_target_role_stays_and_is_named() -> None:
    found, _ = run_once(START, Method.POD_IDENTITY, [])
    association = replace(found.associations[A], target_role_arn="arn:aws:iam::444455556666:role/x")
    migration = migration_of(Inventory(PLACE, (ROLE,), (), (association,)), [ROLE], {}, Method.IRSA, None)
    assert migration.groups == ()
    assert "it has a target role" in migration.notes[0]


@pytest.mark.parametrize(("variable", "goes"), [(BY_TOKEN, False), (BY_AGENT, True)])
def test_association_with_another_role_keeps_it(variable: str, goes: bool) -> None:
    other = FoundAssociation("a-1", "arn:1", A, PLACE.role_arn("other"), tags=OURS)
    inventory = Inventory(PLACE, (ROLE,), tuple(START.service_accounts.values()), (other,))
    found = replace(START, associations={A: other})
    groups = migration_of(inventory, [ROLE], {A: [pod(variable)]}, Method.POD_IDENTITY, None).groups
    writes = [write for one in groups for write in plan_group(PLACE, one, found, PlanOptions(PLACE), AT).writes]
    assert [one.object for one in writes] == (["service account shop/a"] if goes else [])
