"""``podrole demo``: the walkthrough in a world of its own, which is removed at the end."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from podrole.base.errors import PodroleError
from podrole.base.extras import ExtraMissing
from podrole.base.partitions import partition_of
from podrole.cli import tools
from podrole.cli.demo.association import AssociationWalkthrough
from podrole.cli.demo.kubernetes import API, Kubectl, Kubernetes
from podrole.cli.demo.set_up import AssociationSetupWalkthrough, SetupWalkthrough
from podrole.cli.demo.shell import Shell, clean_environment
from podrole.cli.demo.walkthrough import FIRST, StepFailed, Walkthrough
from podrole.cli.down import stop
from podrole.cli.env import variables
from podrole.cli.terminal import complain
from podrole.world.errors import WorldError
from podrole.world.settings import BY_NAME, WorldSettings
from podrole.world.state import WorldDirectory

SERVER_MINOR = 36
_WALKTHROUGHS: Mapping[tuple[bool, bool], type[Walkthrough]] = {
    (False, False): Walkthrough,
    (True, False): AssociationWalkthrough,
    (False, True): SetupWalkthrough,
    (True, True): AssociationSetupWalkthrough,
}
"""By whether Pod Identity is used, and whether podrole's commands set it up."""
DEFAULT_REGION = "us-east-1"
_KEPT = """
The world is still running, and is gone when it ends:

  export PODROLE_DIR={directory}
  eval "$({podrole} env)"
  podrole down
"""


@dataclass(slots=True)
class _Report:
    """The results, for ``--json``."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, Any] | None = None
    seconds: float = 0.0

    def to_json(self) -> str:
        parts = {
            "ok": self.failed is None,
            "seconds": round(self.seconds, 1),
            "steps": self.steps,
            "failed": self.failed,
        }
        return json.dumps(parts, indent=2)


def run(*, region: str, keep: bool, pod_identity: bool, by_podrole: bool, runtime: str, as_json: bool) -> int:
    """Run the walkthrough in a region, with EKS Pod Identity if ``pod_identity``, set up by podrole's own commands if
    ``by_podrole``. ``runtime`` runs its pods. Returns 0 only if every step had its expected result.

    Raises PodroleError if it cannot begin.
    """
    WorldSettings(region=region, runtime=runtime)  # refuses what cannot be a region or a runtime
    if tools.find_aws() is None:
        raise ExtraMissing("The walkthrough needs the aws CLI, which is not installed.", "demo")
    if importlib.util.find_spec("moto") is None:
        raise ExtraMissing("The walkthrough needs the services of the local AWS, which are not installed.", "demo")
    kubectl = _kubectl(quiet=as_json)
    beside = [Path(sys.executable).parent, *([kubectl.parent] if kubectl else [])]
    place = Path(tempfile.mkdtemp(prefix="podrole-demo-"))
    directory = WorldDirectory(place / ".podrole")
    report = _Report()
    started = time.monotonic()
    environment = clean_environment({}, [str(path) for path in beside], str(place))
    shell = Shell({**environment, "PODROLE_DIR": str(directory.path)}, str(place), quiet=as_json)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        shell.show(f"This local AWS, cluster and webhook are in {place} (PODROLE_DIR={directory.path}).\n")
        kind = _WALKTHROUGHS[pod_identity, by_podrole]
        _walk(shell, directory, region, runtime, report, kind, has_kubectl=kubectl is not None)
    finally:
        report.seconds = time.monotonic() - started
        if keep and report.steps:
            shell.show(_KEPT.format(directory=shlex.quote(str(directory.path)), podrole=tools.podrole_command()))
        else:
            _clear_away(directory, place)
    _conclude(report, shell, as_json=as_json)
    return 0 if report.failed is None else 1


def _walk(
    shell: Shell,
    directory: WorldDirectory,
    region: str,
    runtime: str,
    report: _Report,
    kind: type[Walkthrough],
    *,
    has_kubectl: bool,
) -> None:
    shell.show(f"── 1. {FIRST}")
    of_region = [] if region == DEFAULT_REGION else ["--region", region]
    by = [] if runtime == BY_NAME["runtime"].default else ["--runtime", runtime]
    ports = ["--aws-port", "0", "--cluster-port", "0"]
    up = shell.run(["podrole", "up", "--detach", "--ephemeral", *ports, *of_region, *by])
    if up.exit_code != 0:
        raise WorldError(up.output.strip())
    shell.environment = {**shell.environment, **variables(directory)}
    shell.show('$ eval "$(podrole env)"')
    world = directory.running()
    kubernetes: Kubernetes
    policy = "IfNotPresent" if world.engine else None  # one pull for all pods, and none for an image that is there
    if has_kubectl:
        kubernetes = Kubectl(shell, policy)
    else:
        shell.show("\nNo kubectl for this cluster's version is installed, so the steps use the Kubernetes API.")
        kubernetes = API(shell, json.loads(directory.kubeconfig.read_text()), policy)
    walkthrough = kind(shell, kubernetes, world.account, partition_of(region), world.thumbprint)
    for number, (title, step) in enumerate(walkthrough.steps, 1):
        if number > 1:
            shell.show(f"\n── {number}. {title}")
        before = len(shell.outcomes)
        try:
            step()
        except StepFailed as failed:
            report.failed = {"step": number, "title": title, "expected": failed.expected, "saw": failed.saw}
        except (ValueError, KeyError, IndexError, OSError) as problem:
            saw = f"{type(problem).__name__}: {problem}"
            report.failed = {"step": number, "title": title, "expected": "an answer that can be read", "saw": saw}
        commands = [
            {"command": outcome.command, "exit_code": outcome.exit_code, "output": outcome.output}
            for outcome in shell.outcomes[before:]
        ]
        report.steps.append({"number": number, "title": title, "ok": report.failed is None, "commands": commands})
        if report.failed is not None:
            return


def _interrupt(*_: object) -> NoReturn:
    """Treat SIGTERM like Ctrl-C, so that the world is stopped."""
    raise KeyboardInterrupt


def _kubectl(*, quiet: bool) -> Path | None:
    """Return a kubectl for the cluster, fetched if needed; None if it cannot be fetched."""
    kubectl = tools.find_kubectl(SERVER_MINOR)
    if kubectl is not None:
        return kubectl
    if not quiet:
        print(f"Fetching kubectl {tools.KUBECTL_VERSION} (38 MB, once) into {tools.tools_directory()} …", flush=True)
    try:
        return tools.fetch_kubectl()
    except tools.ToolMissing as missing:
        complain(missing.diagnostics())
        return None


def _clear_away(directory: WorldDirectory, place: Path) -> None:
    """Stop the world and remove its directory."""
    with contextlib.suppress(PodroleError):  # it had not started, or has stopped already
        stop(directory)
    shutil.rmtree(place, ignore_errors=True)


def _conclude(report: _Report, shell: Shell, *, as_json: bool) -> None:
    if as_json:
        print(report.to_json())
    elif report.failed is None:
        shell.show(
            f"\nAll {len(report.steps)} steps had the expected results, in {report.seconds:.0f} s. "
            f"Next: {tools.podrole_command()} up"
        )
    else:
        failed = report.failed
        print(
            f"\nStep {failed['step']} ({failed['title']}) did not have the expected result.\n"
            f"  expected: {failed['expected']}\n"
            f"  got:      {failed['saw']}",
            file=sys.stderr,
        )
