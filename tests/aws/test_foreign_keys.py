"""Credentials that the world has not issued are refused, and the refusal says where to look."""

from __future__ import annotations

import logging

import pytest
from botocore.exceptions import ClientError

from support.aws import ACCOUNT, LocalAWS

REAL = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "of-a-real-account"}
SESSION = {"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x", "SessionToken": "of-a-real-session"}


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [("sts", "get_caller_identity", "InvalidClientTokenId"), ("s3", "list_buckets", "InvalidAccessKeyId")],
)
def test_refusal_of_a_real_key_says_where_the_client_has_it_from(
    aws: LocalAWS, service: str, operation: str, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(aws.client(service, REAL), operation)()
    assert refused.value.response["Error"]["Code"] == code
    assert "profile" not in str(refused.value)
    event = aws.last_event()
    assert event.why is not None
    assert event.why.startswith(
        "The access key AKIAIOSFODNN7EXAMPLE (by its form, of account 581039954779) is not valid"
    )
    assert event.explanation is not None
    for place in ("--profile", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "~/.aws/credentials"):
        assert place in event.explanation["next"]
    assert "of-a-real" not in str(event)


def test_refusal_of_a_real_session_says_so_too(aws: LocalAWS) -> None:
    with pytest.raises(ClientError):
        aws.client("sts", SESSION).get_caller_identity()
    assert str(aws.last_event().why).startswith("The session of the access key ASIAIOSFODNN7EXAMPLE (by its form,")


def test_console_warns_once_of_each_key(aws: LocalAWS, caplog: pytest.LogCaptureFixture) -> None:
    assert aws.endpoint is not None
    aws.endpoint._foreign_keys._logged.clear()
    with caplog.at_level(logging.WARNING, logger="podrole.aws.foreign_keys"):
        for credentials in (REAL, REAL, SESSION):
            with pytest.raises(ClientError):
                aws.client("sts", credentials).get_caller_identity()
    assert [record.getMessage().split(" (by")[0] for record in caplog.records] == [
        "A call was refused. The access key AKIAIOSFODNN7EXAMPLE",
        "A call was refused. The session of the access key ASIAIOSFODNN7EXAMPLE",
    ]
    assert "of-a-real" not in caplog.text


def test_wrong_secret_of_the_worlds_own_key_is_another_fault(aws: LocalAWS) -> None:
    own = aws.user("someone")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        aws.client("sts", {**own, "SecretAccessKey": "wrong"}).get_caller_identity()
    assert "is not valid in this world" not in str(aws.last_event().why)
    assert ACCOUNT not in str(aws.last_event().why)
