"""The condition keys of each service that are not those of a parameter of the same name, by hand.

``FILLED`` and ``ABSENT`` are statements about every request: a key in them is there or truly absent, never unknown. All
other keys of a service are looked for among the parameters and the facts about the resource; what is in neither is
unknown (podrole.iam.actions.unfilled).

Source: AWS, Service Authorization Reference, and each service's page of condition keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from podrole.iam.actions.leading_keys import FILLED as DYNAMODB
from podrole.iam.unknown import UnknownKeys

S3_PARAMETERS: Mapping[str, str] = {
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
"""The keys of S3 by the parameters that hold them."""

FILLED: Mapping[str, UnknownKeys] = {
    prefix: UnknownKeys(names)
    for prefix, names in {
        "dynamodb": DYNAMODB,
        "cloudformation": ("cloudformation:CreateAction",),
        "ec2": ("ec2:CreateAction", "ec2:Region"),
        "ecs": ("ecs:CreateAction",),
        "eks": ("eks:loggingType/*",),
        "elasticfilesystem": ("elasticfilesystem:CreateAction",),
        "elasticloadbalancing": ("elasticloadbalancing:CreateAction",),
        "iam": ("iam:PassedToService",),
        "kms": (
            "kms:CallerAccount",
            "kms:EncryptionContext:*",
            "kms:EncryptionContextKeys",
            "kms:GrantConstraintType",
            "kms:GrantIsForAWSResource",
            "kms:RequestAlias",
        ),
        "lambda": ("lambda:InvokedViaFunctionUrl", "lambda:VpcIds"),
        "s3": (
            *S3_PARAMETERS.values(),
            "s3:LocationConstraint",
            "s3:RequestObjectTag/*",
            "s3:RequestObjectTagKeys",
            # of the connection, by podrole.aws.call_context
            "s3:authType",
            "s3:signatureAge",
            "s3:signatureversion",
            "s3:x-amz-content-sha256",
        ),
        "route53": ("route53:ChangeResourceRecordSetsNormalizedRecordNames",),
        "ses": ("ses:ApiVersion",),
        "sns": ("sns:Endpoint", "sns:Protocol"),
        "vpc-lattice": ("vpc-lattice:CreateAction",),
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
    "kms:ViaService": "a service that calls KMS for the caller has it in its own request",
    "lambda:EventSourceToken": "no Alexa skill calls a function",
    "s3:AccessGrantsInstanceArn": "there are no access grants",
    "s3:BucketTag/${TagKey}": "no bucket has attribute-based access control enabled: S3 has it disabled",
}
"""Keys that no request to the local AWS carries, and why."""

_EKS = {
    "eks:blockStorageEnabled": "storageConfig.blockStorage.enabled",
    "eks:computeConfigEnabled": "computeConfig.enabled",
    "eks:controlPlaneScalingTier": "controlPlaneScalingConfig.tier",
    "eks:elasticLoadBalancingEnabled": "kubernetesNetworkConfig.elasticLoadBalancing.enabled",
    "eks:supportType": "upgradePolicy.supportType",
    "eks:zonalShiftEnabled": "zonalShiftConfig.enabled",
}

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
        "eks:encryptionConfigProviderKeyArns": "encryptionConfig[].provider.keyArn",
        "eks:kubernetesVersion": "version",
        **_EKS,
    },
    "eks:UpdateClusterConfig": {
        "eks:authenticationMode": "accessConfig.authenticationMode",
        "eks:endpointPrivateAccess": "resourcesVpcConfig.endpointPrivateAccess",
        "eks:endpointPublicAccess": "resourcesVpcConfig.endpointPublicAccess",
        **_EKS,
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
