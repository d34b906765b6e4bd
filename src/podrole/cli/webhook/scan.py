"""``podrole webhook scan``: which running pods lack the identity their service account is bound to.

Exit codes: 0 none, 1 some, 2 the scan failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from podrole.base.errors import PodroleError
from podrole.cli.table import table
from podrole.cli.terminal import complain, fitted, width
from podrole.kube.connection import find_connection
from podrole.webhook.__main__ import HELP
from podrole.webhook.flags.parse import CommandLine, parse_flags
from podrole.webhook.flags.table import FLAGS, Flag
from podrole.webhook.flags.values import FlagValues, collect
from podrole.webhook.logs import configure_logging
from podrole.webhook.scan import PodFinding, scan_now
from podrole.webhook.sources.instance_metadata import with_account_of_host
from podrole.webhook.text import one_line

NOTHING, FOUND, NOT_KNOWN = 0, 1, 2
RESTARTABLE = ("Deployment", "StatefulSet", "DaemonSet")

_JSON = Flag("json", "false", "print JSON, for machines", "bool")

_HELP = """List running pods that lack the identity their service account is bound to.

Flags:
  --json
        print JSON, for machines

Other flags are the webhook's: pass those with which it runs, so that the scan uses the same settings (podrole webhook
--help). The cluster is that of --kubeconfig, else of the pod in which this runs, else kubectl's. Exit codes: 0 no pod
lacks it, 1 some do, 2 the scan failed."""


def run(arguments: Sequence[str]) -> int:
    """Scan and print. Returns the exit code."""
    if HELP.intersection(arguments):
        print(_HELP)
        return NOTHING
    try:
        values, _ = collect(arguments, (*FLAGS, _JSON), only_flags=True)
        as_json = FlagValues(values, (_JSON,)).boolean("json")
        line = parse_flags([f"--{name}={value}" for name, value in values.items() if name != "json"])
        configure_logging(line.settings.verbosity)
        findings = asyncio.run(_scan(line))
    except PodroleError as problem:
        complain(problem.diagnostics())
        return NOT_KNOWN
    findings.sort(key=lambda finding: (finding.namespace, finding.owner, finding.pod))
    text = fitted(describe(findings), width())
    print(msgspec.json.encode({"findings": findings}).decode() if as_json else text)
    return FOUND if findings else NOTHING


def describe(findings: Sequence[PodFinding]) -> str:
    """Return a table of the pods, and the commands that repair them."""
    if not findings:
        return "Every running pod has the identity that its service account is bound to."
    rows = [(finding.namespace, finding.pod, finding.service_account, one_line(finding.detail)) for finding in findings]
    lines = table(("NAMESPACE", "POD", "SERVICE ACCOUNT", "WHAT IS WRONG"), rows, width(), ("SERVICE ACCOUNT",))
    heading = f"{len(findings)} of the running pods. A pod gets its identity when it is created:"
    return "\n".join([*lines, "", heading, *_next(findings)])


def _next(findings: Sequence[PodFinding]) -> list[str]:
    """Return the commands that re-create the pods, one for all pods of an owner."""
    steps: dict[str, None] = {}
    for finding in findings:
        kind, _, name = finding.owner.partition("/")
        namespace = f"kubectl -n {finding.namespace}"
        if kind in RESTARTABLE:
            steps[f"  {namespace} rollout restart {kind.lower()}/{name}"] = None
        elif kind in ("ReplicaSet", "ReplicationController"):
            steps[f"  {namespace} delete pod {finding.pod}"] = None
        elif kind:
            steps[f"  {kind.lower()}/{name} in {finding.namespace}: its next pod will have the identity"] = None
        else:
            steps[f"  {namespace} get pod {finding.pod} -o yaml  # save it, delete the pod, and create it again"] = None
    return list(steps)


async def _scan(line: CommandLine) -> list[PodFinding]:
    settings = line.settings
    if line.ask_host_for_account:
        settings = await with_account_of_host(settings)
    sources = settings.sources
    return await scan_now(settings, find_connection(kubeconfig=sources.kubeconfig, server=sources.kube_api))
