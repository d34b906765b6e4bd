"""Policy documents are checked before they are stored (podrole.iam.storing)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.account.errors import AccountError
from podrole.account.iam.request import IAMRequest
from podrole.iam.arn import parse_arn
from podrole.iam.limits import Owner
from podrole.iam.policy import Policy
from podrole.iam.storing import StoredAs, check_storable


def trust_document(request: IAMRequest, text: str) -> tuple[str, Mapping[str, str]]:
    """Return a trust policy and the unique ids of the users and roles that it names.

    Raises PolicyError for a document that AWS does not take, AccountError if it names a principal that does not exist.
    """
    policy = check_storable(text, StoredAs.TRUST, request.state.partition)
    ids = {}
    for arn in named_principals(policy):
        unique_id = request.state.unique_id(arn)
        if unique_id is not None:
            ids[arn] = unique_id
        elif request.state.account_of(arn) is not None:
            message = f'Invalid principal in policy: "AWS":"{arn}"'
            raise AccountError("MalformedPolicyDocument", 400, message, why=f"{arn} does not exist.")
    return text, ids


def named_principals(policy: Policy) -> list[str]:
    """Return the ARNs of users and roles that a policy names as principals."""
    arns = {arn for statement in policy.statements if statement.principal for arn in statement.principal.arns}
    return sorted(arn for arn in arns if _is_user_or_role(arn))


def _is_user_or_role(text: str) -> bool:
    arn = parse_arn(text)
    return arn.is_role or arn.is_user


def managed_document(request: IAMRequest, text: str) -> str:
    """Return the document of a managed policy. Raises PolicyError."""
    check_storable(text, StoredAs.MANAGED, request.state.partition)
    return text


def inline_document(request: IAMRequest, text: str, others: Iterable[str], owner: Owner, name: str) -> str:
    """Return the document of an inline policy, beside the ``others`` of its owner. Raises PolicyError."""
    check_storable(text, StoredAs.INLINE, request.state.partition, beside=others, owner=owner, name=name)
    return text
