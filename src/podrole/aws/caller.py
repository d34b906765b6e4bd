"""The caller: the principal that a signature proves, and the condition keys that describe it."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.base.clock import rfc3339
from podrole.iam.directory import Role, User
from podrole.iam.principal import Principal, PrincipalType
from podrole.sts.session import Session, SessionKind
from podrole.sts.tags import overriding


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal, and the user or role that its policies are attached to.

    ``entity`` is that user or role as IAM has it now, None for an anonymous caller. ``session`` is None for long-term
    keys.
    """

    principal: Principal
    entity: User | Role | None = None
    session: Session | None = None
    access_key_id: str | None = None

    @property
    def account(self) -> str:
        """The caller's account; empty for an anonymous caller."""
        return self.principal.account

    def context_keys(self) -> dict[str, str | list[str]]:
        """Return the keys that describe the principal
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""
        if self.entity is None:
            return {"aws:PrincipalAccount": "anonymous", "aws:PrincipalType": PrincipalType.ANONYMOUS.value}
        keys: dict[str, str | list[str]] = {
            "aws:PrincipalAccount": self.principal.account,
            "aws:PrincipalArn": self.principal.role_arn or self.principal.arn,
            "aws:PrincipalType": self.principal.type.value,
            "aws:PrincipalIsAWSService": "false",
            "aws:ViaAWSService": "false",
            "aws:userid": self.principal.id,
        }
        tags = self.entity.tags
        if self.principal.type is PrincipalType.USER:
            keys["aws:username"] = self.entity.name
        if self.session is not None:
            tags = overriding(tags, self.session.tags)
            keys["aws:TokenIssueTime"] = rfc3339(self.session.issued_at)
            keys["aws:MultiFactorAuthPresent"] = "false"
            keys.update(self.session.context)
            if self.session.federated_provider is not None:
                keys["aws:FederatedProvider"] = self.session.federated_provider
            if self.session.source_identity is not None:
                keys["aws:SourceIdentity"] = self.session.source_identity
        keys.update({f"aws:PrincipalTag/{key}": value for key, value in tags.items()})
        return keys


ANONYMOUS = Caller(Principal(PrincipalType.ANONYMOUS))


def caller_of_user(user: User, access_key_id: str) -> Caller:
    """Return the caller for a long-term key."""
    kind = PrincipalType.USER if user.name else PrincipalType.ROOT
    return Caller(Principal(kind, account=user.account, arn=user.arn, id=user.id), user, None, access_key_id)


def caller_of_session(session: Session, entity: User | Role, access_key_id: str) -> Caller:
    """Return the caller for temporary credentials of ``entity``."""
    if isinstance(entity, Role):
        principal = Principal(
            PrincipalType.ASSUMED_ROLE,
            account=session.account,
            arn=session.arn,
            id=session.id,
            role_arn=entity.arn,
            role_id=entity.id,
        )
    elif session.kind is SessionKind.FEDERATED_USER:
        principal = Principal(
            PrincipalType.FEDERATED_USER,
            account=session.account,
            arn=session.arn,
            id=session.id,
            user_arn=entity.arn if entity.name else "",
        )
    else:
        kind = PrincipalType.USER if entity.name else PrincipalType.ROOT
        principal = Principal(kind, account=session.account, arn=entity.arn, id=entity.id)
    return Caller(principal, entity, session, access_key_id)
