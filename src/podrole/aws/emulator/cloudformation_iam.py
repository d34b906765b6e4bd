"""CloudFormation's IAM resources: each is made, changed and deleted by IAM's own operations on podrole's records.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_IAM.html. moto's stacks find these classes in
place of moto's own. The permissions that a stack needs are authorized before (podrole.aws.services.cloudformation).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

from podrole.account.errors import AccountError
from podrole.aws.emulator.iam_backend import RunOperation
from podrole.base.partitions import partition_of

Properties = Mapping[str, Any]


class IAMResource(CloudFormationModel):
    """A resource of a stack. ``name`` is its physical id; ``attributes`` are what Fn::GetAtt returns.

    ``properties`` are the template's, its references resolved, of the last change that succeeded.
    """

    resource_type: ClassVar[str] = ""
    name_property: ClassVar[str] = ""
    name_limit: ClassVar[int] = 128
    replaced_with: ClassVar[Sequence[str]] = ()
    """The properties that cannot be changed in place: a change of one makes a new resource."""
    attribute_names: ClassVar[Sequence[str]] = ()
    run_operation: ClassVar[RunOperation]

    def __init__(self, name: str, account: str, partition: str) -> None:
        self.name = name
        self.attributes: dict[str, str] = {}
        self.properties: Properties = {}
        self.account = account
        self.partition = partition
        self.is_made = False

    # What a kind of resource does

    def create(self, properties: Properties) -> None:
        """Create it; set ``is_made`` as soon as there is something to remove. Raises AccountError or PolicyError."""
        raise NotImplementedError

    def update(self, properties: Properties) -> None:
        """Change it in place to have these properties."""
        raise NotImplementedError

    def remove(self) -> None:
        """Delete it."""
        raise NotImplementedError

    def run(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Run an operation of IAM; parameters that are None are left out."""
        present = {name: value for name, value in parameters.items() if value is not None}
        return type(self).run_operation(self.account, self.partition, operation, present)

    # moto's interface

    @property
    def physical_resource_id(self) -> str:
        """What Ref returns."""
        return self.name

    @classmethod
    def cloudformation_type(cls) -> str:
        """Return the type in templates."""
        return cls.resource_type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Return the property that names the resource."""
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Say whether Fn::GetAtt knows an attribute."""
        return attr in cls.attribute_names

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return what Fn::GetAtt does."""
        from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

        if attribute_name not in self.attributes:
            raise UnformattedGetAttTemplateException
        return self.attributes[attribute_name]

    def is_created(self) -> bool:
        """Return True: everything is there when ``create`` returns."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> IAMResource:
        """Create a resource of a stack; one that fails half-way is taken back."""
        properties = cloudformation_json.get("Properties", {})
        if cls.name_property not in properties:
            resource_name = _shortened(resource_name, cls.name_limit)
        resource = cls(resource_name, account_id, partition_of(region_name))
        try:
            resource.create(properties)
        except Exception:
            if resource.is_made:  # else what is there under that name is somebody else's
                with contextlib.suppress(AccountError):
                    resource.remove()
            raise
        resource.properties = properties
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: IAMResource,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> IAMResource:
        """Change a resource. One that has another name now, or cannot be changed in place, is replaced."""
        properties, before = cloudformation_json.get("Properties", {}), original_resource.properties
        names = [cls.name_property, *cls.replaced_with]
        if any(properties.get(name) != before.get(name) for name in names):
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            original_resource.remove()
            return made
        original_resource.update(properties)
        original_resource.properties = properties
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:  # noqa: ARG002 - moto's signature
        """Delete the resource; one that is gone already is no fault."""
        try:
            self.remove()
        except AccountError as refusal:
            if refusal.aws_code != "NoSuchEntity":
                raise


def _shortened(name: str, limit: int) -> str:
    """Return a generated name that fits: its random end is kept."""
    stem, _, suffix = name.rpartition("-")
    return f"{stem[: limit - len(suffix) - 1]}-{suffix}" if len(name) > limit else name


