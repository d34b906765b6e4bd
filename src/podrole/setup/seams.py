"""The seams to the places that a set-up reads and changes: a cluster's API and an account's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from podrole.setup.found import FoundAssociation, FoundPod, FoundProvider, FoundRole, FoundServiceAccount
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import AccountCall, ClusterCall


class AccountWriter(Protocol):
    """Changes an AWS account. The call blocks, and raises CallFailed or one of its kinds."""

    def call(self, call: AccountCall) -> None:
        """Execute one write."""
        ...


@runtime_checkable
class RoleWriter(AccountWriter, Protocol):
    """Changes roles of an account too."""

    def trust_policy(self, name: str) -> str | None:
        """Return a role's trust policy; None if there is no such role."""
        ...


class ClusterWriter(Protocol):
    """Changes a cluster. The call raises CallFailed or one of its kinds."""

    async def call(self, call: ClusterCall) -> None:
        """Execute one write."""
        ...


class SetupAccount(RoleWriter, Protocol):
    """Reads and changes an AWS account. Every method raises CallFailed or one of its kinds.

    The calls block; an applying command runs them in threads.
    """

    @property
    def id(self) -> str:
        """The account's id."""
        ...

    @property
    def partition(self) -> str:
        """The account's partition."""
        ...

    @property
    def region(self) -> str:
        """The region of EKS's calls."""
        ...

    def provider(self, arn: str) -> FoundProvider | None:
        """Return an OpenID Connect provider."""
        ...

    def role(self, name: str) -> FoundRole | None:
        """Return a role with all its policies and tags."""
        ...

    def has_policy(self, arn: str) -> bool:
        """Say whether a managed policy exists, one of AWS's own or of the account."""
        ...

    def tagged_roles(self, cluster: str) -> Sequence[FoundRole]:
        """Return the roles that carry podrole's or eksctl's tag for this cluster."""
        ...

    def cluster_arn_and_issuer(self, cluster: str) -> tuple[str, str] | None:
        """Return the ARN and the issuer of an EKS cluster; None if the account has no such cluster."""
        ...

    def has_pod_identity_agent(self, cluster: str) -> bool:
        """Say whether the cluster has the add-on eks-pod-identity-agent, or runs in auto mode."""
        ...

    def association(self, cluster: str, account: ServiceAccountName) -> FoundAssociation | None:
        """Return a service account's Pod Identity association."""
        ...

    def associations(self, cluster: str) -> Sequence[FoundAssociation]:
        """Return all Pod Identity associations of a cluster."""
        ...


class SetupCluster(ClusterWriter, Protocol):
    """Reads and changes a cluster. Every method raises CallFailed or one of its kinds."""

    @property
    def what(self) -> str:
        """The cluster's name, as it is shown."""
        ...

    async def issuer(self) -> str:
        """Return the issuer in the cluster's discovery document."""
        ...

    async def has_namespace(self, name: str) -> bool:
        """Say whether a namespace exists."""
        ...

    async def service_account(self, account: ServiceAccountName) -> FoundServiceAccount | None:
        """Return a service account."""
        ...

    async def service_accounts(self) -> Sequence[FoundServiceAccount]:
        """Return the service accounts of all namespaces."""
        ...

    async def pods(self, account: ServiceAccountName) -> Sequence[FoundPod]:
        """Return the pods of a service account that have not ended."""
        ...
