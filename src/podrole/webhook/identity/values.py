"""How the values of annotations and of ConfigMap fields are written.

An annotation is text; a field of the ConfigMap is JSON. One ``ValueSyntax`` reads both, so that they mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar
from urllib.parse import urlsplit

from podrole.kube.names import config_key, is_subdomain
from podrole.webhook.golang import first_csv_record, parse_bool, parse_int64
from podrole.webhook.identity import role_arn
from podrole.webhook.settings import MAX_TOKEN_EXPIRATION, MIN_TOKEN_EXPIRATION, CABundle

MAX_VALUE = role_arn.MAX_LENGTH
"""Characters of a value that is given to containers. A longer one would make the pod too large."""

MAX_CONTAINER_NAMES = 64 * 1024
"""Characters of a list of containers: enough for more containers than a pod may have."""

T = TypeVar("T")
Warn = Callable[[str], None]
"""Takes the predicate of a sentence whose subject is the annotation or the field: ``is ignored: it must be …``."""


class NotUnderstood(ValueError):
    """A value that is not written as it must be. The message is the predicate of a sentence: ``must be a string``."""


@dataclass(frozen=True, slots=True)
class ValueSyntax(Generic[T]):
    """How a value is written.

    Both parsers return None for a value that means "not set", and raise NotUnderstood for one that is malformed.
    """

    from_text: Callable[[str], T | None]
    """Parses an annotation."""

    from_json: Callable[[object], T | None] | None = None
    """Parses a field of the ConfigMap; None if there is no such field."""

    max_length: int = MAX_VALUE
    """Characters. A longer value is ignored."""

    cut: bool = False
    """Whether an annotation longer than ``max_length`` is cut instead of ignored."""

    clamp: Callable[[T], T] | None = None
    """Returns the nearest value within the limits, which is used instead."""

    def read_text(self, text: str, warn: Warn) -> T | None:
        """Return what an annotation says. One that is malformed says nothing; ``warn`` is told why. Never raises."""
        if len(text) > self.max_length:
            if not self.cut:
                warn(f"is ignored: it must have at most {self.max_length} characters")
                return None
            warn(f"is cut to {self.max_length} characters")
            text = text[: self.max_length]
        try:
            return self._clamped(self.from_text(text), warn)
        except NotUnderstood as problem:
            # The value is not repeated: it may be a secret, and warnings reach audit logs.
            warn(f"is ignored: it {problem}")
            return None

    def read_json(self, value: object, warn: Warn) -> T | None:
        """Return what a field of the ConfigMap says. Raises NotUnderstood if it is malformed."""
        if isinstance(value, str) and len(value) > self.max_length:
            raise NotUnderstood(f"must have at most {self.max_length} characters")
        if self.from_json is None:
            raise NotUnderstood("must not be set in a ConfigMap")
        return self._clamped(self.from_json(value), warn)

    def _clamped(self, value: T | None, warn: Warn) -> T | None:
        if value is None or self.clamp is None:
            return value
        clamped = self.clamp(value)
        if clamped != value:
            warn(f"is {value} s; {clamped} s is used")
        return clamped


def clamp_expiration(seconds: int) -> int:
    """Return the nearest lifetime that Kubernetes accepts for a projected token."""
    return min(max(seconds, MIN_TOKEN_EXPIRATION), MAX_TOKEN_EXPIRATION)


def parse_endpoint(text: str) -> str | None:
    """Return an endpoint URL, ``""`` for none, or None if ``text`` is not an http(s) URL with a host."""
    if text == "":
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc) and parts.port != 0
    except ValueError:
        return None
    return text if usable and text.isprintable() and " " not in text else None


def parse_ca_bundle(text: str) -> CABundle | Literal[False] | None:
    """Read ``<configmap>`` or ``<configmap>/<key>``. ``""`` is False: no bundle. None if it is neither."""
    if text == "":
        return False
    name, slash, key = text.partition("/")
    if not is_subdomain(name) or (slash and config_key(key)):
        return None
    return CABundle(name, key) if slash else CABundle(name)


_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise NotUnderstood("must be a string")
    return value


def _optional(text: str) -> str | None:
    return text or None


def _audience(text: str) -> str:
    if not text:
        # Kubernetes would make the token for the API server itself, which no STS accepts.
        raise NotUnderstood("must not be empty")
    return text


def _boolean(text: str) -> bool:
    value = parse_bool(text)
    if value is None:
        raise NotUnderstood("must be true or false")
    return value


def _json_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise NotUnderstood("must be true or false")
    return value


def _seconds(text: str) -> int:
    seconds = parse_int64(text)
    if seconds is None:
        raise NotUnderstood("must be a whole number of seconds")
    return seconds


def _json_seconds(value: object) -> int | None:
    # bool is an int to Python and not to JSON.
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotUnderstood("must be a whole number of seconds")
    return value or None


def _endpoint(text: str) -> str:
    endpoint = parse_endpoint(text)
    if endpoint is None:
        raise NotUnderstood("must be an http or https URL")
    return endpoint


def _ca_bundle(text: str) -> CABundle | Literal[False]:
    bundle = parse_ca_bundle(text)
    if bundle is None:
        raise NotUnderstood("must be <configmap> or <configmap>/<key>")
    return bundle


def _container_names(text: str) -> frozenset[str] | None:
    if not text:
        return None
    record = first_csv_record(text)
    if record is None:
        raise NotUnderstood("must be names of containers separated by commas")
    # The name of a container has no space, so a space beside a comma is not part of the name.
    return frozenset([name.strip() for name in record])


# A role that is too long is given all the same, like any role that is not valid: the pod then shows what is wrong.
ROLE: ValueSyntax[str] = ValueSyntax(_optional, lambda value: _optional(_string(value)), cut=True)
AUDIENCE: ValueSyntax[str] = ValueSyntax(_audience, lambda value: _optional(_string(value)))
BOOLEAN: ValueSyntax[bool] = ValueSyntax(_boolean, _json_boolean)
LIFETIME: ValueSyntax[int] = ValueSyntax(_seconds, _json_seconds, clamp=clamp_expiration)
ENDPOINT: ValueSyntax[str] = ValueSyntax(_endpoint, lambda value: _endpoint(_string(value)))
CA_BUNDLE: ValueSyntax[CABundle | Literal[False]] = ValueSyntax(_ca_bundle, lambda value: _ca_bundle(_string(value)))
CONTAINER_NAMES: ValueSyntax[frozenset[str]] = ValueSyntax(_container_names, max_length=MAX_CONTAINER_NAMES)
