"""DynamoDB, EFS, Lambda, Logs, EventBridge and ECS: where a call is on more, or other, than one named resource."""

from __future__ import annotations

import re
from collections.abc import Iterable

from podrole.iam.actions import partiql
from podrole.iam.actions.call import Call, Permission, Resolver, distinct
from podrole.iam.actions.tables import actions_of

_IN_TRANSACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def dynamodb(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what a DynamoDB call needs; None where its table says it all."""
    parameters = call.parameters
    match call.operation:
        case "Query" | "Scan":
            table = table_arn(call, str(parameters.get("TableName", "*")))
            index = parameters.get("IndexName")
            return [Permission(f"dynamodb:{call.operation}", f"{table}/index/{index}" if index else table)]
        case "BatchGetItem" | "BatchWriteItem":
            return _on_tables(call, call.operation, parameters.get("RequestItems") or {})
        case "TransactGetItems" | "TransactWriteItems":
            return _transaction(call)
        case "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction":
            return [partiql.permission_of(call, statement) for statement, _ in partiql.statements(call)]
        case "CreateTable":
            table = table_arn(call, str(parameters.get("TableName", "*")))
            extra = ["PutResourcePolicy"] if parameters.get("ResourcePolicy") else []
            return [Permission(f"dynamodb:{name}", table, exists=False) for name in ("CreateTable", *extra)]
    return None


def table_arn(call: Call, name: str) -> str:
    """Write a table's ARN; the name may be one."""
    return name if name.startswith("arn:") else call.arn("dynamodb", f"table/{name}")


def _on_tables(call: Call, name: str, tables: Iterable[str]) -> list[Permission]:
    return [Permission(f"dynamodb:{name}", table_arn(call, table)) for table in tables]


def _transaction(call: Call) -> list[Permission]:
    permissions: list[Permission] = []
    for item in call.parameters.get("TransactItems") or ():
        for kind, request in item.items():
            name = _IN_TRANSACTIONS.get(kind, kind)
            permissions.append(Permission(f"dynamodb:{name}", table_arn(call, str(request.get("TableName", "*")))))
    return distinct(permissions)


_FUNCTION = re.compile(
    r"(?:arn:[^:]+:lambda:(?P<region>[^:]+):)?(?:(?P<account>[0-9]{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>[A-Za-z0-9$_-]+))?"
)


def functions(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what a Lambda call needs; None where it is not on a function."""
    parameters = call.parameters
    name = next(iter(actions_of("lambda", call.operation) or ()), f"lambda:{call.operation}")
    if call.operation == "CreateEventSourceMapping":
        keys = {"lambda:FunctionArn": function_arn(call, str(parameters.get("FunctionName", ""))) or ""}
        return [Permission(name, call.arn("lambda", "event-source-mapping:*"), keys=keys, exists=False)]
    if isinstance(parameters.get("UUID"), str):
        return _on_mapping(call, name, parameters["UUID"], resolver)
    if call.operation == "ListEventSourceMappings":
        return [Permission(name)]
    if not isinstance(parameters.get("FunctionName"), str):
        return None
    arn = function_arn(call, parameters["FunctionName"], str(parameters.get("Qualifier") or ""))
    if arn is None:
        return [Permission(name, call.arn("lambda", "function:*"), partial=True)]
    layers = [Permission("lambda:GetLayerVersion", str(layer)) for layer in parameters.get("Layers") or ()]
    on_function = Permission(name, arn, exists=call.operation != "CreateFunction")
    subnets = (parameters.get("VpcConfig") or {}).get("SubnetIds")
    return [_in_vpcs(call, on_function, subnets, resolver) if subnets else on_function, *layers]


def _in_vpcs(call: Call, permission: Permission, subnets: Iterable[object], resolver: Resolver) -> Permission:
    """Add the VPCs of the subnets that a function gets. They are unknown if one of the subnets is."""
    arns = [call.arn("ec2", f"subnet/{subnet}") for subnet in subnets]
    vpcs = [str(resolver.facts_of(call, "ec2:subnet", arn).get("ec2:Vpc") or "").rpartition("/")[2] for arn in arns]
    if not all(vpcs):
        return permission._replace(unknown=(*permission.unknown, "lambda:VpcIds"))
    return permission._replace(keys={**permission.keys, "lambda:VpcIds": list(dict.fromkeys(vpcs))})


def _on_mapping(call: Call, action: str, mapping: str, resolver: Resolver) -> list[Permission]:
    """Return what a call on an event source mapping needs: with the function that it invokes, before and after."""
    arn = call.arn("lambda", f"event-source-mapping:{mapping}")
    new = call.parameters.get("FunctionName")
    invoked = [resolver.arn_of(call, "lambda:function-of-mapping", mapping)]
    invoked += [function_arn(call, new)] if isinstance(new, str) else []
    return distinct(
        [Permission(action, arn, keys={"lambda:FunctionArn": function} if function else {}) for function in invoked]
    )


def function_arn(call: Call, name: str, qualifier: str = "") -> str | None:
    """Return the ARN of the function that a name, a partial or a full ARN means."""
    match = _FUNCTION.fullmatch(name)
    if match is None:
        return None
    qualifier = qualifier or match["qualifier"]
    resource = f"function:{match['name']}" + (f":{qualifier}" if qualifier else "")
    return call.arn("lambda", resource, region=match["region"], account=match["account"])


_ON_STREAMS = frozenset({"CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents"})


def logs(call: Call, resolver: Resolver) -> list[Permission]:  # noqa: ARG001 - the signature of all
    """Return what a CloudWatch Logs call on groups and streams needs; nothing for the others."""
    parameters = call.parameters
    names = [
        parameters.get("logGroupName"),
        parameters.get("logGroupIdentifier"),
        *(parameters.get("logGroupNames") or ()),
        *(parameters.get("logGroupIdentifiers") or ()),
    ]
    groups = [str(name) for name in names if name]
    action, stream = f"logs:{call.operation}", parameters.get("logStreamName")
    if call.operation in _ON_STREAMS:
        return [Permission(action, f"{_group(call, group)}:log-stream:{stream or '*'}") for group in groups]
    # AWS writes a log group's ARN with ":*" behind it where a policy is concerned.
    return [
        Permission(action, f"{_group(call, group)}:*", exists=call.operation != "CreateLogGroup") for group in groups
    ]


def _group(call: Call, name: str) -> str:
    return name.removesuffix(":*") if name.startswith("arn:") else call.arn("logs", f"log-group:{name}")


def events(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what an EventBridge call on a rule or on buses needs; None for the others."""
    parameters = call.parameters
    if call.operation == "PutEvents":
        buses = {str(entry.get("EventBusName") or "default") for entry in parameters.get("Entries") or ()}
        return [Permission("events:PutEvents", _bus(call, bus)) for bus in sorted(buses)]
    rule = parameters.get("Rule") or (parameters.get("Name") if call.operation.endswith("Rule") else None)
    if not isinstance(rule, str):
        return None
    bus = str(parameters.get("EventBusName") or "default").rpartition("/")[2]
    path = f"rule/{rule}" if bus == "default" else f"rule/{bus}/{rule}"
    return [Permission(f"events:{call.operation}", call.arn("events", path), exists=call.operation != "PutRule")]


def _bus(call: Call, bus: str) -> str:
    return bus if bus.startswith("arn:") else call.arn("events", f"event-bus/{bus}")


def ecs(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what an ECS call on tasks and services needs; None for the others."""
    parameters = call.parameters
    cluster = str(parameters.get("cluster") or "default")
    name = cluster.rpartition("/")[2]
    keys = {"ecs:cluster": cluster if cluster.startswith("arn:") else call.arn("ecs", f"cluster/{name}")}
    action = f"ecs:{call.operation}"
    if call.operation in ("RunTask", "StartTask"):
        return [Permission(action, _definition(call, str(parameters.get("taskDefinition") or "*")), keys=keys)]
    if call.operation in ("CreateService", "DeleteService", "UpdateService"):
        service = str(parameters.get("serviceName") or parameters.get("service") or "*")
        arn = service if service.startswith("arn:") else call.arn("ecs", f"service/{name}/{service}")
        return [Permission(action, arn, keys=keys, exists=call.operation != "CreateService")]
    if call.operation == "RegisterTaskDefinition":
        return [Permission(action, call.arn("ecs", f"task-definition/{parameters.get('family', '*')}:*"), exists=False)]
    if call.operation in ("StopTask", "DescribeTasks"):
        tasks = [str(task) for task in parameters.get("tasks") or [parameters.get("task") or "*"]]
        arns = [task if task.startswith("arn:") else call.arn("ecs", f"task/{name}/{task}") for task in tasks]
        return [Permission(action, arn, keys=keys) for arn in arns]
    return None


def task_made(call: Call) -> str | None:
    """Return the ARN of the tasks that a call runs: their tags are on them, not on the definition."""
    cluster = str(call.parameters.get("cluster") or "default").rpartition("/")[2]
    return call.arn("ecs", f"task/{cluster}/*") if call.operation in ("RunTask", "StartTask") else None


def _definition(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return call.arn("ecs", f"task-definition/{name}" + ("" if ":" in name else ":*"))


def efs(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what a call on tags needs whose id says if it is of a file system or of an access point; None for the
    other calls."""
    name = str(call.parameters.get("ResourceId", ""))
    kind = _KINDS_OF_EFS.get(name.partition("-")[0])
    if kind is None:
        return None
    return [Permission(f"elasticfilesystem:{call.operation}", call.arn("elasticfilesystem", f"{kind}/{name}"))]


_KINDS_OF_EFS = {"fs": "file-system", "fsap": "access-point"}


def efs_made(call: Call) -> str | None:
    """Return the ARN of the access point or file system that a call makes."""
    kind = _MADE_IN_EFS.get(call.operation)
    return None if kind is None else call.arn("elasticfilesystem", f"{kind}/*")


_MADE_IN_EFS = {"CreateAccessPoint": "access-point", "CreateFileSystem": "file-system"}
