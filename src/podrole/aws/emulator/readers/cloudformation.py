"""CloudFormation's stacks and change sets."""

from __future__ import annotations

from typing import Any

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import Reader
from podrole.iam.actions.call import Call


def _stack(call: Call, name: str) -> str | None:
    stored = backend("cloudformation", call.account, call.region)
    stacks = stored.stacks.values() if stored is not None else ()
    return next((str(stack.stack_id) for stack in stacks if name in (stack.name, stack.stack_id)), None)


def stack_templates(account: str, region: str, *, stack: str, change_set: str) -> list[str]:
    """Return the stored templates of stacks and change sets with that name or id."""
    stored = backend("cloudformation", account, region)
    if stored is None:
        return []
    meant = [
        stored_stack
        for stored_stack in stored.stacks.values()
        if stack and stack in (stored_stack.name, stored_stack.stack_id)
    ]
    meant += [
        stored_change_set
        for stored_change_set in stored.change_sets.values()
        if change_set and change_set in (stored_change_set.change_set_name, stored_change_set.change_set_id)
    ]
    return [owner.template for owner in meant if isinstance(owner.template, str) and owner.template]


def _change_set(call: Call, name: str) -> Any | None:
    """Return the change set that ``STACK|CHANGE_SET`` means: names or ids, the stack may be missing."""
    stack, _, change_set = name.partition("|")
    stored = backend("cloudformation", call.account, call.region)
    for candidate in stored.change_sets.values() if stored is not None else ():
        of_stack = not stack or stack in (candidate.stack.name, candidate.stack_id)
        if of_stack and change_set in (
            (candidate.change_set_name, candidate.change_set_id) if stack else (candidate.change_set_id,)
        ):
            return candidate
    return None


def _id_of_change_set(call: Call, name: str) -> str | None:
    change_set = _change_set(call, name)
    return str(change_set.change_set_id) if change_set is not None else None


def _stack_of_change_set(call: Call, name: str) -> str | None:
    change_set = _change_set(call, name)
    return str(change_set.stack_id) if change_set is not None else None


READER = Reader(
    arns={
        "cloudformation:change-set": _id_of_change_set,
        "cloudformation:stack": _stack,
        "cloudformation:stack-of-change-set": _stack_of_change_set,
    }
)
