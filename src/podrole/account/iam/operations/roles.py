"""Roles, service-linked roles and instance profiles.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html and its siblings.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from podrole.account.errors import AccountError, delete_conflict, invalid_input, limit_exceeded
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.documents import trust_document
from podrole.account.iam.operations.permissions_boundaries import require_boundary
from podrole.account.iam.operations.reserved_roles import LINKED_PATH, RESERVED_PATHS, changeable_role
from podrole.account.iam.records import InstanceProfileRecord, RoleRecord
from podrole.account.iam.request import IAMRequest, Output, new_tags

_SERVICE = re.compile(r"(?:[a-z0-9-]+\.)+amazonaws\.com(?:\.cn)?")
_TASK = re.compile(rf"task{LINKED_PATH}[a-z0-9.-]+/[\w+=,.@-]+/AROA[A-Z2-7]{{17}}")
_LINKED_NAMES = {
    "access-analyzer": "AccessAnalyzer",
    "application-autoscaling": "ApplicationAutoScaling",
    "autoscaling": "AutoScaling",
    "backup": "Backup",
    "batch": "Batch",
    "cloudtrail": "CloudTrail",
    "config": "Config",
    "dax": "DAX",
    "ecs": "ECS",
    "eks": "AmazonEKS",
    "eks-fargate": "AmazonEKSForFargate",
    "eks-nodegroup": "AmazonEKSNodegroup",
    "elasticache": "ElastiCache",
    "elasticbeanstalk": "ElasticBeanstalk",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "es": "AmazonElasticsearchService",
    "globalaccelerator": "GlobalAccelerator",
    "guardduty": "AmazonGuardDuty",
    "inspector2": "AmazonInspector2",
    "kafka": "Kafka",
    "macie": "AmazonMacie",
    "opensearchservice": "AmazonOpenSearchService",
    "ops.apigateway": "APIGateway",
    "organizations": "Organizations",
    "rds": "RDS",
    "redshift": "Redshift",
    "replication.dynamodb": "DynamoDBReplication",
    "replicator.lambda": "LambdaReplicator",
    "securityhub": "SecurityHub",
    "spot": "EC2Spot",
    "spotfleet": "EC2SpotFleet",
    "ssm": "AmazonSSM",
    "sso": "SSO",
    "support": "Support",
    "transitgateway": "VPCTransitGateway",
    "trustedadvisor": "TrustedAdvisor",
}
_SCALED_NAMES = {
    "appstream": "AppStreamFleet",
    "cassandra": "CassandraTable",
    "comprehend": "ComprehendEndpoint",
    "custom-resource": "CustomResource",
    "dynamodb": "DynamoDBTable",
    "ec2": "EC2SpotFleetRequest",
    "ecs": "ECSService",
    "elasticache": "ElastiCacheRG",
    "kafka": "KafkaCluster",
    "lambda": "LambdaConcurrency",
    "neptune": "NeptuneCluster",
    "rds": "RDSCluster",
    "sagemaker": "SageMakerEndpoint",
    "workspaces": "WorkSpacesPool",
}
"""How AWS writes a service in the name of its role, and what Application Auto Scaling adds for each that it scales
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html and the pages of the
services, https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html).
Another service is written as in its principal."""


def create_role(request: IAMRequest) -> Output:
    """CreateRole."""
    parameters = request.input
    name = parameters["RoleName"]
    path = parameters.get("Path", "/")
    if path.startswith(RESERVED_PATHS):
        raise AccountError("AccessDenied", 403, f"Roles with the path {path} can be created only by AWS services.")
    request.require_new_name(RoleRecord, name, f"Role with name {name} already exists.")
    request.require_room(RoleRecord)
    text, ids = trust_document(request, parameters["AssumeRolePolicyDocument"])
    role = RoleRecord(
        id=request.new_id("AROA"),
        name=name,
        path=path,
        created_at=request.now,
        tags=new_tags(parameters.get("Tags"), {}, "TagsPerRole"),
        trust_policy=text,
        trusted_ids=ids,
        description=parameters.get("Description"),
        max_session_seconds=parameters.get("MaxSessionDuration", 3_600),
        boundary=require_boundary(request),
    )
    request.put(role)
    return {"Role": shown.role(role, request.state)}


def get_role(request: IAMRequest) -> Output:
    """GetRole."""
    return {"Role": shown.role(request.role(), request.state)}


def list_roles(request: IAMRequest) -> Output:
    """ListRoles."""
    prefix = request.input.get("PathPrefix", "/")
    roles = [role for role in request.state.records(RoleRecord) if role.path.startswith(prefix)]
    return request.page(
        "Roles", roles, lambda role: role.name.lower(), lambda role: shown.role(role, request.state, whole=False)
    )


def update_role(request: IAMRequest) -> Output:
    """UpdateRole: a session duration that the request leaves out becomes the default of one hour again.

    Of a service-linked role the description alone can be changed.
    """
    parameters = request.input
    role = changeable_role(request) if "MaxSessionDuration" in parameters else _describable_role(request)
    seconds = parameters.get("MaxSessionDuration", 3_600)
    description = parameters.get("Description", role.description)
    request.put(replace(role, description=description, max_session_seconds=seconds))
    return {}


def _describable_role(request: IAMRequest) -> RoleRecord:
    role = request.role()
    return role if role.service is not None else changeable_role(request)


def update_role_description(request: IAMRequest) -> Output:
    """UpdateRoleDescription; it is what a service-linked role allows too."""
    role = replace(_describable_role(request), description=request.input["Description"])
    request.put(role)
    return {"Role": shown.role(role, request.state)}


def update_assume_role_policy(request: IAMRequest) -> Output:
    """UpdateAssumeRolePolicy."""
    role = changeable_role(request)
    text, ids = trust_document(request, request.input["PolicyDocument"])
    request.put(replace(role, trust_policy=text, trusted_ids=ids))
    return {}


def delete_role(request: IAMRequest) -> Output:
    """DeleteRole."""
    role = changeable_role(request)
    if request.state.profiles_of(role):
        raise delete_conflict("Cannot delete entity, must remove roles from instance profile first.")
    if role.attached:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if role.inline:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    request.delete(role)
    return {}


def put_role_permissions_boundary(request: IAMRequest) -> Output:
    """PutRolePermissionsBoundary."""
    request.put(replace(changeable_role(request), boundary=require_boundary(request)))
    return {}


def delete_role_permissions_boundary(request: IAMRequest) -> Output:
    """DeleteRolePermissionsBoundary."""
    request.put(replace(changeable_role(request), boundary=None))
    return {}


def create_service_linked_role(request: IAMRequest) -> Output:
    """CreateServiceLinkedRole."""
    service, suffix = request.input["AWSServiceName"], request.input.get("CustomSuffix")
    if not _SERVICE.fullmatch(service):
        raise invalid_input(f"Service name {service} is not valid.")
    name = f"AWSServiceRoleFor{_linked_name(service)}" + (f"_{suffix}" if suffix else "")
    if request.state.named_like(RoleRecord, name) is not None:
        raise invalid_input(f"Service role name {name} has been taken in this account, please try a different suffix.")
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    role = RoleRecord(
        id=request.new_id("AROA"),
        name=name,
        path=f"{LINKED_PATH}{service}/",
        created_at=request.now,
        trust_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        description=request.input.get("Description"),
        service=service,
    )
    request.put(role)
    return {"Role": shown.role(role, request.state)}


def _linked_name(service: str) -> str:
    name = service.removesuffix(".cn").removesuffix(".amazonaws.com")
    scaled, _, scaler = name.partition(".")
    if scaler == "application-autoscaling":
        return f"{_LINKED_NAMES[scaler]}_{_SCALED_NAMES.get(scaled, scaled)}"
    return _LINKED_NAMES.get(name, name)


def delete_service_linked_role(request: IAMRequest) -> Output:
    """DeleteServiceLinkedRole: done at once, since nothing here uses such a role on its own."""
    role = request.role()
    if role.service is None:
        raise invalid_input(f"{role.name} is not a service-linked role.")
    request.delete(role)
    return {"DeletionTaskId": f"task{role.path}{role.name}/{role.id}"}


def get_service_linked_role_deletion_status(request: IAMRequest) -> Output:
    """GetServiceLinkedRoleDeletionStatus."""
    task = request.input["DeletionTaskId"]
    role_id = task.rpartition("/")[2]
    if not _TASK.fullmatch(task):
        raise AccountError("NoSuchEntity", 404, f"The deletion task {task} cannot be found.")
    return {"Status": "FAILED" if request.state.get(RoleRecord, role_id) is not None else "SUCCEEDED"}


def create_instance_profile(request: IAMRequest) -> Output:
    """CreateInstanceProfile."""
    parameters = request.input
    name = parameters["InstanceProfileName"]
    request.require_new_name(InstanceProfileRecord, name, f"Instance Profile {name} already exists.")
    request.require_room(InstanceProfileRecord)
    profile = InstanceProfileRecord(
        id=request.new_id("AIPA"),
        name=name,
        path=parameters.get("Path", "/"),
        created_at=request.now,
        tags=new_tags(parameters.get("Tags"), {}, "TagsPerInstanceProfile"),
    )
    request.put(profile)
    return {"InstanceProfile": shown.instance_profile(profile, request.state)}


def find_instance_profile(request: IAMRequest) -> InstanceProfileRecord:
    """Return the named instance profile. Raises NoSuchEntity."""
    return request.named(InstanceProfileRecord, "InstanceProfileName", "Instance Profile")


def get_instance_profile(request: IAMRequest) -> Output:
    """GetInstanceProfile."""
    return {"InstanceProfile": shown.instance_profile(find_instance_profile(request), request.state)}


def list_instance_profiles(request: IAMRequest) -> Output:
    """ListInstanceProfiles."""
    prefix = request.input.get("PathPrefix", "/")
    return _profiles(
        request,
        [profile for profile in request.state.records(InstanceProfileRecord) if profile.path.startswith(prefix)],
    )


def list_instance_profiles_for_role(request: IAMRequest) -> Output:
    """ListInstanceProfilesForRole."""
    return _profiles(request, request.state.profiles_of(request.role()))


def _profiles(request: IAMRequest, profiles: list[InstanceProfileRecord]) -> Output:
    return request.page(
        "InstanceProfiles",
        profiles,
        lambda profile: profile.name.lower(),
        lambda profile: shown.instance_profile(profile, request.state),
    )


def delete_instance_profile(request: IAMRequest) -> Output:
    """DeleteInstanceProfile."""
    profile = find_instance_profile(request)
    if profile.role_id is not None:
        raise delete_conflict("Cannot delete entity, must remove roles from instance profile first.")
    request.delete(profile)
    return {}


def add_role_to_instance_profile(request: IAMRequest) -> Output:
    """AddRoleToInstanceProfile: a profile holds one role."""
    profile, role = find_instance_profile(request), changeable_role(request)
    if profile.role_id is not None:
        raise limit_exceeded("InstanceSessionsPerInstanceProfile", 1)
    request.put(replace(profile, role_id=role.id))
    return {}


def remove_role_from_instance_profile(request: IAMRequest) -> Output:
    """RemoveRoleFromInstanceProfile."""
    profile, role = find_instance_profile(request), request.role()
    if profile.role_id != role.id:
        raise AccountError("NoSuchEntity", 404, f"Role {role.name} in instance profile {profile.name} cannot be found.")
    request.put(replace(profile, role_id=None))
    return {}
