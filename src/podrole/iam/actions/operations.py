"""What an operation needs: the entry of this package."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from podrole.iam.actions import (
    apigateway,
    data_services,
    ec2,
    elbv2,
    handles,
    identity,
    launches,
    messaging,
    s3,
    ssm,
    tagging,
    tags,
)
from podrole.iam.actions.arns import made, resources
from podrole.iam.actions.call import Call, Keys, Permission, Resolver
from podrole.iam.actions.further import further
from podrole.iam.actions.lists import on_its_arn
from podrole.iam.actions.reference import Action, service
from podrole.iam.actions.roles import passed
from podrole.iam.actions.sources import has_sources, with_sources
from podrole.iam.actions.tables import actions_of, tag_action

Special = Callable[[Call, Resolver], "Sequence[Permission] | None"]

# Needs no permission, says AWS, not even the lack of a Deny.
NO_PERMISSION = frozenset({("sts", "GetCallerIdentity")})


def permissions(call: Call, resolver: Resolver) -> tuple[Permission, ...]:
    """Return everything that a call needs; all of it must be allowed. Empty for an operation that needs nothing.

    Pure but for what ``resolver`` knows. An operation that neither the tables nor the reference know needs the action
    of its own name, on a resource that only ``*`` covers.
    """
    called = (call.client, call.operation)
    if called in NO_PERMISSION:
        return ()
    special = _SPECIAL.get(call.client)
    needed = list((special(call, resolver) or ()) if special is not None else ())
    if not needed and call.operation != "DeleteObjects":  # also a batch of nothing is a call that someone must allow
        needed.extend(generic(call, resolver))
    needed = [on_its_arn(call, permission) for permission in needed]
    if has_sources(*called):
        needed = with_sources(call, needed)
    for name, action in _plan(call.client, call.prefix, call.operation):
        if action is not None:
            needed.extend(further(call, name, action, needed, resolver))
    if called in launches.OPERATIONS:
        if call.operation == "CreateAutoScalingGroup":
            needed = [
                permission._replace(keys={**permission.keys, **_tags_of_new_group(call)}) for permission in needed
            ]
        needed.extend(launches.permissions(call, resolver))
    needed.extend(passed(call, resolver))
    tagging = tag_action(*called)
    if tagging is not None:
        needed.extend(_tagging(call, tagging, needed, resolver))
    return tuple(needed)


def _tags_of_new_group(call: Call) -> Keys:
    """Return the tags of a group that is made, which AWS's policies read as the group's already.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
    """
    return {f"autoscaling:ResourceTag/{key}": value for key, value in tags.request_tags(call).items()}


def _ec2(call: Call, resolver: Resolver) -> list[Permission] | None:
    return launches.permissions(call, resolver) if ec2.has_unread_template(call) else ec2.permissions(call, resolver)


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
            needed.extend(resources(call, name, action, resolver))
    return needed


@functools.lru_cache(maxsize=4096)
def _plan(client: str, prefix: str, operation: str) -> tuple[tuple[str, Action | None], ...]:
    names = actions_of(client, operation) or (f"{prefix}:{operation}",)
    return tuple((name, _referenced(name)) for name in names)


def _referenced(full_name: str) -> Action | None:
    """Return what the reference says of an action; None if it has no such action."""
    owner, _, name = full_name.partition(":")
    reference = service(owner)
    return reference.action(name) if reference is not None else None


def _tagging(call: Call, action: str, needed: Sequence[Permission], resolver: Resolver) -> list[Permission]:
    """Return what the tags need that the call sends along."""
    if call.client == "ec2":
        return ec2.tags_on_create(call, action)
    new_tags = tags.request_tags(call)
    if not new_tags:
        return []
    prefix = action.partition(":")[0]
    keys: Keys = {f"{prefix}:CreateAction": call.operation}
    if prefix in _NEW_TAGS_COUNT:
        keys = {**keys, **{f"aws:ResourceTag/{key}": value for key, value in new_tags.items()}}
    target = needed[0]
    inside = _MADE_IN[call.client](call) if call.client in _MADE_IN else None
    if inside is not None:
        target = Permission(action, inside)
    elif call.client not in _SPECIAL:
        target = next(iter(made(call, _referenced(action), resolver)), target)
    return [target._replace(action=action, exists=False, keys={**target.keys, **keys})]


_NEW_TAGS_COUNT = frozenset({"elasticfilesystem", "iam"})
"""The services that ask for the tagging action of what is made with its new tags as ``aws:ResourceTag``.

AWS does not document it. The published policies of the EFS CSI driver and of Karpenter work on AWS and depend on it.
"""


_MADE_IN: dict[str, Callable[[Call], str | None]] = {
    "ecs": data_services.task_made,
    "efs": data_services.efs_made,
    "elbv2": elbv2.made_in,
}
"""What a call makes beside the resource that it is on, by client."""


_SPECIAL: dict[str, Special] = {
    "apigateway": apigateway.permissions,
    "apigatewayv2": apigateway.permissions,
    "athena": handles.athena,
    "autoscaling": handles.autoscaling,
    "dynamodb": data_services.dynamodb,
    "dynamodbstreams": handles.dynamodb_streams,
    "ec2": _ec2,
    "ecs": data_services.ecs,
    "efs": data_services.efs,
    "elbv2": elbv2.permissions,
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
