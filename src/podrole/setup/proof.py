"""Proves the trust policies of a plan with STS's own functions before they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.doctor.facts.exchange import STRANGER, ExchangeQuestion, ask_eks_auth, ask_sts
from podrole.doctor.sources.account import EKSAssociation
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.errors import PolicyError, PolicyTooLarge
from podrole.iam.storing import StoredAs, check_storable
from podrole.kube.subjects import subject_of
from podrole.setup.group import PlanRefusal, RoleGroup
from podrole.setup.plan_role import is_trust_policy
from podrole.setup.trust import AUDIENCE
from podrole.setup.wanted import SetupPlace
from podrole.setup.writes import AccountCall, PlannedWrite, WriteKind
from podrole.sts.circumstances import Circumstances
from podrole.sts.pod_identity import Granted as GrantedToPod
from podrole.sts.web_identity import Granted

_DOCUMENTS = {
    "create_role": ("AssumeRolePolicyDocument", StoredAs.TRUST),
    "update_assume_role_policy": ("PolicyDocument", StoredAs.TRUST),
    "put_role_policy": ("PolicyDocument", StoredAs.INLINE),
}
_MOST_PROVEN = 50
"""A trust in more service accounts than this is proven by as many of them: their statement is the same one."""


def unproven(
    place: SetupPlace, group: RoleGroup, writes: tuple[PlannedWrite, ...], at: Circumstances
) -> tuple[PlanRefusal, ...]:
    """Return what is wrong with the policies of a plan: AWS would not store one, a service account would be refused, or
    one that nobody named would be let in by a new role."""
    refusals = [*_not_stored(place, writes)]
    for write in writes:
        if is_trust_policy(write) and write.after is not None:
            refusals += _not_trusted(place, group, write.after, at, new=write.kind is WriteKind.CREATE)
    return tuple(refusals)


def _not_stored(place: SetupPlace, writes: tuple[PlannedWrite, ...]) -> list[PlanRefusal]:
    refusals = []
    for write in writes:
        if not isinstance(write.call, AccountCall) or write.call.operation not in _DOCUMENTS:
            continue
        member, stored_as = _DOCUMENTS[write.call.operation]
        try:
            check_storable(str(write.call.parameters[member]), stored_as, place.partition)
        except PolicyTooLarge as problem:
            if stored_as is StoredAs.INLINE:  # of a trust policy the account's own quota decides
                refusals.append(_not_storable(write, problem))
        except PolicyError as problem:
            refusals.append(_not_storable(write, problem))
    return refusals


def _not_storable(write: PlannedWrite, problem: PolicyError) -> PlanRefusal:
    what = f"AWS would not store the {write.field or 'trust policy'} of {write.object}: {problem.what}"
    return PlanRefusal(what, problem.next_step or "correct the document")


def _not_trusted(
    place: SetupPlace, group: RoleGroup, document: str, at: Circumstances, *, new: bool
) -> list[PlanRefusal]:
    directory = PlannedDirectory(place, group.role_arn, document)
    refusals = []
    for account in [
        service_account.account for service_account in group.service_accounts if service_account.subject_pattern is None
    ][:_MOST_PROVEN]:
        question = ExchangeQuestion(group.role_arn, place.issuer, account.subject, AUDIENCE, at)
        if not isinstance(ask_sts(question, directory), Granted):
            refusals.append(_refused(group, str(account)))
    if new and not any(service_account.subject_pattern for service_account in group.service_accounts):
        nobody = ExchangeQuestion(group.role_arn, place.issuer, subject_of(STRANGER, STRANGER), AUDIENCE, at)
        if isinstance(ask_sts(nobody, directory), Granted):
            what = f"The trust policy of role {group.role_name} would let every service account in."
            refusals.append(PlanRefusal(what, "report this: podrole must not write such a policy"))
    for wanted in group.associations[:_MOST_PROVEN]:
        association = EKSAssociation(
            namespace=wanted.account.namespace,
            service_account=wanted.account.name,
            role_arn=group.role_arn,
            cluster_name=place.cluster,
            cluster_arn=place.cluster_arn or "",
            session_tags=not wanted.disable_session_tags,
        )
        if not isinstance(ask_eks_auth(association, place.issuer, "pod", directory, at), GrantedToPod):
            refusals.append(_refused(group, str(wanted.account)))
    return refusals


def _refused(group: RoleGroup, account: str) -> PlanRefusal:
    return PlanRefusal(
        f"With its other statements the trust policy of role {group.role_name} would refuse {account}.",
        "podrole doctor shows which statement denies; or choose another role with --role-name",
    )


@dataclass(frozen=True, slots=True)
class PlannedDirectory:
    """The account as the plan makes it, as far as an exchange looks."""

    place: SetupPlace
    role_arn: str
    trust_policy: str

    def role(self, arn: str) -> Role | None:
        """See Directory."""
        if arn != self.role_arn:
            return None
        return Role(arn, "AROAPLANNED", arn.rpartition("/")[2], self.place.account, self.trust_policy)

    def oidc_provider(self, account: str, issuer: str, partition: str = "") -> OIDCProvider | None:  # noqa: ARG002 - the Protocol's
        """See Directory."""
        if account != self.place.account or issuer != self.place.issuer:
            return None
        return OIDCProvider(self.place.provider_arn, issuer, (AUDIENCE,), ())

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:  # noqa: ARG002 - the Protocol's
        """See Directory."""
        return PrincipalPolicies(())

    def managed_policy(self, arn: str) -> PolicyText | None:  # noqa: ARG002 - the Protocol's
        """See Directory."""
        return None

    def access_key(self, key_id: str) -> AccessKey | None:  # noqa: ARG002 - the Protocol's
        """See Directory."""
        return None
