"""Which identity a service account has: from its annotations, the ConfigMap, or the list of EKS Pod Identity.

The order is the EKS webhook's: EKS Pod Identity wins over a role; the annotation's role wins over the ConfigMap's; a
ConfigMap entry for the very service account wins over one with a wildcard. Settings are not mixed between sources: an
annotation beside no role says nothing about a role that comes from the ConfigMap, save where EKS Pod Identity asks it
for the token's lifetime and the STS endpoint.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from podrole.webhook.golang import parse_bool, parse_int64
from podrole.webhook.identity import role_arn
from podrole.webhook.settings import MAX_TOKEN_EXPIRATION, MIN_TOKEN_EXPIRATION, CABundle, InjectionSettings

MAX_VALUE = role_arn.MAX_LENGTH
"""Characters of an annotation's value that is used: what is given to containers must not blow up a pod."""

Method = Literal["sts_web_identity", "container_credentials"]


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What the pods of one service account are given.

    ``role_arn`` is empty for EKS Pod Identity, whose agent knows the role. ``source`` says in words where the binding
    stands, ``faults`` what is wrong with it: both are for people.
    """

    method: Method
    role_arn: str
    audience: str
    token_expiration: int
    explicit_expiration: bool
    regional_sts: bool
    endpoint_url: str
    ca_bundle: CABundle | None
    session_name: bool
    source: str
    faults: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True, gc=False):
    """One source's word on a service account, None where it is silent. ``faults`` names what was not understood."""

    role_arn: str | None = None
    audience: str | None = None
    regional_sts: bool | None = None
    token_expiration: int | None = None
    endpoint_url: str | None = None
    ca_bundle: CABundle | Literal[False] | None = None
    session_name: bool | None = None
    faults: tuple[str, ...] = ()


SILENT = Binding()
"""What most service accounts say. They share this one value."""


class Bindings(Protocol):
    """The ConfigMap's entries, as identity resolution asks for them."""

    def find(self, namespace: str, name: str) -> tuple[str, Binding] | None:
        """Return the entry that fits best, with its key."""
        ...


class NoBindings:
    """The ConfigMap where there is none."""

    def find(self, namespace: str, name: str) -> None:  # noqa: ARG002 - the Protocol's
        """Return None."""
        return


NO_BINDINGS = NoBindings()


def read_annotations(annotations: Mapping[str, str | None], settings: InjectionSettings) -> Binding:
    """Read a service account's annotations. What cannot be understood counts as absent and is named in ``faults``."""
    read = _AnnotationReader(annotations, settings.annotation_prefix)
    binding = Binding(
        role_arn=read.role("role-arn"),
        audience=read.audience("audience"),
        regional_sts=read.boolean("sts-regional-endpoints"),
        token_expiration=read.expiration("token-expiration"),
        endpoint_url=read.endpoint("aws-endpoint-url"),
        ca_bundle=read.ca_bundle("aws-ca-bundle"),
        session_name=read.boolean("role-session-name"),
        faults=tuple(read.faults),
    )
    return SILENT if binding == SILENT else binding


def resolve(
    namespace: str,
    name: str,
    annotated: Binding,
    bindings: Bindings,
    pod_identities: frozenset[tuple[str, str]],
    settings: InjectionSettings,
) -> Identity | None:
    """Return the identity of the service account ``namespace/name``, or None where nothing binds it.

    ``annotated`` is what its own annotations say; pass ``SILENT`` for a service account that does not exist.
    """
    if (namespace, name) in pod_identities:
        found = bindings.find(namespace, name) if annotated is SILENT else None
        return _pod_identity(annotated if found is None else found[1], settings)
    if annotated.role_arn:
        return _web_identity(annotated, f"the annotations of service account {namespace}/{name}", settings)
    found = bindings.find(namespace, name)
    if found is None or not found[1].role_arn:
        return None
    return _web_identity(found[1], f"entry {found[0]!r} of ConfigMap pod-identity-webhook", settings)


