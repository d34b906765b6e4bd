"""Who makes a request: the identities that Kubernetes itself names.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
SERVICE_ACCOUNTS = "system:serviceaccounts"
_SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """A user as authentication made it out (UserInfo, authentication.k8s.io/v1)."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def user_info(self) -> dict[str, Any]:
        """Return the UserInfo object; empty parts are left out."""
        info: dict[str, Any] = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra.items()}
        return info


ADMINISTRATOR = User("admin", groups=(MASTERS, AUTHENTICATED))
ANONYMOUS = User("system:anonymous", groups=(UNAUTHENTICATED,))


def service_account_name(namespace: str, name: str) -> str:
    return f"{_SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, ...]:
    return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED)


def split_service_account(user_name: str) -> tuple[str, str] | None:
    """Return namespace and name where the user is a service account, else None."""
    if not user_name.startswith(_SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, separator, name = user_name.removeprefix(_SERVICE_ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if separator and namespace and name else None


def controller(name: str) -> User:
    """Return the service account in kube-system under which a controller of that name acts."""
    return User(service_account_name("kube-system", name), groups=service_account_groups("kube-system"))
