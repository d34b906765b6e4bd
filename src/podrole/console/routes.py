"""What each address of the console shows. A handler returns a ``PageAnswer``; no handler decides about an identity."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from podrole.base.asgi import Header
from podrole.base.errors import PodroleError
from podrole.base.events import Event, read_recent
from podrole.console.addresses import chain_url
from podrole.console.calls import KEPT_CALLS, CallFilter, Calls, LoggedCall
from podrole.console.chain_map import chain_map
from podrole.console.observation import Observation, Observer, OpenSources
from podrole.console.pages import render
from podrole.console.policy_marks import MarkedPolicy, marked
from podrole.console.repair import CommandResult, find_repairable, run_commands
from podrole.console.roles import RoleView, read_role_view, uses_of
from podrole.console.tokens import TokenView, read_for_pod, read_pasted
from podrole.doctor.chain import Diagnosis, diagnose
from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.find_target import find_target
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.history import CallHistory, find_event, history_of
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.remedies.commands import commands_of
from podrole.doctor.report.findings import Link, LinkState, LinkVerdict
from podrole.doctor.sources.sources import Sources, Tools
from podrole.doctor.survey import AccountState, SurveyRow
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.iam.errors import InvalidARN
from podrole.iam.explain import Evidence
from podrole.iam.policy import PolicyKind

MOST_READERS = 4
"""How many requests read the cluster and the account at once; others wait."""
MOST_CALLS = 200
"""How many calls the page shows."""
_WHOLE_LOG = 64 * 1024 * 1024
_LINKS = tuple(link for link in Link if link is not Link.LIVE)
_STATES = {"": "all with a role", "broken": "broken, or not known", "all": "all"}
_RANKS = {LinkState.BROKEN: 0, LinkState.UNKNOWN: 1, LinkState.HOLDS: 2}

HTML: Header = (b"content-type", b"text/html; charset=utf-8")

T = TypeVar("T")
Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """A response."""

    body: bytes
    status: int = 200
    headers: tuple[Header, ...] = (HTML,)


@dataclass(frozen=True, slots=True)
class ChainsFilter:
    """Which service accounts are shown. ``state`` is a key of ``_STATES``."""

    state: str = ""
    namespace: str = ""

    def includes(self, row: SurveyRow) -> bool:
        """Say whether a row is shown."""
        if self.namespace and self.namespace != row.target.namespace:
            return False
        if self.state == "broken":
            return row.state in (AccountState.BROKEN, AccountState.UNKNOWN)
        return self.state == "all" or row.state is not AccountState.UNBOUND


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A service account as the table shows it: a verdict for each link, its newest pods and its last exchange."""

    row: SurveyRow
    verdicts: tuple[LinkVerdict | None, ...]
    pods: tuple[str, ...]
    session: LoggedCall | None


