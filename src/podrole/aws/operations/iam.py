"""IAM: every operation that the account's own records answer.

A call is checked against the API's model, then by the operation itself (podrole.account.iam). A call that names no user
is about its caller. https://docs.aws.amazon.com/IAM/latest/APIReference/
"""

from __future__ import annotations

from typing import Any

from podrole.account.errors import AccountError
from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.iam.operations.providers import check_new_oidc_provider
from podrole.account.store import AccountStore
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.key_uses import KeyUses
from podrole.aws.operations.refusable import not_simulated, refused, run_refusable
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.query_answers import query_answer
from podrole.aws.protocol.validation import message, violations
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import parse_arn
from podrole.iam.directory import User
from podrole.iam.errors import InvalidARN
from podrole.iam.principal import PrincipalType
from podrole.oidc.errors import KeysUnavailable
from podrole.oidc.key_source import Issuers

_NEED_NO_USER = frozenset({"DeactivateMFADevice", "GetMFADevice", "ListServiceSpecificCredentials"})
"""These need no user: a device has a serial number, and a list may cover all users."""


def name_the_caller(call: IdentifiedCall, caller: Caller) -> None:
    """Fill in the caller's name if a call of IAM names no user. Raises AWSError if the caller is not a user.

    Must run before the call is authorized, so that the decision is about the same user as the effect.
    """
    if call.service.name != "iam":
        return
    shape = operation_of(call).input_shape
    if shape is None or "UserName" not in shape.members or "UserName" in shape.required_members:
        return
    call_input = parameters(call)
    if call_input.get("UserName") is not None or call.operation in _NEED_NO_USER:
        return
    entity = caller.entity
    if caller.principal.type is not PrincipalType.USER or not isinstance(entity, User):
        raise AWSError("ValidationError", 400, "Must specify userName when calling with non-User credentials")
    call_input["UserName"] = entity.name


class IAM:
    """The operations on the account's records. ``keys`` fetches the certificate of a new provider's issuer."""

    def __init__(self, store: AccountStore, keys: Issuers, uses: KeyUses) -> None:
        self._store = store
        self._keys = keys
        self._uses = uses

    async def answer(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authorized call. Raises AWSError."""
        model, call_input = operation_of(call), parameters(call)
        operation = OPERATIONS.get(call.operation)
        if operation is None and call.operation != "GetAccessKeyLastUsed":
            raise not_simulated(call)
        faults = violations(call_input, model.input_shape) if model.input_shape is not None else []
        if faults:
            raise AWSError("ValidationError", 400, message(faults))
        partition = caller.principal.arn.split(":")[1]
        if operation is None:
            return query_answer(model, self._last_used(call_input, caller, partition), call.id)
        _require_own_provider(call, call_input, caller)
        if call.operation == "CreateOpenIDConnectProvider":
            # Before the fetch, which a provider that is refused anyway must not start; the operation checks again.
            call_input = await self._with_thumbprint(call_input, caller, partition)
        user_id = caller.entity.id if isinstance(caller.entity, User) else ""
        running = self._store.run(operation, call_input, account=caller.account, partition=partition, user_id=user_id)
        output = await run_refusable(call, running)
        if call.operation == "GetRole":
            role = output["Role"]
            output = {"Role": {**role, "RoleLastUsed": self._uses.shown_role(role["RoleId"])}}
        return query_answer(model, output, call.id)

    async def _with_thumbprint(self, call_input: dict[str, Any], caller: Caller, partition: str) -> dict[str, Any]:
        """Return the input with the issuer's thumbprint, which IAM fetches if none is given."""
        try:
            check_new_oidc_provider(self._store.newest_iam(caller.account, partition), call_input)
        except AccountError as refusal:
            raise refused(refusal) from refusal
        if call_input.get("ThumbprintList"):
            return call_input
        try:
            return {**call_input, "ThumbprintList": [await self._keys.served_thumbprint(call_input["Url"])]}
        except KeysUnavailable as problem:
            raise AWSError(
                "OpenIdIdpCommunicationError", 400, f"Could not connect to {call_input['Url']}", why=problem.what
            ) from problem

    def _last_used(self, call_input: dict[str, Any], caller: Caller, partition: str) -> dict[str, Any]:
        """GetAccessKeyLastUsed: uses are counted since the start."""
        key_id = call_input["AccessKeyId"]
        state = self._store.iam(caller.account, partition)
        owner = state.owner_of_key(key_id) if state is not None else None
        if owner is None:
            raise AWSError(
                "AccessDenied",
                403,
                f"User: {caller.principal.arn} is not authorized to perform: "
                f"iam:GetAccessKeyLastUsed on resource: access key {key_id}",
                why="The key is not one of this account.",
            )
        return {"UserName": owner.name, "AccessKeyLastUsed": self._uses.shown(key_id)}


def _require_own_provider(call: IdentifiedCall, call_input: dict[str, Any], caller: Caller) -> None:
    """Raise AWSError (AccessDenied) for a provider of another account: IAM refuses it before it looks for it."""
    arn = call_input.get("OpenIDConnectProviderArn")
    try:
        parsed = parse_arn(arn) if arn is not None else None
    except InvalidARN:
        return  # the operation says so
    if parsed is not None and parsed.account != caller.account:
        raise AWSError(
            "AccessDenied",
            403,
            f"User: {caller.principal.arn} is not authorized to perform: {call.action} on resource: {arn} because no "
            f"resource-based policy allows the {call.action} action",
            why="The provider is another account's.",
        )
