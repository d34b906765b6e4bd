"""What IAM stores, as immutable records. Times are epoch seconds; documents are the text as it was sent.

``id`` is IAM's unique id (``AROA…``), or what takes its place; it never changes and is never reused, so references
between records use it. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from podrole.account.records import Record

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRecord(Record):
    """A record with a name, a path and an ARN. Names of one kind differ in more than case."""

    arn_type: ClassVar[str]
    name: str
    path: str = "/"
    created_at: float
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyHolder(NamedRecord):
    """A user, group or role. ``attached`` are the ARNs of managed policies, ``inline`` documents by policy name."""

    noun: ClassVar[str]
    """How IAM's messages call it."""

    attached: tuple[str, ...] = ()
    inline: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Password:
    """A console password: only its scrypt hash is kept."""

    hash: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    created_at: float
    changed_at: float
    reset_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord(PolicyHolder):
    """An IAM user. ``groups`` are the ids of its groups, ``boundary`` a managed policy's ARN."""

    table = "user"
    arn_type = "user"
    noun = "user"
    boundary: str | None = None
    groups: tuple[str, ...] = ()
    password: Password | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord(PolicyHolder):
    """A group of users."""

    table = "group"
    arn_type = "group"
    noun = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRecord(PolicyHolder):
    """A role. ``trusted_ids`` are the unique ids, by ARN, of the principals that the trust policy named when stored.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """

    table = "role"
    arn_type = "role"
    noun = "role"
    trust_policy: str
    trusted_ids: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    max_session_seconds: int = 3_600
    boundary: str | None = None
    service: str | None = None
    """The AWS service that a service-linked role belongs to, such as ``autoscaling.amazonaws.com``."""


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a managed policy; ``number`` 3 is ``v3``."""

    number: int
    document: str
    created_at: float

    @property
    def id(self) -> str:
        """The version's id, such as ``v3``."""
        return f"v{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicyRecord(NamedRecord):
    """A customer managed policy. ``default`` and ``last_number`` are version numbers; a number is never reused."""

    table = "policy"
    arn_type = "policy"
    description: str | None = None
    updated_at: float
    versions: tuple[PolicyVersion, ...]
    default: int = 1
    last_number: int = 1

    @property
    def document(self) -> str:
        """The document of the default version."""
        return next(version.document for version in self.versions if version.number == self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfileRecord(NamedRecord):
    """An instance profile; it holds the id of at most one role."""

    table = "instance-profile"
    arn_type = "instance-profile"
    role_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OIDCProviderRecord(Record):
    """An OpenID Connect provider; its ``id`` is its URL without ``https://``, which its ARN ends with."""

    table = "oidc-provider"
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created_at: float
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLProviderRecord(Record):
    """A SAML provider; its ``id`` is its name."""

    table = "saml-provider"
    uuid: str
    metadata: str
    valid_until: float
    created_at: float
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """When and for what an access key was last used."""

    at: float
    service: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedRecord(Record):
    """What a user proves itself with. ``user_id`` is the user's, None for a device that nobody uses."""

    user_id: str | None
    created_at: float
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeyRecord(OwnedRecord):
    """A user's long-term access key; its ``id`` is the access key id."""

    table = "access-key"
    user_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MFADeviceRecord(OwnedRecord):
    """A virtual MFA device; its ``id`` is its serial number, an ARN. ``seed`` is base32."""

    table = "mfa-device"
    name: str
    path: str
    seed: str = field(repr=False)
    user_id: str | None = None
    enabled_at: float | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHKeyRecord(OwnedRecord):
    """A user's public SSH key, as PEM."""

    table = "ssh-key"
    body: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCertificateRecord(OwnedRecord):
    """A user's X.509 signing certificate, as PEM."""

    table = "signing-certificate"
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificateRecord(NamedRecord):
    """A server certificate with its chain, as PEM. Its private key is checked and not kept: nothing reads it."""

    table = "server-certificate"
    arn_type = "server-certificate"
    body: str
    chain: str | None = None
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """Rules for console passwords. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PasswordPolicy.html."""

    minimum_length: int = 6
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    users_may_change: bool = False
    max_age_days: int | None = None
    reuse_prevention: int | None = None
    hard_expiry: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettingsRecord(Record):
    """The account's own settings; there is one record, with the id ``settings``."""

    table = "settings"
    id: str = "settings"
    alias: str | None = None
    password_policy: PasswordPolicy | None = None
    global_token_version: int = 1
    opened: bool = False
    """Whether the account's administrator has been created."""
    administrator_key: str | None = None
    """The access key id that the world gave the administrator."""
    report: bytes | None = None
    report_at: float | None = None


RECORDS: Mapping[str, type[Record]] = {
    kind.table: kind
    for kind in (
        AccessKeyRecord,
        AccountSettingsRecord,
        GroupRecord,
        InstanceProfileRecord,
        MFADeviceRecord,
        ManagedPolicyRecord,
        OIDCProviderRecord,
        RoleRecord,
        SAMLProviderRecord,
        SSHKeyRecord,
        ServerCertificateRecord,
        SigningCertificateRecord,
        UserRecord,
    )
}
"""Every kind of record, by its name in the journal."""
