"""What podrole and eksctl made for a cluster, and what a file no longer names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from podrole.setup.found import FoundAssociation, FoundRole, FoundServiceAccount
from podrole.setup.group import GroupFound, PlanOptions, RoleGroup
from podrole.setup.groups import with_lost
from podrole.setup.inventory import Inventory, lost_of_file, set_up_service_accounts
from podrole.setup.plan import plan_group
from podrole.setup.trust import Trust, new_trust_policy, trust_of
from podrole.setup.wanted import ServiceAccountName, WantedAssociation, WantedRole, WantedServiceAccount
from podrole.sts.circumstances import Circumstances
from support.setup_model import OURS, PLACE, PROVIDER

AT = Circumstances(now=1_800_000_000, source_ip="192.0.2.1", region="us-east-1", secure_transport=True)
A, B, C = (ServiceAccountName("shop", name) for name in "abc")
OF_FILE = {**OURS, "podrole.dev/file": "x.yaml"}


def role(name: str, *accounts: ServiceAccountName, tags: dict[str, str] | None = None) -> FoundRole:
    trust = new_trust_policy(Trust(frozenset(accounts)), PLACE)
    return FoundRole(PLACE.role_arn(name), name, trust, tags=OF_FILE if tags is None else tags)


def account(name: ServiceAccountName, role_name: str, **annotations: str) -> FoundServiceAccount:
    arn = {"eks.amazonaws.com/role-arn": PLACE.role_arn(role_name)} if role_name else {}
    return FoundServiceAccount(name, "uid", "1", {}, {**arn, **annotations})


def naming(
    accounts: Sequence[ServiceAccountName] = (),
    associations: Sequence[ServiceAccountName] = (),
    pattern: str | None = None,
) -> list[RoleGroup]:
    """What a file wants of the role "one"."""
    wanted = WantedRole()
    by_token = tuple(WantedServiceAccount(name, wanted, subject_pattern=pattern) for name in accounts)
    return [RoleGroup(ARN, wanted, by_token, tuple(WantedAssociation(name, wanted) for name in associations))]


ARN = PLACE.role_arn("one")
MANAGED = {"podrole.dev/managed": "prod", "podrole.dev/file": "x.yaml"}


def inventory(roles: list[FoundRole], accounts: list[FoundServiceAccount], *found: FoundAssociation) -> Inventory:
    return Inventory(PLACE, tuple(roles), tuple(accounts), found)


def test_service_accounts_are_found_by_annotation_by_tag_and_by_trust() -> None:
    found = set_up_service_accounts(
        inventory(
            [role("one", A), role("two", C), role("eksctl", B, tags={"alpha.eksctl.io/cluster-name": "prod"})],
            [
                account(A, "one"),
                account(B, "eksctl"),
                account(ServiceAccountName("shop", "kept"), "elsewhere", **MANAGED),
                account(ServiceAccountName("shop", "stranger"), "elsewhere"),
                account(ServiceAccountName("shop", "plain"), ""),
            ],
        )
    )
    assert [(str(one.account), one.role_arn.rpartition("/")[2], one.owner.what) for one in found] == [
        ("shop/a", "one", "podrole"),
        ("shop/b", "eksctl", "eksctl, for cluster prod"),
        ("shop/c", "two", "podrole"),
        ("shop/kept", "elsewhere", "podrole"),
    ]


@pytest.mark.parametrize(
    ("tags", "annotations", "expected"),
    [
        (OF_FILE, MANAGED, True),
        ({**OF_FILE, "podrole.dev/file": "other.yaml"}, {**MANAGED, "podrole.dev/file": "other.yaml"}, False),
        ({**OF_FILE, "podrole.dev/cluster": "test"}, {**MANAGED, "podrole.dev/managed": "test"}, False),
        (OURS, {"podrole.dev/managed": "prod"}, False),
        ({}, {}, False),
    ],
)
def test_prune_takes_only_what_this_file_made_for_this_cluster(
    tags: dict[str, str], annotations: dict[str, str], expected: bool
) -> None:
    found = inventory([role("one", A, tags=tags)], [account(A, "one", **annotations)])
    lost = lost_of_file(found, "x.yaml", naming([B]))
    assert lost == ((RoleGroup(PLACE.role_arn("one"), None, lost_service_accounts=(A,)),) if expected else ())
    assert lost_of_file(found, "x.yaml", naming([A])) == ()


def test_prune_takes_a_service_account_of_a_shared_role_alone() -> None:
    found = inventory([role("one", A, B)], [account(A, "one", **MANAGED), account(B, "one", **MANAGED)])
    (lost,) = lost_of_file(found, "x.yaml", naming([A]))
    assert lost.lost_service_accounts == (B,)


def test_prune_takes_associations_of_the_file() -> None:
    mine = FoundAssociation("a-1", "arn:1", A, PLACE.role_arn("one"), tags=OF_FILE)
    other = FoundAssociation("a-2", "arn:2", B, PLACE.role_arn("two"), tags=OURS)
    (lost,) = lost_of_file(inventory([], [], mine, other), "x.yaml", naming())
    assert (lost.role_arn, lost.lost_associations) == (PLACE.role_arn("one"), (A,))


@pytest.mark.parametrize("other", [{"podrole.dev/file": "y.yaml"}, {}])
def test_prune_leaves_a_shared_role_to_the_service_accounts_of_another_file(other: dict[str, str]) -> None:
    theirs = account(B, "one", **{"podrole.dev/managed": "prod", **other})
    found = inventory([role("one", A, B)], [account(A, "one", **MANAGED), theirs])
    assert lost_of_file(found, "x.yaml", naming([A])) == ()


def test_prune_keeps_a_service_account_that_the_file_gives_an_association() -> None:
    found = inventory([role("one", A)], [account(A, "one", **MANAGED)])
    (lost,) = lost_of_file(found, "x.yaml", naming([], [A]))
    assert (lost.lost_service_accounts, lost.kept) == ((A,), frozenset({A}))


WEB, API = (f"system:serviceaccount:shop:{name}-*" for name in ("web", "api"))


def of_patterns(*patterns: str, file: str = "x.yaml") -> FoundRole:
    trust = new_trust_policy(Trust(patterns=frozenset(patterns)), PLACE)
    return FoundRole(ARN, "one", trust, tags={**OURS, "podrole.dev/file": file})


def test_prune_takes_the_role_of_a_pattern_that_has_no_service_account() -> None:
    (lost,) = lost_of_file(inventory([of_patterns(WEB)], []), "x.yaml", [])
    assert (lost.role_arn, lost.lost_patterns, lost.lost_service_accounts) == (ARN, {WEB}, ())
    part = plan_group(PLACE, lost, GroupFound(PROVIDER, of_patterns(WEB)), PlanOptions(PLACE), AT)
    assert [(one.kind.value, one.object) for one in part.writes] == [("delete", "role one")]


@pytest.mark.parametrize(
    ("wanted", "expected"), [("web-*", {API}), ("api-*", {WEB}), (None, {WEB, API})], ids=["web", "api", "by name"]
)
def test_prune_takes_the_patterns_of_a_shared_role_that_the_file_no_longer_names(
    wanted: str | None, expected: set[str]
) -> None:
    (lost,) = lost_of_file(inventory([of_patterns(WEB, API)], []), "x.yaml", naming([A], pattern=wanted))
    assert (lost.lost_patterns, lost.lost_service_accounts) == (expected, ())


def test_one_of_two_patterns_leaves_the_role_and_the_other_pattern() -> None:
    gained, shared = naming([A], pattern="web-*"), of_patterns(WEB, API)
    (both,) = with_lost(gained, lost_of_file(inventory([shared], []), "x.yaml", gained))
    part = plan_group(PLACE, both, GroupFound(PROVIDER, shared, frozenset({"shop"})), PlanOptions(PLACE), AT)
    documents = [one.after for one in part.writes if one.field == "trust policy"]
    assert documents[-1] is not None
    assert trust_of(documents[-1], PLACE) == Trust(patterns=frozenset({WEB}))


@pytest.mark.parametrize("wanted", [naming([A], pattern="web-*"), naming([A, B], pattern="web-*")])
def test_prune_leaves_the_patterns_that_the_file_names(wanted: list[RoleGroup]) -> None:
    assert lost_of_file(inventory([of_patterns(WEB)], []), "x.yaml", wanted) == ()


@pytest.mark.parametrize("role_", [of_patterns(WEB, file="y.yaml"), replace(of_patterns(WEB), tags={})])
def test_prune_leaves_the_patterns_of_other_roles(role_: FoundRole) -> None:
    assert lost_of_file(inventory([role_], []), "x.yaml", []) == ()


def test_prune_leaves_the_patterns_of_a_role_that_another_service_account_names() -> None:
    assert lost_of_file(inventory([of_patterns(WEB)], [account(B, "one")]), "x.yaml", []) == ()
