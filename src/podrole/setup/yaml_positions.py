"""A YAML or JSON file as values that know their places, and a list of all that is wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import yaml

from podrole.cluster.wire.yaml_loader import KubernetesLoader
from podrole.iam.spans import Position
from podrole.setup.errors import InvalidSetup

MAX_CHARACTERS = 2_000_000
"""The characters of a file. A cluster with a thousand service accounts has a tenth of them."""

_START = Position(1, 1)
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null"})

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"


class Problems:
    """The problems of a file, each with its place. ``file`` is the name that a person knows it by."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: dict[tuple[Position, str], None] = {}

    def add(self, position: Position, message: str) -> None:
        """Note a problem. Noting it twice counts once."""
        self._found[position, message] = None

    def check(self) -> None:
        """Raise InvalidSetup with all problems, one a line, in the order of the file, if there are any."""
        if self._found:
            lines = (
                f"{self._file}:{position.line}:{position.column}: {message}"
                for position, message in sorted(self._found, key=lambda problem: problem[0])
            )
            raise InvalidSetup("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Located:
    """A value of a file and where it begins."""

    position: Position
    value: dict[str, Member] | list[Located] | str | int | float | bool | None

    def plain(self) -> Plain:
        """Return the value without positions."""
        if isinstance(self.value, dict):
            return {name: member.value.plain() for name, member in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def position_at(self, path: tuple[str | int, ...]) -> Position:
        """Return the position of the value at a path, or of the closest value around it."""
        here = self
        for step in path:
            if isinstance(here.value, dict) and isinstance(step, str) and step in here.value:
                here = here.value[step].value
            elif isinstance(here.value, list) and isinstance(step, int) and step < len(here.value):
                here = here.value[step]
            else:
                break
        return here.position


class Member(NamedTuple):
    """A member of an object: where its name stands, and its value."""

    position: Position
    value: Located


def read_located(text: str, problems: Problems) -> Located:
    """Return the one document of a file. Raises InvalidSetup if it cannot be read as one."""
    if len(text) > MAX_CHARACTERS:
        problems.add(_START, f"the file is too large: expected at most {MAX_CHARACTERS} characters, got {len(text)}")
    problems.check()
    try:
        _check_events(text, problems)
        problems.check()
        nodes = [node for node in yaml.compose_all(text, Loader=_Loader) if not _is_empty(node)]
    except yaml.YAMLError as problem:
        _add_yaml_error(problem, text, problems)
        problems.check()
    if not nodes:
        problems.add(_START, "the file is empty: expected a ClusterConfig")
        problems.check()
    located = _locate(nodes[0], problems)
    problems.check()
    return located


class _Loader(KubernetesLoader):
    max_nodes = 200_000


def _check_events(text: str, problems: Problems) -> None:
    """Note aliases and further documents: composing would hide where they stand."""
    documents = 0
    starts = False
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.DocumentStartEvent):
            starts = True
            continue
        if isinstance(event, yaml.AliasEvent):
            problems.add(_position(event), f"*{event.anchor} is an alias: expected the value itself")
        if starts:
            starts = False
            documents += not (isinstance(event, yaml.ScalarEvent) and event.implicit[0] and not event.value)
            if documents == 2:
                problems.add(_position(event), "a second document begins here: expected one ClusterConfig in a file")
                return


def _add_yaml_error(problem: yaml.YAMLError, text: str, problems: Problems) -> None:
    mark = getattr(problem, "problem_mark", None)
    position = _START if mark is None else Position(mark.line + 1, mark.column + 1)
    what = getattr(problem, "problem", None) or str(problem).partition("\n")[0]
    advice = "; render templates first" if "{{" in text else ""
    problems.add(position, f"the file is not YAML: {what}{advice}")


def _locate(node: yaml.Node, problems: Problems) -> Located:
    position = _position(node)
    if isinstance(node, yaml.SequenceNode):
        return Located(position, [_locate(item, problems) for item in node.value])
    if isinstance(node, yaml.MappingNode):
        return Located(position, _members(node, problems))
    return Located(position, _scalar(node, problems) if isinstance(node, yaml.ScalarNode) else None)


def _members(node: yaml.MappingNode, problems: Problems) -> dict[str, Member]:
    members: dict[str, Member] = {}
    for key, value in node.value:
        position = _position(key)
        if not isinstance(key, yaml.ScalarNode):
            problems.add(position, "the name of a member is not text; if this is a template, render it first")
            continue
        name = str(key.value)
        if name in members:
            line = members[name].position.line
            problems.add(position, f'"{name}" is given twice in one object: it stands on line {line} already')
        members[name] = Member(position, _locate(value, problems))
    return members


def _scalar(node: yaml.ScalarNode, problems: Problems) -> str | int | float | bool | None:
    kind = node.tag.removeprefix(_TAG)
    if kind not in _SCALARS and not (kind == "merge" and node.value == "<<"):
        problems.add(_position(node), f"the tag {node.tag} is not understood: expected a value without a tag")
        return None
    if kind in ("str", "merge"):
        return str(node.value)
    loader = _Loader("")
    try:
        value: Any = loader.construct_object(node)
    except (yaml.YAMLError, ValueError, KeyError):
        problems.add(_position(node), f"the value does not fit its tag {node.tag}")
        return None
    finally:
        loader.dispose()
    if isinstance(value, float) and not math.isfinite(value):
        problems.add(_position(node), "infinity and NaN are not values of JSON: expected a number or text in quotes")
        return None
    return value if isinstance(value, (int, float, bool)) else None


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null" and not node.value


def _position(marked: yaml.Node | yaml.Event) -> Position:
    mark = marked.start_mark
    return _START if mark is None else Position(mark.line + 1, mark.column + 1)
