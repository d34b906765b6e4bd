"""Where the accounts' records are kept: in memory for every decision, and in a journal that survives a crash.

An operation is worked out on the newest states, which include changes that are still being written; a decision sees a
change once it is on disk. An answer leaves once all that it rests on is on disk: what the operation changed, and what
it only read. If a write fails, the newest states go back to what is on disk, and what rested on it is worked out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar, cast

import msgspec

from podrole.account.eks.records import RECORDS as EKS_RECORDS
from podrole.account.eks.request import EKSRequest
from podrole.account.eks.state import EKSState
from podrole.account.iam.records import RECORDS as IAM_RECORDS
from podrole.account.iam.request import Catalogue, IAMRequest, Output
from podrole.account.iam.state import IAMState
from podrole.account.ids import Random
from podrole.account.managed_policies import ManagedPolicies
from podrole.account.organizations.records import RECORDS as ORGANIZATIONS_RECORDS
from podrole.account.organizations.request import OrganizationsRequest
from podrole.account.organizations.state import OrganizationsState
from podrole.account.records import Record, Scope, State
from podrole.account.transaction import Delete, Put, Transaction
from podrole.base.clock import Clock
from podrole.base.errors import PodroleError
from podrole.base.journal import Journal, Write, WriteFailed
from podrole.base.journal_file import JournalError
from podrole.base.partitions import partition_of

T = TypeVar("T")

_ORGANIZATIONS: Scope = ("organizations",)


class AccountView(Protocol):
    """The accounts of a world at one moment: as they are on disk, or with the changes that are being written."""

    catalogue: Catalogue

    def iam(self, account: str, partition: str) -> IAMState | None:
        """Return an account's IAM; None for an account that nobody has opened."""
        ...

    def iam_accounts(self) -> Sequence[IAMState]:
        """Return the IAM of every account."""
        ...

    def eks(self, account: str, region: str) -> EKSState:
        """Return EKS of an account and region."""
        ...

    @property
    def organizations(self) -> OrganizationsState:
        """The organizations."""
        ...


class _View:
    """See AccountView."""

    def __init__(self, states: Mapping[Scope, State], catalogue: Catalogue) -> None:
        self._states = states
        self.catalogue = catalogue

    def iam(self, account: str, partition: str) -> IAMState | None:
        return cast("IAMState | None", self._states.get(("iam", account, partition)))

    def iam_accounts(self) -> Sequence[IAMState]:
        return [state for state in self._states.values() if isinstance(state, IAMState)]

    def eks(self, account: str, region: str) -> EKSState:
        return cast("EKSState", self._states.get(("eks", account, region)) or EKSState(account, region))

    @property
    def organizations(self) -> OrganizationsState:
        return cast("OrganizationsState", self._states[_ORGANIZATIONS])


