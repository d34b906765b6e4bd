"""Condition keys that no parameter of the same name holds: each service's, by hand, with the list of what is filled.

``FILLED`` and ``ABSENT`` are statements about every request: a key in them is there or truly absent, never unknown. All
other keys of a service are looked for among the parameters and the facts about the resource; what is in neither is
unknown (podrole.iam.actions.unfilled).

Source: AWS, Service Authorization Reference, and each service's page of condition keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podrole.iam.actions.call import Call, Values, find
from podrole.iam.actions.leading_keys import FILLED as DYNAMODB
from podrole.iam.unknown import UnknownKeys

_S3_PARAMETERS = {
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "Delimiter": "s3:delimiter",
    "GrantFullControl": "s3:x-amz-grant-full-control",
    "GrantRead": "s3:x-amz-grant-read",
    "GrantReadACP": "s3:x-amz-grant-read-acp",
    "GrantWrite": "s3:x-amz-grant-write",
    "GrantWriteACP": "s3:x-amz-grant-write-acp",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
    "MaxKeys": "s3:max-keys",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ObjectLockLegalHoldStatus": "s3:object-lock-legal-hold",
    "ObjectLockMode": "s3:object-lock-mode",
    "ObjectLockRetainUntilDate": "s3:object-lock-retain-until-date",
    "ObjectOwnership": "s3:x-amz-object-ownership",
    "Prefix": "s3:prefix",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
    "VersionId": "s3:VersionId",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
}

FILLED: Mapping[str, UnknownKeys] = {
    prefix: UnknownKeys(names)
    for prefix, names in {
        "dynamodb": DYNAMODB,
        "ec2": ("ec2:CreateAction", "ec2:Region"),
        "iam": ("iam:PassedToService",),
        "kms": (
            "kms:CallerAccount",
            "kms:EncryptionContext:*",
            "kms:EncryptionContextKeys",
            "kms:GrantConstraintType",
            "kms:GrantIsForAWSResource",
            "kms:RequestAlias",
        ),
        "lambda": ("lambda:InvokedViaFunctionUrl",),
        "s3": (
            *_S3_PARAMETERS.values(),
            "s3:LocationConstraint",
            "s3:RequestObjectTag/*",
            "s3:RequestObjectTagKeys",
            # of the connection, by podrole.aws.authorize
            "s3:authType",
            "s3:signatureAge",
            "s3:signatureversion",
            "s3:x-amz-content-sha256",
        ),
        "ses": ("ses:ApiVersion",),
        "sns": ("sns:Endpoint", "sns:Protocol"),
    }.items()
}
"""The keys that code fills for every request that carries them, by the prefix of the service's actions."""

ABSENT: Mapping[str, str] = {
    "cloudwatch:HasAccessGrant": "there are no access grants",
    "dynamodb:FisActionId": "no fault injection experiment runs",
    "dynamodb:FisTargetArns": "no fault injection experiment runs",
    "ec2:FisActionId": "no fault injection experiment runs",
    "ec2:FisTargetArns": "no fault injection experiment runs",
    "ec2:ManagedResourceOperator": "no AWS service manages a resource",
    "events:ManagedBy": "no AWS service manages a rule",
    "iam:RoleTemplateARN": "there are no role templates",
    "kinesis:FisActionId": "no fault injection experiment runs",
    "kinesis:FisInjectPercentage": "no fault injection experiment runs",
    "kinesis:FisTargetArns": "no fault injection experiment runs",
    "kms:ViaService": "no AWS service calls KMS for the caller",
    "lambda:EventSourceToken": "no Alexa skill calls a function",
    "s3:AccessGrantsInstanceArn": "there are no access grants",
    "s3:BucketTag/${TagKey}": "no bucket has attribute-based access control enabled: S3 has it disabled",
}
"""Keys that no request to the local AWS carries, and why."""

_ONLY_WITH: Mapping[str, tuple[str, str]] = {
    "kms:RecipientAttestation:": ("Recipient", "the request has no attestation document"),
}
"""Families of keys that only a request with a parameter carries."""

