"""Every annotation that the webhook reads, in one table, and the readers that follow it.

A row is the only place that knows an annotation's name, where it may stand, the ConfigMap field that says the same, how
its value is written and which field of ``Binding`` it sets. The table of annotations in docs/webhook.md has its words.
To add an annotation, add a row here and a field to ``Binding``, and use the field in ``resolution`` and ``patch``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from podrole.webhook.identity.binding import EMPTY_BINDING, Binding, BindingWarning
from podrole.webhook.identity.values import (
    AUDIENCE,
    BOOLEAN,
    CA_BUNDLE,
    CONTAINER_NAMES,
    ENDPOINT,
    LIFETIME,
    ROLE,
    ValueSyntax,
)
from podrole.webhook.settings import InjectionSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Annotation(Generic[T]):
    """One annotation."""

    name: str
    """The key without the prefix (``--annotation-prefix``) and its slash."""

    syntax: ValueSyntax[T]
    """How the value is written."""

    value: str
    """The value in words, for the documentation."""

    effect: str
    """What it does, for the documentation."""

    default: str
    """What holds without it, for the documentation."""

    binding_field: str = ""
    """The field of ``Binding`` that it sets on a service account; empty if it has no effect there."""

    config_map_field: str = ""
    """The field of a ConfigMap entry that says the same; empty if there is none. Letter case does not matter."""

    on_pod: bool = False
    """Whether it has an effect on a pod. There it wins over the service account's."""

    upstream: str = ""
    """The first version of Amazon's EKS pod identity webhook that reads the annotation; empty if none does."""

    def key(self, prefix: str) -> str:
        """Return the whole key."""
        return f"{prefix}/{self.name}"

    def read(
        self, annotations: Mapping[str, str | None], prefix: str, warn: Callable[[BindingWarning], None]
    ) -> T | None:
        """Return what these annotations say, None if nothing. ``warn`` is told of a value that is malformed."""
        key = self.key(prefix)
        text = annotations.get(key)
        return None if text is None else self.parse(key, text, warn)

    def parse(self, key: str, text: str, warn: Callable[[BindingWarning], None]) -> T | None:
        """Return what the value ``text`` of ``key`` says, None if nothing. ``warn`` is told if it is malformed."""
        return self.syntax.read_text(text, lambda problem: warn(BindingWarning(f"annotation {key} {problem}", key)))


ROLE_ARN = Annotation(
    "role-arn",
    ROLE,
    "the ARN of a role; with `--compose-role-arn` also its name",
    "the role that the pods get",
    "no identity",
    binding_field="role_arn",
    config_map_field="RoleARN",
    upstream="0.1.0",
)
TOKEN_AUDIENCE = Annotation(
    "audience",
    AUDIENCE,
    "text that is not empty",
    "the token's audience",
    "`--token-audience`",
    binding_field="audience",
    config_map_field="Audience",
    upstream="0.1.0",
)
REGIONAL_STS = Annotation(
    "sts-regional-endpoints",
    BOOLEAN,
    "`true` or `false`, as Go reads them (`1`, `t`, `T`, `TRUE`, `True`, …)",
    "sets `AWS_STS_REGIONAL_ENDPOINTS=regional`",
    "`--sts-regional-endpoint`",
    binding_field="regional_sts",
    config_map_field="UseRegionalSTS",
    upstream="0.3.0",
)
TOKEN_EXPIRATION = Annotation(
    "token-expiration",
    LIFETIME,
    "a whole number of seconds, 600 to 4294967296",
    "the token's lifetime",
    "`--token-expiration`",
    binding_field="token_expiration",
    config_map_field="TokenExpiration",
    on_pod=True,
    upstream="0.3.0",
)
AWS_ENDPOINT_URL = Annotation(
    "aws-endpoint-url",
    ENDPOINT,
    "an http or https URL; empty for none",
    "sets `AWS_ENDPOINT_URL`",
    "`--aws-endpoint-url`",
    binding_field="endpoint_url",
    config_map_field="AWSEndpointURL",
)
AWS_CA_BUNDLE = Annotation(
    "aws-ca-bundle",
    CA_BUNDLE,
    "`<configmap>` or `<configmap>/<key>`; empty for none",
    "sets `AWS_CA_BUNDLE` to the certificates in this ConfigMap",
    "`--aws-ca-bundle`",
    binding_field="ca_bundle",
    config_map_field="AWSCABundle",
)
ROLE_SESSION_NAME = Annotation(
    "role-session-name",
    BOOLEAN,
    "`true` or `false`",
    "sets `AWS_ROLE_SESSION_NAME`",
    "`--role-session-name`",
    binding_field="session_name",
    config_map_field="RoleSessionName",
)
SKIP_CONTAINERS = Annotation(
    "skip-containers",
    CONTAINER_NAMES,
    "names of containers, separated by commas (one line of CSV)",
    "these containers get nothing",
    "every container gets the identity",
    on_pod=True,
    upstream="0.3.0",
)

ANNOTATIONS: tuple[Annotation[Any], ...] = (
    ROLE_ARN,
    TOKEN_AUDIENCE,
    TOKEN_EXPIRATION,
    REGIONAL_STS,
    AWS_ENDPOINT_URL,
    AWS_CA_BUNDLE,
    ROLE_SESSION_NAME,
    SKIP_CONTAINERS,
)
"""Every annotation, in the order of the documentation."""

BINDING_ANNOTATIONS = tuple([annotation for annotation in ANNOTATIONS if annotation.binding_field])
"""The annotations of service accounts."""

CONFIG_MAP_ANNOTATIONS = tuple([annotation for annotation in ANNOTATIONS if annotation.config_map_field])
"""The annotations that an entry of the ConfigMap can stand in for."""


def read_annotations(annotations: Mapping[str, str | None], settings: InjectionSettings) -> Binding:
    """Return what a service account's annotations say. One that is malformed counts as absent, with a warning."""
    warnings: list[BindingWarning] = []
    values: dict[str, Any] = {}
    for key, annotation in _binding_keys(settings.annotation_prefix):
        text = annotations.get(key)
        if text is not None:
            value = annotation.parse(key, text, warnings.append)
            if value is not None:
                values[annotation.binding_field] = value
    return Binding(**values, warnings=tuple(warnings)) if values or warnings else EMPTY_BINDING


@functools.lru_cache(maxsize=4)
def _binding_keys(prefix: str) -> tuple[tuple[str, Annotation[Any]], ...]:
    return tuple([(annotation.key(prefix), annotation) for annotation in BINDING_ANNOTATIONS])
