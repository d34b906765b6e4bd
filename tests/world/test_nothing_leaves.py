"""No call leaves the machine: clients in a network namespace that has only loopback, and records every look-up."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.offline import NAMESPACES, commands, offline, simulated

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("unshare") is None or subprocess.run([*NAMESPACES, "true"], check=False).returncode != 0,
        reason="needs user and network namespaces",
    ),
]


some_or_all = pytest.mark.parametrize(
    "kinds", [("sample",), pytest.param((), marks=pytest.mark.soak)], ids=["some", "all"]
)


@some_or_all
def test_boto3_reaches_services_by_the_endpoint_and_by_their_names(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    result = offline(tmp_path, "boto3", *kinds)
    for way in ("endpoint", "names"):
        calls = result[way]
        assert {name: call for name, call in calls.items() if call[1] == 0} == {}
        assert calls.keys() == set(simulated(sample="sample" in kinds))
    events = [json.loads(line) for line in (tmp_path / ".podrole" / "events.jsonl").read_text().splitlines()]
    seen = {event["what"] for event in events}
    of_rds = {"docdb", "neptune"}  # these share RDS's names and its operations, and count as RDS's
    called = {f"{'rds' if name in of_rds else name}:{call[0]}" for name, call in result["names"].items()}
    assert called - seen == set()
    assert result["lookups"] == []


@some_or_all
def test_cli_1_reaches_also_the_services_that_ignore_the_endpoint(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    result = offline(tmp_path, "cli", *kinds)
    assert result["cli"] == dict.fromkeys(commands(sample="sample" in kinds), "")
    assert result["lookups"] == []


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_javascript_sdk_reaches_ten_services_and_a_queue_by_its_url(tmp_path: Path) -> None:
    result = offline(tmp_path, "javascript")
    assert len(result["javascript"]) == 11
    assert set(result["javascript"].values()) == {200}, result["javascript"]
    assert result["lookups"] == []
