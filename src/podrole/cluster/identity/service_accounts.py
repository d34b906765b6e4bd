"""Service-account tokens: minting and verifying.

Claims and checks are those of kube-apiserver (k8s.io/kubernetes ``pkg/serviceaccount``):
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
The checks, for a token that podrole.oidc has parsed:

1. the issuer is this cluster's
2. the key is one of this cluster's, and the signature is valid
3. exp, iat and nbf
4. one of the wanted audiences is in ``aud``
5. the service account exists, has the uid in the token, and its deletion did not begin more than a minute ago
6. the same holds for the object that the token is bound to (pod, secret, node)
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from podrole.base.clock import Clock
from podrole.cluster.core.store import Store
from podrole.cluster.core.users import User, service_account_groups
from podrole.cluster.kinds.registry import BY_NAME
from podrole.kube.subjects import parse_subject, subject_of
from podrole.oidc.errors import TokenFault, TokenRefused
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey, VerificationKey
from podrole.oidc.token import SignedClaims, VerifiedClaims, parse_token, read_claims
from podrole.oidc.verify import TimeRules, verify_signature, verify_times

Object = dict[str, Any]

API_TIMES = TimeRules(expiry_leeway=60, future_leeway=60, max_age=None)
"""kube-apiserver's leeway of a minute (go-jose ``DefaultLeeway``)."""

DELETION_LEEWAY_SECONDS = 60
"""How long a token stays valid after the deletion of its object has begun, so that a pod can shut down in order."""

_ACCOUNTS, _PODS, _SECRETS, _NODES = (BY_NAME[name] for name in ("serviceaccounts", "pods", "secrets", "nodes"))
_REMEMBERED_SIGNATURES = 1024


class TokenRejected(Exception):
    """The token is invalid; the text says why, for a TokenReview. It never contains the token."""


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """The object that a token is bound to besides its service account, and the node if that is a pod."""

    kind: str
    obj: Object
    node: Object | None = None


@dataclass(frozen=True, slots=True)
class AuthenticatedToken:
    """The user of a valid token, and which of the wanted audiences it is for."""

    user: User
    audiences: tuple[str, ...]


