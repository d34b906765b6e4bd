"""The CEL environment of x-kubernetes-validations, and which expressions podrole cannot evaluate.

CEL is Google's own implementation, the optional extra ``podrole[cel]``: it ends an expression after 10,000 iterations.
Kubernetes adds libraries to the language; those for strings and optional values are here, and of the others ``find``,
``findAll``, ``isSorted`` and ``sum``.
https://kubernetes.io/docs/reference/using-api/cel/
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

from podrole.base.short_texts import cached_by_length
from podrole.cluster.cel.environment import plain_error
from podrole.cluster.schema import patterns

_KEPT = 500_000
"""Characters of the expressions whose compiled form is kept."""
_ELSEWHERE = re.compile(
    r"""undeclared\ reference\ to\ '(?:
    sets | url | isURL | get(?:Scheme|Host|Hostname|Port|EscapedPath|Query)
    | quantity | isQuantity | isLessThan | isGreaterThan | compareTo | asInteger | isInteger | asApproximateFloat | sign
    | ip | isIP | cidr | isCIDR | containsIP | containsCIDR | family | isLoopback | semver | isSemver
    | format | validate | dns1123\w* | dns1035\w* | min | max | indexOf | lastIndexOf | authorizer
    | transformList | transformMap | transformMapEntry | cel | bind)'""",
    re.VERBOSE,
)
_TWO_VARIABLES = re.compile(
    r"\.\s*(?:all|exists|existsOne|exists_one|transformList|transformMap|transformMapEntry)\(\s*\w+\s*,\s*\w+\s*,"
    r"|\bcel\.bind\("
)
_STRING = r"""[rR]?(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')"""
_CALL = re.compile(r"\b(?:matches|find|findAll)\s*\(")
_LITERAL = re.compile(rf"\.\s*(?:matches|find|findAll)\s*\(\s*{_STRING}\s*\)")
MAX_PATTERN_STEPS = 50_000
"""How large the compiled patterns of one expression may be together."""


class NotHere(Exception):
    """An expression that kube-apiserver evaluates and podrole does not."""


class BadExpression(Exception):
    """An expression that does not compile; the text is the compiler's."""


@functools.cache
def _environment(*, transition: bool) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    anything, text = cel.Type.DYN, cel.Type.STRING
    items = cel.Type.List(anything)

    def member(name: str, result: Any, arguments: list[Any], do: Any) -> Any:
        return cel.FunctionDecl(name, [cel.Overload(f"podrole_{name}", result, arguments, is_member=True, impl=do)])

    return cel.NewEnv(
        variables={"self": anything, **({"oldSelf": anything} if transition else {})},
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
        functions=[
            member("find", text, [text, text], _find),
            member("findAll", cel.Type.List(text), [text, text], _find_all),
            member("isSorted", cel.Type.BOOL, [items], _is_sorted),
            member("sum", anything, [items], sum),
        ],
    )


def _find(value: str, pattern: str) -> str:
    match = patterns.compiled(pattern).search(value)
    return match[0] if match is not None else ""


def _find_all(value: str, pattern: str) -> list[str]:
    return [match[0] for match in patterns.compiled(pattern).finditer(value)]


def _is_sorted(items: list[Any]) -> bool:
    return all(item <= following for item, following in itertools.pairwise(items))


@cached_by_length(_KEPT)
def compile_rule(expression: str) -> tuple[Any, bool, int]:
    """Return an expression of ``self`` compiled, whether it reads ``oldSelf``, and how large its patterns are.

    Raises NotHere and BadExpression.
    """
    patterns_of = _patterns_of(expression)
    try:
        return _environment(transition=False).compile(expression), False, patterns_of
    except RuntimeError as problem:
        if "undeclared reference to 'oldSelf" not in str(problem):
            raise _refusal(expression, problem) from None
    try:
        return _environment(transition=True).compile(expression), True, patterns_of
    except RuntimeError as problem:
        raise _refusal(expression, problem) from None


def _refusal(expression: str, problem: RuntimeError) -> Exception:
    if _ELSEWHERE.search(str(problem)) or _TWO_VARIABLES.search(expression):
        return NotHere()
    return BadExpression(plain_error(str(problem)))


def _patterns_of(expression: str) -> int:
    """Return how large the patterns of an expression are. Raises NotHere if they cannot be known or are too large."""
    literals = [match[1] or match[2] or "" for match in _LITERAL.finditer(expression)]
    if len(literals) != len(_CALL.findall(expression)):
        return _refused()
    if not literals:
        return 0
    if not patterns.available():
        return _refused()
    try:
        size = sum(int(patterns.compiled(literal.replace("\\\\", "\\")).programsize) for literal in literals)
    except patterns.BadPattern:
        return _refused()
    return size if size <= MAX_PATTERN_STEPS else _refused()


def _refused() -> int:
    raise NotHere
