"""The third station: what do the identifiers of a call mean?

moto reads identifiers in its own way: the last part of a queue's URL, a name where an id contradicts it, an upload id
without its key. So each is resolved once, before the call is authorized, and written back into the call's input as the
resource that it means. What is authorized and what is executed are then the same text, which can be read in one way.
Identifiers that contradict each other are refused. ``podrole.aws.services`` holds what each service needs;
podrole.aws.called_place compares the places of the resources with the place of the call.
"""

from __future__ import annotations

from podrole.aws.call_context import iam_call
from podrole.aws.caller import Caller
from podrole.aws.interfaces import Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.registry import rules_of
from podrole.aws.services.rules import Resolving


def resolve(call: IdentifiedCall, caller: Caller, facts: Facts) -> None:
    """Rewrite the call's identifiers as the resources that they mean. Raises AWSError."""
    rule = rules_of(call.service.name).resolve
    if rule is not None:
        rule(Resolving(call, iam_call(call, caller), parameters(call), facts))
