"""Operation → actions and resources, case by case; and that no input whatever makes the mapping fail."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.protocol.catalogue import model, services
from podrole.iam.actions.call import Call
from podrole.iam.actions.keys import condition_keys
from podrole.iam.actions.operations import permissions
from podrole.iam.actions.reference import prefix_of, service
from support.calls import ACCOUNT, REGION, ROLE, Account, all_needed, call, needed

ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
TAGS = [{"Key": "team", "Value": "blue"}]
CASES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("s3", "ListObjectsV2", {"Bucket": "b"}, ["s3:ListBucket arn:aws:s3:::b"]),
    ("s3", "HeadBucket", {"Bucket": "b"}, ["s3:ListBucket arn:aws:s3:::b"]),
    ("s3", "ListBuckets", {}, ["s3:ListAllMyBuckets arn:aws:s3:::*"]),
    ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, ["s3:GetObject arn:aws:s3:::b/k"]),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k", "VersionId": "1"}, ["s3:GetObjectVersion arn:aws:s3:::b/k"]),
    ("s3", "UploadPart", {"Bucket": "b", "Key": "k"}, ["s3:PutObject arn:aws:s3:::b/k"]),
    ("s3", "DeleteBucketCors", {"Bucket": "b"}, ["s3:PutBucketCORS arn:aws:s3:::b"]),
    ("s3", "GetBucketLifecycleConfiguration", {"Bucket": "b"}, ["s3:GetLifecycleConfiguration arn:aws:s3:::b"]),
    (
        "s3",
        "CopyObject",
        {"Bucket": "b", "Key": "k", "CopySource": "src/a%20b?versionId=3", "ACL": "private"},
        [
            "s3:PutObject arn:aws:s3:::b/k",
            "s3:PutObjectAcl arn:aws:s3:::b/k",
            "s3:GetObjectVersion arn:aws:s3:::src/a b",
        ],
    ),
    (
        "s3",
        "CreateBucket",
        {"Bucket": "b", "ObjectLockEnabledForBucket": True},
        [
            "s3:CreateBucket arn:aws:s3:::b",
            "s3:PutBucketObjectLockConfiguration arn:aws:s3:::b",
            "s3:PutBucketVersioning arn:aws:s3:::b",
        ],
    ),
    (
        "s3",
        "DeleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2", "VersionId": "v"}]}},
        ["s3:DeleteObject arn:aws:s3:::b/1", "s3:DeleteObjectVersion arn:aws:s3:::b/2"],
    ),
    (
        "s3",
        "PutBucketReplication",
        {"Bucket": "b", "ReplicationConfiguration": {"Role": ROLE}},
        ["s3:PutReplicationConfiguration arn:aws:s3:::b", "iam:PassRole arn:aws:iam::ME:role/r"],
    ),
    (
        "autoscaling",
        "DeleteAutoScalingGroup",
        {"AutoScalingGroupName": "g"},
        ["autoscaling:DeleteAutoScalingGroup arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/g?"],
    ),
    (
        "backup",
        "DeleteBackupVault",
        {"BackupVaultName": "v"},
        ["backup:DeleteBackupVault arn:aws:backup:HERE:backup-vault:v"],
    ),
    ("ec2", "DescribeInstances", {"InstanceIds": ["i-1"]}, ["ec2:DescribeInstances *"]),
    (
        "ec2",
        "TerminateInstances",
        {"InstanceIds": ["i-1", "i-2"]},
        [
            "ec2:TerminateInstances arn:aws:ec2:HERE:instance/i-1",
            "ec2:TerminateInstances arn:aws:ec2:HERE:instance/i-2",
        ],
    ),
    (
        "ec2",
        "CreateTags",
        {"Resources": ["i-1", "vol-2", "strange"], "Tags": [{"Key": "a", "Value": "b"}]},
        [
            "ec2:CreateTags arn:aws:ec2:HERE:instance/i-1",
            "ec2:CreateTags arn:aws:ec2:HERE:volume/vol-2",
            "ec2:CreateTags arn:aws:ec2:HERE:*/strange?",
        ],
    ),
    (
        "ec2",
        "RunInstances",
        {
            "ImageId": "ami-1",
            "SecurityGroupIds": ["sg-1"],
            "KeyName": "k",
            "IamInstanceProfile": {"Name": "web"},
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        },
        [
            "ec2:RunInstances arn:aws:ec2:HERE:instance/*",
            "ec2:RunInstances arn:aws:ec2:HERE:volume/*",
            f"ec2:RunInstances arn:aws:ec2:{REGION}::image/ami-1",
            "ec2:RunInstances arn:aws:ec2:HERE:network-interface/*",
            "ec2:RunInstances arn:aws:ec2:HERE:security-group/sg-1",
            "ec2:RunInstances arn:aws:ec2:HERE:subnet/subnet-1",
            "ec2:RunInstances arn:aws:ec2:HERE:key-pair/k",
            "iam:PassRole arn:aws:iam::ME:role/web",
            "ec2:CreateTags arn:aws:ec2:HERE:instance/*",
        ],
    ),
    (
        "ec2",
        "RunInstances",
        {"ImageId": "ami-1", "TagSpecifications": [{"ResourceType": "spot-instances-request", "Tags": TAGS}]},
        [
            "ec2:RunInstances arn:aws:ec2:HERE:instance/*",
            "ec2:RunInstances arn:aws:ec2:HERE:volume/*",
            f"ec2:RunInstances arn:aws:ec2:{REGION}::image/ami-1",
            "ec2:RunInstances arn:aws:ec2:HERE:network-interface/*",
            "ec2:RunInstances arn:aws:ec2:HERE:security-group/*?",
            "ec2:RunInstances arn:aws:ec2:HERE:subnet/subnet-1",
            "ec2:RunInstances arn:aws:ec2:HERE:spot-instances-request/*",
            "ec2:CreateTags arn:aws:ec2:HERE:spot-instances-request/*",
        ],
    ),
    (
        "ec2",
        "CreateLaunchTemplate",
        {"LaunchTemplateName": "web", "TagSpecifications": [{"ResourceType": "launch-template", "Tags": TAGS}]},
        [
            "ec2:CreateLaunchTemplate arn:aws:ec2:HERE:launch-template/*",
            "ec2:CreateTags arn:aws:ec2:HERE:launch-template/*",
        ],
    ),
    (
        "ec2",
        "CreateManagedPrefixList",
        {"PrefixListName": "offices"},
        ["ec2:CreateManagedPrefixList arn:aws:ec2:HERE:prefix-list/*"],
    ),
    (
        "efs",
        "TagResource",
        {"ResourceId": "fsap-1", "Tags": TAGS},
        ["elasticfilesystem:TagResource arn:aws:elasticfilesystem:HERE:access-point/fsap-1"],
    ),
    (
        "efs",
        "ListTagsForResource",
        {"ResourceId": "fs-1"},
        ["elasticfilesystem:ListTagsForResource arn:aws:elasticfilesystem:HERE:file-system/fs-1"],
    ),
    (
        "ec2",
        "CreateSubnet",
        {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24"},
        ["ec2:CreateSubnet arn:aws:ec2:HERE:subnet/*", "ec2:CreateSubnet arn:aws:ec2:HERE:vpc/vpc-1"],
    ),
    ("sqs", "SendMessageBatch", {"QueueUrl": f"https://h/{ACCOUNT}/q"}, ["sqs:SendMessage arn:aws:sqs:HERE:q"]),
    (
        "sqs",
        "ReceiveMessage",
        {"QueueUrl": "https://h/999988887777/q"},
        [f"sqs:ReceiveMessage arn:aws:sqs:{REGION}:999988887777:q"],
    ),
    ("sqs", "ReceiveMessage", {"QueueUrl": "https://h/a/b/c"}, ["sqs:ReceiveMessage arn:aws:sqs:HERE:*?"]),
    (
        "sqs",
        "CreateQueue",
        {"QueueName": "q", "tags": {"a": "b"}},
        ["sqs:CreateQueue arn:aws:sqs:HERE:q", "sqs:TagQueue arn:aws:sqs:HERE:q"],
    ),
    ("sns", "PublishBatch", {"TopicArn": "arn:aws:sns:r:1:t"}, ["sns:Publish arn:aws:sns:r:1:t"]),
    (
        "sns",
        "Publish",
        {"TopicArn": "arn:aws:sns:r:1:t", "TargetArn": "arn:aws:sns:r:1:u"},
        ["sns:Publish arn:aws:sns:r:1:t", "sns:Publish arn:aws:sns:r:1:u"],
    ),
    ("sns", "Publish", {"PhoneNumber": "+1"}, ["sns:Publish *"]),
    ("sns", "Unsubscribe", {"SubscriptionArn": "arn:aws:sns:r:1:t:u-u"}, ["sns:Unsubscribe arn:aws:sns:r:1:t"]),
    (
        "dynamodb",
        "Query",
        {"TableName": "t", "IndexName": "i"},
        ["dynamodb:Query arn:aws:dynamodb:HERE:table/t/index/i"],
    ),
    (
        "dynamodb",
        "BatchGetItem",
        {"RequestItems": {"a": {}, "b": {}}},
        ["dynamodb:BatchGetItem arn:aws:dynamodb:HERE:table/a", "dynamodb:BatchGetItem arn:aws:dynamodb:HERE:table/b"],
    ),
    (
        "dynamodb",
        "TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "a"}}, {"ConditionCheck": {"TableName": "b"}}]},
        [
            "dynamodb:PutItem arn:aws:dynamodb:HERE:table/a",
            "dynamodb:ConditionCheckItem arn:aws:dynamodb:HERE:table/b",
        ],
    ),
    (
        "dynamodb",
        "ExecuteStatement",
        {"Statement": 'SELECT * FROM "t"."i" WHERE a = 1'},
        ["dynamodb:PartiQLSelect arn:aws:dynamodb:HERE:table/t/index/i"],
    ),
    (
        "dynamodb",
        "ExecuteStatement",
        {"Statement": "DELETE FROM t WHERE a = 1"},
        ["dynamodb:PartiQLDelete arn:aws:dynamodb:HERE:table/t"],
    ),
    (
        "dynamodb",
        "ExecuteStatement",
        {"Statement": "SELECT * FROM t, u"},
        ["dynamodb:PartiQLSelect arn:aws:dynamodb:HERE:table/*?"],
    ),
    ("lambda", "Invoke", {"FunctionName": "f"}, ["lambda:InvokeFunction arn:aws:lambda:HERE:function:f"]),
    (
        "lambda",
        "Invoke",
        {"FunctionName": f"{ACCOUNT}:function:f", "Qualifier": "live"},
        ["lambda:InvokeFunction arn:aws:lambda:HERE:function:f:live"],
    ),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": ROLE, "Layers": ["arn:aws:lambda:r:1:layer:l:2"], "Tags": {"a": "b"}},
        [
            "lambda:CreateFunction arn:aws:lambda:HERE:function:f",
            "lambda:GetLayerVersion arn:aws:lambda:r:1:layer:l:2",
            "iam:PassRole arn:aws:iam::ME:role/r",
            "lambda:TagResource arn:aws:lambda:HERE:function:f",
        ],
    ),
    ("kms", "Encrypt", {"KeyId": "alias/shop"}, ["kms:Encrypt arn:aws:kms:HERE:key/k1"]),
    ("kms", "Encrypt", {"KeyId": "alias/none"}, ["kms:Encrypt arn:aws:kms:HERE:key/*?"]),
    (
        "kms",
        "ReEncrypt",
        {"SourceKeyId": "k2", "DestinationKeyId": "alias/shop"},
        ["kms:ReEncryptFrom arn:aws:kms:HERE:key/k2", "kms:ReEncryptTo arn:aws:kms:HERE:key/k1"],
    ),
    (
        "kms",
        "CreateAlias",
        {"AliasName": "alias/x", "TargetKeyId": "k2"},
        ["kms:CreateAlias arn:aws:kms:HERE:alias/x", "kms:CreateAlias arn:aws:kms:HERE:key/k2"],
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        {"SecretId": "db"},
        ["secretsmanager:GetSecretValue arn:aws:secretsmanager:HERE:secret:db-a1B2c3"],
    ),
    ("iam", "GetRole", {"RoleName": "till"}, ["iam:GetRole arn:aws:iam::ME:role/shop/till"]),
    ("iam", "CreateRole", {"RoleName": "r", "Path": "/x/"}, ["iam:CreateRole arn:aws:iam::ME:role/x/r"]),
    (
        "iam",
        "PutRolePolicy",
        {"RoleName": "till", "PolicyName": "p"},
        ["iam:PutRolePolicy arn:aws:iam::ME:role/shop/till"],
    ),
    ("iam", "ListRoles", {}, ["iam:ListRoles arn:aws:iam::ME:role/"]),
    ("iam", "ListRoles", {"PathPrefix": "/pods/"}, ["iam:ListRoles arn:aws:iam::ME:role/pods/"]),
    ("iam", "ListUsers", {}, ["iam:ListUsers arn:aws:iam::ME:user/"]),
    ("iam", "ListGroups", {}, ["iam:ListGroups arn:aws:iam::ME:group/"]),
    ("iam", "ListInstanceProfiles", {}, ["iam:ListInstanceProfiles arn:aws:iam::ME:instance-profile/"]),
    ("iam", "ListPolicies", {}, ["iam:ListPolicies *"]),
    ("cloudformation", "ListStacks", {}, ["cloudformation:ListStacks arn:aws:cloudformation:HERE:stack/*/*"]),
    ("dynamodb", "ListTables", {}, ["dynamodb:ListTables arn:aws:dynamodb:HERE:table/*"]),
    ("eks", "ListClusters", {}, ["eks:ListClusters arn:aws:eks:HERE:cluster/*"]),
    ("eks", "CreateCluster", {"name": "c"}, ["eks:CreateCluster arn:aws:eks:HERE:cluster/c"]),
    ("events", "ListRules", {}, ["events:ListRules arn:aws:events:HERE:rule/*"]),
    ("lambda", "ListFunctions", {}, ["lambda:ListFunctions *"]),
    ("sns", "ListTopics", {}, ["sns:ListTopics arn:aws:sns:HERE:*"]),
    ("ssm", "DescribeParameters", {}, ["ssm:DescribeParameters arn:aws:ssm:HERE:*"]),
    (
        "stepfunctions",
        "ListStateMachines",
        {},
        ["states:ListStateMachines arn:aws:states:HERE:stateMachine:*"],
    ),
    (
        "iam",
        "AddRoleToInstanceProfile",
        {"InstanceProfileName": "p", "RoleName": "till"},
        [
            "iam:AddRoleToInstanceProfile arn:aws:iam::ME:instance-profile/p",
            "iam:PassRole arn:aws:iam::ME:role/shop/till",
        ],
    ),
    ("sts", "GetCallerIdentity", {}, []),
    ("sts", "GetSessionToken", {}, ["sts:GetSessionToken *"]),
    (
        "ssm",
        "GetParameters",
        {"Names": ["/a", "b"]},
        [
            "ssm:GetParameters arn:aws:ssm:HERE:parameter/a",
            "ssm:GetParameters arn:aws:ssm:HERE:parameter/b",
        ],
    ),
    (
        "logs",
        "DescribeLogGroups",
        {"logGroupNamePrefix": "/a"},
        ["logs:DescribeLogGroups arn:aws:logs:HERE:log-group::log-stream:"],
    ),
    (
        "logs",
        "PutLogEvents",
        {"logGroupName": "/a", "logStreamName": "s"},
        ["logs:PutLogEvents arn:aws:logs:HERE:log-group:/a:log-stream:s"],
    ),
    (
        "events",
        "PutTargets",
        {"Rule": "r", "EventBusName": "bus", "Targets": [{"RoleArn": ROLE}]},
        [
            "events:PutTargets arn:aws:events:HERE:rule/bus/r",
            "iam:PassRole arn:aws:iam::ME:role/r",
        ],
    ),
    ("ecs", "RunTask", {"taskDefinition": "web:3"}, ["ecs:RunTask arn:aws:ecs:HERE:task-definition/web:3"]),
    (
        "elbv2",
        "AddTags",
        {"ResourceArns": [f"{ELB}:loadbalancer/app/l/1", f"{ELB}:targetgroup/t/2", f"{ELB}:listener/net/l/1/3"]},
        [
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:loadbalancer/app/l/1",
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:targetgroup/t/2",
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:listener/net/l/1/3",
        ],
    ),
    (
        "elbv2",
        "CreateLoadBalancer",
        {"Name": "l", "Type": "network", "Tags": TAGS},
        [
            "elasticloadbalancing:CreateLoadBalancer arn:aws:elasticloadbalancing:HERE:loadbalancer/net/l/*",
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:loadbalancer/net/l/*",
        ],
    ),
    (
        "elbv2",
        "CreateTargetGroup",
        {"Name": "t", "Tags": TAGS},
        [
            "elasticloadbalancing:CreateTargetGroup arn:aws:elasticloadbalancing:HERE:targetgroup/t/*",
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:targetgroup/t/*",
        ],
    ),
    (
        "elbv2",
        "CreateListener",
        {"LoadBalancerArn": f"{ELB}:loadbalancer/app/l/1", "Tags": TAGS},
        [
            "elasticloadbalancing:CreateListener arn:aws:elasticloadbalancing:HERE:loadbalancer/app/l/1",
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:listener/app/l/1/*",
        ],
    ),
    (
        "elbv2",
        "CreateRule",
        {"ListenerArn": f"{ELB}:listener/app/l/1/2", "Tags": TAGS},
        [
            "elasticloadbalancing:CreateRule arn:aws:elasticloadbalancing:HERE:listener/app/l/1/2",
            "elasticloadbalancing:AddTags arn:aws:elasticloadbalancing:HERE:listener-rule/app/l/1/2/*",
        ],
    ),
    (
        "elbv2",
        "SetRulePriorities",
        {"RulePriorities": [{"RuleArn": f"{ELB}:listener-rule/app/l/1/2/3", "Priority": 1}]},
        ["elasticloadbalancing:SetRulePriorities arn:aws:elasticloadbalancing:HERE:listener-rule/app/l/1/2/3"],
    ),
    (
        "elbv2",
        "DescribeTags",
        {"ResourceArns": [f"{ELB}:loadbalancer/app/l/1"]},
        ["elasticloadbalancing:DescribeTags *"],
    ),
    (
        "rds",
        "AddTagsToResource",
        {"ResourceName": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:d", "Tags": TAGS},
        ["rds:AddTagsToResource arn:aws:rds:HERE:db:d"],
    ),
    (
        "ecs",
        "RunTask",
        {"cluster": "c", "taskDefinition": "t:1", "tags": TAGS},
        [
            "ecs:RunTask arn:aws:ecs:HERE:task-definition/t:1",
            "ecs:TagResource arn:aws:ecs:HERE:task/c/*",
        ],
    ),
    (
        "autoscaling",
        "CreateAutoScalingGroup",
        {"AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 1},
        ["autoscaling:CreateAutoScalingGroup arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/g"],
    ),
    (
        "route53",
        "ListTagsForResources",
        {"ResourceType": "hostedzone", "ResourceIds": ["Z1", "Z2"]},
        [
            "route53:ListTagsForResources arn:aws:route53:::hostedzone/Z1",
            "route53:ListTagsForResources arn:aws:route53:::hostedzone/Z2",
        ],
    ),
    (
        "route53",
        "ChangeTagsForResource",
        {"ResourceType": "healthcheck", "ResourceId": "H1"},
        ["route53:ChangeTagsForResource arn:aws:route53:::healthcheck/H1"],
    ),
    (
        "ssm",
        "AddTagsToResource",
        {"ResourceType": "Parameter", "ResourceId": "p", "Tags": TAGS},
        ["ssm:AddTagsToResource arn:aws:ssm:HERE:parameter/p"],
    ),
    ("route53", "GetHostedZone", {"Id": "/hostedzone/Z1"}, ["route53:GetHostedZone arn:aws:route53:::hostedzone/Z1"]),
    ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a"]}, ["cloudwatch:DeleteAlarms arn:aws:cloudwatch:HERE:alarm:a"]),
    (
        "stepfunctions",
        "DescribeStateMachine",
        {"stateMachineArn": "arn:aws:states:r:1:stateMachine:m"},
        [
            "states:DescribeStateMachine arn:aws:states:r:1:stateMachine:m",
        ],
    ),
    ("ecr", "BatchGetImage", {"repositoryName": "a/b"}, ["ecr:BatchGetImage arn:aws:ecr:HERE:repository/a/b"]),
    ("ecr", "GetAuthorizationToken", {}, ["ecr:GetAuthorizationToken *"]),
]


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"), CASES, ids=[f"{one[0]}-{one[1]}-{n}" for n, one in enumerate(CASES)]
)
def test_an_operation_needs_these_actions_on_these_resources(
    client: str, operation: str, given: dict[str, Any], expected: list[str]
) -> None:
    assert needed(client, operation, **given) == expected


TAG = [{"Key": "a", "Value": "b"}]
OTHER_ACCOUNT = "444455556666"
FULLY: list[tuple[str, str, dict[str, Any], list[str]]] = [
    # a batch of nothing needs nothing; any other call needs something
    ("s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": []}}, []),
    ("sqs", "ReceiveMessage", {}, ["sqs:ReceiveMessage arn:aws:sqs:HERE:*?"]),
    # S3 Control answers for the caller's account, and takes another's
    ("s3control", "GetPublicAccessBlock", {}, ["s3:GetAccountPublicAccessBlock *"]),
    ("s3control", "GetPublicAccessBlock", {"AccountId": ACCOUNT}, ["s3:GetAccountPublicAccessBlock *"]),
    (
        "s3control",
        "GetPublicAccessBlock",
        {"AccountId": OTHER_ACCOUNT},
        [f"s3:GetAccountPublicAccessBlock arn:aws:s3:{REGION}:{OTHER_ACCOUNT}:*?"],
    ),
    # what the call names deep inside is asked for too
    (
        "rds",
        "FailoverDBCluster",
        {"DBClusterIdentifier": "c", "TargetDBInstanceIdentifier": "d"},
        ["rds:FailoverDBCluster arn:aws:rds:HERE:cluster:c", "rds:FailoverDBCluster arn:aws:rds:HERE:db:d"],
    ),
    # tags are for what is made, and need a permission of their own
    (
        "iam",
        "CreateUser",
        {"UserName": "u", "Tags": TAG},
        [
            "iam:CreateUser arn:aws:iam::ME:user/u!",
            "iam:TagUser arn:aws:iam::ME:user/u! iam:CreateAction=CreateUser aws:ResourceTag/a=b",
        ],
    ),
    (
        "sqs",
        "CreateQueue",
        {"QueueName": "q", "tags": {"a": "b"}},
        ["sqs:CreateQueue arn:aws:sqs:HERE:q!", "sqs:TagQueue arn:aws:sqs:HERE:q! sqs:CreateAction=CreateQueue"],
    ),
    (
        "sagemaker",
        "CreateModel",
        {"ModelName": "m", "Tags": TAG},
        [
            "sagemaker:CreateModel arn:aws:sagemaker:HERE:model/m",
            "sagemaker:AddTags arn:aws:sagemaker:HERE:model/m! sagemaker:CreateAction=CreateModel",
        ],
    ),
    (
        "autoscaling",
        "CreateAutoScalingGroup",
        {"AutoScalingGroupName": "g", "Tags": TAG},
        [
            (
                "autoscaling:CreateAutoScalingGroup arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/g"
                " autoscaling:ResourceTag/a=b"
            ),
            (
                "autoscaling:CreateOrUpdateTags arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/g!"
                " autoscaling:ResourceTag/a=b autoscaling:CreateAction=CreateAutoScalingGroup"
            ),
        ],
    ),
    (
        "ec2",
        "CreateFleet",
        {"TagSpecifications": [{"ResourceType": "fleet", "Tags": TAG}]},
        [
            "ec2:CreateFleet arn:aws:ec2:HERE:fleet/*!",
            "ec2:CreateFleet arn:aws:ec2:HERE:instance/*?",
            "ec2:CreateTags arn:aws:ec2:HERE:fleet/*! ec2:CreateAction=CreateFleet",
        ],
    ),
]


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"), FULLY, ids=[f"{one[0]}-{one[1]}-{n}" for n, one in enumerate(FULLY)]
)
def test_a_call_needs_exactly_this(client: str, operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert all_needed(client, operation, given) == expected


def test_api_gateway_asks_for_the_method_on_the_path() -> None:
    asked = Call("apigateway", "apigateway", "GetRestApi", {}, ACCOUNT, REGION, method="GET", path="/restapis/a1")
    (one,) = permissions(asked, Account())
    assert (one.action, one.resource) == ("apigateway:GET", f"arn:aws:apigateway:{REGION}::/restapis/a1")


def test_an_operation_that_nobody_knows_needs_its_own_name_on_everything() -> None:
    asked = Call("newservice", "newservice", "MakeThing", {"Name": "x"}, ACCOUNT, REGION)
    (one,) = permissions(asked, Account())
    assert (one.action, one.resource, one.partial) == ("newservice:MakeThing", "*", True)


def keys(client: str, operation: str, **given: Any) -> dict[str, Any]:
    asked = call(client, operation, given)
    return condition_keys(asked, permissions(asked, Account())[0], Account()).values


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "p/", "MaxKeys": 5}, {"s3:prefix": "p/", "s3:max-keys": "5"}),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k", "ACL": "private"}, {"s3:x-amz-acl": "private"}),
        (
            "s3",
            "PutObject",
            {"Bucket": "b", "Key": "k", "Tagging": "a=b"},
            {"s3:RequestObjectTag/a": "b", "s3:RequestObjectTagKeys": ["a"]},
        ),
        ("sqs", "CreateQueue", {"QueueName": "q", "tags": {"a": "b"}}, {"aws:RequestTag/a": "b", "aws:TagKeys": ["a"]}),
        ("sqs", "UntagQueue", {"QueueUrl": "q", "TagKeys": ["a"]}, {"aws:TagKeys": ["a"]}),
        (
            "kms",
            "Encrypt",
            {"KeyId": "k2", "EncryptionContext": {"app": "shop"}},
            {"kms:EncryptionContext:app": "shop", "kms:EncryptionContextKeys": ["app"], "kms:CallerAccount": ACCOUNT},
        ),
        ("iam", "AttachRolePolicy", {"RoleName": "till", "PolicyArn": "arn:p"}, {"iam:PolicyARN": "arn:p"}),
        ("iam", "CreateRole", {"RoleName": "r", "PermissionsBoundary": "arn:b"}, {"iam:PermissionsBoundary": "arn:b"}),
        (
            "dynamodb",
            "Query",
            {
                "TableName": "t",
                "KeyConditionExpression": "#i = :v AND s > :x",
                "ExpressionAttributeNames": {"#i": "id"},
                "ExpressionAttributeValues": {":v": {"S": "me"}, ":x": {"N": "1"}},
            },
            {"dynamodb:LeadingKeys": ["me"]},
        ),
        (
            "dynamodb",
            "BatchWriteItem",
            {"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]}},
            {"dynamodb:LeadingKeys": ["a"], "dynamodb:Attributes": ["id"]},
        ),
        ("sns", "Subscribe", {"TopicArn": "arn:aws:sns:r:1:t", "Protocol": "sqs"}, {"sns:Protocol": "sqs"}),
        (
            "ec2",
            "TerminateInstances",
            {"InstanceIds": ["tagged"]},
            {"aws:ResourceTag/team": "blue", "ec2:Region": REGION},
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "db", "VersionStage": "s"},
            {"secretsmanager:VersionStage": "s"},
        ),
    ],
)
def test_a_permission_has_these_condition_keys(
    client: str, operation: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = keys(client, operation, **given)
    assert {key: found.get(key) for key in expected} == expected


SPECIFIED = {"TagSpecifications": [{"ResourceType": "volume", "Tags": TAGS}]}


def test_the_tags_of_a_copy_are_unknown_for_its_source() -> None:
    asked = call("ec2", "CopyVolumes", {"SourceVolumeId": "vol-1", **SPECIFIED})
    source, copy = permissions(asked, Account())[:2]
    of_source, of_copy = (condition_keys(asked, one, Account()) for one in (source, copy))
    assert not [key for key in of_source.values if "Tag" in key]
    assert "aws:requesttag/team" in of_source.unknown
    assert "aws:tagkeys" in of_source.unknown
    assert of_copy.values["aws:RequestTag/team"] == "blue"
    assert of_copy.values["aws:TagKeys"] == ["team"]


def test_a_copy_without_tags_has_none_for_its_source() -> None:
    asked = call("ec2", "CopyVolumes", {"SourceVolumeId": "vol-1"})
    of_source = condition_keys(asked, permissions(asked, Account())[0], Account())
    assert "aws:requesttag/team" not in of_source.unknown


def test_a_scan_has_no_leading_keys() -> None:
    assert "dynamodb:LeadingKeys" not in keys("dynamodb", "Scan", TableName="t")


def made(shape: Any, *, every: bool, depth: int = 0) -> Any:
    """Make a value of a shape: all members, or those that are required."""
    kind = shape.type_name
    if kind == "structure":
        return {
            name: made(member, every=every, depth=depth + 1)
            for name, member in shape.members.items()
            if depth < 4 and (every or name in shape.required_members)
        }
    if kind == "list":
        return [made(shape.member, every=every, depth=depth + 1)] if depth < 5 else []
    values: dict[str, Any] = {"map": {}, "boolean": True, "blob": b"x", "integer": 1, "long": 1}
    return values.get(kind, "x")


@pytest.mark.parametrize("client", sorted(name for name, one in services().items() if one.moto is not None))
def test_no_input_makes_the_mapping_fail_and_nothing_needs_nothing(client: str) -> None:
    described = model(client)
    for operation in described.operation_names:
        shape = described.operation_model(operation).input_shape
        for every in (False, True):
            asked = call(client, operation, {} if shape is None else made(shape, every=every))
            found = permissions(asked, Account())
            assert found or operation in ("GetCallerIdentity", "DeleteObjects"), operation
            for one in found:
                condition_keys(asked, one, Account())
                assert "*" not in one.resource.split(":", 5)[3:5], f"{operation} is of no region or account"


@pytest.mark.parametrize("prefix", sorted({prefix_of(name, one.signing) for name, one in services().items()}))
def test_every_type_of_resource_of_an_action_is_found(prefix: str) -> None:
    reference = service(prefix)
    for name in reference.action_names() if reference is not None else ():
        assert reference is not None
        assert not reference.types_not_found(name), name


def test_every_action_of_the_tables_is_one_of_aws() -> None:
    from podrole.iam.actions import tables

    for client, operations in tables._operations().items():
        for actions in operations.values():
            for full in actions:
                owner, _, name = full.partition(":")
                reference = service(owner)
                assert reference is not None, client
                assert reference.action(name) is not None, full
