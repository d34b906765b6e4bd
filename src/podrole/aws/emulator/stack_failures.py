"""A stack that cannot be made or changed is rolled back, as CloudFormation does: moto would leave it half-made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html. A refusal of IAM is the
stack's status and reason, not the answer of the call, which only started the work. A failure of another service stays
moto's answer to the call.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.parsing import OutputMap

from podrole.account.errors import AccountError
from podrole.iam.errors import PolicyError

stacks: Any = models.Stack
"""moto's class; three of its methods are replaced in ways that its types do not foresee."""


def roll_back_failed_stacks() -> None:
    """Replace what makes, changes and deletes stacks. A second time does nothing."""
    if hasattr(stacks.create_resources, "__wrapped__"):
        return
    create, update, delete = stacks.create_resources, stacks.update, stacks.delete

    @functools.wraps(create)
    def create_resources(stack: Any) -> None:
        try:
            create(stack)
        except Exception as problem:
            _add_event(stack, "ROLLBACK_IN_PROGRESS", _reason(problem))
            _end(stack, "ROLLBACK", lambda: _delete_resources(stack))
            if not _is_refusal(problem):
                raise

    @functools.wraps(update)
    def update_resources(stack: Any, template: str, *further: Any, **named: Any) -> None:
        template_before, parameters = stack.template, dict(stack.parameters)
        try:
            update(stack, template, *further, **named)
        except Exception as problem:
            stack.template = template_before
            stack._parse_template()
            _add_event(stack, "UPDATE_ROLLBACK_IN_PROGRESS", _reason(problem))
            _end(stack, "UPDATE_ROLLBACK", lambda: stack.resource_map.update(stack.template_dict, parameters))
            if not _is_refusal(problem):
                raise

    @functools.wraps(delete)
    def delete_resources(stack: Any) -> None:
        try:
            delete(stack)
        except (AccountError, PolicyError) as problem:
            _add_event(stack, "DELETE_FAILED", _reason(problem))
            return
        _forget_resources(stack)

    stacks.create_resources, stacks.update, stacks.delete = create_resources, update_resources, delete_resources


def _is_refusal(problem: Exception) -> bool:
    return isinstance(problem, AccountError | PolicyError)


def _reason(problem: Exception) -> str:
    return problem.what if isinstance(problem, AccountError | PolicyError) else type(problem).__name__


def _end(stack: Any, what: str, roll_back: Callable[[], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto warns of a resource that was never made
        try:
            roll_back()
        except Exception as problem:  # noqa: BLE001 - the stack says what could not be taken back
            _add_event(stack, f"{what}_FAILED", _reason(problem))
        else:
            _add_event(stack, f"{what}_COMPLETE")


def _delete_resources(stack: Any) -> None:
    stack.resource_map.delete()
    _forget_resources(stack)


def _forget_resources(stack: Any) -> None:
    """Have no question about a stack that is gone make its resources again, as moto's lazy map does."""
    stack.resource_map._resource_json_map = {}
    stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


def _add_event(stack: Any, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack._add_stack_event(status, resource_status_reason=reason)
