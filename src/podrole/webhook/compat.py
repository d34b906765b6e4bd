"""The two compatibility modes: ``podrole``, and ``strict``, which answers byte for byte as the EKS webhook does."""

from __future__ import annotations

from podrole.webhook.identity.resolver import IdentityResolver, PodroleIdentityResolver
from podrole.webhook.settings import Compat, InjectionSettings
from podrole.webhook.strict.resolver import StrictIdentityResolver


def resolver_for(compat: Compat, settings: InjectionSettings) -> IdentityResolver:
    """Return the resolver of this compatibility mode."""
    return StrictIdentityResolver(settings) if compat == "strict" else PodroleIdentityResolver(settings)
