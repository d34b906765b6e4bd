"""What a policy document or a question about one can get wrong.

::

    PodroleError
    └── IAMError
        ├── InvalidARN                 a text is not an ARN
        ├── InvalidRequest             a question that cannot be asked
        └── PolicyError                a document that AWS would not take, with AWS's code, status and message
            ├── MalformedPolicyDocument    400
            ├── PolicyNotPrintable         400 ValidationError
            └── PolicyTooLarge             409 LimitExceeded; over the API's own maximum 400 ValidationError

A denied request is not an error: it is a :class:`podrole.iam.evaluate.Decision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podrole.base.errors import PodroleError


class IAMError(PodroleError):
    """The root of this package's errors."""

    code = "iam"


class InvalidARN(IAMError):
    """A text is not an ARN."""

    code = "iam.invalid_arn"


class InvalidRequest(IAMError):
    """A question to the evaluator that cannot be asked."""

    code = "iam.invalid_request"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document, and where.

    ``rule`` is the name of the broken rule, as podrole.iam.grammar has it, and ``message`` AWS's text for it. ``path``
    is a JSON path (``$.Statement[0].Effect``). ``line`` and ``column`` count from 1. ``got`` and ``expected`` say in
    podrole's words what stands there and what may stand there.
    """

    rule: str
    message: str
    path: str
    line: int
    column: int
    got: str
    expected: str

    def to_dict(self) -> dict[str, object]:
        """Return the fault as JSON-able data."""
        return {
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "got": self.got,
            "expected": self.expected,
        }


class PolicyError(IAMError):
    """A document that AWS would not take.

    ``aws_code``, ``status`` and ``message`` are what AWS's API answers.
    """

    code = "iam.policy"

    def __init__(
        self,
        message: str,
        *,
        aws_code: str,
        status: int = 400,
        got: str | None = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, got=got, expected=expected, next_step=next_step)
        self.message = message
        self.aws_code = aws_code
        self.status = status


class MalformedPolicyDocument(PolicyError):
    """The document breaks the grammar or a rule of its kind.

    ``faults`` holds all that were found, the one that AWS would answer with first.
    """

    code = "iam.malformed_policy"

    def __init__(self, faults: Sequence[Fault], *, aws_code: str = "MalformedPolicyDocument") -> None:
        first = faults[0]
        super().__init__(
            first.message,
            aws_code=aws_code,
            got=f"{first.got} at {first.path} (line {first.line}, column {first.column})",
            expected=first.expected,
        )
        self.faults = tuple(faults)


class PolicyNotPrintable(PolicyError):
    """The document holds characters that IAM and STS do not take."""

    code = "iam.policy_not_printable"


class PolicyTooLarge(PolicyError):
    """The document, or all documents of its owner together, is over a quota."""

    code = "iam.policy_too_large"
