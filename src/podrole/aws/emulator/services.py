"""The services behind podrole's own operations: moto, and the thread that it lives in.

moto is not thread-safe and takes a while to import. So everything that touches it runs in one worker thread, one job
after the other, and nothing is imported before the first call. One job decides about a call and executes it: nothing
can change in between. IAM, STS, EKS and Organizations are not moto's; where moto's services look for roles and instance
profiles, they find podrole's records.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.iam.request import Output
from podrole.account.store import AccountStore
from podrole.aws.emulator import long_polls, past
from podrole.aws.emulator.bound_principals import bind
from podrole.aws.emulator.deliveries import Deliveries, Delivery
from podrole.aws.emulator.entry import execute
from podrole.aws.emulator.facts import READERS, MotoFacts
from podrole.aws.emulator.outgoing import Outgoing
from podrole.aws.emulator.readers.reader import parts_of
from podrole.aws.emulator.saved_state import SavedState
from podrole.aws.emulator.service_access import ServiceAccess
from podrole.aws.emulator.stack_calls import StackCalls
from podrole.aws.interfaces import AuthorizedCall, Decide, Facts, RestoredServices, StoredPolicy
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.clock import Clock
from podrole.base.large_work import in_thread
from podrole.base.partitions import partition_of

T = TypeVar("T")


class _Served(NamedTuple):
    """A response of a service. ``wait_seconds`` is how long the call should wait for a better one."""

    response: HTTPResponse
    wait_seconds: float = 0.0
    has_written: bool = False


class MotoServices:
    """See podrole.aws.interfaces.Services. moto keeps its state in modules, so one process holds one world."""

    _loop: asyncio.AbstractEventLoop
    """Where ``open`` ran."""

    def __init__(
        self, store: AccountStore, clock: Clock, saved: Path | None = None, *, deliver_anywhere: bool = False
    ) -> None:
        """``saved`` is the file that keeps the services' state; without one nothing outlives the process.

        ``deliver_anywhere`` lets the services send HTTP requests to every host; otherwise to loopback only.
        """
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")
        self._store = store
        self._facts = MotoFacts(store)
        self._saved = SavedState(saved, clock, self._run)
        self._deliveries = Deliveries(anywhere=deliver_anywhere)
        self._outgoing = Outgoing(self._start_delivery, self._deliveries.note_failure)
        self._access = ServiceAccess(self._facts, self._deliveries.note_failure)
        self._next_change = asyncio.Event()
        self._is_prepared = self._is_restored = False
        self.restored = RestoredServices()
        """What became of the state of an earlier run, once ``open`` has returned."""

    async def open(self) -> None:
        """Begin to answer calls. If there is a saved state, return when it has been restored.

        Without one, moto is imported by the first call: that takes half a second and 25 MB.
        """
        self._loop = asyncio.get_running_loop()
        if self._saved.exists:
            await self._run(self._prepare)

    @property
    def has_writes(self) -> bool:
        """Whether calls since the start may have changed a service."""
        return self._saved.has_writes

    async def serve(self, decide: Decide) -> HTTPResponse:
        """See Services. A call that waits for something is decided and executed once more after each change."""
        end: float | None = None
        while True:
            change = self._next_change
            served = await self._run(lambda: self._serve(decide))
            if served.has_written:
                self._next_change.set()
                self._next_change = asyncio.Event()
            now = self._loop.time()
            end = end or now + served.wait_seconds
            if not served.wait_seconds or now >= end:
                return served.response
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(change.wait(), min(end - now, long_polls.RETRY_SECONDS))

    async def ask(self, question: Callable[[Facts], T]) -> T:
        """Answer a question about the state, in one job."""
        return await self._run(lambda: question(self._facts))

    async def clear(self) -> None:
        """Forget the state of every service."""
        await self._run(self._forget)

    async def keep(self) -> None:
        """Save the state after each change, at most 30 seconds late, until cancelled."""
        await self._saved.keep()

    async def save(self) -> None:
        """Save the state now, if it has changed. Raises FileProblem."""
        await self._saved.save()

    async def close(self) -> None:
        """Save the state, forget it, and end the thread after the jobs that it has. Deliveries are given up.

        A job may hang. Cancel this then: the thread is left to itself, and what changed since the last save is lost.
        """
        has_ended = False
        try:
            await self._deliveries.aclose()
            await self._saved.close()
            await self.clear()
            has_ended = True
        finally:
            self._thread.shutdown(wait=has_ended, cancel_futures=not has_ended)

    async def _run(self, job: Callable[[], T]) -> T:
        return await in_thread(self._thread, job)

    # In moto's thread

    def _start_delivery(self, delivery: Delivery) -> None:
        self._loop.call_soon_threadsafe(self._deliveries.start, delivery)

    def _prepare(self) -> None:
        """Import moto, let it see podrole's identities, and restore the state of an earlier run; once."""
        if self._is_prepared:
            return
        from podrole.aws.emulator import iam_backend

        past.forget_instances()
        _reset()
        iam_backend.answer_from(self._store, self._run_operation)
        if not self._is_restored:
            self.restored = self._saved.restore()
        self._is_prepared = self._is_restored = True

    def _forget(self) -> None:
        if self._is_prepared:
            _reset()
            self._is_prepared = False

    def _run_operation(self, account: str, partition: str, operation: str, parameters: Mapping[str, Any]) -> Output:
        """Run an operation of IAM in the event loop, which waits for this thread's job without being blocked."""
        run = self._store.run(OPERATIONS[operation], parameters, account=account, partition=partition)
        return asyncio.run_coroutine_threadsafe(run, self._loop).result()

    def _serve(self, decide: Decide) -> _Served:
        self._prepare()
        authorized = decide(self._facts)
        if not isinstance(authorized, AuthorizedCall):
            return _Served(authorized)
        if authorized.call.service.name == "cloudformation":
            self._prepare_stacks()
        with StackCalls(self._facts, authorized.further, self._execute_for_stack).acting():
            answer, waits, has_written = self._execute(authorized)
        return _Served(authorized.finish(answer), waits, has_written and not waits)

    def _execute(self, authorized: AuthorizedCall) -> tuple[HTTPResponse, float, bool]:
        """Return the answer of a service, how long to wait for a better one, and whether the state may have changed."""
        call = authorized.call
        if call.service.name == "config":
            self._prepare_config(authorized.account, call.region)
        self._outgoing.before_call(call.service.name)
        self._access.before_call(call.service.name)
        long_polls.before_call()
        past.before_call()
        try:
            answer = execute(call, authorized.account)
        finally:
            _forget_deleted(authorized)
            has_written = self._saved.note(call.operation)
        if authorized.stored is not None and answer.status < 300:
            self._bind(authorized.stored, answer)
        waits = long_polls.seconds_wanted() if answer.status < 300 else 0.0
        return answer, waits, has_written

    def _prepare_stacks(self) -> None:
        # They import 36 services: 1.7 seconds and 120 MB.
        from podrole.aws.emulator import cloudformation_iam, stack_failures, stack_resources, stack_templates

        stack_templates.read_templates_as_cloudformation_does()
        stack_failures.roll_back_failed_stacks()
        cloudformation_iam.use_for_stacks(self._run_operation)
        stack_resources.decide_before_making()

    def _execute_for_stack(self, authorized: AuthorizedCall) -> HTTPResponse:
        answer, _, _ = self._execute(authorized)
        self._outgoing.before_call("cloudformation")
        self._access.before_call("cloudformation")
        return answer

    def _prepare_config(self, account: str, region: str) -> None:
        from podrole.aws.emulator import iam_backend

        iam_backend.open_account(account, partition_of(region))

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


_EC2_REFERENCES = ("vpc_refs", "vpc_pcx_refs", "backend_refs")
"""Attributes of EC2's class that refer to the backends of all regions: peerings look there."""


def _reset() -> None:
    """Forget every backend. moto's own reset first fills each of them again, among them EC2's with 1,300 images."""
    from moto.core.base_backend import BackendDict, BaseBackend

    kinds: list[Any] = cast("Any", BackendDict)._instances
    for kind in kinds:
        for regional in dict.values(kind):
            for backend in dict.values(regional):
                if type(backend).reset is not BaseBackend.reset:
                    backend.reset()  # S3 closes files, Batch ends jobs
                for name in _EC2_REFERENCES:
                    if (references := getattr(backend, name, None)) is not None:
                        references.clear()
                vars(backend).clear()
        kind.clear()
    kinds.clear()
