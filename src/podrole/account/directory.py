"""What decisions ask of the accounts of a world, answered from their records."""

from __future__ import annotations

from collections.abc import Iterable

from podrole.account.iam.operations.providers import oidc_provider_arn
from podrole.account.iam.operations.shown import trust_policy
from podrole.account.iam.records import (
    AccessKeyRecord,
    GroupRecord,
    OIDCProviderRecord,
    PolicyHolder,
    RoleRecord,
    UserRecord,
)
from podrole.account.iam.state import IAMState
from podrole.account.store import AccountView
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User

_NOTHING = '{"Version":"2012-10-17","Statement":[]}'
_NO_POLICIES = PrincipalPolicies(())


class AccountDirectory:
    """See ``podrole.iam.directory.Directory``. Every answer is of what the view shows at this moment."""

    def __init__(self, view: AccountView) -> None:
        self._view = view

    def role(self, arn: str) -> Role | None:
        """Return the role with that ARN, path and all."""
        state = self._state_of(arn)
        record = state.by_arn(RoleRecord, arn) if state is not None else None
        return _role(record, state) if record is not None and state is not None else None

    def role_by_id(self, account: str, role_id: str, partition: str = "aws") -> Role | None:
        """Return the role with that unique id; None once it is deleted, whatever has its name now."""
        state = self._view.iam(account, partition)
        record = state.get(RoleRecord, role_id) if state is not None else None
        return _role(record, state) if record is not None and state is not None else None

    def user(self, arn: str) -> User | None:
        """Return the user with that ARN, path and all."""
        state = self._state_of(arn)
        record = state.by_arn(UserRecord, arn) if state is not None else None
        return _user(record, state) if record is not None and state is not None else None

    def user_by_id(self, account: str, user_id: str, partition: str = "aws") -> User | None:
        """Return the user with that unique id."""
        state = self._view.iam(account, partition)
        record = state.get(UserRecord, user_id) if state is not None else None
        return _user(record, state) if record is not None and state is not None else None

    def group_policies(self, arn: str) -> tuple[PolicyText, ...] | None:
        """Return what is attached to the group with that ARN."""
        state = self._state_of(arn)
        record = state.by_arn(GroupRecord, arn) if state is not None else None
        return tuple(self._attached(record)) if record is not None else None

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        """Return the account's provider for exactly that issuer URL."""
        state = self._view.iam(account, partition)
        if state is None or not issuer.startswith("https://"):
            return None
        record = state.get(OIDCProviderRecord, issuer.removeprefix("https://"))
        if record is None:
            return None
        return OIDCProvider(oidc_provider_arn(state, record), issuer, record.client_ids, record.thumbprints)

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """Return what is attached to a role or user, its groups included. The root user has no policies."""
        state = self._state_of(principal.arn)
        if state is None:
            return _NO_POLICIES
        kept = state.policies.get(principal.id)
        changes = state.changes
        if kept is not None and kept[0] == changes:
            return kept[1]
        kind: type[RoleRecord | UserRecord] = RoleRecord if isinstance(principal, Role) else UserRecord
        record = state.get(kind, principal.id)
        if record is None:
            return _NO_POLICIES
        attached = list(self._attached(record))
        if isinstance(record, UserRecord):
            attached += [policy for group in state.groups_of(record) for policy in self._attached(group)]
        policies = PrincipalPolicies(tuple(attached), self._boundary(record.boundary))
        # Another thread may change the account meanwhile: then the number differs, and this is not taken again.
        state.policies[principal.id] = (changes, policies)
        return policies

    def managed_policy(self, arn: str) -> PolicyText | None:
        """Return the default version of a managed policy, AWS's own included."""
        state = self._state_of(arn)
        policy = state.policy(arn) if state is not None else self._view.catalogue.get(arn)
        return PolicyText(arn, policy.document) if policy is not None else None

    def access_key(self, key_id: str) -> AccessKey | None:
        """Return a long-term access key."""
        for state in self._view.iam_accounts():
            record = state.get(AccessKeyRecord, key_id)
            owner = state.get(UserRecord, record.user_id) if record is not None else None
            if record is not None and owner is not None:
                return AccessKey(key_id, record.secret, _user(owner, state), record.active)
        return None

    def _state_of(self, arn: str) -> IAMState | None:
        parts = arn.split(":", 5)
        return self._view.iam(parts[4], parts[1]) if len(parts) == 6 else None

    def _attached(self, holder: PolicyHolder) -> Iterable[PolicyText]:
        for arn in holder.attached:
            # A policy cannot be deleted while it is attached.
            yield self.managed_policy(arn) or PolicyText(arn, _NOTHING)
        for name, document in holder.inline.items():
            yield PolicyText(f"inline policy {name} of {holder.noun} {holder.name}", document)

    def _boundary(self, arn: str | None) -> PolicyText | None:
        if arn is None:
            return None
        # A boundary whose policy is gone allows nothing: it must not be taken for no boundary.
        return self.managed_policy(arn) or PolicyText(arn, _NOTHING)


def _role(record: RoleRecord, state: IAMState) -> Role:
    return Role(
        arn=state.arn(record),
        id=record.id,
        name=record.name,
        account=state.account,
        trust_policy=trust_policy(record, state),
        max_session_seconds=record.max_session_seconds,
        tags=record.tags,
    )


def _user(record: UserRecord, state: IAMState) -> User:
    return User(arn=state.arn(record), id=record.id, name=record.name, account=state.account, tags=record.tags)
