"""The calls that CloudFormation makes for a resource of a template, by the resource's type.

What a stack needs of each service is asked before there is a stack (podrole.aws.services.cloudformation). These calls
are decided like direct ones of the stack's caller when the resource is made or changed, with the values that its
properties have by then. So they need what a direct call needs beside the actions of its own service (roles that are
passed, keys of KMS, objects that are read, what a launch template says), their documents are checked, and their
destinations are asked.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from podrole.aws.protocol.catalogue import model
from podrole.base.partitions import partition_of

if TYPE_CHECKING:
    from botocore.model import Shape

Properties = Mapping[str, Any]


class Making(NamedTuple):
    """A resource that is made or changed: its physical name, its properties without references, and its place."""

    name: str
    properties: Properties
    account: str
    region: str


class ServiceCall(NamedTuple):
    """A call of a service, with its input as botocore's model has it."""

    service: str
    operation: str
    given: dict[str, Any]


Calls = Callable[[Making], Iterator[ServiceCall]]


@dataclass(frozen=True, slots=True)
class MadeByCalls:
    """A type that moto's stacks do not make: calls of its service do.

    ``remove`` yields one call for each of ``put``, which takes its effect back. ``holds_policy`` returns the ARN of
    what must not have a policy yet. ``name_property`` names the resource. A change of a ``renamed`` resource makes
    another one, with a new name.
    """

    put: Calls
    remove: Calls
    holds_policy: Callable[[Making], str] | None = None
    name_property: str = ""
    renamed: bool = False


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


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _present(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


# Properties as an operation's input


def _same(service: str, operation: str, **fixed: Any) -> Calls:
    """Return the call whose members are the properties of the same names, but for ``fixed``: values, or functions of
    the resource that return one, or None to leave it out. What the operation has no member for takes no part in its
    decision."""

    def calls(making: Making) -> Iterator[ServiceCall]:
        shape = model(service).operation_model(operation).input_shape
        given = _members(making.properties, shape) if shape is not None else {}
        own = {name: value(making) if callable(value) else value for name, value in fixed.items()}
        yield ServiceCall(service, operation, _present(**{**given, **own}))

    return calls


def _members(properties: Any, shape: Shape) -> dict[str, Any]:
    names = {name.lower(): name for name in shape.members}
    given = {}
    for written, value in properties.items() if isinstance(properties, Mapping) else ():
        name = names.get(str(written).lower())
        if name is None:
            continue
        read = _tags if str(written).lower() == "tags" else _value
        found = read(value, shape.members[name])
        if found is not None:
            given[name] = found
    return given


def _value(value: Any, shape: Shape) -> Any:
    match shape.type_name:
        case "structure":
            return _members(value, shape) if isinstance(value, Mapping) else None
        case "list":
            return [one for each in _listed(value) if (one := _value(each, shape.member)) is not None]
        case "map":
            return dict(value) if isinstance(value, Mapping) else None
        case "boolean":
            return str(value).lower() == "true"
        case "integer" | "long":
            return int(value)
        case "blob":
            return str(value).encode()
        case "string":
            return _text(value)
    return value


def _tags(value: Any, shape: Shape) -> Any:
    """Return tags as the operation has them: templates have lists of Key and Value, or maps."""
    pairs = dict(value) if isinstance(value, Mapping) else {one["Key"]: one["Value"] for one in _listed(value)}
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
    return ",".join(map(str, _listed(making.properties.get("VPCZoneIdentifier")))) or None


def _fleet(making: Making) -> dict[str, Any]:
    shape = model("ec2").operation_model("RequestSpotFleet").input_shape
    return _members(making.properties.get("SpotFleetRequestConfigData"), shape.members["SpotFleetRequestConfig"])


def _encrypted_table(making: Making) -> dict[str, Any] | None:
    wanted = making.properties.get("SSESpecification")
    if not isinstance(wanted, Mapping):
        return None
    enabled = str(wanted.get("SSEEnabled")).lower() == "true"
    return {"Enabled": enabled, **_present(SSEType=wanted.get("SSEType"), KMSMasterKeyId=wanted.get("KMSMasterKeyId"))}


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
        given = {"Bucket": making.name, "PublicAccessBlockConfiguration": settings}
        yield ServiceCall("s3", "PutPublicAccessBlock", given)
    if notified is not None:
        given = {"Bucket": making.name, "NotificationConfiguration": _notifications(notified)}
        yield ServiceCall("s3", "PutBucketNotificationConfiguration", given)


_NOTIFIED = {"Function": "LambdaFunction", "Queue": "Queue", "Topic": "Topic"}


def _notifications(wanted: Properties) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in _NOTIFIED.items():
        listed = _listed(wanted.get("LambdaConfigurations" if name == "Function" else f"{name}Configurations"))
        if listed:
            found[f"{member}Configurations"] = [
                _present(
                    **{f"{member}Arn": one.get(name)}, Events=[one.get("Event")], Filter=_filter(one.get("Filter"))
                )
                for one in listed
            ]
    if wanted.get("EventBridgeConfiguration") is not None:
        found["EventBridgeConfiguration"] = {}
    return found


def _clear_bucket(making: Making) -> Iterator[ServiceCall]:
    if making.properties.get("NotificationConfiguration") is None:
        given: dict[str, Any] = {"Bucket": making.name, "NotificationConfiguration": {}}
        yield ServiceCall("s3", "PutBucketNotificationConfiguration", given)


def _filter(wanted: Properties | None) -> dict[str, Any] | None:
    key = (wanted or {}).get("S3Key")
    return {"Key": {"FilterRules": list(key.get("Rules") or ())}} if isinstance(key, Mapping) else None


def _configure_repository(making: Making) -> Iterator[ServiceCall]:
    document = making.properties.get("RepositoryPolicyText")
    if document is not None:
        yield ServiceCall("ecr", "SetRepositoryPolicy", {"repositoryName": making.name, "policyText": _text(document)})


def _clear_repository(making: Making) -> Iterator[ServiceCall]:
    if making.properties.get("RepositoryPolicyText") is None:
        yield ServiceCall("ecr", "DeleteRepositoryPolicy", {"repositoryName": making.name})


def _key_policy(making: Making) -> str | None:
    wanted = making.properties.get("KeyPolicy")
    return _text(wanted) if wanted else None


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
    document = _key_policy(making) or _text(_default_key_policy(making))
    given = {"PolicyName": "default", "Policy": document, "BypassPolicyLockoutSafetyCheck": bypass}
    yield ServiceCall("kms", "PutKeyPolicy", {**key, **given})
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
        _same("ec2", "CreateFlowLogs", ResourceIds=lambda making: _listed(making.properties.get("ResourceId")))
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
        _same("ssm", "CreateDocument", Name=_name, Content=lambda it: _text(it.properties["Content"]))
    ),
    "AWS::SSM::Parameter": MadeByMoto(_same("ssm", "PutParameter", Name=_name)),
}
"""The types whose direct calls need, check or store more than the actions of their own service grant."""


