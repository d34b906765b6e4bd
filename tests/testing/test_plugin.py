"""The plugin in a project of its own: what its reports say, how tests are kept apart, how it is switched off."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

SNIPPET = """
import boto3
import pytest

def upload_report(bucket, name):
    boto3.client("s3").put_object(Bucket=bucket, Key=name, Body=b"x")

def delete_report(bucket, name):
    boto3.client("s3").delete_object(Bucket=bucket, Key=name)

@pytest.fixture(autouse=True)
def reports(podrole_admin):
    podrole_admin.client("s3").create_bucket(Bucket="reports")

@pytest.fixture
def inventory(podrole_identity):
    return podrole_identity("shop", "inventory", allow=["s3:PutObject on arn:aws:s3:::reports/*"])
"""


WITH_SERVICES = {
    "test_report.py": SNIPPET
    + """def test_fails(inventory):
    with inventory:
        upload_report("reports", "a.csv")
        delete_report("reports", "a.csv")

def test_passes(inventory, podrole_refusal):
    with inventory, podrole_refusal(match="s3:DeleteObject"):
        delete_report("reports", "a.csv")

def test_expects_too_much(inventory, podrole_refusal):
    with inventory, podrole_refusal(match="s3:DeleteObject"):
        upload_report("reports", "a.csv")
""",
    "test_empty.py": """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_nothing_is_there(number, podrole_admin, podrole_identity, podrole_calls):
    assert podrole_admin.client("s3").list_buckets()["Buckets"] == []
    assert [role["RoleName"] for role in podrole_admin.client("iam").list_roles()["Roles"]] == ["podrole-node"]
    assert list(podrole_calls) == []
    podrole_admin.client("s3").create_bucket(Bucket="reports")
    podrole_identity("shop", "inventory")

def test_the_world_alone_is_empty_too(podrole_world):
    podrole_world.identity("shop", "inventory")

class TestClass:
    def test_the_same_in_a_class(self, podrole_world):
        podrole_world.identity("shop", "inventory")
""",
}
ALONE = {
    "test_1_mistake.py": """
def test_typing_error(podrole_identity):
    podrole_identity("shop", "inventory", allow=["s3:PutObjekt"])
""",
    "test_2_styles.py": """
import unittest
import boto3
import pytest

