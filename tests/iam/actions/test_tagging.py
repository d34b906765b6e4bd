"""The tagging API needs each service's own tagging action."""

from __future__ import annotations

import pytest

from support.calls import needed

PLACE = "us-east-1:111122223333"
OWN = {
    f"arn:aws:ec2:{PLACE}:instance/i-1": ("ec2:CreateTags", "ec2:DeleteTags"),
    "arn:aws:s3:::logs": ("s3:PutBucketTagging", "s3:PutBucketTagging"),
    f"arn:aws:sqs:{PLACE}:q": ("sqs:TagQueue", "sqs:UntagQueue"),
    f"arn:aws:lambda:{PLACE}:function:f": ("lambda:TagResource", "lambda:UntagResource"),
    f"arn:aws:rds:{PLACE}:db:d": ("rds:AddTagsToResource", "rds:RemoveTagsFromResource"),
    f"arn:aws:dynamodb:{PLACE}:table/t": ("dynamodb:TagResource", "dynamodb:UntagResource"),
    f"arn:aws:elasticloadbalancing:{PLACE}:loadbalancer/app/l/1": (
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
    ),
    f"arn:aws:firehose:{PLACE}:deliverystream/s": ("firehose:TagDeliveryStream", "firehose:UntagDeliveryStream"),
    "arn:aws:iam::111122223333:role/r": ("iam:TagRole", "iam:UntagRole"),
    f"arn:aws:kinesis:{PLACE}:stream/s": ("kinesis:TagResource", "kinesis:UntagResource"),
    f"arn:aws:secretsmanager:{PLACE}:secret:s-abcdef": ("secretsmanager:TagResource", "secretsmanager:UntagResource"),
    f"arn:aws:redshift:{PLACE}:cluster:c": ("redshift:CreateTags", "redshift:DeleteTags"),
    f"arn:aws:ssm:{PLACE}:parameter/p": ("ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"),
    f"arn:aws:acm:{PLACE}:certificate/c": ("acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"),
}


@pytest.mark.parametrize(("arn", "own"), OWN.items())
def test_the_services_own_action_is_needed(arn: str, own: tuple[str, str]) -> None:
    short = arn.replace(PLACE, "HERE").replace("111122223333", "ME")
    given = {"ResourceARNList": [arn]}
    assert needed("resourcegroupstaggingapi", "TagResources", Tags={"a": "b"}, **given) == [
        "tag:TagResources *",
        f"{own[0]} {short}",
    ]
    assert needed("resourcegroupstaggingapi", "UntagResources", TagKeys=["a"], **given) == [
        "tag:UntagResources *",
        f"{own[1]} {short}",
    ]


@pytest.mark.parametrize("arn", ["", "logs", "arn:aws:nothing:::x"])
def test_what_is_of_no_known_service_needs_the_action_on_everything(arn: str) -> None:
    found = needed("resourcegroupstaggingapi", "TagResources", ResourceARNList=[arn])
    assert found[-1] == f"tag:TagResources {arn or '*'}?"


def test_other_operations_need_their_own_action() -> None:
    assert needed("resourcegroupstaggingapi", "GetResources") == ["tag:GetResources *"]
    listed = needed("resourcegroupstaggingapi", "GetResources", ResourceARNList=["arn:aws:s3:::logs"])
    assert [one.partition(" ")[0] for one in listed] == ["tag:GetResources"]


@pytest.mark.parametrize(
    ("operation", "action"), [("TagResources", "TagResource"), ("UntagResources", "UntagResource")]
)
def test_a_service_without_a_tagging_action_needs_the_usual_one(operation: str, action: str) -> None:
    arn = f"arn:aws:polly:{PLACE}:lexicon/l"
    found = needed("resourcegroupstaggingapi", operation, ResourceARNList=[arn])
    assert found == [f"tag:{operation} *", f"polly:{action} {arn.replace(PLACE, 'HERE')}"]


@pytest.mark.parametrize("operation", ["TagResources", "UntagResources"])
def test_what_names_no_resource_needs_the_apis_own_action(operation: str) -> None:
    assert needed("resourcegroupstaggingapi", operation) == [f"tag:{operation} *"]
    assert needed("resourcegroupstaggingapi", operation, ResourceARNList=["x"])[-1] == f"tag:{operation} x?"
