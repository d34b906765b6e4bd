"""Install the wheel as users do, run every command of the base, then each extra; print sizes and times.

Usage: python scripts/smoke.py WHEEL [--extras cel,crt,…|all] [--uv UV]

Each environment is new. Every command must show its help, and those that can do so in an empty folder are really used.
What an extra is for is used with it; in the base the same use must name the extra (``USES``).
The size of the base is checked against its limits (``LIMIT_MIB``, ``LIMIT_PACKAGES``). With ``--uv``, ``uvx --from
WHEEL`` runs the doctor from an empty cache.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import dist

sys.path.insert(0, str(dist.ROOT / "tests"))
from support.fake_google import FakeGoogle

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
LIST_BUCKETS = (
    "import botocore.session\nprint(botocore.session.Session().create_client('s3').list_buckets()['Buckets'])"
)
SEND_CONDITION = """
import asyncio
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import find_connection

async def send():
    client = KubernetesClient(find_connection(), user_agent="smoke")
    webhook = {
        "name": "smoke.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "matchConditions": [{"name": "in-shop", "expression": "request.namespace =="}],
    }
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "smoke"}, "webhooks": [webhook],
    }
    await client.send("POST", f"/apis/{body['apiVersion']}/validatingwebhookconfigurations", body)

asyncio.run(send())
"""


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

    def run(self, *words: str, codes: tuple[int, ...] = (0,), said: str = "", **variables: str) -> str:
        """Run podrole and note what was not expected; return what it said."""
        shown = self.start([self.podrole, *words], f"podrole {' '.join(words)}", codes, said, variables)
        if "Traceback" in shown:
            self.failures.append(f"podrole {' '.join(words)} shows a traceback:\n{shown[-1500:]}")
        return shown

    def script(self, text: str, *words: str, codes: tuple[int, ...] = (0,), said: str = "", **variables: str) -> str:
        """Run a script of Python in the world's environment, if there is a world, as ``run`` does a command."""
        enter = 'eval "$(podrole env 2>/dev/null)" && exec python -c "$0" "$@"'
        return self.start(["sh", "-c", enter, text, *words], f"the script {text[:200]!r}", codes, said, variables)

    def start(self, command: list[str], name: str, codes: tuple[int, ...], said: str, variables: dict[str, str]) -> str:
        """Run a command in the environment's folder and note what was not expected; return what it said."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TZ") if name in os.environ}
        environment = {**kept, "PATH": f"{self.python.parent}:/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true"}
        done = subprocess.run(
            command, cwd=self.place, env={**environment, "KUBECONFIG": "/nowhere", **variables}, text=True,
            capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        shown = done.stdout + done.stderr
        if done.returncode not in codes or said not in shown:
            self.failures.append(f"{name}: exit code {done.returncode}, expected {said!r}\n{shown[-1500:]}")
        return shown

    @contextlib.contextmanager
    def world(self) -> Iterator[None]:
        """Run a world."""
        self.run("up", "--detach", "--ephemeral", "--aws-port", "0", "--cluster-port", "0", said="podrole is up")
        try:
            yield
        finally:
            self.run("down", said="has stopped")


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
    for use in USES.values():
        use(smoke, False)
    with smoke.world():
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


def use_services(smoke: Smoke, installed: bool) -> None:
    """List the buckets of S3."""
    with smoke.world():
        shown = smoke.run("status", said="" if installed else "pip install 'podrole[services]'")
        if installed and "podrole[services]" in shown:
            smoke.failures.append(f"podrole status does not see the services:\n{shown}")
        code, said = (0, "[]") if installed else (1, "pip install 'podrole[services]'")
        smoke.script(LIST_BUCKETS, codes=(code,), said=said)


def use_demo(smoke: Smoke, installed: bool) -> None:
    """Run the walkthrough."""
    code, said = (0, "had the expected results") if installed else (2, "pip install 'podrole[demo]'")
    smoke.run("demo", codes=(code,), said=said)


def use_cel(smoke: Smoke, installed: bool) -> None:
    """Send a webhook's configuration with a condition that has a syntax error, which only CEL finds."""
    with smoke.world():
        smoke.script(SEND_CONDITION, codes=(1,), said="Syntax error" if installed else "install podrole[cel]")


def use_crt(smoke: Smoke, installed: bool) -> None:
    """Use a profile of aws login that has not signed in."""
    config = smoke.place / "aws-config"
    config.write_text("[profile me]\nregion = us-east-1\nlogin_session = arn:aws:iam::111122223333:user/me\n")
    words = ("issuer", "init", "--issuer", "https://issuer.example", "--to", "s3://bucket", "--profile", "me")
    code, said = (1, "The AWS credentials cannot be used") if installed else (2, "pip install 'podrole[crt]'")
    smoke.run(*words, codes=(code,), said=said, AWS_CONFIG_FILE=str(config))


def use_gcs(smoke: Smoke, installed: bool) -> None:
    """Publish an issuer in a bucket of Google's, which is served here without TLS."""
    words = ("issuer", "init", "--issuer", "https://issuer.example", "--to", "gs://bucket", "--approve")
    if not installed:
        smoke.run(*words, codes=(2,), said="pip install 'podrole[gcs]'")
        return
    google = FakeGoogle()
    with google.serving() as credentials:
        (smoke.place / "google.json").write_text(credentials)
        script = "from podrole.hosting import object_store\nobject_store._CLIENT['allow_http'] = True\n"
        script += "from podrole.cli import main\nmain()"
        smoke.script(script, *words, GOOGLE_SERVICE_ACCOUNT="google.json")
    if not any("openid-configuration" in path for path in google.objects):
        smoke.failures.append(f"the bucket has no discovery document, but {sorted(google.objects)}")


def use_uvloop(smoke: Smoke, installed: bool) -> None:
    """Start a world, whose process must have the loop."""
    with smoke.world():
        pid = json.loads(smoke.run("status", "--json"))["pid"]
        if ("uvloop" in Path(f"/proc/{pid}/maps").read_text()) is not installed:
            smoke.failures.append(f"the world runs {'without' if installed else 'with'} uvloop")


def use_pytest(smoke: Smoke, installed: bool) -> None:
    """Run a test with the plugin. Without the extra there is no pytest."""
    if installed:
        (smoke.place / "test_it.py").write_text(TEST)
        smoke.start([str(smoke.python), "-m", "pytest", "-q"], "pytest", (0,), "1 passed", {})


USES: dict[str, Callable[[Smoke, bool], None]] = {
    "cel": use_cel,
    "crt": use_crt,
    "demo": use_demo,
    "gcs": use_gcs,
    "pytest": use_pytest,
    "services": use_services,
    "uvloop": use_uvloop,
}
"""What each extra is for. Without the extra (False) the use must name it."""


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
    print(f"base: {mebibytes:.0f} MiB, {packages} packages, {len(everything)} commands", flush=True)
    print(f"podrole --help: {cpu:.2f} s of CPU, {wall:.2f} s")
    if mebibytes > LIMIT_MIB or packages > LIMIT_PACKAGES:
        smoke.failures.append(f"the base is larger than {LIMIT_MIB} MiB or {LIMIT_PACKAGES} packages")
    return smoke.failures


def extra(work: Path, wheel: Path, name: str) -> list[str]:
    """Check one extra; return what failed."""
    smoke = installed(work, name, f"{wheel}[{name}]")
    mebibytes, packages = size(smoke)
    print(f"{name}: {mebibytes:.0f} MiB, {packages} packages", flush=True)
    USES[name](smoke, True)
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
