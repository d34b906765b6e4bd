"""A place to examine: a cluster and an account, each of which may be missing, and the way to the issuer from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from podrole.base.clock import Clock, system_clock
from podrole.base.events import Event
from podrole.doctor.errors import CannotTell
from podrole.doctor.facts.chain import EnvironmentFacts
from podrole.doctor.remedies.commands import Tools
from podrole.doctor.sources.account import Account
from podrole.doctor.sources.cluster import Cluster
from podrole.oidc.fetch import Fetcher
from podrole.webhook.settings import InjectionSettings


def _no_log() -> Iterable[Event]:
    return ()


class Exchange(Protocol):
    """The real STS, for ``--live``."""

    def assume(self, role_arn: str, token: str, session_name: str) -> tuple[Mapping[str, Any], float | None]:
        """Exchange a token and ask whose the credentials are. Returns the answer's public parts (``arn`` first) and
        AWS's time as it told it, epoch seconds. Raises CannotTell with the refusal's words."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """``cluster`` and ``account`` are CannotTell where that half is missing. ``fetcher`` is None where nothing is to be
    fetched. ``log`` gives the world's events, newest first, where there is a world."""

    cluster: Cluster | CannotTell
    account: Account | CannotTell
    fetcher: Fetcher | None = None
    sts: Exchange | CannotTell | None = None
    settings: InjectionSettings | None = None
    """The webhook's, where they are known; otherwise they are looked for in the cluster."""
    environment: EnvironmentFacts = field(default_factory=EnvironmentFacts)
    log: Callable[[], Iterable[Event]] = _no_log
    issuer: str | None = None
    """The cluster's issuer, where no cluster can tell."""
    role_arn: str | None = None
    """The role to examine, where no cluster can tell."""
    tools: Tools = field(default_factory=Tools)
    preamble: tuple[str, ...] = ()
    """What a shell needs first, so that the commands of remedies lead to this place."""
    clock: Clock = system_clock
