"""The audiences of an OpenID Connect provider, changed one by one, which moto does not serve.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddClientIDToOpenIDConnectProvider.html and its sibling. Both
may be repeated: what is there already is not added, what is not there need not go.
"""

from __future__ import annotations

from podrole.aws.caller import Caller
from podrole.aws.directory import MotoDirectory
from podrole.aws.errors import AWSError
from podrole.aws.parameters import parameters
from podrole.aws.receive import ServiceRequest
from podrole.aws.render import xml_response
from podrole.aws.wire import HTTPResponse

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_MOST = 100


class ClientIDs:
    """The operations over an account's directory."""

    def __init__(self, directory: MotoDirectory) -> None:
        self._directory = directory

    async def add(self, call: ServiceRequest, _: Caller) -> HTTPResponse:
        """Let a provider take tokens for one more audience."""
        listed, client_id = self._asked(call)
        if client_id not in listed:
            if len(listed) >= _MOST:
                text = f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {_MOST}"
                raise AWSError("LimitExceeded", 409, text)
            listed.append(client_id)
        return _done(call)

    async def remove(self, call: ServiceRequest, _: Caller) -> HTTPResponse:
        """Have a provider take no more tokens for an audience."""
        listed, client_id = self._asked(call)
        if client_id in listed:
            listed.remove(client_id)
        return _done(call)

    def _asked(self, call: ServiceRequest) -> tuple[list[str], str]:
        given = parameters(call)
        arn, client_id = given.get("OpenIDConnectProviderArn"), given.get("ClientID")
        if not arn or not client_id:
            missing = "openIDConnectProviderArn" if not arn else "clientID"
            text = f"1 validation error detected: Value at '{missing}' failed to satisfy constraint: "
            raise AWSError("ValidationError", 400, f"{text}Member must not be null")
        listed = self._directory.client_ids(str(arn))
        if listed is None:
            raise AWSError("NoSuchEntity", 404, f"OpenIDConnect Provider not found for arn {arn}")
        return listed, str(client_id)


def _done(call: ServiceRequest) -> HTTPResponse:
    name = call.operation
    return xml_response(
        f'<{name}Response xmlns="{_NAMESPACE}">\n'
        f"  <ResponseMetadata>\n    <RequestId>{call.id}</RequestId>\n  </ResponseMetadata>\n"
        f"</{name}Response>\n",
        call.id,
    )
