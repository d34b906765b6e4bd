"""A test moves the world's clock: tokens, sessions and policies go by it, and botocore in this process."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from podrole.testing import Call, Clock, Identity, InvalidArrangement, World

Identities = Callable[..., Identity]


def who() -> str:
    return str(boto3.client("sts").get_caller_identity()["Arn"])


@pytest.mark.parametrize("method", ["irsa", "pod-identity"])
def test_a_client_renews_its_session_when_the_clock_has_passed_it(
    podrole_identity: Identities, podrole_clock: Clock, podrole_calls: Sequence[Call], method: str
) -> None:
    with podrole_identity("shop", "inventory", method=method):
        sts = boto3.client("sts")
        sts.get_caller_identity()
        podrole_clock.advance(hours=7)
        sts.get_caller_identity()
        sts.get_caller_identity()
    exchanges = [call for call in podrole_calls if "Assume" in call.action]
    assert len(exchanges) == 2
    assert exchanges[1].time - exchanges[0].time >= 7 * 3600


def test_a_session_that_is_not_renewed_expires(
    podrole_identity: Identities, podrole_clock: Clock, podrole_calls: Sequence[Call]
) -> None:
    with podrole_identity("shop", "inventory"):
        kept = boto3.Session().get_credentials().get_frozen_credentials()
        sts = boto3.client(
            "sts",
            aws_access_key_id=kept.access_key,
            aws_secret_access_key=kept.secret_key,
            aws_session_token=kept.token,
        )
        podrole_clock.advance(minutes=59)
        sts.get_caller_identity()
        podrole_clock.advance(minutes=2)
        with pytest.raises(ClientError, match="ExpiredToken"):
            sts.get_caller_identity()
    assert podrole_calls[-1].code == "ExpiredToken"


def test_a_token_expires_unless_its_file_is_refreshed(podrole_identity: Identities, podrole_clock: Clock) -> None:
    inventory = podrole_identity("shop", "inventory")
    file = Path(inventory.environment["AWS_WEB_IDENTITY_TOKEN_FILE"])
    first = file.read_text()
    with inventory:
        podrole_clock.advance(days=2, refresh_tokens=False)
        assert file.read_text() == first
        with pytest.raises(ClientError, match=r"ExpiredToken.*Token expired"):
            who()
        podrole_clock.advance()
        assert file.read_text() != first
        assert "/shop-inventory/" in who()


def test_policies_go_by_the_moved_clock(podrole_identity: Identities, podrole_clock: Clock) -> None:
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    condition = {"DateLessThan": {"aws:CurrentTime": tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    statement = {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": condition}
    with podrole_identity("shop", "inventory", policies=[{"Version": "2012-10-17", "Statement": statement}]):
        boto3.client("iam").list_roles()
        podrole_clock.advance(days=1, seconds=1)
        with pytest.raises(ClientError, match="AccessDenied"):
            boto3.client("iam").list_roles()


def test_a_reset_shows_real_time_again(podrole_world: World, podrole_clock: Clock, podrole_calls: Any) -> None:
    import botocore.credentials

    podrole_clock.advance(days=1)
    assert podrole_clock.moved == datetime.timedelta(days=1)
    assert botocore.credentials.datetime is not datetime
    podrole_world.reset()
    assert podrole_clock.moved == datetime.timedelta(0)
    assert botocore.credentials.datetime is datetime


def test_the_clock_does_not_move_backwards(podrole_clock: Clock) -> None:
    with pytest.raises(InvalidArrangement, match="forward only"):
        podrole_clock.advance(hours=-1)
