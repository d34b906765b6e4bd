"""The roles of the account that a service account may be meant to have: by trust, by name, by similarity."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeQuestion, ask_sts, strangers
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.directory import Role
from podrole.sts.web_identity import Granted


def trusting_roles(facts: ChainFacts) -> list[Role]:
    """Return the account's roles that are probably meant for the service account; none if they cannot be read.

    These are the roles that trust its tokens but not every token: a role that trusts anyone does not show for which
    service account it is.
    """
    issuer = facts.issuer.url
    if isinstance(issuer, UnknownFact):
        return []
    roles = read(lambda: _trusting_roles(facts, issuer))
    return [] if isinstance(roles, UnknownFact) else roles


def roles_of_namespace(facts: ChainFacts) -> list[Role]:
    """Return the roles that trust the service account together with others of its namespace, and no other namespace."""
    issuer = facts.issuer.url
    if isinstance(issuer, UnknownFact):
        return []
    roles = read(
        lambda: [role for role in _web_roles(facts) if _trusts_namespace(facts, _question(facts, role, issuer))]
    )
    return [] if isinstance(roles, UnknownFact) else roles


def _trusts_namespace(facts: ChainFacts, question: ExchangeQuestion) -> bool:
    *elsewhere, beside = strangers(question)
    granted = [isinstance(ask_sts(variant, facts.account), Granted) for variant in (question, beside, *elsewhere)]
    return granted == [True, True, False, False]


def _question(facts: ChainFacts, role: Role, issuer: str) -> ExchangeQuestion:
    return ExchangeQuestion(role.arn, issuer, facts.target.subject, facts.settings.token_audience, facts.at)


def _trusting_roles(facts: ChainFacts, issuer: str) -> list[Role]:
    granted = []
    for role in _web_roles(facts):
        question = _question(facts, role, issuer)
        if isinstance(ask_sts(question, facts.account), Granted):
            granted.append((role, question))
    return [role for role, question in granted if not _trusts_strangers(facts, question)]


def _trusts_strangers(facts: ChainFacts, question: ExchangeQuestion) -> bool:
    return any(isinstance(ask_sts(stranger, facts.account), Granted) for stranger in strangers(question))


def _web_roles(facts: ChainFacts) -> list[Role]:
    return [role for role in facts.account.roles() if "AssumeRoleWithWebIdentity" in role.trust_policy]


def role_named_like(facts: ChainFacts) -> Role | None:
    """Return the role for web identities whose name is that of the service account, or similar."""
    listed = read(lambda: _web_roles(facts))
    if isinstance(listed, UnknownFact):
        return None
    roles = {role.name: role for role in listed}
    name = facts.target.service_account
    meant = name if name in roles else nearest(name, roles)
    return roles[meant] if meant else None


def role_meant(facts: ChainFacts, value: str) -> str | None:
    """Return the ARN of the role that a wrong value probably means: by its name, by its trust, or by a similar name."""
    name = value.split("/")[1] if ":assumed-role/" in value else value.rpartition("/")[2]
    listed = read(facts.account.roles)
    if isinstance(listed, UnknownFact):
        return None
    roles = {role.name: role.arn for role in listed}
    if name in roles:
        return roles[name]
    trusting = trusting_roles(facts)
    if len(trusting) == 1:
        return trusting[0].arn
    named = {role.name: role.arn for role in trusting}
    meant = nearest(name, named)
    return named[meant] if meant else None
