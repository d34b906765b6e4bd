"""What STS would answer to a token of a service account, without a token from the cluster.

STS's own function decides, with all its steps. It gets a token with the claims of a pod's token, signed with a key of
the doctor, and that key as the issuer's. If a step denies, the missing part (a provider, a client id) is assumed to
exist and the function is asked again, so that one evaluation shows every step that denies.

Whether the issuer's real keys can be fetched, and verify the cluster's real tokens, is checked by link 4
(``podrole.doctor.links.issuer``).
"""

from __future__ import annotations

import functools
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from podrole.aws.caller import caller_of_session
from podrole.doctor.sources.account import EKSAssociation
from podrole.iam.arn import oidc_provider_arn, parse_arn
from podrole.iam.directory import AccessKey, Directory, OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.document import compile_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet
from podrole.iam.policy import PolicyKind
from podrole.kube.subjects import subject_of
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey, VerificationKey
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import Denial, Step
from podrole.sts.pod_identity import AUDIENCE, Association, Cluster, assume_role_for_pod_identity
from podrole.sts.pod_identity import Granted as GrantedToPod
from podrole.sts.session import Session
from podrole.sts.trust import Candidate
from podrole.sts.web_identity import Granted, assume_role_with_web_identity

TOKEN_SECONDS = 3_600
STRANGER = "podrole-doctor-stranger"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExchangeQuestion:
    """Can a pod's token be exchanged for a session of this role?

    ``subject`` is ``system:serviceaccount:NAMESPACE:NAME``.
    """

    role_arn: str
    issuer: str
    subject: str
    audience: str
    at: Circumstances
    session_name: str = "podrole-doctor"


@dataclass(slots=True)
class HypotheticalDirectory:
    """A directory with an assumed provider or role; everything else is read from the real one."""

    real: Directory
    provider: OIDCProvider | None = None
    replaced_role: Role | None = None

    def role(self, arn: str) -> Role | None:
        """See Directory."""
        if self.replaced_role is not None and self.replaced_role.arn == arn:
            return self.replaced_role
        return self.real.role(arn)

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:  # noqa: ARG002 - the Protocol's
        """See Directory."""
        return self.provider if self.provider is not None else self.real.oidc_provider(account, issuer)

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """See Directory."""
        return self.real.policies_of(principal)

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory."""
        return self.real.managed_policy(arn)

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory."""
        return self.real.access_key(key_id)


@dataclass(frozen=True, slots=True)
class ExchangeEvaluation:
    """The result of an exchange: the denial of each step that denies, or the session.

    ``provider`` and ``audience`` are denials of those steps, which were then assumed to hold. ``final`` is the denial
    of a later step. ``granted`` is the session if every other step holds.
    """

    question: ExchangeQuestion
    provider: Denial | None = None
    audience: Denial | None = None
    final: Denial | None = None
    granted: Granted | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def of_stranger(question: ExchangeQuestion) -> ExchangeQuestion:
    """Return the same question about a service account that does not exist: what is granted to it is granted to all."""
    return replace(question, subject=subject_of(STRANGER, STRANGER))


def strangers(question: ExchangeQuestion) -> tuple[ExchangeQuestion, ...]:
    """Return the same question about service accounts that do not exist: with other names in another namespace, with
    the same name in another namespace, and with another name in the same namespace."""
    _, _, namespace, name = question.subject.split(":")
    places = ((STRANGER, STRANGER), (STRANGER, name), (namespace, STRANGER))
    return tuple(replace(question, subject=subject_of(*place)) for place in places)


def ask_sts(question: ExchangeQuestion, directory: Directory) -> Granted | Denial:
    """Ask STS's function about one exchange. Raises what the directory raises."""
    key = _key()
    now = int(question.at.now)
    claims = {
        "iss": question.issuer,
        "sub": question.subject,
        "aud": [question.audience],
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_SECONDS,
    }
    parameters = {
        "RoleArn": question.role_arn,
        "RoleSessionName": question.session_name,
        "WebIdentityToken": mint(claims, key),
    }
    return at_once(assume_role_with_web_identity(parameters, directory, _DoctorKey(key), question.at))


