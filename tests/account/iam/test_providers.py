"""OpenID Connect and SAML providers: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import datetime
import uuid

import pytest

from podrole.account.errors import AccountError
from podrole.account.iam.operations.providers import check_new_oidc_provider
from podrole.base.clock import rfc3339
from support.iam_account import ACCOUNT, IAM, METADATA, NOW, Before, Given, Refusal, exists, no_such, quota

URL, PRINTS = "https://example.com", ["a" * 40]
PROVIDER = {"Url": URL, "ThumbprintList": PRINTS}
OIDC = {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com"}
SAML = {"SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"}
SYSTEM_TAG = {"Tags": [{"Key": "aws:x", "Value": ""}]}
TAGS = {"Tags": [{"Key": "a", "Value": "b"}]}
REFUSED: dict[str, Refusal] = {
    "a URL that is none": (
        [],
        "CreateOpenIDConnectProvider",
        {**PROVIDER, "Url": "http://example.com"},
        ("ValidationError", 400, "Invalid Open ID Connect Provider URL"),
    ),
    "101 client ids of a new provider": (
        [],
        "CreateOpenIDConnectProvider",
        {**PROVIDER, "ClientIDList": [f"c{number}" for number in range(101)]},
        quota("ClientIdsPerOpenIdConnectProvider", 100),
    ),
    "what is no ARN": (
        [],
        "GetOpenIDConnectProvider",
        {"OpenIDConnectProviderArn": "example.com"},
        ("ValidationError", 400, "Invalid ARN:  Could not be parsed!"),
    ),
    "another account's provider": (
        [("CreateOpenIDConnectProvider", PROVIDER)],
        "GetOpenIDConnectProvider",
        {"OpenIDConnectProviderArn": "arn:aws:iam::444455556666:oidc-provider/example.com"},
        no_such("OpenIDConnect Provider not found for arn arn:aws:iam::444455556666:oidc-provider/example.com"),
    ),
    "another account's SAML provider": (
        [],
        "GetSAMLProvider",
        {"SAMLProviderArn": "arn:aws:iam::444455556666:saml-provider/corp"},
        no_such("Manifest not found for arn arn:aws:iam::444455556666:saml-provider/corp"),
    ),
    **{
        f"an update with {name}": (
            [],
            "UpdateSAMLProvider",
            {**SAML, name: "x"},
            ("NotImplemented", 501, f"podrole's local AWS does not simulate {name}."),
        )
        for name in ("AddPrivateKey", "RemovePrivateKey")
    },
    "a SAML provider's name": (
        [],
        "CreateSAMLProvider",
        {"Name": "corp", "SAMLMetadataDocument": METADATA},
        exists(f"arn:aws:iam::{ACCOUNT}:saml-provider/corp already exists"),
    ),
    "a provider's URL": (
        [("CreateOpenIDConnectProvider", {"Url": "https://example.com", "ThumbprintList": ["a" * 40]})],
        "CreateOpenIDConnectProvider",
        {"Url": "https://example.com", "ThumbprintList": ["a" * 40]},
        exists("Provider with url https://example.com already exists."),
    ),
    "a sixth thumbprint": (
        [],
        "CreateOpenIDConnectProvider",
        {"Url": "https://example.com", "ThumbprintList": ["a" * 40] * 6},
        ("InvalidInput", 400, "Thumbprint list must contain fewer than 5 entries."),
    ),
    "no thumbprint": (
        [("CreateOpenIDConnectProvider", {"Url": "https://example.com", "ThumbprintList": ["a" * 40]})],
        "UpdateOpenIDConnectProviderThumbprint",
        {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com", "ThumbprintList": []},
        ("InvalidInput", 400, "Thumbprint list must contain at least one entry."),
    ),
    "a 101st client id": (
        [
            (
                "CreateOpenIDConnectProvider",
                {
                    "Url": "https://example.com",
                    "ThumbprintList": ["a" * 40],
                    "ClientIDList": [f"c{number}" for number in range(100)],
                },
            )
        ],
        "AddClientIDToOpenIDConnectProvider",
        {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com", "ClientID": "x"},
        quota("ClientIdsPerOpenIdConnectProvider", 100),
    ),
    "no SAML provider": (
        [],
        "GetSAMLProvider",
        {"SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/x"},
        no_such(f"Manifest not found for arn arn:aws:iam::{ACCOUNT}:saml-provider/x"),
    ),
    "no provider": (
        [],
        "DeleteOpenIDConnectProvider",
        {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/x"},
        no_such(f"OpenId connect Provider arn:aws:iam::{ACCOUNT}:oidc-provider/x cannot be found."),
    ),
    "metadata that is not XML": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": "<a"},
        ("InvalidInput", 400, "Could not parse metadata"),
    ),
    "metadata of something else": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": "<a/>"},
        ("InvalidInput", 400, "Could not parse metadata"),
    ),
    "metadata with a document type": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": "<!DOCTYPE EntityDescriptor><EntityDescriptor/>"},
        ("InvalidInput", 400, "Could not parse metadata"),
    ),
    "encrypted assertions": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": METADATA, "AssertionEncryptionMode": "Required"},
        ("NotImplemented", 501, "podrole's local AWS does not simulate AssertionEncryptionMode."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (SYSTEM_TAG, "InvalidInput"),
        ({"ThumbprintList": PRINTS * 6}, "InvalidInput"),
        ({"ThumbprintList": PRINTS * 5}, None),
        ({}, None),
    ],
)
def test_a_new_provider_is_checked_before_its_thumbprint_is_fetched(iam: IAM, given: Given, code: str | None) -> None:
    found = None
    try:
        check_new_oidc_provider(iam.store.newest_iam(ACCOUNT, "aws"), {"Url": URL, **given})
    except AccountError as refusal:
        found = refusal.aws_code
    assert found == code


def test_a_provider_is_changed_and_deleted(iam: IAM) -> None:
    iam("CreateOpenIDConnectProvider", **PROVIDER | TAGS | {"ClientIDList": ["one", "one"]})
    iam("UpdateOpenIDConnectProviderThumbprint", **OIDC, ThumbprintList=["B" * 40])
    for name in ("two", "two"):
        iam("AddClientIDToOpenIDConnectProvider", **OIDC, ClientID=name)
    shown = iam("GetOpenIDConnectProvider", **OIDC)
    assert {name: value for name, value in shown.items() if name != "CreateDate"} == {
        "Url": "example.com",
        "ClientIDList": ["one", "two"],
        "ThumbprintList": ["b" * 40],
        **TAGS,
    }
    for _ in range(2):
        iam("RemoveClientIDFromOpenIDConnectProvider", **OIDC, ClientID="one")
    assert iam("GetOpenIDConnectProvider", **OIDC)["ClientIDList"] == ["two"]
    assert iam.listed("ListOpenIDConnectProviders", "Arn") == [OIDC["OpenIDConnectProviderArn"]]
    iam("DeleteOpenIDConnectProvider", **OIDC)
    assert iam.listed("ListOpenIDConnectProviders", "Arn") == []


def test_a_saml_provider_is_changed_and_deleted(iam: IAM) -> None:
    iam("CreateSAMLProvider", Name="new", SAMLMetadataDocument=METADATA, **TAGS)
    new = {"SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/new"}
    shown = iam("GetSAMLProvider", **new)
    assert (shown["SAMLMetadataDocument"], shown["Tags"]) == (METADATA, TAGS["Tags"])
    assert uuid.UUID(shown["SAMLProviderUUID"]).version == 4
    hundred_years = datetime.timedelta(days=36_500).total_seconds()
    assert shown["ValidUntil"] == rfc3339(NOW + hundred_years)
    assert iam("UpdateSAMLProvider", **new) == new
    assert iam("GetSAMLProvider", **new) == shown
    other = "<EntitiesDescriptor/>"
    iam("UpdateSAMLProvider", **new, SAMLMetadataDocument=other)
    assert iam("GetSAMLProvider", **new)["SAMLMetadataDocument"] == other
    iam("DeleteSAMLProvider", **new)
    assert iam.listed("ListSAMLProviders", "Arn") == [SAML["SAMLProviderArn"]]
