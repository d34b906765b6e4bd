"""The role that a service account is bound to, the provider in its account, and what STS says to an exchange."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.doctor.facts.exchange import ExchangeEvaluation, ExchangeQuestion, evaluate_exchange
from podrole.doctor.sources.account import Account
from podrole.doctor.sources.cluster import Cluster
from podrole.doctor.unknown import UnknownFact, read, read_async
from podrole.iam.arn import parse_arn
from podrole.iam.directory import OIDCProvider, Role
from podrole.iam.errors import InvalidARN
from podrole.kube.subjects import find_subjects, subject_of

_MOST_SUBJECTS = 20
NO_ROLE = UnknownFact("No role is known.", next_step="see the service account")


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """``role`` is None if no role has that ARN; ``provider`` is None if the role's account has none for the issuer.

    ``question`` is what STS is asked when a pod of the service account starts, ``evaluation`` what it answers.
    ``existing_subjects`` are those subjects named by the trust policy whose service accounts exist: they keep the role.
    """

    role: Role | UnknownFact | None
    provider: OIDCProvider | UnknownFact | None
    question: ExchangeQuestion | UnknownFact
    evaluation: ExchangeEvaluation | UnknownFact
    existing_subjects: frozenset[str]


async def read_role(
    role_arn: str | None,
    question: ExchangeQuestion | UnknownFact,
    issuer: str | UnknownFact,
    account: Account,
    cluster: Cluster,
) -> RoleFacts:
    """Read the role and its provider, and ask STS's function about the exchange."""
    role = read(lambda: account.role(role_arn)) if role_arn else NO_ROLE
    evaluation = question if isinstance(question, UnknownFact) else read(lambda: evaluate_exchange(question, account))
    existing = await _existing_subjects(role, cluster) if isinstance(role, Role) else frozenset()
    return RoleFacts(role, _provider(role_arn, issuer, account), question, evaluation, existing)


def _provider(role_arn: str | None, issuer: str | UnknownFact, account: Account) -> OIDCProvider | UnknownFact | None:
    if isinstance(issuer, UnknownFact):
        return issuer
    try:
        owner = parse_arn(role_arn or "").account
    except InvalidARN:
        return NO_ROLE
    return read(lambda: account.oidc_provider(owner, issuer))


async def _existing_subjects(role: Role, cluster: Cluster) -> frozenset[str]:
    existing = set()
    for number, (namespace, name) in enumerate(sorted(set(find_subjects(role.trust_policy)))):
        # One that is not known counts as existing, so that nothing is taken from it.
        if number >= _MOST_SUBJECTS or await read_async(cluster.get("serviceaccounts", namespace, name)) is not None:
            existing.add(subject_of(namespace, name))
    return frozenset(existing)
