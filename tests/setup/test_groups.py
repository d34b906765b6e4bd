"""What is wanted becomes groups: each role with all that uses it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podrole.setup.errors import InvalidSetup
from podrole.setup.group import RoleGroup
from podrole.setup.groups import groups_of, lost_groups, with_lost
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)
from support.setup_model import PLACE

A, B = ServiceAccountName("shop", "a"), ServiceAccountName("shop", "b")
SHARED = WantedRole("shared", managed=("arn:aws:iam::aws:policy/ReadOnlyAccess",))


def test_a_role_has_a_name_of_its_own_for_each_service_account() -> None:
    wanted = WantedSetup("prod", service_accounts=(WantedServiceAccount(A, WantedRole()),), file="x.yaml")
    (group,) = groups_of(wanted, PLACE)
    assert (group.role_arn, group.file) == (PLACE.role_arn("prod-shop-a"), "x.yaml")


def test_users_of_one_role_are_one_group() -> None:
    wanted = WantedSetup(
        "prod",
        service_accounts=(WantedServiceAccount(A, SHARED), WantedServiceAccount(B, SHARED)),
        associations=(WantedAssociation(ServiceAccountName("shop", "c"), SHARED),),
    )
    (group,) = groups_of(wanted, PLACE)
    assert [str(one) for one in group.accounts] == ["shop/a", "shop/b", "shop/c"]


def test_users_of_one_existing_role_are_groups_of_their_own() -> None:
    existing = ExistingRole(PLACE.role_arn("shared"))
    wanted = WantedSetup(
        "prod", service_accounts=(WantedServiceAccount(A, existing), WantedServiceAccount(B, existing))
    )
    assert len(groups_of(wanted, PLACE)) == 2


def test_a_role_that_is_wanted_in_two_ways_is_an_error() -> None:
    other = replace(SHARED, boundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    wanted = WantedSetup("prod", service_accounts=(WantedServiceAccount(A, SHARED), WantedServiceAccount(B, other)))
    with pytest.raises(InvalidSetup, match="different things of role shared"):
        groups_of(wanted, PLACE)


def test_what_a_role_gains_and_loses_is_one_group() -> None:
    arn, other = PLACE.role_arn("shared"), PLACE.role_arn("other")
    gains = RoleGroup(arn, SHARED, (WantedServiceAccount(A, SHARED),))
    both = with_lost([gains], lost_groups({B: arn}, {A: other}))
    assert both == (
        replace(gains, lost_service_accounts=(B,)),
        RoleGroup(other, None, lost_associations=(A,)),
    )
