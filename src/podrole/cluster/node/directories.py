"""The node's directory on this machine: one for each pod, one for each pod's logs, and a lock.

Everything of a pod lies in ``pods/<uid>``, which only its owner may enter: ``volumes/<name>``, and for each container
``containers/<name>``, which is made afresh for each run of the container.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

from podrole.base.files import make_private_directory
from podrole.cluster.core.client import Object
from podrole.cluster.node.errors import MountProblem, NodeBusy

_PLAIN = re.compile(r"[A-Za-z0-9._/+-]+")
_LINK = "link"
"""The file that names the symbolic link to the node's directory."""


class NodeDirectory:
    """The directory of one node at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self._link: Path | None = None

    @property
    def pods(self) -> Path:
        """Where each pod's directory is, by uid.

        The paths of its volumes are written into the commands of pods, also within a script, where nobody can tell how
        to quote them. So it is a path without characters that mean something to a shell: where the node's own has
        some, it leads through a symbolic link, while the directory is taken.
        """
        return (self._link or self.path) / "pods"

    @property
    def logs(self) -> Path:
        """Where each pod's logs are."""
        return self.path / "logs"

    def pod(self, pod: Object) -> Path:
        """Return the pod's own directory."""
        return self.pods / str(pod["metadata"]["uid"])

    def logs_of(self, pod: Object) -> Path:
        """Return the directory of a pod's logs."""
        metadata = pod["metadata"]
        return self.logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"

    def take(self) -> None:
        """Make the directory and lock it. Raises NodeBusy if another podrole has it, FileProblem if it is unusable."""
        make_private_directory(self.path)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise NodeBusy(
                f"Another podrole runs pods in {self.path}.",
                next_step="stop it, or choose another directory with --dir",
            ) from None
        self._lock = descriptor
        self._remove_link()  # that of a node that was killed
        if not _PLAIN.fullmatch(str(self.path)):
            self._make_link()

    def _make_link(self) -> None:
        temporary = tempfile.gettempdir()
        place = Path(tempfile.mkdtemp(prefix="podrole-", dir=temporary if _PLAIN.fullmatch(temporary) else "/tmp"))  # noqa: S108
        self._link = place / "node"
        self._link.symlink_to(self.path)
        (self.path / _LINK).write_text(str(self._link))

    def _remove_link(self) -> None:
        recorded = self.path / _LINK
        with contextlib.suppress(OSError):
            link = Path(recorded.read_text())
            if link.readlink() == self.path:
                link.unlink()
                link.parent.rmdir()
        recorded.unlink(missing_ok=True)
        self._link = None

    def release(self) -> None:
        """Let another node have the directory."""
        if self._lock is not None:
            self._remove_link()
            os.close(self._lock)
            self._lock = None

    def empty(self) -> None:
        """Remove all that is left of pods and their logs, unless the directory was deleted, or replaced by another."""
        if not self._is_taken():
            return
        for directory in (self.logs, self.pods):
            make_private_directory(directory)
            for leftover in directory.iterdir():
                remove_tree(leftover)

    def _is_taken(self) -> bool:
        """Say whether the directory is the one that was locked."""
        try:
            return self._lock is not None and os.path.samestat(os.fstat(self._lock), (self.path / "lock").stat())
        except FileNotFoundError:
            return False


def make_container_directory(pod_directory: Path, name: str) -> Path:
    """Return a new directory for one run of a container, as a new container has a new file system."""
    if not is_plain_name(name):  # the API refuses such names, too
        raise MountProblem(f"container name {name!r} is not a DNS label")
    directory = pod_directory / "containers" / name
    remove_tree(directory)
    directory.mkdir(parents=True)
    return directory


def is_plain_name(name: str) -> bool:
    """Whether ``name`` can be the name of a directory, and of nothing above or below it."""
    return "/" not in name and name not in {"", ".", ".."}


def remove_tree(directory: Path) -> None:
    """Delete a directory and all in it, following no symlink, even where a process took away the permission to."""
    if not directory.exists():
        return
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        for folder, _, _ in os.walk(directory):
            with contextlib.suppress(OSError):
                Path(folder).chmod(0o700)
        shutil.rmtree(directory, ignore_errors=True)
