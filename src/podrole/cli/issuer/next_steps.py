"""What to do next with an issuer: sentences, and commands that can be copied as they stand."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from podrole.base.clock import rfc3339
from podrole.base.errors import PodroleError
from podrole.cli.issuer.places import IssuerOptions
from podrole.issuer.record import COMING, LEAVING, IssuerRecord, KeyState

_DEFAULT_DIRECTORY = Path(".podrole")


def command(words: str, options: IssuerOptions, *, asks_the_cluster: bool = False) -> str:
    """Return a command of ``podrole issuer`` with the options that this run was given."""
    sources = options.sources
    optional: list[tuple[str, object]] = [("--profile", sources.profile), ("--region", sources.region)]
    if sources.directory != Path(os.environ.get("PODROLE_DIR", _DEFAULT_DIRECTORY)):
        optional.append(("--dir", sources.directory))
    if asks_the_cluster:
        optional += [("--kubeconfig", sources.kubeconfig), ("--context", sources.context)]
        optional += [("--server", server) for server in options.servers]
    more = [word for name, value in optional if value is not None for word in (name, str(value))]
    if options.to != os.environ.get("PODROLE_ISSUER"):
        more = ["--to", options.to, *more]
    return " ".join(["podrole issuer", words, *map(shlex.quote, more)])


_COMMAND = re.compile(r"podrole issuer ((?:init|publish|rotate [a-z]+)(?: --[a-z-]+(?: [A-Za-z0-9][A-Za-z0-9-]*\b)?)*)")


def explained(problem: PodroleError, options: IssuerOptions) -> str:
    """Return what an error says. The commands of its next step have the options that this run was given."""
    text = problem.diagnostics()
    if problem.next_step is None:
        return text
    return text.removesuffix(problem.next_step) + _COMMAND.sub(
        lambda match: command(match[1], options, asks_the_cluster=match[1] not in ("rotate status", "init")),
        problem.next_step,
    )


def steps_of_rotation(
    record: IssuerRecord, options: IssuerOptions, now: float, cluster: str | None = None
) -> Iterator[str]:
    """Yield the lines that say what follows for one cluster of an issuer, or for each."""
    names = sorted({key.cluster for key in record.keys}) if cluster is None else [cluster]
    if not names:
        yield from _paragraph("publish the cluster's keys. CLUSTER is a name of your choice, in a world it is podrole:")
        yield f"  {command('publish --cluster CLUSTER --from-cluster', options, asks_the_cluster=True)}"
    for name in names:
        yield from _step(record, options, now, name, several=len(names) > 1)


def _step(record: IssuerRecord, options: IssuerOptions, now: float, cluster: str, *, several: bool) -> Iterator[str]:
    coming, leaving = record.of(cluster, *COMING), record.of(cluster, *LEAVING)
    of_cluster = f"for cluster {cluster}, " if several else ""
    if coming:
        ready = coming[0].since + record.cache_seconds
        when = "run this" if now >= ready else f"from {rfc3339(ready)} on run this"
        todo = "let every API server accept the new key (--service-account-key-file)"
        if coming[0].state is KeyState.RETURNING:
            todo = "let every API server sign with the old key again (--service-account-signing-key-file)"
        yield from _paragraph(f"{of_cluster}{todo}, and {when}. It says what to switch, and when:")
        yield f"  {command(f'rotate promote --cluster {cluster}', options, asks_the_cluster=True)}"
    elif leaving:
        end = min(map(record.last_expiry, leaving))
        when = "take the retired key out" if now >= end else f"after {rfc3339(end)}, take the retired key out"
        yield from _paragraph(f"{of_cluster}{when}:")
        yield f"  {command(f'rotate finish --cluster {cluster}', options, asks_the_cluster=True)}"
    else:
        yield from _paragraph(f"{of_cluster}nothing. To change the signing key:")
        yield f"  {command(f'rotate start --cluster {cluster} --key NEW.key', options, asks_the_cluster=True)}"


def _paragraph(text: str) -> Iterator[str]:
    yield ""
    yield f"Next: {text}"