def _document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class _Holder(IAMResource):
    """A user, group or role: its inline and managed policies are set to what the template says."""

    title: ClassVar[str]

    def _named(self) -> dict[str, str]:
        return {f"{self.title}Name": self.name}

    def _set_policies(self, properties: Properties) -> None:
        wanted = {
            policy["PolicyName"]: _document(policy["PolicyDocument"]) for policy in properties.get("Policies", ())
        }
        for name in self.run(f"List{self.title}Policies", **self._named(), MaxItems=1000)["PolicyNames"]:
            if name not in wanted:
                self.run(f"Delete{self.title}Policy", **self._named(), PolicyName=name)
        for name, document in wanted.items():
            self.run(f"Put{self.title}Policy", **self._named(), PolicyName=name, PolicyDocument=document)
        arns = list(dict.fromkeys(properties.get("ManagedPolicyArns", ())))
        for arn in self._attached():
            if arn not in arns:
                self.run(f"Detach{self.title}Policy", **self._named(), PolicyArn=arn)
        for arn in arns:
            self.run(f"Attach{self.title}Policy", **self._named(), PolicyArn=arn)

    def _attached(self) -> list[str]:
        listed = self.run(f"ListAttached{self.title}Policies", **self._named(), MaxItems=1000)["AttachedPolicies"]
        return [policy["PolicyArn"] for policy in listed]

    def _set_tags(self, properties: Properties) -> None:
        tags = properties.get("Tags") or []
        present = self.run(f"List{self.title}Tags", **self._named(), MaxItems=1000)["Tags"]
        gone = [tag["Key"] for tag in present if tag["Key"] not in {wanted["Key"] for wanted in tags}]
        if gone:
            self.run(f"Untag{self.title}", **self._named(), TagKeys=gone)
        if tags:
            self.run(f"Tag{self.title}", **self._named(), Tags=tags)

    def remove(self) -> None:
        """Delete it with its policies."""
        self._set_policies({})
        self.run(f"Delete{self.title}", **self._named())


class Role(_Holder):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html."""

    resource_type = "AWS::IAM::Role"
    name_property = "RoleName"
    name_limit = 64
    replaced_with = ("Path",)
    attribute_names = ("Arn", "RoleId")
    title = "Role"

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        role = self.run(
            "CreateRole",
            RoleName=self.name,
            AssumeRolePolicyDocument=_document(properties["AssumeRolePolicyDocument"]),
            Path=properties.get("Path"),
            Description=properties.get("Description"),
            MaxSessionDuration=_number(properties.get("MaxSessionDuration")),
            PermissionsBoundary=properties.get("PermissionsBoundary"),
            Tags=properties.get("Tags"),
        )["Role"]
        self.is_made = True
        self.attributes.update(Arn=role["Arn"], RoleId=role["RoleId"])
        self._set_policies(properties)

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        document = _document(properties["AssumeRolePolicyDocument"])
        self.run("UpdateAssumeRolePolicy", RoleName=self.name, PolicyDocument=document)
        self.run(
            "UpdateRole",
            RoleName=self.name,
            Description=properties.get("Description", ""),
            MaxSessionDuration=_number(properties.get("MaxSessionDuration")),
        )
        boundary = properties.get("PermissionsBoundary")
        if boundary is not None:
            self.run("PutRolePermissionsBoundary", RoleName=self.name, PermissionsBoundary=boundary)
        else:
            self.run("DeleteRolePermissionsBoundary", RoleName=self.name)
        self._set_policies(properties)
        self._set_tags(properties)


class User(_Holder):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-user.html."""

    resource_type = "AWS::IAM::User"
    name_property = "UserName"
    name_limit = 64
    attribute_names = ("Arn",)
    title = "User"

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        user = self.run(
            "CreateUser",
            UserName=self.name,
            Path=properties.get("Path"),
            PermissionsBoundary=properties.get("PermissionsBoundary"),
            Tags=properties.get("Tags"),
        )["User"]
        self.is_made = True
        self.attributes["Arn"] = user["Arn"]
        self.update_details(properties)

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        boundary = properties.get("PermissionsBoundary")
        if boundary is not None:
            self.run("PutUserPermissionsBoundary", UserName=self.name, PermissionsBoundary=boundary)
        elif self.run("GetUser", UserName=self.name)["User"].get("PermissionsBoundary"):
            self.run("DeleteUserPermissionsBoundary", UserName=self.name)
        self.update_details(properties)
        self._set_tags(properties)

    def update_details(self, properties: Properties) -> None:
        """Set the user's policies and groups."""
        self._set_policies(properties)
        wanted = properties.get("Groups", ())
        for group in self._groups():
            if group not in wanted:
                self.run("RemoveUserFromGroup", GroupName=group, UserName=self.name)
        for group in wanted:
            self.run("AddUserToGroup", GroupName=group, UserName=self.name)

    def _groups(self) -> list[str]:
        return [group["GroupName"] for group in self.run("ListGroupsForUser", UserName=self.name)["Groups"]]

    def remove(self) -> None:
        """See IAMResource."""
        for group in self._groups():
            self.run("RemoveUserFromGroup", GroupName=group, UserName=self.name)
        super().remove()