_OF_ACCESS_POINTS = ("s3:AccessPointNetworkOrigin", "s3:AccessPointTag/", "s3:DataAccessPoint")
_OF_LAUNCH_TEMPLATES = frozenset({"ec2:IsLaunchTemplateResource", "ec2:LaunchTemplate"})

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "ec2:CreateVolume": {
        "ec2:VolumeIops": "Iops",
        "ec2:VolumeSize": "Size",
        "ec2:VolumeThroughput": "Throughput",
    },
    "ec2:RunInstances": {
        "ec2:AssociatePublicIpAddress": "NetworkInterfaces[].AssociatePublicIpAddress",
        "ec2:AvailabilityZone": "Placement.AvailabilityZone",
        "ec2:InstanceMetadataTags": "MetadataOptions.InstanceMetadataTags",
        "ec2:InstanceProfile": "IamInstanceProfile.Arn",
        "ec2:MetadataHttpEndpoint": "MetadataOptions.HttpEndpoint",
        "ec2:MetadataHttpPutResponseHopLimit": "MetadataOptions.HttpPutResponseHopLimit",
        "ec2:MetadataHttpTokens": "MetadataOptions.HttpTokens",
        "ec2:Tenancy": "Placement.Tenancy",
    },
    "eks:AssociateAccessPolicy": {"eks:accessScope": "accessScope.type", "eks:namespaces": "accessScope.namespaces"},
    "eks:CreateAccessEntry": {"eks:accessEntryType": "type"},
    "eks:CreateCluster": {
        "eks:authenticationMode": "accessConfig.authenticationMode",
        "eks:bootstrapClusterCreatorAdminPermissions": "accessConfig.bootstrapClusterCreatorAdminPermissions",
        "eks:endpointPrivateAccess": "resourcesVpcConfig.endpointPrivateAccess",
        "eks:endpointPublicAccess": "resourcesVpcConfig.endpointPublicAccess",
        "eks:kubernetesVersion": "version",
    },
    "eks:UpdateClusterVersion": {"eks:kubernetesVersion": "version"},
    "elasticloadbalancing:CreateListener": {
        "elasticloadbalancing:ListenerProtocol": "Protocol",
        "elasticloadbalancing:SecurityPolicy": "SslPolicy",
    },
    "elasticloadbalancing:CreateLoadBalancer": {
        "elasticloadbalancing:SecurityGroup": "SecurityGroups",
        "elasticloadbalancing:Subnet": "Subnets",
    },
    "elasticloadbalancing:ModifyListener": {
        "elasticloadbalancing:ListenerProtocol": "Protocol",
        "elasticloadbalancing:SecurityPolicy": "SslPolicy",
    },
    "elasticloadbalancing:SetSecurityGroups": {"elasticloadbalancing:SecurityGroup": "SecurityGroups"},
    "elasticloadbalancing:SetSubnets": {"elasticloadbalancing:Subnet": "Subnets"},
    "events:PutEvents": {"events:detail-type": "Entries[].DetailType", "events:source": "Entries[].Source"},
    "events:PutTargets": {"events:TargetArn": "Targets[].Arn"},
    "iam:CreateServiceSpecificCredential": {"iam:ServiceSpecificCredentialServiceName": "ServiceName"},
    "kms:CreateGrant": {"kms:GrantOperations": "Operations"},
    "kms:CreateKey": {"kms:KeyOrigin": "Origin", "kms:KeySpec": "CustomerMasterKeySpec"},
    "kms:GenerateDataKeyPair": {"kms:DataKeyPairSpec": "KeyPairSpec"},
    "kms:GenerateDataKeyPairWithoutPlaintext": {"kms:DataKeyPairSpec": "KeyPairSpec"},
    "kms:ScheduleKeyDeletion": {"kms:ScheduleKeyDeletionPendingWindowInDays": "PendingWindowInDays"},
    "lambda:CreateFunction": {
        "lambda:Layer": "Layers",
        "lambda:SecurityGroupIds": "VpcConfig.SecurityGroupIds",
        "lambda:SubnetIds": "VpcConfig.SubnetIds",
    },
    "lambda:CreateFunctionUrlConfig": {"lambda:FunctionUrlAuthType": "AuthType"},
    "lambda:UpdateFunctionConfiguration": {
        "lambda:Layer": "Layers",
        "lambda:SecurityGroupIds": "VpcConfig.SecurityGroupIds",
        "lambda:SubnetIds": "VpcConfig.SubnetIds",
    },
    "lambda:UpdateFunctionUrlConfig": {"lambda:FunctionUrlAuthType": "AuthType"},
    "rds:CreateDBCluster": {
        "rds:DatabaseClass": "DBClusterInstanceClass",
        "rds:DatabaseEngine": "Engine",
        "rds:Piops": "Iops",
        "rds:StorageSize": "AllocatedStorage",
    },
    "rds:CreateDBInstance": {
        "rds:DatabaseClass": "DBInstanceClass",
        "rds:DatabaseEngine": "Engine",
        "rds:DatabaseName": "DBName",
        "rds:Piops": "Iops",
        "rds:StorageSize": "AllocatedStorage",
    },
    "route53:ChangeResourceRecordSets": {
        "route53:ChangeResourceRecordSetsActions": "ChangeBatch.Changes[].Action",
        "route53:ChangeResourceRecordSetsRecordTypes": "ChangeBatch.Changes[].ResourceRecordSet.Type",
    },
}
"""For an action the keys whose parameter has another name or place than the key, with its path."""

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "ec2:CreateVolume": {"ec2:VolumeType": "gp2"},
    "ec2:RunInstances": {"ec2:InstanceType": "m1.small", "ec2:Tenancy": "default"},
    "kms:CreateKey": {
        "kms:KeyOrigin": "AWS_KMS",
        "kms:KeySpec": "SYMMETRIC_DEFAULT",
        "kms:KeyUsage": "ENCRYPT_DECRYPT",
        "kms:MultiRegion": "false",
    },
    "kms:Decrypt": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
    "kms:Encrypt": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
    "rds:CreateDBCluster": {"rds:StorageEncrypted": "false"},
    "rds:CreateDBInstance": {"rds:MultiAz": "false", "rds:StorageEncrypted": "false"},
}
"""The values that a service takes for parameters that a request leaves out."""


