"""The services behind podrole's own operations: moto, and the thread that it lives in.

moto is not thread-safe and takes a second to import. So everything that touches it runs in one worker thread, one job
after the other, and nothing is imported before the first job. One job decides about a call and executes it: nothing
can change in between.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import TypeVar

from podrole.aws.emulator.account import Account
from podrole.aws.emulator.bound_principals import bind
from podrole.aws.emulator.directory import MotoDirectory
from podrole.aws.emulator.entry import execute
from podrole.aws.emulator.facts import READERS, IdentityFacts, MotoFacts
from podrole.aws.emulator.organizations import CHANGING_SERVICES, NO_CONTROL_POLICIES, control_policies
from podrole.aws.emulator.readers.reader import parts_of
from podrole.aws.interfaces import AuthorizedCall, Decide, Facts, StoredPolicy
from podrole.aws.protocol.wire import HTTPResponse

T = TypeVar("T")


class MotoServices:
    """See podrole.aws.interfaces.Services. moto keeps its state in modules, so one process holds one world."""

    def __init__(self) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")
        self._control_policies = NO_CONTROL_POLICIES
        self._facts = MotoFacts(lambda: self._control_policies)
        self._account: Account | None = None
        self.directory = MotoDirectory()
        self.identity_facts: Facts = IdentityFacts(lambda: self._control_policies)

    async def open(self, account: Account) -> str:
        """Empty every account and create this one. Returns the unique id of its administrator."""
        self._account = account

        def create() -> str:
            administrator_id = account.create()
            self._control_policies = NO_CONTROL_POLICIES
            return administrator_id

        return await self._run(create)

    async def serve(self, decide: Decide) -> HTTPResponse:
        """See Services."""
        return await self._run(lambda: self._serve(decide))

    async def ask(self, question: Callable[[Facts], T]) -> T:
        """See Services."""
        return await self._run(lambda: question(self._facts))

    def close(self) -> None:
        """End the thread after the jobs that it has, and forget the account."""
        if self._account is not None:
            self._thread.submit(self._account.forget)
        self._thread.shutdown(wait=True)

    async def _run(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def _serve(self, decide: Decide) -> HTTPResponse:
        authorized = decide(self._facts)
        if not isinstance(authorized, AuthorizedCall):
            return authorized
        try:
            answer = execute(authorized.call, authorized.account)
        finally:
            self._tidy(authorized)
        if authorized.stored is not None and answer.status < 300:
            self._bind(authorized.stored, answer)
        return authorized.finish(answer)

    def _tidy(self, executed: AuthorizedCall) -> None:
        """Publish changed control policies, and remove what moto keeps of deleted resources."""
        call = executed.call
        if call.service.name in CHANGING_SERVICES:
            self._control_policies = control_policies()
        if call.operation.startswith("Delete") or call.service.name == "cloudformation":
            for reader in READERS.values():
                if reader.forget is not None:
                    reader.forget(executed.account, call.region)

    def _bind(self, stored: StoredPolicy, answer: HTTPResponse) -> None:
        parts = parts_of(stored.resource if isinstance(stored.resource, str) else stored.resource(answer))
        holder = self._facts.policy_holder(parts) if parts is not None else None
        if holder is not None and holder.policy is not None:
            bind(holder.holder, holder.policy, stored.document)
