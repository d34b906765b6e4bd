"""The role does not exist: which one was probably meant, or how to create it."""

from __future__ import annotations

from dataclasses import replace

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeQuestion, evaluate_exchange, expected_provider
from podrole.doctor.links.trust.refusal import about_role, repaired_trust
from podrole.doctor.remedies.changes import Annotate, ByHand, CreateRole, Remedy
from podrole.doctor.remedies.restart import recreate_pods, rerun_ended_pods
from podrole.doctor.remedies.trust_policy import trust_document
from podrole.doctor.report.findings import Finding
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.webhook.identity.role_arn import problem_with


def missing_role(facts: ChainFacts, question: ExchangeQuestion) -> Finding:
    """Return the finding PR601, with the role that was probably meant."""
    arn = question.role_arn
    named = parse_arn(arn)
    roles = _roles(facts)
    known = () if isinstance(roles, UnknownFact) else roles
    same = next((role for role in known if role.name == named.name), None)
    meant = same or _role_meant(facts, named.name, roles, question)
    trust: Remedy | None = None
    if meant is not None:
        target = facts.target
        change = Annotate(
            "ServiceAccount", target.namespace, target.service_account, {facts.rules.role_annotation: meant.arn}
        )
        remedy = Remedy(
            f"annotate the service account with the existing role, {meant.arn}", (change, *recreate_pods(facts))
        )
        if not _trusts(facts, meant, question):
            trust = repaired_trust(facts, meant, replace(question, role_arn=meant.arn))
            remedy = Remedy(f"{remedy.what}, and {trust.what}", (*trust.changes, *remedy.changes))
    elif isinstance(roles, UnknownFact):
        remedy = Remedy(
            "create the role, or annotate the service account with an existing one",
            (ByHand(f"the roles could not be listed: {roles.what}"),),
        )
    else:
        path = "/" + named.resource.removeprefix("role/").removesuffix(named.name)
        provider = expected_provider(question).arn
        create = CreateRole(named.name, path, trust_document(question, provider))
        remedy = Remedy("create the role", (create, *rerun_ended_pods(facts)))
    return Finding(
        "PR601",
        f"There is no role {arn}.",
        about_role(arn),
        remedy,
        expected=f"a role with this ARN, path included (did you mean {meant.arn}?)"
        if meant
        else "a role with this ARN",
        got="no such role" if not known else f"other roles in the account: {len(known)}",
    )


def _role_meant(
    facts: ChainFacts, name: str, roles: tuple[Role, ...] | UnknownFact, question: ExchangeQuestion
) -> Role | None:
    """Return the role with the most similar name among those that trust the service account."""
    if isinstance(roles, UnknownFact):
        return None
    trusting = {role.name: role for role in roles if _trusts(facts, role, question)}
    likely = nearest(name, trusting)
    return trusting[likely] if likely is not None else None


def _trusts(facts: ChainFacts, role: Role, question: ExchangeQuestion) -> bool:
    evaluation = read(lambda: evaluate_exchange(replace(question, role_arn=role.arn), facts.account))
    return not isinstance(evaluation, UnknownFact) and evaluation.granted is not None


def _roles(facts: ChainFacts) -> tuple[Role, ...] | UnknownFact:
    listed = read(facts.account.roles)
    if isinstance(listed, UnknownFact):
        return listed
    return tuple(role for role in listed if problem_with(role.arn) is None)
