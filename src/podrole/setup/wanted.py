"""What a person wants: the identities of service accounts, as eksctl's words and files name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from podrole.kube.subjects import subject_of

MAX_ROLE_NAME = 64
ROLE_NAME = re.compile(rf"[A-Za-z0-9_+=,.@-]{{1,{MAX_ROLE_NAME}}}")


@dataclass(frozen=True, slots=True)
class SetupPlace:
    """The cluster and the account that belong together.

    ``cluster_arn`` is the EKS cluster's; None off EKS, where ``cluster`` only names the cluster in tags. ``issuer`` is
    the URL in the cluster's tokens.
    """

    cluster: str
    issuer: str
    account: str
    partition: str
    region: str
    cluster_arn: str | None = None

    @property
    def key_prefix(self) -> str:
        """The issuer as condition keys and provider ARNs name it."""
        return self.issuer.removeprefix("https://")

    @property
    def provider_arn(self) -> str:
        """The ARN of the account's provider for the issuer, whether it exists or not."""
        return f"arn:{self.partition}:iam::{self.account}:oidc-provider/{self.key_prefix}"

    def role_arn(self, name: str) -> str:
        """The ARN of a role without a path."""
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    def has_role(self, arn: str) -> bool:
        """Say whether an annotation's text is the ARN of a role that the account can have."""
        path, _, name = arn.rpartition("/")
        return f"{path}/".startswith(self.role_arn("")) and ROLE_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, order=True)
class ServiceAccountName:
    """A service account's place in the cluster."""

    namespace: str
    name: str

    @property
    def subject(self) -> str:
        """The subject of its tokens."""
        return subject_of(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class WantedRole:
    """A role that podrole makes. ``name`` is None for the name that follows from cluster and service account.

    ``managed`` are ARNs of managed policies. ``inline`` are documents by the policy's name; every name begins with
    ``podrole-``, and only such policies are ever replaced or deleted.
    """

    name: str | None = None
    managed: tuple[str, ...] = ()
    inline: Mapping[str, str] = field(default_factory=dict)
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExistingRole:
    """A role that somebody else keeps: it is named and never changed."""

    arn: str


@dataclass(frozen=True, slots=True)
class WantedServiceAccount:
    """One ``iamserviceaccount``: a service account that assumes a role with its token.

    ``role_only`` leaves the cluster alone. ``subject_pattern`` replaces the service account's name in the trust policy
    by a pattern. ``override`` lets an existing service account get the annotation.
    """

    account: ServiceAccountName
    role: WantedRole | ExistingRole
    role_only: bool = False
    subject_pattern: str | None = None
    override: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedAssociation:
    """One ``podidentityassociation``.

    ``session_policy`` is a policy document that limits the target role; EKS takes it only with disabled session tags.
    """

    account: ServiceAccountName
    role: WantedRole | ExistingRole
    target_role_arn: str | None = None
    disable_session_tags: bool = False
    session_policy: str | None = None
    create_service_account: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedSetup:
    """All that one command or one file wants.

    ``provider`` says whether the cluster's issuer must be an OpenID Connect provider of the account. ``file`` names the
    file in tags, so that ``--prune`` knows what the file made; None for a single command. ``left_alone`` are sections
    of the file that are not about identities.
    """

    cluster: str
    region: str | None = None
    provider: bool = False
    service_accounts: tuple[WantedServiceAccount, ...] = ()
    associations: tuple[WantedAssociation, ...] = ()
    file: str | None = None
    left_alone: tuple[str, ...] = ()
