"""Names are stored as they were sent: what podrole adds to a request for moto is in no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.aws import ACCOUNT, REGION, LocalAWS

pytestmark = pytest.mark.services

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
NAME = "orders-1"


def pipe(aws: LocalAWS) -> list[str]:
    role = f"arn:aws:iam::{ACCOUNT}:role/pipes"
    aws.client("pipes").create_pipe(Name=NAME, RoleArn=role, Source=QUEUE, Target=QUEUE)
    return [one["Name"] for one in aws.client("pipes").list_pipes()["Pipes"]]


def schedule_group(aws: LocalAWS) -> list[str]:
    aws.client("scheduler").create_schedule_group(Name=NAME)
    groups = aws.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    return [one["Name"] for one in groups if one["Name"] != "default"]


def schedule(aws: LocalAWS) -> list[str]:
    role = aws.role("scheduler", {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    aws.client("scheduler").create_schedule(
        Name=NAME,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": QUEUE, "RoleArn": role},
    )
    return [one["Name"] for one in aws.client("scheduler").list_schedules()["Schedules"]]


def vault(aws: LocalAWS) -> list[str]:
    aws.client("glacier").create_vault(vaultName=NAME)
    return [one["VaultName"] for one in aws.client("glacier").list_vaults()["VaultList"]]


@pytest.mark.parametrize("create", [pipe, schedule, schedule_group, vault])
def test_name_in_the_address_is_stored_as_it_was_sent(aws: LocalAWS, create: Callable[[LocalAWS], Any]) -> None:
    assert create(aws) == [NAME]
