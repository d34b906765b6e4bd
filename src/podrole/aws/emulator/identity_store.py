"""The identities of an account in moto's IAM, as IAM's own rules read and change them."""

from __future__ import annotations

from typing import Any

from podrole.account.identities import Entity, EntityKind
from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.managed import managed_document
from podrole.iam.directory import OIDCProvider

_COLLECTIONS = {EntityKind.USER: "users", EntityKind.GROUP: "groups", EntityKind.ROLE: "roles"}


class MotoIdentityStore:
    """See podrole.account.identities.IdentityStore. Runs in moto's thread."""

    def __init__(self, account: str, partition: str) -> None:
        self._stored: Any | None = backend("iam", account, partition)

    def entity(self, kind: EntityKind, name: str) -> Entity | None:
        """See IdentityStore."""
        entity = next((one for one in self._all(kind) if one.name == name), None)
        if entity is None:
            return None
        return Entity(
            kind,
            entity.name,
            entity.arn,
            str(entity.id),
            frozenset(entity.managed_policies),
            {name: str(document) for name, document in entity.policies.items()},
            getattr(entity, "permissions_boundary_arn", None),
            tuple(key.access_key_id for key in getattr(entity, "access_keys", ())),
            self._must_do_first(entity),
        )

    def names(self, kind: EntityKind) -> tuple[str, ...]:
        """See IdentityStore."""
        return tuple(one.name for one in self._all(kind))

    def groups_of(self, user: str) -> tuple[str, ...]:
        """See IdentityStore."""
        groups = self._all(EntityKind.GROUP)
        return tuple(group.name for group in groups if any(one.name == user for one in group.users))

    def has_policy(self, arn: str) -> bool:
        """See IdentityStore."""
        return (self._stored is not None and arn in self._stored.managed_policies) or managed_document(arn) is not None

    def own_policy_names(self) -> tuple[str, ...]:
        """See IdentityStore."""
        policies = self._stored.managed_policies.values() if self._stored is not None else ()
        return tuple(one.name for one in policies if ":iam::aws:" not in one.arn)

    def uses_policy(self, arn: str) -> bool:
        """See IdentityStore."""
        return any(
            arn in one.managed_policies or arn == getattr(one, "permissions_boundary_arn", None)
            for kind in EntityKind
            for one in self._all(kind)
        )

    def providers(self) -> tuple[OIDCProvider, ...]:
        """See IdentityStore."""
        providers = self._stored.open_id_providers.values() if self._stored is not None else ()
        return tuple(map(provider_record, providers))

    def provider(self, arn: str) -> OIDCProvider | None:
        """See IdentityStore."""
        provider = self._stored.open_id_providers.get(arn) if self._stored is not None else None
        return None if provider is None else provider_record(provider)

    def provider_tag_keys(self, arn: str) -> frozenset[str]:
        """See IdentityStore."""
        return frozenset(tag["Key"] for tag in self._must_be_there().open_id_providers[arn].tag_list_type)

    def set_user_boundary(self, user: str, policy_arn: str | None) -> None:
        """See IdentityStore."""
        set_boundary(self._must_be_there().users[user], policy_arn)

    def set_client_ids(self, provider_arn: str, client_ids: list[str]) -> None:
        """See IdentityStore."""
        self._must_be_there().open_id_providers[provider_arn].client_id_list = client_ids

    def _all(self, kind: EntityKind) -> list[Any]:
        return list(getattr(self._stored, _COLLECTIONS[kind]).values()) if self._stored is not None else []

    def _must_be_there(self) -> Any:
        if self._stored is None:
            raise LookupError("the account has no identities")
        return self._stored

    def _must_do_first(self, entity: Any) -> tuple[str, ...]:
        reasons = {
            "delete access keys": getattr(entity, "access_keys", ()),
            "delete login profile": getattr(entity, "password", None),
            "delete MFA device": getattr(entity, "mfa_devices", ()),
            "remove users from group": getattr(entity, "users", ())
            or any(entity in one.users for one in self._all(EntityKind.GROUP)),
            "detach all policies": entity.managed_policies,
            "delete policies": entity.policies,
        }
        return tuple(reason for reason, holds in reasons.items() if holds)


def set_boundary(user: Any, policy_arn: str | None) -> None:
    """Set or remove the permissions boundary of moto's user, which has none of its own."""
    user.permissions_boundary_arn = policy_arn
    if policy_arn is None:
        vars(user).pop("permissions_boundary", None)
        return
    # moto's answers about a user show the attribute that has the member's name.
    user.permissions_boundary = {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": policy_arn,
    }


def user_tags(user: Any) -> dict[str, str]:
    """Return the tags of moto's user, by a copy that is safe in any thread: moto's own reading is not."""
    arn = user.arn
    stored = backend("iam", user.account_id, arn.split(":", 2)[1])
    tags = dict(stored.tagger.tags.get(arn, ())) if stored is not None else {}
    return {str(key): "" if value is None else str(value) for key, value in tags.items()}


def provider_record(provider: Any) -> OIDCProvider:
    """Return moto's OpenID Connect provider as a record."""
    return OIDCProvider(
        arn=provider.arn,
        issuer=f"https://{provider.url}",
        client_ids=tuple(provider.client_id_list),
        thumbprints=tuple(provider.thumbprint_list),
    )
