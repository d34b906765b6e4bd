"""Resource policies of services that have no file of their own here: podrole does not judge them, so it refuses them.

A policy that is stored and then ignored would be a grant that does not work or, worse, a Deny that does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_JUDGED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "acm-pca": {
        "CreatePermission": (),
        "PutPolicy": (),
    },
    "amp": {
        "PutResourcePolicy": (),
    },
    "apigatewayv2": {
        "PutPortalProductSharingPolicy": (),
    },
    "backup": {
        "CreateBackupAccessPoint": ("AccessPointPolicy",),
        "PutBackupVaultAccessPolicy": (),
    },
    "bedrock": {
        "PutResourcePolicy": (),
    },
    "bedrock-agent": {
        "PutResourcePolicy": (),
    },
    "bedrock-agentcore-control": {
        "PutResourcePolicy": (),
    },
    "cloudfront": {
        "PutResourcePolicy": (),
    },
    "cloudhsmv2": {
        "PutResourcePolicy": (),
    },
    "codebuild": {
        "PutResourcePolicy": (),
    },
    "comprehend": {
        "CreateDocumentClassifier": ("ModelPolicy",),
        "CreateEntityRecognizer": ("ModelPolicy",),
        "PutResourcePolicy": (),
    },
    "dsql": {
        "CreateCluster": ("policy",),
        "PutClusterPolicy": (),
    },
    "efs": {
        "PutFileSystemPolicy": (),
    },
    "es": {
        "CreateElasticsearchDomain": ("AccessPolicies",),
        "UpdateElasticsearchDomainConfig": ("AccessPolicies",),
    },
    "events": {
        "PutPermission": (),
    },
    "fsx": {
        "CreateAndAttachS3AccessPoint": ("S3AccessPoint",),
    },
    "glacier": {
        "InitiateVaultLock": (),
        "SetVaultAccessPolicy": (),
    },
    "kafka": {
        "PutClusterPolicy": (),
    },
    "lambda-web": {
        "PutResourcePolicy": (),
    },
    "lexv2-models": {
        "CreateResourcePolicy": (),
        "CreateResourcePolicyStatement": (),
        "UpdateResourcePolicy": (),
    },
    "mediapackagev2": {
        "PutChannelPolicy": (),
        "PutOriginEndpointPolicy": (),
    },
    "mediastore": {
        "PutContainerPolicy": (),
    },
    "network-firewall": {
        "PutResourcePolicy": (),
    },
    "networkmanager": {
        "PutResourcePolicy": (),
    },
    "opensearch": {
        "AddDirectQueryDataSource": ("DataSourceAccessPolicy",),
        "CreateDomain": ("AccessPolicies",),
        "UpdateDirectQueryDataSource": ("DataSourceAccessPolicy",),
        "UpdateDomainConfig": ("AccessPolicies",),
    },
    "opensearchserverless": {
        "CreateAccessPolicy": (),
        "UpdateAccessPolicy": (),
    },
    "osis": {
        "PutResourcePolicy": (),
    },
    "payment-cryptography": {
        "PutResourcePolicy": (),
    },
    "ram": {
        "CreatePermission": (),
        "CreatePermissionVersion": (),
    },
    "redshift": {
        "PutResourcePolicy": (),
    },
    "rekognition": {
        "PutProjectPolicy": (),
    },
    "route53resolver": {
        "PutFirewallRuleGroupPolicy": (),
        "PutResolverQueryLogConfigPolicy": (),
        "PutResolverRulePolicy": (),
    },
    "s3control": {
        "PutAccessGrantsInstanceResourcePolicy": (),
        "PutAccessPointPolicy": (),
        "PutAccessPointPolicyForObjectLambda": (),
        "PutBucketPolicy": (),
        "PutMultiRegionAccessPointPolicy": (),
    },
    "s3files": {
        "PutFileSystemPolicy": (),
    },
    "s3tables": {
        "PutTableBucketPolicy": (),
        "PutTablePolicy": (),
    },
    "s3vectors": {
        "PutVectorBucketPolicy": (),
    },
    "sagemaker": {
        "PutEndpointPolicy": (),
        "PutModelPackageGroupPolicy": (),
    },
    "ses": {
        "PutIdentityPolicy": (),
    },
    "sesv2": {
        "CreateEmailIdentityPolicy": (),
        "UpdateEmailIdentityPolicy": (),
    },
    "signer": {
        "AddProfilePermission": (),
    },
    "vpc-lattice": {
        "PutAuthPolicy": (),
        "PutResourcePolicy": (),
    },
    "wafv2": {
        "PutPermissionPolicy": (),
    },
    "xray": {
        "PutResourcePolicy": (),
    },
}
"""By service and operation: the parameters that hold a policy; none if the operation has no other purpose."""
