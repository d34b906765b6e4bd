"""A token as STS sees it: its claims, and each check with its result. The signature is never shown or sent back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.find_target import find_target
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.sources import Sources
from podrole.doctor.token_check import TokenCheck, check_with_sources
from podrole.doctor.token_text import token_text
from podrole.oidc.token import MAX_TOKEN_CHARACTERS, parse_token

AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, slots=True)
class TokenView:
    """Header and claims, and the checks. ``of`` is the service account that the token was requested for, None for a
    token that was pasted."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    checked: TokenCheck
    of: DoctorTarget | None = None


async def read_pasted(text: str, role_arn: str | None, sources: Sources) -> TokenView:
    """Check a pasted token, line breaks at its ends aside. Raises TokenRefused and SourceError."""
    raw = text.strip().encode("utf-8", "replace")[: 4 * MAX_TOKEN_CHARACTERS]
    return await _viewed(token_text(raw, piped=True), role_arn, sources)


async def read_for_pod(pod: str, role_arn: str | None, sources: Sources) -> TokenView:
    """Request a token of a pod's service account, as ``podrole doctor --live`` does, check it and drop it.

    It is valid for ten minutes and not bound to the pod. ``pod`` is ``NAMESPACE/POD`` or
    ``NAMESPACE/serviceaccount/NAME``. Raises BadTarget, TokenRefused and SourceError.
    """
    if not pod.strip():
        raise BadTarget("Name a pod, or paste a token.", expected="NAMESPACE/POD or NAMESPACE/serviceaccount/NAME")
    target = await find_target(pod.strip(), sources.cluster)
    issued = await sources.cluster.request_token(target.namespace, target.service_account, AUDIENCE)
    return await _viewed(issued.token, role_arn, sources, target)


async def _viewed(token: str, role_arn: str | None, sources: Sources, of: DoctorTarget | None = None) -> TokenView:
    parsed = parse_token(token)
    checked = await check_with_sources(token, sources, role_arn=role_arn or None)
    return TokenView(parsed.header, parsed.payload, checked, of)
