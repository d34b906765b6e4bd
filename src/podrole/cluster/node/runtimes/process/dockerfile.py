"""What a Dockerfile says of the program that runs: ENTRYPOINT, CMD, ENV, WORKDIR and COPY of its last stage.

Nothing is executed: what RUN would make is not there. https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

SHELL = ("/bin/sh", "-c")
_VARIABLE = re.compile(r"\\(\$)|\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]*))?\})")
_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")


MAX_EXPANDED = 128 * 1024
"""Characters that the variables of one instruction may come to. Linux gives no program a longer one."""


class DockerfileProblem(ValueError):
    """A line that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Files that an image has: ``sources`` of the folder, at ``target``, which ends with a slash for a folder."""

    sources: tuple[str, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image says of its program. ``working_directory`` is absolute, and empty if none is said."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    working_directory: str = ""
    copied: tuple[Copied, ...] = ()


def parse_dockerfile(text: str, path: str) -> Recipe:
    """Return what the last stage says. ``path`` is the PATH that it begins with. Raises DockerfileProblem."""
    stages: dict[str, Recipe] = {}
    arguments: dict[str, str] = {}
    recipe, name = Recipe(), ""
    for number, instruction, rest in _instructions(text.splitlines()):
        try:
            if instruction == "FROM":
                words = [word for word in rest.split() if not word.startswith("--")]
                base = _expanded(words[0], arguments)
                recipe = stages.get(base.lower(), Recipe())
                name = words[2].lower() if len(words) == 3 and words[1].lower() == "as" else str(len(stages))
            elif instruction == "ARG":
                key, _, value = rest.partition("=")
                arguments[key.strip()] = _unquoted(_expanded(value, {**arguments, **recipe.environment}))
            else:
                variables = {"PATH": path, **arguments, **recipe.environment}
                recipe = _with(recipe, instruction, rest, variables)
        except (ValueError, IndexError, RecursionError) as problem:
            raise DockerfileProblem(f"line {number}: {instruction} {rest}: {problem}") from problem
        stages[name] = recipe
    return recipe


def _with(recipe: Recipe, instruction: str, rest: str, variables: Mapping[str, str]) -> Recipe:
    if instruction == "ENTRYPOINT":
        return replace(recipe, entrypoint=_command(rest))
    if instruction == "CMD":
        return replace(recipe, command=_command(rest))
    if instruction == "ENV":
        return replace(recipe, environment={**recipe.environment, **dict(_assigned(rest, variables))})
    if instruction == "WORKDIR":
        directory = posixpath.join(recipe.working_directory or "/", _unquoted(_expanded(rest, variables)))
        return replace(recipe, working_directory=posixpath.normpath(directory))
    if instruction in {"COPY", "ADD"} and (copied := _copied(rest, recipe, variables)) is not None:
        return replace(recipe, copied=(*recipe.copied, copied))
    return recipe


def _instructions(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield each instruction with the number of its line, continued lines joined, comments and heredocs left out."""
    numbered = enumerate(lines, 1)
    for number, line in numbered:
        whole = line.strip()
        if not whole or whole.startswith("#"):
            continue
        while whole.endswith("\\"):
            more = next((each.strip() for _, each in numbered if not each.strip().startswith("#")), "")
            whole = whole[:-1] + more
        instruction, _, rest = whole.partition(" ")
        instruction = instruction.upper()
        if instruction in {"RUN", "COPY", "ADD"}:
            for _, end in _HEREDOC.findall(rest):
                next((None for _, each in numbered if each.strip() == end), None)
        yield number, instruction, rest.strip()


def _command(text: str) -> tuple[str, ...]:
    """Return the words of the exec form, or the shell that runs those of the shell form."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = None  # as in Docker, it is the shell form then
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return tuple(words)
    return (*SHELL, text)


def _assigned(text: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    first = text.split(None, 1)
    if "=" not in first[0]:  # ENV NAME the rest of the line
        yield first[0], _expanded(first[1] if len(first) > 1 else "", variables)
        return
    for word in shlex.split(_expanded(text, variables)):
        name, _, value = word.partition("=")
        yield name, value


def _copied(text: str, recipe: Recipe, variables: Mapping[str, str]) -> Copied | None:
    """Return what is copied from the folder; None for what comes from elsewhere (a stage, a URL, a heredoc)."""
    words = text.split()
    while words and words[0].startswith("--"):
        if words.pop(0).startswith("--from="):
            return None
    rest = text[text.index(words[0]) :] if words else ""
    parts = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
    *sources, target = (_expanded(part, variables) for part in parts)
    if not sources or any("://" in source or source.startswith("<<") for source in sources):
        return None
    whole = posixpath.join(recipe.working_directory or "/", target)
    is_folder = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
    folder = posixpath.normpath(whole)
    return Copied(tuple(sources), f"{folder.rstrip('/')}/" if is_folder else folder)


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        known = variables.get(match[2] or match[3], "")
        if match[4] and match[4].endswith("-"):
            return known or match[5]
        if match[4]:
            return match[5] if known else ""
        return known

    parts, position, length = [], 0, 0
    for match in _VARIABLE.finditer(text):
        parts += [text[position : match.start()], value(match)]
        position = match.end()
        length += len(parts[-1])
        if length > MAX_EXPANDED:
            raise ValueError(f"with the values of its variables it has more than {MAX_EXPANDED:,} characters")
    return "".join([*parts, text[position:]])


def _unquoted(text: str) -> str:
    return " ".join(shlex.split(text))
