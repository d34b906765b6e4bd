"""Run tests as if the extra ``services`` were not installed: moto and what it brings cannot be imported.

Usage: python scripts/without_services.py [PYTEST ARGUMENTS]

Without arguments, runs the tests of all that must work without the services. A test that uses a service other than
STS, IAM, EKS, EKS Auth and Organizations is skipped: its client says so (tests/support/aws.py), or its marker
``services``. What the tests start (``podrole up``) cannot import moto either.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = ("moto", "responses", "werkzeug", "py_partiql_parser", "antlr4")
ROOMS = (
    "account",
    "aws",
    "base",
    "cluster",
    "doctor",
    "iam",
    "issuer",
    "kube",
    "oidc",
    "sts",
    "testing",
    "webhook",
    "world",
)

# Python imports a module of this name at each start (https://docs.python.org/3/library/site.html).
SITECUSTOMIZE = f"""
import sys

class _WithoutServices:
    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in {HIDDEN!r}
        return None if hidden else self._finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self._finder, name)

sys.meta_path[:] = [_WithoutServices(finder) for finder in sys.meta_path]
"""


def _names_tests(arguments: list[str]) -> bool:
    return any((ROOT / argument.partition("::")[0]).exists() for argument in arguments)


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "sitecustomize.py").write_text(SITECUSTOMIZE)
        environment = {**os.environ, "PYTHONPATH": place}
        find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('moto') is not None)"
        if subprocess.run([sys.executable, "-c", find], env=environment, check=False).returncode != 0:
            print("moto could be imported all the same", file=sys.stderr)
            return 2
        chosen = arguments if _names_tests(arguments) else [*arguments, *(f"tests/{room}" for room in ROOMS)]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *chosen], cwd=ROOT, env=environment, check=False
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
