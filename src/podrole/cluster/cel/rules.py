"""The rules of a custom resource's schema that are written in CEL (``x-kubernetes-validations``).

A rule sees its part of the object as ``self``, and as ``oldSelf`` what was there before. An expression that podrole
cannot evaluate is named in a warning when its definition is created, and not checked.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.cel.apart import RuleOutcome, evaluate_apart, outcome_of
from podrole.cluster.cel.cost import CHEAP, Extent, extent_of, most_cost
from podrole.cluster.cel.environment import available, plain_error
from podrole.cluster.cel.libraries import BadExpression, NotHere, compile_rule
from podrole.cluster.core.errors import FieldError, forbidden, invalid, not_supported, required
from podrole.cluster.schema.values import ABSENT, Work, is_unchanged, item_key, map_keys

Schema = Mapping[str, Any]

KEY = "x-kubernetes-validations"
_EMBEDDED = "x-kubernetes-embedded-resource"
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_TIMES = ("date", "date-time", "datetime", "duration")
"""Formats whose texts are times in Kubernetes' CEL. Google's library takes none from Python."""
_SELF = "self"
_WORD = re.compile(r"\w+")
_RESERVED = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return"),
    )
)
_NAME = re.compile(r"[A-Za-z_.\-/][A-Za-z0-9_.\-/]*")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_MISSING_KEY = re.compile(r'.*Key not found in map : "?(.*?)"?')
_FIELD_PATH = re.compile(r"(?:\.[A-Za-z_][\w-]*|\['[^']+'\])+")
MAX_RULES = 5_000
"""Rules that one version of a definition may have."""
_STEPS_APART = 50_000
"""What the check of one object spends on an expression that another process evaluates."""


def faults(schema: Schema, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the rules of a schema whose structure is right."""
    count = 0
    for where, below, correlatable in _schemas(schema, path, correlatable=True):
        for index, rule in enumerate(below.get(KEY) or ()):
            count += 1
            if count > MAX_RULES:
                yield invalid(path, "", f"podrole evaluates {MAX_RULES} rules of one version at most")
                return
            yield from _fault(rule, f"{where}.{KEY}[{index}]", where, correlatable=correlatable)


def _fault(rule: Any, path: str, where: str, *, correlatable: bool) -> Iterator[FieldError]:
    if not isinstance(rule, dict) or not isinstance(rule.get("rule", ""), str):
        yield invalid(path, "", "must be an object whose rule is a string")
        return
    expression = rule.get("rule", "").strip()
    if not expression:
        yield required(f"{path}.rule", "rule is not specified")
        return
    message, reason, field = (rule.get(key) or "" for key in ("message", "reason", "fieldPath"))
    if message and ("\n" in message.strip() or not message.strip()):
        yield invalid(f"{path}.message", message, "message must not contain line breaks")
    if reason and reason not in _REASONS:
        yield not_supported(f"{path}.reason", reason, _REASONS)
    if field and not _FIELD_PATH.fullmatch(field):
        yield invalid(f"{path}.fieldPath", field, "fieldPath must be a valid path")
    for key in ("rule", "messageExpression"):
        text = (rule.get(key) or "").strip()
        if not text or not available():
            continue
        try:
            compiled, transition, _ = compile_rule(text)
        except NotHere:
            continue
        except BadExpression as problem:
            yield invalid(f"{path}.{key}", text, f"compilation failed: {problem}")
            continue
        name, wanted = compiled.return_type().name(), "BOOL" if key == "rule" else "STRING"
        if name not in (wanted, "DYN"):
            yield invalid(f"{path}.{key}", text, f"must evaluate to {wanted.lower()}")
        if transition and not correlatable:
            why = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {where}"
            yield invalid(f"{path}.{key}", text, why)


def unchecked(schema: Any) -> set[str]:
    """Return ``x-kubernetes-validations`` with the first rule that is not evaluated, if there is any."""
    if not isinstance(schema, dict):
        return set()
    for where, below, _ in _schemas(schema, "", correlatable=True):
        times = _times(below)
        for rule in below.get(KEY) or ():
            if isinstance(rule, dict) and isinstance(rule.get("rule"), str) and _compiled(times, rule) is None:
                place = re.sub(r"\.properties\[([^]]*)\]", r".\1", where).lstrip(".") or "the object"
                why = "some" if available() else "all"
                return {f"{KEY} ({why}, first at {place})"}
    return set()


