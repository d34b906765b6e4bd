"""AWS Organizations, on the accounts' own records. https://docs.aws.amazon.com/organizations/latest/APIReference/"""

from __future__ import annotations

from podrole.account.organizations.operations import OPERATIONS
from podrole.account.store import AccountStore
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.operations.refusable import not_simulated, run_refusable
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.validation import message, violations
from podrole.aws.protocol.wire import HTTPResponse


class Organizations:
    """The operations on organizations."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    async def answer(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authorized call. Raises AWSError."""
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise not_simulated(call)
        call_input, shape = parameters(call), operation_of(call).input_shape
        faults = violations(call_input, shape) if shape is not None else []
        if faults:
            raise AWSError("InvalidInputException", 400, message(faults))
        partition = caller.principal.arn.split(":")[1]
        running = self._store.run_organizations(operation, call_input, account=caller.account, partition=partition)
        output = await run_refusable(call, running)
        return json_response(output, call.id, content_type="application/x-amz-json-1.1")
