"""A world as a set-up's real place: the administrator's access and boto3's clients."""

from __future__ import annotations

from typing import Any

import boto3

from podrole.doctor.sources.aws_session import Access
from support.world import RunningWorld


def access_of(world: RunningWorld, key: dict[str, str] | None = None) -> Access:
    """Return the access of an access key, the administrator's if none is given."""
    given = key or _administrator(world)
    url = str(world.description["aws_url"])
    return Access(url, "us-east-1", key_id=given["AccessKeyId"], secret=given["SecretAccessKey"])


def client(world: RunningWorld, service: str) -> Any:
    """Return the administrator's client of boto3's."""
    access = access_of(world)
    return boto3.client(
        service,
        endpoint_url=access.endpoint_url,
        region_name=access.region,
        aws_access_key_id=access.key_id,
        aws_secret_access_key=access.secret,
    )


def _administrator(world: RunningWorld) -> dict[str, str]:
    variables = world.environment
    return {"AccessKeyId": variables["AWS_ACCESS_KEY_ID"], "SecretAccessKey": variables["AWS_SECRET_ACCESS_KEY"]}
