"""May this user do this: one decision function for every request and for every review.

Administrators (``system:masters``) may do everything. What every authenticated user may do is what Kubernetes' own
default roles give everyone: read discovery, review oneself. A service account may do nothing else; everyone may ask
whether the server is alive. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
"""

from __future__ import annotations

from dataclasses import dataclass

from podrole.cluster.errors import StatusError
from podrole.cluster.users import AUTHENTICATED, MASTERS, SERVICE_ACCOUNTS, User


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is to be decided. ``path`` is set for requests that concern no resource.

    ``own_token`` is true of a review of the very token that the request was made with.
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
    own_token: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """``reason`` says which rule allowed it; a refusal needs none: nothing allowed it."""

    allowed: bool
    reason: str = ""


_PUBLIC_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version", "/version/"})
_DISCOVERY_PATHS = frozenset({"/api", "/apis", "/openapi", *_PUBLIC_PATHS})
_DISCOVERY_PREFIXES = ("/api/", "/apis/", "/openapi/")
_ISSUER_PATHS = frozenset({"/.well-known/openid-configuration", "/openid/v1/jwks"})
_SELF_REVIEWS = frozenset(
    {
        ("authentication.k8s.io", "selfsubjectreviews"),
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
    }
)


def authorize(wanted: Attributes) -> Decision:
    """Decide. Nothing that no rule names is allowed."""
    groups = wanted.user.groups
    if MASTERS in groups:
        return Decision(allowed=True, reason=f'the group "{MASTERS}" may do everything')
    if wanted.path:
        return _authorize_path(wanted, groups)
    if wanted.verb == "create" and AUTHENTICATED in groups:
        if (wanted.group, wanted.resource) in _SELF_REVIEWS:
            return Decision(allowed=True, reason="every authenticated user may review itself (system:basic-user)")
        if wanted.own_token and wanted.resource == "tokenreviews":
            return Decision(allowed=True, reason="a token may be reviewed by its own bearer")
    return Decision(allowed=False)


def _authorize_path(wanted: Attributes, groups: tuple[str, ...]) -> Decision:
    if wanted.verb not in ("get", "head"):
        return Decision(allowed=False)
    path = wanted.path
    if path in _PUBLIC_PATHS or path.startswith(("/livez/", "/readyz/", "/healthz/")):
        return Decision(allowed=True, reason="everyone may (system:public-info-viewer)")
    if AUTHENTICATED in groups and (path in _DISCOVERY_PATHS or path.startswith(_DISCOVERY_PREFIXES)):
        return Decision(allowed=True, reason="every authenticated user may (system:discovery)")
    if SERVICE_ACCOUNTS in groups and path in _ISSUER_PATHS:
        return Decision(allowed=True, reason="every service account may (system:service-account-issuer-discovery)")
    return Decision(allowed=False)


def refusal(wanted: Attributes, decision: Decision) -> StatusError:
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


def rules(user: User) -> tuple[list[dict[str, list[str]]], list[dict[str, list[str]]]]:
    """Return what the user may do, as resource rules and path rules (SelfSubjectRulesReview)."""
    if MASTERS in user.groups:
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        return [everything], [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
    paths = [{"verbs": ["get"], "nonResourceURLs": sorted(_PUBLIC_PATHS)}]
    if AUTHENTICATED not in user.groups:
        return [], paths
    everywhere = sorted({*_DISCOVERY_PATHS, *(f"{prefix}*" for prefix in _DISCOVERY_PREFIXES)})
    paths = [{"verbs": ["get"], "nonResourceURLs": everywhere}]
    if SERVICE_ACCOUNTS in user.groups:
        paths.append({"verbs": ["get"], "nonResourceURLs": sorted(_ISSUER_PATHS)})
    by_group: dict[str, list[str]] = {}
    for group, resource in sorted(_SELF_REVIEWS):
        by_group.setdefault(group, []).append(resource)
    reviews = [
        {"verbs": ["create"], "apiGroups": [group], "resources": resources} for group, resources in by_group.items()
    ]
    return reviews, paths


def _escaped(text: str) -> str:
    # As kube-apiserver: these texts may end in a browser.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
