"""The table of services is what the pinned botocore and moto say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from podrole.aws.protocol import catalogue as services


@pytest.mark.services
def test_the_table_is_up_to_date() -> None:
    script = Path(__file__).parents[2] / "scripts" / "service_table.py"
    checked = subprocess.run([sys.executable, str(script), "--check"], check=False)
    assert checked.returncode == 0, "run: python scripts/service_table.py"


def test_services_that_share_a_signing_name_are_all_found() -> None:
    assert {service.name for service in services.by_signing_name()["dynamodb"]} == {"dynamodb", "dynamodbstreams"}


def test_a_model_is_botocores_own() -> None:
    assert services.model("sts").operation_model("GetCallerIdentity").name == "GetCallerIdentity"


@pytest.mark.parametrize("service", ["s3files", "s3outposts"])
def test_service_whose_address_moto_takes_for_that_of_s3_is_not_simulated(service: str) -> None:
    assert services.services()[service].moto is None
