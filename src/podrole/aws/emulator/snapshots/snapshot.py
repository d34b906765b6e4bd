"""moto's state as bytes, and back, with every identifier as it was.

moto has no means of its own that keeps identifiers: its recorder replays requests, which gives new ones. So the objects
in its backends are written as a graph of plain data: classes by name, attributes by value, moto's own constants
(EC2's instance types) by name. Reading makes objects of those classes without calling anything of theirs and puts
their attributes into place, so nothing of the file is executed; only moto's classes, those of this package and a few
of the standard library are accepted, each by the name under which it was defined. A service that holds anything else
(a thread, another library's key) is left out.
"""

from __future__ import annotations

import contextlib
import gc
import gzip
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import moto
import msgspec
from moto import backends as moto_backends
from moto.core.base_backend import BackendDict

from podrole.aws.emulator.snapshots.names import NotData
from podrole.aws.emulator.snapshots.reader import SnapshotReader
from podrole.aws.emulator.snapshots.writer import SnapshotWriter
from podrole.base.errors import PodroleError

FORMAT = 1


class NotRestorable(PodroleError):
    """State that cannot be read back: of another version, or not written by podrole."""

    code = "not-restorable"


class Contents(NamedTuple):
    """What a snapshot holds: the services in it, when it was taken (epoch seconds), and why each other service that was
    in use is not in it."""

    services: Sequence[str]
    taken_at: float
    left_out: Mapping[str, str]


class _File(msgspec.Struct):
    """What a snapshot holds. ``backends`` refers to a dict: service → account → region → backend."""

    format: int
    moto: str
    taken_at: float
    services: list[str]
    left_out: dict[str, str]
    backends: Any
    nodes: list[Any]


class Snapshot:
    """State as data that nothing changes any more, so that any thread may encode it."""

    def __init__(self, file: _File) -> None:
        self._file = file

    @property
    def contents(self) -> Contents:
        """What is in it."""
        return _contents(self._file)

    def encoded(self) -> bytes:
        """Return it as the bytes that ``restore`` reads."""
        return gzip.compress(msgspec.json.encode(self._file), 1)


def _contents(file: _File) -> Contents:
    return Contents(file.services, file.taken_at, file.left_out)


_backends_of: Callable[[str], Any] = cast("Any", moto_backends).get_backend  # moto types it for each single name


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Make no search for garbage meanwhile: each would walk through all that is being made, and find nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_no_collection()
def take(now: float, *, without: Collection[str] = ()) -> Snapshot:
    """Return the state of every service in use but those in ``without``. Runs in moto's thread.

    One graph holds all services, because a stack's resources are the same objects as the services' own.
    """
    state = {name: _plain(backends) for name, backends in _in_use().items() if name not in without}
    left_out: dict[str, str] = {}
    try:
        writer, root = _written(state)
    except NotData:  # find out which service it is, and do without it
        for name, backends in state.items():
            try:
                _written({name: backends})
            except NotData as problem:
                left_out[name] = f"it holds {problem}"
        writer, root = _written({name: backends for name, backends in state.items() if name not in left_out})
    services = sorted(state.keys() - left_out.keys())
    return Snapshot(_File(FORMAT, moto.__version__, now, services, left_out, root, writer.nodes))


_State = Mapping[str, Mapping[str, Mapping[str, Any]]]


def _plain(backends: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return backends by account and region, as plain dicts."""
    return {account: dict(dict.items(regions)) for account, regions in dict.items(backends)}


def _in_use() -> dict[str, Any]:
    return {backends.service_name: backends for backends in cast("Any", BackendDict)._instances}


def _written(state: _State) -> tuple[SnapshotWriter, Any]:
    elsewhere = {
        id(backend): f"{name}/{account}/{region}"
        for name, backends in _in_use().items()
        if name not in state
        for account, regions in dict.items(backends)
        for region, backend in dict.items(regions)
    }
    writer = SnapshotWriter(elsewhere)
    return writer, writer.write(state)


@_no_collection()
def restore(content: bytes) -> Contents:
    """Put the state of a snapshot in the place of the present one; return what it holds. Runs in moto's thread.

    Raises NotRestorable, with nothing changed, for a snapshot of another version or one that cannot be read.
    """
    try:
        file = msgspec.json.decode(gzip.decompress(content), type=_File)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as problem:
        raise NotRestorable(f"The snapshot of the services cannot be read: {problem}.") from problem
    if (file.format, file.moto) != (FORMAT, moto.__version__):
        raise NotRestorable(
            "The snapshot of the services is of another version.",
            got=f"format {file.format}, moto {file.moto}",
            expected=f"format {FORMAT}, moto {moto.__version__}",
            next_step="Install that version, or go on without the services' state.",
        )
    try:
        state = SnapshotReader(file.nodes, _backend).read(file.backends)
        places = [
            (_backends_of(name)[account], region, backend)
            for name, accounts in state.items()
            for account, regions in accounts.items()
            for region, backend in regions.items()
        ]
    except Exception as problem:  # a damaged or made-up graph can fail in any way
        raise NotRestorable(f"The snapshot of the services cannot be read: {problem}.") from problem
    for regions, region, backend in places:
        dict.__setitem__(regions, region, backend)
    if "s3" in state:
        _index_buckets()
    return _contents(file)


def _index_buckets() -> None:
    """Write moto's index of buckets, which no backend holds: by it a bucket and its policy are found."""
    every = _backends_of("s3")
    every.bucket_accounts.clear()
    for account, partitions in dict.items(every):
        for partition, backend in dict.items(partitions):
            every.bucket_accounts.update(dict.fromkeys(backend.buckets, (partition, account)))


def _backend(name: str) -> object:
    service, account, region = name.split("/", 2)
    return _backends_of(service)[account][region]
