"""IAM's OpenID Connect providers: AWS's limits, defaults and errors; moto keeps them.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html and its siblings. What changes
here counts for the next exchange of a token.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from podrole.aws.caller import Caller
from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.moto import Moto
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import text, xml_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN
from podrole.oidc.errors import KeysUnavailable
from podrole.oidc.keycache import Issuers

MOST_PROVIDERS, MOST_CLIENT_IDS, MOST_THUMBPRINTS, MOST_TAGS = 100, 100, 5, 50
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?")


class OIDCProviders:
    """The operations on providers. Their input has been judged by the API's model before."""

    def __init__(self, moto: Moto, keys: Issuers) -> None:
        self._moto = moto
        self._keys = keys

    async def serve(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authorized call. Raises AWSError."""
        given = parameters(call)
        if call.operation == "CreateOpenIDConnectProvider":
            await self._prepare(given, caller)
            return _with_tags(await self._moto.serve(call, caller.account), given.get("Tags") or [])
        if call.operation == "ListOpenIDConnectProviders":
            return await self._moto.serve(call, caller.account)
        provider = _provider(call, given, caller)
        if call.operation == "AddClientIDToOpenIDConnectProvider":
            return await self._change(call, provider, _with(provider.client_id_list, given["ClientID"]))
        if call.operation == "RemoveClientIDFromOpenIDConnectProvider":
            kept = [one for one in provider.client_id_list if one != given["ClientID"]]
            return await self._change(call, provider, kept)
        if call.operation == "UpdateOpenIDConnectProviderThumbprint":
            given["ThumbprintList"] = _thumbprints(given["ThumbprintList"])
            if not given["ThumbprintList"]:
                raise _invalid("Thumbprint list must contain at least one entry.")
        elif call.operation == "TagOpenIDConnectProvider":
            _check_tags(given["Tags"], {one["Key"] for one in provider.tag_list_type})
        return await self._moto.serve(call, caller.account)

    async def _prepare(self, given: dict[str, Any], caller: Caller) -> None:
        """Judge a new provider, and put in what IAM finds out by itself."""
        url = given["Url"]
        _check_url(url)
        partition = caller.principal.arn.split(":")[1]
        stored = backend("iam", caller.account, partition)
        existing = list(stored.open_id_providers.values()) if stored is not None else []
        if any(f"https://{one.url}" == url for one in existing):
            raise AWSError("EntityAlreadyExists", 409, f"Provider with url {url} already exists.")
        if len(existing) >= MOST_PROVIDERS:
            raise _too_many("OpenIDConnectProvidersPerAccount", MOST_PROVIDERS)
        given["ClientIDList"] = list(dict.fromkeys(given.get("ClientIDList") or ()))
        _check_client_ids(given["ClientIDList"])
        _check_tags(given.get("Tags") or [], set())
        found = _thumbprints(given.get("ThumbprintList") or [])
        given["ThumbprintList"] = found or [await self._fetched(url)]

    async def _fetched(self, url: str) -> str:
        try:
            return await self._keys.served_thumbprint(url)
        except KeysUnavailable as problem:
            raise AWSError(
                "OpenIdIdpCommunicationError", 400, f"Could not connect to {url}", why=problem.what
            ) from problem

    async def _change(self, call: IdentifiedCall, provider: Any, client_ids: list[str]) -> HTTPResponse:
        """Replace the client ids, in moto's thread like every change."""
        _check_client_ids(client_ids)
        await self._moto.run(lambda: setattr(provider, "client_id_list", client_ids))
        name = call.operation
        return xml_response(
            f'<{name}Response xmlns="{_NAMESPACE}">\n  <ResponseMetadata>\n    <RequestId>{call.id}</RequestId>\n'
            f"  </ResponseMetadata>\n</{name}Response>\n",
            call.id,
        )


def _provider(call: IdentifiedCall, given: dict[str, Any], caller: Caller) -> Any:
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
    stored = backend("iam", caller.account, caller.principal.arn.split(":")[1])
    found = stored.open_id_providers.get(arn) if stored is not None else None
    if found is None:
        words = f"OpenIDConnect Provider not found for arn {arn}"
        if call.operation == "DeleteOpenIDConnectProvider":
            words = f"OpenId connect Provider {arn} cannot be found."
        raise AWSError("NoSuchEntity", 404, words)
    return found


def _with_tags(answer: HTTPResponse, tags: list[dict[str, str]]) -> HTTPResponse:
    """Tell of a new provider's tags, which moto keeps and leaves out."""
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


def _with(client_ids: list[str], one: str) -> list[str]:
    return list(client_ids) if one in client_ids else [*client_ids, one]


def _thumbprints(found: list[str]) -> list[str]:
    if len(found) > MOST_THUMBPRINTS:
        raise _invalid("Thumbprint list must contain fewer than 5 entries.")
    return [one.lower() for one in found]


def _check_tags(tags: list[dict[str, str]], existing: set[str]) -> None:
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
