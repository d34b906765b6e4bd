"""Handles: a shard iterator stands for a stream, the id of a query for a workgroup, an instance for its group.

A handle that nobody knows leaves the resource unknown.
"""

from __future__ import annotations

from podrole.iam.actions.call import Call, Permission, Resolver, distinct


def kinesis(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what reading from a shard of Kinesis needs; None for the other calls."""
    return _records(call, resolver, "kinesis", "stream/*") if call.operation == "GetRecords" else None


def dynamodb_streams(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what reading from a shard of a table's stream needs; None for the other calls."""
    return _records(call, resolver, "dynamodb", "table/*/stream/*") if call.operation == "GetRecords" else None


def _records(call: Call, resolver: Resolver, prefix: str, every: str) -> list[Permission]:
    action = f"{prefix}:GetRecords"
    of_iterator = resolver.arn_of(call, f"{prefix}:iterator", str(call.parameters.get("ShardIterator") or ""))
    if of_iterator is None:
        return [Permission(action, call.arn(prefix, every), partial=True)]
    streams = [of_iterator, str(call.parameters.get("StreamARN") or of_iterator)]
    return distinct([Permission(action, arn) for arn in streams])


_IDS_OF_QUERIES = ("QueryExecutionId", "QueryExecutionIds", "NamedQueryId", "NamedQueryIds")


def athena(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what a call on queries needs: on the workgroups that they are of. None for the other calls."""
    values = [call.parameters.get(name) for name in _IDS_OF_QUERIES]
    ids = [query_id for value in values for query_id in (value if isinstance(value, list) else [value]) if query_id]
    if not ids:
        return None
    action = f"athena:{call.operation}"
    groups = [resolver.arn_of(call, "athena:query", str(query_id)) for query_id in ids]
    return distinct(
        [
            Permission(action, arn) if arn is not None else Permission(action, call.arn("athena", "*"), partial=True)
            for arn in groups
        ]
    )


def autoscaling(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what a call on an instance needs: on the Auto Scaling group that it belongs to, and on the group that the
    call names. None for the other calls."""
    if call.operation not in ("SetInstanceHealth", "TerminateInstanceInAutoScalingGroup"):
        return None
    named = call.parameters.get("AutoScalingGroupName")
    groups = [resolver.arn_of(call, "autoscaling:instance", str(call.parameters.get("InstanceId") or ""))]
    groups += [resolver.arn_of(call, "autoscaling:autoscalinggroup", str(named))] if named else []
    every = call.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")
    return distinct(
        [Permission(f"autoscaling:{call.operation}", group or every, partial=group is None) for group in groups]
    )
