"""``podrole issuer verify``: an issuer as STS sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from podrole.base.clock import system_clock
from podrole.base.errors import PodroleError
from podrole.cli.diagnosis import finding_lines, finding_to_dict, printable
from podrole.cli.sources import SourceOptions, connection_of, find_world
from podrole.cli.style import Style, documentation_site, read_more, style
from podrole.cli.terminal import complain, say
from podrole.cli.token import read_token
from podrole.doctor.chain import BROKEN, COULD_NOT_TELL, SOUND
from podrole.doctor.facts.issuer import ClusterIssuer, read_cluster_issuer
from podrole.doctor.issuer_check import IssuerCheck, check_issuer
from podrole.doctor.links.issuer.served import names_of
from podrole.doctor.report.findings import LinkState
from podrole.doctor.sources.kubernetes import KubernetesCluster
from podrole.doctor.sources.missing import MissingAccount
from podrole.doctor.sources.sources import Sources, Tools
from podrole.doctor.unknown import UnknownFact
from podrole.kube.connection import from_kubeconfig
from podrole.oidc.errors import TokenRefused
from podrole.oidc.fetch import Fetcher
from podrole.world.parts import resolver_of

_EXIT_CODES = {LinkState.HOLDS: SOUND, LinkState.BROKEN: BROKEN, LinkState.UNKNOWN: COULD_NOT_TELL}
_MARKS = {True: "✓", False: "✗", None: "·"}


@dataclass(frozen=True, slots=True)
class IssuerQuery:
    """What to verify. Without ``url`` it is the cluster's issuer. ``token`` is a file, or ``-``."""

    url: str | None = None
    token: str | None = None
    thumbprints: tuple[str, ...] = ()


def run(query: IssuerQuery, options: SourceOptions, *, as_json: bool) -> int:
    """Verify and print. Returns 0 sound, 1 broken, 2 could not be checked."""
    try:
        look = style(documentation_site())
        text = None if query.token is None else read_token(query.token)
        checked = asyncio.run(_verified(query, options, text))
    except TokenRefused as refused:
        complain(refused.diagnostics())
        return BROKEN
    except PodroleError as fault:
        complain(fault.diagnostics())
        return COULD_NOT_TELL
    if as_json:
        print(json.dumps(to_dict(checked), indent=2))
    else:
        say("\n".join(printable(line) for line in _lines(checked, look)))
    return _EXIT_CODES[checked.verdict.state]


async def _verified(query: IssuerQuery, options: SourceOptions, text: str | None) -> IssuerCheck:
    async with _place(query.url, options) as (cluster, fetcher):
        return await check_issuer(cluster, fetcher, system_clock, thumbprints=query.thumbprints, token_text=text)


@contextlib.asynccontextmanager
async def _place(url: str | None, options: SourceOptions) -> AsyncIterator[tuple[ClusterIssuer, Fetcher]]:
    """Open the cluster if its issuer is asked for. A running world's issuer is found at its own listener."""
    world, fetcher = find_world(options), Fetcher()
    if world is not None:
        fetcher = Fetcher(resolve=resolver_of(world.running()))
    if url is not None:
        yield ClusterIssuer(url, UnknownFact("The cluster's keys are not read, because the issuer was named.")), fetcher
        return
    cluster = KubernetesCluster(connection_of(options) if world is None else from_kubeconfig([world.kubeconfig]))
    try:
        account = MissingAccount(UnknownFact("No account is read."))
        yield await read_cluster_issuer(Sources(cluster=cluster, account=account)), fetcher
    finally:
        await cluster.close()


def to_dict(checked: IssuerCheck) -> dict[str, Any]:
    """Return the result as JSON-able data."""
    denial, token = checked.denial, checked.token
    return {
        "issuer": checked.url,
        "state": checked.verdict.state.name.lower(),
        "why": checked.verdict.why,
        "exitCode": _EXIT_CODES[checked.verdict.state],
        "findings": [finding_to_dict(finding, Tools()) for finding in checked.verdict.findings],
        "sts": None if denial is None else {"code": denial.code, "message": denial.message},
        "keys": [{"kid": key.kid, "alg": key.algorithm} for keys in checked.keys.values() for key in keys],
        "certificates": names_of(checked.chain),
        "thumbprint": checked.thumbprint,
        "thumbprintNeeded": checked.needs_thumbprint,
        "token": None if token is None else [{"step": step.value, "held": held} for step, held in token.steps],
    }


def _lines(checked: IssuerCheck, style: Style) -> Iterator[str]:
    verdict, denial = checked.verdict, checked.denial
    yield style.paint(checked.url or "the cluster's issuer", "1")
    if verdict.state is LinkState.HOLDS:
        yield f"{style.paint('✓', '32')} {verdict.why}"
    elif verdict.state is LinkState.UNKNOWN:
        yield f"{style.paint('?', '33')} could not be checked: {verdict.why}"
        yield "  next      run this on a machine that reaches the issuer; a world's issuer needs its world: podrole up"
    for finding in verdict.findings:
        yield from finding_lines(finding, Tools(), style)
    if denial is not None:
        yield f"  STS says  {denial.code}: {denial.message}"
    for place, name in enumerate(names_of(checked.chain), 1):
        yield f"  certificate {place}  {name}"
    if checked.thumbprint is not None:
        why = (
            "IAM needs it, because this system trusts no authority of the chain"
            if checked.needs_thumbprint
            else "not needed, because an authority that this system trusts vouches for the server"
        )
        yield f"  thumbprint  {checked.thumbprint} ({why})"
    for keys in checked.keys.values():
        yield from (f"  key  {key.kid or '(no id)'} {key.algorithm or ''}".rstrip() for key in keys)
    if checked.token is not None:
        yield from (f"  {_MARKS[held]} token: {step.value}" for step, held in checked.token.steps)
    yield from read_more((finding.code for finding in verdict.findings), style)
