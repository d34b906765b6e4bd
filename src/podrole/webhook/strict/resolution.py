"""Identity resolution as in the EKS webhook, with its defaults, its wildcard and its handling of the ConfigMap.

Source: ``pkg/cache/cache.go`` of https://github.com/aws/amazon-eks-pod-identity-webhook
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from podrole.webhook.golang import parse_bool, parse_int64
from podrole.webhook.identity import role_arn
from podrole.webhook.identity.annotations import REGIONAL_STS, ROLE_ARN, TOKEN_AUDIENCE, TOKEN_EXPIRATION
from podrole.webhook.identity.binding import Binding, Identity
from podrole.webhook.settings import DEFAULT_TOKEN_EXPIRATION, MIN_TOKEN_EXPIRATION, InjectionSettings


def read_annotations(annotations: Mapping[str, str | None], settings: InjectionSettings) -> Binding:
    """Return the binding of a service account's annotations. A missing or malformed value becomes the default."""
    prefix = settings.annotation_prefix
    role = annotations.get(ROLE_ARN.key(prefix))
    if role is not None and settings.role_composition is not None:
        composition = settings.role_composition
        role = role_arn.compose(role, account_id=composition.account_id, partition=composition.partition)
    audience = annotations.get(TOKEN_AUDIENCE.key(prefix))
    regional, lifetime = (
        annotations.get(annotation.key(prefix)) or "" for annotation in (REGIONAL_STS, TOKEN_EXPIRATION)
    )
    regional_sts, expiration = parse_bool(regional), parse_int64(lifetime)
    return Binding(
        role_arn=role,
        audience=settings.token_audience if audience is None else audience,
        regional_sts=settings.sts_regional_endpoint if regional_sts is None else regional_sts,
        token_expiration=settings.token_expiration if expiration is None else max(expiration, MIN_TOKEN_EXPIRATION),
    )


class StrictBindings:
    """The entries of the ConfigMap. An update changes them; deleting the ConfigMap does not."""

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings
        self._entries: dict[tuple[str, str], Binding] = {}
        self._previous = ""

    def find(self, namespace: str, name: str) -> tuple[str, Binding] | None:
        """Return the entry for this service account, else the entry ``*/name``, with its key."""
        for key in ((namespace, name), ("*", name)):
            binding = self._entries.get(key)
            if binding is not None:
                return "/".join(key), binding
        return None

    def exact(self, namespace: str, name: str) -> Binding | None:
        """Return the entry for this service account, without wildcards."""
        return self._entries.get((namespace, name))

    def update(self, config: str) -> list[str]:
        """Use this ``data.config``. Return a sentence about each problem.

        First all entries are set, then those are removed whose key is no longer there, by the first two parts of the
        key. So replacing ``a/b`` by ``a/b/c`` leaves no entry.
        """
        try:
            document = _entries_of(config)
        except ValueError as problem:
            return [f"the ConfigMap's config is malformed: {problem}"]
        warnings: list[str] = []
        for key, value in document.items():
            parts = key.split("/")
            if len(parts) < 2 or value is None:
                warnings.append(f"entry {key!r} is ignored")  # the EKS webhook panics here
                continue
            self._entries[parts[0], parts[1]] = self._binding(value)
        previous, self._previous = self._previous, config
        try:
            gone = _entries_of(previous).keys() - document.keys()
        except ValueError:
            gone = set()
        for key in gone:
            namespace, _, rest = key.partition("/")
            self._entries.pop((namespace, rest.split("/")[0]), None)
        return warnings

    def _binding(self, value: dict[str, Any]) -> Binding:
        return Binding(
            role_arn=value.get(ROLE_ARN.config_map_field.lower()),
            audience=value.get(TOKEN_AUDIENCE.config_map_field.lower()),
            regional_sts=value.get(REGIONAL_STS.config_map_field.lower()),
            token_expiration=value.get(TOKEN_EXPIRATION.config_map_field.lower()) or self._settings.token_expiration,
        )


_FIELD_TYPES: dict[str, type] = {
    ROLE_ARN.config_map_field.lower(): str,
    TOKEN_AUDIENCE.config_map_field.lower(): str,
    REGIONAL_STS.config_map_field.lower(): bool,
    TOKEN_EXPIRATION.config_map_field.lower(): int,
}


def _entries_of(config: str) -> dict[str, dict[str, Any] | None]:
    """Decode the JSON object as Go decodes ``map[string]*Entry``. Raises ValueError if Go reports an error."""
    try:
        document = msgspec.json.decode(config)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        raise ValueError(str(problem)) from problem
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - a malformed document, like the other cases
    entries: dict[str, dict[str, Any] | None] = {}
    for key, value in document.items():
        if value is None:
            entries[key] = None
            continue
        if not isinstance(value, dict):
            raise ValueError(f"{key!r} is not an object")  # noqa: TRY004 - a malformed document, like the other cases
        fields = {name.lower(): content for name, content in value.items() if content is not None}
        for name, wanted in _FIELD_TYPES.items():
            if name in fields and type(fields[name]) is not wanted:
                raise ValueError(f"{name} of {key!r} is not of type {wanted.__name__}")
        entries[key] = fields
    return entries


def resolve(
    namespace: str,
    name: str,
    annotated: Binding | None,
    bindings: StrictBindings,
    pod_identities: frozenset[tuple[str, str]],
    settings: InjectionSettings,
) -> Identity | None:
    """Return the identity of a service account. ``annotated`` is None if it is not in the cache."""
    if (namespace, name) in pod_identities:
        # The EKS webhook ignores the wildcard here, and also the flags if it knows neither annotations nor an entry.
        common = annotated if annotated is not None else bindings.exact(namespace, name)
        return Identity(
            method="container_credentials",
            role_arn="",
            audience=settings.container_credentials.audience,
            token_expiration=(common and common.token_expiration) or DEFAULT_TOKEN_EXPIRATION,
            explicit_expiration=False,
            regional_sts=bool(common and common.regional_sts),
            endpoint_url="",
            ca_bundle=None,
            session_name=False,
            source="the list of EKS Pod Identity",
        )
    binding, source = annotated, f"the annotations of service account {namespace}/{name}"
    if binding is None or not binding.role_arn:
        entry = bindings.find(namespace, name)
        if entry is None or not entry[1].role_arn:
            return None
        source, binding = f"entry {entry[0]!r} of ConfigMap pod-identity-webhook", entry[1]
    return Identity(
        method="sts_web_identity",
        role_arn=binding.role_arn or "",
        audience=binding.audience or "",
        token_expiration=binding.token_expiration or 0,
        explicit_expiration=False,
        regional_sts=bool(binding.regional_sts),
        endpoint_url="",
        ca_bundle=None,
        session_name=False,
        source=source,
    )
