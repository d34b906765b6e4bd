"""A trust policy with its faults repaired, or with what it allows too much taken out; each result is proven."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from podrole.doctor.facts.exchange import ExchangeQuestion, HypotheticalDirectory, ask_sts, expected_provider
from podrole.doctor.remedies.trust_proof import TrustProof
from podrole.doctor.sources.account import Account
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import OIDCProvider, Role
from podrole.iam.explain import Evidence, Failure
from podrole.iam.nearest import Near
from podrole.iam.patterns import has_wildcard
from podrole.iam.policy import Effect
from podrole.kube.subjects import PREFIX
from podrole.sts.denial import Denial
from podrole.sts.web_identity import ACTION, Granted

Document = dict[str, Any]

_MOST_PASSES = 4

_KEY_NEARS = frozenset(
    {
        Near.SCHEME_IN_KEY,
        Near.PORT_IN_KEY,
        Near.SLASH_IN_KEY,
        Near.ARN_IN_KEY,
        Near.OTHER_ISSUER,
        Near.KEY_MISSPELT,
        Near.NO_SUCH_KEY,
    }
)
_BESIDE = frozenset({"sts:tagsession", "sts:setsourceidentity"})
"""Actions that a statement allows beside the exchange."""


def trust_statement(question: ExchangeQuestion, provider_arn: str, *others: str) -> Document:
    """Return the statement that trusts this service account, those with the subjects ``others``, and no other."""
    prefix = question.issuer.removeprefix("https://")
    subjects = sorted({question.subject, *others})
    subject = subjects if len(subjects) > 1 else question.subject
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": ACTION,
        "Condition": {"StringEquals": {f"{prefix}:sub": subject, f"{prefix}:aud": question.audience}},
    }


def trust_document(question: ExchangeQuestion, provider_arn: str) -> str:
    """Return a trust policy with that statement only."""
    return json.dumps({"Version": "2012-10-17", "Statement": [trust_statement(question, provider_arn)]}, indent=2)


def repaired_trust_policy(
    role: Role, question: ExchangeQuestion, account: Account, existing: frozenset[str] = frozenset()
) -> str | None:
    """Return the role's trust policy with the smallest proven change that makes it trust the service account.

    ``existing`` are subjects that keep the role. None if no change can be proven.
    """
    provider = expected_provider(question)
    proof = TrustProof(role, question, account, existing)
    texts = (json.dumps(candidate, indent=2) for candidate in _candidates(role, question, provider, account, proof))
    return next((text for text in texts if proof.holds(text)), None)


def narrowed_trust_policy(
    role: Role, question: ExchangeQuestion, account: Account, users: frozenset[str]
) -> str | None:
    """Return the role's trust policy without what trusts service accounts that are not among ``users``.

    Statements that trust others become one that names the users. None if no change can be proven.
    """
    document = _with_list(json.loads(role.trust_policy))
    provider = expected_provider(question)
    proof = TrustProof(role, question, account, users)
    mine = [statement for statement in document["Statement"] if _names_only(statement, proof)]
    kept = [statement for statement in document["Statement"] if statement not in mine]
    allowing = [statement for statement in mine if statement.get("Effect") == "Allow"]
    if not allowing:
        return None
    narrow = trust_statement(question, provider.arn, *users)
    audiences = proof.granted_audiences()
    if len(audiences) > 1:
        narrow["Condition"]["StringEquals"][f"{provider.key_prefix}:aud"] = audiences
    beside = [action for action in _listed(allowing[0].get("Action")) if str(action).lower() in _BESIDE]
    narrow = {**narrow, "Action": [ACTION, *beside]} if beside else narrow
    text = json.dumps({**document, "Statement": [*kept, narrow]}, indent=2)
    return text if proof.holds(text, closes=True) else None


def _names_only(statement: Document, proof: TrustProof) -> bool:
    """Say whether a statement allows tokens of this issuer, or of issuers that the account has no provider for."""
    principal = statement.get("Principal")
    if statement.get("Effect") != "Allow" or not isinstance(principal, dict) or set(principal) != {"Federated"}:
        return False
    mine = expected_provider(proof.question).arn
    return all(arn == mine or not proof.works(arn) for arn in _listed(principal["Federated"]))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def evidence_of(denial: Denial) -> tuple[Evidence, ...]:
    """Return the evidence of the trust policy's evaluation, the closest statement first."""
    return tuple(msgspec.convert(entry, Evidence) for entry in denial.evidence.get("evidence", ()))


def _asked(
    role: Role, text: str, question: ExchangeQuestion, provider: OIDCProvider, account: Account
) -> Granted | Denial:
    return ask_sts(question, HypotheticalDirectory(account, provider, replace(role, trust_policy=text)))


