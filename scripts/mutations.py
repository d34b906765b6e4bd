"""The changes that ``scripts/mutants.py`` makes to a module, one at a time.

Mutmut's operators for comparisons, boolean operators, numbers, constants and conditional expressions, and
these of our own, because a check is what must not be removed unnoticed:

- a condition of ``if``, ``while`` or a comprehension becomes True, or False
- an operand of ``and`` or ``or`` goes
- a statement that is only a call goes (``require_…(…)``), and a ``raise`` that is not all that its ``if`` does
- an element of a set goes, and a case of ``match``

Not changed: texts, docstrings, annotations, decorators, arguments that only explain a refusal (EXPLAINING) or
only change the speed (TUNING), and what only type checkers run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation import mutators

EXPLAINING = frozenset({"got", "expected", "next_step", "evidence"})
TUNING = frozenset({"gc"})
GUARDS = frozenset({"frozen"})
"""They stop a mistake of a programmer, which no request can make."""

_MUTMUT = (
    (cst.BaseNumber, mutators.operator_number),
    (cst.Name, mutators.operator_name),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. ``place`` names the function or class, ``before`` and ``after`` hold the changed lines, stripped."""

    line: int
    place: str
    before: str
    after: str
    code: str


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of a module's source, in the order of their lines, each once."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    collector = _Collector(wrapper)
    wrapper.module.visit(collector)
    lines = source.splitlines(keepends=True)
    starts = list(itertools.accumulate(map(len, lines), initial=0))
    found: dict[str, Mutant] = {}
    for place, at, text in collector.changes:
        start, end = starts[at.start.line - 1] + at.start.column, starts[at.end.line - 1] + at.end.column
        code = source[:start] + text + source[end:]
        if code != source and code not in found and _compiles(code):
            found[code] = _mutant(lines, code, place)
    return sorted(found.values(), key=lambda mutant: mutant.line)


class _Collector(cst.CSTVisitor):
    """Collects which text to put where. Does not enter what is not changed."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        super().__init__()
        self._module = wrapper.module
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._positions = wrapper.resolve(PositionProvider)
        self._places: list[str] = []
        self.changes: list[tuple[str, CodeRange, str]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.BaseString | cst.Import | cst.ImportFrom):
            return False
        if (
            isinstance(node, cst.Arg)
            and node.keyword is not None
            and node.keyword.value in EXPLAINING | TUNING | GUARDS
        ):
            return False
        if isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._places.append(node.name.value)
        for old, new in self._replacements(node):
            text = new if isinstance(new, str) else self._module.code_for_node(new)
            self.changes.append((".".join(self._places), self._positions[old], text))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._places.pop()

    def _replacements(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode | str]]:
        for kind, operator in _MUTMUT:
            if isinstance(node, kind):
                for new in operator(node):  # type: ignore[arg-type]
                    yield node, new
        yield from self._ours(node)

    def _ours(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode | str]]:
        match node:
            case cst.If() | cst.CompIf():
                yield node.test, "True"
                yield node.test, "False"
            case cst.While():
                yield node.test, "False"
            case cst.BooleanOperation():
                yield node, f"({self._module.code_for_node(node.left)})"
                if not _is_chained(node.left, node.operator):
                    yield node, f"({self._module.code_for_node(node.right)})"
            case cst.Set() if len(node.elements) > 1:
                for index in range(len(node.elements)):
                    yield node, node.with_changes(elements=[*node.elements[:index], *node.elements[index + 1 :]])
            case cst.Match() if len(node.cases) > 1:
                for one in node.cases:
                    yield one, ""
            case cst.Expr(value=cst.Call() | cst.Await()):
                yield node, "pass"
            case cst.Raise() if not self._is_all_of_an_if(node):
                yield node, "pass"

    def _is_all_of_an_if(self, node: cst.CSTNode) -> bool:
        line = self._parents[node]
        block = self._parents[line]
        return (
            isinstance(block, cst.IndentedBlock) and len(block.body) == 1 and isinstance(self._parents[block], cst.If)
        )


def _is_chained(node: cst.BaseExpression, operator: cst.BaseBooleanOp) -> bool:
    """Say whether an operand is a part of the same chain: ``a or b`` in ``a or b or c``."""
    return isinstance(node, cst.BooleanOperation) and isinstance(node.operator, type(operator)) and not node.lpar


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _mutant(lines: list[str], code: str, place: str) -> Mutant:
    new = code.splitlines(keepends=True)
    start = end = 0
    shortest = min(len(lines), len(new))
    while start < shortest and lines[start] == new[start]:
        start += 1
    while end < shortest - start and lines[-1 - end] == new[-1 - end]:
        end += 1
    before, after = _joined(lines[start : len(lines) - end]), _joined(new[start : len(new) - end])
    return Mutant(start + 1, place, before, after, code)


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