@pytest.mark.usefixtures("podrole_world")
class TestInventory(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def identity(self, podrole_identity):
        self.inventory = podrole_identity("shop", "inventory")

    def test_who(self):
        with self.inventory:
            assert "shop-inventory" in boto3.client("sts").get_caller_identity()["Arn"]

@pytest.mark.asyncio
async def test_async(podrole_identity):
    async with podrole_identity("shop", "inventory"):
        assert "shop-inventory" in boto3.client("sts").get_caller_identity()["Arn"]
""",
    "test_3_outside.py": """
import socket
def test_calls_home(podrole_world):
    try:
        socket.create_connection(("telemetry.example", 443))
    except Exception:
        pass
    assert False
""",
    "test_4_left.py": """
import os

kept = []

def test_enters(podrole_identity):
    kept.append(podrole_identity("shop", "inventory").__enter__())

def test_without_podrole():
    assert not [name for name in os.environ if name.startswith("AWS_ROLE")]
    kept.clear()
    assert not [name for name in os.environ if name.startswith("AWS_ENDPOINT")]
""",
    "test_5_killed.py": """
import os, signal

def test_kills_it(podrole_world, podrole_identity):
    os.kill(podrole_world.description["pid"], signal.SIGKILL)
    podrole_identity("shop", "inventory")

def test_next(podrole_identity):
    podrole_identity("shop", "inventory")
""",
}
"""The files of two projects, each run once: a session takes four seconds. They run in this order."""


class Results:
    """The output of a session, and the outcome of each of its tests."""

    def __init__(self, output: str) -> None:
        self.output = pytest.LineMatcher(output.splitlines())
        self._outcomes = dict(re.findall(r"^(\S+\.py::\S+) ([A-Z]+) ", output, re.M))

    def of(self, file: str) -> list[str]:
        """Return the outcomes of a file's tests, in order."""
        return [outcome for name, outcome in self._outcomes.items() if name.startswith(f"{file}::")]


def results(directory: Path, files: Mapping[str, str]) -> Results:
    (directory / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    for name, text in files.items():
        (directory / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--tb=short"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=110, check=False)
    return Results(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def with_services(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return results(tmp_path_factory.mktemp("with_services"), WITH_SERVICES)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return results(tmp_path_factory.mktemp("alone"), ALONE)


@pytest.mark.services
def test_a_failed_tests_report_explains_each_refused_call(with_services: Results) -> None:
    assert with_services.of("test_report.py") == ["FAILED", "PASSED", "FAILED"]
    with_services.output.fnmatch_lines(
        [
            "*- podrole: refused calls -*",
            "s3:DeleteObject refused, *",
            "  pod        shop/inventory-*",
            "    inline policy allow of role shop-inventory*",
            "*expected  s3:PutObject",
            "*got       s3:DeleteObject",
            "*AWS refused no call that matches 's3:DeleteObject'.",
            "*s3:PutObject by arn:aws:sts::*:assumed-role/shop-inventory/*allowed",
        ]
    )
    with_services.output.no_fnmatch_line("*podrole doctor*")  # the world will have ended


@pytest.mark.services
def test_every_test_begins_with_an_empty_world(with_services: Results) -> None:
    assert with_services.of("test_empty.py") == ["PASSED"] * 5


def test_a_mistake_is_shown_at_the_line_of_the_test(alone: Results) -> None:
    assert alone.of("test_1_mistake.py") == ["FAILED"]
    alone.output.fnmatch_lines(
        ["*.py:3: in test_typing_error", '    podrole_identity("shop", *', "E *AWS has no action*", "E *did you mean*"]
    )
    traceback = str(alone.output).partition("_ test_typing_error _")[2].partition("\n____")[0]
    assert ("did you mean" in traceback, "process.py" in traceback) == (True, False)


def test_unittests_and_asynchronous_tests_use_it(alone: Results) -> None:
    assert alone.of("test_2_styles.py") == ["PASSED"] * 2


def test_a_host_outside_is_named_in_the_report_even_if_the_code_hides_it(alone: Results) -> None:
    assert alone.of("test_3_outside.py") == ["FAILED"]
    alone.output.fnmatch_lines(["*- podrole: hosts outside the world -*", "telemetry.example"])


def test_a_context_that_a_test_does_not_leave_ends_with_the_test(alone: Results) -> None:
    assert alone.of("test_4_left.py") == ["PASSED"] * 2


def test_a_test_that_kills_the_world_fails_no_other_one(alone: Results) -> None:
    assert alone.of("test_5_killed.py") == ["FAILED", "PASSED"]
    alone.output.fnmatch_lines(["E *WorldFailed: The world has ended.", "*podrole: another world was started.*"])


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project whose configuration does not reach up to this one's."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=110)


def test_collecting_starts_no_world(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(podrole_world): pass")
    project.makeini("[pytest]\npodrole_account = 1\n")
    result = run(project, "--collect-only", "-q")
    assert (result.ret, result.outlines[0]) == (0, "test_collecting_starts_no_world.py::test_it")


def test_each_worker_has_a_world_of_its_own_and_none_is_left(project: pytest.Pytester, tmp_path: Path) -> None:
    project.makepyfile(
        f"""
import pathlib, time
import pytest

@pytest.mark.parametrize("number", range(2))
def test_world(number, podrole_world):
    place = pathlib.Path({str(tmp_path)!r})
    (place / str(podrole_world.description["pid"])).write_text(podrole_world.directory)
    deadline = time.monotonic() + 60
    while len(list(place.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
"""
    )
    run(project, "-n", "2").assert_outcomes(passed=2)
    worlds = list(tmp_path.iterdir())
    assert len(worlds) == 2
    assert not [one for one in worlds if Path(f"/proc/{one.name}").exists() or Path(one.read_text()).exists()]


def test_settings_come_from_the_configuration(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\npodrole_account = 444455556666\npodrole_region = eu-west-1\n")
    project.makepyfile(
        """
def test_place(podrole_identity, podrole_world):
    assert podrole_identity("a", "b").role_arn.split(":")[4] == "444455556666"
    assert podrole_world.description["region"] == "eu-west-1"
"""
    )
    run(project).assert_outcomes(passed=1)


def test_a_fixture_chooses_settings_and_a_world_that_cannot_start_is_an_error_with_its_reason(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
import pytest

@pytest.fixture(scope="session")
def podrole_settings():
    return {"account": "1"}

def test_place(podrole_world): pass
"""
    )
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *InvalidArrangement: --account is not an AWS account id."])


def test_it_can_be_switched_off(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(podrole_world): pass")
    result = run(project, "-p", "no:podrole")
    result.stdout.fnmatch_lines(["E *fixture 'podrole_world' not found"])


UNUSED = """
import sys
import pytest
import podrole.testing.plugin
print(*sorted(name for name in sys.modules if "podrole" in name))
"""


def test_unused_it_imports_nothing_but_itself() -> None:
    done = subprocess.run([sys.executable, "-c", UNUSED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["podrole", "podrole.testing", "podrole.testing.plugin"]


def test_a_test_process_that_is_killed_takes_its_world_with_it(tmp_path: Path) -> None:
    """With a child of its own that outlives it and holds its end of the pipe."""
    (tmp_path / "test_hangs.py").write_text(
        f"""
import os, pathlib, time

def test_hangs(podrole_world):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    place = pathlib.Path({str(tmp_path)!r})
    (place / "writing").write_text(f"{{podrole_world.description['pid']}} {{podrole_world.directory}}")
    (place / "writing").rename(place / "world")
    time.sleep(60)
"""
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "world").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        pid, _, directory = (tmp_path / "world").read_text().partition(" ")
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 30
        while (Path(f"/proc/{pid}").exists() or Path(directory).exists()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists()
        assert not Path(directory).exists()
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the child, and whatever else is left
