"""A trust policy with its faults repaired; STS's function is asked about each result."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from podrole.doctor.facts.exchange import ExchangeQuestion, HypotheticalDirectory, ask_sts, expected_provider
from podrole.iam.directory import Directory, OIDCProvider, Role
from podrole.iam.explain import Evidence, Failure
from podrole.iam.nearest import Near
from podrole.iam.patterns import has_wildcard
from podrole.iam.policy import Effect
from podrole.sts.denial import Denial
from podrole.sts.web_identity import ACTION, Granted

Document = dict[str, Any]

_MOST_PASSES = 4

_KEY_NEARS = frozenset(
    {
        Near.SCHEME_IN_KEY,
        Near.PORT_IN_KEY,
        Near.SLASH_IN_KEY,
        Near.OTHER_ISSUER,
        Near.KEY_MISSPELT,
        Near.NO_SUCH_KEY,
    }
)


def trust_statement(question: ExchangeQuestion, provider_arn: str) -> Document:
    """Return the statement that trusts this service account and no other."""
    prefix = question.issuer.removeprefix("https://")
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": ACTION,
        "Condition": {"StringEquals": {f"{prefix}:sub": question.subject, f"{prefix}:aud": question.audience}},
    }


def trust_document(question: ExchangeQuestion, provider_arn: str) -> str:
    """Return a trust policy with that statement only."""
    return json.dumps({"Version": "2012-10-17", "Statement": [trust_statement(question, provider_arn)]}, indent=2)


def repaired_trust_policy(
    role: Role, question: ExchangeQuestion, directory: Directory, existing: frozenset[str] = frozenset()
) -> str | None:
    """Return the role's trust policy with the smallest change that makes it trust the service account.

    ``existing`` are subjects that keep the role. STS's function decides about each candidate. None if no change helps.
    """
    provider = expected_provider(question)
    for candidate in _candidates(role, question, provider, directory, existing):
        text = json.dumps(candidate, indent=2)
        if isinstance(_asked(role, text, question, provider, directory), Granted):
            return text
    return None


def evidence_of(denial: Denial) -> tuple[Evidence, ...]:
    """Return the evidence of the trust policy's evaluation, the closest statement first."""
    return tuple(msgspec.convert(one, Evidence) for one in denial.evidence.get("evidence", ()))


def _asked(
    role: Role, text: str, question: ExchangeQuestion, provider: OIDCProvider, directory: Directory
) -> Granted | Denial:
    return ask_sts(question, HypotheticalDirectory(directory, provider, replace(role, trust_policy=text)))


def _candidates(
    role: Role, question: ExchangeQuestion, provider: OIDCProvider, directory: Directory, existing: frozenset[str]
) -> Iterator[Document]:
    statement = trust_statement(question, provider.arn)
    fresh: Document = {"Version": "2012-10-17", "Statement": [statement]}
    try:
        document = json.loads(role.trust_policy)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("Statement"), (dict, list)):
        yield fresh
        return
    document = _with_list(document)
    changed = document
    evidence: tuple[Evidence, ...] = ()
    for _ in range(_MOST_PASSES):  # one fault can hide another: a wrong value under a wrong key
        outcome = _asked(role, json.dumps(changed), question, provider, directory)
        if isinstance(outcome, Granted):
            yield changed
            break
        evidence = evidence_of(outcome)
        nearest = next((one for one in evidence if one.statement and not one.applies), None)
        better = None if nearest is None else _with_fixes(changed, nearest, question, provider, existing)
        if better is None or better == changed:
            break
        changed = better
    yield {**document, "Statement": [*document["Statement"], statement]}
    denying = {_index(one) for one in evidence if one.applies and one.effect == Effect.DENY}
    kept = [one for index, one in enumerate(changed["Statement"]) if index not in denying]
    if denying and kept:
        yield {**changed, "Statement": kept}
        yield {**changed, "Statement": [*kept, statement]}
    yield fresh


