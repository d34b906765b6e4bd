"""An account and a cluster in memory that fail as a test says: refusals, throttling, late visibility, a killed run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from podrole.setup.errors import Conflict, NotThere
from podrole.setup.found import FoundAssociation, FoundPod, FoundProvider, FoundRole, FoundServiceAccount
from podrole.setup.group import GroupFound
from podrole.setup.progress import Pacing
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import AccountCall, ClusterCall, PlannedWrite, WriteKind
from support.setup_model import ISSUER, PLACE, after


class Killed(BaseException):
    """The end of the process."""


@dataclass
class TurnedTime:
    """Time that passes only while a run waits; each wait takes ``tick`` seconds, or as long as the run wants."""

    seconds: float = 1_000.0
    waits: list[float] = field(default_factory=list)
    chance: float = 1.0
    tick: float | None = None

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds if self.tick is None else self.tick

    def pacing(self) -> Pacing:
        return Pacing(self.sleep, lambda: self.seconds, lambda: self.chance)


@dataclass
class FaultyPlace:
    """The objects of one group (``found``), as ``SetupAccount`` and ``SetupCluster`` show and change them.

    ``before`` is called with the number of each write, from 1, before it takes effect, ``behind`` after it; both may
    raise. A new role is not shown by the next ``hidden_reads`` reads.
    """

    found: GroupFound = field(default_factory=GroupFound)
    before: Callable[[int], None] = lambda _: None
    behind: Callable[[int], None] = lambda _: None
    hidden_reads: int = 0
    calls: list[AccountCall | ClusterCall] = field(default_factory=list)
    reads: int = 0
    _hidden: int = 0

    id = PLACE.account
    partition = PLACE.partition
    region = PLACE.region
    what = "the cluster"

    def state(self) -> GroupFound:
        """Read all."""
        self.reads += 1
        return replace(self.found, role=self.role(""))

    def provider(self, arn: str) -> FoundProvider | None:
        return self.found.provider if self.found.provider and self.found.provider.arn == arn else None

    def role(self, _name: str) -> FoundRole | None:
        if self._hidden:
            self._hidden -= 1
            return None
        return self.found.role

    def trust_policy(self, _name: str) -> str | None:
        return None if self._hidden or self.found.role is None else self.found.role.trust_policy

    def has_policy(self, _arn: str) -> bool:
        return True

    def tagged_roles(self, _cluster: str) -> Sequence[FoundRole]:
        return [self.found.role] if self.found.role else []

    def cluster_arn_and_issuer(self, cluster: str) -> tuple[str, str] | None:
        return (str(PLACE.cluster_arn), ISSUER) if cluster == PLACE.cluster else None

    def has_pod_identity_agent(self, _cluster: str) -> bool:
        return self.found.agent

    def association(self, _cluster: str, account: ServiceAccountName) -> FoundAssociation | None:
        return self.found.associations.get(account)

    def associations(self, _cluster: str) -> Sequence[FoundAssociation]:
        return list(self.found.associations.values())

    def call(self, call: AccountCall) -> None:
        self._write(call)

    @property
    def cluster(self) -> FaultyCluster:
        return FaultyCluster(self)

    def _write(self, call: AccountCall | ClusterCall) -> None:
        self.calls.append(call)
        number = len(self.calls)
        self.before(number)
        if isinstance(call, AccountCall) and "RoleName" in call.parameters:
            name, creates = call.parameters["RoleName"], call.operation == "create_role"
            if creates and self.found.role is not None:
                raise Conflict(f"AWS refused iam:CreateRole: Role with name {name} already exists.")
            if not creates and (self.found.role is None or self._hidden):
                raise NotThere(f"AWS refused the call: The role with name {name} cannot be found.")
            if creates:
                self._hidden = self.hidden_reads
        self.found = after(self.found, PlannedWrite(WriteKind.CHANGE, "", "", None, None, call))
        self.behind(number)


class FaultyCluster:
    """The cluster's half of a place."""

    what = "the cluster"

    def __init__(self, place: FaultyPlace) -> None:
        self._place = place

    async def issuer(self) -> str:
        return ISSUER

    async def has_namespace(self, name: str) -> bool:
        return name in self._place.found.namespaces

    async def service_account(self, account: ServiceAccountName) -> FoundServiceAccount | None:
        return self._place.found.service_accounts.get(account)

    async def service_accounts(self) -> Sequence[FoundServiceAccount]:
        return list(self._place.found.service_accounts.values())

    async def pods(self, _account: ServiceAccountName) -> Sequence[FoundPod]:
        return []

    async def call(self, call: ClusterCall) -> None:
        self._place._write(call)
