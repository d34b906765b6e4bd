"""IAM as moto's other services see it: answered from podrole's records, so that there is no second copy.

Lambda, EC2, Batch, CodePipeline, SES, ELB, Config and Organizations look for roles, instance profiles and certificates
in ``moto.iam.models.iam_backends``; they find these objects there. moto's own IAM and STS operations are never called.
"""

from __future__ import annotations

import datetime
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from moto.core.base_backend import BaseBackend
from moto.iam import models
from moto.iam.exceptions import EntityAlreadyExists, NotFoundException

from podrole.account.errors import AccountError
from podrole.account.iam.operations.shown import trust_policy
from podrole.account.iam.records import InstanceProfileRecord, ManagedPolicyRecord, RoleRecord, ServerCertificateRecord
from podrole.account.iam.request import Output, tag_list
from podrole.account.iam.state import IAMState
from podrole.account.store import AccountStore

moto_iam: Any = models
"""moto's module; its classes are made and replaced here in ways that its types do not foresee."""

RunOperation = Callable[[str, str, str, Mapping[str, Any]], Output]
"""Runs an operation of IAM (account, partition, name, input) and waits until its changes are on disk."""


def _made(kind: Any, *values: Any) -> Any:
    """Make an object of moto's for one question. moto keeps a list of all objects that are made in the usual way."""
    made = object.__new__(kind)
    made.__init__(*values)
    return made


class InstanceProfile(moto_iam.InstanceProfile):  # type: ignore[misc]  # moto's class, not seen as one
    """An instance profile. EC2 compares the one that it finds by name with the one that it finds by ARN."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InstanceProfile) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


class _Roles(dict[str, models.Role]):
    """Roles by their unique ids. SES asks whether an ARN is in it."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or any(role.arn == key for role in self.values())


class _Policies(dict[str, Any]):
    """Customer managed policies by ARN. Config asks for the name of each policy that a role has, AWS's too."""

    def __missing__(self, arn: str) -> Any:
        return types.SimpleNamespace(name=arn.rpartition("/")[2])


