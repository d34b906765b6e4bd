"""Every operation of every service that moto implements, called once through podrole and once by moto alone.

A call fails (InternalFailure) through podrole only where moto alone fails too, no call hangs, and what both answer
names the same things.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
import pytest

from podrole.aws.protocol import catalogue
from support import sweep
from support.aws import ADMIN_KEY, ADMIN_SECRET, OWN, REGION, LocalAWS

pytestmark = pytest.mark.services

SAMPLE = ("glacier", "pipes", "scheduler")
"""Services that take names from addresses, which once were stored with what podrole adds to a request."""

REVIEWED: dict[tuple[str, str], str] = {
    ("lexv2-models", "DescribeResourcePolicy"): "podrole refuses to store such a policy, so there is none to describe",
}
"""The calls that fail through podrole and not by moto alone, or whose answers differ, with the reason."""

_UNIQUE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{8,}|[0-9a-f]{8,}", re.ASCII)

_FAILURES = (sweep.FAILED, "ReadTimeoutError")

Call = tuple[str, str]


def by_moto_alone(services: Sequence[str]) -> dict[Call, sweep.Outcome]:
    program = [sys.executable, str(Path(sweep.__file__)), *services]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    outcomes = (json.loads(line) for line in done.stdout.splitlines())
    return {(service, operation): outcome for service, operation, outcome in outcomes}


def through_podrole(aws: LocalAWS, services: Sequence[str]) -> dict[Call, sweep.Outcome]:
    found = {}
    for service in services:
        client = boto3.client(
            service,
            endpoint_url=aws.url,
            region_name=REGION,
            aws_access_key_id=ADMIN_KEY,
            aws_secret_access_key=ADMIN_SECRET,
            config=sweep.client_config(),
        )
        found.update({(service, operation): outcome for operation, outcome in sweep.sweep(client)})
        client.close()
    return found


def names(texts: Sequence[str]) -> set[str]:
    """Return the names among texts, without ARNs and addresses, and without what is another one each time."""
    return {_UNIQUE.sub("…", text) for text in texts if not re.search("[/:.]", text)}


def faults(alone: dict[Call, sweep.Outcome], through: dict[Call, sweep.Outcome]) -> list[str]:
    found = []
    for call, outcome in through.items():
        expected = alone[call]
        if call in REVIEWED:
            continue
        is_comparable = expected["status"] != 0  # botocore itself refuses a few of moto's calls: it finds no endpoint
        if is_comparable and outcome["code"] in _FAILURES and expected["code"] != sweep.FAILED:
            found.append(f"{':'.join(call)} fails: {outcome['why']} (moto alone: {expected})")
        texts = outcome.get("texts", [])
        if any("x-id" in text for text in texts):
            found.append(f"{':'.join(call)} shows what podrole added: {texts}")
        succeeded = not outcome["code"] and not expected["code"] and call[1].startswith("Create")
        if succeeded and names(texts) != names(expected["texts"]):
            found.append(f"{':'.join(call)} answers with {texts} (moto alone: {expected['texts']})")
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_sample_of_the_services_answers_as_moto_alone(aws: LocalAWS) -> None:
    through = through_podrole(aws, SAMPLE)
    assert len(through) > 50
    assert faults(by_moto_alone(SAMPLE), through) == []


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_service_answers_as_moto_alone(aws: LocalAWS) -> None:
    services = sorted(name for name, service in catalogue.services().items() if service.moto and name not in OWN)
    through = through_podrole(aws, services)
    assert len(through) > 5_000
    found = faults(by_moto_alone(services), through)
    assert found == [], "\n".join(found)
