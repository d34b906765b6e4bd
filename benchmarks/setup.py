"""How long a set-up takes: ``podrole apply`` of a file with a hundred service accounts, and a second run.

Run with the project's Python: ``python benchmarks/setup.py``. A world of its own is started; the commands are run as a
person runs them, with their start, the reading before each write, and the doctor's check of each chain.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PODROLE = str(Path(sys.executable).parent / "podrole")
SERVICE_ACCOUNTS = 100
GOAL_SECONDS = 20


def config() -> str:
    """Return the ClusterConfig. JSON is YAML too."""
    accounts = [
        {
            "metadata": {"name": f"account-{number}", "namespace": f"team-{number % 10}"},
            "attachPolicyARNs": ["arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"],
        }
        for number in range(SERVICE_ACCOUNTS)
    ]
    file = {
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "podrole", "region": "us-east-1"},
        "iam": {"withOIDC": True, "serviceAccounts": accounts},
    }
    return json.dumps(file)


def seconds(directory: str, *words: str) -> float:
    """Run a command to its end."""
    start = time.perf_counter()
    subprocess.run([PODROLE, *words], cwd=directory, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "cluster.yaml").write_text(config())
        subprocess.run([PODROLE, "up", "--detach", "--ephemeral"], cwd=directory, check=True, stdout=subprocess.DEVNULL)
        try:
            apply = seconds(directory, "apply", "-f", "cluster.yaml", "--approve")
            again = seconds(directory, "apply", "-f", "cluster.yaml", "--approve")
        finally:
            subprocess.run([PODROLE, "down"], cwd=directory, check=True, stdout=subprocess.DEVNULL)
    state = "ok" if apply <= GOAL_SECONDS else "OVER"
    print(f"podrole apply, {SERVICE_ACCOUNTS} service accounts: {apply:.1f} s (goal: {GOAL_SECONDS} s, {state})")
    print(f"the same again, nothing to change: {again:.1f} s")


if __name__ == "__main__":
    main()
