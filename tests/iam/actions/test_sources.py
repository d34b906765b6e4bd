"""What is copied, restored, imported or exported: source and target are both asked for."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.protocol.catalogue import model, services
from podrole.iam.actions.reference import prefix_of, service
from podrole.iam.actions.sources import _OBJECTS, _PARTS
from support.calls import all_needed

BACKUP = "arn:aws:dynamodb:us-east-1:111122223333:table/shop/backup/1"
ITEMS = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
RESTORED = [f"dynamodb:{name} arn:aws:dynamodb:HERE:table/new!" for name in ITEMS]

CASES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    (
        "dynamodb",
        "RestoreTableToPointInTime",
        {"SourceTableName": "shop", "TargetTableName": "new"},
        ["dynamodb:RestoreTableToPointInTime arn:aws:dynamodb:HERE:table/shop", *RESTORED],
    ),
    (
        "dynamodb",
        "RestoreTableToPointInTime",
        {"SourceTableName": "shop", "TargetTableName": "shop"},
        [
            "dynamodb:RestoreTableToPointInTime arn:aws:dynamodb:HERE:table/shop",
            *(one.replace("new", "shop") for one in RESTORED),
        ],
    ),
    (
        "dynamodb",
        "RestoreTableFromBackup",
        {"BackupArn": BACKUP, "TargetTableName": "new"},
        ["dynamodb:RestoreTableFromBackup arn:aws:dynamodb:HERE:table/shop/backup/1", *RESTORED],
    ),
    (
        "dynamodb",
        "ExportTableToPointInTime",
        {"TableArn": BACKUP.partition("/backup")[0], "S3Bucket": "b", "S3Prefix": "out"},
        [
            "dynamodb:ExportTableToPointInTime arn:aws:dynamodb:HERE:table/shop",
            "s3:AbortMultipartUpload arn:aws:s3:::b/out*?",
            "s3:PutObject arn:aws:s3:::b/out*?",
            "s3:PutObjectAcl arn:aws:s3:::b/out*?",
        ],
    ),
    (
        "dynamodb",
        "ImportTable",
        {"S3BucketSource": {"S3Bucket": "b"}, "TableCreationParameters": {"TableName": "new"}},
        [
            "dynamodb:ImportTable arn:aws:dynamodb:HERE:table/new!",
            "s3:ListBucket arn:aws:s3:::b",
            "s3:GetObject arn:aws:s3:::b/*?",
        ],
    ),
    (
        "rds",
        "RestoreDBClusterFromSnapshot",
        {
            "SnapshotIdentifier": "s",
            "DBClusterIdentifier": "c",
            "DBClusterParameterGroupName": "p",
            "DBSubnetGroupName": "g",
            "OptionGroupName": "o",
        },
        [
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster-pg:p",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:og:o",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:subgrp:g",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster-snapshot:s",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster:c!",
        ],
    ),
    (
        "elasticache",
        "CopySnapshot",
        {"SourceSnapshotName": "a", "TargetSnapshotName": "b"},
        [
            "elasticache:CopySnapshot arn:aws:elasticache:HERE:snapshot:a",
            "elasticache:CopySnapshot arn:aws:elasticache:HERE:snapshot:b!",
        ],
    ),
    (
        "ec2",
        "CopySnapshot",
        {"SourceSnapshotId": "snap-1", "SourceRegion": "us-east-1"},
        [
            "ec2:CopySnapshot arn:aws:ec2:us-east-1::snapshot/snap-1",
            "ec2:CopySnapshot arn:aws:ec2:us-east-1::snapshot/*!",
        ],
    ),
    (
        "ec2",
        "CopyImage",
        {"SourceImageId": "ami-1", "SourceRegion": "us-east-1", "Name": "n"},
        [
            "ec2:CopyImage arn:aws:ec2:us-east-1::image/ami-1",
            "ec2:CopyImage arn:aws:ec2:us-east-1::image/*!",
            "ec2:CopyImage arn:aws:ec2:us-east-1::snapshot/*!",
        ],
    ),
    (
        "rds",
        "RestoreDBClusterFromSnapshot",
        {"SnapshotIdentifier": "arn:aws:rds:r:1:cluster-snapshot:s", "DBClusterIdentifier": "c"},
        [
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster-pg:*?",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster:c!",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:og:*?",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:subgrp:*?",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:r:1:cluster-snapshot:s",
        ],
    ),
    (
        "rds",
        "RestoreDBInstanceFromDBSnapshot",
        {
            "DBSnapshotIdentifier": "s",
            "DBInstanceIdentifier": "d",
            "DBSubnetGroupName": "g",
            "OptionGroupName": "o",
            "DBParameterGroupName": "p",
        },
        [
            "rds:RestoreDBInstanceFromDBSnapshot arn:aws:rds:HERE:snapshot:s",
            "rds:RestoreDBInstanceFromDBSnapshot arn:aws:rds:HERE:db:d!",
            *(f"rds:RestoreDBInstanceFromDBSnapshot arn:aws:rds:HERE:{one}" for one in ("og:o", "pg:p", "subgrp:g")),
        ],
    ),
    (
        "rds",
        "RestoreDBClusterFromSnapshot",
        {},
        [
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster-pg:*?",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:cluster:*!",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:og:*?",
            "rds:RestoreDBClusterFromSnapshot arn:aws:rds:HERE:subgrp:*?",
        ],
    ),
    (
        "cloudfront",
        "CopyDistribution",
        {"PrimaryDistributionId": "E1"},
        [
            "cloudfront:CopyDistribution arn:aws:cloudfront::ME:distribution/E1",
            "cloudfront:CreateDistribution arn:aws:cloudfront::ME:distribution/*!",
            "cloudfront:GetDistribution arn:aws:cloudfront::ME:distribution/E1",
        ],
    ),
    (
        "lambda",
        "UpdateFunctionCode",
        {"FunctionName": "f", "ZipFile": b"x"},
        ["lambda:UpdateFunctionCode arn:aws:lambda:HERE:function:f"],
    ),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Code": {"S3Bucket": "b", "S3Key": "k"}},
        ["lambda:CreateFunction arn:aws:lambda:HERE:function:f!", "s3:GetObject arn:aws:s3:::b/k"],
    ),
    (
        "secretsmanager",
        "CreateSecret",
        {},
        ["secretsmanager:CreateSecret arn:aws:secretsmanager:HERE:secret:*! secretsmanager:Name="],
    ),
    (
        "ec2",
        "RegisterImage",
        {"BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}, {"DeviceName": "d"}]},
        [
            "ec2:RegisterImage arn:aws:ec2:us-east-1::image/*!",
            "ec2:RegisterImage arn:aws:ec2:us-east-1::snapshot/snap-1",
        ],
    ),
    ("kms", "ReplicateKey", {"KeyId": "k2"}, ["kms:ReplicateKey arn:aws:kms:HERE:key/k2", "kms:CreateKey *!"]),
    (
        "lambda",
        "UpdateFunctionCode",
        {"FunctionName": "f", "S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "1"},
        ["lambda:UpdateFunctionCode arn:aws:lambda:HERE:function:f", "s3:GetObjectVersion arn:aws:s3:::b/k"],
    ),
    (
        "secretsmanager",
        "CreateSecret",
        {"Name": "db", "AddReplicaRegions": [{"Region": "eu-west-1"}]},
        [
            "secretsmanager:CreateSecret arn:aws:secretsmanager:HERE:secret:db! secretsmanager:Name=db",
            "secretsmanager:ReplicateSecretToRegions arn:aws:secretsmanager:HERE:secret:db!",
        ],
    ),
]


@pytest.mark.parametrize(("client", "operation", "given", "expected"), CASES)
def test_what_a_copy_needs(client: str, operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert sorted(all_needed(client, operation, given)) == sorted(expected)


def test_the_table_names_operations_parameters_and_types_of_aws() -> None:
    for client, operations in _PARTS.items():
        reference = service(prefix_of(client, services()[client].signing))
        assert reference is not None
        for operation, parts in operations.items():
            if operation not in model(client).operation_names:  # DocumentDB and Neptune have fewer than RDS
                assert client in ("docdb", "neptune"), operation
                continue
            shape = model(client).operation_model(operation).input_shape
            for part in parts:
                given = part.parameter.partition(".")[0].removesuffix("[]")
                assert not given or given in shape.members or client in ("docdb", "neptune"), (operation, part)
                assert not part.kind or reference.resource_type(part.kind) is not None, (operation, part)
    for (client, operation), objects in _OBJECTS.items():
        members = model(client).operation_model(operation).input_shape.members
        assert all(one.bucket.partition(".")[0] in members for one in objects), operation