@functools.lru_cache(maxsize=4_096)
def _web_identity(binding: Binding, source: str, settings: InjectionSettings) -> Identity:
    arn = binding.role_arn or ""
    composition = settings.role_composition
    if composition is not None:
        arn = role_arn.compose(arn, account_id=composition.account_id, partition=composition.partition)
    endpoint = settings.aws_endpoint_url if binding.endpoint_url is None else binding.endpoint_url
    fault = role_arn.fault(arn, relaxed=bool(endpoint), partition=settings.partition)
    return Identity(
        method="sts_web_identity",
        role_arn=arn,
        audience=binding.audience or settings.token_audience,
        token_expiration=binding.token_expiration or settings.token_expiration,
        explicit_expiration=binding.token_expiration is not None,
        regional_sts=settings.sts_regional_endpoint if binding.regional_sts is None else binding.regional_sts,
        endpoint_url=endpoint,
        ca_bundle=settings.aws_ca_bundle if binding.ca_bundle is None else binding.ca_bundle or None,
        session_name=settings.role_session_name if binding.session_name is None else binding.session_name,
        source=source,
        faults=binding.faults if fault is None else (*binding.faults, f"the role {arn!r} {fault}"),
    )


@functools.lru_cache(maxsize=1_024)
def _pod_identity(binding: Binding, settings: InjectionSettings) -> Identity:
    return Identity(
        method="container_credentials",
        role_arn="",
        audience=settings.container_credentials.audience,
        token_expiration=binding.token_expiration or settings.token_expiration,
        explicit_expiration=binding.token_expiration is not None,
        regional_sts=settings.sts_regional_endpoint if binding.regional_sts is None else binding.regional_sts,
        endpoint_url=settings.aws_endpoint_url if binding.endpoint_url is None else binding.endpoint_url,
        ca_bundle=settings.aws_ca_bundle if binding.ca_bundle is None else binding.ca_bundle or None,
        session_name=False,  # the agent names the session
        source="the list of EKS Pod Identity",
        faults=binding.faults,
    )


_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


def clamp_expiration(seconds: int) -> int:
    """Return the nearest lifetime that Kubernetes takes for a projected token."""
    return min(max(seconds, MIN_TOKEN_EXPIRATION), MAX_TOKEN_EXPIRATION)


def parse_endpoint(text: str) -> str | None:
    """Return an endpoint URL, ``""`` for none, or None where ``text`` is no http(s) URL with a host."""
    if text == "":
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc) and (parts.port or 1) > 0
    except ValueError:
        return None
    return text if usable and text.isprintable() and " " not in text else None


def parse_ca_bundle(text: str) -> CABundle | Literal[False] | None:
    """Read ``<configmap>`` or ``<configmap>/<key>``; ``""`` is False, meaning none; None where it is neither."""
    if text == "":
        return False
    name, slash, key = text.partition("/")
    if not _is_config_map_name(name) or (slash and not _is_config_map_key(key)):
        return None
    return CABundle(name, key) if slash else CABundle(name)


def _is_config_map_name(name: str) -> bool:
    return (
        0 < len(name) <= 253
        and all(character in "abcdefghijklmnopqrstuvwxyz0123456789-." for character in name)
        and name[0] not in "-."
        and name[-1] not in "-."
    )


def _is_config_map_key(key: str) -> bool:
    return 0 < len(key) <= 253 and key not in (".", "..") and key.isascii() and not set(key) - _KEY_CHARACTERS


_KEY_CHARACTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


class _AnnotationReader:
    """Reads annotations one by one and remembers which were not understood."""

    def __init__(self, annotations: Mapping[str, str | None], prefix: str) -> None:
        self._annotations = annotations
        self._prefix = prefix
        self.faults: list[str] = []

    def role(self, name: str) -> str | None:
        text = self._annotations.get(f"{self._prefix}/{name}") or None
        if text is not None and len(text) > MAX_VALUE:
            # Given all the same, like any role that cannot be right: whoever looks into the pod sees what is wrong.
            self.faults.append(f"annotation {self._prefix}/{name} is cut: it is longer than {MAX_VALUE} characters")
            return text[:MAX_VALUE]
        return text

    def audience(self, name: str) -> str | None:
        text = self._value(name)
        if text == "":
            # Kubernetes would make the token for the API server itself, which no STS takes.
            self.faults.append(f"annotation {self._prefix}/{name} is empty and is ignored")
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
            self.faults.append(f"annotation {self._prefix}/{name} is {seconds} s, taken as {clamped} s")
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
            self.faults.append(f"annotation {self._prefix}/{name} is ignored: it is longer than {MAX_VALUE} characters")
            return None
        return text

    def _not_understood(self, name: str, expected: str) -> None:
        # The value stays out of it: it may be anything, and warnings reach audit logs.
        self.faults.append(f"annotation {self._prefix}/{name} was not understood and is ignored (expected {expected})")
