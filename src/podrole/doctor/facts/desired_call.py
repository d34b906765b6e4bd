"""The call that a user names with ``--can`` and ``--resource``, checked against AWS's reference of actions."""

from __future__ import annotations

from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.chain import DesiredCall
from podrole.doctor.similarity import nearest
from podrole.iam.actions.reference import Action, service
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN
from podrole.iam.request import NO_RESOURCE


def desired_call(action: str, resource: str | None = None) -> DesiredCall:
    """Return the call, with the action as AWS writes it. Raises BadTarget for an action that does not exist, and for a
    resource that it is not on."""
    prefix, colon, name = action.partition(":")
    if not colon or not prefix or not name or set("*?") & set(action) or ":" in name:
        raise BadTarget(
            "--can takes one action of one service.", got=repr(action), expected="SERVICE:ACTION, such as s3:GetObject"
        )
    known = service(prefix.lower())
    if known is None:
        raise BadTarget(f"AWS's reference has no service {prefix!r}.", got=repr(action), next_step="check the prefix")
    known_action = known.action(name)
    if known_action is None:
        meant = nearest(name, known.action_names())
        raise BadTarget(
            f"AWS's reference has no action {action!r}.",
            got=repr(action),
            expected=f"an action of {known.prefix}" + (f" (did you mean {known.prefix}:{meant}?)" if meant else ""),
        )
    call = DesiredCall(f"{known.prefix}:{known_action.name}", resource)
    if resource is not None and not known.types_not_found(known_action.name):
        _check_resource(known_action, call.action, resource)
    return call


def _check_resource(action: Action, name: str, resource: str) -> None:
    if resource == NO_RESOURCE:
        return
    try:
        parse_arn(resource)
    except InvalidARN as problem:
        raise BadTarget(
            f"--resource is not an ARN: {problem.what}", got=repr(resource), expected=resource_forms(action)
        ) from problem
    if not any(resource_type.is_of(resource) for resource_type, _ in action.on):
        raise BadTarget(f"{name} is not on such a resource.", got=repr(resource), expected=resource_forms(action))


def resource_forms(action: Action) -> str:
    """Return the forms of the ARNs that an action is on, in words."""
    return " or ".join(resource_type.template for resource_type, _ in action.on) or f"no resource: {NO_RESOURCE!r}"


def needed_resource(name: str) -> str:
    """Return the forms of the ARNs that an action is on; empty if it has no resource-level permissions."""
    prefix, _, action = name.partition(":")
    known = service(prefix.lower())
    known_action = None if known is None else known.action(action)
    return resource_forms(known_action) if known_action is not None and known_action.on else ""
