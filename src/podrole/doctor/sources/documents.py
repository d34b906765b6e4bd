"""Files as documents that know the line of each of their elements.

JSON and YAML, several documents in a file included. CloudFormation's short forms (``!Sub``, ``!GetAtt``) become the
long ones (``Fn::Sub``), so that both spellings of a template give the same document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from podrole.base.yaml_limits import LimitedLoader
from podrole.doctor.errors import BadFile
from podrole.iam.jsontext import line_and_column, locate

Where = tuple[str | int, ...]
SUFFIXES = frozenset({".json", ".yaml", ".yml"})
MOST_BYTES = 64 * 1024 * 1024
_PASSED_OVER = frozenset({"node_modules", "__pycache__"})
_NOT_PREFIXED = frozenset({"Ref", "Condition"})
_DEEPEST = 200


class RepeatedMembers(dict[str, Any]):
    """An object of a file with a member given twice: a mapping of the last values, written as JSON with all of them, so
    that a policy in it is judged as it stands in the file."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override] # what the JSON encoder asks for
        """Return every member, as it stands in the file."""
        return self._pairs


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of a file with these members."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else RepeatedMembers(pairs)


@dataclass(frozen=True, slots=True)
class FileDocument:
    """One document of a file. ``line`` returns the line, from 1, of a place in it or of the closest place around.
    ``text`` is the file's if it is JSON."""

    path: Path
    index: int
    value: Any
    line: Callable[[Where], int]
    text: str = ""


def find_files(paths: list[Path]) -> list[Path]:
    """Return the named files, and all JSON and YAML files of the named folders. Raises BadFile."""
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            files.update(dict.fromkeys(_in_folder(path)))
        elif path.exists():  # also a pipe: podrole check <(helm template …)
            files[path] = None
        else:
            raise BadFile("This file does not exist.", got=str(path), next_step="name existing files or folders")
    return list(files)


def _in_folder(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _PASSED_OVER for part in parts)
        if path.suffix in SUFFIXES and not hidden and path.is_file():
            yield path


def read_documents(path: Path) -> list[FileDocument]:
    """Return the documents of a file. Raises BadFile, with the line."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadFile(f"{path} is too large.", expected=f"at most {MOST_BYTES} bytes")
        text = path.read_text("utf-8")
    except OSError as problem:
        raise BadFile(f"{path} cannot be read: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise BadFile(f"{path} is not UTF-8 text.") from problem
    if path.suffix == ".json":
        return [_read_json(path, text)]
    try:
        return [_of_node(path, index, node) for index, node in enumerate(yaml.compose_all(text, Loader=_Loader))]
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        step = "render Helm and Kustomize output first: helm template, kubectl kustomize" if "{{" in text else None
        raise BadFile(
            f"{path}:{line} is not YAML: {getattr(problem, 'problem', problem)}.", next_step=step
        ) from problem


class _Loader(LimitedLoader):
    """Composes nodes; this module makes their values, also for unknown tags."""


def _of_node(path: Path, index: int, node: yaml.Node) -> FileDocument:
    lines: dict[Where, int] = {}
    value = _value(path, node, (), lines, 0)
    return FileDocument(path, index, value, lambda where: _nearest(lines, where))


def _nearest(lines: Mapping[Where, int], where: Where) -> int:
    return next(lines[where[:length]] for length in range(len(where), -1, -1) if where[:length] in lines)


def _value(path: Path, node: yaml.Node, where: Where, lines: dict[Where, int], depth: int) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(where, line)
    if depth > _DEEPEST:
        raise BadFile(f"{path}:{line} is nested too deeply.")
    if node.tag.startswith("!"):
        return _long_form(path, node, where, lines, depth)
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[str, Any]] = []
        for key_node, value_node in node.value:
            key = str(key_node.value)
            lines[*where, key] = key_node.start_mark.line + 1
            pairs.append((key, _value(path, value_node, (*where, key), lines, depth + 1)))
        return object_of(pairs)
    if isinstance(node, yaml.SequenceNode):
        return [_value(path, item, (*where, position), lines, depth + 1) for position, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    constructor = yaml.SafeLoader("")
    try:
        value = constructor.construct_object(node)
    except (yaml.YAMLError, ValueError):
        return str(node.value)
    finally:
        constructor.dispose()
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(node.value)


def _long_form(path: Path, node: yaml.Node, where: Where, lines: dict[Where, int], depth: int) -> Any:
    """Read ``!Sub x`` as ``{"Fn::Sub": "x"}``, and ``!GetAtt a.b`` as ``{"Fn::GetAtt": ["a", "b"]}``."""
    name = node.tag[1:]
    key = name if name in _NOT_PREFIXED else f"Fn::{name}"
    plain: Any
    if isinstance(node, yaml.ScalarNode):
        plain = str(node.value)
        if name == "GetAtt":
            plain = plain.split(".", 1)
    else:
        node.tag = "tag:yaml.org,2002:map" if isinstance(node, yaml.MappingNode) else "tag:yaml.org,2002:seq"
        plain = _value(path, node, (*where, key), lines, depth + 1)
    return {key: plain}


def _read_json(path: Path, text: str) -> FileDocument:
    try:
        value = json.loads(text, object_pairs_hook=object_of)
    except json.JSONDecodeError as problem:
        raise BadFile(f"{path}:{problem.lineno} is not JSON: {problem.msg}.") from problem
    except RecursionError:
        raise BadFile(f"{path} is nested too deeply.") from None
    # Computed on demand: a Terraform plan has a million places.
    return FileDocument(path, 0, value, lambda where: line_and_column(text, locate(text, where, member=True))[0], text)
