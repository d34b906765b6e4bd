"""CloudFormation's stacks and change sets."""

from __future__ import annotations

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import Reader
from podrole.iam.actions.call import Call


def _stack(call: Call, name: str) -> str | None:
    stored = backend("cloudformation", call.account, call.region)
    stacks = stored.stacks.values() if stored is not None else ()
    return next((str(one.stack_id) for one in stacks if name in (one.name, one.stack_id)), None)


def stack_templates(account: str, region: str, *, stack: str, change_set: str) -> list[str]:
    """Return the stored templates of stacks and change sets with that name or id."""
    stored = backend("cloudformation", account, region)
    if stored is None:
        return []
    meant = [one for one in stored.stacks.values() if stack and stack in (one.name, one.stack_id)]
    meant += [
        one
        for one in stored.change_sets.values()
        if change_set and change_set in (one.change_set_name, one.change_set_id)
    ]
    return [one.template for one in meant if isinstance(one.template, str) and one.template]


READER = Reader(arns={"cloudformation:stack": _stack})
