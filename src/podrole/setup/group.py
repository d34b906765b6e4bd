"""The parts that a set-up is planned and applied in: each role with all that uses it, and what is there of it.

Groups do not share an object, so they are applied side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from podrole.setup.found import FoundAssociation, FoundProvider, FoundRole, FoundServiceAccount
from podrole.setup.ownership import ObjectOwner
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    SetupPlace,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
)
from podrole.setup.writes import PlannedWrite


@dataclass(frozen=True, slots=True)
class RoleGroup:
    """One role, the service accounts and associations that get it, and those that lose it.

    ``role`` is None if nothing says what the role should be: then only its trust changes, and the role goes when it
    trusts nobody any more. ``unannotated`` lose the annotation with the role, and nothing else: an association gives
    them the role, and podrole's mark lets it annotate them again. ``lost_patterns`` are subjects with wildcards that
    the role must trust no longer. ``kept`` are service accounts that lose this role and that another group needs.
    ``file`` is the file's name for tags.
    """

    role_arn: str
    role: WantedRole | ExistingRole | None
    service_accounts: tuple[WantedServiceAccount, ...] = ()
    associations: tuple[WantedAssociation, ...] = ()
    lost_service_accounts: tuple[ServiceAccountName, ...] = ()
    lost_associations: tuple[ServiceAccountName, ...] = ()
    lost_patterns: frozenset[str] = frozenset()
    unannotated: tuple[ServiceAccountName, ...] = ()
    kept: frozenset[ServiceAccountName] = frozenset()
    file: str | None = None

    @property
    def role_name(self) -> str:
        """The role's name."""
        return self.role_arn.rpartition("/")[2]

    @property
    def accounts(self) -> tuple[ServiceAccountName, ...]:
        """Every service account that the group is about."""
        wanted = [account.account for account in self.service_accounts] + [
            association.account for association in self.associations
        ]
        lost = (*self.lost_service_accounts, *self.lost_associations, *self.unannotated)
        return tuple(dict.fromkeys([*wanted, *lost]))


@dataclass(frozen=True, slots=True)
class GroupFound:
    """What is there of a group. ``agent`` says whether the cluster has EKS's Pod Identity agent.

    ``namesake`` is the ARN of a role that has the name of the group's role and another path: IAM takes a name once.
    ``untagged_elsewhere`` says that an association outside the group has the role and disabled session tags,
    ``named_elsewhere`` that another service account of the cluster names the role than those that lose it. Both are
    true if nobody looked. ``missing_policies`` are ARNs of managed policies that the role should get and that do not
    exist.
    """

    provider: FoundProvider | None = None
    role: FoundRole | None = None
    namespaces: frozenset[str] = frozenset()
    service_accounts: Mapping[ServiceAccountName, FoundServiceAccount] = field(default_factory=dict)
    associations: Mapping[ServiceAccountName, FoundAssociation] = field(default_factory=dict)
    agent: bool = True
    namesake: str | None = None
    untagged_elsewhere: bool = True
    named_elsewhere: bool = True
    missing_policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanRefusal:
    """Why a group is not changed at all. ``writes`` are what would have been written."""

    what: str
    next_step: str
    writes: tuple[PlannedWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """``adopt`` lets podrole take over what somebody else made. ``place`` goes into tags."""

    place: SetupPlace
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class PlanPart:
    """What has to be written for one object or one group, in order; or why not. ``notes`` are sentences."""

    writes: tuple[PlannedWrite, ...] = ()
    refusals: tuple[PlanRefusal, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: PlanPart) -> PlanPart:
        return PlanPart(
            self.writes + tuple(write for write in other.writes if write not in self.writes),
            self.refusals + tuple(refusal for refusal in other.refusals if refusal not in self.refusals),
            self.notes + tuple(note for note in other.notes if note not in self.notes),
        )


def foreign(what: str, owner: ObjectOwner, writes: Sequence[PlannedWrite]) -> PlanRefusal:
    """Return the refusal to change what somebody else keeps."""
    if owner.fixed:
        return PlanRefusal(f"The {what} belongs to {owner.what}.", "change it there", tuple(writes))
    return PlanRefusal(
        f"The {what} belongs to {owner.what}.", "add --adopt to take it over, or choose another name", tuple(writes)
    )
