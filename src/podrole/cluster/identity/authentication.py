"""Authentication by bearer token (https://kubernetes.io/docs/reference/access-authn-authz/authentication/).

The administrator's token is generated with the cluster; service-account tokens are signed by the cluster. Other bearer
tokens are passed to the cluster's token authenticators. A request without a token is anonymous. A request with an
invalid token is refused and never treated as anonymous.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import unquote

from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.core.errors import StatusError, unauthorized
from podrole.cluster.core.users import (
    ADMINISTRATOR,
    ANONYMOUS,
    AUTHENTICATED,
    User,
    service_account_groups,
)
from podrole.cluster.identity.service_accounts import ServiceAccountTokens, TokenRejected
from podrole.kube.subjects import parse_subject

_PREFIX = "impersonate-"
_EXTRA = "impersonate-extra-"


class TokenAuthenticator(Protocol):
    """Returns the user of a bearer token that is neither the administrator's nor a service account's.

    It is the counterpart of kube-apiserver's ``--authentication-token-webhook-config-file``, in the same process. It is
    called for each request with such a token, on the event loop, so it must be quick. Every user is also made a member
    of ``system:authenticated``. It never gets tokens of service accounts, valid or not, and must not return their
    names.
    """

    def __call__(self, token: str, /) -> User | None:
        """Return the token's user, None for an invalid token or one of another kind. Raises nothing."""
        ...


class Authenticator:
    """Authenticates users by their tokens. ``audiences`` are those of the API server; ``others`` are asked in order."""

    def __init__(
        self,
        administrator_token: str,
        tokens: ServiceAccountTokens,
        audiences: Sequence[str],
        others: Sequence[TokenAuthenticator] = (),
    ) -> None:
        self._administrator = _digest(administrator_token)
        self._tokens = tokens
        self._audiences = tuple(audiences)
        self._others = tuple(others)

    def authenticate(self, authorization: str | None) -> User:
        """Return the user of an Authorization header. Raises StatusError (401)."""
        if authorization is None:
            return ANONYMOUS
        token = bearer_token(authorization)
        if token is None:
            return ANONYMOUS  # as in kube-apiserver: with another scheme the request has no token
        user = self.user_of(token)
        if user is None:
            raise unauthorized()
        return user

    def user_of(self, token: str) -> User | None:
        """Return the user of a token for this API server, None for an invalid token."""
        user = self.user_without_audiences(token)
        if user is not None:
            return user
        try:
            return self._tokens.authenticate(token, self._audiences).user
        except TokenRejected:
            return None

    def user_without_audiences(self, token: str) -> User | None:
        """Return the user of a token that is not a service account's, None for any other token. It has no audiences."""
        if hmac.compare_digest(_digest(token), self._administrator):
            return ADMINISTRATOR
        if not self._tokens.issued(token):
            for authenticator in self._others:
                user = authenticator(token)
                if user is not None:
                    return replace(user, groups=tuple(dict.fromkeys((*user.groups, AUTHENTICATED))))
        return None


def bearer_token(authorization: str) -> str | None:
    """Return the token of an Authorization header, None if it has none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def impersonated_user(user: User, headers: Sequence[tuple[str, str]], authorizer: Authorizer) -> User:
    """Return the user that ``user`` impersonates by ``Impersonate-*`` headers; ``user`` if there are none.

    Each header needs the verb ``impersonate`` on what it names. Raises StatusError (400, 403).
    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
    """
    wanted = [(name.lower(), value) for name, value in headers if name.lower().startswith(_PREFIX)]
    if not wanted:
        return user
    target = User("")
    groups: list[str] = []
    extra: dict[str, tuple[str, ...]] = {}
    for name, value in wanted:
        if name == "impersonate-user":
            target = replace(target, name=value)
        elif name == "impersonate-group":
            groups.append(value)
        elif name == "impersonate-uid":
            target = replace(target, uid=value)
        elif name.startswith(_EXTRA):
            key = unquote(name.removeprefix(_EXTRA))
            extra[key] = (*extra.get(key, ()), value)
        else:
            raise StatusError(400, "BadRequest", f"the impersonation header {name} is not known")
    if not target.name:
        raise StatusError(
            500,
            "InternalError",
            f"Internal error occurred: requested {_quoted(groups)} without impersonating a user",
            details={},
        )
    for permission in _permissions(user, target, groups, extra):
        authorizer.check(permission)
    return replace(target, groups=_groups(target.name, groups), extra=extra)


def _permissions(
    user: User, target: User, groups: list[str], extra: dict[str, tuple[str, ...]]
) -> list[AccessAttributes]:
    account = parse_subject(target.name)
    asked = [
        AccessAttributes(
            user, "impersonate", version="v1", resource="serviceaccounts", namespace=account[0], name=account[1]
        )
        if account is not None
        else AccessAttributes(user, "impersonate", version="v1", resource="users", name=target.name)
    ]
    asked.extend(AccessAttributes(user, "impersonate", version="v1", resource="groups", name=group) for group in groups)
    authentication = "authentication.k8s.io"
    if target.uid:
        asked.append(
            AccessAttributes(user, "impersonate", group=authentication, version="v1", resource="uids", name=target.uid)
        )
    asked.extend(
        AccessAttributes(
            user, "impersonate", group=authentication, version="v1", resource="userextras", subresource=key, name=value
        )
        for key, values in extra.items()
        for value in values
    )
    return asked


def _groups(name: str, groups: list[str]) -> tuple[str, ...]:
    account = parse_subject(name)
    if account is not None and not groups:
        return service_account_groups(account[0])
    if name == ANONYMOUS.name:
        return tuple(dict.fromkeys((*groups, *ANONYMOUS.groups)))
    return tuple(dict.fromkeys((*groups, AUTHENTICATED)))


def _quoted(groups: list[str]) -> str:
    return "[" + " ".join(f'"{group}"' for group in groups) + "]"
