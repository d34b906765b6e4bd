"""OpenID Connect and SAML providers.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html and its siblings. What changes
here counts for the next exchange of a token.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

from podrole.account.errors import (
    AccountError,
    already_exists,
    invalid_input,
    limit_exceeded,
    no_such_entity,
    validation_error,
)
from podrole.account.iam.operations import shown
from podrole.account.iam.records import OIDCProviderRecord, SAMLProviderRecord
from podrole.account.iam.request import IAMRequest, Output, new_tags, require_room, time
from podrole.account.iam.state import IAMState
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN
from podrole.iam.provider_url import provider_url_fault

MOST_CLIENT_IDS, MOST_THUMBPRINTS = 100, 5
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""

_SAML_SECONDS = 100 * 365 * 86_400
"""How long a SAML provider is valid: IAM takes 100 years when the metadata does not say."""


# OpenID Connect


def oidc_provider_arn(state: IAMState, provider: OIDCProviderRecord) -> str:
    """Return a provider's ARN."""
    return f"arn:{state.partition}:iam::{state.account}:oidc-provider/{provider.id}"


def check_new_oidc_provider(state: IAMState, parameters: Mapping[str, Any]) -> None:
    """Refuse what CreateOpenIDConnectProvider refuses, but for the thumbprint: IAM fetches one if none is given.

    Raises AccountError.
    """
    url = parameters["Url"]
    _check_url(url)
    if state.get(OIDCProviderRecord, url.removeprefix("https://")) is not None:
        raise already_exists(f"Provider with url {url} already exists.")
    require_room(state, OIDCProviderRecord)
    _check_client_ids(dict.fromkeys(parameters.get("ClientIDList") or ()))
    new_tags(parameters.get("Tags"), {}, "TagsPerOpenIdConnectProvider")
    _thumbprints(parameters.get("ThumbprintList") or [])


def create_oidc_provider(request: IAMRequest) -> Output:
    """CreateOpenIDConnectProvider. ``ThumbprintList`` has been filled in."""
    parameters = request.input
    check_new_oidc_provider(request.state, parameters)
    tags = new_tags(parameters.get("Tags"), {}, "TagsPerOpenIdConnectProvider")
    provider = OIDCProviderRecord(
        id=parameters["Url"].removeprefix("https://"),
        client_ids=tuple(dict.fromkeys(parameters.get("ClientIDList") or ())),
        thumbprints=tuple(_thumbprints(parameters["ThumbprintList"])),
        created_at=request.now,
        tags=tags,
    )
    request.put(provider)
    return {"OpenIDConnectProviderArn": oidc_provider_arn(request.state, provider)} | shown.tags(tags)


def find_oidc_provider(
    request: IAMRequest, missing: str = "OpenIDConnect Provider not found for arn {}"
) -> OIDCProviderRecord:
    """Return the provider that the request names. Raises AccountError."""
    arn = request.input["OpenIDConnectProviderArn"]
    try:
        parse_arn(arn)
    except InvalidARN:
        raise validation_error("Invalid ARN:  Could not be parsed!") from None
    provider = find_oidc_provider_by_arn(request.state, arn)
    if provider is None:
        raise no_such_entity(missing.format(arn))
    return provider


def find_oidc_provider_by_arn(state: IAMState, arn: str) -> OIDCProviderRecord | None:
    """Return the provider with that ARN."""
    provider = state.get(OIDCProviderRecord, arn.partition(":oidc-provider/")[2])
    return provider if provider is not None and oidc_provider_arn(state, provider) == arn else None


def get_oidc_provider(request: IAMRequest) -> Output:
    """GetOpenIDConnectProvider."""
    provider = find_oidc_provider(request)
    return {
        "Url": provider.id,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": time(provider.created_at),
    } | shown.tags(provider.tags)


def list_oidc_providers(request: IAMRequest) -> Output:
    """ListOpenIDConnectProviders."""
    state = request.state
    providers = [{"Arn": oidc_provider_arn(state, provider)} for provider in state.records(OIDCProviderRecord)]
    return {"OpenIDConnectProviderList": providers}


def delete_oidc_provider(request: IAMRequest) -> Output:
    """DeleteOpenIDConnectProvider; roles that trust it stay as they are."""
    request.delete(find_oidc_provider(request, "OpenId connect Provider {} cannot be found."))
    return {}


def add_client_id(request: IAMRequest) -> Output:
    """AddClientIDToOpenIDConnectProvider; adding one again changes nothing."""
    provider = find_oidc_provider(request)
    client_ids = dict.fromkeys([*provider.client_ids, request.input["ClientID"]])
    _check_client_ids(client_ids)
    request.put(replace(provider, client_ids=tuple(client_ids)))
    return {}


def remove_client_id(request: IAMRequest) -> Output:
    """RemoveClientIDFromOpenIDConnectProvider; removing one that is not there changes nothing."""
    provider, client_id = find_oidc_provider(request), request.input["ClientID"]
    request.put(replace(provider, client_ids=tuple(other for other in provider.client_ids if other != client_id)))
    return {}