class ServiceAccountTokens:
    """Signs and verifies the tokens of one cluster. The first key signs, all keys verify; so do the issuers, as those
    of kube-apiserver's ``--service-account-issuer``.

    ``before_signing`` is called with the key's id and the expiry (epoch seconds) of each token; if it raises, no token
    is signed.
    """

    def __init__(
        self,
        store: Store,
        issuers: Sequence[str],
        keys: Sequence[SigningKey],
        clock: Clock,
        *,
        verifying: Sequence[VerificationKey] = (),
    ) -> None:
        """``verifying`` are further keys that only verify."""
        self._store = store
        self.issuers = tuple(issuers)
        self._verifying = tuple(verifying)
        self._signed: dict[str, SignedClaims] = {}
        self.use_keys(keys)
        self.before_signing: Callable[[str, float], None] = lambda _kid, _expiry: None
        self._clock = clock

    def mint(
        self,
        account: Object,
        audiences: Sequence[str],
        *,
        seconds: int,
        warn_after: int | None = None,
        binding: TokenBinding | None = None,
    ) -> str:
        """Return a token that is valid for ``seconds``; ``warn_after`` marks a token with an extended life."""
        now = int(self._clock())
        self.before_signing(self.keys[0].kid, now + seconds)
        metadata = account["metadata"]
        kubernetes: Object = {"namespace": metadata["namespace"]}
        if binding is not None:
            if binding.node is not None:
                kubernetes["node"] = _reference(binding.node)
            kubernetes[binding.kind.lower()] = _reference(binding.obj)
        kubernetes["serviceaccount"] = _reference(account)
        if warn_after is not None:
            kubernetes["warnafter"] = now + warn_after
        claims = {
            "aud": list(audiences),
            "exp": now + seconds,
            "iat": now,
            "iss": self.issuers[0],
            "jti": str(uuid.uuid4()),
            "kubernetes.io": kubernetes,
            "nbf": now,
            "sub": subject_of(metadata["namespace"], metadata["name"]),
        }
        return mint(claims, self.keys[0])

    def issued(self, text: str) -> bool:
        """Say whether a token names an issuer of this cluster. Nothing is verified."""
        try:
            return text in self._signed or read_claims(parse_token(text)).issuer in self.issuers
        except TokenRefused:
            return False

    def authenticate(self, text: str, audiences: Sequence[str]) -> AuthenticatedToken:
        """Return the user of a token that is for one of ``audiences``. Raises TokenRejected."""
        claims = self._verified_claims(text)
        matching = tuple(audience for audience in audiences if audience in claims.audiences)
        if not matching:
            raise TokenRejected(
                f"token audiences {_quoted(claims.audiences)} is invalid for the target audiences {_quoted(audiences)}"
            )
        return AuthenticatedToken(self._user(claims), matching)

    def _verified_claims(self, text: str) -> VerifiedClaims:
        """Check steps 1 to 3. The signature of a token is checked once; its times are checked each time."""
        try:
            claims = self._signed.get(text)
            if claims is None:
                token = parse_token(text)
                if read_claims(token).issuer not in self.issuers:
                    raise TokenRejected("invalid bearer token: it is not from this cluster's issuer")
                claims = verify_signature(token, [key for key in self.accepted if key.kid == token.kid])
                if len(self._signed) >= _REMEMBERED_SIGNATURES:
                    self._signed.clear()
                self._signed[text] = claims
            return verify_times(claims, now=self._clock(), times=API_TIMES)
        except TokenRefused as refused:
            if refused.fault is TokenFault.EXPIRED:
                raise TokenRejected("service account token has expired") from None
            raise TokenRejected(f"invalid bearer token: {refused.what}") from None

    def use_keys(self, keys: Sequence[SigningKey]) -> None:
        """Sign with the first of ``keys`` from now on; accept the signatures of these and of the keys that only
        verify."""
        every = (*(key.verification_key for key in keys), *self._verifying)
        self.accepted: Sequence[VerificationKey] = tuple({key.kid: key for key in every}.values())
        self.keys = list(keys)
        self._signed.clear()

    def _user(self, claims: VerifiedClaims) -> User:
        """Check steps 5 and 6."""
        kubernetes = claims.payload.get("kubernetes.io")
        named = parse_subject(claims.subject)
        if named is None or not isinstance(kubernetes, Mapping):
            raise TokenRejected("invalid bearer token: it is no service account's")
        namespace, name = named
        account_claim = kubernetes.get("serviceaccount")
        if not isinstance(account_claim, Mapping):
            raise TokenRejected("invalid bearer token: it names no service account")
        if kubernetes.get("namespace") != namespace or account_claim.get("name") != name:
            raise TokenRejected("invalid bearer token: its claims contradict its subject")
        account = self._store.get(_ACCOUNTS, namespace, name)
        if account is None:
            raise TokenRejected(f"serviceaccounts {_quote(name)} not found")
        uid = account["metadata"]["uid"]
        if self._is_deleted(account):
            raise TokenRejected("service account token has been invalidated")
        if uid != account_claim.get("uid"):
            raise TokenRejected(f"service account UID ({uid}) does not match claim ({account_claim.get('uid')})")
        extra: dict[str, tuple[str, ...]] = {
            "authentication.kubernetes.io/credential-id": (f"JTI={claims.payload.get('jti')}",)
        }
        extra.update(self._bound(kubernetes, namespace))
        return User(claims.subject, uid, service_account_groups(namespace), extra)

    def _bound(self, kubernetes: Mapping[str, Any], namespace: str) -> dict[str, tuple[str, ...]]:
        extra: dict[str, tuple[str, ...]] = {}
        for claim, resource, where in (
            ("pod", _PODS, namespace),
            ("secret", _SECRETS, namespace),
            ("node", _NODES, ""),
        ):
            reference = kubernetes.get(claim)
            if reference is None:
                continue
            # A pod's node is reported and not checked: the token is bound to the pod.
            if claim != "node" or "pod" not in kubernetes:
                self._check_bound(claim, self._store.get(resource, where, reference.get("name", "")), reference)
            if claim != "secret":
                extra[f"authentication.kubernetes.io/{claim}-name"] = (reference.get("name", ""),)
                if reference.get("uid"):
                    extra[f"authentication.kubernetes.io/{claim}-uid"] = (reference["uid"],)
        return extra

    def _check_bound(self, kind: str, bound: Object | None, reference: Mapping[str, Any]) -> None:
        if bound is None or self._is_deleted(bound):
            raise TokenRejected("service account token has been invalidated")
        uid = bound["metadata"]["uid"]
        if uid != reference.get("uid"):
            raise TokenRejected(
                f"{kind} UID ({uid}) does not match service account {kind} ref claim ({reference.get('uid')})"
            )

    def _is_deleted(self, obj: Object) -> bool:
        when = obj["metadata"].get("deletionTimestamp")
        return bool(when) and datetime.fromisoformat(when).timestamp() + DELETION_LEEWAY_SECONDS < self._clock()


def _reference(obj: Object) -> Object:
    metadata = obj["metadata"]
    reference = {"name": metadata["name"]}
    if metadata.get("uid"):
        reference["uid"] = metadata["uid"]
    return reference


def _quote(text: str) -> str:
    return f'"{text}"'


def _quoted(values: Sequence[str]) -> str:
    return "[" + " ".join(_quote(value) for value in values) + "]"