@dataclass(slots=True)
class Console:
    """What the pages are made from. ``environment`` returns that of the doctor's commands, which leads them to the
    examined places; None if the page may not run any. ``site`` is the address of the documentation site."""

    observer: Observer
    calls: Calls
    open_sources: OpenSources
    environment: Callable[[], Mapping[str, str]] | None = None
    site: str | None = None
    _repairing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _readers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(MOST_READERS, thread_name_prefix="console-sources")
    )

    # Chains

    async def chains(self, fields: Fields) -> PageAnswer:
        """Show a row of links for each service account."""
        wanted = ChainsFilter(fields.get("state", ""), fields.get("namespace", ""))
        query = urlencode({"state": wanted.state, "namespace": wanted.namespace})
        values = self._chains(wanted)
        return await self._page(
            "chains.html", title="Chains", view="chains", states=_STATES.items(), wanted=wanted, query=query, **values
        )

    async def chains_table(self, fields: Fields) -> PageAnswer:
        """Return the table alone, for the page that is open."""
        wanted = ChainsFilter(fields.get("state", ""), fields.get("namespace", ""))
        return await self._page("chains_table.html", title="Chains", **self._chains(wanted))

    def _chains(self, wanted: ChainsFilter) -> dict[str, Any]:
        seen = self.observer.latest
        rows = () if seen is None else seen.survey.rows
        shown = [row for row in rows if wanted.includes(row)]
        sessions = self.calls.last_exchanges()
        counts = Counter(row.state for row in rows)
        return {
            "rows": [_chain_row(row, seen, sessions) for row in shown if seen is not None],
            "hidden": len(rows) - len(shown),
            "counts": [(state.value, counts[state]) for state in AccountState if counts[state]],
            "links": _LINKS,
            "changes": self.observer.changes[:-21:-1],
        }

    async def chain(self, fields: Fields) -> PageAnswer:
        """Show one service account, or one pod, link by link, with the doctor's commands."""
        target = _target(fields)
        diagnosis, tools, preamble = await self._diagnosed(target)
        return await self._page(
            "chain.html",
            title="Chain",
            heading=str(diagnosis.target),
            diagnosis=diagnosis,
            verdicts=sorted(diagnosis.verdicts, key=lambda verdict: (_RANKS[verdict.state], verdict.link)),
            preamble=preamble,
            allow_repair=self.environment is not None,
            tools_now=tools,
        )

    async def _diagnosed(self, target: str) -> tuple[Diagnosis, Tools, tuple[str, ...]]:
        async def work(sources: Sources) -> tuple[Diagnosis, Tools, tuple[str, ...]]:
            resolved = await find_target(target, sources.cluster)
            gatherer = Gatherer(sources)
            try:
                return diagnose(await gatherer.facts(resolved)), sources.tools, sources.preamble
            finally:
                await gatherer.close()

        return await self._with_sources(work)

    # Calls

    async def calls_page(self, fields: Fields) -> PageAnswer:
        """Show the last calls."""
        wanted = calls_filter(fields)
        return await self._page(
            "calls.html",
            title="Calls",
            view="calls",
            has_log=self.calls.log is not None,
            wanted=wanted,
            query=urlencode({name: fields[name] for name in _CALL_FIELDS if name in fields}),
            calls=self.calls.selected(wanted, MOST_CALLS),
            number=self.calls.number,
            most=MOST_CALLS,
            services=self.calls.services,
            namespaces=self.calls.namespaces,
        )

    async def call(self, fields: Fields) -> PageAnswer:
        """Show one call with its exchange, and the nearest statement of the policies that decided."""
        history = await asyncio.to_thread(self._history, fields.get("id", "last"))
        explanation = history.event.explanation or {}
        evidence = [msgspec.convert(entry, Evidence) for entry in explanation.get("evidence") or ()]
        policy = None
        if evidence and history.event.outcome != "allowed":
            policy = await self._with_sources(lambda sources: _nearest_policy(history.event, evidence, sources))
        return await self._page(
            "call.html",
            title="Call",
            heading=history.event.what,
            history=history,
            steps=history.steps(),
            explanation=_Sides(explanation),
            evidence=evidence,
            policy=policy,
        )

    def _history(self, wanted: str) -> CallHistory:
        if self.calls.log is None:
            raise BadTarget("Calls are known of a world only.", next_step="aws cloudtrail lookup-events")
        log = read_recent(self.calls.log, _WHOLE_LOG)
        return history_of(log, find_event(log, wanted))

    # Role, token, map

    async def role(self, fields: Fields) -> PageAnswer:
        """Show a role's policies, whom its trust policy lets in, and what it used."""
        arn = fields.get("arn", "").strip()
        seen = self.observer.latest
        accounts = [] if seen is None else [row.target for row in seen.survey.rows]
        view: RoleView | None = None
        used: tuple[LoggedCall, ...] = ()
        if arn:
            parsed = _role_arn(arn)
            view = await self._with_sources(lambda sources: read_role_view(arn, accounts, sources))
            used = self.calls.of_role(parsed.name, parsed.account)
        return await self._page(
            "role.html",
            title="Role",
            heading=f"Role {parsed.name}" if arn else "Role",
            arn=arn,
            view_of=view,
            uses=uses_of(used),
            known=self._known_roles(),
            kept=KEPT_CALLS,
            has_log=self.calls.log is not None,
        )

    async def token(self, fields: Fields) -> PageAnswer:
        """Show the form for a token."""
        return await self._token_page(fields, None)

    async def check_token(self, fields: Fields) -> PageAnswer:
        """Check a token. It is not kept, and the answer does not hold it."""
        role = fields.get("role", "").strip() or None
        if role is not None:
            _role_arn(role)
        pasted = fields.get("token", "").strip()

        async def work(sources: Sources) -> TokenView:
            if pasted:
                return await read_pasted(pasted, role, sources)
            return await read_for_pod(fields.get("pod", ""), role, sources)

        return await self._token_page(fields, await self._with_sources(work))

    async def _token_page(self, fields: Fields, shown: TokenView | None) -> PageAnswer:
        seen = self.observer.latest
        return await self._page(
            "token.html",
            title="Token",
            shown=shown,
            pod=fields.get("pod", ""),
            role=fields.get("role", ""),
            pods=[] if seen is None else seen.pod_names(),
            known=self._known_roles(),
        )

    async def map(self, _: Fields) -> PageAnswer:
        """Draw service accounts, roles and chains."""
        seen = self.observer.latest
        drawn = None if seen is None else chain_map(seen.survey.rows)
        return await self._page("map.html", title="Map", view="map", drawn=drawn)

    def _known_roles(self) -> list[str]:
        seen = self.observer.latest
        return [] if seen is None else sorted({row.role_arn for row in seen.survey.rows if row.role_arn})

    # Repair

    async def repair(self, fields: Fields) -> PageAnswer:
        """Show the commands of a finding; with ``confirmed`` run them, if the finding still has exactly these."""
        if self.environment is None:
            raise BadTarget(
                "This page may not run commands.", next_step="podrole console --allow-repair, or copy the commands"
            )
        target = fields.get("target", "")
        diagnosis, tools, _ = await self._diagnosed(target)
        finding = find_repairable((*diagnosis.faults, *diagnosis.risks), fields.get("finding", ""), tools)
        back = chain_url(diagnosis.target.namespace, diagnosis.service_account, diagnosis.target.pod or "")
        if finding is None:
            raise BadTarget(
                "The finding is gone, or its commands are others now, so nothing was run.",
                next_step="open its chain again",
            )
        results: tuple[CommandResult, ...] | None = None
        if fields.get("confirmed") == "yes":
            async with self._repairing:
                results = await run_commands(commands_of(finding.remedy.changes, tools), self.environment())
            self.observer.ask()
        return await self._page(
            "repair.html", title="Repair", finding=finding, results=results, target=target, back=back
        )

    # Common

    async def problem(self, fault: PodroleError, status: int) -> PageAnswer:
        """Show why something could not be shown."""
        page = await self._page("message.html", title="Not shown", message=fault.diagnostics())
        return PageAnswer(page.body, status)

    async def _page(self, template: str, **values: Any) -> PageAnswer:
        # In a thread: a table of a thousand service accounts takes tens of milliseconds.
        return PageAnswer(await asyncio.to_thread(lambda: render(template, self.observer, site=self.site, **values)))

    async def _with_sources(self, work: Callable[[Sources], Awaitable[T]]) -> T:
        """Open the sources in a thread with an event loop of its own: reading them may block."""

        async def opened() -> T:
            async with self.open_sources() as sources:
                return await work(sources)

        # Not in the threads that pages are made in: a cluster that does not answer would take all of them.
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: asyncio.run(opened()))