class Group(_Holder):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-group.html."""

    resource_type = "AWS::IAM::Group"
    name_property = "GroupName"
    attribute_names = ("Arn",)
    title = "Group"

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        group = self.run("CreateGroup", GroupName=self.name, Path=properties.get("Path"))["Group"]
        self.is_made = True
        self.attributes["Arn"] = group["Arn"]
        self._set_policies(properties)

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        self._set_policies(properties)


class InstanceProfile(IAMResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-instanceprofile.html."""

    resource_type = "AWS::IAM::InstanceProfile"
    name_property = "InstanceProfileName"
    replaced_with = ("Path",)
    attribute_names = ("Arn",)

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        profile = self.run("CreateInstanceProfile", InstanceProfileName=self.name, Path=properties.get("Path"))
        self.is_made = True
        self.attributes["Arn"] = profile["InstanceProfile"]["Arn"]
        self.update(properties)

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        self._empty()
        for role in properties.get("Roles", ()):
            self.run("AddRoleToInstanceProfile", InstanceProfileName=self.name, RoleName=role)

    def _empty(self) -> None:
        profile = self.run("GetInstanceProfile", InstanceProfileName=self.name)["InstanceProfile"]
        for role in profile["Roles"]:
            self.run("RemoveRoleFromInstanceProfile", InstanceProfileName=self.name, RoleName=role["RoleName"])

    def remove(self) -> None:
        """See IAMResource."""
        self._empty()
        self.run("DeleteInstanceProfile", InstanceProfileName=self.name)


