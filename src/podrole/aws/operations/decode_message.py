"""STS DecodeAuthorizationMessage, for the encoded messages of this world's EC2."""

from __future__ import annotations

from podrole.aws.caller import Caller
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.operations.sts import denial_error
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.render import text, xml_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.sts import parameters as api
from podrole.sts.denial import Denied


class MessageDecoder:
    """Opens encoded messages. That the caller may is decided before, by authorization."""

    def __init__(self, messages: EncodedMessages) -> None:
        self._messages = messages

    async def decode_authorization_message(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Return the decoded message. Raises AWSError for one that is not of this world.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
        """
        try:
            api.validate(call.parameters, api.DECODE_MESSAGE_PARAMETERS)
        except Denied as refused:
            raise denial_error(refused.denial) from refused
        decoded = self._messages.open(call.parameters[api.ENCODED_MESSAGE.name])
        if decoded is None:
            raise AWSError(
                "InvalidAuthorizationMessageException",
                400,
                "Message is not valid",
                why="The message was not sealed by this world, or has been changed.",
            )
        return xml_response(
            '<DecodeAuthorizationMessageResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
            "  <DecodeAuthorizationMessageResult>\n"
            f"    <DecodedMessage>{text(decoded)}</DecodedMessage>\n"
            "  </DecodeAuthorizationMessageResult>\n"
            f"  <ResponseMetadata>\n    <RequestId>{call.id}</RequestId>\n  </ResponseMetadata>\n"
            "</DecodeAuthorizationMessageResponse>\n",
            call.id,
        )
