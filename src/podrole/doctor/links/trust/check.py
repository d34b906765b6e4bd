"""Link 6: the role exists, and its trust policy trusts this service account and no other."""

from __future__ import annotations

from dataclasses import replace

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeEvaluation, evaluate_exchange
from podrole.doctor.links.trust import pod_identity
from podrole.doctor.links.trust.missing_role import missing_role
from podrole.doctor.links.trust.refusal import LINK, about_role, keys_of_the_request, refused_exchange
from podrole.doctor.links.trust.scope import trust_excess
from podrole.doctor.remedies.changes import Remedy
from podrole.doctor.report.findings import Finding, LinkVerdict, broken, holds, unknown
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.directory import Role
from podrole.sts.denial import Denial, Step


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
        return broken(LINK, missing_role(facts, evaluation.question))
    evaluation = _with_usual_audience(facts, evaluation)
    denial = evaluation.final
    if denial is None:
        return holds(LINK, _caveat(facts, role, evaluation), *trust_excess(facts, role, evaluation))
    if denial.step is not Step.TRUST:
        return broken(LINK, _other(role, denial))
    return refused_exchange(facts, role, evaluation, denial)


def _with_usual_audience(facts: ChainFacts, evaluation: ExchangeEvaluation) -> ExchangeEvaluation:
    """Return the evaluation with the usual audience, if an annotation sets one that the provider does not accept: link
    4 reports that, and its repair removes the annotation."""
    usual = facts.settings.token_audience
    if evaluation.audience is None or evaluation.question.audience == usual or facts.binding.identity is None:
        return evaluation
    question = replace(evaluation.question, audience=usual)
    asked = read(lambda: evaluate_exchange(question, facts.account))
    return evaluation if isinstance(asked, UnknownFact) else asked


def _caveat(facts: ChainFacts, role: Role, evaluation: ExchangeEvaluation) -> str:
    who = evaluation.question.subject
    keys = keys_of_the_request(facts, role.trust_policy)
    depends = f", if {', '.join(keys)} of the pod's request meet its conditions" if keys else ""
    return f"{role.arn} trusts {who}{depends}"


def _other(role: Role, denial: Denial) -> Finding:
    """Return a refusal by another step than trust: an issuer or a subject that no token can have."""
    return Finding(
        "PR614",
        f"STS rejects the exchange at step {denial.step.value!r}: {denial.why}",
        about_role(role.arn),
        Remedy(denial.next_step or "see the explanation"),
        expected=denial.expected,
        got=denial.got,
        evidence=denial.explanation(),
    )
