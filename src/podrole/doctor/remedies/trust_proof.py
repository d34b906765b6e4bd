"""Whether a changed trust policy may be proposed: STS's function is asked about the old and the new document.

A change must trust the service account, take nothing away from a caller that had the role, and open the role to no
other. Callers with tokens are tried out; what a trust policy says of other callers must stay as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from podrole.doctor.facts.exchange import (
    STRANGER,
    ExchangeQuestion,
    HypotheticalDirectory,
    ask_sts,
    expected_provider,
    strangers,
)
from podrole.doctor.sources.account import Account
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import OIDCProvider, Role
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError, PolicyTooLarge
from podrole.iam.limits import size
from podrole.iam.policy import Effect, Policy, PolicyKind
from podrole.iam.storing import StoredAs, check_storable
from podrole.sts.web_identity import Granted

_PROVIDER = ":oidc-provider/"
_MOST_SUBJECTS = 200


@dataclass(frozen=True, slots=True)
class TrustProof:
    """Proves changes of one role's trust policy. ``existing`` are subjects whose service accounts exist: what they
    have, they keep."""

    role: Role
    question: ExchangeQuestion
    account: Account
    existing: frozenset[str]

    def holds(self, document: str, *, closes: bool = False) -> bool:
        """Say whether ``document`` may be proposed. With ``closes`` it must also refuse service accounts that do not
        exist, which the old one may trust."""
        if not self._is_stored(document) or not self._grants(document, self.question):
            return False
        if not closes and not _keeps_others(self.role.trust_policy, document):
            return False
        return all(self._is_kept(document, question) for question in self._existing()) and all(
            self._is_not_opened(document, stranger, closes=closes) for stranger in self._strangers()
        )

    def _is_stored(self, document: str) -> bool:
        partition = parse_arn(self.role.arn).partition
        try:
            check_storable(document, StoredAs.TRUST, partition)
        except PolicyTooLarge:
            return size(document) <= size(self.role.trust_policy)  # the account's quota is a larger one
        except PolicyError:
            return False
        return True

    def works(self, provider_arn: str) -> bool:
        """Say whether the account has this provider, or may have it."""
        named = parse_arn(provider_arn)
        if named.account != self.account.id and named.account == self.role.account:
            issuer = f"https://{provider_arn.partition(_PROVIDER)[2]}"
            return read(lambda: self.account.oidc_provider(named.account, issuer)) is not None
        listed = read(self.account.oidc_providers)
        return isinstance(listed, UnknownFact) or any(provider.arn == provider_arn for provider in listed)

    def granted_audiences(self) -> list[str]:
        """Return the audiences with which the service account has the role now."""
        asked = (replace(self.question, audience=audience) for audience in self._audiences(self.question.issuer))
        return [question.audience for question in asked if self._grants(self.role.trust_policy, question)]

    def _grants(self, document: str, question: ExchangeQuestion) -> bool:
        provider = expected_provider(question)
        known = read(lambda: self.account.oidc_provider(parse_arn(question.role_arn).account, question.issuer))
        ids = known.client_ids if isinstance(known, OIDCProvider) else ()
        provider = replace(provider, client_ids=tuple(dict.fromkeys((question.audience, *ids))))
        role = replace(self.role, trust_policy=document)
        return isinstance(ask_sts(question, HypotheticalDirectory(self.account, provider, role)), Granted)

    def _is_kept(self, document: str, question: ExchangeQuestion) -> bool:
        return self._grants(document, question) or not self._grants(self.role.trust_policy, question)

    def _is_not_opened(self, document: str, question: ExchangeQuestion, *, closes: bool) -> bool:
        if not self._grants(document, question):
            return True
        return not closes and self._grants(self.role.trust_policy, question)

    def _existing(self) -> Iterator[ExchangeQuestion]:
        """Yield the exchanges of service accounts that exist, for each issuer that the account has a provider for."""
        for issuer in self._issuers():
            arn = expected_provider(replace(self.question, issuer=issuer)).arn
            if issuer == self.question.issuer or self.works(arn):
                subjects = self.existing if issuer == self.question.issuer else self._named()
                for subject in sorted(subjects)[:_MOST_SUBJECTS]:
                    for audience in self._audiences(issuer):
                        yield replace(self.question, issuer=issuer, subject=subject, audience=audience)

    def _named(self) -> frozenset[str]:
        """Return the subjects that the old document may trust in other clusters: nobody knows what exists there."""
        policy = _compiled(self.role.trust_policy)
        values = () if policy is None else values_of(policy, ":sub")
        return frozenset((self.question.subject, *(example_of(value) for value in values)))

    def _strangers(self) -> Iterator[ExchangeQuestion]:
        """Yield exchanges of service accounts that do not exist, and of an audience that nobody requests."""
        for issuer in self._issuers():
            yield from strangers(replace(self.question, issuer=issuer))
        yield replace(self.question, audience=STRANGER)

    def _issuers(self) -> list[str]:
        policy = _compiled(self.role.trust_policy)
        return list(dict.fromkeys((self.question.issuer, *(() if policy is None else issuers_of(policy)))))

    def _audiences(self, issuer: str) -> tuple[str, ...]:
        known = read(lambda: self.account.oidc_provider(parse_arn(self.question.role_arn).account, issuer))
        ids = known.client_ids if isinstance(known, OIDCProvider) else ()
        return tuple(dict.fromkeys((self.question.audience, *ids)))


def issuers_of(policy: Policy) -> list[str]:
    """Return the issuers of the OpenID Connect providers that a trust policy names."""
    arns = sorted(
        {named for statement in policy.statements if statement.principal for named in statement.principal.federated}
    )
    return [f"https://{arn.partition(_PROVIDER)[2]}" for arn in arns if _PROVIDER in arn]


def values_of(policy: Policy, claim: str) -> Iterator[str]:
    """Yield the values of the conditions on a claim (``:sub``, ``:aud``) in statements that allow."""
    for statement in policy.statements:
        if statement.effect is Effect.ALLOW:
            for condition in statement.conditions:
                if condition.key.lower().endswith(claim) and not condition.negated:
                    yield from condition.values


def example_of(pattern: str) -> str:
    """Return a text that a pattern with wildcards matches."""
    return pattern.replace("*", STRANGER).replace("?", "x")


def _compiled(document: str) -> Policy | None:
    try:
        return compile_policy(document, PolicyKind.TRUST)
    except PolicyError:
        return None


def _keeps_others(old: str, new: str) -> bool:
    """Say whether every statement about callers without a token is still there."""
    if _compiled(old) is None:  # it trusted no caller
        return True
    kept = _statements(new)
    return all(statement in kept for statement in _statements(old) if not _is_of_tokens(statement))


def _is_of_tokens(statement: Any) -> bool:
    """Say whether the exchanges that are tried out show all that a statement does: an Allow for OpenID Connect
    providers of AWS accounts, or a Deny."""
    if not isinstance(statement, dict) or statement.get("Effect") == "Deny":
        return True
    principal = statement.get("Principal")
    named = principal.get("Federated") if isinstance(principal, dict) and len(principal) == 1 else None
    providers = named if isinstance(named, list) else [named]
    return all(_PROVIDER in str(provider) for provider in providers)


def _statements(document: str) -> list[Any]:
    element = json.loads(document).get("Statement", [])
    return element if isinstance(element, list) else [element]