class ManagedPolicy(IAMResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-managedpolicy.html."""

    resource_type = "AWS::IAM::ManagedPolicy"
    replaced_with = ("ManagedPolicyName", "Path", "Description")
    attribute_names = ("PolicyArn", "PolicyId")

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        policy = self.run(
            "CreatePolicy",
            PolicyName=properties.get("ManagedPolicyName", self.name),
            PolicyDocument=_document(properties["PolicyDocument"]),
            Path=properties.get("Path"),
            Description=properties.get("Description"),
            Tags=properties.get("Tags"),
        )["Policy"]
        self.is_made = True
        self.name = policy["Arn"]
        self.attributes.update(PolicyArn=policy["Arn"], PolicyId=policy["PolicyId"])
        self._attach(properties)

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        versions = self.run("ListPolicyVersions", PolicyArn=self.name)["Versions"]
        if len(versions) >= 5:
            oldest = [version["VersionId"] for version in versions if not version["IsDefaultVersion"]][-1]
            self.run("DeletePolicyVersion", PolicyArn=self.name, VersionId=oldest)
        document = _document(properties["PolicyDocument"])
        self.run("CreatePolicyVersion", PolicyArn=self.name, PolicyDocument=document, SetAsDefault=True)
        self._detach()
        self._attach(properties)

    def _attach(self, properties: Properties) -> None:
        for title in ("User", "Group", "Role"):
            for name in properties.get(f"{title}s", ()):
                self.run(f"Attach{title}Policy", **{f"{title}Name": name}, PolicyArn=self.name)

    def _detach(self) -> None:
        entities = self.run("ListEntitiesForPolicy", PolicyArn=self.name, MaxItems=1000)
        for title in ("User", "Group", "Role"):
            for entity in entities[f"Policy{title}s"]:
                entity_parameter = {f"{title}Name": entity[f"{title}Name"]}
                self.run(f"Detach{title}Policy", **entity_parameter, PolicyArn=self.name)

    def remove(self) -> None:
        """See IAMResource."""
        self._detach()
        for version in self.run("ListPolicyVersions", PolicyArn=self.name)["Versions"]:
            if not version["IsDefaultVersion"]:
                self.run("DeletePolicyVersion", PolicyArn=self.name, VersionId=version["VersionId"])
        self.run("DeletePolicy", PolicyArn=self.name)


class InlinePolicy(IAMResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-policy.html."""

    resource_type = "AWS::IAM::Policy"

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        self.policy_name = properties["PolicyName"]
        self.targets: list[tuple[str, str]] = []
        for title, name in _targets(properties):
            self.run(
                f"Put{title}Policy",
                **{f"{title}Name": name},
                PolicyName=self.policy_name,
                PolicyDocument=_document(properties["PolicyDocument"]),
            )
            self.targets.append((title, name))
            self.is_made = True

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        before, name = self.targets, self.policy_name
        self.create(properties)
        kept = self.targets if name == self.policy_name else ()
        self._delete(name, [target for target in before if target not in kept])

    def remove(self) -> None:
        """See IAMResource."""
        self._delete(self.policy_name, self.targets)

    def _delete(self, policy: str, targets: Sequence[tuple[str, str]]) -> None:
        for title, name in targets:
            with contextlib.suppress(AccountError):  # its user, group or role may be gone
                self.run(f"Delete{title}Policy", **{f"{title}Name": name}, PolicyName=policy)


def _targets(properties: Properties) -> list[tuple[str, str]]:
    return [(title, name) for title in ("User", "Group", "Role") for name in properties.get(f"{title}s") or ()]


class AccessKey(IAMResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-accesskey.html."""

    resource_type = "AWS::IAM::AccessKey"
    replaced_with = ("UserName", "Serial")
    attribute_names = ("SecretAccessKey",)

    def create(self, properties: Properties) -> None:
        """See IAMResource."""
        self.user = properties["UserName"]
        key = self.run("CreateAccessKey", UserName=self.user)["AccessKey"]
        self.is_made = True
        self.name = key["AccessKeyId"]
        self.attributes["SecretAccessKey"] = key["SecretAccessKey"]
        self.update(properties)

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        status = properties.get("Status", "Active")
        self.run("UpdateAccessKey", UserName=self.user, AccessKeyId=self.name, Status=status)

    def remove(self) -> None:
        """See IAMResource."""
        self.run("DeleteAccessKey", UserName=self.user, AccessKeyId=self.name)


class OIDCProvider(IAMResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-oidcprovider.html."""

    resource_type = "AWS::IAM::OIDCProvider"
    replaced_with = ("Url",)
    attribute_names = ("Arn",)

    def create(self, properties: Properties) -> None:
        """See IAMResource. Without thumbprints the issuer would have to be asked, which a stack does not do here."""
        self.name = self.run(
            "CreateOpenIDConnectProvider",
            Url=properties["Url"],
            ClientIDList=properties.get("ClientIdList"),
            ThumbprintList=properties.get("ThumbprintList", []),
            Tags=properties.get("Tags"),
        )["OpenIDConnectProviderArn"]
        self.is_made = True
        self.attributes["Arn"] = self.name

    def update(self, properties: Properties) -> None:
        """See IAMResource."""
        wanted = properties.get("ClientIdList", [])
        provider = {"OpenIDConnectProviderArn": self.name}
        for client_id in self.run("GetOpenIDConnectProvider", **provider)["ClientIDList"]:
            if client_id not in wanted:
                self.run("RemoveClientIDFromOpenIDConnectProvider", **provider, ClientID=client_id)
        for client_id in wanted:
            self.run("AddClientIDToOpenIDConnectProvider", **provider, ClientID=client_id)
        if properties.get("ThumbprintList"):
            self.run("UpdateOpenIDConnectProviderThumbprint", **provider, ThumbprintList=properties["ThumbprintList"])

    def remove(self) -> None:
        """See IAMResource."""
        self.run("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=self.name)


def _number(value: Any) -> int | None:
    return int(value) if value is not None else None


RESOURCES: Sequence[type[IAMResource]] = (
    AccessKey,
    Group,
    InlinePolicy,
    InstanceProfile,
    ManagedPolicy,
    OIDCProvider,
    Role,
    User,
)


def use_for_stacks(run_operation: RunOperation) -> None:
    """Have moto's stacks use these classes for IAM's resources. Runs in moto's thread; a second time does nothing."""
    IAMResource.run_operation = staticmethod(run_operation)
    ours = {resource.resource_type: resource for resource in RESOURCES}
    # moto keeps both tables once it has made them; they are changed in place.
    models, by_type = parsing.get_model_list(), parsing.get_model_map()
    models[:] = [model for model in models if model.__module__ != "moto.iam.models" and model is not IAMResource]
    models += [resource for resource in RESOURCES if resource not in models]
    by_type.update(ours)
