"""Restores, copies, imports and exports: what is read and what is made must both be allowed.

The reference names a type of resource once, whether an operation is on one thing of that type or on two. The table says
which parameters hold the other. Sources: AWS's Service Authorization Reference and each service's guide; where a guide
does not say which of the two is checked, both are. Objects of S3 are read and written with the caller's rights by
DynamoDB's imports and exports, and by Lambda for a function's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from podrole.iam.actions.call import Call, Permission, find
from podrole.iam.actions.reference import resource_type


class Part(NamedTuple):
    """A thing that an operation reads or makes: its type, the parameter that names it (empty: it gets its id from the
    service), and the action, if that is not the operation's own. ``instead_of`` is another type that the parameter
    might name and does not."""

    kind: str
    parameter: str
    action: str = ""
    exists: bool = True
    instead_of: str = ""


def _copied(kind: str, source: str, made: str = "") -> tuple[Part, ...]:
    return Part(kind, source), Part(kind, made, exists=False)


_RDS: Mapping[str, Sequence[Part]] = {
    "CreateDBCluster": (Part("cluster", "ReplicationSourceIdentifier"),),
    "CreateDBInstanceReadReplica": (
        *_copied("db", "SourceDBInstanceIdentifier", "DBInstanceIdentifier"),
        Part("cluster", "SourceDBClusterIdentifier"),
    ),
    "RestoreDBClusterFromSnapshot": (
        Part("cluster-snapshot", "SnapshotIdentifier", instead_of="snapshot"),
        Part("cluster", "DBClusterIdentifier", exists=False),
    ),
    "RestoreDBClusterToPointInTime": (
        *_copied("cluster", "SourceDBClusterIdentifier", "DBClusterIdentifier"),
        Part("cluster-auto-backup", "SourceDbClusterResourceId"),
    ),
    "RestoreDBInstanceFromDBSnapshot": (
        Part("snapshot", "DBSnapshotIdentifier"),
        Part("cluster-snapshot", "DBClusterSnapshotIdentifier"),
        Part("db", "DBInstanceIdentifier", exists=False),
    ),
    "RestoreDBInstanceToPointInTime": (
        *_copied("db", "SourceDBInstanceIdentifier", "TargetDBInstanceIdentifier"),
        Part("auto-backup", "SourceDBInstanceAutomatedBackupsArn"),
        Part("auto-backup", "SourceDbiResourceId"),
    ),
    "StartDBInstanceAutomatedBackupsReplication": (Part("db", "SourceDBInstanceArn"),),
    "StartExportTask": (Part("snapshot", "SourceArn"),),
}
_READ_AND_WRITE = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
_RESTORED_TABLE = tuple(Part("table", "TargetTableName", f"dynamodb:{name}", exists=False) for name in _READ_AND_WRITE)
_PARTS: Mapping[str, Mapping[str, Sequence[Part]]] = {
    "backup": {
        "StartCopyJob": (Part("recoverypoint", "RecoveryPointArn"),),
        "StartRestoreJob": (Part("recoverypoint", "RecoveryPointArn"),),
    },
    "cloudfront": {
        "CopyDistribution": (
            Part("distribution", "PrimaryDistributionId"),
            Part("distribution", "PrimaryDistributionId", "cloudfront:GetDistribution"),
            Part("distribution", "", "cloudfront:CreateDistribution"),
        )
    },
    "docdb": _RDS,
    "dynamodb": {
        "ImportTable": (Part("table", "TableCreationParameters.TableName", exists=False),),
        "RestoreTableFromBackup": (Part("backup", "BackupArn"), *_RESTORED_TABLE),
        "RestoreTableToPointInTime": (
            Part("table", "SourceTableName"),
            Part("table", "SourceTableArn"),
            *_RESTORED_TABLE,
        ),
    },
    "ec2": {
        "CopyFpgaImage": _copied("fpga-image", "SourceFpgaImageId"),
        "CopyImage": (*_copied("image", "SourceImageId"), Part("snapshot", "")),
        "CopySnapshot": _copied("snapshot", "SourceSnapshotId"),
        "CopyVolumes": _copied("volume", "SourceVolumeId"),
        "RegisterImage": (Part("snapshot", "BlockDeviceMappings[].Ebs.SnapshotId"),),
    },
    "elasticache": {
        "CopyServerlessCacheSnapshot": _copied(
            "serverlesscachesnapshot", "SourceServerlessCacheSnapshotName", "TargetServerlessCacheSnapshotName"
        ),
        "CopySnapshot": _copied("snapshot", "SourceSnapshotName", "TargetSnapshotName"),
        "CreateCacheCluster": (Part("snapshot", "SnapshotName"),),
        "CreateReplicationGroup": (Part("snapshot", "SnapshotName"), Part("cluster", "PrimaryClusterId")),
    },
    "fsx": {
        "CopyBackup": _copied("backup", "SourceBackupId"),
        "CopySnapshotAndUpdateVolume": (Part("snapshot", "SourceSnapshotARN"),),
    },
    "kms": {"ReplicateKey": (Part("", "", "kms:CreateKey"),)},
    "memorydb": {
        "CopySnapshot": _copied("snapshot", "SourceSnapshotName", "TargetSnapshotName"),
        "CreateCluster": (Part("snapshot", "SnapshotName"),),
    },
    "neptune": _RDS,
    "rds": _RDS,
    "rekognition": {
        "CopyProjectVersion": (Part("projectversion", "SourceProjectVersionArn"), Part("project", "SourceProjectArn"))
    },
    "workspaces": {
        "CopyWorkspaceImage": _copied("workspaceimage", "SourceImageId"),
        "CreateUpdatedWorkspaceImage": _copied("workspaceimage", "SourceImageId"),
    },
}


class Objects(NamedTuple):
    """Objects of S3 that an operation reads or writes: the parameters of bucket, key (empty: any key behind the prefix)
    and version, and the actions."""

    bucket: str
    prefix: str
    actions: tuple[str, ...]
    key: str = ""
    version: str = ""


def _code(inside: str = "") -> tuple[Objects, ...]:
    read = ("s3:GetObject",)
    return (Objects(f"{inside}S3Bucket", "", read, f"{inside}S3Key", f"{inside}S3ObjectVersion"),)


_REPLICATING = ("secretsmanager", "CreateSecret")
_OBJECTS: Mapping[tuple[str, str], Sequence[Objects]] = {
    ("dynamodb", "ExportTableToPointInTime"): (
        Objects("S3Bucket", "S3Prefix", ("s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl")),
    ),
    ("dynamodb", "ImportTable"): (
        Objects("S3BucketSource.S3Bucket", "S3BucketSource.S3KeyPrefix", ("s3:ListBucket", "s3:GetObject")),
    ),
    ("lambda", "CreateFunction"): _code("Code."),
    ("lambda", "PublishLayerVersion"): _code("Content."),
    ("lambda", "UpdateFunctionCode"): _code(),
}


def has_sources(client: str, operation: str) -> bool:
    """Say whether a call of the operation may need something on what it copies, restores or makes others from."""
    called = (client, operation)
    return operation in _PARTS.get(client, {}) or called in _OBJECTS or called == _REPLICATING


def with_sources(call: Call, needed: Sequence[Permission]) -> list[Permission]:
    """Return what a call needs, with what it needs on the things that it copies, restores or makes from others."""
    parts = _PARTS.get(call.client, {}).get(call.operation, ())
    added = [permission for part in parts for permission in _on(call, part)]
    for objects in _OBJECTS.get((call.client, call.operation), ()):
        added.extend(_on_objects(call, objects))
    if call.parameters.get("AddReplicaRegions"):
        secret = call.arn("secretsmanager", f"secret:{call.parameters.get('Name', '*')}")
        added.append(Permission("secretsmanager:ReplicateSecretToRegions", secret, exists=False))
    replaced = {arn for part in parts for arn in _replaced(call, part)}
    kept = [permission for permission in needed if permission.resource not in replaced]
    return list({(permission.action, permission.resource): permission for permission in (*kept, *added)}.values())


def _replaced(call: Call, part: Part) -> Iterator[str]:
    """Yield the resources that a part stands for: any of its type, and what its name means as that type or another."""
    names = _names(call, part)
    for kind_name in (part.kind, part.instead_of) if names else ():
        kind = resource_type(call.prefix, kind_name)
        if kind is not None:
            yield kind.fill(_place(call))
            yield from (kind.fill({**_place(call), kind.variables[-1]: name}) for name in names)


def _names(call: Call, part: Part) -> list[str]:
    return find(call.parameters, part.parameter.split("."))


def _place(call: Call) -> dict[str, str]:
    return {"Partition": call.partition, "Region": call.region, "Account": call.account}


def _on(call: Call, part: Part) -> Iterator[Permission]:
    action, kind = part.action or f"{call.prefix}:{call.operation}", resource_type(call.prefix, part.kind)
    if kind is None:  # the action is on no resource
        yield Permission(action, exists=False)
        return
    if not part.parameter:
        yield Permission(action, kind.fill(_place(call)), exists=False)
    for name in _names(call, part):
        if name.startswith("arn:"):
            yield Permission(action, name, exists=part.exists)
        else:
            yield Permission(action, kind.fill({**_place(call), kind.variables[-1]: name}), exists=part.exists)


def _on_objects(call: Call, objects: Objects) -> Iterator[Permission]:
    bucket, prefix = _text(call, objects.bucket), _text(call, objects.prefix)
    key, version = _text(call, objects.key), _text(call, objects.version)
    if not bucket:
        return
    arn = f"arn:{call.partition}:s3:::{bucket}"
    for action in objects.actions:
        if action == "s3:ListBucket":
            yield Permission(action, arn)
        elif objects.key:
            yield Permission("s3:GetObjectVersion" if version else action, f"{arn}/{key}")
        else:
            yield Permission(action, f"{arn}/{prefix}*", partial=True)


def _text(call: Call, path: str) -> str:
    values = find(call.parameters, path.split("."))
    return str(values[0]) if values else ""
