"""What is wrong with a trust policy that does not let the service account in."""

from __future__ import annotations

import json
from dataclasses import replace

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeEvaluation, ExchangeQuestion, expected_provider
from podrole.doctor.remedies.changes import ByHand, Remedy, SetTrustPolicy
from podrole.doctor.remedies.restart import rerun_ended_pods
from podrole.doctor.remedies.trust_policy import evidence_of, repaired_trust_policy, trust_statement
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, unknown
from podrole.iam.directory import Role
from podrole.iam.document import compile_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.explain import Evidence, Failure
from podrole.iam.nearest import Near
from podrole.iam.patterns import has_wildcard
from podrole.iam.policy import Effect, PolicyKind
from podrole.sts.denial import Denial

LINK = Link.TRUST

_BY_NEAR = {
    Near.LITERAL_WILDCARD: "PR602",
    Near.OTHER_SERVICE_ACCOUNT: "PR603",
    Near.SUBJECT_FORM: "PR604",
    Near.SCHEME_IN_KEY: "PR605",
    Near.PORT_IN_KEY: "PR605",
    Near.SLASH_IN_KEY: "PR605",
    Near.ARN_IN_KEY: "PR605",
    Near.SWAPPED_CLAIMS: "PR606",
    Near.OTHER_ISSUER: "PR607",
    Near.OTHER_PROVIDER: "PR607",
    Near.PRINCIPAL_SPELLING: "PR607",
    Near.PRINCIPAL_WILDCARD: "PR607",
    Near.PRINCIPAL_ACCOUNT: "PR608",
    Near.PRINCIPAL_TYPE: "PR609",
    Near.ACTION_OF_OTHER_CALLERS: "PR610",
    Near.ACTION_MISSPELT: "PR610",
    Near.OLD_VERSION: "PR613",
    Near.ALMOST_EQUAL: "PR616",
    Near.NO_SUCH_KEY: "PR617",
    Near.KEY_MISSPELT: "PR617",
}
# Condition keys whose values only the pod's own request has.
OF_THE_REQUEST = frozenset(
    {
        "aws:referer",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:useragent",
        "aws:vpcsourceip",
        "sts:rolesessionname",
    }
)


def keys_of_the_request(facts: ChainFacts, document: str) -> list[str]:
    """Return the condition keys of a trust policy whose values only the pod's own request has."""
    known = {"aws:sourceip"} if facts.environment.source_ip else set()
    known |= {"sts:rolesessionname"} if facts.session_name else set()
    folded = document.lower()
    return sorted(key for key in OF_THE_REQUEST - known if f'"{key}"' in folded)


def about_role(role_arn: str, *path: str | int) -> About:
    """Say that a finding is about a role, and about which part of its trust policy."""
    return About("Role", "", role_arn, path)


def refused_exchange(facts: ChainFacts, role: Role, evaluation: ExchangeEvaluation, denial: Denial) -> LinkVerdict:
    """Return what is wrong with a trust policy that does not let the service account in."""
    question = evaluation.question
    evidence = evidence_of(denial)
    if not evidence:
        return broken(LINK, _malformed(facts, role, question, denial))
    denying = [entry for entry in evidence if entry.applies and entry.effect is Effect.DENY]
    if denying:
        return broken(LINK, *(_denied(facts, role, question, entry) for entry in denying))
    nearest_statement = evidence[0]
    unknowable = set(keys_of_the_request(facts, role.trust_policy))
    failures = nearest_statement.failures
    if failures and all(failure.key.lower() in unknowable for failure in failures):
        keys = ", ".join(failure.key for failure in failures)
        return unknown(LINK, f"{role.arn} has a condition on {keys}, which only the pod's own request has.")
    remedy = repaired_trust(facts, role, question)
    if not failures:
        return broken(LINK, _no_statement(role, question, nearest_statement, remedy))
    findings = [_failed(role, question, nearest_statement, failure, _of(failure, remedy)) for failure in failures]
    return broken(LINK, *findings)


