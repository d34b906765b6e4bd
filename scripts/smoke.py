"""Install the wheel as users do, run every command of the base, then each extra; print sizes and times.

Usage: python scripts/smoke.py WHEEL [--extras cel,crt,…|all] [--uv UV]

Each environment is new. Every command must show its help, and those that can do so in an empty folder are really used.
The size of the base is checked against its limits (``LIMIT_MIB``, ``LIMIT_PACKAGES``). With ``--uv``, ``uvx --from
WHEEL`` runs the doctor from an empty cache.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import dist

LIMIT_MIB = 120
LIMIT_PACKAGES = 36
SECONDS = 120
HELP_RUNS = 7
WITHOUT_PIP = ("pip", "pip-", "setuptools", "setuptools-", "pkg_resources", "_distutils_hack", "distutils-precedence")
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: inventory\n  namespace: shop\n  annotations:\n"
ROLE = "    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/reader\n"
POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}'
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDppbnZlbnRvcnkifQ.c2ln"
TEST = """
import boto3
def test_it(podrole_identity):
    with podrole_identity('shop', 'inventory', allow=['s3:ListAllMyBuckets']):
        assert boto3.client('s3').list_buckets()['Buckets'] == []
"""
USES = {
    "demo": "moto",
    "services": "moto",
    "pytest": "boto3",
    "cel": "cel_expr_python",
    "crt": "awscrt",
    "gcs": "obstore",
    "uvloop": "uvloop",
}
"""The extras, each with a module that it must bring."""


@dataclass
class Smoke:
    """A folder of one environment, and what went wrong there."""

    place: Path
    python: Path
    failures: list[str] = field(default_factory=list)

    @property
    def podrole(self) -> str:
        """The installed command."""
        return str(self.python.parent / "podrole")

    def run(self, *words: str, codes: tuple[int, ...] = (0,), said: str = "") -> str:
        """Run podrole and note what was not expected; return what it said."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TZ") if name in os.environ}
        environment = {**kept, "PATH": f"{self.python.parent}:/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true"}
        done = subprocess.run(
            [self.podrole, *words], cwd=self.place, env={**environment, "KUBECONFIG": "/nowhere"}, text=True,
            capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        shown = done.stdout + done.stderr
        if done.returncode not in codes or said not in shown or "Traceback" in shown:
            self.failures.append(f"podrole {' '.join(words)}: exit code {done.returncode}\n{shown[-1500:]}")
        return shown


def installed(work: Path, name: str, what: str) -> Smoke:
    """Install into a new environment."""
    python = dist.environment(work / name)
    dist.pip(python, "install", "-q", what)
    place = work / f"{name}-place"
    place.mkdir()
    return Smoke(place, python)


def commands(smoke: Smoke) -> list[list[str]]:
    """Return every command with its sub-commands."""
    script = "import json, typer.main\nfrom podrole.cli.app import app\n" + (
        "def walk(one, words):\n    yield words\n    for name, each in getattr(one, 'commands', {}).items():\n"
        "        yield from walk(each, [*words, name])\nprint(json.dumps([*walk(typer.main.get_command(app), [])]))\n"
    )
    done = subprocess.run([str(smoke.python), "-c", script], capture_output=True, text=True, check=True)
    found: list[list[str]] = json.loads(done.stdout)
    return found


def use_base(smoke: Smoke) -> None:
    """Use what can be used in an empty folder: files, and a world without services."""
    (smoke.place / "account.yaml").write_text(ACCOUNT + ROLE)
    (smoke.place / "policy.json").write_text(POLICY)
    (smoke.place / "token").write_text(TOKEN)
    run = smoke.run
    run("check", "account.yaml", codes=(0, 1))
    run("policy", "validate", "policy.json")
    run("token", "decode", "token", said="system:serviceaccount:shop:inventory")
    run("webhook", "manifests", said="MutatingWebhookConfiguration")
    run("issuer", "init", "--issuer", "https://issuer.example", "--to", "dir:site", "--approve")
    run("issuer", "flags", "--distro", "kubeadm", "--issuer", "https://issuer.example", codes=(0, 2))
    run("doctor", "shop/serviceaccount/inventory", codes=(2,), said="No cluster was found")
    run("demo", codes=(2,), said="pip install 'podrole[demo]'")
    run("up", "--detach", "--ephemeral", "--aws-port", "0", "--cluster-port", "0", said="podrole is up")
    try:
        run("status", said="pip install 'podrole[services]'")
        run("env", said="AWS_ENDPOINT_URL")
        run("utils", "associate-iam-oidc-provider", "--approve")
        words = ("--namespace", "default", "--name", "inventory", "--attach-policy-arn")
        policy = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
        run("create", "iamserviceaccount", *words, policy, codes=(3,), said="Add --approve")
        run("create", "iamserviceaccount", *words, policy, "--approve")
        run("get", "iamserviceaccount", said="inventory")
        run("doctor", "default/serviceaccount/inventory", said="inventory")
        run("wait", "default/inventory")
        run("policy", "simulate", "--user", "admin", "--action", "s3:GetObject", "--resource", "*")
        run("events", "--last", "1")
        run("cluster", "rotate-keys", "--publish-for", "0")
    finally:
        run("down", said="has stopped")


def size(smoke: Smoke) -> tuple[float, int]:
    """Return the mebibytes on the disk, as du counts them, without pip, and the number of packages."""
    root = smoke.python.parent.parent
    total = 0
    for path in [root, *root.rglob("*")]:
        parts = path.relative_to(root).parts[3:4]
        if not (parts and parts[0].startswith(WITHOUT_PIP) and not parts[0].startswith("pipx")):
            total += path.lstat().st_blocks * 512
    names = {path.name for path in root.glob("lib/python*/site-packages/*.dist-info")}
    return total / 1024**2, len([name for name in names if not name.startswith(("pip-", "setuptools-"))])


def help_seconds(smoke: Smoke) -> tuple[float, float]:
    """Return how long ``podrole --help`` takes at least: CPU and wall-clock time."""
    cpu, wall = [], []
    for _ in range(HELP_RUNS):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        smoke.run("--help", said="Usage: podrole")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - started)
        cpu.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(cpu), min(wall)


