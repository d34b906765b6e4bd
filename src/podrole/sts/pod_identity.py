"""AssumeRoleForPodIdentity: a pod's token and an association become a session, or a denial.

https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html and
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html. The checks, in this order:

1. TOKEN           the token is a JWT of an accepted algorithm
2. CLAIMS          it is the cluster's, of a service account, and bound to a pod
3. AUDIENCE        it is for EKS Pod Identity alone
4. KEYS            the cluster's issuer publishes a key of the token's id
5. SIGNATURE       it is that key's
6. TIME            exp, without any leeway; iat, nbf
7. ASSOCIATION     the service account has one
8. TRUST           the role trusts EKS, and the target role trusts the role
9. SESSION_POLICY  the association's policy is well-formed
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.iam.directory import Directory, Role
from podrole.iam.principal import Principal, PrincipalType
from podrole.kube.subjects import subject_of
from podrole.oidc.errors import KeysUnavailable, TokenFault, TokenRefused
from podrole.oidc.key_source import KeySource
from podrole.oidc.token import Claims, parse_token, read_claims
from podrole.oidc.verify import TimeRules, verify
from podrole.sts.assume_role import MAX_CHAINED_SECONDS, role_session
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import POD_IDENTITY_STEPS, Denial, Denied, Step, denied
from podrole.sts.evidence import shown
from podrole.sts.session import Session
from podrole.sts.session_policy import packed_policy_size, session_policies
from podrole.sts.tags import NO_TAGS, SessionTags
from podrole.sts.trust import TAG_SESSION, Candidate, Wanted, Words, no_such_role, require_trust

AUDIENCE = "pods.eks.amazonaws.com"
SERVICE = Principal(PrincipalType.SERVICE, arn=AUDIENCE)
ACTIONS = ("sts:AssumeRole", TAG_SESSION)
"""What a role must let EKS do, whether or not an association passes tags."""
SESSION_SECONDS = 6 * 3_600
"""How long a pod's credentials last; a target role's, like every chained session, an hour."""
TIMES = TimeRules(expiry_leeway=0, future_leeway=300, max_age=None)
_ACTION = "sts:AssumeRole"
_WORDS = Words(
    lambda _: "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
    "AccessDeniedException",
    400,
)
_NAME_ROOM = 64 - 37  # a session's name has 64 characters, of which a UUID and a hyphen take 37


@dataclass(frozen=True, slots=True)
class Cluster:
    """What EKS knows of the cluster whose pods ask. ``thumbprints`` are those of its issuer's certificate."""

    name: str
    arn: str
    account: str
    issuer: str
    thumbprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Association:
    """Which role a service account has. ``policy`` limits the session of the last role in the chain."""

    id: str
    arn: str
    role_arn: str
    target_role_arn: str | None = None
    external_id: str | None = None
    session_tags: bool = True
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """Who the token says that it is for; the pod and its account, with their unique ids."""

    namespace: str
    service_account: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The outcome of an exchange that held."""

    session: Session
    association: Association
    pod: Pod


@dataclass(slots=True)
class _Exchange:
    """One exchange under way; what it has found out so far is what a denial can tell."""

    cluster: Cluster
    at: Circumstances
    claims: Mapping[str, Any] = field(default_factory=dict)
    association: Association | None = None

    def known(self) -> dict[str, Any]:
        details: dict[str, Any] = {"cluster": self.cluster.name}
        if self.claims:
            details["token"] = {"claims": shown(self.claims)}
        if self.association is not None:
            details["association"] = self.association.id
            details["role"] = self.association.role_arn
        return details


async def assume_role_for_pod_identity(
    token: str,
    cluster: Cluster,
    association_of: Callable[[str, str], Association | None],
    directory: Directory,
    keys: KeySource,
    at: Circumstances,
    *,
    candidate_of: Callable[[Session, Role], Candidate],
    new_id: Callable[[], str],
) -> Granted | Denial:
    """Make all checks and return the session, or the denial of the first that failed.

    ``association_of`` finds an association by namespace and service account. ``candidate_of`` says what a session of
    the role may do, for the chain to a target role. ``new_id`` makes a UUID. Waits only for ``keys``. Never raises for
    what a client sent.
    """
    exchange = _Exchange(cluster, at)
    try:
        pod = await _verified_pod(token, exchange, keys)
        exchange.association = association = _association(pod, exchange, association_of)
        session = _session(pod, association, exchange, directory, candidate_of, new_id)
    except Denied as refused:
        return refused.denial.of(POD_IDENTITY_STEPS, exchange.known())
    return Granted(session, association, pod)


async def _verified_pod(text: str, exchange: _Exchange, keys: KeySource) -> Pod:
    cluster, now = exchange.cluster, exchange.at.now
    try:
        token = parse_token(text)
        exchange.claims = token.payload
        claims = read_claims(token)
        if claims.issuer != cluster.issuer:
            raise _invalid(
                Step.CLAIMS,
                "The token's issuer is not this cluster's issuer.",
                got=repr(claims.issuer),
                expected=repr(cluster.issuer),
            )
        _pod(claims)
        if claims.audiences != (AUDIENCE,):
            raise _invalid(
                Step.AUDIENCE,
                "The token has other audiences than EKS Pod Identity.",
                got=repr(list(claims.audiences)),
                expected=repr([AUDIENCE]),
            )
        candidates = await keys.keys(cluster.issuer, token.kid, cluster.thumbprints)
        return _pod(verify(token, candidates, now=now, times=TIMES))
    except KeysUnavailable as missing:
        raise _invalid(Step.KEYS, missing.what, got=missing.got, expected=missing.expected) from missing
    except TokenRefused as refused:
        raise _refused(refused, now) from refused


def _pod(claims: Claims) -> Pod:
    """Read what kube-apiserver writes into the token of a pod's projected volume. Raises Denied."""
    kubernetes_claims = _object(claims.payload, "kubernetes.io")
    account, pod = _object(kubernetes_claims, "serviceaccount"), _object(kubernetes_claims, "pod")
    values = {
        "kubernetes.io/namespace": kubernetes_claims.get("namespace"),
        "kubernetes.io/serviceaccount/name": account.get("name"),
        "kubernetes.io/serviceaccount/uid": account.get("uid"),
        "kubernetes.io/pod/name": pod.get("name"),
        "kubernetes.io/pod/uid": pod.get("uid"),
    }
    for claim, value in values.items():
        if not isinstance(value, str) or not value or not value.isprintable():
            raise _invalid(
                Step.CLAIMS,
                f"The token has no claim {claim}.",
                expected="the token of a volume that is projected into a pod",
                next_step="mount the token as the webhook does: it must be bound to the pod that uses it",
            )
    namespace, name = str(values["kubernetes.io/namespace"]), str(account["name"])
    if claims.subject != subject_of(namespace, name):
        raise _invalid(
            Step.CLAIMS,
            "The token's claims do not match its subject.",
            got=repr(claims.subject),
            expected=repr(subject_of(namespace, name)),
        )
    return Pod(namespace, name, str(pod["name"]), str(pod["uid"]))