def repaired_trust(facts: ChainFacts, role: Role, question: ExchangeQuestion) -> Remedy:
    """Return the change to a trust policy that has no fault left: one document for all faults."""
    document = repaired_trust_policy(role, question, facts.account, facts.role.existing_subjects)
    meant = f"trust {question.subject}, if this service account should have the role"
    if document is None:
        statement = trust_statement(question, expected_provider(question).arn)
        return Remedy(meant, (ByHand(f"the trust policy needs this statement, and no Deny: {json.dumps(statement)}"),))
    return Remedy(meant, (SetTrustPolicy(role.arn, document), *rerun_ended_pods(facts)))


def _of(failure: Failure, remedy: Remedy) -> Remedy:
    """Return the remedy with what else may be meant by a pattern."""
    if failure.near != Near.LITERAL_WILDCARD or not failure.key.lower().endswith(":sub"):
        return remedy
    pattern = next(value for value in failure.expected if has_wildcard(value))
    return replace(remedy, what=f"{remedy.what}; to trust all that {pattern} matches, use StringLike instead")


def _failed(role: Role, question: ExchangeQuestion, evidence: Evidence, failure: Failure, remedy: Remedy) -> Finding:
    code = _code(failure, question)
    where = f"{evidence.reference} of the trust policy of role {role.name}"
    what = f"{failure.operator} on {failure.key}" if failure.operator else failure.element
    return Finding(
        code,
        f"{where} does not trust the service account: {what}" + (f": {failure.hint}." if failure.hint else "."),
        about_role(role.arn, *_path(evidence, failure)),
        remedy,
        expected=", ".join(failure.expected) or "nothing",
        got="nothing: the request does not have this key" if failure.got is None else ", ".join(failure.got),
        evidence={"statement": evidence.to_dict()},
    )


def _code(failure: Failure, question: ExchangeQuestion) -> str:
    code = _BY_NEAR.get(Near(failure.near)) if failure.near else None
    if code is not None:
        return code
    key = failure.key.lower()
    prefix = question.issuer.removeprefix("https://").lower()
    if failure.element == "Principal":
        return "PR607"
    if failure.element == "Action":
        return "PR610"
    if key == f"{prefix}:sub":
        return "PR603"
    return "PR618" if key == f"{prefix}:aud" else "PR614"


def _path(evidence: Evidence, failure: Failure) -> tuple[str | int, ...]:
    statement = _statement(evidence)
    if failure.element == "Condition":
        return (*statement, "Condition", failure.operator, failure.key)
    return (*statement, failure.element)


def _statement(evidence: Evidence) -> tuple[str | int, ...]:
    digits = "".join(character for character in evidence.statement if character.isdigit())
    return ("Statement", int(digits)) if digits else ("Statement",)


def _no_statement(role: Role, question: ExchangeQuestion, evidence: Evidence, remedy: Remedy) -> Finding:
    return Finding(
        "PR609",
        f"No statement in the trust policy of role {role.name} is about web identities: {'; '.join(evidence.notes)}.",
        about_role(role.arn, "Statement"),
        remedy,
        expected=f"a statement for {expected_provider(question).arn}",
        got="no such statement",
        evidence={"statement": evidence.to_dict()},
    )


def _denied(facts: ChainFacts, role: Role, question: ExchangeQuestion, evidence: Evidence) -> Finding:
    return Finding(
        "PR611",
        f"{evidence.reference} of the trust policy of role {role.name} denies the exchange, which overrides every "
        "Allow.",
        about_role(role.arn, *_statement(evidence)),
        repaired_trust(facts, role, question),
        expected="no Deny that applies",
        got=f"Deny {evidence.reference}" + (f" ({'; '.join(evidence.notes)})" if evidence.notes else ""),
        evidence={"statement": evidence.to_dict()},
    )


def _malformed(facts: ChainFacts, role: Role, question: ExchangeQuestion, denial: Denial) -> Finding:
    return Finding(
        "PR615",
        denial.why,
        about_role(role.arn),
        repaired_trust(facts, role, question),
        expected=denial.expected,
        got=_first_fault(role.trust_policy) or denial.got,
        evidence=denial.explanation(),
    )


def _first_fault(document: str) -> str | None:
    """Return what the policy parser found first, and where: by path, since a role's document has no lines."""
    try:
        compile_policy(document, PolicyKind.TRUST)
    except MalformedPolicyDocument as malformed:
        return f"{malformed.faults[0].got} at {malformed.faults[0].path}"
    except PolicyError:
        return None
    return None
