"""IAM's OpenID Connect providers: AWS's limits, defaults and errors. The services store them.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html and its siblings. What changes
here counts for the next exchange of a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from podrole.account.identities import IdentityStore
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.operations.iam import check_model, empty_answer
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import text
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import parse_arn
from podrole.iam.directory import OIDCProvider
from podrole.iam.errors import InvalidARN
from podrole.oidc.errors import KeysUnavailable
from podrole.oidc.key_source import Issuers

MOST_PROVIDERS, MOST_CLIENT_IDS, MOST_THUMBPRINTS, MOST_TAGS = 100, 100, 5, 50
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?")


CREATE = "CreateOpenIDConnectProvider"
Finish = Callable[[HTTPResponse], HTTPResponse]


def provider_answer(call: IdentifiedCall, caller: Caller, identities: IdentityStore) -> HTTPResponse | Finish | None:
    """Check an authorized call about providers, and put in what IAM fills in itself.

    Returns the answer if it has been executed here. Otherwise the services may execute it; what it returns then is
    applied to their answer. Raises AWSError for what IAM refuses.
    """
    given = parameters(call)
    check_model(call)
    if call.operation == CREATE:
        _check_new(given, identities)
        return partial(_with_tags, given.get("Tags") or [])
    if call.operation == "ListOpenIDConnectProviders":
        return None
    provider = _provider(call, given, caller, identities)
    if call.operation == "AddClientIDToOpenIDConnectProvider":
        return _change(call, identities, provider, _with(provider.client_ids, given["ClientID"]))
    if call.operation == "RemoveClientIDFromOpenIDConnectProvider":
        kept = [one for one in provider.client_ids if one != given["ClientID"]]
        return _change(call, identities, provider, kept)
    if call.operation == "UpdateOpenIDConnectProviderThumbprint":
        given["ThumbprintList"] = _thumbprints(given["ThumbprintList"])
        if not given["ThumbprintList"]:
            raise _invalid("Thumbprint list must contain at least one entry.")
    elif call.operation == "TagOpenIDConnectProvider":
        _check_tags(given["Tags"], identities.provider_tag_keys(provider.arn))
    return None


def needs_thumbprint(call: IdentifiedCall) -> bool:
    """Return whether IAM finds out the thumbprint of a new provider itself: the call gives none."""
    return call.operation == CREATE and not parameters(call).get("ThumbprintList")


async def find_thumbprint(call: IdentifiedCall, keys: Issuers) -> None:
    """Fill in the thumbprint of the certificate that a new provider's URL is served with. Raises AWSError."""
    given = parameters(call)
    url = given["Url"]
    try:
        given["ThumbprintList"] = [await keys.served_thumbprint(url)]
    except KeysUnavailable as problem:
        raise AWSError("OpenIdIdpCommunicationError", 400, f"Could not connect to {url}", why=problem.what) from problem


def _check_new(given: dict[str, Any], identities: IdentityStore) -> None:
    url = given["Url"]
    _check_url(url)
    existing = identities.providers()
    if any(one.issuer == url for one in existing):
        raise AWSError("EntityAlreadyExists", 409, f"Provider with url {url} already exists.")
    if len(existing) >= MOST_PROVIDERS:
        raise _too_many("OpenIDConnectProvidersPerAccount", MOST_PROVIDERS)
    given["ClientIDList"] = list(dict.fromkeys(given.get("ClientIDList") or ()))
    _check_client_ids(given["ClientIDList"])
    _check_tags(given.get("Tags") or [], frozenset())
    given["ThumbprintList"] = _thumbprints(given.get("ThumbprintList") or [])


def _change(
    call: IdentifiedCall, identities: IdentityStore, provider: OIDCProvider, client_ids: list[str]
) -> HTTPResponse:
    _check_client_ids(client_ids)
    identities.set_client_ids(provider.arn, client_ids)
    return empty_answer(call)


def _provider(call: IdentifiedCall, given: dict[str, Any], caller: Caller, identities: IdentityStore) -> OIDCProvider:
    arn = given["OpenIDConnectProviderArn"]
    try:
        parsed = parse_arn(arn)
    except InvalidARN:
        raise AWSError("ValidationError", 400, "Invalid ARN:  Could not be parsed!") from None
    if parsed.account != caller.account:
        raise AWSError(
            "AccessDenied",
            403,
            f"User: {caller.principal.arn} is not authorized to perform: {call.action} on resource: {arn} because no "
            f"resource-based policy allows the {call.action} action",
            why="The provider is another account's.",
        )
    provider = identities.provider(arn)
    if provider is None:
        words = f"OpenIDConnect Provider not found for arn {arn}"
        if call.operation == "DeleteOpenIDConnectProvider":
            words = f"OpenId connect Provider {arn} cannot be found."
        raise AWSError("NoSuchEntity", 404, words)
    return provider


def _with_tags(tags: list[dict[str, str]], answer: HTTPResponse) -> HTTPResponse:
    """Add a new provider's tags to the answer, which the services store but leave out."""
    end = b"</OpenIDConnectProviderArn>"
    members = "".join(
        f"<member><Key>{text(tag['Key'])}</Key><Value>{text(tag['Value'])}</Value></member>" for tag in tags
    )
    told = f"<Tags>{members}</Tags>".encode() if tags else b""
    return HTTPResponse(answer.status, answer.headers, answer.body.replace(end, end + told, 1))


def _check_url(url: str) -> None:
    """Refuse what cannot be an issuer's: https without port, user, query or fragment, or an address in two readings."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    fits = url.startswith("https://") and port is None and _HOST.fullmatch(parts.netloc) and _PATH.fullmatch(parts.path)
    if not fits or url != f"https://{parts.netloc}{parts.path}" or ".." in parts.netloc:
        raise AWSError("ValidationError", 400, "Invalid Open ID Connect Provider URL")


def _check_client_ids(client_ids: list[str]) -> None:
    if len(client_ids) > MOST_CLIENT_IDS:
        raise _too_many("ClientIdsPerOpenIdConnectProvider", MOST_CLIENT_IDS)


def _with(client_ids: Sequence[str], one: str) -> list[str]:
    return list(client_ids) if one in client_ids else [*client_ids, one]


def _thumbprints(found: list[str]) -> list[str]:
    if len(found) > MOST_THUMBPRINTS:
        raise _invalid("Thumbprint list must contain fewer than 5 entries.")
    return [one.lower() for one in found]


def _check_tags(tags: list[dict[str, str]], existing: frozenset[str]) -> None:
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise _invalid("System tags cannot be added/updated by requester")
    if len({key.lower() for key in existing}.union(keys)) > MOST_TAGS:
        raise _too_many("TagsPerOpenIdConnectProvider", MOST_TAGS)


def _invalid(words: str) -> AWSError:
    return AWSError("InvalidInput", 400, words)


def _too_many(quota: str, most: int) -> AWSError:
    return AWSError("LimitExceeded", 409, f"Cannot exceed quota for {quota}: {most}")
