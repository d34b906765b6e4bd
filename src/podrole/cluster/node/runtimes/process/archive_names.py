"""How ``kubectl cp`` works though a path of a container is another path on this machine.

To copy from a pod, kubectl runs ``tar cf - /data/file`` in it and insists on member names that begin with
``data/file``. The path was rewritten, so the names begin with the pod's own directory; GNU tar gets an option to
write the container's names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from podrole.cluster.node.runtimes.process.paths import PathRule


def keep_member_names(asked: Sequence[str], rewritten: list[str], rule: PathRule) -> list[str]:
    """Return ``rewritten``; for a tar that creates an archive, with options for the names of its members."""
    creates = len(asked) > 2 and asked[0].rpartition("/")[2] == "tar" and "c" in asked[1]
    if not creates:
        return rewritten
    options = [
        _transform(new.strip("/"), rule.restore(new).strip("/"))
        for old, new in zip(asked[2:], rewritten[2:], strict=True)
        if old != new
    ]
    return [*rewritten[:2], *_with_file(rewritten[2:], asked[1], options)]


def _with_file(words: list[str], letters: str, options: list[str]) -> list[str]:
    """Put ``options`` after the archive's name, which belongs to the ``f`` in ``letters``."""
    at = 1 if "f" in letters else 0
    return [*words[:at], *options, *words[at:]]


def _transform(path: str, name: str) -> str:
    """Return the option by which tar writes ``name`` in place of ``path``.

    The delimiter is a control character, which no path is likely to have: escaped, others mean something else to tar.
    """
    literal = re.sub(r"([\\.\[\]*^$])", r"\\\1", path)
    replacement = re.sub(r"([\\&])", r"\\\1", name)
    return f"--transform=flags=r;s\x01^/\\{{0,1\\}}{literal}\x01{replacement}\x01"
