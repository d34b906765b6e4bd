"""API Gateway: the action is the HTTP method, the resource the path of its own API.

Source: AWS, "Actions, resources, and condition keys for Amazon API Gateway Management".
"""

from __future__ import annotations

from podrole.iam.actions import tags
from podrole.iam.actions.call import Call, Permission, Resolver


def permissions(call: Call, resolver: Resolver) -> list[Permission]:  # noqa: ARG001 - the signature of all
    """Return what a call of either API needs."""
    resource = f"arn:{call.partition}:apigateway:{call.region}::{call.path}"
    needed = [Permission(f"apigateway:{call.method}", resource)]
    if call.operation.startswith("Create") and tags.request_tags(call):
        needed.append(Permission("apigateway:PUT", f"arn:{call.partition}:apigateway:{call.region}::/tags/*"))
    return needed
