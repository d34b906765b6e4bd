"""A call acts on resources of its own region: each part of an ARN's place has a case in which it alone is refused."""

from __future__ import annotations

import pytest

from podrole.aws.called_place import FROM_OTHER_REGIONS, require_called_place
from podrole.aws.errors import AWSError
from podrole.iam.actions.call import Permission
from support.aws_facts import REGION, call_of

ACCOUNT = "111122223333"
HERE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def require(name: str, *arns: str) -> None:
    require_called_place(call_of(name), [Permission("a:B", arn) for arn in arns])


@pytest.mark.parametrize(
    "arn",
    [
        "*",
        HERE,
        f"arn:aws:sqs:{REGION}:444455556666:q",
        "arn:aws:s3:::b/k",
        f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/p",
        f"arn:aws:iam::{ACCOUNT}:role/r",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        f"arn:aws:imagebuilder:{REGION}:aws:component/c/1.0.0/1",
        f"arn:aws:ec2:{REGION}::image/ami-1",
        f"arn:aws:ssm:{REGION}::parameter/aws/service/eks/x",
        f"arn:aws:mediaconnect:{REGION}:offering:o",
        f"arn:aws:madeup:{REGION}:{ACCOUNT}:x",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g:log-stream:s",
    ],
)
def test_a_resource_of_the_called_place_passes(arn: str) -> None:
    require("sqs:SendMessage", arn)


@pytest.mark.parametrize(
    ("arn", "what"),
    [
        (f"arn:aws-cn:sqs:{REGION}:{ACCOUNT}:q", "partition aws-cn"),
        ("arn:aws-cn:s3:::b", "partition aws-cn"),
        (f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q", "region eu-west-1"),
        (f"arn:aws:sqs:{REGION}:1111:q", "account 1111"),
        (f"arn:aws:sqs:{REGION}:*:q", "account *"),
        ("arn:aws:iam::${Account}:role/r", "account ${Account}"),
        (f"arn:aws:sqs:{REGION}::q", "no region or account, or one too many"),
        (f"arn:aws:ssm:{REGION}::parameter/x", "no region or account, or one too many"),
        ("arn:aws:ssm:eu-west-1::parameter/aws/service/eks/x", "region eu-west-1"),
        (f"arn:aws:ssm:{REGION}:1111:parameter/aws/service/eks/x", "account 1111"),
        (f"arn:aws:sqs:{REGION}:1111:x:ssm:y::parameter/aws/service/q", "account 1111"),
        (f"arn:aws:sqs::{ACCOUNT}:q", "no region or account, or one too many"),
        (f"arn:aws:iam:{REGION}:{ACCOUNT}:role/r", "no region or account, or one too many"),
        ("arn:aws:iam:::role/r", "no region or account, or one too many"),
        (f"arn:aws:madeup:{REGION}::x", "no region or account, or one too many"),
        (f"arn:aws:madeup::{ACCOUNT}:x", "no region or account, or one too many"),
        ("arn:aws:madeup:::x", "no region or account, or one too many"),
    ],
)
def test_a_resource_of_another_place_is_refused(arn: str, what: str) -> None:
    for arns in ([arn], ["*", arn], [HERE, arn]):
        with pytest.raises(AWSError) as raised:
            require("sqs:SendMessage", *arns)
        assert (raised.value.error_code, raised.value.status) == ("ValidationException", 400)
        assert raised.value.message == f"The resource is not in the region {REGION}."
        assert raised.value.why == (
            f"The ARN {arn} is of another place ({what}) than the call, which was made in {REGION}."
        )


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("dynamodb:GetItem", ("ResourceNotFoundException", 400, "Requested resource not found")),
        ("kms:Encrypt", ("NotFoundException", 400, "Invalid arn eu-west-1")),
        (
            "lambda:Invoke",
            (
                "ResourceNotFoundException",
                404,
                f"Functions from 'eu-west-1' are not reachable in this region ('{REGION}')",
            ),
        ),
        (
            "secretsmanager:GetSecretValue",
            ("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret."),
        ),
        ("sns:Publish", ("InvalidParameter", 400, "Invalid parameter: TopicArn")),
    ],
)
def test_a_service_refuses_in_its_own_words(name: str, refusal: tuple[str, int, str]) -> None:
    with pytest.raises(AWSError) as raised:
        require(name, f"arn:aws:{name.partition(':')[0]}:eu-west-1:{ACCOUNT}:x")
    assert (raised.value.error_code, raised.value.status, raised.value.message) == refusal


COPIES = [
    "docdb:CopyDBClusterSnapshot",
    "dynamodb:RestoreTableToPointInTime",
    "neptune:CopyDBClusterSnapshot",
    "rds:CopyDBClusterSnapshot",
    "rds:CopyDBSnapshot",
    "rds:CreateDBCluster",
    "rds:CreateDBInstanceReadReplica",
    "rds:StartDBInstanceAutomatedBackupsReplication",
]


@pytest.mark.parametrize("name", COPIES)
def test_some_operations_take_a_source_from_another_region(name: str) -> None:
    require(name, f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q")
    for arn in (f"arn:aws-cn:sqs:{REGION}:{ACCOUNT}:q", f"arn:aws:sqs:{REGION}:1111:q"):
        with pytest.raises(AWSError):
            require(name, arn)


def test_no_other_operation_takes_a_source_from_another_region() -> None:
    assert {f"{service}:{operation}" for service, operation in FROM_OTHER_REGIONS} == set(COPIES)
