"""EKS: the embedded cluster beside moto's, and the associations of service accounts with roles."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import ACCOUNT, LocalAWS, allow, policy, refused, trust_of
from support.issuer import ISSUER
from support.pods import ROLE, associate, create, trust_of_pods


def test_the_embedded_cluster_is_described_as_eks_describes_one(aws: LocalAWS) -> None:
    found = aws.client("eks").describe_cluster(name="podrole")["cluster"]
    assert found["identity"]["oidc"]["issuer"] == ISSUER
    assert found["status"] == "ACTIVE"
    assert found["arn"] == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/podrole"
    assert found["certificateAuthority"]["data"]


@pytest.mark.parametrize(
    ("network", "host", "cidr"),
    [
        ({}, "oidc.eks.us-east-1.amazonaws.com", "10.100.0.0/16"),
        ({"serviceIpv4Cidr": "172.20.0.0/16"}, "oidc.eks.us-east-1.amazonaws.com", "172.20.0.0/16"),
        ({"ipFamily": "ipv6"}, "oidc-eks.us-east-1.api.aws", None),
    ],
)
def test_a_cluster_has_an_issuer_by_its_kind_of_addresses(
    aws: LocalAWS, network: dict[str, str], host: str, cidr: str | None
) -> None:
    aws.role("eks", trust_of_pods())
    made = aws.client("eks").create_cluster(
        name="other",
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
        resourcesVpcConfig={"subnetIds": ["subnet-1"]},
        kubernetesNetworkConfig=network,
    )["cluster"]
    assert made["identity"]["oidc"]["issuer"].startswith(f"https://{host}/id/")
    assert made["kubernetesNetworkConfig"].get("serviceIpv4Cidr") == cidr


def test_other_clusters_exist_beside_the_embedded_one(aws: LocalAWS) -> None:
    eks = aws.client("eks")
    aws.role("eks", trust_of_pods())
    arguments: dict[str, Any] = {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/eks",
        "resourcesVpcConfig": {"subnetIds": ["subnet-1"]},
    }
    eks.create_cluster(name="second", **arguments)
    eks.create_cluster(name="first", **arguments)
    assert eks.list_clusters()["clusters"] == ["podrole", "first", "second"]
    page = eks.list_clusters(maxResults=2)
    assert page["clusters"] == ["podrole", "first"]
    assert eks.list_clusters(maxResults=2, nextToken=page["nextToken"])["clusters"] == ["second"]
    assert refused(eks.list_clusters, nextToken="x")[0] == "InvalidParameterException"
    assert eks.describe_cluster(name="second")["cluster"]["name"] == "second"
    assert refused(eks.create_cluster, name="podrole", **arguments) == (
        "ResourceInUseException",
        409,
        "Cluster already exists with name: podrole",
    )
    eks.delete_cluster(name="second")
    assert eks.list_clusters()["clusters"] == ["podrole", "first"]
    assert refused(eks.describe_cluster, name="second") == (
        "ResourceNotFoundException",
        404,
        "No cluster found for name: second.",
    )


def test_the_embedded_cluster_cannot_be_changed(aws: LocalAWS) -> None:
    eks = aws.client("eks")
    assert refused(eks.delete_cluster, name="podrole")[:2] == ("InvalidRequestException", 400)
    config = {"endpointPublicAccess": False}
    assert refused(eks.update_cluster_config, name="podrole", resourcesVpcConfig=config)[1] == 400
    assert eks.list_nodegroups(clusterName="podrole")["nodegroups"] == []
    assert eks.list_fargate_profiles(clusterName="podrole")["fargateProfileNames"] == []
    assert eks.list_clusters()["clusters"] == ["podrole"]


def test_the_embedded_cluster_belongs_to_one_account_and_region(aws: LocalAWS) -> None:
    stranger = aws.client("eks", aws.administrator_of("444455556666"))
    assert stranger.list_clusters()["clusters"] == []
    assert refused(stranger.describe_cluster, name="podrole")[0] == "ResourceNotFoundException"


def test_an_association_is_created_described_listed_and_deleted(aws: LocalAWS) -> None:
    eks = aws.client("eks")
    made = associate(aws, tags={"team": "blue"})
    assert made["associationId"].startswith("a-")
    assert made["associationArn"] == (
        f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/podrole/{made['associationId']}"
    )
    assert (made["namespace"], made["serviceAccount"], made["roleArn"]) == ("shop", "inventory", ROLE)
    assert (made["tags"], made["disableSessionTags"]) == ({"team": "blue"}, False)
    assert made["createdAt"] == made["modifiedAt"]
    identifier = {"clusterName": "podrole", "associationId": made["associationId"]}
    assert eks.describe_pod_identity_association(**identifier)["association"] == made
    listed = eks.list_pod_identity_associations(clusterName="podrole")["associations"]
    assert listed == [{name: made[name] for name in listed[0]}]
    assert eks.delete_pod_identity_association(**identifier)["association"] == made
    assert eks.list_pod_identity_associations(clusterName="podrole")["associations"] == []
    assert refused(eks.describe_pod_identity_association, **identifier)[:2] == ("ResourceNotFoundException", 404)
    assert refused(eks.delete_pod_identity_association, **identifier)[:2] == ("ResourceNotFoundException", 404)


def test_associations_are_listed_by_namespace_by_account_and_in_pages(aws: LocalAWS) -> None:
    associate(aws)
    create(aws, namespace="shop", serviceAccount="checkout")
    create(aws, namespace="warehouse")
    listing = aws.client("eks").list_pod_identity_associations

    def names(**wanted: Any) -> list[str]:
        found = listing(clusterName="podrole", **wanted)["associations"]
        return [f"{one['namespace']}/{one['serviceAccount']}" for one in found]

    assert names() == ["shop/inventory", "shop/checkout", "warehouse/inventory"]
    assert names(namespace="shop") == ["shop/inventory", "shop/checkout"]
    assert names(serviceAccount="inventory") == ["shop/inventory", "warehouse/inventory"]
    assert names(namespace="shop", serviceAccount="checkout") == ["shop/checkout"]
    page = listing(clusterName="podrole", maxResults=2)
    assert names(maxResults=2, nextToken=page["nextToken"]) == ["warehouse/inventory"]


def test_a_service_account_has_one_association(aws: LocalAWS) -> None:
    made = associate(aws)
    arguments = {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "inventory", "roleArn": ROLE}
    assert refused(aws.client("eks").create_pod_identity_association, **arguments) == (
        "ResourceInUseException",
        409,
        f"Association already exists: {made['associationId']}",
    )


def test_a_repeated_request_creates_one_association(aws: LocalAWS) -> None:
    first = associate(aws, clientRequestToken="once")
    assert create(aws, clientRequestToken="once")["associationId"] == first["associationId"]
    arguments = {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "inventory", "roleArn": ROLE}
    again = {**arguments, "clientRequestToken": "once", "disableSessionTags": True}
    assert refused(aws.client("eks").create_pod_identity_association, **again)[0] == "ResourceInUseException"


BAD: dict[str, tuple[dict[str, Any], tuple[str, int], str]] = {
    "a cluster that is not there": (
        {"clusterName": "other"},
        ("ResourceNotFoundException", 404),
        "No cluster found for name: other.",
    ),
    "a role that is not there": (
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/none"},
        ("InvalidParameterException", 400),
        "Role provided in the request does not exist.",
    ),
    "a role of another account": (
        {"roleArn": "arn:aws:iam::444455556666:role/pods"},
        ("AccessDeniedException", 403),
        f"User: arn:aws:iam::{ACCOUNT}:user/admin is not authorized to perform: iam:PassRole on resource: ",
    ),
    "a role's name": ({"roleArn": "pods"}, ("InvalidParameterException", 400), "pods is not a valid role ARN."),
    "a user's ARN": (
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:user/admin"},
        ("InvalidParameterException", 400),
        f"arn:aws:iam::{ACCOUNT}:user/admin is not a valid role ARN.",
    ),
    "a role that does not trust EKS": (
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/untrusting"},
        ("InvalidParameterException", 400),
        "Trust policy of the role provided is invalid",
    ),
    "a namespace that cannot be": (
        {"namespace": "Shop"},
        ("InvalidParameterException", 400),
        "Shop is not a valid namespace name.",
    ),
    "a service account that cannot be": (
        {"serviceAccount": "a/b"},
        ("InvalidParameterException", 400),
        "a/b is not a valid service account name.",
    ),
    "a target that is no role": (
        {"targetRoleArn": "x"},
        ("InvalidParameterException", 400),
        "x is not a valid role ARN.",
    ),
    "a policy while tags are on": (
        {"policy": policy(allow("*"))},
        ("InvalidParameterException", 400),
        "A policy can only be specified when disableSessionTags is true.",
    ),
    "a policy that is none": (
        {"policy": "{", "disableSessionTags": True},
        ("InvalidParameterException", 400),
        "The policy is invalid: ",
    ),
    "too many tags": (
        {"tags": {f"k{n}": "v" for n in range(51)}},
        ("InvalidParameterException", 400),
        "1 validation error detected: Value at 'tags' failed to satisfy constraint",
    ),
}


@pytest.mark.parametrize(("changed", "expected", "message"), BAD.values(), ids=BAD.keys())
def test_an_invalid_association_is_refused(
    aws: LocalAWS, changed: dict[str, Any], expected: tuple[str, int], message: str
) -> None:
    aws.role("pods", trust_of_pods())
    aws.role("untrusting", trust_of(f"arn:aws:iam::{ACCOUNT}:root", "sts:*"))
    arguments = {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "inventory", "roleArn": ROLE}
    found = refused(aws.client("eks").create_pod_identity_association, **{**arguments, **changed})
    assert found[:2] == expected
    assert found[2].startswith(message)


def test_creating_an_association_needs_permission_to_pass_its_role(aws: LocalAWS) -> None:
    aws.role("pods", trust_of_pods())
    creator = aws.user("creator", allow("eks:*"))
    arguments = {"clusterName": "podrole", "namespace": "shop", "serviceAccount": "inventory", "roleArn": ROLE}
    code, status, message = refused(aws.client("eks", creator).create_pod_identity_association, **arguments)
    assert (code, status) == ("AccessDeniedException", 403)
    assert "iam:PassRole" in message
    aws.client("iam").put_user_policy(
        UserName="creator", PolicyName="own", PolicyDocument=policy(allow("eks:*"), allow("iam:PassRole", ROLE))
    )
    assert aws.client("eks", creator).create_pod_identity_association(**arguments)


def test_an_association_is_updated_part_by_part(aws: LocalAWS) -> None:
    made = associate(aws)
    eks = aws.client("eks")
    identifier = {"clusterName": "podrole", "associationId": made["associationId"]}
    target = "arn:aws:iam::444455556666:role/target"
    changed = eks.update_pod_identity_association(**identifier, targetRoleArn=target)["association"]
    assert (changed["targetRoleArn"], changed["roleArn"]) == (target, ROLE)
    assert changed["externalId"] == f"us-east-1/{ACCOUNT}/podrole/shop/inventory"
    again = eks.update_pod_identity_association(**identifier, disableSessionTags=True, policy=policy(allow("s3:*")))
    assert again["association"]["externalId"] == changed["externalId"]
    assert again["association"]["policy"] == policy(allow("s3:*"))
    tags_on = refused(eks.update_pod_identity_association, **identifier, disableSessionTags=False)
    assert tags_on[:2] == ("InvalidParameterException", 400)
    plain = eks.update_pod_identity_association(**identifier, targetRoleArn="", policy="")["association"]
    assert "targetRoleArn" not in plain
    assert "policy" not in plain


def test_an_association_is_tagged(aws: LocalAWS) -> None:
    made = associate(aws, tags={"team": "blue"})
    eks = aws.client("eks")
    eks.tag_resource(resourceArn=made["associationArn"], tags={"stage": "test"})
    assert eks.list_tags_for_resource(resourceArn=made["associationArn"])["tags"] == {"team": "blue", "stage": "test"}
    eks.untag_resource(resourceArn=made["associationArn"], tagKeys=["team"])
    assert eks.list_tags_for_resource(resourceArn=made["associationArn"])["tags"] == {"stage": "test"}