def _with_list(document: Document) -> Document:
    statements = document["Statement"]
    return {**document, "Statement": list(statements) if isinstance(statements, list) else [statements]}


def _index(evidence: Evidence) -> int:
    digits = "".join(character for character in evidence.statement if character.isdigit())
    return int(digits) if digits else 0


def _with_fixes(
    document: Document, nearest: Evidence, question: ExchangeQuestion, provider: OIDCProvider, existing: frozenset[str]
) -> Document | None:
    changed = copy.deepcopy(document)
    try:
        statement = changed["Statement"][_index(nearest)]
    except IndexError:
        return None
    for failure in nearest.failures:
        if failure.near == Near.OLD_VERSION:
            changed["Version"] = "2012-10-17"
        elif not _fix(statement, failure, question, provider, existing):
            return None
    return changed


def _fix(
    statement: Document, failure: Failure, question: ExchangeQuestion, provider: OIDCProvider, existing: frozenset[str]
) -> bool:
    """Correct one element in place. Return whether it can be corrected."""
    if failure.element == "Action":
        return _fix_action(statement, failure)
    if failure.element == "Principal":
        return _fix_principal(statement, failure, provider)
    return failure.element == "Condition" and _fix_condition(statement, failure, question, existing)


def _fix_action(statement: Document, failure: Failure) -> bool:
    if set(statement.get("Principal", {})) != {"Federated"}:
        return False  # the statement is for other principals, which keep it
    if failure.near not in (Near.ACTION_OF_OTHER_CALLERS, Near.ACTION_MISSPELT):
        return False
    statement["Action"] = ACTION
    return True


def _fix_principal(statement: Document, failure: Failure, provider: OIDCProvider) -> bool:
    principal = statement.get("Principal")
    if failure.near == Near.PRINCIPAL_TYPE or not isinstance(principal, dict) or "Federated" not in principal:
        return False
    named = principal["Federated"]
    listed = [named] if isinstance(named, str) else list(named)
    kept = [one for one in listed if "oidc-provider/" not in one] if len(listed) > 1 else []
    principal["Federated"] = [*kept, provider.arn] if kept else provider.arn
    return True


def _fix_condition(statement: Document, failure: Failure, question: ExchangeQuestion, existing: frozenset[str]) -> bool:
    conditions = statement.get("Condition", {})
    keys = conditions.get(failure.operator)
    if not isinstance(keys, dict) or failure.key not in keys:
        return False
    prefix = question.issuer.removeprefix("https://")
    claims = {"sub": question.subject, "aud": question.audience}
    claim = failure.key.rpartition(":")[2].lower()
    if failure.near == Near.LITERAL_WILDCARD:
        values = keys.pop(failure.key)
        if not keys:
            del conditions[failure.operator]
        operator = failure.operator.replace("StringEquals", "StringLike")
        conditions.setdefault(operator, {})[failure.key] = values
        return True
    if failure.near in _KEY_NEARS:
        values = keys.pop(failure.key)
        if (
            failure.near == Near.NO_SUCH_KEY
        ):  # a claim that is not a condition key must go; a condition on sub replaces it
            keys.setdefault(f"{prefix}:sub", question.subject)
            return True
        if claim not in claims:
            return False
        # Values and key can both be wrong: the next evaluation checks the values.
        keys[f"{prefix}:{claim}"] = values
        return True
    if claim not in claims or not failure.operator.startswith("String"):
        return False
    keys[failure.key] = _with_value(keys[failure.key], claims[claim], existing)
    return True


def _with_value(values: Any, wanted: str, existing: frozenset[str]) -> Any:
    """Return a condition's values with the wanted one; those of existing service accounts stay."""
    listed = values if isinstance(values, list) else [values]
    kept = [value for value in listed if value in existing or has_wildcard(str(value))]
    return [*kept, wanted] if kept else wanted
