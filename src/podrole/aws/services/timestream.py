"""What is special about Timestream: its clients ask for the endpoint of every further call."""

from __future__ import annotations

import msgspec

from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.rules import ServiceRules


def _answer(call: IdentifiedCall, answer: HTTPResponse) -> HTTPResponse:
    """Let the discovered endpoint be where the request came in."""
    host = call.http.header.get("host")
    if call.operation != "DescribeEndpoints" or answer.status >= 300 or host is None:
        return answer
    endpoints = [{"Address": host, "CachePeriodInMinutes": 1440}]
    return HTTPResponse(answer.status, answer.headers, msgspec.json.encode({"Endpoints": endpoints}))


WRITE_RULES = ServiceRules("timestream-write", answer=_answer)
QUERY_RULES = ServiceRules("timestream-query", answer=_answer)
