"""Where an issuer's documents are: what every place must do, and a folder that any web server serves.

A write names the version that it replaces, so that nobody's change is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from podrole.base.file_locks import wait_for_lock
from podrole.issuer.errors import InvalidIssuer, IssuerError, StoreConflict

JSON = "application/json"
_LOCK = ".podrole-issuer.lock"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object and its version."""

    content: bytes
    version: str


class DocumentStore(Protocol):
    """Objects by their path below the issuer's URL. Every method raises IssuerError if the store cannot answer."""

    @property
    def what(self) -> str:
        """The store, as it is shown."""
        ...

    def read(self, path: str) -> StoredObject | None:
        """Return an object, None if there is none."""
        ...

    def write(self, path: str, content: bytes, before: str | None) -> None:
        """Write an object whose version is ``before``, None if there is none yet. Raises StoreConflict otherwise."""
        ...


class FolderStore:
    """A folder: the exact files of a static site. Everybody may read them, as a web server must; the record, too, which
    holds nothing that is secret."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def what(self) -> str:
        """See DocumentStore."""
        return f"the folder {self._folder}"

    def read(self, path: str) -> StoredObject | None:
        """See DocumentStore."""
        file = self._folder / path
        try:
            if file.exists() and not file.is_file():  # reading a pipe would wait
                raise IssuerError(f"{self.what} cannot be read: {path} is not a file.", next_step=f"remove {file}")
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _not_possible(f"{self.what} cannot be read", problem) from problem
        return StoredObject(content, hashlib.sha256(content).hexdigest())

    def write(self, path: str, content: bytes, before: str | None) -> None:
        """See DocumentStore. A reader sees the old content or the new one, also after a crash."""
        file = self._folder / path
        try:
            _make_public(file.parent)
            with self._locked():
                now = self.read(path)
                if (None if now is None else now.version) != before:
                    raise changed_meanwhile(path, self.what)
                beside = file.with_name(f".{file.name}.new")
                with beside.open("wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                beside.chmod(0o644)
                beside.replace(file)
        except OSError as problem:
            raise _not_possible(f"{self.what} cannot be written", problem) from problem

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / _LOCK).open("w") as lock:
            wait_for_lock(lock.fileno())
            yield


def _make_public(folder: Path) -> None:
    """Create the folders that are missing, so that every user may enter them, whatever the umask."""
    missing = [directory for directory in (folder, *folder.parents) if not directory.exists()]
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):  # somebody else made it meanwhile
            directory.mkdir()
            directory.chmod(0o755)


def changed_meanwhile(path: str, where: str) -> StoreConflict:
    """Return the refusal to replace what somebody else wrote."""
    return StoreConflict(
        f"Somebody else wrote {path} in {where} meanwhile.", next_step="look at it, then run the same command again"
    )


def split_location(location: str) -> tuple[str, str]:
    """Return the kind of a store and its place: ``dir:./site``, ``s3://bucket/prefix``. Raises InvalidIssuer."""
    kind, colon, place = location.partition(":")
    place = place.removeprefix("//") if kind in ("s3", "gs") else place
    dots = kind != "dir" and {".", ".."} & set(place.split("/"))
    if not colon or kind not in ("dir", "s3", "gs") or not place or dots:
        raise InvalidIssuer(
            "--to is not a place for documents.", got=repr(location), expected="dir:FOLDER, s3://BUCKET or gs://BUCKET"
        )
    return kind, place


def _not_possible(what: str, problem: OSError) -> IssuerError:
    return IssuerError(f"{what}: {problem.strerror or type(problem).__name__}.", next_step="check the folder's owner")