# Types that moto does not have, or makes without their checks


def _put_bucket_policy(making: Making) -> Iterator[ServiceCall]:
    given = {"Bucket": making.properties["Bucket"], "Policy": _text(making.properties["PolicyDocument"])}
    yield ServiceCall("s3", "PutBucketPolicy", given)


def _delete_bucket_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("s3", "DeleteBucketPolicy", {"Bucket": making.properties["Bucket"]})


def _topics(making: Making) -> list[str]:
    return [str(arn) for arn in _listed(making.properties.get("Topics", making.properties.get("TopicArn")))]


def _set_topic_policy(arn: str, document: Any) -> ServiceCall:
    given = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": _text(document)}
    return ServiceCall("sns", "SetTopicAttributes", given)


def _put_topic_policies(making: Making) -> Iterator[ServiceCall]:
    for arn in _topics(making):
        yield _set_topic_policy(arn, making.properties["PolicyDocument"])


def _default_topic_policies(making: Making) -> Iterator[ServiceCall]:
    """Yield what gives each topic the policy that a new topic has."""
    for arn in _topics(making):
        actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic")
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [f"SNS:{name}" for name in (*actions, "Subscribe", "ListSubscriptionsByTopic", "Publish")],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
        }
        document = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
        yield _set_topic_policy(arn, document)


def _queue_policies(making: Making, document: str) -> Iterator[ServiceCall]:
    for url in _listed(making.properties.get("Queues")):
        yield ServiceCall("sqs", "SetQueueAttributes", {"QueueUrl": str(url), "Attributes": {"Policy": document}})


