"""What the launcher does so that a container's processes see this machine without other pods and credentials.

A new user namespace and a new mount namespace, with a root directory that is put together from this machine's: its
top-level directories are bound, the directories to hide are covered by empty ones, and volumes are mounted at their
real paths. Where a mountPath does not exist on this machine, the directory above it is replaced by one of the
container's own in which everything that was there is bound again; nothing is created on this machine outside the pod's
directory.

The user namespace maps every id to itself, so files have the owners that they have outside. It is there for two
reasons: it allows mounts to users other than root, and the kernel refuses access to ``/proc/<pid>/environ``, ``root``,
``mem`` and the like of processes in other user namespaces, by which a process would come to what is hidden here.

It runs in the launcher, between fork and exec, and imports nothing of podrole.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from typing import Any, Self

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV = 1, 2, 4
MS_REMOUNT, MS_BIND, MS_REC, MS_UNBINDABLE, MS_PRIVATE = 32, 4096, 16384, 1 << 17, 1 << 18
MNT_DETACH = 2
PR_CAPBSET_DROP = 24
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_KEPT_FLAGS = {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_NODIRATIME: 2048}
_KEPT_FLAGS[os.ST_RELATIME] = 1 << 21
"""Flags of a mount that a remount must repeat, since a user namespace may not clear them (mount_namespaces(7))."""

CONTAINER_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
"""The default ones of Docker, of root only. Those that undo mounts or reach into other processes are not among them."""
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")
_RUN = ("systemd/resolve", "NetworkManager", "resolvconf", "current-system", "opengl-driver", "wrappers")
"""What of /run a container needs: the files that /etc/resolv.conf leads to, and NixOS's programs. What else is there,
sockets of buses, agents and container engines for example, leads out of the container."""
MAX_LINKS = 40
MAX_BYTES = 64 << 20
"""How much may be written into directories that are made for the container, ``/`` above all: they lie in memory."""

_libc = ctypes.CDLL(None, use_errno=True)


def enter(view: dict[str, Any]) -> None:
    """Enter new namespaces in which a container's processes see what ``view`` says (``view.View``). Raises OSError."""
    _unshare()
    _mount(None, "/", MS_REC | MS_PRIVATE)
    root = _Root(view["place"])
    root.bind_machine()
    for path in view["hidden"]:
        root.hide(path)
    for source, path, read_only in view["mounts"]:
        root.bind(source, path, view["hidden"], read_only=read_only)
    for path in view["visible"]:
        root.show(path, view["hidden"])
    root.make_directory(view["directory"])
    root.enter()
    _drop_capabilities()
    os.chdir(view["directory"])


def join(container: int, directory: str) -> None:
    """Enter the namespaces of a container, given by the pidfd of its process. Raises OSError."""
    _checked(_libc.setns(container, CLONE_NEWUSER | CLONE_NEWNS), "setns")
    os.close(container)
    _drop_capabilities()
    os.chdir(directory)


