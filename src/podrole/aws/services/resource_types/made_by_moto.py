"""The types that moto's stacks make: the calls that must be allowed before, and those that add what moto leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from podrole.aws.protocol.catalogue import model
from podrole.aws.services.resource_types.making import Calls, Making, Properties, ServiceCall, listed, present, text_of
from podrole.base.partitions import partition_of

if TYPE_CHECKING:
    from botocore.model import Shape


@dataclass(frozen=True, slots=True)
class MadeByMoto:
    """A type that moto's stacks make. ``create`` yields the calls that must be allowed before; they are not executed.

    ``complete`` yields what is executed afterwards, for properties that moto leaves out; ``clear`` what is executed
    before that when a resource is changed and no longer has them. ``change`` yields what is executed to change a
    resource, for a type that moto does not change; without it such a change fails. ``defaults`` are properties that
    moto requires and CloudFormation does not.
    """

    create: Calls = lambda _: iter(())
    complete: Calls | None = None
    clear: Calls | None = None
    change: Calls | None = None
    defaults: Properties = field(default_factory=dict)


# Properties as an operation's input


def _same(service: str, operation: str, **fixed: Any) -> Calls:
    """Return the call whose members are the properties of the same names, but for ``fixed``: values, or functions of
    the resource that return one, or None to leave it out. What the operation has no member for takes no part in its
    decision."""

    def calls(making: Making) -> Iterator[ServiceCall]:
        shape = model(service).operation_model(operation).input_shape
        members = _members(making.properties, shape) if shape is not None else {}
        own = {name: value(making) if callable(value) else value for name, value in fixed.items()}
        yield ServiceCall(service, operation, present(**{**members, **own}))

    return calls


def _members(properties: Any, shape: Shape) -> dict[str, Any]:
    names = {name.lower(): name for name in shape.members}
    members = {}
    for written, value in properties.items() if isinstance(properties, Mapping) else ():
        name = names.get(str(written).lower())
        if name is None:
            continue
        read = _tags if str(written).lower() == "tags" else _value
        converted = read(value, shape.members[name])
        if converted is not None:
            members[name] = converted
    return members


def _value(value: Any, shape: Shape) -> Any:
    match shape.type_name:
        case "structure":
            return _members(value, shape) if isinstance(value, Mapping) else None
        case "list":
            return [converted for each in listed(value) if (converted := _value(each, shape.member)) is not None]
        case "map":
            return dict(value) if isinstance(value, Mapping) else None
        case "boolean":
            return str(value).lower() == "true"
        case "integer" | "long":
            return int(value)
        case "blob":
            return str(value).encode()
        case "string":
            return text_of(value)
    return value


def _tags(value: Any, shape: Shape) -> Any:
    """Return tags as the operation has them: templates have lists of Key and Value, or maps."""
    pairs = dict(value) if isinstance(value, Mapping) else {tag["Key"]: tag["Value"] for tag in listed(value)}
    if shape.type_name == "map":
        return {str(key): str(text) for key, text in pairs.items()}
    names = {name[-len(end) :].lower(): name for name in shape.member.members for end in ("key", "value")}
    return [{names["key"]: str(key), names["value"]: str(text)} for key, text in pairs.items()]


def _tagged(kind: str) -> Callable[[Making], list[dict[str, Any]] | None]:
    """Return what makes EC2's parameter for the tags of a new resource."""

    def specifications(making: Making) -> list[dict[str, Any]] | None:
        tags = making.properties.get("Tags")
        return [{"ResourceType": kind, "Tags": list(tags)}] if tags else None

    return specifications


def _instance_profile(making: Making) -> dict[str, str] | None:
    name = making.properties.get("IamInstanceProfile")
    return {"Name": name} if isinstance(name, str) else None


def _subnets(making: Making) -> str | None:
    return ",".join(map(str, listed(making.properties.get("VPCZoneIdentifier")))) or None


def _fleet(making: Making) -> dict[str, Any]:
    shape = model("ec2").operation_model("RequestSpotFleet").input_shape
    return _members(making.properties.get("SpotFleetRequestConfigData"), shape.members["SpotFleetRequestConfig"])


def _encrypted_table(making: Making) -> dict[str, Any] | None:
    wanted = making.properties.get("SSESpecification")
    if not isinstance(wanted, Mapping):
        return None
    enabled = str(wanted.get("SSEEnabled")).lower() == "true"
    return {"Enabled": enabled, **present(SSEType=wanted.get("SSEType"), KMSMasterKeyId=wanted.get("KMSMasterKeyId"))}


def _integration(making: Making) -> Iterator[ServiceCall]:
    integration = making.properties.get("Integration")
    if isinstance(integration, Mapping):
        inside = making._replace(properties={**making.properties, **integration})
        yield from _same("apigateway", "PutIntegration")(inside)


def _of(name: str) -> Callable[[Making], Any]:
    return lambda making: making.properties.get(name)


def _name(making: Making) -> str:
    return making.name


# S3 and ECR: what moto leaves out of a resource


def _configure_bucket(making: Making) -> Iterator[ServiceCall]:
    blocked, notified = (
        making.properties.get(f"{name}Configuration") for name in ("PublicAccessBlock", "Notification")
    )
    if blocked is not None:
        names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        settings = {name: str(blocked.get(name, False)).lower() == "true" for name in names}
        call_input = {"Bucket": making.name, "PublicAccessBlockConfiguration": settings}
        yield ServiceCall("s3", "PutPublicAccessBlock", call_input)
    if notified is not None:
        call_input = {"Bucket": making.name, "NotificationConfiguration": _notifications(notified)}
        yield ServiceCall("s3", "PutBucketNotificationConfiguration", call_input)


