"""Everything that one examination reads from: a cluster, an account, and the way to the issuer.

A podrole world tells more than a real place does; ``EnvironmentFacts`` holds what only a world tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from podrole.base.clock import Clock, system_clock
from podrole.base.events import Event
from podrole.doctor.sources.account import Account
from podrole.doctor.sources.cluster import Cluster, Object
from podrole.oidc.fetch import Fetcher
from podrole.webhook.settings import InjectionSettings


def _no_log() -> Iterable[Event]:
    return ()


@dataclass(frozen=True, slots=True)
class ExchangeAnswer:
    """STS's answer to an exchange. ``provider`` is the identity provider, ``time`` AWS's own in epoch seconds."""

    provider: str
    time: float | None
    credentials: Mapping[str, str] = field(repr=False)


class Exchange(Protocol):
    """The real STS, for ``--live``."""

    def assume(self, role_arn: str, token: str, session_name: str) -> ExchangeAnswer:
        """Exchange a token. Raises SourceError with the words of the denial."""
        ...

    def caller_arn(self, answer: ExchangeAnswer) -> str:
        """Return the ARN that GetCallerIdentity answers to the credentials. Raises SourceError if it is denied."""
        ...


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """What is known beside cluster and account.

    ``node_environment`` is what the node gives every process. ``registration`` is the webhook's configuration as it
    should be. ``source_ip`` is the address that pods call from. ``calls_webhooks`` says whether a webhook's address
    means the same here as to the API server.
    """

    node_environment: Mapping[str, str] = field(default_factory=dict)
    registration: Object | None = None
    source_ip: str | None = None
    calls_webhooks: bool = False
    region: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """How kubectl and aws are called: with the options that lead to the examined cluster and account."""

    kubectl: tuple[str, ...] = ("kubectl",)
    aws: tuple[str, ...] = ("aws",)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one examination.

    If there is no cluster or no account, its place is taken by one of ``podrole.doctor.sources.missing``. ``fetcher``
    is None if nothing should be fetched. ``log`` returns the world's events, newest first.
    """

    cluster: Cluster
    account: Account
    fetcher: Fetcher | None = None
    sts: Exchange | None = None
    settings: InjectionSettings | None = None
    """The webhook's settings if they are known; otherwise they are read from the cluster."""
    environment: EnvironmentFacts = field(default_factory=EnvironmentFacts)
    log: Callable[[], Iterable[Event]] = _no_log
    issuer: str | None = None
    """The cluster's issuer if the user named it (``--issuer``)."""
    role_arn: str | None = None
    """The role to examine if the user named it (``--role``)."""
    tools: Tools = field(default_factory=Tools)
    preamble: tuple[str, ...] = ()
    """Commands that a shell needs first, so that the commands of remedies reach these sources."""
    clock: Clock = system_clock
