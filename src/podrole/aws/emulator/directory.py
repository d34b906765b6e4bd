"""The identities of the account, read from moto's IAM at the moment of the question.

Nothing is copied: a role that one request deletes, or a policy that it detaches, is gone for the next. Unlike the rest
of moto's state, IAM is read from the event loop too, while moto's thread may change it: STS and authentication must not
wait for that thread. Each read takes a snapshot of one dict or list (atomic in CPython), so it sees the account before
or after a write. This ends when IAM leaves moto.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from podrole.aws.emulator.bound_principals import resolve
from podrole.aws.emulator.identity_store import provider_record, user_tags
from podrole.aws.emulator.managed import managed_document
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User

MOST_REMEMBERED = 10_000
"""ARNs of roles whose unique ids are remembered."""
_NOTHING_ALLOWED = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
"""Stands for a policy whose document is missing. What it denied is unknown, so it denies everything."""


class MotoDirectory:
    """See ``podrole.account.identities.IdentityDirectory``. Usable once moto's IAM has been imported."""

    def __init__(self) -> None:
        self._role_ids: dict[str, str] = {}

    def role(self, arn: str) -> Role | None:
        """See Directory."""
        partition, account = _place(arn)
        backend = _backend(account, partition)
        if backend is None:
            return None
        # The id that the role had last time. By now it may belong to another role, or to none.
        found = backend.roles.get(self._role_ids.get(arn))
        if found is None or found.arn != arn:
            found = next((role for role in list(backend.roles.values()) if role.arn == arn), None)
            if found is None:
                return None
            if len(self._role_ids) >= MOST_REMEMBERED:
                self._role_ids.clear()
            self._role_ids[arn] = found.id
        return self._role(found)

    def role_by_id(self, account: str, role_id: str, partition: str = "aws") -> Role | None:
        """See IdentityDirectory."""
        backend = _backend(account, partition)
        found = backend.roles.get(role_id) if backend is not None else None
        return self._role(found) if found is not None else None

    def user_by_id(self, account: str, user_id: str, partition: str = "aws") -> User | None:
        """See IdentityDirectory."""
        backend = _backend(account, partition)
        users = list(backend.users.values()) if backend is not None else []
        return next((self._user(user) for user in users if user.id == user_id), None)

    def user(self, arn: str) -> User | None:
        """See IdentityDirectory."""
        partition, account = _place(arn)
        backend = _backend(account, partition)
        users = list(backend.users.values()) if backend is not None else []
        return next((self._user(user) for user in users if user.arn == arn), None)

    def group_policies(self, arn: str) -> tuple[PolicyText, ...] | None:
        """See IdentityDirectory."""
        partition, account = _place(arn)
        backend = _backend(account, partition)
        groups = list(backend.groups.values()) if backend is not None else []
        return next((tuple(_attached(one, f"group {one.name}")) for one in groups if one.arn == arn), None)

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        """See Directory."""
        backend = _backend(account, partition)
        if backend is None:
            return None
        provider = backend.open_id_providers.get(
            f"arn:{partition}:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}"
        )
        if provider is None or f"https://{provider.url}" != issuer:
            return None
        return provider_record(provider)

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """See Directory. The account's root user has no policies, and needs none."""
        partition, account = _place(principal.arn)
        backend = _backend(account, partition)
        if backend is None:
            return PrincipalPolicies(())
        if isinstance(principal, Role):
            role = backend.roles.get(principal.id)
            if role is None:
                return PrincipalPolicies(())
            boundary = role.permissions_boundary_arn
            return PrincipalPolicies(tuple(_attached(role, f"role {role.name}")), self._boundary(boundary))
        user = backend.users.get(principal.name)
        if user is None or user.id != principal.id:
            return PrincipalPolicies(())
        attached = [*_attached(user, f"user {user.name}")]
        for group in list(backend.groups.values()):
            if user in list(group.users):
                attached.extend(_attached(group, f"group {group.name}"))
        return PrincipalPolicies(tuple(attached), self._boundary(getattr(user, "permissions_boundary_arn", None)))

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory."""
        partition, account = _place(arn)
        for candidate in _backends(partition) if account == "aws" else filter(None, [_backend(account, partition)]):
            policy = candidate.managed_policies.get(arn)
            if policy is not None:
                return PolicyText(arn, _default_document(policy))
        document = managed_document(arn) if account == "aws" else None
        return PolicyText(arn, document) if document is not None else None

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory."""
        for backend in _backends():
            key = backend.access_keys.get(key_id)
            if key is None:
                continue
            user = backend.users.get(key.user_name)
            if user is None or key not in list(user.access_keys):  # it may have another name by now
                user = next((one for one in list(backend.users.values()) if key in list(one.access_keys)), None)
            if user is not None:
                return AccessKey(key_id, key.secret_access_key, self._user(user), key.status == "Active")
        return None

    def _boundary(self, arn: str | None) -> PolicyText | None:
        if arn is None:
            return None
        return self.managed_policy(arn) or PolicyText(arn, _NOTHING_ALLOWED)

    @staticmethod
    def _role(role: Any) -> Role:
        return Role(
            arn=role.arn,
            id=role.id,
            name=role.name,
            account=role.account_id,
            trust_policy=resolve(role, role.assume_role_policy_document),
            max_session_seconds=int(role.max_session_duration or 3_600),
            tags={tag["Key"]: tag["Value"] for tag in list(role.tags or [])},
        )

    @staticmethod
    def _user(user: Any) -> User:
        return User(arn=user.arn, id=user.id, name=user.name, account=user.account_id, tags=user_tags(user))


def _place(arn: str) -> tuple[str, str]:
    parts = arn.split(":", 5)
    return (parts[1], parts[4]) if len(parts) == 6 else ("aws", "")


def _backend(account: str, partition: str) -> Any | None:
    """Return moto's IAM of an account; None if nobody has used it. Does not create it."""
    from moto.iam.models import iam_backends

    regional = dict.get(iam_backends, account)
    return dict.get(regional, partition) if regional is not None else None


def _backends(partition: str | None = None) -> Iterator[Any]:
    from moto.iam.models import iam_backends

    for regional in list(iam_backends.values()):
        for name, backend in list(regional.items()):
            if partition in (None, name):
                yield backend


def _attached(entity: Any, whose: str) -> Iterable[PolicyText]:
    for arn, policy in list(entity.managed_policies.items()):
        yield PolicyText(arn, _default_document(policy))
    inline = entity.policies
    for name, document in list(inline.items()):
        yield PolicyText(f"inline policy {name} of {whose}", document)


def _default_document(policy: Any) -> str:
    for version in list(policy.versions):
        if version.version_id == policy.default_version_id:
            return str(version.document)
    return _NOTHING_ALLOWED
