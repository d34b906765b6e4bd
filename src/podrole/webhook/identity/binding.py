"""What a source says about a service account, and the identity that follows from all sources."""

from __future__ import annotations

from typing import Literal

import msgspec

from podrole.webhook.settings import CABundle

Method = Literal["sts_web_identity", "container_credentials"]


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What the pods of one service account are given.

    ``role_arn`` is empty for EKS Pod Identity, whose agent knows the role. ``source`` says in words where the binding
    stands, ``warnings`` what is wrong with it: both are for people.
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
    warnings: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True, gc=False):
    """One source's word on a service account, None where it is silent. ``warnings`` names what was not understood."""

    role_arn: str | None = None
    audience: str | None = None
    regional_sts: bool | None = None
    token_expiration: int | None = None
    endpoint_url: str | None = None
    ca_bundle: CABundle | Literal[False] | None = None
    session_name: bool | None = None
    warnings: tuple[str, ...] = ()


EMPTY_BINDING = Binding()
"""What most service accounts say. They share this one value."""
