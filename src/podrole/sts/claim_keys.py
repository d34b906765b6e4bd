"""Which of a token's claims become condition keys.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html: of every provider ``aud``,
``sub`` and ``amr`` (``oaud`` and ``email`` too, while the role is being assumed); of a few providers that many
organizations share also claims that tell their tenants apart, for trust policies alone
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html). All others are
absent, ``iss`` and ``kubernetes.io`` among them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from podrole.oidc.token import UnverifiedClaims, VerifiedClaims
from podrole.sts.denial import Step, denied

_GITHUB = (
    "actor",
    "actor_id",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "repository_owner_id",
    "workflow",
)
_BUILDKITE = (
    "build_branch",
    "cluster_id",
    "cluster_name",
    "organization_id",
    "organization_slug",
    "pipeline_id",
    "pipeline_slug",
)
_GITLAB = (
    "namespace_id",
    "pipeline_source",
    "project_id",
    "ref_protected",
    "runner_environment",
    "user_access_level",
    "user_email",
    "user_id",
    "user_login",
)
_PROVIDERS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), claims)
    for pattern, claims in (
        (r"token\.actions\.githubusercontent\.com(?:/.+)?", _GITHUB),
        (r"token\.actions\.[^./]+\.ghe\.com", _GITHUB),
        (r"github\.com/enterprises/[^/]+", _GITHUB),
        (r"agent\.buildkite\.com|agent\.[^./]+\.buildkite\.(?:dev|site)", _BUILDKITE),
        (r"gitlab\.com", _GITLAB),
        (r"oidc\.circleci\.com/org/[^/]+", ("oidc.circleci.com/project-id",)),
        (r"idcs-[^./]+\.identity\.oraclecloud\.com", ("rpst_id",)),
        (r"accounts\.google\.com", ("google/organization_number",)),
    )
)


def check_claims(claims: UnverifiedClaims) -> None:
    """Refuse a token whose ``amr`` or ``email`` is not what a condition could be asked about. Raises Denied."""
    methods, email = claims.payload.get("amr"), claims.payload.get("email")
    if methods is not None and not all(map(_is_text, methods if isinstance(methods, list) else [methods])):
        raise _malformed("amr")
    if email is not None and not _is_text(email):
        raise _malformed("email")
    if not 1 <= len(claims.subject) <= MAX_SUBJECT:
        raise _malformed("sub", f"at most {MAX_SUBJECT} characters")


ROLES_CLAIM = "https://aws.amazon.com/roles"
"""The roles that the identity provider lets the token assume: a list of ARNs, or one text with ``;`` between them."""


def require_listed_role(claims: UnverifiedClaims, role_arn: str) -> None:
    """Refuse a token that lists the roles it may assume, and not this one. Raises Denied."""
    roles = _listed_roles(claims.payload)
    if roles is not None and role_arn not in roles:
        raise denied(
            Step.CLAIMS,
            "InvalidIdentityToken",
            "The requested role is not in the list of roles of the web identity token.",
            f"The token's claim {ROLES_CLAIM} does not list the role.",
            got=", ".join(roles) or "no role",
            expected=role_arn,
        )


def _listed_roles(payload: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the roles that the token lists; None for a token without the claim. Raises Denied."""
    if ROLES_CLAIM not in payload:
        return None
    listed = payload[ROLES_CLAIM]
    if isinstance(listed, str):
        listed = listed.split(";")
    if not isinstance(listed, list) or not all(map(_is_text, listed)):
        raise _malformed(ROLES_CLAIM, "a list of role ARNs, or one text with ; between them")
    return tuple(role for role in listed if role)


MAX_SUBJECT = 255
"""What SubjectFromWebIdentityToken holds, and what OpenID Connect Core 1.0, 2 allows."""


def lasting_keys(prefix: str, claims: VerifiedClaims) -> dict[str, str | list[str]]:
    """Return the keys that the session carries on: ``prefix`` is the provider's URL without its scheme."""
    keys: dict[str, str | list[str]] = {f"{prefix}:aud": claims.effective_audience, f"{prefix}:sub": claims.subject}
    methods = claims.payload.get("amr")
    if methods:
        keys[f"{prefix}:amr"] = methods if isinstance(methods, list) else [methods]
    return keys


def trust_keys(prefix: str, claims: VerifiedClaims, role_arn: str) -> dict[str, str | list[str]]:
    """Return the keys that there are beside the lasting ones while the role is being assumed."""
    audiences = claims.audiences
    listed = role_arn in (_listed_roles(claims.payload) or ())
    keys: dict[str, str | list[str]] = {f"{prefix}:oaud": audiences[0] if len(audiences) == 1 else list(audiences)}
    keys["sts:RoleAuthorizedByIdp"] = "true" if listed else "false"
    email = claims.payload.get("email")
    if email is not None:
        keys[f"{prefix}:email"] = email
    for name in _tenant_claims(prefix):
        value = _claim(claims.payload, name)
        if value is not None:
            keys[f"{prefix}:{name}"] = value
    return keys


@functools.lru_cache(maxsize=256)
def _tenant_claims(prefix: str) -> tuple[str, ...]:
    return next((claims for pattern, claims in _PROVIDERS if pattern.fullmatch(prefix)), ())


def _claim(payload: Mapping[str, Any], name: str) -> str | None:
    value = payload.get(name)
    outer, _, inner = name.partition("/")
    if value is None and isinstance(payload.get(outer), dict):
        value = payload[outer].get(inner)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if _is_text(value) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _malformed(claim: str, expected: str = "printable text") -> Exception:
    return denied(
        Step.CLAIMS,
        "InvalidIdentityToken",
        "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for "
        "requirements.",
        f"The claim {claim!r} cannot become a condition key.",
        expected=expected,
    )