class _Sides(dict[str, Any]):
    """An explanation in which every name can be asked for: what it does not have is None."""

    def __missing__(self, key: str) -> None:
        return None


_CALL_FIELDS = ("refused", "service", "principal", "namespace")


def calls_filter(fields: Fields) -> CallFilter:
    """Read the filter from an address."""
    return CallFilter(
        fields.get("refused") == "yes",
        fields.get("service", ""),
        fields.get("principal", "").strip(),
        fields.get("namespace", ""),
    )


def _chain_row(row: SurveyRow, seen: Observation, sessions: Mapping[tuple[str, str], LoggedCall]) -> ChainRow:
    by_link = {} if row.diagnosis is None else {verdict.link: verdict for verdict in row.diagnosis.verdicts}
    place = (row.target.namespace, row.target.service_account)
    return ChainRow(row, tuple(by_link.get(link) for link in _LINKS), seen.pods.get(place, ()), sessions.get(place))


def _target(fields: Fields) -> str:
    namespace, name, pod = fields.get("namespace", ""), fields.get("name", ""), fields.get("pod", "")
    return str(DoctorTarget(namespace, name, pod or None))


def _role_arn(text: str) -> Any:
    arn = parse_arn(text)
    if not arn.is_role:
        raise InvalidARN("This is not the ARN of a role.", got=repr(text), expected="arn:aws:iam::ACCOUNT:role/NAME")
    return arn


async def _nearest_policy(event: Event, evidence: list[Evidence], sources: Sources) -> MarkedPolicy | None:
    """Return the policy of the nearest statement as it is now; None if it is not found, or has changed."""
    nearest = next((entry for entry in evidence if entry.statement), None)
    if nearest is None:
        return None
    document = read(lambda: _document_of(nearest, event, sources))
    if document is None or isinstance(document, UnknownFact):
        return None
    return marked(nearest.policy, document, nearest.statement, nearest.failures)


def _document_of(evidence: Evidence, event: Event, sources: Sources) -> str | None:
    account = sources.account
    if evidence.kind is PolicyKind.TRUST:
        role = _role(event.on or "", sources)
        return None if role is None else role.trust_policy
    role = _role_of_session(event.who, sources)
    if role is not None:
        attached = account.policies_of(role)
        for policy in (*attached.identity, *([] if attached.boundary is None else [attached.boundary])):
            if policy.name == evidence.policy:
                return policy.document
    managed = account.managed_policy(evidence.policy) if evidence.policy.startswith("arn:") else None
    return None if managed is None else managed.document


def _role(arn: str, sources: Sources) -> Role | None:
    try:
        return sources.account.role(arn) if parse_arn(arn).is_role else None
    except InvalidARN:
        return None


def _role_of_session(who: str, sources: Sources) -> Role | None:
    """Return the role of a session's ARN, which does not hold the role's path."""
    try:
        arn = parse_arn(who)
    except InvalidARN:
        return None
    if not arn.is_assumed_role:
        return None
    name, _ = arn.session
    return next((role for role in sources.account.roles() if role.name == name), None)
