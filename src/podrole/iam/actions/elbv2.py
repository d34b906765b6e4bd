"""Elastic Load Balancing, version 2: a call is on the ARNs that it names, and their types say which type is made.

The reference has the actions of both versions of the service as one, so the types of its actions do not tell.
Source: AWS, "Actions, resources, and condition keys for AWS Elastic Load Balancing V2".
"""

from __future__ import annotations

from podrole.iam.actions.call import Call, Permission, Resolver, distinct, find

_NAMING = (
    "ListenerArn",
    "LoadBalancerArn",
    "ResourceArn",
    "ResourceArns[]",
    "RuleArn",
    "RulePriorities[].RuleArn",
    "TargetGroupArn",
    "TrustStoreArn",
)
_TYPES_OF_BALANCERS = {"application": "app", "gateway": "gwy", "network": "net"}


def permissions(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what a call on resources needs; None where the reference says it all."""
    action = f"elasticloadbalancing:{call.operation}"
    if call.operation.startswith("Describe"):
        return None
    name = str(call.parameters.get("Name") or "*")
    match call.operation:
        case "CreateLoadBalancer":
            kind = _TYPES_OF_BALANCERS.get(str(call.parameters.get("Type") or "application"), "*")
            made = f"loadbalancer/{kind}/{name}/*"
        case "CreateTargetGroup":
            made = f"targetgroup/{name}/*"
        case "CreateTrustStore":
            made = f"truststore/{name}/*"
        case _:
            arns = [arn for path in _NAMING for arn in find(call.parameters, path.split("."))]
            return distinct([Permission(action, str(arn)) for arn in arns])
    return [Permission(action, call.arn("elasticloadbalancing", made), exists=False)]


def made_in(call: Call) -> str | None:
    """Return the ARN of what a call makes inside of another resource: a listener of a load balancer, a rule of a
    listener."""
    parent = str(call.parameters.get("LoadBalancerArn" if call.operation == "CreateListener" else "ListenerArn") or "")
    match call.operation:
        case "CreateListener":
            return f"{parent.replace(':loadbalancer/', ':listener/', 1)}/*"
        case "CreateRule":
            return f"{parent.replace(':listener/', ':listener-rule/', 1)}/*"
    return None
