"""Following a resource: list it once, then watch it, so that the objects here are those of the API server.

While the API server cannot be reached, the last known objects stay in use; the watch then resumes from the same
resourceVersion. If the server no longer has that version (410 Gone), the resource is listed again; no object is dropped
before the new list is complete.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from podrole.base.errors import PodroleError
from podrole.kube.client import JSON, METADATA, METADATA_LIST, KubernetesClient, Parameters
from podrole.kube.errors import APIRefusal, APIUnavailable, KubeconfigProblem

PAGE_SIZE = 1_000
"""Objects per page: about 400 kB of metadata, which are parsed in a few milliseconds."""

WATCH_SECONDS = 300
"""How many seconds a watch is asked to last: from this to twice this, so that replicas do not reconnect all at once."""

SILENCE_SECONDS = 2 * WATCH_SECONDS + 30
"""A watch that sends nothing for longer than it was asked to last is broken."""

_log = logging.getLogger(__name__)


class Metadata(msgspec.Struct, rename="camel"):
    """The parts of an object's metadata that are used."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str | None] | None = None


class PartialObject(msgspec.Struct):
    """An object of which only the metadata is read."""

    metadata: Metadata


class HasMetadata(Protocol):
    """An object of the API."""

    metadata: Metadata


Item = TypeVar("Item", bound=HasMetadata)
Item_contra = TypeVar("Item_contra", bound=HasMetadata, contravariant=True)


class Follower(Protocol[Item_contra]):
    """Receives the changes. Called in the event loop, in the order of the changes; must not raise."""

    def upsert(self, item: Item_contra, /) -> None:
        """Store an object that is new, has changed, or is in a list."""
        ...

    def delete(self, namespace: str, name: str, /) -> None:
        """Forget an object."""
        ...

    def retain(self, listed: Mapping[str, AbstractSet[str]], /) -> None:
        """Forget every object that is not in a complete list (names by namespace)."""
        ...


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait between attempts, in seconds: doubling, each wait shortened by up to half at random."""

    first: float = 0.1
    longest: float = 5.0

    def wait(self, failures: int) -> float:
        """Return the wait after this many failures in a row."""
        longest = min(self.first * float(1 << min(failures - 1, 20)), self.longest)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - spread, not secrecy


class ListMetadata(msgspec.Struct, rename={"resource_version": "resourceVersion", "continue_": "continue"}):
    """The metadata of a list, or of one page of it."""

    resource_version: str = ""
    continue_: str = ""


class _Page(msgspec.Struct, Generic[Item]):
    metadata: ListMetadata
    items: list[Item] | None = None


class _WatchEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _VersionGone(Exception):
    """The server cannot resume from our resourceVersion."""


class Reflector(Generic[Item]):
    """Follows the objects at one path of the API and passes each change to a follower.

    ``synced`` is set once the first list is complete. ``connected`` is whether a watch is open, ``lists`` how often the
    resource was listed.
    """

    def __init__(
        self,
        client: KubernetesClient,
        path: str,
        follower: Follower[Item],
        item: type[Item],
        *,
        parameters: Parameters | None = None,
        metadata_only: bool = False,
        back_off: BackOff | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self.connected = False
        self.lists = 0
        self._client = client
        self._path = path
        self._follower = follower
        self._parameters: dict[str, str | int] = dict(parameters or {})
        self._list_accept, self._watch_accept = (METADATA_LIST, METADATA) if metadata_only else (JSON, JSON)
        self._back_off = back_off or BackOff()
        self._page_type: Any = _Page[item]  # type: ignore[valid-type]  # a type that is a parameter
        self._decode_item = msgspec.json.Decoder(item).decode
        self._decode_event = msgspec.json.Decoder(_WatchEvent).decode
        self._version: str | None = None
        self._failures = 0
        self._outage = 0
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """End a wait before the next attempt: something shows that the API server can be reached again."""
        self._hurry.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if self._version is None:
                    self._version = await self.list_now()
                    self.synced.set()
                started = asyncio.get_running_loop().time()
                await self._watch()
                if asyncio.get_running_loop().time() - started > 1:
                    continue  # the server ended the watch normally
            except _VersionGone as problem:
                self._version = None
                _log.info("%s is listed again: %s", self._path, problem)
            except (APIUnavailable, APIRefusal, KubeconfigProblem) as problem:
                self._log_outage(problem)
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
                # The same event would come again from this version: list instead.
                self._version = None
                _log.warning("%s sent something that is not an object: %s", self._path, problem)
            finally:
                self.connected = False
            self._failures += 1
            await self._wait_before_another_attempt()

    async def _wait_before_another_attempt(self) -> None:
        shortest = self._back_off.first
        longest = max(self._back_off.wait(self._failures), shortest)
        self._hurry.clear()
        await asyncio.sleep(shortest)  # also after hurry()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), longest - shortest)

    async def read_once(self) -> None:
        """Pass every object to the follower once, without a watch. Raises as the client."""
        try:
            await self.list_now()
        except _VersionGone as problem:
            raise APIUnavailable(
                f"{self._path} could not be listed.", got=str(problem), next_step="try again"
            ) from None

    async def list_now(self) -> str:
        """Pass every object to the follower; return the version from which a watch starts. Raises as the client."""
        listed: dict[str, set[str]] = {}
        parameters = {**self._parameters, "limit": PAGE_SIZE}
        self.lists += 1
        while True:
            try:
                page = await self._client.get(self._path, self._page_type, parameters, accept=self._list_accept)
            except APIRefusal as refusal:
                if refusal.status == 410:
                    raise _VersionGone("the list took too long") from refusal
                raise
            for item in page.items or ():
                self._follower.upsert(item)
                listed.setdefault(item.metadata.namespace, set()).add(item.metadata.name)
            if not page.metadata.continue_:
                self._follower.retain(listed)
                return str(page.metadata.resource_version)
            parameters["continue"] = page.metadata.continue_

    async def _watch(self) -> None:
        """Pass every change since our version to the follower, until the server ends the watch."""
        parameters = {
            **self._parameters,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version or "",
            "timeoutSeconds": random.randint(WATCH_SECONDS, 2 * WATCH_SECONDS),  # noqa: S311 - spread, not secrecy
        }
        try:
            async with self._client.lines(
                self._path, parameters, accept=self._watch_accept, silence=SILENCE_SECONDS
            ) as lines:
                self.connected = True
                async for line in lines:
                    if self._failures:
                        # At the first line, not at the connection: a server may accept connections and close them at
                        # once.
                        self._failures = self._outage = 0
                    self._take(line)
        except APIRefusal as refusal:
            if refusal.status in (400, 410, 504):  # a version of another server, too old, or in the future
                raise _VersionGone(refusal.what) from refusal
            raise

    def _take(self, line: bytes) -> None:
        event = self._decode_event(line)
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=_Status)
            raise _VersionGone(f"{status.code} {status.message}")
        item = self._decode_item(event.object)
        metadata = item.metadata
        if event.type == "DELETED":
            self._follower.delete(metadata.namespace, metadata.name)
        elif event.type != "BOOKMARK":
            self._follower.upsert(item)
        self._version = metadata.resource_version or self._version

    def _log_outage(self, problem: PodroleError) -> None:
        # At the beginning and rarely after that: an outage must not fill the log.
        self._outage += 1
        if self._outage in (1, 10) or self._outage % 100 == 0:
            _log.warning("%s cannot be followed: %s (%s)", self._path, problem.what, problem.got)
