"""What an account refuses, in AWS's codes, statuses and words.

::

    AccountError                 carries the code, the status and the message that AWS answers
    └── the functions below make one for each code

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class AccountError(PodroleError):
    """A request that AWS refuses. ``aws_code``, ``status`` and ``what`` are what the client gets."""

    code = "account"

    def __init__(self, aws_code: str, status: int, message: str, *, why: str | None = None) -> None:
        super().__init__(message, got=why)
        self.aws_code = aws_code
        self.status = status
        self.why = why


def no_such_entity(message: str) -> AccountError:
    """Return the refusal of a request that names something that does not exist."""
    return AccountError("NoSuchEntity", 404, message)


def already_exists(message: str) -> AccountError:
    """Return the refusal of a name that is taken."""
    return AccountError("EntityAlreadyExists", 409, message)


def delete_conflict(message: str) -> AccountError:
    """Return the refusal to delete something that is still used."""
    return AccountError("DeleteConflict", 409, message)


def limit_exceeded(quota: str, limit: int) -> AccountError:
    """Return the refusal of one too many."""
    return AccountError("LimitExceeded", 409, f"Cannot exceed quota for {quota}: {limit}")


def invalid_input(message: str) -> AccountError:
    """Return the refusal of input that the model allows and IAM does not."""
    return AccountError("InvalidInput", 400, message)


def validation_error(message: str) -> AccountError:
    """Return the refusal of input that is not of the right form."""
    return AccountError("ValidationError", 400, message)


def unmodifiable(message: str) -> AccountError:
    """Return the refusal to change what only an AWS service may change."""
    return AccountError("UnmodifiableEntity", 400, message)
