"""EKS as the endpoint answers it, without an endpoint: clusters, their parts, associations, the exchange of a pod's
token."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from podrole.account.eks import records
from podrole.account.eks.records import AssociationRecord
from podrole.account.identities import IdentityDirectory
from podrole.account.store import AccountStore
from podrole.aws.caller import Caller, caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.operations import pod_identity_associations
from podrole.aws.operations.eks import EKS, ClusterInfo
from podrole.aws.operations.eks_auth import EKSAuth
from podrole.aws.operations.pod_identity_associations import PodIdentityAssociations
from podrole.aws.protocol.call import IdentifiedCall
from podrole.base.certificates import Authority, thumbprint
from podrole.iam.directory import User
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.sts.credentials import Vault
from podrole.sts.pod_identity import AUDIENCE, Cluster
from support.aws_facts import NOW, call_of, request
from support.clock import Turned
from support.sts import Accounts, Published, a_role, allow, document

ACCOUNT, STRANGER, REGION = "111122223333", "444455556666", "us-east-1"
ISSUER = f"https://oidc.eks.{REGION}.amazonaws.com/id/ABC"
ARN = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/podrole"
CERTIFICATE = Authority.create("test", now=NOW).certificate_pem
INFO = ClusterInfo("podrole", ARN, "https://127.0.0.1:6443", CERTIFICATE, ISSUER, "1.36", NOW)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pods"
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"
UNTRUSTING = f"arn:aws:iam::{ACCOUNT}:role/untrusting"
TARGET = f"arn:aws:iam::{STRANGER}:role/target"
TRUST = allow("sts:AssumeRole", "sts:TagSession", Principal={"Service": AUDIENCE})
KEY = SigningKey.generate("ES256")
POLICY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"})


def caller_in(account: str) -> Caller:
    return caller_of_user(User(f"arn:aws:iam::{account}:user/ann", "AIDAANN", "ann", account), "AKIA1")


class World:
    """EKS and EKS Auth over an account store, with roles that EKS may assume."""

    def __init__(self) -> None:
        self.clock = Turned(NOW)
        self.store = AccountStore(self.clock, os.urandom)
        self.eks = EKS(INFO, self.store)
        roles = [a_role(TRUST, arn=ROLE), a_role(TRUST, arn=OTHER_ROLE)]
        chained = allow("sts:AssumeRole", "sts:TagSession", Principal={"AWS": ROLE})
        roles += [a_role(allow("sts:AssumeRole"), arn=UNTRUSTING), a_role(chained, arn=TARGET)]
        directory = cast("IdentityDirectory", Accounts(roles))
        self.associations = PodIdentityAssociations(self.eks, self.store, directory)
        self.vault = Vault(b"k" * 32)
        keys = Published(ISSUER, [KEY.verification_key])
        self.auth = EKSAuth(INFO, self.eks, self.store, directory, keys, self.vault)
        self.call: IdentifiedCall | None = None

    async def __call__(self, operation: str, account: str = ACCOUNT, region: str = REGION, **given: Any) -> Any:
        name = "eks-auth:AssumeRoleForPodIdentity" if operation == "AssumeRoleForPodIdentity" else f"eks:{operation}"
        self.call = call = call_of(name, request(client="192.0.2.7"), **given)
        call.region, call.received_at = region, self.clock.now
        answers = {
            "AssumeRoleForPodIdentity": self.auth.assume_role_for_pod_identity,
            "CreatePodIdentityAssociation": self.associations.create,
            "UpdatePodIdentityAssociation": self.associations.update,
            "DescribePodIdentityAssociation": self.associations.describe,
            "DeletePodIdentityAssociation": self.associations.delete,
            "ListPodIdentityAssociations": self.associations.list,
        }
        answer = await answers.get(operation, self.eks.answer)(call, caller_in(account))
        return json.loads(answer.body)

    async def refusal(self, operation: str, **given: Any) -> tuple[str, int, str]:
        with pytest.raises(AWSError) as raised:
            await self(operation, **given)
        return raised.value.error_code, raised.value.status, raised.value.message


@pytest.fixture
def world() -> World:
    return World()


NEW: dict[str, Any] = {"roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": ["subnet-1"]}}
NODEGROUP: dict[str, Any] = {"clusterName": "shop", "subnets": ["subnet-1"], "nodeRole": ROLE}
PROFILE: dict[str, Any] = {
    "clusterName": "shop",
    "podExecutionRoleArn": ROLE,
    "selectors": [{"namespace": "a"}],
}
AGENT = {"clusterName": "podrole", "addonName": "eks-pod-identity-agent"}
MISSING = "ResourceNotFoundException"


def invalid(text: str) -> tuple[str, int, str]:
    return "InvalidParameterException", 400, text


def no_cluster(name: str) -> tuple[str, int, str]:
    return MISSING, 404, f"No cluster found for name: {name}."


FIXED = ("InvalidRequestException", 400, "podrole is podrole's embedded cluster: it cannot be changed through EKS.")


# Clusters


async def test_embedded_cluster_is_described_as_eks_describes_one(world: World) -> None:
    found = (await world("DescribeCluster", name="podrole"))["cluster"]
    assert found == {
        "name": "podrole",
        "arn": ARN,
        "createdAt": NOW,
        "version": "1.36",
        "endpoint": "https://127.0.0.1:6443",
        "identity": {"oidc": {"issuer": ISSUER}},
        "status": "ACTIVE",
        "certificateAuthority": {"data": found["certificateAuthority"]["data"]},
        "platformVersion": "podrole.1",
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
        "tags": {},
    }
    assert await world("ListTagsForResource", resourceArn=ARN) == {"tags": {}}


def test_pods_of_the_embedded_cluster_are_known_by_its_issuer() -> None:
    assert INFO.for_pods() == Cluster("podrole", ARN, ACCOUNT, ISSUER, (thumbprint(CERTIFICATE),))


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateAddon", AGENT, ("NotImplemented", 501, "podrole's local AWS does not simulate eks:CreateAddon.")),
        ("DescribeCluster", {}, invalid("1 validation error detected: Value at 'name' failed to satisfy constraint")),
        ("CreateCluster", {"name": "podrole", **NEW}, ("ResourceInUseException", 409, "Cluster already exists")),
        ("CreateCluster", {"name": "shop", **NEW}, ("ResourceInUseException", 409, "Cluster already exists")),
        ("DeleteCluster", {"name": "podrole"}, FIXED),
        ("DeleteCluster", {"name": "none"}, no_cluster("none")),
        ("TagResource", {"resourceArn": ARN, "tags": {"a": "b"}}, FIXED),
        ("CreateNodegroup", {**NODEGROUP, "clusterName": "podrole", "nodegroupName": "n"}, FIXED),
        (
            "DescribeNodegroup",
            {"clusterName": "podrole", "nodegroupName": "n"},
            (MISSING, 404, "No node group found for name: n."),
        ),
        (
            "DeleteFargateProfile",
            {"clusterName": "podrole", "fargateProfileName": "f"},
            (MISSING, 404, "No Fargate Profile found with name: f."),
        ),
        ("ListNodegroups", {"clusterName": "none"}, no_cluster("none")),
        ("ListAddons", {"clusterName": "none"}, no_cluster("none")),
        ("DescribeAddon", {**AGENT, "clusterName": "none"}, no_cluster("none")),
        (
            "DescribeAddon",
            {**AGENT, "addonName": "x"},
            (MISSING, 404, "No addon: x found in cluster: podrole"),
        ),
        (
            "DescribeAddon",
            {**AGENT, "clusterName": "shop"},
            (MISSING, 404, "No addon: eks-pod-identity-agent found in cluster: shop"),
        ),
        ("ListClusters", {"nextToken": "x"}, invalid("The nextToken is not one of this list.")),
    ],
)
async def test_call_about_clusters_is_refused(
    world: World, operation: str, given: dict[str, Any], expected: tuple[str, int, str]
) -> None:
    await world("CreateCluster", name="shop", **NEW)
    found = await world.refusal(operation, **given)
    assert found[:2] == expected[:2]
    assert found[2].startswith(expected[2])


@pytest.mark.parametrize(
    ("account", "region", "exists"),
    [(ACCOUNT, REGION, True), (STRANGER, REGION, False), (ACCOUNT, "eu-west-1", False)],
)
async def test_embedded_cluster_is_one_of_its_account_and_region(
    world: World, account: str, region: str, exists: bool
) -> None:
    place = {"account": account, "region": region}
    assert (await world("ListClusters", **place))["clusters"] == (["podrole"] if exists else [])
    if exists:
        assert (await world("DescribeCluster", name="podrole"))["cluster"]["arn"] == ARN
    else:
        assert await world.refusal("DescribeCluster", name="podrole", **place) == no_cluster("podrole")


async def test_other_clusters_are_listed_after_the_embedded_one(world: World) -> None:
    for name in ("b", "a"):
        await world("CreateCluster", name=name, **NEW)
    assert await world("ListClusters") == {"clusters": ["podrole", "a", "b"]}
    page = await world("ListClusters", maxResults=2)
    assert page["clusters"] == ["podrole", "a"]
    assert await world("ListClusters", maxResults=2, nextToken=page["nextToken"]) == {"clusters": ["b"]}
    assert await world("ListClusters", maxResults=3) == {"clusters": ["podrole", "a", "b"]}
    assert (await world("DescribeCluster", name="a"))["cluster"]["name"] == "a"


async def test_page_has_1_to_100_items(world: World) -> None:
    for number in range(101):
        await world("CreateCluster", name=f"c{number}", **NEW)
    assert len((await world("ListClusters"))["clusters"]) == 100
    assert len((await world("ListClusters", maxResults=100))["clusters"]) == 100
    assert len((await world("ListClusters", maxResults=1))["clusters"]) == 1
    for number in (0, 101):
        found = await world.refusal("ListClusters", maxResults=number)
        assert found[:2] == ("InvalidParameterException", 400)


async def test_parts_of_a_cluster_are_listed_by_kind(world: World) -> None:
    await world("CreateCluster", name="shop", **NEW)
    for number in (2, 1):
        await world("CreateNodegroup", nodegroupName=f"n{number}", **NODEGROUP)
        await world("CreateFargateProfile", fargateProfileName=f"f{number}", **PROFILE)
    for operation, member, names in (
        ("ListNodegroups", "nodegroups", ["n1", "n2"]),
        ("ListFargateProfiles", "fargateProfileNames", ["f1", "f2"]),
    ):
        assert await world(operation, clusterName="shop") == {member: names}
        page = await world(operation, clusterName="shop", maxResults=1)
        assert page[member] == names[:1]
        token = page["nextToken"]
        assert await world(operation, clusterName="shop", nextToken=token) == {member: names[1:]}
        assert await world(operation, clusterName="podrole") == {member: []}
    assert (await world("DescribeNodegroup", clusterName="shop", nodegroupName="n1"))["nodegroup"]


async def test_embedded_cluster_has_the_agent_as_an_addon(world: World) -> None:
    await world("CreateCluster", name="shop", **NEW)
    assert await world("ListAddons", clusterName="podrole") == {"addons": ["eks-pod-identity-agent"]}
    assert await world("ListAddons", clusterName="shop") == {"addons": []}
    addon = (await world("DescribeAddon", **AGENT))["addon"]
    assert addon["addonArn"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:addon/podrole/eks-pod-identity-agent/podrole"
    assert (addon["status"], addon["clusterName"]) == ("ACTIVE", "podrole")


# Associations

GIVEN: dict[str, Any] = {
    "clusterName": "podrole",
    "namespace": "shop",
    "serviceAccount": "inventory",
    "roleArn": ROLE,
}


async def associate(world: World, **changed: Any) -> dict[str, Any]:
    answer = await world("CreatePodIdentityAssociation", **{**GIVEN, **changed})
    return dict(answer["association"])


def named(association: Mapping[str, Any]) -> dict[str, Any]:
    return {"clusterName": association["clusterName"], "associationId": association["associationId"]}


async def test_association_is_created_described_and_deleted(world: World) -> None:
    made = await associate(world, tags={"team": "blue"})
    name = made["associationId"]
    assert (len(name), name[:2]) == (19, "a-")
    assert made == {
        **GIVEN,
        "associationId": name,
        "associationArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:podidentityassociation/podrole/{name}",
        "tags": {"team": "blue"},
        "createdAt": NOW,
        "modifiedAt": NOW,
        "disableSessionTags": False,
    }
    assert await world("DescribePodIdentityAssociation", **named(made)) == {"association": made}
    assert await world("DeletePodIdentityAssociation", **named(made)) == {"association": made}
    assert await world("ListPodIdentityAssociations", clusterName="podrole") == {"associations": []}


def test_an_id_is_made_of_small_letters_and_digits() -> None:
    assert pod_identity_associations._ID_LETTERS == "abcdefghijklmnopqrstuvwxyz0123456789"


BAD: dict[str, tuple[dict[str, Any], tuple[str, int, str]]] = {
    "no cluster": ({"clusterName": "none"}, no_cluster("none")),
    "an input that does not fit the model": (
        {"tags": {f"k{number}": "v" for number in range(51)}},
        invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint"),
    ),
    "a namespace that cannot be": ({"namespace": "Shop"}, invalid("Shop is not a valid namespace name.")),
    "a service account that cannot be": (
        {"serviceAccount": "a/b"},
        invalid("a/b is not a valid service account name."),
    ),
    "a text that is no ARN": ({"roleArn": "pods"}, invalid("pods is not a valid role ARN.")),
    "a user": (
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:user/ann"},
        invalid(f"arn:aws:iam::{ACCOUNT}:user/ann is not a valid role ARN."),
    ),
    "a role of another account": (
        {"roleArn": TARGET},
        invalid("Role provided in the request is not in the cluster's account."),
    ),
    "no role": ({"roleArn": f"{ROLE}x"}, invalid("Role provided in the request does not exist.")),
    "a role that does not trust EKS": (
        {"roleArn": UNTRUSTING},
        invalid("Trust policy of the role provided is invalid"),
    ),
    "a target that is no role": ({"targetRoleArn": "x"}, invalid("x is not a valid role ARN.")),
    "a policy while tags are on": (
        {"policy": POLICY},
        invalid("A policy can only be specified when disableSessionTags is true."),
    ),
    "a policy that is none": ({"policy": "{", "disableSessionTags": True}, invalid("The policy is invalid: ")),
    "a policy with a principal": (
        {"policy": document(allow("s3:GetObject", Principal="*", Resource="*")), "disableSessionTags": True},
        invalid("The policy is invalid: "),
    ),
    "a policy about another partition": (
        {
            "policy": document(allow("s3:GetObject", Resource="arn:aws-cn:s3:::a/b")),
            "disableSessionTags": True,
        },
        invalid("The policy is invalid: "),
    ),
}


@pytest.mark.parametrize(("changed", "expected"), BAD.values(), ids=BAD.keys())
async def test_association_is_refused(world: World, changed: dict[str, Any], expected: tuple[str, int, str]) -> None:
    found = await world.refusal("CreatePodIdentityAssociation", **{**GIVEN, **changed})
    assert found[:2] == expected[:2]
    assert found[2].startswith(expected[2])


async def test_association_is_one_of_its_cluster(world: World) -> None:
    await world("CreateCluster", name="shop", **NEW)
    made = await associate(world)
    missing = (MISSING, 404, f"The specified associationId {made['associationId']} could not be found.")
    for operation in ("Describe", "Update", "Delete"):
        given = {**named(made), "clusterName": "shop"}
        assert await world.refusal(f"{operation}PodIdentityAssociation", **given) == missing
        given = {**named(made), "clusterName": "none"}
        assert await world.refusal(f"{operation}PodIdentityAssociation", **given) == no_cluster("none")
        given = {**named(made), "associationId": "a-none"}
        assert (await world.refusal(f"{operation}PodIdentityAssociation", **given))[:2] == (MISSING, 404)
    assert await world.refusal("ListPodIdentityAssociations", clusterName="none") == no_cluster("none")
    assert (await associate(world, clusterName="shop"))["clusterName"] == "shop"


async def test_service_account_has_one_association(world: World) -> None:
    made = await associate(world)
    in_use = ("ResourceInUseException", 409, f"Association already exists: {made['associationId']}")
    assert await world.refusal("CreatePodIdentityAssociation", **GIVEN) == in_use
    await associate(world, namespace="other")
    await associate(world, serviceAccount="other")


@pytest.mark.parametrize(
    "changed",
    [
        {"clientRequestToken": "twice"},
        {"roleArn": OTHER_ROLE},
        {"disableSessionTags": True},
        {"targetRoleArn": TARGET},
        {"tags": {"a": "b"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_repeated_request_makes_one_association(world: World, changed: dict[str, Any]) -> None:
    made = await associate(world, clientRequestToken="once")
    assert await associate(world, clientRequestToken="once") == made
    given = {**GIVEN, "clientRequestToken": "once", **changed}
    assert (await world.refusal("CreatePodIdentityAssociation", **given))[0] == "ResourceInUseException"


async def test_cluster_has_a_maximum_of_associations(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert records.MOST_ASSOCIATIONS == 5_000
    monkeypatch.setattr(pod_identity_associations, "MOST_ASSOCIATIONS", 2)
    for name in ("a", "b"):
        await associate(world, serviceAccount=name)
    assert await world.refusal("CreatePodIdentityAssociation", **GIVEN) == (
        "ResourceLimitExceededException",
        400,
        "The cluster podrole has the maximum number of 2 pod identity associations.",
    )


async def test_associations_are_listed_by_namespace_and_service_account(world: World) -> None:
    for namespace, account in (("shop", "inventory"), ("shop", "checkout"), ("warehouse", "inventory")):
        await associate(world, namespace=namespace, serviceAccount=account)
        world.clock.now += 1

    async def names(**wanted: Any) -> list[str]:
        found = (await world("ListPodIdentityAssociations", clusterName="podrole", **wanted))["associations"]
        return [f"{one['namespace']}/{one['serviceAccount']}" for one in found]

    assert await names() == ["shop/inventory", "shop/checkout", "warehouse/inventory"]
    assert await names(namespace="shop") == ["shop/inventory", "shop/checkout"]
    assert await names(serviceAccount="inventory") == ["shop/inventory", "warehouse/inventory"]
    page = await world("ListPodIdentityAssociations", clusterName="podrole", maxResults=2)
    assert len(page["associations"]) == 2
    assert await names(nextToken=page["nextToken"]) == ["warehouse/inventory"]
    for number in (0, 101):
        found = await world.refusal("ListPodIdentityAssociations", clusterName="podrole", maxResults=number)
        assert found == invalid("maxResults must be between 1 and 100.")


EXTERNAL = f"{REGION}/{ACCOUNT}/podrole/shop/inventory"
LIMITED = {"policy": POLICY, "disableSessionTags": True}


@pytest.mark.parametrize(
    ("before", "update", "expected"),
    [
        ({}, {}, {}),
        ({}, {"roleArn": OTHER_ROLE}, {"roleArn": OTHER_ROLE}),
        ({}, {"disableSessionTags": True}, {"disableSessionTags": True}),
        ({"disableSessionTags": True}, {"disableSessionTags": False}, {"disableSessionTags": False}),
        ({"disableSessionTags": True}, {"roleArn": OTHER_ROLE}, {"roleArn": OTHER_ROLE}),
        ({}, {"targetRoleArn": TARGET}, {"targetRoleArn": TARGET, "externalId": EXTERNAL}),
        ({"targetRoleArn": TARGET}, {"targetRoleArn": ""}, {"targetRoleArn": None, "externalId": None}),
        ({}, LIMITED, LIMITED),
        ({"disableSessionTags": True}, {"policy": POLICY}, {"policy": POLICY}),
        (LIMITED, {"policy": ""}, {"policy": None}),
        (LIMITED, {"policy": "", "disableSessionTags": False}, {"policy": None, "disableSessionTags": False}),
        (LIMITED, {"disableSessionTags": True}, {}),
        (LIMITED, {"roleArn": OTHER_ROLE}, {"roleArn": OTHER_ROLE}),
    ],
)
async def test_association_is_updated_part_by_part(
    world: World, before: dict[str, Any], update: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = await associate(world, **before)
    world.clock.now += 60
    changed = (await world("UpdatePodIdentityAssociation", **named(made), **update))["association"]
    wanted = {**made, **expected, "modifiedAt": NOW + 60}
    assert changed == {name: value for name, value in wanted.items() if value is not None}
    assert await world("DescribePodIdentityAssociation", **named(made)) == {"association": changed}
    kept = world.store.eks(ACCOUNT, REGION).get(AssociationRecord, made["associationId"])
    assert kept is not None
    assert kept.association.external_id == changed.get("externalId")


TAGS_ON = invalid("A policy can only be specified when disableSessionTags is true.")


@pytest.mark.parametrize(
    ("before", "update", "expected"),
    [
        ({}, {"policy": POLICY}, TAGS_ON),
        ({"disableSessionTags": True}, {"policy": POLICY, "disableSessionTags": False}, TAGS_ON),
        (
            LIMITED,
            {"disableSessionTags": False},
            invalid("Session tags cannot be enabled for an association that has a policy."),
        ),
        ({}, {"roleArn": UNTRUSTING}, invalid("Trust policy of the role provided is invalid")),
        ({}, {"targetRoleArn": "x"}, invalid("x is not a valid role ARN.")),
        ({"disableSessionTags": True}, {"policy": "{"}, invalid("The policy is invalid: ")),
    ],
)
async def test_update_is_refused(
    world: World, before: dict[str, Any], update: dict[str, Any], expected: tuple[str, int, str]
) -> None:
    made = await associate(world, **before)
    found = await world.refusal("UpdatePodIdentityAssociation", **named(made), **update)
    assert found[:2] == expected[:2]
    assert found[2].startswith(expected[2])
    assert await world("DescribePodIdentityAssociation", **named(made)) == {"association": made}


@pytest.mark.parametrize("operation", ["Update", "Delete"])
async def test_association_that_is_deleted_meanwhile_is_not_found(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    made = await associate(world)
    kept = world.store.eks(ACCOUNT, REGION).get(AssociationRecord, made["associationId"])
    assert kept is not None
    for now in (None, replace(kept, cluster="shop")):
        monkeypatch.setattr(world.associations, "_stored", lambda call, caller: kept)
        state = world.store.newest.eks(ACCOUNT, REGION)
        state.remove(kept)
        if now is not None:
            state.put(now)
        found = await world.refusal(f"{operation}PodIdentityAssociation", **named(made))
        assert found == (MISSING, 404, f"The specified associationId {made['associationId']} could not be found.")


# The exchange of a pod's token


def token(**changed: Any) -> str:
    claims = {
        "iss": ISSUER,
        "sub": "system:serviceaccount:shop:inventory",
        "aud": [AUDIENCE],
        "iat": int(NOW),
        "exp": int(NOW) + 3_600,
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": {"name": "inventory", "uid": "s"},
            "pod": {"name": "web-0", "uid": "p"},
        },
    }
    return mint({**claims, **changed}, KEY)


async def test_pod_becomes_a_session_of_its_role(world: World) -> None:
    association = await associate(world)
    answer = await world("AssumeRoleForPodIdentity", clusterName="podrole", token=token())
    credentials = answer.pop("credentials")
    session = world.vault.open(credentials["accessKeyId"], credentials["sessionToken"])
    assert session is not None
    assert credentials["secretAccessKey"] == world.vault.secret_of(credentials["accessKeyId"])
    assert credentials["expiration"] == NOW + 6 * 3_600
    assert session.name.startswith("eks-podrole-web-0-")
    assert len(session.name) == len("eks-podrole-web-0-") + 36
    assert answer == {
        "subject": {"namespace": "shop", "serviceAccount": "inventory"},
        "audience": AUDIENCE,
        "podIdentityAssociation": {
            "associationArn": association["associationArn"],
            "associationId": association["associationId"],
        },
        "assumedRoleUser": {"arn": session.arn, "assumeRoleId": session.id},
    }
    assert world.call is not None
    assert world.call.explanation == {
        "subject": "system:serviceaccount:shop:inventory",
        "pod": "web-0",
        "association": association["associationId"],
        "session": session.arn,
    }


async def test_cluster_of_the_exchange_is_the_embedded_one(world: World) -> None:
    await world("CreateCluster", name="shop", **NEW)
    given = {"token": token(), "clusterName": "shop"}
    assert await world.refusal("AssumeRoleForPodIdentity", **given) == no_cluster("shop")
    found = await world.refusal("AssumeRoleForPodIdentity", token=token())
    assert found[:2] == ("InvalidParameterException", 400)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, ""),
        ({"exp": int(NOW) - 1}, "ExpiredTokenException"),
        ({"sub": "system:serviceaccount:shop:other"}, "InvalidTokenException"),
    ],
)
async def test_token_is_judged_at_the_time_of_the_call(world: World, changed: dict[str, Any], code: str) -> None:
    await associate(world)
    given = {"clusterName": "podrole", "token": token(**changed)}
    if code:
        assert (await world.refusal("AssumeRoleForPodIdentity", **given))[:2] == (code, 400)
    else:
        assert await world("AssumeRoleForPodIdentity", **given)


async def test_service_account_without_an_association_gets_nothing(world: World) -> None:
    await associate(world, serviceAccount="other")
    found = await world.refusal("AssumeRoleForPodIdentity", clusterName="podrole", token=token())
    assert found[:2] == (MISSING, 404)


async def test_chain_to_a_target_role_is_decided_by_the_roles_policies(world: World) -> None:
    await associate(world, targetRoleArn=TARGET)
    found = await world.refusal("AssumeRoleForPodIdentity", clusterName="podrole", token=token())
    assert found[:2] == ("AccessDeniedException", 400)
