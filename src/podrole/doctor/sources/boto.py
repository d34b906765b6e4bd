"""An AWS account through its API, with boto3's usual credentials: read-only, except for the exchange of ``--live``.

Every operation that is called is in ``OPERATIONS``; docs/doctor.md shows them as a policy to copy. Answers are kept for
the one examination that this object serves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from podrole.base.user_agents import DOCTOR
from podrole.doctor.errors import SourceError
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.sources.aws_session import Access, AWSRefusal, AWSSession, policy_text
from podrole.iam.arn import parse_arn
from podrole.iam.directory import AccessKey, OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.errors import InvalidARN

OPERATIONS = (
    "eks:DescribeCluster",
    "eks:DescribePodIdentityAssociation",
    "eks:ListClusters",
    "eks:ListPodIdentityAssociations",
    "iam:GetOpenIDConnectProvider",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListOpenIDConnectProviders",
    "iam:ListRolePolicies",
    "iam:ListRoles",
)
"""The operations that are called, as actions. ``sts:GetCallerIdentity`` is called too; it needs no permission."""

_IF_DENIED = "docs/doctor.md lists the permissions that the doctor needs"
_MOST_CLUSTERS = 100


def read_policy() -> dict[str, Any]:
    """Return the IAM policy that a user needs to examine an account."""
    statement = {"Sid": "PodroleDoctor", "Effect": "Allow", "Action": list(OPERATIONS), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class BotoAccount:
    """See ``podrole.doctor.sources.account.Account``."""

    def __init__(self, access: Access) -> None:
        """Find credentials and their account. Raises SourceError if there are none, or AWS rejects them."""
        self._session = AWSSession(
            access, DOCTOR, if_denied="docs/doctor.md lists the permissions that the doctor needs"
        )
        self._kept: dict[tuple[str, ...], Any] = {}

    @property
    def region(self) -> str:
        """The region of EKS's calls."""
        return self._session.region

    @property
    def partition(self) -> str:
        """The account's partition."""
        return self._session.partition

    @property
    def what(self) -> str:
        """See Account."""
        return f"AWS account {self.id}"

    @property
    def id(self) -> str:
        """See Account."""
        return self._session.account

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    # Directory

    def role(self, arn: str) -> Role | None:
        """See Directory."""
        self._require_own(arn)
        name = arn.rpartition("/")[2]
        listed: Mapping[str, Role] | None = self._kept.get(("roles",))
        if listed is not None:
            known = listed.get(arn)
            # A list has no tags; if the trust policy uses them, the role itself is read.
            if known is None or "ResourceTag" not in known.trust_policy:
                return known
        answer = self._found("iam", "get_role", RoleName=name)
        role = None if answer is None else _role(answer["Role"])
        return role if role is not None and role.arn == arn else None

    def oidc_provider(self, account: str, issuer: str, partition: str = "") -> OIDCProvider | None:
        """See Directory."""
        if account != self.id:
            raise _other_account(account, self.id)
        of = partition or self.partition
        return self._provider(f"arn:{of}:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}", issuer)

    def _provider(self, arn: str, issuer: str | None = None) -> OIDCProvider | None:
        answer = self._found("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
        if answer is None:
            return None
        url = "https://" + str(answer["Url"]).removeprefix("https://")
        if issuer is not None and url != issuer:
            return None
        return OIDCProvider(arn, url, tuple(answer.get("ClientIDList", ())), tuple(answer.get("ThumbprintList", ())))

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """See Directory. Reads the policies of roles only: no pod is a user."""
        if isinstance(principal, User):
            raise SourceError("The policies of users are not read.")
        name = principal.name
        boundary = (self._session.call("iam", "get_role", RoleName=name)["Role"].get("PermissionsBoundary") or {}).get(
            "PermissionsBoundaryArn"
        )
        identity = [
            self._managed(policy["PolicyArn"])
            for policy in self._session.pages_of_iam("list_attached_role_policies", "AttachedPolicies", RoleName=name)
        ]
        for inline in self._session.pages_of_iam("list_role_policies", "PolicyNames", RoleName=name):
            answer = self._session.call("iam", "get_role_policy", RoleName=name, PolicyName=inline)
            text = policy_text(answer["PolicyDocument"])
            identity.append(PolicyText(f"inline policy {inline} of role {name}", text, inline_name=inline))
        return PrincipalPolicies(tuple(identity), None if boundary is None else self._managed(boundary))

    def _managed(self, arn: str) -> PolicyText:
        return self.managed_policy(arn) or PolicyText(arn, '{"Version":"2012-10-17","Statement":[]}')

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory."""
        answer = self._found("iam", "get_policy", PolicyArn=arn)
        if answer is None:
            return None
        version = self._session.call(
            "iam", "get_policy_version", PolicyArn=arn, VersionId=answer["Policy"]["DefaultVersionId"]
        )
        return PolicyText(arn, policy_text(version["PolicyVersion"]["Document"]))

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory. Always raises SourceError: AWS never shows a key's secret."""
        raise SourceError(f"The secret of access key {key_id} cannot be read.")

    # Lists

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """See Account."""
        if ("providers",) not in self._kept:
            listed = self._session.call("iam", "list_open_id_connect_providers")["OpenIDConnectProviderList"]
            read = (self._provider(entry["Arn"]) for entry in listed)
            self._kept["providers",] = tuple(provider for provider in read if provider is not None)
        known: tuple[OIDCProvider, ...] = self._kept["providers",]
        return known

    def roles(self) -> Sequence[Role]:
        """See Account."""
        if ("roles",) not in self._kept:
            roles = (_role(entry) for entry in self._session.pages_of_iam("list_roles", "Roles"))
            self._kept["roles",] = {role.arn: role for role in roles}
        return tuple(self._kept["roles",].values())

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:
        """See Account."""
        cluster = self._cluster_of(issuer)
        if cluster is None:
            return ()
        associations = []
        for entry in self._session.pages_of_eks(
            "list_pod_identity_associations", "associations", clusterName=cluster["name"]
        ):
            answer = self._session.call(
                "eks",
                "describe_pod_identity_association",
                clusterName=cluster["name"],
                associationId=entry["associationId"],
            )
            association = answer["association"]
            associations.append(
                EKSAssociation(
                    namespace=association["namespace"],
                    service_account=association["serviceAccount"],
                    role_arn=association["roleArn"],
                    cluster_name=cluster["name"],
                    cluster_arn=cluster["arn"],
                    session_tags=not association.get("disableSessionTags"),
                    target_role_arn=association.get("targetRoleArn"),
                    external_id=association.get("externalId"),
                )
            )
        return tuple(associations)

    def _cluster_of(self, issuer: str) -> dict[str, Any] | None:
        """Return the EKS cluster that has this issuer."""
        if ".eks." not in issuer:
            return None
        names = list(self._session.pages_of_eks("list_clusters", "clusters"))
        for name in names[:_MOST_CLUSTERS]:
            described = self._found("eks", "describe_cluster", name=name)
            if described and described["cluster"].get("identity", {}).get("oidc", {}).get("issuer") == issuer:
                cluster: dict[str, Any] = described["cluster"]
                return cluster
        if len(names) > _MOST_CLUSTERS:
            raise SourceError(
                f"Which EKS cluster has issuer {issuer} is unknown: region {self.region} has {len(names)} clusters, of "
                f"which {_MOST_CLUSTERS} were read."
            )
        return None

    # Calls

    def _require_own(self, arn: str) -> None:
        try:
            account = parse_arn(arn).account
        except InvalidARN:
            return
        if account and account != self.id:
            raise _other_account(account, self.id)

    def _found(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Call an operation; None if the object does not exist. Answers are kept."""
        key = (service, operation, json.dumps(parameters, sort_keys=True))
        if key not in self._kept:
            try:
                self._kept[key] = self._session.call(service, operation, **parameters)
            except AWSRefusal as refusal:
                if not refusal.not_there:
                    raise
                self._kept[key] = None
        answer: dict[str, Any] | None = self._kept[key]
        return answer

    def client(self, service: str) -> Any:
        """Return a client of botocore's."""
        return self._session.client(service)


def _other_account(account: str, mine: str) -> SourceError:
    return SourceError(
        f"The role is in account {account}, but the credentials belong to account {mine}.",
        next_step=f"use credentials of account {account}: --profile",
    )


def _role(entry: Mapping[str, Any]) -> Role:
    arn = str(entry["Arn"])
    return Role(
        arn=arn,
        id=str(entry["RoleId"]),
        name=str(entry["RoleName"]),
        account=parse_arn(arn).account,
        trust_policy=policy_text(entry.get("AssumeRolePolicyDocument", "")),
        max_session_seconds=int(entry.get("MaxSessionDuration") or 3_600),
        tags={tag["Key"]: tag["Value"] for tag in entry.get("Tags") or ()},
    )
