"""The calls that CloudFormation makes for a stack, with the rights of its caller.

Each is decided like a direct call of that caller, when the resource is made and its properties have no references left.
A refused one fails the resource, in the words of the service.
"""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import Callable, Iterator
from typing import ClassVar

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import AuthorizedCall, Facts, Further
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.resource_types.making import ServiceCall

_MESSAGE = re.compile(rb"<Message>(.*?)</Message>", re.DOTALL)
_CODE = re.compile(rb"<Code>(.*?)</Code>", re.DOTALL)


class StackCalls:
    """Decides and executes the calls of one call of CloudFormation. ``current`` is that of the call under way."""

    current: ClassVar[StackCalls | None] = None

    def __init__(
        self,
        facts: Facts,
        further: Further | None,
        execute: Callable[[AuthorizedCall], HTTPResponse],
    ) -> None:
        self.facts = facts
        self.is_rolling_back = False
        """Whether what failed is taken back: what was not changed then needs no change."""
        self._further = further
        self._execute = execute

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Be the current one while the context lasts."""
        StackCalls.current = self
        try:
            yield
        finally:
            StackCalls.current = None

    def decide(self, call: ServiceCall) -> AuthorizedCall:
        """Return the call if the stack's caller may make it. Raises AWSError."""
        if self._further is None:
            raise AWSError("AccessDenied", 403, "No caller is known for the stack's resources.")
        return self._further(call.service, call.operation, call.given)

    def run(self, call: ServiceCall) -> None:
        """Decide and execute a call. Raises AWSError for a refusal, and for an error of the service."""
        answer = self._execute(self.decide(call))
        if answer.status >= 300:
            raise _error(answer)


def of_this_call() -> StackCalls:
    """Return what makes calls now. Raises AWSError outside of a call of CloudFormation."""
    if StackCalls.current is None:
        raise AWSError("AccessDenied", 403, "No caller is known for the stack's resources.")
    return StackCalls.current


def _error(answer: HTTPResponse) -> AWSError:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        code, text = body.get("__type") or body.get("Code"), body.get("message") or body.get("Message")
    else:
        code, text = (_of_xml(tag, answer.body) for tag in (_CODE, _MESSAGE))
    return AWSError(str(code or "InternalFailure").rpartition("#")[2], answer.status, str(text or code or ""))


def _of_xml(tag: re.Pattern[bytes], body: bytes) -> str:
    match = tag.search(body)
    return html.unescape(match[1].decode(errors="replace")) if match is not None else ""
