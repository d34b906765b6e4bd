"""The table of services is what the pinned botocore and moto say."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podrole.aws.protocol import catalogue as services

SCRIPT = Path(__file__).parents[2] / "scripts" / "service_table.py"


@pytest.mark.services
def test_the_table_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, str(SCRIPT), "--check"], check=False)
    assert checked.returncode == 0, "run: python scripts/service_table.py"


def test_services_that_share_a_signing_name_are_all_found() -> None:
    assert {service.name for service in services.by_signing_name()["dynamodb"]} == {"dynamodb", "dynamodbstreams"}


@pytest.mark.parametrize(
    ("found", "name", "expected"),
    [
        (services.by_signing_name(), "dynamodb", {"dynamodb", "dynamodbstreams"}),
        (services.by_target_prefix(), "Timestream_20181101", {"timestream-query", "timestream-write"}),
        (services.by_target_prefix(), None, None),
        # a version is only that of a service with a query protocol
        (services.by_version(), "2014-10-31", {"docdb", "neptune", "rds"}),
        (services.by_version(), "2016-11-15", {"ec2"}),
        (services.by_version(), "2006-03-01", None),
        (services.by_version(), None, None),
    ],
)
def test_services_are_found_by_what_they_share(found: Any, name: str | None, expected: set[str] | None) -> None:
    assert {one.name for one in found.get(name, ())} == (expected or set())
    assert (name in found) is (expected is not None)


def test_first_protocol_is_the_one_that_clients_use() -> None:
    assert services.services()["cloudwatch"].protocol == "smithy-rpc-v2-cbor"


def test_a_service_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        services.services()["s3"].moto = None  # type: ignore[misc]


def test_a_model_is_botocores_own() -> None:
    assert services.model("sts").operation_model("GetCallerIdentity").name == "GetCallerIdentity"


@pytest.mark.services
def test_every_service_that_shares_an_address_of_moto_is_reviewed() -> None:
    """A service that moto finds under another name is either the one that moto has there, or is not simulated."""
    from moto.backend_index import backend_url_patterns

    script = runpy.run_path(str(SCRIPT))
    found: dict[str, str] = {}
    for name, service in services.services().items():
        if service.moto is not None:
            url = f"https://{service.moto.format(region='us-east-1', account='111122223333')}/"
            packages = [package for package, pattern in backend_url_patterns if pattern.match(url)]
            if (name not in packages and name.replace("-", "") not in packages) or name in script["AT_ANOTHER"]:
                found[name] = packages[0]
    assert found == script["AT_ANOTHER"]
    assert all(services.services()[name].moto is None for name in script["NOT_SIMULATED"])
