"""The ConfigMap ``pod-identity-webhook``: bindings for service accounts without a role annotation.

``data.config`` is a JSON object. Its keys are ``<namespace>/<service account>``, and both halves may contain ``*``,
``?`` and ``[…]``. If several entries match, the most specific one counts: first an entry without wildcards, then one
without wildcards in the namespace, then one without wildcards in the name, then the one with more other characters.

An entry without ``RoleARN`` binds nothing, and so excludes a service account from less specific entries. A malformed
entry is ignored with a warning; the others are used.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from podrole.webhook.identity.annotations import CONFIG_MAP_ANNOTATIONS
from podrole.webhook.identity.binding import Binding, BindingWarning
from podrole.webhook.identity.values import NotUnderstood

CONFIG_MAP = "pod-identity-webhook"
CONFIG_KEY = "config"

_WILDCARDS = frozenset("*?[")
_UNTIL_WILDCARD = re.compile(r"[^*?\[]*")


class _Glob:
    """One half of a key. Its regular expression is compiled when it is first needed: there may be thousands of keys."""

    __slots__ = ("_pattern", "_prefix", "_suffix", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._prefix = _UNTIL_WILDCARD.match(text)[0]  # type: ignore[index] # it also matches the empty string
        self._suffix = "" if "[" in text else text[max(text.rfind("*"), text.rfind("?")) + 1 :]
        self._pattern: re.Pattern[str] | None = None

    def matches(self, name: str) -> bool:
        if not name.startswith(self._prefix) or not name.endswith(self._suffix):
            return False
        if self._pattern is None:
            self._pattern = re.compile(fnmatch.translate(self._text))
        return self._pattern.match(name) is not None


@dataclass(frozen=True, slots=True)
class _Pattern:
    key: str
    namespace: _Glob
    name: _Glob
    binding: Binding


class ConfigMapBindings:
    """The entries of one ConfigMap."""

    def __init__(self, entries: Mapping[tuple[str, str], Binding]) -> None:
        self._exact = {key: binding for key, binding in entries.items() if not _WILDCARDS.intersection("/".join(key))}
        patterns = [key for key in entries if key not in self._exact]
        patterns.sort(key=_specificity)
        self._patterns = [_Pattern("/".join(key), _Glob(key[0]), _Glob(key[1]), entries[key]) for key in patterns]

    def find(self, namespace: str, name: str) -> tuple[str, Binding] | None:
        """Return the most specific entry for a service account, with its key."""
        binding = self._exact.get((namespace, name))
        if binding is not None:
            return f"{namespace}/{name}", binding
        for pattern in self._patterns:
            if pattern.namespace.matches(namespace) and pattern.name.matches(name):
                return pattern.key, pattern.binding
        return None


def parse_bindings(data: Mapping[str, str | None] | None) -> tuple[ConfigMapBindings | None, list[str]]:
    """Read a ConfigMap's ``data``. Return its bindings, and a sentence about each entry that is ignored.

    The bindings are None if ``config`` is not a JSON object. The caller then keeps the bindings it has.
    """
    text = (data or {}).get(CONFIG_KEY)
    if not text:
        return EMPTY_CONFIG_MAP, [f"ConfigMap {CONFIG_MAP} has no key {CONFIG_KEY!r}"]
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        return None, [f"key {CONFIG_KEY!r} of ConfigMap {CONFIG_MAP} is not JSON: {problem}"]
    if not isinstance(document, dict):
        return None, [f"key {CONFIG_KEY!r} of ConfigMap {CONFIG_MAP} is not a JSON object"]
    entries: dict[tuple[str, str], Binding] = {}
    warnings: list[str] = []
    for key, value in document.items():
        namespace, _, name = key.partition("/")
        if not namespace or not name or "/" in name:
            warnings.append(
                f"entry {key!r} of ConfigMap {CONFIG_MAP} is ignored: its key must be <namespace>/<service account>"
            )
            continue
        try:
            binding = entries[namespace, name] = read_entry(value)
        except NotUnderstood as problem:
            warnings.append(f"entry {key!r} of ConfigMap {CONFIG_MAP} is ignored: {problem}")
            continue
        warnings.extend(f"entry {key!r} of ConfigMap {CONFIG_MAP}: {warning.text}" for warning in binding.warnings)
    return ConfigMapBindings(entries), warnings


def read_entry(value: object) -> Binding:
    """Return one entry's binding. The names of fields are matched without regard to case, as Go does.

    Raises NotUnderstood if the entry is malformed.
    """
    if not isinstance(value, dict):
        raise NotUnderstood("it must be a JSON object")
    fields = {name.lower(): content for name, content in value.items()}
    warnings: list[BindingWarning] = []
    values: dict[str, Any] = {}
    for annotation in CONFIG_MAP_ANNOTATIONS:
        field = annotation.config_map_field
        content = fields.get(field.lower())
        if content is None:
            continue

        def warn(problem: str, field: str = field) -> None:
            warnings.append(BindingWarning(f"{field} {problem}"))

        try:
            values[annotation.binding_field] = annotation.syntax.read_json(content, warn)
        except NotUnderstood as problem:
            raise NotUnderstood(f"{field} {problem}") from None
    return Binding(**values, warnings=tuple(warnings))


def _specificity(key: tuple[str, str]) -> tuple[bool, bool, int, tuple[str, str]]:
    namespace, name = key
    literals = sum(character not in _WILDCARDS for character in namespace + name)
    return bool(_WILDCARDS.intersection(namespace)), bool(_WILDCARDS.intersection(name)), -literals, key


EMPTY_CONFIG_MAP = ConfigMapBindings({})
"""The bindings of a ConfigMap that does not exist or has no entries."""
