"""Everything that is known about one service account and its pods when the links are checked.

Facts are gathered first (``podrole.doctor.facts.gather``). The account is still asked while the links are checked: it
answers as STS's directory does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from podrole.base.events import Event
from podrole.base.partitions import partition_of
from podrole.cluster.admission.matching import RegisteredWebhook
from podrole.cluster.node.content.environment import Reference
from podrole.doctor.errors import CannotTell
from podrole.doctor.facts.binding import BindingFacts, bind
from podrole.doctor.facts.exchange import ExchangeEvaluation, ExchangeQuestion, evaluate_exchange
from podrole.doctor.remedies.changes import Object, Workload
from podrole.doctor.remedies.commands import Tools
from podrole.doctor.sources.account import Account, EKSAssociation
from podrole.iam.arn import parse_arn
from podrole.iam.directory import OIDCProvider, Role
from podrole.iam.errors import InvalidARN
from podrole.kube.subjects import subject_of
from podrole.oidc.errors import KeysUnavailable
from podrole.oidc.jwks import Keys
from podrole.sts.circumstances import Circumstances
from podrole.webhook.identity.annotations import ROLE_ARN
from podrole.webhook.identity.binding import Identity
from podrole.webhook.identity.config_map import ConfigMapBindings
from podrole.webhook.settings import InjectionSettings


@dataclass(frozen=True, slots=True)
class DoctorTarget:
    """What is examined: a service account, and the pod that was asked about, where one was."""

    namespace: str
    service_account: str
    pod: str | None = None

    @property
    def subject(self) -> str:
        """The ``sub`` of its tokens."""
        return subject_of(self.namespace, self.service_account)

    def __str__(self) -> str:
        if self.pod is not None:
            return f"{self.namespace}/{self.pod}"
        return f"{self.namespace}/serviceaccount/{self.service_account}"


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod, what it comes from, and the ConfigMaps and Secrets that its environment takes in (of these the keys)."""

    pod: Object
    workload: Workload
    references: Mapping[Reference, frozenset[str] | CannotTell | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, or that of what makes it."""
        metadata = self.pod.get("metadata", {})
        return str(metadata.get("name") or metadata.get("generateName") or self.workload.name)


@dataclass(frozen=True, slots=True)
class WebhookProbe:
    """What came of calling a webhook as the API server does. ``problem`` is in the API server's words, empty where the
    call went well; ``injects`` says whether it would have given the pod an identity."""

    problem: str = ""
    injects: bool | None = None


@dataclass(frozen=True, slots=True)
class IssuerFacts:
    """The cluster as an issuer.

    ``published`` are the keys that its documents lead to, or why none can be had. ``thumbprint`` is the last served
    certificate's, where no authority of the system vouches for it; ``distrust`` is then why the provider's own
    thumbprints do not either.
    """

    url: str | CannotTell
    own_keys: frozenset[str] | CannotTell
    published: Keys | KeysUnavailable | CannotTell
    thumbprint: str | None = None
    distrust: KeysUnavailable | None = None
    own_documents: tuple[Object, Object] | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """What is known of the place beside cluster and account: a podrole world tells, a real place does not.

    ``node_environment`` is what the node gives every process, ``registration`` the webhook's configuration as it should
    be, ``source_ip`` where pods call from. ``calls_webhooks`` says whether a webhook's address means the same here as
    to the API server.
    """

    node_environment: Mapping[str, str] = field(default_factory=dict)
    registration: Object | None = None
    source_ip: str | None = None
    calls_webhooks: bool = False
    region: str = ""


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What came of a real try. Each is CannotTell, with the refusal's words, where it was refused.

    ``token`` holds header and claims, never the signature; ``skew`` is how far the cluster's clock is ahead of AWS's,
    in seconds; ``identity`` is the ARN that GetCallerIdentity answered; ``admitted`` the pod as the cluster would admit
    it.
    """

    token: Mapping[str, Any] | CannotTell
    exchange: Mapping[str, Any] | CannotTell | None = None
    identity: str | CannotTell | None = None
    admitted: Object | CannotTell | None = None
    skew: float | None = None


@dataclass(frozen=True, slots=True)
class DesiredCall:
    """What the pod should be able to do: ``--can``."""

    action: str
    resource: str | None = None


@dataclass(frozen=True)
class ChainFacts:
    """All facts of one examination."""

    target: DoctorTarget
    service_account: Object | CannotTell | None
    neighbours: tuple[Object, ...] | CannotTell
    namespace_labels: Mapping[str, str] | CannotTell
    pods: tuple[PodFacts, ...] | CannotTell
    webhooks: tuple[RegisteredWebhook, ...] | CannotTell
    probes: Mapping[tuple[str, str], WebhookProbe | CannotTell]
    bindings: ConfigMapBindings
    associated: frozenset[tuple[str, str]]
    settings: InjectionSettings
    issuer: IssuerFacts
    account: Account | CannotTell
    at: Circumstances
    environment: EnvironmentFacts = field(default_factory=EnvironmentFacts)
    role_arn: str | None = None
    """The role to examine, where no cluster can tell: ``--role``."""
    log: tuple[Event, ...] = ()
    live: LiveFacts | None = None
    desired_call: DesiredCall | None = None
    tools: Tools = field(default_factory=Tools)
    associations: Mapping[tuple[str, str], EKSAssociation] = field(default_factory=dict)
    """The EKS Pod Identity associations, by namespace and service account."""
    existing: frozenset[str] = frozenset()
    """Of the subjects that the role's trust policy names, those whose service accounts exist."""

    def of_neighbour(self, account: Object) -> ChainFacts:
        """Return the same case for another service account of the namespace, without its pods."""
        target = DoctorTarget(self.target.namespace, str(account["metadata"]["name"]))
        return replace(self, target=target, service_account=account, pods=())

    @property
    def association(self) -> EKSAssociation | None:
        """The service account's EKS Pod Identity association."""
        return self.associations.get((self.target.namespace, self.target.service_account))

    @property
    def role_annotation(self) -> str:
        """The key that binds a service account to a role."""
        return ROLE_ARN.key(self.settings.annotation_prefix)

    @property
    def partition(self) -> str | None:
        """The partition that the pods run in, None where it is not known."""
        region = self.settings.aws_default_region or self.environment.region
        return self.settings.partition or (partition_of(region) if region else None)

    @cached_property
    def binding(self) -> BindingFacts:
        """What the service account is bound to, and what it seems meant to be."""
        return bind(self)

    @property
    def identity(self) -> Identity | None:
        """The identity that the service account has, or seems meant to have."""
        return self.binding.identity or self.binding.meant

    @cached_property
    def question(self) -> ExchangeQuestion | CannotTell:
        """What STS is asked when a pod of this service account starts."""
        arn = self.binding.role_arn
        if not arn:
            return CannotTell("No role is known.", next_step="see the service account")
        issuer = self.issuer.url
        if isinstance(issuer, CannotTell):
            return issuer
        audience = self.identity.audience if self.identity is not None else self.settings.token_audience
        name = self.session_name
        return ExchangeQuestion(arn, issuer, self.target.subject, audience, self.at, name or "podrole-doctor")

    @cached_property
    def session_name(self) -> str:
        """The session name that the pod asks for; empty where its SDK makes one up."""
        if isinstance(self.pods, CannotTell) or not self.pods:
            return ""
        for container in self.pods[0].pod.get("spec", {}).get("containers", ()):
            for variable in container.get("env") or ():
                value = variable.get("value")
                if variable.get("name") == "AWS_ROLE_SESSION_NAME" and value and "$(" not in value:
                    return str(value)
        return ""

    @cached_property
    def evaluation(self) -> ExchangeEvaluation | CannotTell:
        """What the exchange says."""
        if isinstance(self.question, CannotTell):
            return self.question
        if isinstance(self.account, CannotTell):
            return self.account
        try:
            return evaluate_exchange(self.question, self.account)
        except CannotTell as why:
            return why

    @cached_property
    def role(self) -> Role | CannotTell | None:
        """The role, None where there is none of that ARN."""
        arn = self.binding.role_arn
        if not arn:
            return CannotTell("No role is known.", next_step="see the service account")
        if isinstance(self.account, CannotTell):
            return self.account
        try:
            return self.account.role(arn)
        except CannotTell as why:
            return why

    @cached_property
    def provider(self) -> OIDCProvider | CannotTell | None:
        """The provider for the cluster's issuer in the role's account."""
        if isinstance(self.account, CannotTell):
            return self.account
        if isinstance(self.issuer.url, CannotTell):
            return self.issuer.url
        try:
            owner = parse_arn(self.binding.role_arn or "").account
            return self.account.oidc_provider(owner, self.issuer.url)
        except InvalidARN:
            return CannotTell("No role is known.", next_step="see the service account")
        except CannotTell as why:
            return why