def ask_eks_auth(
    association: EKSAssociation,
    issuer: str,
    pod: str,
    directory: Directory,
    at: Circumstances,
    *,
    to_target: bool = False,
) -> GrantedToPod | Denial:
    """Ask the function of EKS Pod Identity about one exchange, for the association's role, and for its target role
    behind it if ``to_target``.

    Raises what the directory raises, and PolicyError if a policy of the first role cannot be read.
    """
    key, now = _key(), int(at.now)
    account = {"name": association.service_account, "uid": STRANGER}
    binding = {"namespace": association.namespace, "serviceaccount": account, "pod": {"name": pod, "uid": STRANGER}}
    claims = {
        "iss": issuer,
        "sub": subject_of(association.namespace, association.service_account),
        "aud": [AUDIENCE],
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_SECONDS,
        "kubernetes.io": binding,
    }
    arn = association.cluster_arn
    cluster = Cluster(association.cluster_name, arn, parse_arn(arn).account, issuer, ())
    known = Association(STRANGER, "", association.role_arn, session_tags=association.session_tags)
    if to_target:
        known = replace(known, target_role_arn=association.target_role_arn, external_id=association.external_id)

    def candidate_of(session: Session, role: Role) -> Candidate:
        caller = caller_of_session(session, role, "")
        context = {**at.context_keys(), **caller.context_keys()}
        return Candidate(caller.principal, context, policy_set(directory.policies_of(role)))

    return at_once(
        assume_role_for_pod_identity(
            mint(claims, key),
            cluster,
            lambda _namespace, _name: known,
            directory,
            _DoctorKey(key),
            at,
            candidate_of=candidate_of,
            new_id=lambda: STRANGER,
        )
    )


def evaluate_exchange(question: ExchangeQuestion, directory: Directory) -> ExchangeEvaluation:
    """Ask STS's function, each time with one more missing part assumed, until it grants or a later step denies.

    Raises what the directory raises, above all SourceError.
    """
    hypothetical = HypotheticalDirectory(directory)
    provider: Denial | None = None
    audience: Denial | None = None
    while True:
        outcome = ask_sts(question, hypothetical)
        if isinstance(outcome, Granted):
            return ExchangeEvaluation(question, provider, audience, granted=outcome)
        if outcome.step is Step.PROVIDER and provider is None:
            provider = outcome
            hypothetical.provider = expected_provider(question)
        elif outcome.step is Step.AUDIENCE and audience is None:
            audience = outcome
            known = hypothetical.oidc_provider(parse_arn(question.role_arn).account, question.issuer)
            accepted = known or expected_provider(question)
            hypothetical.provider = replace(accepted, client_ids=(*accepted.client_ids, question.audience))
        else:
            return ExchangeEvaluation(question, provider, audience, final=outcome)


def expected_provider(question: ExchangeQuestion) -> OIDCProvider:
    """Return the provider that the role's account should have."""
    role = parse_arn(question.role_arn)
    arn = oidc_provider_arn(role.account, question.issuer, partition=role.partition)
    return OIDCProvider(arn, question.issuer, (question.audience,), ())


def policy_set(attached: PrincipalPolicies) -> PolicySet:
    """Return compiled policies. Raises PolicyError if one cannot be read."""
    boundary = attached.boundary
    return PolicySet(
        identity=tuple(_compiled(policy, PolicyKind.IDENTITY) for policy in attached.identity),
        boundaries=None if boundary is None else (_compiled(boundary, PolicyKind.BOUNDARY),),
    )


def _compiled(text: PolicyText, kind: PolicyKind) -> NamedPolicy:
    return NamedPolicy(text.name, compile_policy(text.document, kind))


def at_once(waiting: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits. Raises RuntimeError if it does."""
    try:
        waiting.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    waiting.close()
    raise RuntimeError("the exchange waited, though its directory and keys answer at once")


class _DoctorKey:
    """A KeySource that returns one key for every issuer: the very key that signed the token, in every thread."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    async def keys(self, issuer: str, kid: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:  # noqa: ARG002 - the Protocol's
        """See KeySource."""
        return (self._key.verification_key,)


@functools.cache
def _key() -> SigningKey:
    # An elliptic-curve key is generated in a fraction of a millisecond.
    return SigningKey.generate("ES256")
