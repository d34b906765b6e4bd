"""Actions without types of resources in AWS's reference that are asked on an ARN all the same.

The reference says that such an action takes ``"Resource": "*"`` alone. AWS's refusals name the ARN that it is asked on,
and its walkthroughs grant by one (s3:ListAllMyBuckets on ``arn:aws:s3:::*``, "Controlling access to a bucket with user
policies"). Only what AWS has been seen to ask is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podrole.iam.actions.call import Call, Permission
from podrole.iam.request import NO_RESOURCE


def _of_iam(kind: str) -> Callable[[Call], str]:
    """Return what writes the ARN of everything of a kind of IAM's, under the path that the call asks for."""
    return lambda call: call.arn("iam", f"{kind}{call.parameters.get('PathPrefix') or '/'}", region="")


def _in(service: str, resource: str) -> Callable[[Call], str]:
    return lambda call: call.arn(service, resource)


_RESOURCES: Mapping[str, Callable[[Call], str]] = {
    "cloudformation:ListStacks": _in("cloudformation", "stack/*/*"),
    "dynamodb:ListTables": _in("dynamodb", "table/*"),
    "eks:CreateCluster": lambda call: call.arn("eks", f"cluster/{call.parameters.get('name') or '*'}"),
    "eks:ListClusters": _in("eks", "cluster/*"),
    "events:ListRules": _in("events", "rule/*"),
    "iam:ListGroups": _of_iam("group"),
    "iam:ListInstanceProfiles": _of_iam("instance-profile"),
    "iam:ListRoles": _of_iam("role"),
    "iam:ListUsers": _of_iam("user"),
    "logs:DescribeLogGroups": _in("logs", "log-group::log-stream:"),
    "s3:ListAllMyBuckets": lambda call: f"arn:{call.partition}:s3:::*",
    "sns:ListTopics": _in("sns", "*"),
    "ssm:DescribeParameters": _in("ssm", "*"),
    "states:ListStateMachines": _in("states", "stateMachine:*"),
}


def on_its_arn(call: Call, permission: Permission) -> Permission:
    """Return the permission on the ARN that AWS asks about. Nothing is there: it has no tags and no policy."""
    write = _RESOURCES.get(permission.action) if permission.resource == NO_RESOURCE else None
    return permission if write is None else permission._replace(resource=write(call), partial=False, exists=False)
