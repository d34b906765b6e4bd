"""Operations on the accounts' records, with their refusals as the endpoint's errors."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from podrole.account.errors import AccountError
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.base.journal import WriteFailed
from podrole.iam.errors import MalformedPolicyDocument, PolicyError

T = TypeVar("T")

_SERVER_ERRORS = {"eks": "ServerException", "iam": "ServiceFailure", "organizations": "ServiceException"}


async def run_refusable(call: IdentifiedCall, operation: Awaitable[T]) -> T:
    """Return an operation's output. Raises AWSError for a refusal, and for a disk that could not keep the change."""
    try:
        return await operation
    except (AccountError, PolicyError) as refusal:
        raise refused(refusal) from refusal
    except WriteFailed as failure:
        raise AWSError(_SERVER_ERRORS[call.service.name], 500, "Service Failure", why=failure.what) from failure


def not_simulated(call: IdentifiedCall) -> AWSError:
    """Return the refusal of an operation that is not here."""
    return AWSError("NotImplemented", 501, f"podrole's local AWS does not simulate {call.action}.")


def refused(refusal: AccountError | PolicyError) -> AWSError:
    """Return an operation's refusal as the endpoint's error, with its evidence for the event log."""
    if isinstance(refusal, AccountError):
        return AWSError(refusal.aws_code, refusal.status, refusal.what, why=refusal.why)
    faults = [fault.to_dict() for fault in refusal.faults] if isinstance(refusal, MalformedPolicyDocument) else []
    return AWSError(
        refusal.aws_code,
        refusal.status,
        refusal.message,
        why=str(refusal).partition("\n")[0],
        explanation={"faults": faults} if faults else None,
    )