def _object(outer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = outer.get(name)
    return inner if isinstance(inner, dict) else {}


def _association(
    pod: Pod, exchange: _Exchange, association_of: Callable[[str, str], Association | None]
) -> Association:
    association = association_of(pod.namespace, pod.service_account)
    if association is None:
        account = f"{pod.namespace}/{pod.service_account}"
        raise denied(
            Step.ASSOCIATION,
            "ResourceNotFoundException",
            f"No EKS Pod Identity association found for service account {account} in cluster {exchange.cluster.name}.",
            "The service account has no Pod Identity association.",
            status=404,
            got=account,
            next_step=f"aws eks create-pod-identity-association --cluster-name {exchange.cluster.name} "
            f"--namespace {pod.namespace} --service-account {pod.service_account} --role-arn …",
        )
    return association


def _session(
    pod: Pod,
    association: Association,
    exchange: _Exchange,
    directory: Directory,
    candidate_of: Callable[[Session, Role], Candidate],
    new_id: Callable[[], str],
) -> Session:
    cluster, now = exchange.cluster, int(exchange.at.now)
    name = f"eks-{cluster.name}-{pod.name}"[:_NAME_ROOM] + f"-{new_id()}"
    wanted = Wanted(name, session_tags(cluster, pod) if association.session_tags else NO_TAGS)
    role = _role(directory, association.role_arn)
    require_trust(role, Candidate(SERVICE, _service_context(exchange)), wanted, _ACTION, _WORDS)
    is_last = association.target_role_arn is None
    policies = session_policies(association.policy, (), role.arn, directory)
    packed_policy_size(policies, wanted.tags)
    session = role_session(role, wanted, now, SESSION_SECONDS, policy=policies.inline if is_last else None)
    if association.target_role_arn is None:
        return session
    target = _role(directory, association.target_role_arn)
    chained = Wanted(name, wanted.tags, external_id=association.external_id)
    require_trust(target, candidate_of(session, role), chained, _ACTION, _WORDS)
    return role_session(target, chained, now, MAX_CHAINED_SECONDS, policy=policies.inline)


def session_tags(cluster: Cluster, pod: Pod) -> SessionTags:
    """Return the six tags of a pod's session, all transitive
    (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html)."""
    tags = {
        "eks-cluster-arn": cluster.arn,
        "eks-cluster-name": cluster.name,
        "kubernetes-namespace": pod.namespace,
        "kubernetes-service-account": pod.service_account,
        "kubernetes-pod-name": pod.name,
        "kubernetes-pod-uid": pod.uid,
    }
    return SessionTags(tags, tuple(tags))


def _service_context(exchange: _Exchange) -> dict[str, str | list[str]]:
    """Return the condition keys of a call that EKS makes: its own, not those of the pod's request."""
    keys = exchange.at.context_keys()
    for name in ("aws:SourceIp", "aws:UserAgent"):
        keys.pop(name, None)
    return {
        **keys,
        "aws:SecureTransport": "true",
        "aws:SourceArn": exchange.cluster.arn,
        "aws:SourceAccount": exchange.cluster.account,
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": AUDIENCE,
        "aws:PrincipalServiceNamesList": [AUDIENCE],
    }


def _role(directory: Directory, arn: str) -> Role:
    role = directory.role(arn)
    if role is None:
        raise no_such_role(arn, _ACTION, _WORDS, "aws eks update-pod-identity-association … --role-arn …")
    return role


def _refused(refused: TokenRefused, now: float) -> Denied:
    step = {
        TokenFault.NOT_A_JWT: Step.TOKEN,
        TokenFault.WRONG_KEY: Step.SIGNATURE,
        TokenFault.BAD_SIGNATURE: Step.SIGNATURE,
        TokenFault.EXPIRED: Step.TIME,
        TokenFault.NOT_YET_VALID: Step.TIME,
    }.get(refused.fault, Step.CLAIMS)
    if refused.fault is TokenFault.EXPIRED:
        return denied(
            step,
            "ExpiredTokenException",
            f"The token included in the request is expired: current date/time {_date_time(now)} must be before the "
            f"expiration date/time {_date_time(refused.seconds)}.",
            refused.what,
            got=refused.got,
            expected=refused.expected,
        )
    return _invalid(step, refused.what, got=refused.got, expected=refused.expected)


def _invalid(
    step: Step, why: str, *, got: str | None = None, expected: str | None = None, next_step: str | None = None
) -> Denied:
    return denied(
        step,
        "InvalidTokenException",
        "The token included in the request is invalid.",
        why,
        got=got,
        expected=expected,
        next_step=next_step,
    )


def _date_time(seconds: float) -> str:
    try:
        at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # an expiry before the year 1 is over all the same
        return str(int(seconds))
    return at.isoformat().replace("+00:00", "Z")
