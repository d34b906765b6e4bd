"""All facts of one examination, complete when built: nothing is filled in later.

The account is kept beside the facts: links ask it about other roles and providers, and STS's function reads from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from podrole.base.events import Event
from podrole.doctor.facts.binding import BindingFacts, BindingRules, bind
from podrole.doctor.facts.issuer import IssuerFacts
from podrole.doctor.facts.live import LiveFacts
from podrole.doctor.facts.pods import PodFacts, session_name_of
from podrole.doctor.facts.role import RoleFacts
from podrole.doctor.facts.service_account import ServiceAccountFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.facts.webhook import WebhookFacts
from podrole.doctor.sources.account import Account, EKSAssociation
from podrole.doctor.sources.cluster import Object
from podrole.doctor.sources.sources import EnvironmentFacts
from podrole.doctor.unknown import UnknownFact
from podrole.sts.circumstances import Circumstances
from podrole.webhook.identity.binding import Identity
from podrole.webhook.settings import InjectionSettings


@dataclass(frozen=True, slots=True)
class DesiredCall:
    """A call that the pod should be able to make (``--can``, ``--resource``)."""

    action: str
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What is known about one service account and its pods.

    ``users`` are the subjects of all service accounts that are bound to the role. ``log`` is the world's event log,
    newest first.
    """

    target: DoctorTarget
    service_account: ServiceAccountFacts
    pods: tuple[PodFacts, ...] | UnknownFact
    webhook: WebhookFacts
    rules: BindingRules
    binding: BindingFacts
    issuer: IssuerFacts
    role: RoleFacts
    users: frozenset[str] | UnknownFact
    account: Account
    environment: EnvironmentFacts
    at: Circumstances
    log: tuple[Event, ...] = ()
    live: LiveFacts | None = None
    desired_call: DesiredCall | None = None

    @property
    def known_pods(self) -> tuple[PodFacts, ...]:
        """The pods; none if they could not be read."""
        return () if isinstance(self.pods, UnknownFact) else self.pods

    @property
    def settings(self) -> InjectionSettings:
        """The webhook's settings."""
        return self.webhook.settings

    @property
    def identity(self) -> Identity | None:
        """The identity that the service account has, or was probably meant to have."""
        return self.binding.identity or self.binding.meant

    @property
    def association(self) -> EKSAssociation | None:
        """The service account's EKS Pod Identity association."""
        return self.rules.association_of(self.target)

    @property
    def session_name(self) -> str:
        """The session name that the pod sets; empty if its SDK generates one."""
        return session_name_of(self.pods)

    def binding_of_neighbour(self, account: Object) -> BindingFacts:
        """Return what another service account of the namespace is bound to."""
        target = DoctorTarget(self.target.namespace, str(account["metadata"]["name"]))
        return bind(target, account, (), self.rules)