_NOTIFIED = {"Function": "LambdaFunction", "Queue": "Queue", "Topic": "Topic"}


def _notifications(wanted: Properties) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    for name, member in _NOTIFIED.items():
        wanted_of_kind = listed(wanted.get("LambdaConfigurations" if name == "Function" else f"{name}Configurations"))
        if wanted_of_kind:
            configuration[f"{member}Configurations"] = [
                present(
                    **{f"{member}Arn": notification.get(name)},
                    Events=[notification.get("Event")],
                    Filter=_filter(notification.get("Filter")),
                )
                for notification in wanted_of_kind
            ]
    if wanted.get("EventBridgeConfiguration") is not None:
        configuration["EventBridgeConfiguration"] = {}
    return configuration


def _clear_bucket(making: Making) -> Iterator[ServiceCall]:
    if making.properties.get("NotificationConfiguration") is None:
        call_input: dict[str, Any] = {"Bucket": making.name, "NotificationConfiguration": {}}
        yield ServiceCall("s3", "PutBucketNotificationConfiguration", call_input)


def _filter(wanted: Properties | None) -> dict[str, Any] | None:
    key = (wanted or {}).get("S3Key")
    return {"Key": {"FilterRules": list(key.get("Rules") or ())}} if isinstance(key, Mapping) else None


def _configure_repository(making: Making) -> Iterator[ServiceCall]:
    document = making.properties.get("RepositoryPolicyText")
    if document is not None:
        yield ServiceCall(
            "ecr", "SetRepositoryPolicy", {"repositoryName": making.name, "policyText": text_of(document)}
        )


def _clear_repository(making: Making) -> Iterator[ServiceCall]:
    if making.properties.get("RepositoryPolicyText") is None:
        yield ServiceCall("ecr", "DeleteRepositoryPolicy", {"repositoryName": making.name})


def _key_policy(making: Making) -> str | None:
    wanted = making.properties.get("KeyPolicy")
    return text_of(wanted) if wanted else None


def _default_key_policy(making: Making) -> dict[str, Any]:
    """Return the policy of a key that is created without one
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition_of(making.region)}:iam::{making.account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}


def _change_key(making: Making) -> Iterator[ServiceCall]:
    key, wanted = {"KeyId": making.name}, making.properties
    bypass = str(wanted.get("BypassPolicyLockoutSafetyCheck")).lower() == "true"
    document = _key_policy(making) or text_of(_default_key_policy(making))
    call_input = {"PolicyName": "default", "Policy": document, "BypassPolicyLockoutSafetyCheck": bypass}
    yield ServiceCall("kms", "PutKeyPolicy", {**key, **call_input})
    yield ServiceCall("kms", "UpdateKeyDescription", {**key, "Description": str(wanted.get("Description") or "")})
    rotates = str(wanted.get("EnableKeyRotation")).lower() == "true"
    yield ServiceCall("kms", f"{'Enable' if rotates else 'Disable'}KeyRotation", key)


MADE_BY_MOTO: Mapping[str, MadeByMoto] = {
    "AWS::ApiGateway::Method": MadeByMoto(_integration),
    "AWS::AutoScaling::AutoScalingGroup": MadeByMoto(
        _same(
            "autoscaling",
            "CreateAutoScalingGroup",
            AutoScalingGroupName=_name,
            VPCZoneIdentifier=_subnets,
        )
    ),
    "AWS::DynamoDB::Table": MadeByMoto(
        _same("dynamodb", "CreateTable", TableName=_name, SSESpecification=_encrypted_table)
    ),
    "AWS::EC2::FlowLog": MadeByMoto(
        _same("ec2", "CreateFlowLogs", ResourceIds=lambda making: listed(making.properties.get("ResourceId")))
    ),
    "AWS::EC2::Instance": MadeByMoto(
        _same(
            "ec2",
            "RunInstances",
            IamInstanceProfile=_instance_profile,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=_tagged("instance"),
        )
    ),
    "AWS::EC2::SpotFleet": MadeByMoto(_same("ec2", "RequestSpotFleet", SpotFleetRequestConfig=_fleet)),
    "AWS::EC2::Volume": MadeByMoto(_same("ec2", "CreateVolume", TagSpecifications=_tagged("volume"))),
    "AWS::EC2::VolumeAttachment": MadeByMoto(_same("ec2", "AttachVolume")),
    "AWS::ECR::Repository": MadeByMoto(
        _same("ecr", "CreateRepository", repositoryName=_name),
        _configure_repository,
        _clear_repository,
    ),
    "AWS::KMS::Key": MadeByMoto(
        _same("kms", "CreateKey", Policy=_key_policy), change=_change_key, defaults={"KeyPolicy": ""}
    ),
    "AWS::Lambda::Function": MadeByMoto(
        _same("lambda", "CreateFunction", FunctionName=_name, KMSKeyArn=_of("KmsKeyArn"))
    ),
    "AWS::Lambda::LayerVersion": MadeByMoto(_same("lambda", "PublishLayerVersion", LayerName=_name)),
    "AWS::Logs::LogGroup": MadeByMoto(_same("logs", "CreateLogGroup", logGroupName=_name)),
    "AWS::S3::Bucket": MadeByMoto(complete=_configure_bucket, clear=_clear_bucket),
    "AWS::SSM::Document": MadeByMoto(
        _same("ssm", "CreateDocument", Name=_name, Content=lambda it: text_of(it.properties["Content"]))
    ),
    "AWS::SSM::Parameter": MadeByMoto(_same("ssm", "PutParameter", Name=_name)),
}
"""The types whose direct calls need, check or store more than the actions of their own service grant."""