def update_thumbprints(request: IAMRequest) -> Output:
    """UpdateOpenIDConnectProviderThumbprint: the whole list."""
    provider, thumbprints = find_oidc_provider(request), _thumbprints(request.input["ThumbprintList"])
    if not thumbprints:
        raise invalid_input("Thumbprint list must contain at least one entry.")
    request.put(replace(provider, thumbprints=tuple(thumbprints)))
    return {}


def _check_url(url: str) -> None:
    if provider_url_fault(url) is not None:
        raise validation_error("Invalid Open ID Connect Provider URL")


def _check_client_ids(client_ids: Mapping[str, None]) -> None:
    if len(client_ids) > MOST_CLIENT_IDS:
        raise limit_exceeded("ClientIdsPerOpenIdConnectProvider", MOST_CLIENT_IDS)


def _thumbprints(thumbprints: list[str]) -> list[str]:
    if len(thumbprints) > MOST_THUMBPRINTS:
        raise invalid_input("Thumbprint list must contain fewer than 5 entries.")
    return [thumbprint.lower() for thumbprint in thumbprints]


# SAML. Providers can be kept and named in trust policies; AssumeRoleWithSAML is not served.


def saml_provider_arn(state: IAMState, provider: SAMLProviderRecord) -> str:
    """Return a SAML provider's ARN."""
    return f"arn:{state.partition}:iam::{state.account}:saml-provider/{provider.id}"


def create_saml_provider(request: IAMRequest) -> Output:
    """CreateSAMLProvider."""
    parameters, state = request.input, request.state
    _refuse_unserved(parameters)
    name = parameters["Name"]
    if state.get(SAMLProviderRecord, name) is not None:
        arn = f"arn:{state.partition}:iam::{state.account}:saml-provider/{name}"
        raise already_exists(f"{arn} already exists")
    require_room(state, SAMLProviderRecord)
    tags = new_tags(parameters.get("Tags"), {}, "TagsPerSAMLProvider")
    provider = SAMLProviderRecord(
        id=name,
        uuid=str(uuid.UUID(bytes=request.random(16), version=4)),
        metadata=_metadata(parameters["SAMLMetadataDocument"]),
        created_at=request.now,
        valid_until=request.now + _SAML_SECONDS,
        tags=tags,
    )
    request.put(provider)
    return {"SAMLProviderArn": saml_provider_arn(state, provider)} | shown.tags(tags)


def _refuse_unserved(parameters: Mapping[str, Any]) -> None:
    unserved = sorted({"AssertionEncryptionMode", "AddPrivateKey", "RemovePrivateKey"} & parameters.keys())
    if unserved:
        raise AccountError("NotImplemented", 501, f"podrole's local AWS does not simulate {', '.join(unserved)}.")


def _metadata(text: str) -> str:
    """Return a SAML metadata document. Raises AccountError if it is not the XML of an entity."""
    try:
        # Without a document type there are no entities, which could make a small document large.
        root = ElementTree.fromstring(text) if "<!" not in text else None  # noqa: S314 - see above
    except ElementTree.ParseError:
        root = None
    if root is None or root.tag.rpartition("}")[2] not in ("EntityDescriptor", "EntitiesDescriptor"):
        raise invalid_input("Could not parse metadata")
    return text


def find_saml_provider(request: IAMRequest) -> SAMLProviderRecord:
    """Return the SAML provider that the request names. Raises AccountError."""
    arn = request.input["SAMLProviderArn"]
    provider = find_saml_provider_by_arn(request.state, arn)
    if provider is None:
        raise no_such_entity(f"Manifest not found for arn {arn}")
    return provider


def find_saml_provider_by_arn(state: IAMState, arn: str) -> SAMLProviderRecord | None:
    """Return the SAML provider with that ARN."""
    provider = state.get(SAMLProviderRecord, arn.rpartition("/")[2])
    return provider if provider is not None and saml_provider_arn(state, provider) == arn else None


def get_saml_provider(request: IAMRequest) -> Output:
    """GetSAMLProvider."""
    provider = find_saml_provider(request)
    return {
        "SAMLProviderUUID": provider.uuid,
        "SAMLMetadataDocument": provider.metadata,
        "CreateDate": time(provider.created_at),
        "ValidUntil": time(provider.valid_until),
    } | shown.tags(provider.tags)


def list_saml_providers(request: IAMRequest) -> Output:
    """ListSAMLProviders."""
    state = request.state
    listed = [
        {
            "Arn": saml_provider_arn(state, provider),
            "ValidUntil": time(provider.valid_until),
            "CreateDate": time(provider.created_at),
        }
        for provider in state.records(SAMLProviderRecord)
    ]
    return {"SAMLProviderList": listed}


def update_saml_provider(request: IAMRequest) -> Output:
    """UpdateSAMLProvider: another metadata document. Keys for encrypted assertions are not kept."""
    provider, parameters = find_saml_provider(request), request.input
    _refuse_unserved(parameters)
    if "SAMLMetadataDocument" in parameters:
        request.put(replace(provider, metadata=_metadata(parameters["SAMLMetadataDocument"])))
    return {"SAMLProviderArn": parameters["SAMLProviderArn"]}


def delete_saml_provider(request: IAMRequest) -> Output:
    """DeleteSAMLProvider."""
    request.delete(find_saml_provider(request))
    return {}