def base(work: Path, wheel: Path) -> list[str]:
    """Check the base; return what failed."""
    smoke = installed(work, "base", str(wheel))
    mebibytes, packages = size(smoke)
    everything = commands(smoke)
    for words in everything:
        smoke.run(*words, "--help")
    use_base(smoke)
    cpu, wall = help_seconds(smoke)
    print(f"base: {mebibytes:.0f} MiB, {packages} packages, {len(everything)} commands")
    print(f"podrole --help: {cpu:.2f} s of CPU, {wall:.2f} s")
    if mebibytes > LIMIT_MIB or packages > LIMIT_PACKAGES:
        smoke.failures.append(f"the base is larger than {LIMIT_MIB} MiB or {LIMIT_PACKAGES} packages")
    return smoke.failures


def extra(work: Path, wheel: Path, name: str) -> list[str]:
    """Check one extra; return what failed."""
    smoke = installed(work, name, f"{wheel}[{name}]")
    found = subprocess.run([str(smoke.python), "-c", f"import {USES[name]}"], capture_output=True, check=False)
    if found.returncode != 0:
        smoke.failures.append(f"the extra {name} does not bring {USES[name]}")
    mebibytes, packages = size(smoke)
    print(f"{name}: {mebibytes:.0f} MiB, {packages} packages")
    if name == "demo":
        (smoke.python.parent.parent / "share").mkdir(exist_ok=True)
        smoke.run("demo", said="had the expected results")
    elif name == "pytest":
        (smoke.place / "test_it.py").write_text(TEST)
        done = subprocess.run(
            [str(smoke.python), "-m", "pytest", "-q"], cwd=smoke.place, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            smoke.failures.append(f"pytest: {done.stdout[-1500:]}")
    else:
        smoke.run("up", "--detach", "--ephemeral", "--aws-port", "0", "--cluster-port", "0", said="podrole is up")
        smoke.run("status", said="AWS")
        smoke.run("down", said="has stopped")
    return smoke.failures


def cold_start(work: Path, wheel: Path, uv: str) -> list[str]:
    """Run the doctor with uvx, first from an empty cache and then again; return what failed."""
    failures = []
    words = ["tool", "run", "--python", sys.executable, "--from", str(wheel), "podrole", "doctor", "shop/web"]
    environment = {**os.environ, "UV_CACHE_DIR": str(work / "uv"), "KUBECONFIG": "/nowhere"}
    for what in ("from an empty cache", "again"):
        started = time.perf_counter()
        done = subprocess.run([uv, *words], cwd=work, env=environment, capture_output=True, text=True, check=False)
        print(f"uvx podrole doctor, {what}: {time.perf_counter() - started:.1f} s")
        if done.returncode != 2 or "No cluster was found" not in done.stdout + done.stderr:
            failures.append(f"uvx: exit code {done.returncode}\n{(done.stdout + done.stderr)[-1500:]}")
    return failures


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--extras", default="", help="extras to check too, separated by commas, or all")
    parser.add_argument("--uv", default="", help="the program uv")
    given = parser.parse_args(arguments)
    wheel = given.wheel.absolute()
    extras = list(USES) if given.extras == "all" else re.findall(r"\w+", given.extras)
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="podrole-smoke-") as folder:
        work = Path(folder)
        failures += base(work, wheel)
        for name in extras:
            failures += extra(work, wheel, name)
        if given.uv:
            failures += cold_start(work, wheel, given.uv)
    for failure in failures:
        print(failure, file=sys.stderr)
    print("All of it works." if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