def _put_secret_policy(making: Making) -> Iterator[ServiceCall]:
    given = {
        "SecretId": making.properties["SecretId"],
        "ResourcePolicy": _text(making.properties["ResourcePolicy"]),
        "BlockPublicPolicy": str(making.properties.get("BlockPublicPolicy")).lower() == "true",
    }
    yield ServiceCall("secretsmanager", "PutResourcePolicy", given)


def _delete_secret_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("secretsmanager", "DeleteResourcePolicy", {"SecretId": making.properties["SecretId"]})


def _put_stream_policy(making: Making) -> Iterator[ServiceCall]:
    given = {"ResourceARN": making.properties["ResourceArn"], "Policy": _text(making.properties["ResourcePolicy"])}
    yield ServiceCall("kinesis", "PutResourcePolicy", given)


def _delete_stream_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("kinesis", "DeleteResourcePolicy", {"ResourceARN": making.properties["ResourceArn"]})


_OF_PERMISSIONS = (
    "Action",
    "EventSourceToken",
    "FunctionName",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "Principal",
    "PrincipalOrgID",
    "SourceAccount",
    "SourceArn",
)


def _add_permission(making: Making) -> Iterator[ServiceCall]:
    given = _present(**{name: making.properties.get(name) for name in _OF_PERMISSIONS})
    yield ServiceCall("lambda", "AddPermission", {**given, "StatementId": making.name})


def _remove_permission(making: Making) -> Iterator[ServiceCall]:
    given = {"FunctionName": making.properties["FunctionName"], "StatementId": making.name}
    yield ServiceCall("lambda", "RemovePermission", given)


def _put_account_policy(making: Making) -> Iterator[ServiceCall]:
    given = {"policyName": making.name, "policyDocument": _text(making.properties["PolicyDocument"])}
    yield ServiceCall("logs", "PutResourcePolicy", given)


def _delete_account_policy(making: Making) -> Iterator[ServiceCall]:
    yield ServiceCall("logs", "DeleteResourcePolicy", {"policyName": making.name})


def _put_subscription_filter(making: Making) -> Iterator[ServiceCall]:
    wanted = making.properties
    given = _present(
        logGroupName=wanted["LogGroupName"],
        filterName=making.name,
        filterPattern=wanted.get("FilterPattern", ""),
        destinationArn=wanted["DestinationArn"],
        roleArn=wanted.get("RoleArn"),
    )
    yield ServiceCall("logs", "PutSubscriptionFilter", given)


def _delete_subscription_filter(making: Making) -> Iterator[ServiceCall]:
    given = {"logGroupName": making.properties["LogGroupName"], "filterName": making.name}
    yield ServiceCall("logs", "DeleteSubscriptionFilter", given)


MADE_BY_CALLS: Mapping[str, MadeByCalls] = {
    "AWS::Kinesis::ResourcePolicy": MadeByCalls(_put_stream_policy, _delete_stream_policy),
    "AWS::Lambda::Permission": MadeByCalls(_add_permission, _remove_permission, renamed=True),
    "AWS::Logs::ResourcePolicy": MadeByCalls(_put_account_policy, _delete_account_policy, name_property="PolicyName"),
    "AWS::Logs::SubscriptionFilter": MadeByCalls(
        _put_subscription_filter, _delete_subscription_filter, name_property="FilterName"
    ),
    "AWS::S3::BucketPolicy": MadeByCalls(
        _put_bucket_policy,
        _delete_bucket_policy,
        holds_policy=lambda it: f"arn:{partition_of(it.region)}:s3:::{it.properties['Bucket']}",
    ),
    "AWS::SNS::TopicInlinePolicy": MadeByCalls(_put_topic_policies, _default_topic_policies),
    "AWS::SNS::TopicPolicy": MadeByCalls(_put_topic_policies, _default_topic_policies),
    "AWS::SQS::QueuePolicy": MadeByCalls(
        lambda it: _queue_policies(it, _text(it.properties["PolicyDocument"])), lambda it: _queue_policies(it, "")
    ),
    "AWS::SecretsManager::ResourcePolicy": MadeByCalls(_put_secret_policy, _delete_secret_policy),
}
"""The types with a resource policy or a destination that the service's own operation checks."""
