"""Link 6: the role exists, and its trust policy trusts this service account and no other."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeEvaluation, ExchangeQuestion, expected_provider
from podrole.doctor.links.trust import pod_identity
from podrole.doctor.links.trust.scope import trust_excess
from podrole.doctor.remedies.changes import Annotate, CreateRole, Remedy, SetTrustPolicy
from podrole.doctor.remedies.restart import recreate_pods, rerun_ended_pods
from podrole.doctor.remedies.trust_policy import evidence_of, repaired_trust_policy, trust_document
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, holds, unknown
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.iam.document import compile_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.explain import Evidence, Failure
from podrole.iam.nearest import Near
from podrole.iam.policy import Effect, PolicyKind
from podrole.sts.denial import Denial, Step
from podrole.webhook.identity.role_arn import problem_with

LINK = Link.TRUST

_BY_NEAR = {
    Near.LITERAL_WILDCARD: "PR602",
    Near.OTHER_SERVICE_ACCOUNT: "PR603",
    Near.SUBJECT_FORM: "PR604",
    Near.SCHEME_IN_KEY: "PR605",
    Near.PORT_IN_KEY: "PR605",
    Near.SLASH_IN_KEY: "PR605",
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


def check(facts: ChainFacts) -> LinkVerdict:
    """Check that the role trusts the service account."""
    identity = facts.identity
    if identity is not None and identity.method == "container_credentials":
        return pod_identity.check(facts)
    evaluation, role = facts.role.evaluation, facts.role.role
    if isinstance(role, UnknownFact):
        return unknown(LINK, role.what)
    if isinstance(evaluation, UnknownFact):
        return unknown(LINK, evaluation.what)
    if role is None:
        return broken(LINK, _no_role(facts, evaluation.question))
    denial = evaluation.final
    if denial is None:
        return holds(LINK, _caveat(facts, role, evaluation), *trust_excess(facts, role, evaluation))
    if denial.step is not Step.TRUST:
        return broken(LINK, _other(role, denial))
    return _refused(facts, role, evaluation, denial)


def _caveat(facts: ChainFacts, role: Role, evaluation: ExchangeEvaluation) -> str:
    who = evaluation.question.subject
    keys = _of_the_request(facts, role.trust_policy)
    depends = f", if {', '.join(keys)} of the pod's request meet its conditions" if keys else ""
    return f"{role.arn} trusts {who}{depends}"


def _of_the_request(facts: ChainFacts, document: str) -> list[str]:
    known = {"aws:sourceip"} if facts.environment.source_ip else set()
    known |= {"sts:rolesessionname"} if facts.session_name else set()
    folded = document.lower()
    return sorted(key for key in OF_THE_REQUEST - known if f'"{key}"' in folded)


def _about(role_arn: str, *path: str | int) -> About:
    return About("Role", "", role_arn, path)


# PR601


def _no_role(facts: ChainFacts, question: ExchangeQuestion) -> Finding:
    arn = question.role_arn
    named = parse_arn(arn)
    roles = _roles(facts)
    same = next((role for role in roles if role.name == named.name), None)
    meant = same.arn if same is not None else None
    if meant is None:
        likely = nearest(named.name, [role.name for role in roles])
        meant = next((role.arn for role in roles if role.name == likely), None)
    if meant is not None:
        target = facts.target
        change = Annotate(
            "ServiceAccount", target.namespace, target.service_account, {facts.rules.role_annotation: meant}
        )
        remedy = Remedy(
            f"annotate the service account with the existing role, {meant}", (change, *recreate_pods(facts))
        )
    else:
        path = "/" + named.resource.removeprefix("role/").removesuffix(named.name)
        provider = expected_provider(question).arn
        create = CreateRole(named.name, path, trust_document(question, provider))
        remedy = Remedy("create the role", (create, *rerun_ended_pods(facts)))
    return Finding(
        "PR601",
        f"There is no role {arn}.",
        _about(arn),
        remedy,
        expected=f"a role with this ARN, path included (did you mean {meant}?)" if meant else "a role with this ARN",
        got=f"{len(roles)} roles with other ARNs in the account",
    )


def _roles(facts: ChainFacts) -> tuple[Role, ...]:
    listed = read(facts.account.roles)
    return () if isinstance(listed, UnknownFact) else tuple(role for role in listed if problem_with(role.arn) is None)


# PR602 to PR618


def _refused(facts: ChainFacts, role: Role, evaluation: ExchangeEvaluation, denial: Denial) -> LinkVerdict:
    question = evaluation.question
    evidence = evidence_of(denial)
    if not evidence:
        return broken(LINK, _malformed(facts, role, question, denial))
    denying = [one for one in evidence if one.applies and one.effect is Effect.DENY]
    if denying:
        return broken(LINK, *(_denied(facts, role, question, one) for one in denying))
    nearest_statement = evidence[0]
    unknowable = set(_of_the_request(facts, role.trust_policy))
    failures = nearest_statement.failures
    if failures and all(failure.key.lower() in unknowable for failure in failures):
        keys = ", ".join(failure.key for failure in failures)
        return unknown(LINK, f"{role.arn} has a condition on {keys}, which only the pod's own request has.")
    remedy = _trusting(facts, role, question)
    if not failures:
        return broken(LINK, _no_statement(role, question, nearest_statement, remedy))
    findings = [_failed(role, question, nearest_statement, failure, remedy) for failure in failures]
    return broken(LINK, *findings)


def _trusting(facts: ChainFacts, role: Role, question: ExchangeQuestion) -> Remedy:
    """Return the change to a trust policy that has no fault left: one document for all faults."""
    document = repaired_trust_policy(role, question, facts.account, facts.role.existing_subjects)
    if document is None:
        return Remedy(f"write a trust policy that trusts {question.subject}")
    meant = f"trust {question.subject}, if this service account should have the role"
    return Remedy(meant, (SetTrustPolicy(role.arn, document), *rerun_ended_pods(facts)))


def _failed(role: Role, question: ExchangeQuestion, evidence: Evidence, failure: Failure, remedy: Remedy) -> Finding:
    code = _code(failure, question)
    where = f"{evidence.reference} of the trust policy of role {role.name}"
    what = f"{failure.operator} on {failure.key}" if failure.operator else failure.element
    return Finding(
        code,
        f"{where} does not trust the service account: {what}" + (f": {failure.hint}." if failure.hint else "."),
        _about(role.arn, *_path(evidence, failure)),
        remedy,
        expected=", ".join(failure.expected) or "nothing",
        got="nothing: the request does not have this key" if failure.got is None else ", ".join(failure.got),
        evidence={"statement": evidence.to_dict()},
    )


def _code(failure: Failure, question: ExchangeQuestion) -> str:
    found = _BY_NEAR.get(Near(failure.near)) if failure.near else None
    if found is not None:
        return found
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
        _about(role.arn, "Statement"),
        remedy,
        expected=f"a statement for {expected_provider(question).arn}",
        got="no such statement",
        evidence={"statement": evidence.to_dict()},
    )


# PR611


def _denied(facts: ChainFacts, role: Role, question: ExchangeQuestion, evidence: Evidence) -> Finding:
    return Finding(
        "PR611",
        f"{evidence.reference} of the trust policy of role {role.name} denies the exchange, which overrides every "
        "Allow.",
        _about(role.arn, *_statement(evidence)),
        _trusting(facts, role, question),
        expected="no Deny that applies",
        got=f"Deny {evidence.reference}" + (f" ({'; '.join(evidence.notes)})" if evidence.notes else ""),
        evidence={"statement": evidence.to_dict()},
    )


# PR615


def _malformed(facts: ChainFacts, role: Role, question: ExchangeQuestion, denial: Denial) -> Finding:
    return Finding(
        "PR615",
        denial.why,
        _about(role.arn),
        _trusting(facts, role, question),
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


def _other(role: Role, denial: Denial) -> Finding:
    """Return a refusal by another step than trust: an issuer or a subject that no token can have."""
    return Finding(
        "PR614",
        f"STS rejects the exchange at step {denial.step.value!r}: {denial.why}",
        _about(role.arn),
        Remedy(denial.next_step or "see the explanation"),
        expected=denial.expected,
        got=denial.got,
        evidence=denial.explanation(),
    )
