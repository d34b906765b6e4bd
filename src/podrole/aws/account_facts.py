"""The facts that the accounts' own records answer: see ``podrole.aws.interfaces.Facts``. They need no waiting."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from podrole.account.eks.tags import tagged, tags_of
from podrole.account.iam.operations.providers import find_oidc_provider_by_arn, find_saml_provider_by_arn
from podrole.account.iam.records import (
    GroupRecord,
    InstanceProfileRecord,
    ManagedPolicyRecord,
    MFADeviceRecord,
    NamedRecord,
    RoleRecord,
    ServerCertificateRecord,
    UserRecord,
)
from podrole.account.iam.state import IAMState
from podrole.account.organizations.state import Levels
from podrole.account.store import AccountView
from podrole.aws.global_keys import OrganizationPlace
from podrole.aws.interfaces import Bucket, ControlPolicy, Encryption, Resource, SecureParameter
from podrole.iam.actions.call import Call, Keys, LaunchVolumes
from podrole.iam.directory import PolicyText

_KINDS: Mapping[str, type[NamedRecord]] = {
    "group": GroupRecord,
    "instance-profile": InstanceProfileRecord,
    "policy": ManagedPolicyRecord,
    "role": RoleRecord,
    "server-certificate": ServerCertificateRecord,
    "user": UserRecord,
}


_DESCRIBED = frozenset({"iam:permissionsboundary"})


class AccountFacts:
    """Facts about IAM, EKS and Organizations. Resources of other services have none here."""

    def __init__(self, view: AccountView) -> None:
        self._view = view

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        """See Resolver."""
        service, _, noun = kind.partition(":")
        state = self._view.iam(call.account, call.partition) if service == "iam" else None
        if state is None:
            return None
        if noun == "instance-profile-role":
            return _profile_role(state, name)
        record = state.named(_KINDS[noun], name) if noun in _KINDS else None
        return state.arn(record) if record is not None else None

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str] | None:  # noqa: ARG002 - the Protocol's
        """See Resolver."""
        parts = arn.split(":")
        if len(parts) < 6:
            return None
        if parts[2] == "iam":
            return self._iam_tags(arn, parts)
        if parts[2] == "eks":
            record = tagged(self._view.eks(parts[4], parts[3]), arn)
            return tags_of(record) if record is not None else {}
        if parts[2] == "organizations":
            return self._view.organizations.tags_of(parts[5].rpartition("/")[2])
        return None

    def _iam_tags(self, arn: str, parts: list[str]) -> Mapping[str, str]:
        state = self._view.iam(parts[4], parts[1])
        if state is None:
            return {}
        if parts[5].startswith("oidc-provider/"):
            provider = find_oidc_provider_by_arn(state, arn)
            return provider.tags if provider is not None else {}
        record = state.get(MFADeviceRecord, arn) or find_saml_provider_by_arn(state, arn) or _record(state, arn)
        return record.tags if record is not None else {}

    def described(self, kind: str) -> Container[str]:
        """See Resolver."""
        return _DESCRIBED if kind in ("iam:role", "iam:user") else frozenset()

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:  # noqa: ARG002 - the Protocol's
        """See Resolver."""
        state = self._of_arn(arn) if kind.partition(":")[0] == "iam" else None
        record = _record(state, arn) if state is not None else None
        boundary = record.boundary if isinstance(record, UserRecord | RoleRecord) else None
        return {"iam:PermissionsBoundary": boundary} if boundary is not None else {}

    def partition_key(self, call: Call, table: str) -> str | None:  # noqa: ARG002 - no tables here
        """See Resolver."""
        return None

    def resource(self, arn: str) -> Resource:
        """See Facts. A role's trust policy is not returned: STS decides about it."""
        parts = arn.split(":")
        return Resource(parts[4]) if len(parts) > 5 else Resource()

    def policies_within(self, arn: str) -> list[PolicyText]:  # noqa: ARG002 - no resource policies here
        """See Facts."""
        return []

    def bucket(self, name: str) -> Bucket | None:  # noqa: ARG002 - no buckets here
        """See Facts."""
        return None

    def encryption(self, arn: str, version: str = "") -> Encryption:  # noqa: ARG002 - the signature of all
        """See Facts."""
        return Encryption()

    def secure_parameters(self, account: str, region: str) -> Iterable[SecureParameter]:  # noqa: ARG002 - none here
        """See Facts."""
        return ()

    def object_exists(self, bucket: str, key: str) -> bool:  # noqa: ARG002 - no buckets here
        """See Facts."""
        return False

    def control_policies(self, account: str, kind: ControlPolicy) -> Levels | None:
        """See Facts."""
        return self._view.organizations.control_policies(account, kind)

    def launch_template(
        self,
        call: Call,  # noqa: ARG002 - no templates here
        named: Mapping[str, Any],  # noqa: ARG002
    ) -> Mapping[str, Any] | None:
        """See Resolver."""
        return None

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:  # noqa: ARG002 - no images here
        """See Resolver."""
        return LaunchVolumes()

    def organization(self, account: str) -> OrganizationPlace | None:
        """See Facts."""
        organizations = self._view.organizations
        record = organizations.organization_of(account)
        if record is None:
            return None
        node = organizations.node(account)
        steps: list[str] = []
        while node is not None and node.parent is not None:
            steps.append(node.parent)
            node = organizations.node(node.parent)
        return OrganizationPlace(record.organization_id, "/".join((record.organization_id, *reversed(steps), "")))

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:  # noqa: ARG002
        """See Facts."""
        return []

    def principal_id(self, arn: str) -> str | None:
        """See Facts."""
        state = self._of_arn(arn)
        return state.unique_id(arn) if state is not None else None

    def account_exists(self, account: str, partition: str) -> bool:
        """See Facts."""
        return self._view.iam(account, partition) is not None

    def _of_arn(self, arn: str) -> IAMState | None:
        parts = arn.split(":")
        return self._view.iam(parts[4], parts[1]) if len(parts) > 5 else None


def _record(state: IAMState, arn: str) -> NamedRecord | None:
    kind = _KINDS.get(arn.split(":")[5].partition("/")[0])
    return state.by_arn(kind, arn) if kind is not None else None


def _profile_role(state: IAMState, name: str) -> str | None:
    profile = state.named(InstanceProfileRecord, name) or state.by_arn(InstanceProfileRecord, name)
    role = state.get(RoleRecord, profile.role_id) if profile is not None and profile.role_id is not None else None
    return state.arn(role) if role is not None else None
