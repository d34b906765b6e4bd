"""What an operation needs: the entry of this package."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from podrole.iam.actions import apigateway, data_services, ec2, handles, identity, messaging, s3, ssm, tagging, tags
from podrole.iam.actions.arns import made, resources
from podrole.iam.actions.call import Call, Permission, Resolver
from podrole.iam.actions.further import further, has_further
from podrole.iam.actions.reference import Action, service
from podrole.iam.actions.roles import passed
from podrole.iam.actions.sources import with_sources
from podrole.iam.actions.tables import actions_of, tag_action

Special = Callable[[Call, Resolver], "Sequence[Permission] | None"]

# Needs no permission, says AWS, not even the lack of a Deny.
NO_PERMISSION = frozenset({("sts", "GetCallerIdentity")})


def permissions(call: Call, resolver: Resolver) -> tuple[Permission, ...]:
    """Return everything that a call needs; all of it must be allowed. Empty for an operation that needs nothing.

    Pure but for what ``resolver`` knows. An operation that neither the tables nor the reference know needs the action
    of its own name, on a resource that only ``*`` covers.
    """
    if (call.client, call.operation) in NO_PERMISSION:
        return ()
    special = _SPECIAL.get(call.client)
    needed = list((special(call, resolver) or ()) if special is not None else ())
    if not needed and call.operation != "DeleteObjects":  # also a batch of nothing is a call that someone must allow
        needed.extend(generic(call, resolver))
    needed = with_sources(call, needed)
    if has_further(call.client, call.operation):
        for name, action in _plan(call.client, call.prefix, call.operation):
            if action is not None and action.on:
                needed.extend(further(call, name, action, needed, resolver))
    needed.extend(passed(call, resolver))
    if call.client != "s3":
        needed.extend(_tagging(call, needed, resolver))
    return tuple(needed)


def _s3control(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what a call of S3 Control needs where it names another account than the caller's; None where not."""
    account = call.parameters.get("AccountId")
    if account in (None, call.account):
        return None
    resource = call.arn("s3", "*", account=str(account))
    return [Permission(name, resource, partial=True) for name, _ in _plan(call.client, call.prefix, call.operation)]


def generic(call: Call, resolver: Resolver) -> list[Permission]:
    """Return what the tables and the reference say of the operation."""
    needed: list[Permission] = []
    for name, action in _plan(call.client, call.prefix, call.operation):
        if action is None:
            needed.append(Permission(name, partial=bool(call.parameters)))
        else:
            found = resources(call, action, resolver)
            needed.extend(one._replace(action=name) for one in found)
    return needed


@functools.lru_cache(maxsize=4096)
def _plan(client: str, prefix: str, operation: str) -> tuple[tuple[str, Action | None], ...]:
    names = actions_of(client, operation) or (f"{prefix}:{operation}",)
    found = []
    for full_name in names:
        owner, _, name = full_name.partition(":")
        reference = service(owner)
        found.append((full_name, reference.action(name) if reference is not None else None))
    return tuple(found)


def _tagging(call: Call, needed: Sequence[Permission], resolver: Resolver) -> list[Permission]:
    """Return what the tags need that the call sends along."""
    action = tag_action(call.client, call.operation)
    if action is None or "Tag" in call.operation:
        return []
    if call.client == "ec2":
        return ec2.tags_on_create(call, action)
    if not tags.request_tags(call):
        return []
    prefix, _, name = action.partition(":")
    own = [one for one in needed if one.action.startswith(f"{prefix}:")]
    if call.client not in _SPECIAL:
        reference = service(prefix)
        tagging = reference.action(name) if reference is not None else None
        own = (made(call, tagging, resolver) if tagging is not None else []) or own
    return [one._replace(action=action, exists=False) for one in own[:1]] or [Permission(action)]


_SPECIAL: dict[str, Special] = {
    "apigateway": apigateway.permissions,
    "apigatewayv2": apigateway.permissions,
    "athena": handles.athena,
    "dynamodb": data_services.dynamodb,
    "dynamodbstreams": handles.dynamodb_streams,
    "ec2": ec2.permissions,
    "ecs": data_services.ecs,
    "events": data_services.events,
    "iam": identity.iam,
    "kinesis": handles.kinesis,
    "kms": identity.kms,
    "lambda": data_services.functions,
    "logs": data_services.logs,
    "resourcegroupstaggingapi": tagging.permissions,
    "s3": s3.permissions,
    "s3control": _s3control,
    "secretsmanager": identity.secretsmanager,
    "sns": messaging.sns,
    "sqs": messaging.sqs,
    "ssm": ssm.ssm,
    "sts": identity.sts,
}