class IAMBackend(BaseBackend):
    """The part of moto's ``IAMBackend`` that other services use, for one account and partition."""

    store: AccountStore
    run_operation: RunOperation

    def _state(self) -> IAMState | None:
        return self.store.iam(self.account_id, self.partition)

    @property
    def roles(self) -> Mapping[str, models.Role]:
        """The roles by their unique ids."""
        state = self._state()
        return _Roles((record.id, self._role(state, record)) for record in (state.records(RoleRecord) if state else ()))

    def get_roles(self) -> list[models.Role]:
        """Return every role."""
        return list(self.roles.values())

    def get_role(self, role_name: str) -> models.Role:
        """Return the role with that name. Raises moto's NotFoundException."""
        state = self._state()
        record = state.named(RoleRecord, role_name) if state else None
        return self._found_role(state, record, f"The role with name {role_name} cannot be found.")

    def get_role_by_id(self, role_id: str) -> models.Role | None:
        """Return the role with that unique id."""
        state = self._state()
        record = state.get(RoleRecord, role_id) if state else None
        return self._role(state, record) if record and state else None

    def get_role_by_arn(self, arn: str) -> models.Role:
        """Return the role with that ARN. Raises moto's NotFoundException."""
        state = self._state()
        record = state.by_arn(RoleRecord, arn) if state else None
        return self._found_role(state, record, f"Role {arn} not found")

    def create_role(self, role_name: str, assume_role_policy_document: str, **further: Any) -> models.Role:
        """Create a role, as Organizations does in a new account. Raises moto's EntityAlreadyExists."""
        parameters: dict[str, Any] = {
            "RoleName": role_name,
            "AssumeRolePolicyDocument": assume_role_policy_document,
            "Path": further.get("path") or "/",
        }
        try:
            self.run_operation(self.account_id, self.partition, "CreateRole", parameters)
        except AccountError as refusal:
            if refusal.aws_code == "EntityAlreadyExists":
                raise EntityAlreadyExists(refusal.what) from refusal
            raise
        return self.get_role(role_name)

    @property
    def managed_policies(self) -> Mapping[str, Any]:
        """The customer managed policies by ARN."""
        state = self._state()
        policies = (self._policy(record) for record in (state.records(ManagedPolicyRecord) if state else ()))
        return _Policies((policy.arn, policy) for policy in policies)

    @property
    def instance_profiles(self) -> Mapping[str, models.InstanceProfile]:
        """The instance profiles by name."""
        return {profile.name: profile for profile in self._profiles()}

    def get_instance_profiles(self) -> list[models.InstanceProfile]:
        """Return every instance profile."""
        return list(self._profiles())

    def get_instance_profile(self, profile_name: str) -> models.InstanceProfile:
        """Return the instance profile with that name. Raises moto's NotFoundException."""
        for profile in self._profiles():
            if profile.name == profile_name:
                return profile
        raise NotFoundException(f"Instance profile {profile_name} not found")

    def get_instance_profile_by_arn(self, profile_arn: str) -> models.InstanceProfile:
        """Return the instance profile with that ARN. Raises moto's NotFoundException."""
        for profile in self._profiles():
            if profile.arn == profile_arn:
                return profile
        raise NotFoundException(f"Instance profile {profile_arn} not found")

    def get_user_from_access_key_id(self, access_key_id: str) -> Any:  # noqa: ARG002 - every key is the account's here
        """Return the account as a caller: App Mesh and EMR ask for the owner of what they create."""
        arn = f"arn:{self.partition}:iam::{self.account_id}:root"
        return types.SimpleNamespace(id=self.account_id, arn=arn, account_id=self.account_id)

    def get_certificate_by_arn(self, arn: str) -> ServerCertificateRecord | None:
        """Return the server certificate with that ARN."""
        state = self._state()
        return state.by_arn(ServerCertificateRecord, arn) if state else None

    def _profiles(self) -> Iterator[models.InstanceProfile]:
        state = self._state()
        for record in state.records(InstanceProfileRecord) if state else ():
            role = state.get(RoleRecord, record.role_id) if state and record.role_id else None
            profile: InstanceProfile = _made(
                InstanceProfile,
                self.account_id,
                self.region_name,
                record.id,
                record.name,
                record.path,
                [self._role(state, role)] if role and state else [],
                tag_list(record.tags),
            )
            profile.partition = self.partition
            yield profile

    def _policy(self, record: ManagedPolicyRecord) -> models.ManagedPolicy:
        policy: models.ManagedPolicy = _made(
            models.ManagedPolicy,
            record.name,
            self.account_id,
            self.region_name,
            f"v{record.default}",
            record.description,
            record.document,
            record.path,
            _time(record.created_at),
            _time(record.updated_at),
            {tag["Key"]: tag for tag in tag_list(record.tags)},
        )
        policy.id = record.id
        return policy

    def _found_role(self, state: IAMState | None, record: RoleRecord | None, missing: str) -> models.Role:
        if record is None or state is None:
            raise NotFoundException(missing)
        return self._role(state, record)

    def _role(self, state: IAMState | None, record: RoleRecord) -> models.Role:
        role: Any = _made(
            models.Role,
            self.account_id,
            self.partition,
            record.id,
            record.name,
            trust_policy(record, state) if state else record.trust_policy,
            record.path,
            record.boundary,
            record.description or "",
            tag_list(record.tags),
            str(record.max_session_seconds),
        )
        role.create_date = _time(record.created_at)
        role.policies = dict(record.inline)
        role.managed_policies = dict.fromkeys(record.attached)
        return cast("models.Role", role)


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)  # as moto has it


def open_account(account: str, partition: str) -> None:
    """Make an account's IAM known to Config, which asks only what has been asked before."""
    _ = moto_iam.iam_backends[account][partition]


def answer_from(store: AccountStore, run_operation: RunOperation) -> None:
    """Have moto's services find ``store``'s records from now on. Runs in moto's thread, once."""
    IAMBackend.store = store
    IAMBackend.run_operation = staticmethod(run_operation)
    moto_iam.iam_backends.backend = IAMBackend
    moto_iam.iam_backends.clear()
    # moto's own bookkeeping of keys would look for users here.
    moto_iam.mark_account_as_visited = lambda **_: None
    moto_iam.get_account_id_from = lambda access_key: ""  # noqa: ARG005 - never asked: every call names its account
