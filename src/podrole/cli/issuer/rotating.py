"""``podrole issuer rotate``: one step of a rotation, or where it stands."""

from __future__ import annotations

import asyncio
import math
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from podrole.base.clock import system_clock
from podrole.cli.issuer.clock_check import check_clock
from podrole.cli.issuer.next_steps import explained, steps_of_rotation
from podrole.cli.issuer.places import AWSView, IssuerOptions, open_store, see_servers
from podrole.cli.issuer.publishing import DONE, read_record, show
from podrole.cli.terminal import complain, say
from podrole.issuer.errors import StepRefused
from podrole.issuer.key_files import loose_permissions, new_key_file, public_file_of
from podrole.issuer.publishing import IssuerPublisher
from podrole.issuer.record import COMING, LEAVING, IssuerRecord
from podrole.issuer.rotation import Servers, abort, finish, noticed, promote, require_cluster, start
from podrole.oidc.discovery import fetch_keys
from podrole.oidc.errors import KeysUnavailable

Step = Callable[[IssuerRecord, float], IssuerRecord]
NOT_DONE = 1
POLL_SECONDS = 5.0
"""How long ``--wait`` pauses between two looks at the API servers."""


def rotate_start(cluster: str, file: Path, options: IssuerOptions, *, as_json: bool) -> int:
    """Publish the next key, made in ``file`` if it is missing. Raises IssuerError, SourceError or KubeError."""
    require_cluster(read_record(options), cluster)  # before a private key is made for it
    check_clock(options)
    kid, jwk = new_key_file(file)
    loose = loose_permissions(file)
    if loose is not None:
        complain(
            f"Risk: others than its owner may read or change the private key {file} (mode {loose}), and sign tokens "
            f"that AWS takes: chmod 600 {shlex.quote(str(file))}"
        )
    record = _change(options, lambda before, now: start(before, cluster, kid, jwk, now))
    show(record, as_json=as_json)
    if not as_json:
        if any(key.kid == kid for key in record.of(cluster, *COMING)):
            say(f"  The new public key is in {public_file_of(file)}.")
        _say_next(record, options, cluster)
    return DONE


def rotate_status(options: IssuerOptions, *, as_json: bool) -> int:
    """Show the keys and their states. Raises IssuerError."""
    _show(read_record(options), options, as_json=as_json)
    return DONE


def rotate_promote(cluster: str, wait_seconds: float, options: IssuerOptions, view: AWSView, *, as_json: bool) -> int:
    """Make the next key the signing one once every API server signs with it; with ``wait_seconds`` look again until it
    does. Raises IssuerError, SourceError or KubeError."""
    require_cluster(read_record(options), cluster)
    end = time.monotonic() + wait_seconds
    last_refusal = ""
    while True:
        try:
            record = _promoted(cluster, options, view)
            break
        except StepRefused as refused:
            left = end - time.monotonic()
            if left <= 0:
                if refused.what != last_refusal:
                    raise
                complain("The time of --wait is over, and nothing has changed. Run the command again.")
                return NOT_DONE
            if refused.what != last_refusal:
                complain(explained(refused, options))
                complain(f"Looking again every {POLL_SECONDS:.0f} s, for {math.ceil(left)} s more …")
                last_refusal = refused.what
            time.sleep(min(POLL_SECONDS, left))
    _show(record, options, cluster, as_json=as_json)
    return DONE


def _promoted(cluster: str, options: IssuerOptions, view: AWSView) -> IssuerRecord:
    record = read_record(options)
    if not record.of(cluster, *COMING):
        return record
    servers, served = asyncio.run(_seen(record, options, view))
    _notice(record, cluster, servers, options)
    return _change(options, lambda before, now: promote(before, cluster, servers, served, now))


async def _seen(record: IssuerRecord, options: IssuerOptions, view: AWSView) -> tuple[Servers, frozenset[str]]:
    try:
        served = frozenset(await fetch_keys(record.issuer, thumbprints=view.thumbprints, fetcher=view.fetcher))
    except KeysUnavailable as problem:
        raise StepRefused(
            f"AWS could not read the issuer's keys: {problem.what}",
            got=problem.got,
            expected=problem.expected,
            next_step=problem.next_step or f"podrole issuer verify {record.issuer}",
        ) from problem
    return await see_servers(options, record.issuer), served


def rotate_finish(cluster: str, options: IssuerOptions, *, as_json: bool) -> int:
    """Take the retired keys out. Raises IssuerError, SourceError or KubeError."""
    record = read_record(options)
    require_cluster(record, cluster)
    servers = asyncio.run(see_servers(options, record.issuer))
    _notice(record, cluster, servers, options)
    after = _change(options, lambda before, now: finish(before, cluster, servers, now))
    _show(after, options, cluster, as_json=as_json)
    return DONE


def rotate_abort(cluster: str, options: IssuerOptions, *, as_json: bool) -> int:
    """Return to the old key. Raises IssuerError, SourceError or KubeError."""
    record = read_record(options)
    require_cluster(record, cluster)
    servers = asyncio.run(see_servers(options, record.issuer))
    _notice(record, cluster, servers, options)
    after = _change(options, lambda before, now: abort(before, cluster, servers, now))
    _show(after, options, cluster, as_json=as_json)
    return DONE


def _show(record: IssuerRecord, options: IssuerOptions, cluster: str | None = None, *, as_json: bool) -> None:
    show(record, as_json=as_json)
    if not as_json:
        _say_next(record, options, cluster)


def _say_next(record: IssuerRecord, options: IssuerOptions, cluster: str | None) -> None:
    say("\n".join(steps_of_rotation(record, options, system_clock(), cluster)))


def _notice(record: IssuerRecord, cluster: str, servers: Servers, options: IssuerOptions) -> None:
    """Record that an API server signs with a retired key, also if the step is refused."""
    if {key.kid for key in record.of(cluster, *LEAVING)} & {seen.signs_with for seen in servers.values()}:
        _change(options, lambda before, now: noticed(before, cluster, servers, now))


def _change(options: IssuerOptions, step: Step) -> IssuerRecord:
    record = read_record(options)
    with open_store(options, record.cache_seconds) as store:
        return IssuerPublisher(store, system_clock).change(step)
