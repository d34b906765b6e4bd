"""Issuers that many organizations share, and the claim that a trust policy on one of them has to pin down.

Since 2025 IAM refuses to store a trust policy that would let in every tenant of such an issuer. Issuers of EKS clusters
are not among them: each is one cluster's own. Roles that were stored before keep working, so this is not part of
reading a policy: call it where one is written. AWS's list is longer than this one, and its message is not known; the
text here is podrole's.

Source: AWS, "Identity-provider controls for shared OIDC providers".
"""

from __future__ import annotations

from podrole.iam.arn import parse_arn
from podrole.iam.conditions import Condition, Qualifier
from podrole.iam.errors import Fault, MalformedPolicyDocument
from podrole.iam.jsontext import line_and_column, locate
from podrole.iam.policy import Effect, Policy, Statement
from podrole.iam.principal import Principal, PrincipalType
from podrole.iam.request import NO_RESOURCE, Facts, Request

_CLAIMS = {
    "api.pulumi.com/oidc": "aud",
    "app.terraform.io": "sub",
    "cognito-identity.amazonaws.com": "aud",
    "gitlab.com": "sub",
    "token.actions.githubusercontent.com": "sub",
}

_BY_TOKEN = Facts(Request(Principal(PrincipalType.WEB_IDENTITY), "sts:AssumeRoleWithWebIdentity", NO_RESOURCE))


def check_shared_issuers(policy: Policy) -> None:
    """Refuse a trust policy that trusts a shared issuer without a condition on its tenant.

    The condition must be a positive String operator that needs its key, with no value made of wildcards alone. Raises
    :class:`MalformedPolicyDocument`.
    """
    for statement in policy.statements:
        if (
            statement.effect is not Effect.ALLOW
            or statement.principal is None
            or not statement.actions.matches(_BY_TOKEN)
        ):
            continue
        for provider in sorted(statement.principal.federated):
            issuer = _issuer(provider)
            claim = _CLAIMS.get(issuer)
            if claim is not None and not any(
                _pins(condition, f"{issuer}:{claim}") for condition in statement.conditions
            ):
                raise _open_to_all(policy, statement, f"{issuer}:{claim}")


def _issuer(provider: str) -> str:
    """Return what the provider's condition keys begin with; of a SAML provider nothing that is listed here."""
    if not provider.startswith("arn:"):
        return provider
    arn = parse_arn(provider)
    return arn.issuer if arn.is_oidc_provider else ""


def _pins(condition: Condition, key: str) -> bool:
    return (
        condition.key.lower() == key
        and condition.base.startswith("String")
        and not condition.negated
        and not condition.if_exists
        and condition.qualifier is not Qualifier.FOR_ALL_VALUES
        and bool(condition.values)
        and all(value.strip("*?") for value in condition.values)
    )


def _open_to_all(policy: Policy, statement: Statement, key: str) -> MalformedPolicyDocument:
    # Of a statement without a list the path ends at "Statement".
    line, column = line_and_column(policy.text, locate(policy.text, ("Statement", statement.index)))
    message = f"The trust policy lets in every tenant of a shared identity provider: it needs a condition on {key}."
    expected = f"a condition on {key} with a value that is more than wildcards"
    return MalformedPolicyDocument(
        [Fault("shared-issuer", message, statement.path, line, column, "no such condition", expected)]
    )
