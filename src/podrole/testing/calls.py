"""The calls that a test's pods made, with AWS's decisions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from podrole.testing.errors import NotRefused


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call.

    ``time`` is epoch seconds of the world's clock. ``action`` is what was authorized (``s3:PutObject``), ``resource``
    its ARN if it has one. ``who`` is the caller's ARN. ``code`` is the error code that the client saw, ``why`` one
    sentence, ``explanation`` the decision's evidence.
    """

    id: str
    time: float
    who: str
    action: str
    resource: str | None
    outcome: Literal["allowed", "refused", "failed"]
    status: int | None
    code: str | None
    why: str | None
    explanation: Mapping[str, Any] | None

    @property
    def refused(self) -> bool:
        """Whether AWS refused it; a call that failed for another reason was allowed."""
        return self.outcome == "refused"

    def __str__(self) -> str:
        on = f" on {self.resource}" if self.resource else ""
        code = f" ({self.code})" if self.code else ""
        why = f": {self.why}" if self.why else ""
        return f"{self.action}{on} by {self.who} {self.outcome}{code}{why}"


def call_of(event: Mapping[str, Any]) -> Call:
    """Return the call of an event as the world's process sends it."""
    return Call(
        id=event["id"],
        time=event["time"],
        who=event["who"],
        action=event["what"],
        resource=event["on"],
        outcome=event["outcome"],
        status=event["status"],
        code=event["code"],
        why=event["why"],
        explanation=event["explanation"],
    )


def listed(calls: Sequence[Call]) -> str:
    """Return the calls for people, one a line."""
    return "\n".join(str(call) for call in calls) or "no call was made"


class Refusal:
    """A context in which AWS must refuse a call. See ``World.refusal``.

    ``calls`` are the refused calls that match, once the context has been left.
    """

    def __init__(self, read: Callable[[], Sequence[Call]], match: str | None) -> None:
        self._read = read
        self._match = match
        self._before: frozenset[str] = frozenset()
        self.calls: Sequence[Call] = ()

    def __enter__(self) -> Self:
        self._before = frozenset(call.id for call in self._read())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Swallow the error that AWS's refusal caused; let every other error pass.

        Raises NotRefused if no call was refused that matches.
        """
        __tracebackhide__ = True
        if problem is not None and not isinstance(problem, Exception):
            return False
        made = [call for call in self._read() if call.id not in self._before]
        self.calls = [call for call in made if call.refused and re.search(self._match or "", str(call))]
        if not self.calls:
            if problem is not None and not _is_of_aws(problem):
                return False
            raise NotRefused(
                "AWS refused no call" + (f" that matches {self._match!r}." if self._match else "."), got=listed(made)
            ) from problem
        return problem is not None and _is_of_aws(problem)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool:
        __tracebackhide__ = True
        return self.__exit__(kind, problem, trace)


def _is_of_aws(problem: BaseException | None) -> bool:
    """Say whether an error is a refusal of AWS's, or was raised because of one.

    botocore's and aiobotocore's ClientError has AWS's answer as ``response``.
    """
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        answer = getattr(problem, "response", None)
        if isinstance(answer, Mapping) and "Error" in answer:
            return True
        problem = problem.__cause__ or problem.__context__
    return False
