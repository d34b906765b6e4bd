"""Systems Manager: parameters by name, ARN, version and label, and secrets that are read as parameters.

Source: AWS, "Restricting access to Parameter Store parameters using IAM policies", "Referencing AWS Secrets Manager
secrets from Parameter Store parameters".
"""

from __future__ import annotations

from podrole.iam.actions.call import Call, Permission, Resolver, distinct

_PUBLIC = "aws/service/"
_SECRET = "aws/reference/secretsmanager/"  # noqa: S105 - the name of a path


def ssm(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what a call on parameters needs; None for the other calls."""
    parameters, action = call.parameters, f"ssm:{call.operation}"
    match call.operation:
        case "GetParameter":
            return _read(call, action, [parameters.get("Name")], resolver)
        case "GetParameters":
            return _read(call, action, parameters.get("Names") or [None], resolver)
        case "GetParametersByPath" if str(parameters.get("Path")).startswith(f"/{_PUBLIC}"):
            return [Permission(action, parameter_arn(call, str(parameters["Path"])))]
        case "DeleteParameters":
            return distinct(
                [Permission(action, parameter_arn(call, str(name))) for name in parameters.get("Names") or ["*"]]
            )
        case "DeleteParameter" | "GetParameterHistory" | "LabelParameterVersion" | "PutParameter":
            exists = call.operation != "PutParameter" or bool(parameters.get("Overwrite"))
            return [Permission(action, parameter_arn(call, str(parameters.get("Name") or "*")), exists=exists)]
    return None


def _read(call: Call, action: str, names: list[object], resolver: Resolver) -> list[Permission]:
    needed: list[Permission] = []
    for name in names:
        if not isinstance(name, str) or not name:
            needed.append(Permission(action, call.arn("ssm", "parameter/*"), partial=True))
            continue
        arn = parameter_arn(call, without_selector(name))
        needed.append(Permission(action, arn))
        path = arn.rpartition(":")[2].removeprefix("parameter/")
        if path.startswith(_SECRET):
            needed.append(_secret(call, path.removeprefix(_SECRET), resolver))
    return distinct(needed)


def without_selector(name: str) -> str:
    """Return the name or ARN of a parameter without ``:version`` or ``:label``."""
    prefix, separator, rest = name.partition(":parameter/") if name.startswith("arn:") else ("", "", name)
    return prefix + separator + rest.partition(":")[0]


def parameter_arn(call: Call, name: str) -> str:
    """Write the ARN of a parameter. Those that AWS publishes for everybody have no account.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
    """
    if name.startswith("arn:"):
        return name
    path = name.removeprefix("/")
    return call.arn("ssm", f"parameter/{path}", account="" if path.startswith(_PUBLIC) else None)


def is_public(arn: str) -> bool:
    """Say whether an ARN is that of a parameter that AWS publishes for everybody."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and (parts[2], parts[4]) == ("ssm", "") and parts[5].startswith(f"parameter/{_PUBLIC}")


def _secret(call: Call, name: str, resolver: Resolver) -> Permission:
    action = "secretsmanager:GetSecretValue"
    known = resolver.arn_of(call, "secretsmanager:secret", name)
    if known is not None:
        return Permission(action, known, keys={"secretsmanager:SecretId": known})
    return Permission(action, call.arn("secretsmanager", f"secret:{name}"), partial=True)
