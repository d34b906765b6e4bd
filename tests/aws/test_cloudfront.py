"""What podrole adds to moto for a private bucket behind CloudFront: tags, the origin's access control."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.doctor.sources.aws_session import Access, AWSSession
from support.aws import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, LocalAWS, allow, refused

pytestmark = pytest.mark.services
TAG = {"Key": "team", "Value": "platform"}


def distribution(control: str) -> dict[str, Any]:
    origin = {
        "Id": "documents",
        "DomainName": "logs.s3.us-east-1.amazonaws.com",
        "OriginAccessControlId": control,
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    behaviour = {"TargetOriginId": "documents", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "x"}
    config = {
        "CallerReference": "one",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behaviour,
    }
    return {"DistributionConfig": config, "Tags": {"Items": [TAG]}}


def test_bucket_is_created_with_its_tags(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="tagged", CreateBucketConfiguration={"Tags": [TAG]})
    assert s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == [TAG]


def test_distribution_shows_its_origins_access_control(aws: LocalAWS) -> None:
    cloudfront = aws.client("cloudfront")
    made = cloudfront.create_distribution_with_tags(DistributionConfigWithTags=distribution("E1"))["Distribution"]
    (listed,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert listed["Origins"]["Items"][0]["OriginAccessControlId"] == "E1"
    assert cloudfront.list_tags_for_resource(Resource=made["ARN"])["Tags"]["Items"] == [TAG]


def test_distribution_with_tags_needs_the_action_that_iam_has_for_it(aws: LocalAWS) -> None:
    def create(*actions: str) -> Any:
        key = aws.user("-".join(one.partition(":")[2] for one in actions), allow(list(actions)))
        return aws.client("cloudfront", key).create_distribution_with_tags

    given = distribution("E1")
    code, _, said = refused(create("cloudfront:CreateDistributionWithTags"), DistributionConfigWithTags=given)
    assert code == "AccessDenied"
    assert "not authorized to perform: cloudfront:CreateDistribution because" in said
    create("cloudfront:CreateDistribution")(DistributionConfigWithTags=given)


def test_session_asks_an_address_for_the_block_public_access_of_an_account(aws: LocalAWS) -> None:
    aws.client("s3")  # skips the test if there are no services
    session = AWSSession(Access(aws.url, "eu-west-1", key_id=ADMIN_KEY, secret=ADMIN_SECRET), "tests")
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    session.call("s3control", "put_public_access_block", AccountId=ACCOUNT, PublicAccessBlockConfiguration=block)
    found = session.call("s3control", "get_public_access_block", AccountId=ACCOUNT)
    assert found["PublicAccessBlockConfiguration"] == block
