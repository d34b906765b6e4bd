"""What a source says about a service account, and the identity that follows from all sources."""

from __future__ import annotations

from typing import Literal

import msgspec

from podrole.webhook.settings import CABundle

Method = Literal["sts_web_identity", "container_credentials"]


class BindingWarning(msgspec.Struct, frozen=True, gc=False):
    """A value of a binding that is ignored or used in another way than it is written.

    ``text`` is a sentence for people. ``annotation`` is the annotation's key, None for a field of the ConfigMap.
    """

    text: str
    annotation: str | None = None


class Binding(msgspec.Struct, frozen=True, gc=False):
    """What one source says about a service account. A field is None if the source does not set it.

    ``ca_bundle`` is False if the source says that there is none.
    """

    role_arn: str | None = None
    audience: str | None = None
    regional_sts: bool | None = None
    token_expiration: int | None = None
    endpoint_url: str | None = None
    ca_bundle: CABundle | Literal[False] | None = None
    session_name: bool | None = None
    warnings: tuple[BindingWarning, ...] = ()


EMPTY_BINDING = Binding()
"""What most service accounts say. They share this one value."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What the pods of one service account get.

    ``role_arn`` is empty for EKS Pod Identity, whose agent knows the role. ``explicit_expiration`` is whether the
    binding sets the lifetime. ``source`` names the binding in words. ``role_problem`` is a sentence that says why the
    role cannot be the ARN of a role that the pods can assume.
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
    warnings: tuple[BindingWarning, ...] = ()
    role_problem: str | None = None

    @property
    def warning_texts(self) -> list[str]:
        """Everything that is wrong with the binding, as sentences."""
        texts = [warning.text for warning in self.warnings]
        return texts if self.role_problem is None else [*texts, self.role_problem]
