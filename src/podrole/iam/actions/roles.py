"""``iam:PassRole`` for every role that a call hands to a service.

Source: AWS, "Grant a user permissions to pass a role to an AWS service". A table that is made from botocore's models
says which parameters hold a role and which service gets it: see scripts/passed_roles.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from podrole.iam.actions.call import Call, Keys, Permission, Resolver, distinct, find
from podrole.iam.actions.tables import passed_roles

_ROLE_ARN = re.compile(r"arn:[a-z0-9-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_INSTANCES = "ec2.amazonaws.com"


def passed(call: Call, resolver: Resolver) -> list[Permission]:
    """Return iam:PassRole on each role that the call hands to a service."""
    needed: list[Permission] = []
    for path, principal in passed_roles(call.client, call.operation).items():
        for value in find(call.parameters, path.removesuffix("?").split(".")):
            if path.endswith("?"):
                needed.extend(pass_role(arn, principal) for arn in role_arns(value))
            else:
                in_profile = principal == _INSTANCES or "InstanceProfile" in path.rpartition(".")[2]
                permissions = pass_named(call, value, principal, resolver, in_profile=in_profile)
                needed.extend(
                    permission._replace(keys={**permission.keys, **_associated(call)}) for permission in permissions
                )
    return distinct(needed)


def _associated(call: Call) -> Keys:
    """Return the key about the resource that gets the role, where AWS documents it: an instance of EC2.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    match call.client, call.operation:
        case "ec2", "RunInstances":
            return {"iam:AssociatedResourceArn": call.arn("ec2", "instance/*")}
        case "ec2", "AssociateIamInstanceProfile":
            return {"iam:AssociatedResourceArn": call.arn("ec2", f"instance/{call.parameters.get('InstanceId')}")}
    return {}


def role_arns(value: object) -> Iterator[str]:
    """Yield the ARNs of roles that stand anywhere in a text."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str):
        yield from dict.fromkeys(_ROLE_ARN.findall(text))


def pass_named(
    call: Call, value: object, principal: str, resolver: Resolver, *, in_profile: bool = False
) -> Iterator[Permission]:
    """Yield iam:PassRole on the role that a name or an ARN means, or the role in the instance profile that it means.

    The ARN of anything else hands over no role: API Gateway's ``arn:aws:iam::*:user/*`` are the caller's credentials.
    """
    if isinstance(value, Mapping):  # EC2's instance profile
        value = value.get("Arn") or value.get("Name")
        in_profile = True
    if not isinstance(value, str) or not value:
        return
    if value.startswith("arn:"):
        if ":role/" in value:
            yield pass_role(value, principal)
            return
        if ":instance-profile/" not in value:
            return
        in_profile = True
    known = resolver.arn_of(call, "iam:instance-profile-role" if in_profile else "iam:role", value)
    if known is not None:
        yield pass_role(known, principal)
    elif in_profile:
        yield pass_role(call.arn("iam", "role/*", region=""), principal, partial=True)
    else:
        yield pass_role(call.arn("iam", f"role/{value}", region=""), principal)


def pass_role(arn: str, principal: str, *, partial: bool = False) -> Permission:
    """Return iam:PassRole on a role, with the service that gets it, if that is known."""
    if not principal:
        return Permission("iam:PassRole", arn, partial=partial, unknown=("iam:PassedToService",))
    keys: Keys = {"iam:PassedToService": principal}
    return Permission("iam:PassRole", arn, partial=partial, keys=keys)
