"""A request on its way through the stations: as it was received, and as a call of one operation.

::

    ReceivedRequest      read whole; nothing in it has been looked at
    IdentifiedCall       service and operation are known, and are an operation of that service's model
    UnidentifiedRequest  the request names no operation, or more than one: an error, with the protocol of its answer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.aws.errors import AWSError
from podrole.aws.protocol.catalogue import Service, model, services
from podrole.aws.protocol.wire import HTTPRequest

UNAUTHENTICATED = "unauthenticated"
"""The caller of a request whose signature has not been verified, in the event log."""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came. ``received_at`` is epoch seconds."""

    id: str
    http: HTTPRequest
    received_at: float


@dataclass(slots=True)
class IdentifiedCall:
    """A call of one operation. Identified does not mean authenticated: anyone can name an operation.

    ``parameters`` are those of a query service, from the form or the URL, flat and decoded; ``path_parameters`` the
    labels of the path, decoded. ``input`` is the operation's input, None until podrole.aws.protocol.parameters has
    read it: use ``parameters(call)``. For the event log, ``principal`` names the caller, and ``explanation`` says why
    the call is allowed; ``refused`` are calls that the service wanted to make for it, with their refusals.
    """

    id: str
    http: HTTPRequest
    received_at: float
    service: Service
    operation: str
    protocol: str
    region: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    principal: str = UNAUTHENTICATED
    explanation: Mapping[str, Any] | None = None
    input: dict[str, Any] | None = None
    refused: tuple[tuple[IdentifiedCall, AWSError], ...] = ()

    @property
    def action(self) -> str:
        """The operation as ``service:Operation``, for people."""
        return f"{self.service.name}:{self.operation}"


def call_for(call: IdentifiedCall, service: str, operation: str, call_input: Mapping[str, Any]) -> IdentifiedCall:
    """Return the call of another service that a service makes for a call, in the same region and circumstances."""
    called_service, shape = services()[service], model(service).operation_model(operation).input_shape
    members = shape.members if shape is not None else {}
    named = {name: members[name].serialization for name in call_input}
    labels = {str(at["name"]): str(call_input[name]) for name, at in named.items() if at.get("location") == "uri"}
    return IdentifiedCall(
        call.id,
        call.http,
        call.received_at,
        called_service,
        operation,
        called_service.protocol,
        call.region,
        path_parameters=labels,
        principal=call.principal,
        input=dict(call_input),
    )


class UnidentifiedRequest(AWSError):
    """The request names no operation that exists, or could be read as two.

    ``service`` and ``protocol`` say in which form the client expects the error; ``service`` is None if the request
    does not say. ``operation`` is the name that the request gave, if the service has it.
    """

    def __init__(self, error: AWSError, service: Service | None, protocol: str, operation: str = "") -> None:
        super().__init__(error.error_code, error.status, error.message, why=error.why)
        self.service = service
        self.protocol = protocol
        self.operation = operation

    @property
    def action(self) -> str:
        """What is known of the operation as ``service:Operation``, for people."""
        return f"{self.service.name if self.service else 'unknown'}:{self.operation or 'Unknown'}"
