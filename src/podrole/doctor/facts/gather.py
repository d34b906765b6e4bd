"""Gathers the facts of an examination from its sources. What all examinations share is read once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from podrole.base.partitions import partition_of
from podrole.cluster.admission.caller import WebhookCaller
from podrole.doctor.facts.binding import BindingFacts, BindingRules, bind
from podrole.doctor.facts.chain import ChainFacts, DesiredCall
from podrole.doctor.facts.exchange import ExchangeQuestion
from podrole.doctor.facts.issuer import (
    ClusterIssuer,
    Publications,
    PublishedKeys,
    fetch_published_keys,
    read_cluster_issuer,
    read_issuer,
)
from podrole.doctor.facts.live import read_live
from podrole.doctor.facts.pods import PodFacts, read_pods, session_name_of
from podrole.doctor.facts.role import NO_ROLE, read_role
from podrole.doctor.facts.service_account import ServiceAccountFacts, read_service_account
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.facts.users import read_users
from podrole.doctor.facts.webhook import WebhookFacts, read_webhook
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact, read, read_async
from podrole.iam.directory import Role
from podrole.sts.circumstances import Circumstances
from podrole.webhook.identity.config_map import EMPTY_CONFIG_MAP
from podrole.webhook.settings import InjectionSettings

SESSION_NAME = "podrole-doctor"
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - stands for an unknown source address


class Gatherer:
    """Gathers the facts of one or many service accounts from the same sources."""

    def __init__(
        self,
        sources: Sources,
        *,
        desired_call: DesiredCall | None = None,
        follow_owners: bool = True,
        only_new_pods: bool = False,
    ) -> None:
        """``follow_owners`` says whether a pod's ReplicaSet is read to find its Deployment: one more call for each.
        ``only_new_pods`` asks about a pod that would be created now: those that exist are not read."""
        self.sources = sources
        self._only_new_pods = only_new_pods
        self._follow_owners = follow_owners
        self._desired_call = desired_call
        self._caller = WebhookCaller(lambda _namespace, _name, _port: None)
        self._shared: dict[str, asyncio.Task[Any]] = {}
        self._log = tuple(sources.log())

    async def close(self) -> None:
        """Close the connections to webhooks."""
        await self._caller.close()

    async def facts(self, target: DoctorTarget, *, live: bool = False) -> ChainFacts:
        """Gather all facts about one service account."""
        cluster = self.sources.cluster
        service_account, pods = await asyncio.gather(
            read_service_account(cluster, target),
            read_async(self._pods(target)),
        )
        return await self._facts(target, service_account, pods, live=live)

    async def _pods(self, target: DoctorTarget) -> tuple[PodFacts, ...]:
        if self._only_new_pods:
            return ()
        return await read_pods(self.sources.cluster, target, follow_owners=self._follow_owners)

    async def facts_of_role(self, target: DoctorTarget, why: UnknownFact) -> ChainFacts:
        """Gather the facts about a role alone, as if the service account of ``target`` were not known, for ``why``."""
        return await self._facts(target, ServiceAccountFacts(why, why, why), (), live=False)

    async def _facts(
        self,
        target: DoctorTarget,
        service_account: ServiceAccountFacts,
        pods: tuple[PodFacts, ...] | UnknownFact,
        *,
        live: bool,
    ) -> ChainFacts:
        sources = self.sources
        webhook: WebhookFacts = await self._once("webhook", read_webhook(sources, self._caller, target.namespace))
        issuer: ClusterIssuer = await self._once("issuer", read_cluster_issuer(sources))
        associations = await self._once("associations", self._associations(issuer.url))
        rules = BindingRules(
            webhook.settings,
            EMPTY_CONFIG_MAP if isinstance(webhook.config_map, UnknownFact) else webhook.config_map,
            {} if isinstance(associations, UnknownFact) else associations,
            self._partition(webhook.settings),
            sources.role_arn,
            next((fact for fact in (webhook.config_map, associations) if isinstance(fact, UnknownFact)), None),
        )
        binding = bind(target, service_account.manifest, pods, rules)
        session_name = session_name_of(pods) or SESSION_NAME
        audience = _audience(binding, webhook.settings)
        at = self._circumstances()
        question = _question(target, binding.role_arn, issuer.url, audience, session_name, at)
        role = await read_role(binding.role_arn, question, issuer.url, sources.account, sources.cluster)
        users: frozenset[str] | UnknownFact = frozenset()
        if isinstance(role.role, Role):
            users = await read_async(read_users(role.role, sources.cluster, rules))
        return ChainFacts(
            target=target,
            service_account=service_account,
            pods=pods,
            webhook=webhook,
            rules=rules,
            binding=binding,
            issuer=await read_issuer(issuer, role.provider, self._publications()),
            role=role,
            users=users,
            account=sources.account,
            environment=sources.environment,
            at=at,
            log=self._log,
            live=await read_live(
                sources,
                target,
                pods,
                audience=audience,
                # EKS Auth takes only the token of a running pod, and STS none for EKS.
                role_arn=None if binding.is_by_agent else binding.role_arn,
                session_name=session_name,
            )
            if live
            else None,
            desired_call=self._desired_call,
        )

    async def _once(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run what all examinations share for the first of them; the others wait for its result."""
        task = self._shared.get(name)
        if task is None:
            task = self._shared[name] = asyncio.ensure_future(coroutine)
        else:
            coroutine.close()
        return await asyncio.shield(task)

    def _circumstances(self) -> Circumstances:
        environment = self.sources.environment
        return Circumstances(
            now=self.sources.clock(),
            source_ip=environment.source_ip or UNKNOWN_ADDRESS,
            region=environment.region or "us-east-1",
            secure_transport=True,
        )

    def _partition(self, settings: InjectionSettings) -> str | None:
        """Return the partition that the pods run in, None if it is not known."""
        region = settings.aws_default_region or self.sources.environment.region
        return settings.partition or (partition_of(region) if region else None)

    async def _associations(self, issuer: str | UnknownFact) -> Mapping[tuple[str, str], EKSAssociation] | UnknownFact:
        if not isinstance(issuer, UnknownFact) and ".eks." not in issuer:
            return {}  # only EKS has associations
        if isinstance(issuer, UnknownFact):
            return issuer
        listed = read(lambda: self.sources.account.associations(issuer))
        if isinstance(listed, UnknownFact):
            return listed
        return {(association.namespace, association.service_account): association for association in listed}

    def _publications(self) -> Publications | None:
        fetcher = self.sources.fetcher
        if fetcher is None:
            return None

        async def published(issuer: str, thumbprints: tuple[str, ...]) -> PublishedKeys:
            coroutine = fetch_published_keys(issuer, thumbprints, fetcher)
            keys: PublishedKeys = await self._once(f"keys of {issuer} trusting {thumbprints}", coroutine)
            return keys

        return published


def _audience(binding: BindingFacts, settings: InjectionSettings) -> str:
    identity = binding.identity or binding.meant
    return identity.audience if identity is not None else settings.token_audience


def _question(
    target: DoctorTarget,
    role_arn: str | None,
    issuer: str | UnknownFact,
    audience: str,
    session_name: str,
    at: Circumstances,
) -> ExchangeQuestion | UnknownFact:
    """Return what STS is asked when a pod of the service account starts."""
    if not role_arn:
        return NO_ROLE
    if isinstance(issuer, UnknownFact):
        return issuer
    return ExchangeQuestion(role_arn, issuer, target.subject, audience, at, session_name)
