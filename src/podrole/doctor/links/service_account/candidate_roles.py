"""The roles of the account that a service account may be meant to have: by trust, by name, by similarity."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeQuestion, ask_sts, of_stranger
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.directory import Role
from podrole.sts.web_identity import Granted


def trusting_roles(facts: ChainFacts) -> list[Role]:
    """Return the account's roles that are probably meant for the service account; none if they cannot be read.

    These are the roles that trust its tokens but not every token; or the only role that trusts its tokens.
    """
    issuer = facts.issuer.url
    if isinstance(issuer, UnknownFact):
        return []
    roles = read(lambda: _trusting_roles(facts, issuer))
    return [] if isinstance(roles, UnknownFact) else roles


def _trusting_roles(facts: ChainFacts, issuer: str) -> list[Role]:
    audience = facts.settings.token_audience
    granted = []
    for role in _web_roles(facts):
        question = ExchangeQuestion(role.arn, issuer, facts.target.subject, audience, facts.at)
        if isinstance(ask_sts(question, facts.account), Granted):
            granted.append((role, question))
    # A role that lets in anyone does not show which service account it is for.
    own = [role for role, question in granted if not isinstance(ask_sts(of_stranger(question), facts.account), Granted)]
    return own or [role for role, _ in granted if len(granted) == 1]


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
    meant = nearest(name, roles)
    return roles[meant] if meant else None