class AccountStore(_View):
    """The records of every account of a world. As an ``AccountView`` it shows what is on disk."""

    def __init__(self, clock: Clock, random: Random, journal: Journal | None = None) -> None:
        """Read the journal's records; without a journal nothing outlives the process. Raises JournalError."""
        self._on_disk: dict[Scope, State] = {}
        self._newest: dict[Scope, State] = {}
        super().__init__(self._on_disk, ManagedPolicies())
        self.newest: AccountView = _View(self._newest, self.catalogue)
        """The accounts with the changes that are being written."""
        self._clock = clock
        self._random = random
        self._journal = journal
        self.eks_changed: Callable[[], None] = lambda: None
        """Called after every change of EKS."""
        self._last_commit: asyncio.Future[None] | None = None
        _open(self._on_disk, _ORGANIZATIONS)
        if journal is not None:
            self._read(journal)
            journal.on_failure(self._forget_unwritten)
        self._forget_unwritten()

    def _read(self, journal: Journal) -> None:
        for kind, record_types in _RECORDS.items():
            parts = _PARTS[kind]
            for table, records in journal.tables(f"{kind}.").items():
                decode = msgspec.json.Decoder(record_types[table.removeprefix(f"{kind}.")]).decode
                for key, value in records.items():
                    scope = (kind, *key.split("/", parts)[:parts])
                    try:
                        record = decode(value)
                    except msgspec.DecodeError as problem:
                        raise JournalError(
                            f"The record {key} of {table} cannot be read: {problem}.",
                            next_step="podrole reset, or another --dir",
                        ) from problem
                    _open(self._on_disk, scope).put(record)

    def _forget_unwritten(self) -> None:
        self._newest.clear()
        for scope, state in self._on_disk.items():
            copied = _open(self._newest, scope)
            for record in state.all():
                copied.put(record)

    # Reading

    def scopes(self) -> Sequence[tuple[Scope, State]]:
        """Return every state that is on disk, with what it is of."""
        return list(self._on_disk.items())

    def open_account(self, account: str, partition: str) -> None:
        """Make an account known; it begins empty."""
        for states in (self._on_disk, self._newest):
            _open(states, ("iam", account, partition))

    # Changing

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Work out a change and return ``work``'s result once the change, and all that it rests on, is on disk.

        ``work`` must ask for the newest states itself (:meth:`newest_iam`): it runs again if what it read was not kept.
        Raises what ``work`` raises, and WriteFailed if the disk refuses; nothing is changed then.
        """
        while True:
            transaction = Transaction(self._clock(), self._random)
            try:
                result = work(transaction)
            except PodroleError:
                if await self.newest_is_kept():
                    raise
                continue
            if transaction.changes:
                await self._commit(transaction.changes)
                return result
            if await self.newest_is_kept():
                return result

    @property
    def is_writing(self) -> bool:
        """Whether changes are being written, so that the newest states are ahead of what is on disk."""
        return self._last_commit is not None and not self._last_commit.done()

    async def newest_is_kept(self) -> bool:
        """Wait for the changes that are being written. False if one failed, and the newest states are others now."""
        pending = self._last_commit
        if pending is None or (pending.done() and pending.exception() is None):
            return True
        try:
            await asyncio.shield(pending)
        except WriteFailed:
            if pending is self._last_commit:
                self._last_commit = None
            return False
        return True

    async def _commit(self, changes: Sequence[Put | Delete]) -> None:
        def apply(states: dict[Scope, State]) -> None:
            for change in changes:
                state = _open(states, change.state.scope)
                state.put(change.record) if isinstance(change, Put) else state.remove(change.record)

        def publish() -> None:
            apply(self._on_disk)
            if any(change.state.scope[0] == "eks" for change in changes):
                self.eks_changed()

        if self._journal is None:
            apply(self._newest)
            publish()
            return
        # Encoded first: a record that cannot be written must not be in the newest state.
        writes = [_write(change) for change in changes]
        apply(self._newest)
        self._last_commit = self._journal.commit(writes, publish)
        if self._last_commit.done():  # refused at once: the journal has failed or is closed
            self._forget_unwritten()
        # A caller that is cancelled does not take the change back: it is on its way to the disk.
        await asyncio.shield(self._last_commit)

    def newest_iam(self, account: str, partition: str) -> IAMState:
        """Return an account's IAM with the changes that are being written; for use in a transaction."""
        return cast("IAMState", _open(self._newest, ("iam", account, partition)))

    async def run(
        self,
        operation: Callable[[IAMRequest], Output],
        parameters: Mapping[str, object],
        *,
        account: str,
        partition: str,
        user_id: str = "",
    ) -> Output:
        """Run one operation of IAM. Raises AccountError or PolicyError if it is refused, WriteFailed if the disk is."""
        return await self.transact(
            lambda transaction: operation(
                IAMRequest(transaction, self.newest_iam(account, partition), parameters, self.catalogue, user_id)
            )
        )

    async def run_organizations(
        self,
        operation: Callable[[OrganizationsRequest], Output],
        parameters: Mapping[str, object],
        *,
        account: str,
        partition: str,
    ) -> Output:
        """Run one operation of Organizations. Raises like :meth:`run`."""
        return await self.transact(
            lambda transaction: operation(
                OrganizationsRequest(
                    transaction,
                    cast("OrganizationsState", self._newest[_ORGANIZATIONS]),
                    parameters,
                    account,
                    partition,
                    self.newest_iam,
                )
            )
        )

    async def run_eks(
        self, operation: Callable[[EKSRequest], T], parameters: Mapping[str, object], *, account: str, region: str
    ) -> T:
        """Run one operation of EKS. Raises AccountError if it is refused, WriteFailed if the disk is."""
        return await self.transact(
            lambda transaction: operation(
                EKSRequest(
                    transaction,
                    cast("EKSState", _open(self._newest, ("eks", account, region))),
                    parameters,
                    partition_of(region),
                )
            )
        )

    def contents(self) -> Mapping[Scope, Sequence[Record]]:
        """Return every record that is on disk, for ``restore``."""
        return {scope: tuple(state.all()) for scope, state in self._on_disk.items()}

    async def restore(self, contents: Mapping[Scope, Sequence[Record]]) -> None:
        """Make the accounts what they were when ``contents`` was taken, in one change."""

        def replace_all(transaction: Transaction) -> None:
            for state in self._newest.values():
                transaction.delete(state, *state.all())
            for scope, records in contents.items():
                transaction.put(_open(self._newest, scope), *records)

        await self.transact(replace_all)
        for states in (self._on_disk, self._newest):
            for scope in [scope for scope in states if scope not in contents and not any(states[scope].all())]:
                del states[scope]

    async def clear(self) -> None:
        """Forget every account."""

        def delete_all(transaction: Transaction) -> None:
            for state in self._newest.values():
                transaction.delete(state, *state.all())

        await self.transact(delete_all)
        for states in (self._on_disk, self._newest):  # what was made meanwhile stays
            for scope in [scope for scope, state in states.items() if not any(state.all())]:
                del states[scope]
            _open(states, _ORGANIZATIONS)


_RECORDS: Mapping[str, Mapping[str, type[Record]]] = {
    "eks": EKS_RECORDS,
    "iam": IAM_RECORDS,
    "organizations": ORGANIZATIONS_RECORDS,
}
"""The kinds of records by the kind of state that holds them."""

_PARTS = {"eks": 2, "iam": 2, "organizations": 0}
"""How many parts a scope has after its kind."""


def _open(states: dict[Scope, State], scope: Scope) -> State:
    state = states.get(scope)
    if state is None:
        kind, *place = scope
        state = states[scope] = _MAKERS[kind](place, states)
    return state


_MAKERS: Mapping[str, Callable[[Sequence[str], Mapping[Scope, State]], State]] = {
    "eks": lambda place, _: EKSState(place[0], place[1]),
    "iam": lambda place, states: IAMState(place[0], place[1], states),
    "organizations": lambda _, __: OrganizationsState(),
}


def _write(change: Put | Delete) -> Write:
    record, (kind, *place) = change.record, change.state.scope
    value = msgspec.json.encode(record) if isinstance(change, Put) else None
    return Write(f"{kind}.{record.table}", "/".join([*place, record.id]), value)
