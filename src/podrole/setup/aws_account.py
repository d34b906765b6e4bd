"""An AWS account that a set-up reads and changes, through its API, with boto3's usual credentials.

``podrole.setup.permissions`` lists the operations that it calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from podrole.base.user_agents import PODROLE
from podrole.doctor.errors import SourceError
from podrole.doctor.sources.aws_session import Access, AWSSession, policy_text
from podrole.setup.aws_errors import failure
from podrole.setup.errors import CallFailed, NotThere
from podrole.setup.found import FoundAssociation, FoundProvider, FoundRole
from podrole.setup.ownership import CLUSTER, EKSCTL_CLUSTER, ROLE_DESCRIPTION, is_users
from podrole.setup.permissions import WRITE_OPERATIONS
from podrole.setup.wanted import ServiceAccountName
from podrole.setup.writes import AccountCall

CLUSTER_TAGS = (CLUSTER, EKSCTL_CLUSTER, "eksctl.cluster.k8s.io/v1alpha1/cluster-name")
"""The tags that name a role's cluster: podrole's, and eksctl's two."""

AGENT_ADDON = "eks-pod-identity-agent"

_NO_ADDON = ("CREATE_FAILED", "DELETING")
_PARALLEL = 8
_NOT_FOR_PODS = ("/aws-service-role/", "/aws-reserved/")
"""Paths of roles that only AWS makes."""