def _candidates(
    role: Role, question: ExchangeQuestion, provider: OIDCProvider, account: Account, proof: TrustProof
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
        outcome = _asked(role, json.dumps(changed), question, provider, account)
        if isinstance(outcome, Granted):
            yield changed
            break
        evidence = evidence_of(outcome)
        nearest = next((entry for entry in evidence if entry.statement and not entry.applies), None)
        better = None if nearest is None else _with_fixes(changed, nearest, question, proof)
        if better is None or better == changed:
            break
        changed = better
    yield {**document, "Statement": [*document["Statement"], statement]}
    denying = {_index(entry) for entry in evidence if entry.applies and entry.effect == Effect.DENY}
    if denying:
        yield from _without_denials(changed, denying, question, statement)
    yield fresh


def _without_denials(
    document: Document, denying: set[int], question: ExchangeQuestion, statement: Document
) -> Iterator[Document]:
    """Yield documents whose Deny statements except the service account, and documents without these statements."""
    excepted = [
        _excepting(existing, question) if index in denying else existing
        for index, existing in enumerate(document["Statement"])
    ]
    if None not in excepted:
        yield {**document, "Statement": excepted}
        yield {**document, "Statement": [*excepted, statement]}
    kept = [existing for index, existing in enumerate(document["Statement"]) if index not in denying]
    if kept:
        yield {**document, "Statement": kept}
        yield {**document, "Statement": [*kept, statement]}


def _excepting(statement: Document, question: ExchangeQuestion) -> Document | None:
    """Return a Deny of all subjects but some, with one more of these; None if it has another form."""
    key = f"{question.issuer.removeprefix('https://')}:sub"
    for operator, keys in (statement.get("Condition") or {}).items():
        if operator in ("StringNotEquals", "StringNotLike") and key in keys:
            changed = copy.deepcopy(statement)
            changed["Condition"][operator][key] = [*_listed(keys[key]), question.subject]
            return changed
    return None


def _with_list(document: Document) -> Document:
    statements = document["Statement"]
    return {**document, "Statement": list(statements) if isinstance(statements, list) else [statements]}


def _index(evidence: Evidence) -> int:
    digits = "".join(character for character in evidence.statement if character.isdigit())
    return int(digits) if digits else 0


def _with_fixes(
    document: Document, nearest: Evidence, question: ExchangeQuestion, proof: TrustProof
) -> Document | None:
    changed = copy.deepcopy(document)
    try:
        statement = changed["Statement"][_index(nearest)]
    except IndexError:
        return None
    for failure in nearest.failures:
        if failure.near == Near.OLD_VERSION:
            changed["Version"] = "2012-10-17"
        elif not _fix(statement, failure, question, proof):
            return None
    return changed


def _fix(statement: Document, failure: Failure, question: ExchangeQuestion, proof: TrustProof) -> bool:
    """Correct one element in place. Return whether it can be corrected."""
    if failure.element == "Action":
        return _fix_action(statement, failure)
    if failure.element == "Principal":
        return _fix_principal(statement, failure, expected_provider(question), proof)
    return failure.element == "Condition" and _fix_condition(statement, failure, question, proof)


def _fix_action(statement: Document, failure: Failure) -> bool:
    if set(statement.get("Principal", {})) != {"Federated"}:
        return False  # the statement is for other principals, which keep it
    if failure.near not in (Near.ACTION_OF_OTHER_CALLERS, Near.ACTION_MISSPELT):
        return False
    beside = [action for action in _listed(statement.get("Action")) if str(action).lower() in _BESIDE]
    statement["Action"] = [ACTION, *beside] if beside else ACTION
    return True


def _fix_principal(statement: Document, failure: Failure, provider: OIDCProvider, proof: TrustProof) -> bool:
    principal = statement.get("Principal")
    if failure.near == Near.PRINCIPAL_TYPE or not isinstance(principal, dict) or "Federated" not in principal:
        return False
    if any("oidc-provider/" not in arn or proof.works(arn) for arn in _listed(principal["Federated"])):
        return False  # the statement is for tokens of another issuer, which keep it
    principal["Federated"] = provider.arn
    return True


def _fix_condition(statement: Document, failure: Failure, question: ExchangeQuestion, proof: TrustProof) -> bool:
    conditions = statement.get("Condition", {})
    keys = conditions.get(failure.operator)
    if not isinstance(keys, dict) or failure.key not in keys:
        return False
    prefix = question.issuer.removeprefix("https://")
    claim = failure.key.rpartition(":")[2].lower()
    if failure.near in _KEY_NEARS:
        values = keys.pop(failure.key)
        if failure.near == Near.NO_SUCH_KEY:
            # A claim that is not a condition key must go; a condition on sub replaces it.
            keys.setdefault(f"{prefix}:sub", question.subject)
            return True
        if claim not in ("sub", "aud"):
            return False
        # Values and key can both be wrong: the next evaluation checks the values.
        keys[f"{prefix}:{claim}"] = values
        return True
    if claim not in ("sub", "aud") or not failure.operator.startswith("String"):
        return False
    patterns = "Like" in failure.operator
    if claim == "sub":
        wanted = question.subject
        kept = [
            value
            for value in _listed(keys[failure.key])
            if value in proof.existing or (patterns and has_wildcard(value))
        ]
    else:
        wanted = question.audience
        accepted = _accepted(question, proof)
        kept = [
            value
            for value in _listed(keys[failure.key])
            if not value.startswith(PREFIX)
            and (accepted is None or value in accepted or (patterns and has_wildcard(value)))
        ]
    keys[failure.key] = [*kept, wanted] if kept else wanted
    return True


def _accepted(question: ExchangeQuestion, proof: TrustProof) -> tuple[str, ...] | None:
    """Return the audiences that the provider accepts, None if they are not known."""
    owner = parse_arn(question.role_arn).account
    provider = read(lambda: proof.account.oidc_provider(owner, question.issuer))
    return None if isinstance(provider, UnknownFact) else () if provider is None else provider.client_ids
