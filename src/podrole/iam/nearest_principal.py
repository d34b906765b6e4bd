"""The nearest miss of a statement's principals."""

from __future__ import annotations

from podrole.iam.arn import ARN, parse_arn
from podrole.iam.errors import InvalidARN
from podrole.iam.nearest import Hint, Near, difference, first_hint, similar_to
from podrole.iam.patterns import has_wildcard
from podrole.iam.policy import Statement
from podrole.iam.principal import Principal, PrincipalType
from podrole.iam.request import Facts


def principal_hint(statement: Statement, facts: Facts) -> Hint | None:
    """Say what the statement's principals miss."""
    element, caller = statement.principal, facts.principal
    if element is None or element.negated:
        return None
    if caller.type is PrincipalType.WEB_IDENTITY:
        return _provider_hint(element.federated, caller, bool(element.arns or element.accounts or element.every_aws))
    if caller.type is PrincipalType.SERVICE:
        return _service_hint(element.services, caller)
    if caller.type is PrincipalType.ANONYMOUS:
        return Hint(Near.PRINCIPAL_TYPE, 'the request is not signed: only "*" means everyone')
    if element.arns or element.accounts or element.ids:
        hint = _account_hint(sorted(element.arns), element.accounts, caller)
        return _deleted_hint(element.ids, caller) if hint is None and element.ids else hint
    kinds = [name for name, held in (("Federated", element.federated), ("Service", element.services)) if held]
    if not kinds:
        return None
    return Hint(Near.PRINCIPAL_TYPE, f"the caller is of AWS, the statement names only {' and '.join(kinds)}")


def _service_hint(services: frozenset[str], caller: Principal) -> Hint | None:
    if not services:
        return Hint(Near.PRINCIPAL_TYPE, "the caller is a service: it matches only Service")
    similar = similar_to(caller.arn, sorted(services))
    return Hint(Near.OTHER_PRINCIPAL, f"the caller is {caller.arn}, not {similar}") if similar else None


def _provider_hint(providers: frozenset[str], caller: Principal, names_aws: bool) -> Hint:
    if not providers:
        never = ", never AWS" if names_aws else ""
        return Hint(Near.PRINCIPAL_TYPE, f"a web identity matches only Federated{never}")
    for provider in sorted(providers):
        mine, theirs = caller.arn.split(":", 5), provider.split(":", 5)
        if len(mine) == len(theirs) == 6 and mine[5] == theirs[5] and mine[4] != theirs[4]:
            return Hint(
                Near.PRINCIPAL_ACCOUNT, f"the same provider in another account: {theirs[4]} instead of {mine[4]}"
            )
        if provider.rstrip("/") == caller.arn.rstrip("/"):
            return Hint(Near.PRINCIPAL_SPELLING, "differs only in the slash at its end")
        if provider.lower() == caller.arn.lower():
            return Hint(Near.PRINCIPAL_SPELLING, "differs only in case")
        if has_wildcard(provider):
            return Hint(
                Near.PRINCIPAL_WILDCARD,
                "a wildcard in Federated is an ordinary character; name the provider's whole ARN",
            )
    return Hint(Near.OTHER_PROVIDER, "the token was validated by another provider")


def _account_hint(arns: list[str], accounts: frozenset[str], caller: Principal) -> Hint | None:
    try:
        mine = parse_arn(caller.role_arn or caller.arn)
    except InvalidARN:  # nobody checked it before; a hint must not be what fails
        return None
    hint = first_hint(Near.OTHER_PRINCIPAL, (_entity_hint(parse_arn(text), mine, caller) for text in arns))
    if hint is None and not arns and any(caller.account != account for account in accounts):
        return Hint(Near.PRINCIPAL_ACCOUNT, f"the caller is of account {caller.account}")
    return hint


_KINDS_OF_IDS = {"AROA": "role", "AIDA": "user"}


def _deleted_hint(ids: frozenset[str], caller: Principal) -> Hint:
    """Say what a unique id means. A stored policy has one in the place of an ARN whose role or user is gone; the caller
    may be another one of that name."""
    kind = "AIDA" if caller.type is PrincipalType.USER else "AROA"
    unique_id = min(ids, key=lambda candidate: (not candidate.startswith(kind), candidate))
    noun = _KINDS_OF_IDS[unique_id[:4]]
    return Hint(
        Near.PRINCIPAL_DELETED,
        f"{unique_id} is the unique id that AWS shows for a {noun} which was deleted, or deleted and created again, "
        "after the policy was stored; store the policy again with the ARN",
    )


def _entity_hint(named: ARN, mine: ARN, caller: Principal) -> str:
    if named.is_assumed_role:
        if str(named).rpartition("/")[0] == caller.arn.rpartition("/")[0]:
            return f"another session of the role; naming the role, {mine}, means all its sessions"
        return ""
    if str(named).lower() == str(mine).lower():
        return f"differs only in case: {difference(str(named), str(mine))}"
    if named.resource == mine.resource:
        return f"the same name in another account: {difference(named.account, mine.account)}"
    if named.name != mine.name or named.account != mine.account:
        return ""
    if named.resource_type != mine.resource_type:
        return f"that is the {named.resource_type} of this name, the caller is the {mine.resource_type}"
    return f"the same name under another path: {difference(named.resource, mine.resource)}"