def _schemas(schema: Schema, path: str, *, correlatable: bool) -> Iterator[tuple[str, Schema, bool]]:
    """Yield the schemas with rules, and whether the old value of what they describe can be found."""
    if schema.get(KEY):
        yield path, schema, correlatable
    for key, below in schema.get("properties", {}).items():
        yield from _schemas(below, f"{path}.properties[{key}]", correlatable=correlatable)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _schemas(schema["additionalProperties"], f"{path}.additionalProperties", correlatable=correlatable)
    if isinstance(schema.get("items"), dict):
        yield from _schemas(schema["items"], f"{path}.items", correlatable=correlatable and bool(map_keys(schema)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A compiled rule. ``transition``: it reads ``oldSelf``. ``patterns``: the size of its regular expressions."""

    given: Mapping[str, Any]
    program: Any
    transition: bool
    patterns: int


_RulesById = dict[int, tuple[_Rule, ...]]


def _compiled(times: Collection[str], rule: Mapping[str, Any]) -> _Rule | None:
    """Return a rule that can be evaluated, None for one that cannot. ``times`` is from ``_times``."""
    expression = str(rule["rule"]).strip()
    if not available() or rule.get("optionalOldSelf") is not None:
        return None
    if _SELF in times or not set(_WORD.findall(expression)).isdisjoint(times):
        return None
    try:
        program, transition, size = compile_rule(expression)
    except (NotHere, BadExpression):
        return None
    return _Rule(rule, program, transition, size)


def _times(schema: Schema) -> frozenset[str]:
    """Return the fields of a schema that are times, as expressions write them; ``_SELF`` among them for the schema."""
    return frozenset(_each_time(schema, _SELF))


def _each_time(schema: Schema, name: str) -> Iterator[str]:
    if schema.get("type") == "string" and schema.get("format") in _TIMES:
        yield name
    for key, below in schema.get("properties", {}).items():
        yield from _each_time(below, _escaped(key) or "")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _each_time(schema[key], name)


class SchemaRules:
    """The rules of one schema, compiled when the first object is checked. Any thread may use them."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._rules: _RulesById | None = None
        """By the identity of the schema that has them."""

    def broken(self, value: Any, old: Any, work: Work) -> Iterator[FieldError]:
        """Yield what the rules refuse of an object that its schema allows otherwise. Raises TooMuchWork.

        ``old`` is the object before an update, or ABSENT.
        """
        if self._rules is None:
            self._rules = {
                id(below): tuple(rule for each in below[KEY] if (rule := _compiled(times, each)) is not None)
                for _, below, _ in _schemas(self._schema, "", correlatable=True)
                for times in (_times(below),)
            }
        if self._rules:
            yield from self._broken(self._rules, self._schema, value, "", old, work)

    def _broken(
        self, rules: _RulesById, schema: Schema, value: Any, path: str, old: Any, work: Work
    ) -> Iterator[FieldError]:
        work.spend()
        if value is None:
            return
        if own := rules.get(id(schema)):
            yield from _own(own, schema, value, path, old, work)
        if isinstance(value, dict):
            properties, values = schema.get("properties", {}), schema.get("additionalProperties")
            before = old if isinstance(old, dict) else {}
            for key, member in value.items():
                below = properties.get(key, values)
                if isinstance(below, dict):
                    where = f"{path}.{key}" if path else key
                    yield from self._broken(rules, below, member, where, before.get(key, ABSENT), work)
        elif isinstance(value, list) and isinstance(schema.get("items"), dict):
            keys = map_keys(schema)
            befores = {item_key(old_item, keys): old_item for old_item in old} if keys and isinstance(old, list) else {}
            for index, item in enumerate(value):
                earlier = befores.get(item_key(item, keys), ABSENT) if befores else ABSENT
                yield from self._broken(rules, schema["items"], item, f"{path}[{index}]", earlier, work)


def _own(rules: tuple[_Rule, ...], schema: Schema, value: Any, path: str, old: Any, work: Work) -> Iterator[FieldError]:
    unchanged = is_unchanged(old, value)
    chosen = [rule for rule in rules if (old is not ABSENT if rule.transition else not unchanged)]
    if not chosen:
        return
    before = work.left
    variables = {"self": _shown(schema, value, work, root=not path)}
    if any(rule.transition for rule in chosen):
        variables["oldSelf"] = _shown(schema, old, work, root=not path)
    size = before - work.left
    extent = extent_of(variables.values())
    for rule in chosen:
        work.spend(10 + size + size * rule.patterns // 64)
        result = _evaluated(rule.program, rule.given["rule"].strip(), variables, extent, work)
        if result.value is not True:
            yield _failed(rule.given, result, schema, variables, path, extent, work)


def _failed(
    rule: Mapping[str, Any], result: RuleOutcome, schema: Schema, variables: Any, path: str, extent: Extent, work: Work
) -> FieldError:
    kind = schema.get("type") or "object"
    if result.error:
        text = rule.get("message") or rule["rule"]
        return invalid(path, kind, f"{_plain(result.error)} evaluating rule: {text}")
    message = rule.get("message") or f"failed rule: {rule['rule'].strip()}"
    if rule.get("messageExpression"):
        text = rule["messageExpression"].strip()
        try:
            better = _evaluated(compile_rule(text)[0], text, variables, extent, work).value
        except (NotHere, BadExpression):
            better = None
        if isinstance(better, str) and better.strip() and "\n" not in better:
            message = better
    field = path + re.sub(r"\['([^']+)'\]", r"[\1]", rule.get("fieldPath") or "")
    field = field.lstrip(".")
    match rule.get("reason"):
        case "FieldValueRequired":
            return required(field, message)
        case "FieldValueForbidden":
            return forbidden(field, message)
        case "FieldValueDuplicate":
            return FieldError("FieldValueDuplicate", field, f'Duplicate value: "{kind}"')
    return invalid(field, kind, message)


def _evaluated(program: Any, expression: str, variables: Mapping[str, Any], extent: Extent, work: Work) -> RuleOutcome:
    """Return the value of an expression, or why it has none. Raises TooMuchWork."""
    if most_cost(expression, extent) <= CHEAP:
        return outcome_of(program, variables)
    work.spend(_STEPS_APART)
    return evaluate_apart(expression, variables)


def _plain(text: str) -> str:
    missing = _MISSING_KEY.fullmatch(text)
    if missing:
        return f"no such key: {missing[1]}"
    if "Iteration budget exceeded" in text:
        return "call cost exceeds limit: podrole ends an expression after 10,000 iterations,"
    return plain_error(text)


def _shown(schema: Schema, value: Any, work: Work, *, root: bool = False) -> Any:
    """Return a value as CEL sees it: its types are the schema's, and it has the schema's fields alone."""
    work.spend(1 + (len(value) // 16 if isinstance(value, str) else 0))
    if isinstance(value, dict):
        return _object(schema, value, work, root=root)
    if isinstance(value, list):
        items = schema.get("items")
        return [_shown(items if isinstance(items, dict) else {}, item, work) for item in value]
    if isinstance(value, str) and schema.get("format") == "byte":
        try:
            return base64.b64decode(value)
        except (binascii.Error, ValueError):
            return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if schema.get("type") == "number":
            return float(value)
        if schema.get("type") == "integer":
            return int(value)
    return value


def _object(schema: Schema, value: Mapping[str, Any], work: Work, *, root: bool) -> dict[str, Any]:
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return {key: _shown(values, member, work) for key, member in value.items()}
    if values is True:
        return {key: _shown({}, member, work) for key, member in value.items()}
    known = schema.get("properties", {})
    result = {}
    for key, below in known.items():
        name = _escaped(key)
        if name is not None and value.get(key) is not None:
            result[name] = _shown(below, value[key], work)
    if root or schema.get(_EMBEDDED):
        metadata = value.get("metadata") or {}
        result |= {key: value[key] for key in ("apiVersion", "kind") if key in value}
        result["metadata"] = {key: metadata[key] for key in ("name", "generateName") if key in metadata}
    return result


def _escaped(name: str) -> str | None:
    """Return how an expression writes a field, None if it cannot."""
    if not _NAME.fullmatch(name):
        return None
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub(r"__|[.\-/]", lambda match: _ESCAPES[match[0]], name)
