"""The audiences of an identity provider change one by one, and count at the very next exchange."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from support.aws import LocalAWS

URL = "https://issuer.example.com/id/ABC"


@pytest.fixture
def arn(aws: LocalAWS) -> str:
    given = {"Url": URL, "ClientIDList": ["sts.amazonaws.com"]}
    return str(aws.client("iam").create_open_id_connect_provider(**given)["OpenIDConnectProviderArn"])


def listed(aws: LocalAWS, arn: str) -> list[str]:
    return list(aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"])


def test_an_audience_is_added_once_however_often_it_is_asked_for(aws: LocalAWS, arn: str) -> None:
    for _ in range(2):
        aws.client("iam").add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="vault")
    assert listed(aws, arn) == ["sts.amazonaws.com", "vault"]


def test_an_audience_is_removed_and_one_that_is_not_there_is_no_fault(aws: LocalAWS, arn: str) -> None:
    for client_id in ("sts.amazonaws.com", "never-there"):
        aws.client("iam").remove_client_id_from_open_id_connect_provider(
            OpenIDConnectProviderArn=arn, ClientID=client_id
        )
    assert listed(aws, arn) == []


def test_a_hundred_audiences_are_the_most(aws: LocalAWS, arn: str) -> None:
    iam = aws.client("iam")
    for number in range(99):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=f"audience-{number}")
    with pytest.raises(ClientError) as refused:
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one-more")
    assert refused.value.response["Error"]["Code"] == "LimitExceeded"


def test_a_provider_that_is_not_there_is_told(aws: LocalAWS, arn: str) -> None:
    with pytest.raises(ClientError) as refused:
        aws.client("iam").add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=f"{arn}x", ClientID="any")
    assert refused.value.response["Error"]["Code"] == "NoSuchEntity"
