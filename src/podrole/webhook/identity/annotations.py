"""The annotations of a service account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from podrole.webhook.golang import parse_bool, parse_int64
from podrole.webhook.identity.binding import EMPTY_BINDING, Binding
from podrole.webhook.identity.values import MAX_VALUE, clamp_expiration, parse_ca_bundle, parse_endpoint
from podrole.webhook.settings import CABundle, InjectionSettings


def read_annotations(annotations: Mapping[str, str | None], settings: InjectionSettings) -> Binding:
    """Read a service account's annotations. What cannot be understood counts as absent and is named in ``warnings``."""
    read = _AnnotationReader(annotations, settings.annotation_prefix)
    binding = Binding(
        role_arn=read.role("role-arn"),
        audience=read.audience("audience"),
        regional_sts=read.boolean("sts-regional-endpoints"),
        token_expiration=read.expiration("token-expiration"),
        endpoint_url=read.endpoint("aws-endpoint-url"),
        ca_bundle=read.ca_bundle("aws-ca-bundle"),
        session_name=read.boolean("role-session-name"),
        warnings=tuple(read.warnings),
    )
    return EMPTY_BINDING if binding == EMPTY_BINDING else binding


class _AnnotationReader:
    """Reads annotations one by one and remembers which were not understood."""

    def __init__(self, annotations: Mapping[str, str | None], prefix: str) -> None:
        self._annotations = annotations
        self._prefix = prefix
        self.warnings: list[str] = []

    def role(self, name: str) -> str | None:
        text = self._annotations.get(f"{self._prefix}/{name}") or None
        if text is not None and len(text) > MAX_VALUE:
            # Given all the same, like any role that cannot be right: whoever looks into the pod sees what is wrong.
            self.warnings.append(f"annotation {self._prefix}/{name} is cut to {MAX_VALUE} characters")
            return text[:MAX_VALUE]
        return text

    def audience(self, name: str) -> str | None:
        text = self._value(name)
        if text == "":
            # Kubernetes would make the token for the API server itself, which no STS takes.
            self.warnings.append(f"annotation {self._prefix}/{name} is ignored: it must not be empty")
        return text or None

    def boolean(self, name: str) -> bool | None:
        text = self._value(name)
        if text is None:
            return None
        value = parse_bool(text)
        if value is None:
            self._not_understood(name, "true or false")
        return value

    def expiration(self, name: str) -> int | None:
        text = self._value(name)
        if text is None:
            return None
        seconds = parse_int64(text)
        if seconds is None:
            self._not_understood(name, "a whole number of seconds")
            return None
        clamped = clamp_expiration(seconds)
        if clamped != seconds:
            self.warnings.append(f"annotation {self._prefix}/{name} is {seconds} s; {clamped} s is used")
        return clamped

    def endpoint(self, name: str) -> str | None:
        text = self._value(name)
        if text is None:
            return None
        endpoint = parse_endpoint(text)
        if endpoint is None:
            self._not_understood(name, "an http or https URL")
        return endpoint

    def ca_bundle(self, name: str) -> CABundle | Literal[False] | None:
        text = self._value(name)
        if text is None:
            return None
        bundle = parse_ca_bundle(text)
        if bundle is None:
            self._not_understood(name, "<configmap> or <configmap>/<key>")
        return bundle

    def _value(self, name: str) -> str | None:
        text = self._annotations.get(f"{self._prefix}/{name}")
        if text is not None and len(text) > MAX_VALUE:
            self.warnings.append(
                f"annotation {self._prefix}/{name} is ignored: it must have at most {MAX_VALUE} characters"
            )
            return None
        return text

    def _not_understood(self, name: str, expected: str) -> None:
        # The value stays out of it: it may be anything, and warnings reach audit logs.
        self.warnings.append(f"annotation {self._prefix}/{name} is ignored: it must be {expected}")
