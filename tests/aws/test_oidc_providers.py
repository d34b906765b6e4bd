"""IAM's OpenID Connect providers: AWS's limits, defaults and errors, each change good for the next exchange."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import ACCOUNT, PREFIX, PROVIDER_ARN, LocalAWS, allow, refusal, refused
from support.issuer import ISSUER

THUMBPRINT = "990f4193972f2becf12ddeda5237f9c952f20d9e"
MISSING = f"arn:aws:iam::{ACCOUNT}:oidc-provider/nowhere.example.com"


def iam(aws: LocalAWS) -> Any:
    return aws.client("iam", parameter_validation=False)


def create(aws: LocalAWS, url: str = ISSUER, **more: Any) -> Any:
    given = {"ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": [THUMBPRINT], **more}
    return iam(aws).create_open_id_connect_provider(
        Url=url, **{name: value for name, value in given.items() if value is not None}
    )


def get(aws: LocalAWS, arn: str = PROVIDER_ARN) -> Any:
    return iam(aws).get_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_a_provider_is_named_by_its_url_without_the_scheme(aws: LocalAWS) -> None:
    tags = [{"Key": "team", "Value": "blue"}]
    made = create(aws, ThumbprintList=[THUMBPRINT.upper()], ClientIDList=["a", "b", "a"], Tags=tags)
    assert made["OpenIDConnectProviderArn"] == PROVIDER_ARN
    assert made["Tags"] == tags
    found = get(aws)
    assert (found["Url"], found["ClientIDList"], found["Tags"]) == (PREFIX, ["a", "b"], tags)
    assert found["ThumbprintList"] == [THUMBPRINT]
    assert iam(aws).list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": PROVIDER_ARN}]


def test_iam_finds_the_thumbprint_out_by_itself(aws: LocalAWS) -> None:
    create(aws, ThumbprintList=None)
    assert get(aws)["ThumbprintList"] == aws.issuer.thumbprints
    aws.set_up_role()
    assert aws.exchange().status_code == 200


def test_an_issuer_that_cannot_be_reached_is_told_as_such(aws: LocalAWS) -> None:
    aws.issuer.down = True
    assert refused(create, aws=aws, ThumbprintList=[]) == (
        "OpenIdIdpCommunicationError",
        400,
        f"Could not connect to {ISSUER}",
    )
    assert "cannot be reached" in (aws.last_event().why or "")
    assert iam(aws).list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


URLS = [
    "http://oidc.example.com",
    "oidc.example.com",
    "HTTPS://oidc.example.com",
    "https://",
    "https:///path",
    "https://oidc.example.com:443",
    "https://oidc.example.com:8443/id/ABC",
    "https://oidc.example.com:x/",
    "https://user@oidc.example.com",
    "https://oidc.example.com/id?x=1",
    "https://oidc.example.com/id?",
    "https://oidc.example.com/id#x",
    "https://oidc.example.com/id#",
    "https://oidc.example.com/a b",
    "https://oidc.example.com/\u00e9",
    "https://oidc..example.com",
    "https://-oidc.example.com",
    "https://[::1]/id",
    "https://oidc.example.com\\@other.example.com",
    "https://oidc.example.com/\n",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_can_be_no_issuer_is_refused(aws: LocalAWS, url: str) -> None:
    assert refused(create, aws=aws, url=url) == ("ValidationError", 400, "Invalid Open ID Connect Provider URL")


@pytest.mark.parametrize("url", [ISSUER + "/", "https://oidc.example.com/id/abc", "https://oidc.example.com"])
def test_a_url_is_another_by_its_last_letter(aws: LocalAWS, url: str) -> None:
    create(aws)
    create(aws, url)
    assert get(aws, f"arn:aws:iam::{ACCOUNT}:oidc-provider/{url.removeprefix('https://')}")["Url"] == url[8:]


def test_a_url_is_registered_once(aws: LocalAWS) -> None:
    create(aws)
    assert refused(create, aws=aws) == ("EntityAlreadyExists", 409, f"Provider with url {ISSUER} already exists.")


def out_of_model(where: str, *constraints: str) -> tuple[str, int, str]:
    said = constraints[0] if len(constraints) == 1 else f"Member must satisfy constraint: [{', '.join(constraints)}]"
    return (
        "ValidationError",
        400,
        f"1 validation error detected: Value at '{where}' failed to satisfy constraint: {said}",
    )


def at_most(length: int) -> str:
    return f"Member must have length less than or equal to {length}"


def at_least(length: int) -> str:
    return f"Member must have length greater than or equal to {length}"


LIMITS: dict[str, tuple[dict[str, Any], tuple[str, int, str]]] = {
    "101 client ids": (
        {"ClientIDList": [str(number) for number in range(101)]},
        ("LimitExceeded", 409, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"),
    ),
    "six thumbprints": (
        {"ThumbprintList": [THUMBPRINT] * 6},
        ("InvalidInput", 400, "Thumbprint list must contain fewer than 5 entries."),
    ),
    "a short thumbprint": ({"ThumbprintList": ["990f"]}, out_of_model("thumbprintList", at_most(40), at_least(40))),
    "an empty client id": ({"ClientIDList": [""]}, out_of_model("clientIDList", at_most(255), at_least(1))),
    "a long url": ({"url": "https://oidc.example.com/" + "x" * 231}, out_of_model("url", at_most(255))),
    "tags of one name": (
        {"Tags": [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}]},
        ("InvalidInput", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
    ),
    "a tag of AWS": (
        {"Tags": [{"Key": "aws:team", "Value": "a"}]},
        ("InvalidInput", 400, "System tags cannot be added/updated by requester"),
    ),
}


@pytest.mark.parametrize(("given", "answer"), LIMITS.values(), ids=LIMITS.keys())
def test_a_provider_is_refused_with(aws: LocalAWS, given: dict[str, Any], answer: tuple[str, int, str]) -> None:
    assert refused(create, aws=aws, **given) == answer
    assert iam(aws).list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_an_account_has_a_hundred_providers(aws: LocalAWS) -> None:
    for number in range(100):
        create(aws, f"https://oidc.example.com/{number}")
    assert refused(create, aws=aws) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for OpenIDConnectProvidersPerAccount: 100",
    )


def test_client_ids_are_added_and_removed_without_complaint_and_count_at_once(aws: LocalAWS) -> None:
    aws.set_up_role()
    client, named = iam(aws), {"OpenIDConnectProviderArn": PROVIDER_ARN}
    for _ in range(2):
        client.remove_client_id_from_open_id_connect_provider(ClientID="sts.amazonaws.com", **named)
    assert get(aws)["ClientIDList"] == []
    assert refusal(aws.exchange()) == (400, "InvalidIdentityToken", "Incorrect token audience")
    for _ in range(2):
        client.add_client_id_to_open_id_connect_provider(ClientID="sts.amazonaws.com", **named)
    assert get(aws)["ClientIDList"] == ["sts.amazonaws.com"]
    assert aws.exchange().status_code == 200


def test_a_provider_has_a_hundred_client_ids(aws: LocalAWS) -> None:
    create(aws, ClientIDList=[str(number) for number in range(100)])
    add = iam(aws).add_client_id_to_open_id_connect_provider
    add(OpenIDConnectProviderArn=PROVIDER_ARN, ClientID="7")
    assert refused(add, OpenIDConnectProviderArn=PROVIDER_ARN, ClientID="100")[:2] == ("LimitExceeded", 409)


def test_thumbprints_are_replaced_all_at_once_and_never_by_none(aws: LocalAWS) -> None:
    create(aws)
    update = iam(aws).update_open_id_connect_provider_thumbprint
    update(OpenIDConnectProviderArn=PROVIDER_ARN, ThumbprintList=["AB" * 20, "cd" * 20])
    assert get(aws)["ThumbprintList"] == ["ab" * 20, "cd" * 20]
    # boto3 leaves an empty list out of a form; the form itself can have one.
    code, status, _ = refused(update, OpenIDConnectProviderArn=PROVIDER_ARN, ThumbprintList=[])
    assert status == 400
    assert code in ("InvalidInput", "ValidationError")
    assert get(aws)["ThumbprintList"] == ["ab" * 20, "cd" * 20]


def test_a_provider_is_tagged_and_untagged(aws: LocalAWS) -> None:
    create(aws)
    client, named = iam(aws), {"OpenIDConnectProviderArn": PROVIDER_ARN}
    client.tag_open_id_connect_provider(Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)], **named)
    more = {"Tags": [{"Key": "one", "Value": "more"}], **named}
    assert refused(client.tag_open_id_connect_provider, **more) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for TagsPerOpenIdConnectProvider: 50",
    )
    client.untag_open_id_connect_provider(TagKeys=[f"K{number}" for number in range(1, 50)], **named)
    assert client.list_open_id_connect_provider_tags(**named)["Tags"] == [{"Key": "k0", "Value": ""}]


def test_a_deleted_provider_is_gone_for_the_next_exchange(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange().status_code == 200
    iam(aws).delete_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER_ARN)
    status, code, text = refusal(aws.exchange())
    assert (status, code) == (400, "InvalidIdentityToken")
    assert text == f"No OpenIDConnect provider found in your account for {ISSUER}"


NOT_FOUND = ("NoSuchEntity", 404, f"OpenIDConnect Provider not found for arn {MISSING}")
ON_ONE: dict[str, dict[str, Any]] = {
    "get_open_id_connect_provider": {},
    "add_client_id_to_open_id_connect_provider": {"ClientID": "x"},
    "remove_client_id_from_open_id_connect_provider": {"ClientID": "x"},
    "update_open_id_connect_provider_thumbprint": {"ThumbprintList": [THUMBPRINT]},
    "tag_open_id_connect_provider": {"Tags": [{"Key": "a", "Value": "b"}]},
    "untag_open_id_connect_provider": {"TagKeys": ["a"]},
    "list_open_id_connect_provider_tags": {},
    "delete_open_id_connect_provider": {},
}


@pytest.mark.parametrize("operation", ON_ONE)
def test_a_provider_that_is_not_there_is_not_found(aws: LocalAWS, operation: str) -> None:
    call = getattr(iam(aws), operation)
    expected = NOT_FOUND
    if operation.startswith("delete"):
        expected = ("NoSuchEntity", 404, f"OpenId connect Provider {MISSING} cannot be found.")
    assert refused(call, OpenIDConnectProviderArn=MISSING, **ON_ONE[operation]) == expected


@pytest.mark.parametrize("operation", ON_ONE)
def test_a_provider_of_another_account_is_out_of_reach(aws: LocalAWS, operation: str) -> None:
    stranger = aws.client("iam", aws.administrator_of("444455556666"), parameter_validation=False)
    create(aws)
    found = refused(getattr(stranger, operation), OpenIDConnectProviderArn=PROVIDER_ARN, **ON_ONE[operation])
    assert found[:2] == ("AccessDenied", 403)
    assert "is not authorized to perform: iam:" in found[2]
    assert get(aws)["ClientIDList"] == ["sts.amazonaws.com"]


@pytest.mark.parametrize("operation", ON_ONE)
def test_providers_are_looked_after_by_those_who_may(aws: LocalAWS, operation: str) -> None:
    other = f"arn:aws:iam::{ACCOUNT}:oidc-provider/other.example.com"
    guest = aws.client("iam", aws.user("guest", allow("iam:*OpenIDConnectProvider*", other)))
    create(aws)
    found = refused(getattr(guest, operation), OpenIDConnectProviderArn=PROVIDER_ARN, **ON_ONE[operation])
    assert found[:2] == ("AccessDenied", 403)
    assert get(aws)["ThumbprintList"] == [THUMBPRINT]


def test_what_is_no_arn_is_said_to_be_none(aws: LocalAWS) -> None:
    assert refused(get, aws=aws, arn="a-provider-without-an-arn") == (
        "ValidationError",
        400,
        "Invalid ARN:  Could not be parsed!",
    )