def _unshare() -> None:
    """Enter a user namespace that maps all ids which this process may map to themselves, and a mount namespace.

    Only a process outside may map more than one id, so for root a child does it.
    """
    if os.geteuid() != 0:
        user, group = os.geteuid(), os.getegid()
        _checked(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
        return
    maps = {name: _identical(f"/proc/self/{name}") for name in ("uid_map", "gid_map")}
    waiting, go = os.pipe()
    pid = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            os.close(go)
            done = bool(os.read(waiting, 1))
            for name, text in maps.items():
                _write(f"/proc/{pid}/{name}", text)
            os._exit(0 if done else 1)
        except BaseException:  # noqa: BLE001 - a copy of the launcher must not go on
            os._exit(1)
    os.close(waiting)
    try:
        _checked(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        os.write(go, b"g")
    finally:
        os.close(go)
        _, code = os.waitpid(child, 0)
    if code != 0:
        raise PermissionError(1, "the ids of the user namespace could not be mapped")


def _identical(path: str) -> str:
    """Return a map to the same ids, of all ids that there are in this user namespace."""
    with open(path) as file:
        lines = [line.split() for line in file]
    return "\n".join(f"{first} {first} {count}" for first, _, count in lines)


class _Root:
    """The container's root directory while it is put together. Paths are as the container has them."""

    def __init__(self, place: str) -> None:
        """``place`` is an empty directory of this machine. What is made lies in memory and goes with the container."""
        _mount("podrole", place, MS_NOSUID | MS_NODEV, kind="tmpfs", options=f"mode=755,size={MAX_BYTES}")
        self._path = f"{place}/root"
        self._spare = f"{place}/spare"
        for path in (self._path, self._spare):
            os.mkdir(path)
            _mount(path, path, MS_BIND)
        self._own = {"": True}
        """Whether new entries can be made in a directory, and in those below it that have no mount of their own."""
        self._number = 0
        for path in (place, self._path):
            _mount(None, path, MS_UNBINDABLE)  # or else a bind of a directory around it would include it

    def bind_machine(self) -> None:
        """Bind what is in this machine's root directory."""
        for name in os.listdir("/"):
            if name not in {"dev", "run", "tmp", "root", "lost+found"}:
                self._bind_entry(f"/{name}", f"/{name}")
        os.makedirs(f"{self._path}/dev/shm", exist_ok=True)
        os.chmod(f"{self._path}/dev/shm", 0o1777)
        for name in _DEVICES:
            if os.path.exists(f"/dev/{name}"):
                self._bind_entry(f"/dev/{name}", f"/dev/{name}")
        if os.path.isdir("/dev/pts"):
            self._bind_entry("/dev/pts", "/dev/pts")
        for name, target in {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items():
            os.symlink(f"/proc/self/fd{target}", f"{self._path}/dev/{name}")
        os.mkdir(f"{self._path}/run")
        for name in _RUN:
            if os.path.lexists(f"/run/{name}"):
                os.makedirs(os.path.dirname(f"{self._path}/run/{name}"), exist_ok=True)
                self._bind_entry(f"/run/{name}", f"/run/{name}")
        if os.geteuid() == 0:  # its files ask for the user id only
            _make_read_only("/proc/sys", f"{self._path}/proc/sys")

    def hide(self, path: str) -> None:
        """Cover a file or directory of this machine by an empty one, if it is to be seen."""
        try:
            at, missing = self._resolve(path)
        except (PermissionError, NotADirectoryError):
            return  # the container's processes, of the same user, do not come to it either
        if not missing and not self._is_own(at):
            self._cover(at)

    def _cover(self, at: str) -> None:
        if not os.path.exists(self._path + at):
            return
        is_directory = stat.S_ISDIR(os.lstat(self._path + at).st_mode)
        _mount(self._spare_entry(is_directory=is_directory), self._path + at, MS_BIND)
        self._own[at] = True

    def bind(self, source: str, path: str, hidden: Sequence[str], *, read_only: bool) -> None:
        """Mount a file or directory of this machine, whose path has no symbolic links, at a path of the container."""
        with _Opened(source) as opened:
            at = self._place(path, is_directory=opened.is_directory)
            _mount(opened.path, self._path + at, MS_BIND | MS_REC)
            self._own[at] = opened.is_directory and not read_only
        if read_only:
            _make_read_only(None, self._path + at)
        self._hide_in(source, at, hidden)

    def show(self, path: str, hidden: Sequence[str]) -> None:
        """Let a file or directory of this machine be seen at its own path, but nothing hidden in it.

        A file can only be read. In a directory Python may keep what it has compiled.
        """
        real = os.path.realpath(path)
        if not os.path.exists(real):
            return
        at, missing = self._resolve(real)
        if not missing and os.path.samestat(os.stat(real), os.lstat(self._path + at)):
            return
        with _Opened(real) as opened:
            at = self._place(real, is_directory=opened.is_directory)
            _mount(opened.path, self._path + at, MS_BIND | MS_REC)
        if not opened.is_directory:
            _make_read_only(None, self._path + at)
        self._own[at] = False
        self._hide_in(real, at, hidden)

    def _hide_in(self, source: str, at: str, hidden: Sequence[str]) -> None:
        """Cover what is hidden in a directory of this machine where it was mounted just now."""
        for path in hidden:
            if path.startswith(source.rstrip("/") + "/"):
                self._cover(at + path[len(source.rstrip("/")) :])

    def make_directory(self, path: str) -> None:
        """Make a directory where there is none."""
        self._place(path, is_directory=True)

    def enter(self) -> None:
        """Make it the root directory of this process and let go of the machine's: pivot_root(2), "." twice."""
        _mount(None, self._path, MS_PRIVATE)
        os.chdir(self._path)
        number = SYS_PIVOT_ROOT.get(os.uname().machine)
        if number is None:
            raise OSError(38, f"pivot_root: its number on {os.uname().machine} is not known here")
        _checked(_libc.syscall(number, b".", b"."), "pivot_root")
        _checked(_libc.umount2(b".", MNT_DETACH), "umount2")
        os.chdir("/")

    def _bind_entry(self, source: str, path: str) -> None:
        """Bind a file or directory at a path whose directory is the container's own; copy a symbolic link."""
        target = self._path + path
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), target)
            return
        _make(target, is_directory=stat.S_ISDIR(mode))
        _mount(source, target, MS_BIND | MS_REC)
        self._own[path] = False

    def _is_own(self, at: str) -> bool:
        while at not in self._own:
            at = at.rpartition("/")[0]
        return self._own[at]

    def _resolve(self, path: str) -> tuple[str, list[str]]:
        """Return the part of a path that exists, with symbolic links followed, and the names that do not exist."""
        names, at, links = _names(path), "", 0
        while names:
            name = names.pop(0)
            if name == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{name}"
            try:
                mode = os.lstat(self._path + here).st_mode
            except FileNotFoundError:
                return at, [name, *names]
            if not stat.S_ISLNK(mode):
                at = here
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(40, "too many symbolic links", path)
            target = os.readlink(self._path + here)
            at = "" if target.startswith("/") else at
            names[:0] = _names(target)
        return at, []

    def _place(self, path: str, *, is_directory: bool) -> str:
        """Return where something can be mounted, made if it is missing."""
        at, missing = self._resolve(path)
        if not missing:
            return at
        if not self._is_own(at):
            self._replace(at)
        for name in missing[:-1]:
            at = f"{at}/{name}"
            os.mkdir(self._path + at)
        at = f"{at}/{missing[-1]}"
        _make(self._path + at, is_directory=is_directory)
        return at

    def _replace(self, at: str) -> None:
        """Put a directory of the container's own in the place of one of this machine, with the same entries."""
        fresh = self._spare_entry(is_directory=True)
        directory = os.open(self._path + at, os.O_PATH | os.O_DIRECTORY)
        try:
            bound = []
            for name in os.listdir(self._path + at):
                inside = f"{self._path}{at}/{name}"
                mode = os.lstat(inside).st_mode
                if stat.S_ISLNK(mode):
                    os.symlink(os.readlink(inside), f"{fresh}/{name}")
                else:
                    _make(f"{fresh}/{name}", is_directory=stat.S_ISDIR(mode))
                    bound.append(name)
            os.chmod(fresh, stat.S_IMODE(os.lstat(self._path + at).st_mode) | 0o700)
            _mount(fresh, self._path + at, MS_BIND)
            self._own[at] = True
            for name in bound:
                _mount(f"/proc/self/fd/{directory}/{name}", f"{self._path}{at}/{name}", MS_BIND | MS_REC)
                self._own.setdefault(f"{at}/{name}", False)
        finally:
            os.close(directory)

    def _spare_entry(self, *, is_directory: bool) -> str:
        self._number += 1
        path = f"{self._spare}/{self._number}"
        _make(path, is_directory=is_directory)
        return path


class _Opened:
    """A file or directory opened without following any symbolic link, so that nobody can redirect a checked path."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open("/", os.O_PATH | os.O_DIRECTORY)
        try:
            for name in _names(path):
                parent = self._descriptor
                self._descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
                os.close(parent)
            mode = os.fstat(self._descriptor).st_mode
            if stat.S_ISLNK(mode):
                raise OSError(40, "a symbolic link has taken its place", path)
        except OSError:
            os.close(self._descriptor)
            raise
        self.is_directory = stat.S_ISDIR(mode)
        self.path = f"/proc/self/fd/{self._descriptor}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _make(path: str, *, is_directory: bool) -> None:
    if is_directory:
        os.mkdir(path, 0o755)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))


def _make_read_only(source: str | None, target: str) -> None:
    """Make a mount read-only; with ``source``, bind it there first."""
    if source is not None:
        _mount(source, target, MS_BIND | MS_REC)
    kept = 0
    flags = os.statvfs(target).f_flag
    for flag, mount_flag in _KEPT_FLAGS.items():
        kept |= mount_flag if flags & flag else 0
    _mount(None, target, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def _drop_capabilities() -> None:
    """Keep those of a container, for root; the program gets them when it is executed."""
    number = 0
    while True:
        if number not in CONTAINER_CAPABILITIES and _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            return  # there are no more
        number += 1


def _mount(source: str | None, target: str, flags: int, *, kind: str | None = None, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _checked(_libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]), "mount", target)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _checked(result: int, what: str, path: str = "") -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}", path or None)
