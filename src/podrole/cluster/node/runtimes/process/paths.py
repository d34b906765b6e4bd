"""The path rule: where a path of a container lies on this machine.

A process has no mount namespace: the files of a volume at ``/var/run/secrets/tokens`` lie in the pod's directory. So a
path under a mountPath, wherever it is written in an environment value, the command or an argument, is rewritten to
where the files are:

- only whole path segments count: with a mount at ``/data``, ``/data`` and ``/data/x`` are rewritten, ``/database``,
  ``x/data`` and ``$HOME/data`` are not;
- a path starts at the beginning of the text or after a character that cannot be part of a path before it (a space, a
  quote, ``=``, ``:``, ``,``, ``@`` …), or after ``://`` as in ``file:///data/x``;
- the longest mountPath wins; each path is rewritten once;
- ``/run`` and ``/var/run`` are the same directory, as in most images;
- ``..`` and ``.`` are resolved first, as they would be in a container, so no path leads out of its mount.

The rule cannot see paths that a program puts together while it runs, nor paths inside files. It is not a sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from podrole.cluster.node.runtime import Mount, normalise

# Before a path: none of these, since then it is the tail of another path or of a variable.
_NOT_BEFORE = r"\w.\-+~%/})\]*?$\\"
# After a mountPath that is not followed by a slash: none of these, since then it is the head of another name.
_NOT_AFTER = r"\w.\-+~%@$*?\[{\\"
_TAIL = r"(?:/[\w.\-+~%@/]*)?"


_RUN = {"/var/run": "/run", "/run": "/var/run"}


def _twin(mount: Mount) -> Mount | None:
    """Return the mount by its other path, if it lies in /run or /var/run."""
    for path, other in _RUN.items():
        if mount.path == path or mount.path.startswith(f"{path}/"):
            return Mount(other + mount.path[len(path) :], mount.target)
    return None


class PathRule:
    """The mounts of one container."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        listed = list(mounts)
        known = {mount.path for mount in listed}
        twins = [twin for mount in listed if (twin := _twin(mount)) is not None and twin.path not in known]
        self._given = sorted(listed, key=lambda mount: len(mount.path), reverse=True)
        self._mounts = sorted([*listed, *twins], key=lambda mount: len(mount.path), reverse=True)
        alternatives = "|".join(re.escape(mount.path) for mount in self._mounts)
        self._pattern = (
            re.compile(rf"(?:(?<![{_NOT_BEFORE}])|(?<=://))(?:{alternatives})(?=/|(?![{_NOT_AFTER}])){_TAIL}")
            if self._mounts
            else None
        )

    def locate(self, path: str) -> str | None:
        """Return where an absolute path of the container lies on this machine, or None if under no mount."""
        whole = normalise(path)
        for mount in self._mounts:
            if whole == mount.path:
                return mount.target
            if whole.startswith(mount.path + "/"):
                return mount.target + whole[len(mount.path) :]
        return None

    def rewrite(self, text: str) -> str:
        """Return ``text`` with every path under a mount replaced by the path on this machine."""
        if self._pattern is None or "/" not in text:
            return text
        return self._pattern.sub(self._replace, text)

    def restore(self, text: str) -> str:
        """Return the path as the container knows it: the inverse of ``locate``."""
        for mount in self._given:
            if text == mount.target or text.startswith(mount.target + "/"):
                return mount.path + text[len(mount.target) :]
        return text

    def _replace(self, match: re.Match[str]) -> str:
        path = match.group()
        located = self.locate(path)
        if located is None:  # ".." led out of every mount
            return normalise(path)
        return located + "/" if path.endswith("/") and not located.endswith("/") else located
