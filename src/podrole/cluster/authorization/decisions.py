"""The attributes of an access decision, the decision, and the refusal that a client sees."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import User


@dataclass(frozen=True, slots=True)
class AccessAttributes:
    """What is to be decided. ``path`` is set for non-resource requests; then only ``verb`` counts besides.

    ``namespace`` and ``name`` are empty if the request is for all namespaces or objects, or for a new object.
    """

    user: User
    verb: str
    path: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """``reason`` names the binding that allows it; for a refusal, the missing roles that bindings refer to."""

    allowed: bool
    reason: str = ""


def refusal(wanted: AccessAttributes, decision: AccessDecision) -> StatusError:
    """Return the Forbidden answer to a request that is not allowed."""
    why = f": {decision.reason}" if decision.reason else ""
    user = _escaped(wanted.user.name)
    if wanted.path:
        text = f'User "{user}" cannot {wanted.verb} path "{_escaped(wanted.path)}"'
        return StatusError(403, "Forbidden", f"forbidden: {text}{why}", details={})
    resource = f"{wanted.resource}/{wanted.subresource}" if wanted.subresource else wanted.resource
    scope = f'in the namespace "{_escaped(wanted.namespace)}"' if wanted.namespace else "at the cluster scope"
    text = (
        f'User "{user}" cannot {wanted.verb} resource "{_escaped(resource)}" in API group "{_escaped(wanted.group)}" '
        f"{scope}"
    )
    qualified = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    subject = f'{qualified} "{wanted.name}"' if wanted.name else qualified
    details = {
        key: value
        for key, value in (("name", wanted.name), ("group", wanted.group), ("kind", wanted.resource))
        if value
    }
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {text}{why}", details=details)


def _escaped(text: str) -> str:
    # As kube-apiserver: these texts may end in a browser.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
