"""An AWS account through its API, with boto3's usual credentials: read-only, except for the exchange of ``--live``.

Every operation that is called is in ``OPERATIONS``; docs/doctor.md shows them as a policy to copy. Answers are kept for
the one examination that this object serves.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.account import EKSAssociation
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

_NOT_THERE = frozenset({"NoSuchEntity", "ResourceNotFoundException", "404"})
_MOST_CLUSTERS = 20


def read_policy() -> dict[str, Any]:
    """Return the IAM policy that a user needs to examine an account."""
    statement = {"Sid": "PodroleDoctor", "Effect": "Allow", "Action": list(OPERATIONS), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass(frozen=True, slots=True)
class Access:
    """How the account is reached. boto3 finds the values that are None."""

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    key_id: str | None = None
    secret: str | None = None


class BotoAccount:
    """See ``podrole.doctor.sources.account.Account``."""

    def __init__(self, access: Access) -> None:
        """Find credentials and their account. Raises SourceError if there are none, or AWS rejects them."""
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._access = access
        self._clients: dict[str, Any] = {}
        self._kept: dict[tuple[str, ...], Any] = {}
        try:
            self._session = botocore.session.Session(profile=access.profile)
            self._session.register_component("datamodels_loader", models_loader())
            if access.key_id is not None:
                self._session.set_credentials(access.key_id, access.secret)
            if self._session.get_credentials() is None:
                raise _no_credentials()
            self.region = access.region or self._session.get_config_variable("region") or "us-east-1"
            self._config = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=20)
        except BotoCoreError as problem:
            raise SourceError(f"The AWS credentials cannot be used: {problem}") from problem
        caller = self._call("sts", "get_caller_identity")
        self._id, self.partition = str(caller["Account"]), str(caller["Arn"]).split(":")[1]

    @property
    def what(self) -> str:
        """See Account."""
        return f"AWS account {self._id}"

    @property
    def id(self) -> str:
        """See Account."""
        return self._id

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

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
        found = None if answer is None else _role(answer["Role"])
        return found if found is not None and found.arn == arn else None

    def oidc_provider(self, account: str, issuer: str, partition: str = "") -> OIDCProvider | None:
        """See Directory."""
        if account != self._id:
            raise _other_account(account, self._id)
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
        boundary = (self._call("iam", "get_role", RoleName=name)["Role"].get("PermissionsBoundary") or {}).get(
            "PermissionsBoundaryArn"
        )
        identity = [
            self._managed(one["PolicyArn"])
            for one in self._pages("list_attached_role_policies", "AttachedPolicies", RoleName=name)
        ]
        for inline in self._pages("list_role_policies", "PolicyNames", RoleName=name):
            answer = self._call("iam", "get_role_policy", RoleName=name, PolicyName=inline)
            text = _document(answer["PolicyDocument"])
            identity.append(PolicyText(f"inline policy {inline} of role {name}", text, inline_name=inline))
        return PrincipalPolicies(tuple(identity), None if boundary is None else self._managed(boundary))

    def _managed(self, arn: str) -> PolicyText:
        return self.managed_policy(arn) or PolicyText(arn, '{"Version":"2012-10-17","Statement":[]}')

    def managed_policy(self, arn: str) -> PolicyText | None:
        """See Directory."""
        answer = self._found("iam", "get_policy", PolicyArn=arn)
        if answer is None:
            return None
        version = self._call("iam", "get_policy_version", PolicyArn=arn, VersionId=answer["Policy"]["DefaultVersionId"])
        return PolicyText(arn, _document(version["PolicyVersion"]["Document"]))

    def access_key(self, key_id: str) -> AccessKey | None:
        """See Directory. Always raises SourceError: AWS never shows a key's secret."""
        raise SourceError(f"The secret of access key {key_id} cannot be read.")

    # Lists

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        """See Account."""
        if ("providers",) not in self._kept:
            listed = self._call("iam", "list_open_id_connect_providers")["OpenIDConnectProviderList"]
            read = (self._provider(one["Arn"]) for one in listed)
            self._kept["providers",] = tuple(one for one in read if one is not None)
        known: tuple[OIDCProvider, ...] = self._kept["providers",]
        return known

    def roles(self) -> Sequence[Role]:
        """See Account."""
        if ("roles",) not in self._kept:
            found = (_role(one) for one in self._pages("list_roles", "Roles"))
            self._kept["roles",] = {role.arn: role for role in found}
        return tuple(self._kept["roles",].values())

    def associations(self, issuer: str) -> Sequence[EKSAssociation]:
        """See Account."""
        cluster = self._cluster_of(issuer)
        if cluster is None:
            return ()
        found = []
        listed = self._found("eks", "list_pod_identity_associations", clusterName=cluster["name"])
        for one in (listed or {}).get("associations", ()):
            answer = self._call(
                "eks",
                "describe_pod_identity_association",
                clusterName=cluster["name"],
                associationId=one["associationId"],
            )
            association = answer["association"]
            found.append(
                EKSAssociation(
                    namespace=association["namespace"],
                    service_account=association["serviceAccount"],
                    role_arn=association["roleArn"],
                    cluster_name=cluster["name"],
                    cluster_arn=cluster["arn"],
                    session_tags=not association.get("disableSessionTags"),
                    target_role_arn=association.get("targetRoleArn"),
                )
            )
        return tuple(found)

    def _cluster_of(self, issuer: str) -> dict[str, Any] | None:
        """Return the EKS cluster that has this issuer."""
        if ".eks." not in issuer:
            return None
        for name in self._call("eks", "list_clusters")["clusters"][:_MOST_CLUSTERS]:
            described = self._found("eks", "describe_cluster", name=name)
            if described and described["cluster"].get("identity", {}).get("oidc", {}).get("issuer") == issuer:
                cluster: dict[str, Any] = described["cluster"]
                return cluster
        return None

    # Calls

    def _require_own(self, arn: str) -> None:
        try:
            account = parse_arn(arn).account
        except InvalidARN:
            return
        if account and account != self._id:
            raise _other_account(account, self._id)

    def _found(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Call an operation; None if the object does not exist. Answers are kept."""
        key = (service, operation, json.dumps(parameters, sort_keys=True))
        if key not in self._kept:
            try:
                self._kept[key] = self._call(service, operation, **parameters)
            except _NotThere:
                self._kept[key] = None
        answer: dict[str, Any] | None = self._kept[key]
        return answer

    def _pages(self, operation: str, member: str, **parameters: Any) -> Iterator[Any]:
        marker: dict[str, Any] = {}
        while True:
            answer = self._call("iam", operation, **parameters, **marker, MaxItems=1_000)
            yield from answer.get(member, ())
            if not answer.get("IsTruncated"):
                return
            marker = {"Marker": answer["Marker"]}

    def _call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self.client(service), operation)(**parameters)
        except ClientError as refused:
            error = refused.response.get("Error", {})
            code, message = str(error.get("Code", "")), str(error.get("Message", ""))
            if code in _NOT_THERE:
                raise _NotThere(f"{service}: {message}") from refused
            name = "".join(part.capitalize() for part in operation.split("_"))
            step = "docs/doctor.md lists the permissions that the doctor needs" if "AccessDenied" in code else None
            raise SourceError(f"AWS denied {service}:{name}: {code}: {message}", next_step=step) from refused
        except BotoCoreError as problem:
            raise SourceError(f"AWS did not answer {service}:{operation}: {problem}") from problem
        return answer

    def client(self, service: str, *, unsigned: bool = False) -> Any:
        """Return a client of botocore's."""
        name = f"{service} unsigned" if unsigned else service
        if name not in self._clients:
            from botocore import UNSIGNED
            from botocore.config import Config

            config = self._config.merge(Config(signature_version=UNSIGNED)) if unsigned else self._config
            self._clients[name] = self._session.create_client(
                service, region_name=self.region, endpoint_url=self._access.endpoint_url, config=config
            )
        return self._clients[name]


@functools.cache
def models_loader() -> Any:
    """Return the loader of botocore's models: one for the process, so that each model is read once."""
    from botocore.loaders import Loader

    return Loader()


class _NotThere(SourceError):
    """The object does not exist."""


def _no_credentials() -> SourceError:
    return SourceError(
        "There are no AWS credentials here.",
        next_step="aws configure, AWS_PROFILE, or --profile; read permissions are enough",
    )


def _other_account(account: str, mine: str) -> SourceError:
    return SourceError(
        f"The role is in account {account}, but the credentials belong to account {mine}.",
        next_step=f"use credentials of account {account}: --profile",
    )


def _role(found: Mapping[str, Any]) -> Role:
    arn = str(found["Arn"])
    return Role(
        arn=arn,
        id=str(found["RoleId"]),
        name=str(found["RoleName"]),
        account=parse_arn(arn).account,
        trust_policy=_document(found.get("AssumeRolePolicyDocument", "")),
        max_session_seconds=int(found.get("MaxSessionDuration") or 3_600),
        tags={tag["Key"]: tag["Value"] for tag in found.get("Tags") or ()},
    )


def _document(value: Any) -> str:
    """Return a policy document's text: botocore decodes documents, except those that it could not parse."""
    return unquote(value) if isinstance(value, str) else json.dumps(value)
