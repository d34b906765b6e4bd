"""How long the doctor takes: ``podrole doctor --all`` over a thousand service accounts, one pod, and a check of files.

Run with the project's Python: ``python benchmarks/doctor.py``. A world of its own is started; every service account is
bound to a role of its own, and every twentieth has a pod. The command is run as a person runs it, its start included.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podrole.base.user_agents import WEBHOOK
from podrole.cli.sources import access_to
from podrole.doctor.sources.boto import BotoAccount
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import from_kubeconfig
from podrole.world.state import WorldDirectory

PODROLE = str(Path(sys.executable).parent / "podrole")
SERVICE_ACCOUNTS = 1_000
ONE_POD_IN = 20
RUNS = 5
FILES = 200


def trust(issuer: str, account: str, name: str) -> dict[str, Any]:
    """Return the trust policy of one service account's role."""
    prefix = issuer.removeprefix("https://")
    claims = {f"{prefix}:sub": f"system:serviceaccount:many:{name}", f"{prefix}:aud": "sts.amazonaws.com"}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{prefix}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": claims},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def manifest(account: str, name: str) -> dict[str, Any]:
    """Return one service account."""
    annotations = {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{account}:role/{name}"}
    metadata = {"name": name, "namespace": "many", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


async def fill(directory: WorldDirectory) -> None:
    """Make the service accounts, their roles, and some pods."""
    world = directory.running()
    account = BotoAccount(access_to(directory, world))
    iam = account.client("iam")
    iam.create_open_id_connect_provider(
        Url=world.issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[world.thumbprint]
    )
    cluster = KubernetesClient(from_kubeconfig([directory.kubeconfig]), user_agent=WEBHOOK)
    await cluster.send("POST", "/api/v1/namespaces", {"metadata": {"name": "many"}})
    for number in range(SERVICE_ACCOUNTS):
        name = f"account-{number}"
        document = json.dumps(trust(world.issuer, account.id, name))
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        await cluster.send("POST", "/api/v1/namespaces/many/serviceaccounts", manifest(account.id, name))
        if number % ONE_POD_IN == 0:
            container = {"name": "main", "image": "busybox", "command": ["sleep", "3600"]}
            spec = {"serviceAccountName": name, "containers": [container]}
            await cluster.send("POST", "/api/v1/namespaces/many/pods", {"metadata": {"name": name}, "spec": spec})
    await cluster.close()
    account.close()


def measure(run: Callable[[], None]) -> tuple[float, float, float]:
    """Return median, least and most of several runs, in seconds."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times), min(times), max(times)


def command(*words: str, cwd: Path, codes: tuple[int, ...] = (0,)) -> None:
    """Run podrole to its end."""
    done = subprocess.run([PODROLE, *words], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise SystemExit(done.stdout[-2000:] + done.stderr)


def files(folder: Path) -> None:
    """Write manifests and policies, sound ones."""
    folder.mkdir()
    for number in range(FILES):
        name = f"account-{number}"
        (folder / f"{name}.yaml").write_text(json.dumps(manifest("111122223333", name)))
        text = json.dumps(trust("https://issuer.example.com", "111122223333", name), indent=2)
        (folder / f"{name}-trust.json").write_text(text)


def main() -> None:
    """Print a table for docs/benchmarks.md."""
    with tempfile.TemporaryDirectory(prefix="podrole-") as work:
        here = Path(work)
        command("up", "--detach", "--aws-port", "0", "--cluster-port", "0", cwd=here)
        try:
            asyncio.run(fill(WorldDirectory(here / ".podrole")))
            files(here / "files")
            rows = [
                (
                    f"`podrole doctor --all`, {SERVICE_ACCOUNTS:,} service accounts",
                    measure(lambda: command("doctor", "--all", cwd=here)),
                    "≤ 5 s",
                ),
                (
                    "`podrole doctor many/account-0`",
                    measure(lambda: command("doctor", "many/account-0", cwd=here)),
                    "",
                ),
                (
                    f"`podrole check`, {2 * FILES} files",
                    measure(lambda: command("check", "files", cwd=here)),
                    "",
                ),
            ]
        finally:
            command("down", cwd=here)
    print("| what | median | least, most | goal |\n|---|---|---|---|")
    for what, (median, least, most), goal in rows:
        print(f"| {what} | {median:.2f} s | {least:.2f}, {most:.2f} | {goal} |")


if __name__ == "__main__":
    main()
