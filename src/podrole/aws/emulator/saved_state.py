"""The state of moto's services on disk: restored at the start, saved while the world runs and at its end.

A snapshot (podrole.aws.emulator.snapshots) is taken in moto's thread, which serves no call meanwhile; it is encoded and
written in a thread of its own, so that a later snapshot never comes to the disk before an earlier one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from podrole.aws.interfaces import RestoredServices
from podrole.base.clock import Clock
from podrole.base.errors import outline
from podrole.base.files import FileProblem, set_aside, write_private

T = TypeVar("T")
_log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 20
"""How long a change may wait until it is saved; with the time that saving takes it stays below 30."""
_OWN = frozenset({"eks", "iam", "organizations", "sts"})
"""The services whose state is podrole's own: moto's backends of them hold nothing that is kept."""
_READS = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Query", "Scan", "Search", "Select")


class RunJob(Protocol):
    """Runs a job in moto's thread."""

    def __call__(self, job: Callable[[], T]) -> Awaitable[T]:
        """Return the job's result."""
        ...


class SavedState:
    """The file with the services' state. ``path`` is None if nothing is kept."""

    def __init__(self, path: Path | None, clock: Clock, run: RunJob) -> None:
        self._path = path
        self._clock = clock
        self._run = run
        self._is_changed = False
        self.has_writes = False
        """Whether a call since the start may have changed more than the first call to a service does."""
        self._backends = 0
        self._writer = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="services-state")

    @property
    def exists(self) -> bool:
        """Whether an earlier run has left a file."""
        return self._path is not None and self._path.exists()

    # In moto's thread

    def restore(self) -> RestoredServices:
        """Put the saved state in the place of the present one. A file that cannot be used is set aside."""
        if self._path is None or not self._path.exists():
            return RestoredServices()
        from podrole.aws.emulator.snapshots import snapshot  # it needs moto, which takes a while to import

        try:
            contents = snapshot.restore(self._path.read_bytes())
        except (snapshot.NotRestorable, OSError) as problem:
            return RestoredServices(refused=str(problem), set_aside=set_aside(self._path))
        return RestoredServices(contents.services, contents.taken_at, contents.left_out)

    def note(self, operation: str) -> bool:
        """Have the state saved soon, if a call to ``operation`` may have changed it. Return whether it may have.

        The first call to a service in a region changes it too: it makes the default VPC, for example.
        """
        backends = _number_of_backends()
        writes = not operation.startswith(_READS)
        self.has_writes |= writes
        if writes or backends != self._backends:
            self._is_changed = True
            self._backends = backends
        return writes

    # In the event loop

    async def keep(self) -> None:
        """Save each change, until cancelled. A failure is logged, and the state is saved once that is possible."""
        has_failed = False
        while True:
            await asyncio.sleep(SAVE_EVERY_SECONDS)
            try:
                await self.save()
            except FileProblem as problem:
                if not has_failed:  # once, not every 20 seconds
                    _log.error("the services' state is not saved: %s", problem)
                has_failed = True
            except Exception as problem:  # noqa: BLE001 - best effort: the next snapshot may succeed
                if not has_failed:
                    _log.error("the services' state is not saved: %s", outline(problem))
                has_failed = True
            else:
                has_failed = False

    async def save(self) -> None:
        """Write the state, if it has changed since it was written. Raises FileProblem."""
        path = self._path
        if path is None or not self._is_changed:
            return
        from podrole.aws.emulator.snapshots import snapshot  # moto is imported by now

        def take() -> snapshot.Snapshot:
            self._is_changed = False
            return snapshot.take(self._clock(), without=_OWN)

        try:
            taken = await self._run(take)
            writing = self._writer.submit(lambda: write_private(path, taken.encoded()))
            await asyncio.wrap_future(writing)
        except BaseException:
            self._is_changed = True
            raise

    async def close(self) -> None:
        """Save what has changed and end the thread. A failure is logged. If it is cancelled, nothing is waited for."""
        has_ended = False
        try:
            await self.save()
            has_ended = True
        except FileProblem as problem:
            _log.error("the services' state is not saved: %s", problem)
        except Exception as problem:  # noqa: BLE001 - best effort: nothing else must fail for it
            _log.error("the services' state is not saved: %s", outline(problem))
        finally:
            self._writer.shutdown(wait=has_ended, cancel_futures=not has_ended)


def _number_of_backends() -> int:
    from moto.core.base_backend import BackendDict

    kinds: list[Any] = list(cast("Any", BackendDict)._instances)
    return sum(len(regions) for accounts in kinds for regions in dict.values(accounts))
