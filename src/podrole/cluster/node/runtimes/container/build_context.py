"""The files of a folder that an engine builds an image from, as a tar archive: all but those of its ``.dockerignore``.

https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import os
import re
import stat
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from podrole.cluster.node.runtimes.own_image import DOCKERFILES

IGNORE_FILES = (".containerignore", ".dockerignore")
"""The first that is there counts."""
_FOLDERS, _ANYTHING, _IN_A_NAME = "(?:.*/)?", ".*", "[^/]*"
"""What ``**/``, ``**`` and ``*`` stand for."""
_FEW_WILDCARDS = 3
"""Python's regular expressions take time by the power of the wildcards."""


class IgnoreRules:
    """The patterns of a ``.dockerignore``: the last one that matches a path or a folder that it is in decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = [(not line.startswith("!"), _pattern(line.removeprefix("!"))) for line in _meant(lines)]
        self.has_exceptions = any(not ignores for ignores, _ in self._rules)

    def ignores(self, path: str) -> bool:
        """Tell whether a path of the folder, with slashes, is left out."""
        return next((ignores for ignores, pattern in reversed(self._rules) if pattern.fullmatch(path)), False)


def read_rules(folder: Path) -> IgnoreRules:
    """Read the folder's own rules. Raises OSError or ValueError."""
    file = next((folder / name for name in IGNORE_FILES if (folder / name).is_file()), None)
    return IgnoreRules(() if file is None else file.read_text(encoding="utf-8-sig").splitlines())


def context_files(folder: Path, rules: IgnoreRules) -> Iterator[str]:
    """Yield the paths that are sent: folders, files and symbolic links, which are not followed. Raises OSError."""
    kept = {*DOCKERFILES, *IGNORE_FILES}  # the engine reads them itself

    def refuse(problem: OSError) -> None:
        raise problem

    for place, folders, files in os.walk(folder, onerror=refuse):
        inside = os.path.relpath(place, folder)
        prefix = "" if inside == "." else f"{inside}/"
        for name in sorted([*folders, *files]):
            path = prefix + name
            if not rules.ignores(path) or path in kept:
                yield path
        if not rules.has_exceptions:
            folders[:] = [name for name in folders if not rules.ignores(prefix + name)]


def write_context(folder: Path, paths: Iterable[str], target: IO[bytes]) -> None:
    """Write the archive. Every file is root's, as engines' own commands send it. Raises OSError."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            status = (folder / path).lstat()
            member = tarfile.TarInfo(path)
            member.mode, member.mtime = stat.S_IMODE(status.st_mode), status.st_mtime
            if stat.S_ISREG(status.st_mode):
                member.size = status.st_size
                with (folder / path).open("rb") as content:
                    tar.addfile(member, content)
            elif stat.S_ISDIR(status.st_mode):
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            elif stat.S_ISLNK(status.st_mode):
                member.type, member.linkname = tarfile.SYMTYPE, str((folder / path).readlink())
                tar.addfile(member)


def _meant(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        stripped = line.strip()
        if stripped and not line.startswith("#"):
            sign = "!" if stripped.startswith("!") else ""
            if path := os.path.normpath(stripped.removeprefix("!").strip()).lstrip("/"):
                yield sign + path


class _ManyWildcards:
    """A pattern with any number of wildcards: its time is in proportion to its length and the path's."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._parts = parts
        self._characters = [re.compile(part, re.DOTALL) for part in parts]

    def fullmatch(self, path: str) -> bool:
        """Tell whether it matches a path, or a folder that the path is in."""
        end = len(self._parts)
        places = self._passed({0})
        for character in path:
            if character == "/" and end in places:
                return True
            places = self._passed({after for place in places for after in self._after(place, character)})
        return end in places

    def _after(self, place: int, character: str) -> Iterator[int]:
        """Yield the places in the pattern after one more character. A negative one is in the folders of a ``**/``."""
        inside = ~place if place < 0 else place
        if inside == len(self._parts):
            return
        part = self._parts[inside]
        if part == _FOLDERS:
            yield ~inside
            if character == "/":
                yield inside + 1
        elif part == _ANYTHING or (part == _IN_A_NAME and character != "/"):
            yield inside
        elif part != _IN_A_NAME and self._characters[inside].fullmatch(character):
            yield inside + 1

    def _passed(self, places: set[int]) -> set[int]:
        """Add the places behind wildcards that stand for nothing."""
        for place in list(places):
            here = place
            while 0 <= here < len(self._parts) and self._parts[here] in (_FOLDERS, _ANYTHING, _IN_A_NAME):
                here += 1
                places.add(here)
        return places


def _pattern(text: str) -> re.Pattern[str] | _ManyWildcards:
    """Translate a pattern; what it matches includes all that is in a folder that it matches."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        rest = text[position:]
        if rest.startswith("**/"):
            parts.append(_FOLDERS)
            position += 3
        elif rest.startswith("**"):
            parts.append(_ANYTHING)
            position += 2
        elif rest[0] == "*":
            parts.append(_IN_A_NAME)
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif rest[0] == "[" and (match := re.match(r"\[(\^?)((?:\\.|[^\]\\])+)\]", rest)):
            parts.append(f"[{match[1]}{_class(match[2])}]")
            position += match.end()
        elif rest[0] == "\\" and len(rest) > 1:
            parts.append(re.escape(rest[1]))
            position += 2
        else:
            parts.append(re.escape(rest[0]))
            position += 1
    try:
        if sum(part in (_FOLDERS, _ANYTHING, _IN_A_NAME) for part in parts) > _FEW_WILDCARDS:
            return _ManyWildcards(parts)
        return re.compile("".join(parts) + "(?:/.*)?", re.DOTALL)
    except re.error as problem:
        raise ValueError(f"the pattern {text!r} of its {IGNORE_FILES[1]} is not valid: {problem}") from problem


def _class(members: str) -> str:
    return re.sub(r"[\[&~|^]", r"\\\g<0>", members)