CHOSEN: Mapping[str, frozenset[str]] = {
    "ec2:CreateVolume": frozenset({"ec2:Encrypted"}),
    "ec2:RunInstances": frozenset({*PARAMETERS["ec2:RunInstances"], "ec2:EbsOptimized"}),
}
"""Keys whose value the service or the image chooses where the request has none: then they are unknown, not absent."""


def is_absent(call: Call, key: str, arn: str) -> bool:
    """Say whether no request like this one carries a key, spelt as in the reference."""
    if key in ABSENT:
        return True
    if key.startswith(_OF_ACCESS_POINTS):
        return ":accesspoint/" not in arn
    if key in _OF_LAUNCH_TEMPLATES:
        return not has_launch_template(call)
    if key == "s3:TlsVersion":
        return not call.tls
    return any(key.startswith(family) and not call.parameters.get(name) for family, (name, _) in _ONLY_WITH.items())


def has_launch_template(call: Call) -> bool:
    """Say whether a launch takes values from a template, which podrole does not read."""
    return call.client == "ec2" and call.operation == "RunInstances" and bool(call.parameters.get("LaunchTemplate"))


def of_service(call: Call, prefix: str) -> Mapping[str, Values]:
    """Return the keys of a service that only code can fill."""
    fill = _FILLERS.get(prefix if prefix != "s3" else call.client)
    return fill(call) if fill is not None else {}


def texts(value: Any) -> list[str]:
    """Return a parameter's value as policies write it; empty for a structure."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (str, int, float)):
        return [str(value)]
    if isinstance(value, list):
        return [text for one in value if not isinstance(one, (list, dict)) for text in texts(one)]
    return []


def by_path(call: Call, action: str) -> dict[str, Values]:
    """Return the keys of an action whose parameter has another name."""
    found: dict[str, Values] = {}
    for key, path in PARAMETERS.get(action, {}).items():
        values = list(dict.fromkeys(text for one in find(call.parameters, path.split(".")) for text in texts(one)))
        if values:
            found[key] = values if len(values) > 1 else values[0]
    return found


def _s3(call: Call) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for name, value in call.parameters.items():
        key = _S3_PARAMETERS.get(name)
        if key is not None and (values := texts(value)):
            found[key] = values[0]
    configuration = call.parameters.get("CreateBucketConfiguration")
    if isinstance(configuration, Mapping) and configuration.get("LocationConstraint"):
        found["s3:LocationConstraint"] = str(configuration["LocationConstraint"])
    return found


def _kms(call: Call) -> dict[str, Values]:
    found: dict[str, Values] = {"kms:CallerAccount": call.account, "kms:GrantIsForAWSResource": "false"}
    given = call.parameters
    context = given.get("EncryptionContext") or given.get("SourceEncryptionContext") or {}
    if context:
        found["kms:EncryptionContextKeys"] = list(context)
        found.update({f"kms:EncryptionContext:{key}": str(value) for key, value in context.items()})
    constraints = list(given.get("Constraints") or ())
    if constraints:
        found["kms:GrantConstraintType"] = constraints
    alias = str(given.get("KeyId") or "").split(":", 5)[-1]
    if alias.startswith("alias/"):
        found["kms:RequestAlias"] = alias
    return found


def _sns(call: Call) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for key, name in (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint")):
        if isinstance(call.parameters.get(name), str):
            found[key] = call.parameters[name]
    return found


_FILLERS: Mapping[str, Callable[[Call], Mapping[str, Values]]] = {
    "ec2": lambda call: {"ec2:Region": call.region},
    "kms": _kms,
    "lambda": lambda _: {"lambda:InvokedViaFunctionUrl": "false"},
    "s3": _s3,
    "ses": lambda call: {"ses:ApiVersion": "2" if call.client == "sesv2" else "1"},
    "sns": _sns,
}
