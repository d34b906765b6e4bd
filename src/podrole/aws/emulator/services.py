"""The services behind podrole's own operations: moto, and the thread that it lives in.

moto is not thread-safe and takes a second to import. So everything that touches it runs in one worker thread, one job
after the other, and nothing is imported before the first job. One job decides about a call and executes it: nothing
can change in between. IAM, STS, EKS and Organizations are not moto's; where moto's services look for roles and instance
profiles, they find podrole's records.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.iam.request import Output
from podrole.account.store import AccountStore
from podrole.aws.emulator.bound_principals import bind
from podrole.aws.emulator.entry import execute
from podrole.aws.emulator.facts import READERS, MotoFacts
from podrole.aws.emulator.readers.reader import parts_of
from podrole.aws.interfaces import AuthorizedCall, Decide, Facts, StoredPolicy
from podrole.aws.protocol.wire import HTTPResponse

T = TypeVar("T")


class MotoServices:
    """See podrole.aws.interfaces.Services. moto keeps its state in modules, so one process holds one world."""

    def __init__(self, store: AccountStore) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")
        self._store = store
        self._facts = MotoFacts(store)

    async def open(self) -> None:
        """Empty every service and let them see podrole's identities. Takes the time that moto takes to import."""
        loop = asyncio.get_running_loop()

        def run_operation(account: str, partition: str, operation: str, given: Mapping[str, Any]) -> Output:
            # Called in moto's thread, while the event loop waits for its job.
            run = self._store.run(OPERATIONS[operation], given, account=account, partition=partition)
            return asyncio.run_coroutine_threadsafe(run, loop).result()

        def prepare() -> None:
            from podrole.aws.emulator import cloudformation_iam, iam_backend

            _reset()
            iam_backend.answer_from(self._store, run_operation)
            cloudformation_iam.use_for_stacks(run_operation)

        await self._run(prepare)

    async def serve(self, decide: Decide) -> HTTPResponse:
        """See Services."""
        return await self._run(lambda: self._serve(decide))

    async def ask(self, question: Callable[[Facts], T]) -> T:
        """Answer a question about the state, in one job."""
        return await self._run(lambda: question(self._facts))

    def close(self) -> None:
        """End the thread after the jobs that it has, and forget the services' state."""
        self._thread.submit(_reset)
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
            _forget_deleted(authorized)
        if authorized.stored is not None and answer.status < 300:
            self._bind(authorized.stored, answer)
        return authorized.finish(answer)

    def _bind(self, stored: StoredPolicy, answer: HTTPResponse) -> None:
        parts = parts_of(stored.resource if isinstance(stored.resource, str) else stored.resource(answer))
        holder = self._facts.policy_holder(parts) if parts is not None else None
        if holder is not None and holder.policy is not None:
            bind(holder.holder, holder.policy, stored.document, self._facts.principal_id)


def _forget_deleted(executed: AuthorizedCall) -> None:
    """Remove what moto keeps of deleted resources."""
    call = executed.call
    if call.operation.startswith("Delete") or call.service.name == "cloudformation":
        for reader in READERS.values():
            if reader.forget is not None:
                reader.forget(executed.account, call.region)


def _reset() -> None:
    from moto.core.base_backend import BackendDict

    BackendDict.reset()