class AWSAccount:
    """See ``podrole.setup.seams.SetupAccount``. Several threads can use one object."""

    def __init__(self, access: Access) -> None:
        """Find credentials and their account. Raises CallFailed if there are none, or AWS rejects them."""
        try:
            self._session = AWSSession(access, PODROLE)
        except SourceError as problem:
            raise failure(problem, "", "aws", {}) from problem

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @property
    def id(self) -> str:
        """See SetupAccount."""
        return self._session.account

    @property
    def partition(self) -> str:
        """See SetupAccount."""
        return self._session.partition

    @property
    def region(self) -> str:
        """See SetupAccount."""
        return self._session.region

    # IAM

    def provider(self, arn: str) -> FoundProvider | None:
        """See SetupAccount."""
        answer = self._found("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
        if answer is None:
            return None
        return FoundProvider(
            arn, tuple(answer.get("ClientIDList", ())), tuple(answer.get("ThumbprintList", ())), _tags(answer)
        )

    def role(self, name: str) -> FoundRole | None:
        """See SetupAccount. Returns None also if the role is deleted while it is read."""
        answer = self._found("iam", "get_role", RoleName=name)
        try:
            return None if answer is None else self._with_policies(answer["Role"])
        except NotThere:
            return None

    def trust_policy(self, name: str) -> str | None:
        """See SetupAccount."""
        answer = self._found("iam", "get_role", RoleName=name)
        return None if answer is None else policy_text(answer["Role"]["AssumeRolePolicyDocument"])

    def _with_policies(self, role: Mapping[str, Any]) -> FoundRole:
        name = role["RoleName"]
        attached = self._listed("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        inline = {}
        for policy in self._listed("iam", "list_role_policies", "PolicyNames", RoleName=name):
            document = self._call("iam", "get_role_policy", RoleName=name, PolicyName=policy)["PolicyDocument"]
            inline[policy] = policy_text(document)
        return FoundRole(
            arn=role["Arn"],
            name=name,
            trust_policy=policy_text(role["AssumeRolePolicyDocument"]),
            managed=tuple(policy["PolicyArn"] for policy in attached),
            inline=inline,
            boundary=(role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
            tags=_tags(role),
        )

    def has_policy(self, arn: str) -> bool:
        """See SetupAccount."""
        return self._found("iam", "get_policy", PolicyArn=arn) is not None

    def tagged_roles(self, cluster: str) -> Sequence[FoundRole]:
        """See SetupAccount.

        No call finds roles by tag: ListRoles leaves tags out, and the Resource Groups Tagging API does not know roles.
        ListRoles shows trust policies, so GetRole is called, eight at a time, only for roles that pods could have:
        those whose trust policy names an OpenID Connect provider or EKS Pod Identity, or whose description is
        podrole's. podrole and eksctl make no other roles. A role of theirs is missed only after somebody replaced
        both its trust policy and its description. The cost is one call for 1,000 roles and one for each candidate;
        four or more for each role that is returned.
        """
        names = [
            role["RoleName"] for role in self._listed("iam", "list_roles", "Roles") if could_be_of_service_account(role)
        ]
        with ThreadPoolExecutor(_PARALLEL) as threads:
            roles = list(threads.map(lambda name: self._role_of(name, cluster), names))
        return [role for role in roles if role is not None]

    def _role_of(self, name: str, cluster: str) -> FoundRole | None:
        answer = self._found("iam", "get_role", RoleName=name)
        if answer is None or all(_tags(answer["Role"]).get(tag) != cluster for tag in CLUSTER_TAGS):
            return None
        try:
            return self._with_policies(answer["Role"])
        except NotThere:
            return None

    # EKS

    def cluster_arn_and_issuer(self, cluster: str) -> tuple[str, str] | None:
        """See SetupAccount."""
        answer = self._found("eks", "describe_cluster", name=cluster)
        if answer is None:
            return None
        described = answer["cluster"]
        return described["arn"], described.get("identity", {}).get("oidc", {}).get("issuer", "")

    def has_pod_identity_agent(self, cluster: str) -> bool:
        """See SetupAccount."""
        answer = self._found("eks", "describe_cluster", name=cluster)
        if answer is not None and (answer["cluster"].get("computeConfig") or {}).get("enabled"):
            return True
        addon = self._found("eks", "describe_addon", clusterName=cluster, addonName=AGENT_ADDON)
        return addon is not None and addon["addon"].get("status") not in _NO_ADDON

    def association(self, cluster: str, account: ServiceAccountName) -> FoundAssociation | None:
        """See SetupAccount."""
        associations = self._associations(cluster, namespace=account.namespace, serviceAccount=account.name)
        return associations[0] if associations else None

    def associations(self, cluster: str) -> Sequence[FoundAssociation]:
        """See SetupAccount."""
        return self._associations(cluster)

    def _associations(self, cluster: str, **only: str) -> list[FoundAssociation]:
        listed = self._listed("eks", "list_pod_identity_associations", "associations", clusterName=cluster, **only)
        ids = [summary["associationId"] for summary in listed]
        with ThreadPoolExecutor(_PARALLEL) as threads:
            associations = list(threads.map(lambda key: self._association(cluster, key), ids))
        return [association for association in associations if association is not None]

    def _association(self, cluster: str, key: str) -> FoundAssociation | None:
        answer = self._found("eks", "describe_pod_identity_association", clusterName=cluster, associationId=key)
        if answer is None:
            return None
        association = answer["association"]
        return FoundAssociation(
            id=key,
            arn=association["associationArn"],
            account=ServiceAccountName(association["namespace"], association["serviceAccount"]),
            role_arn=association["roleArn"],
            target_role_arn=association.get("targetRoleArn"),
            disable_session_tags=bool(association.get("disableSessionTags")),
            session_policy=association.get("policy"),
            external_id=association.get("externalId"),
            owner_arn=association.get("ownerArn"),
            tags=association.get("tags") or {},
        )

    # Calls

    def call(self, call: AccountCall) -> None:
        """See SetupAccount. Raises ValueError for an operation that is not in ``WRITE_OPERATIONS``."""
        if self._session.action(call.service, call.operation) not in WRITE_OPERATIONS:
            raise ValueError(f"A set-up does not call {call.service}:{call.operation}.")
        self._call(call.service, call.operation, **call.parameters)

    def _found(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        try:
            return self._call(service, operation, **parameters)
        except NotThere:
            return None

    def _call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self._session.call(service, operation, **parameters)
        except SourceError as problem:
            raise self._failure(problem, parameters) from problem

    def _listed(self, service: str, operation: str, member: str, **parameters: Any) -> list[Any]:
        pages = self._session.pages_of_iam if service == "iam" else self._session.pages_of_eks
        try:
            return list(pages(operation, member, **parameters))
        except SourceError as problem:
            raise self._failure(problem, parameters) from problem

    def _failure(self, problem: SourceError, parameters: Mapping[str, Any]) -> CallFailed:
        return failure(problem, self.id, self.partition, parameters)


def could_be_of_service_account(role: Mapping[str, Any]) -> bool:
    """Say whether a role of ListRoles can have been made for a service account; see ``AWSAccount.tagged_roles``."""
    if role["Path"].startswith(_NOT_FOR_PODS):
        return False
    if role.get("Description") == ROLE_DESCRIPTION:
        return True
    text = policy_text(role.get("AssumeRolePolicyDocument", ""))
    try:
        words = set(_strings(json.loads(text)))
    except ValueError:
        return True
    return any(":oidc-provider/" in word or word == "pods.eks.amazonaws.com" for word in words)


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _tags(answer: Mapping[str, Any]) -> dict[str, str]:
    return {_tag_key(tag["Key"]): tag["Value"] for tag in answer.get("Tags") or ()}


def _tag_key(key: str) -> str:
    """Return a key of IAM's, which does not tell upper from lower case, as podrole, eksctl and AWS write theirs."""
    return key if is_users(key.lower()) else key.lower()
