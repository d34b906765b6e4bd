"""AWS's refusals as the set-up's errors: a missing permission with its statement, a quota with how it is raised."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.aws_session import AWSRefusal
from podrole.iam.actions.tables import actions_of
from podrole.iam.limits import size
from podrole.setup.errors import CallFailed, Conflict, NotThere, PermissionMissing, Throttled

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CONFLICTS = frozenset(
    {
        "ConcurrentModification",
        "ConcurrentModificationException",
        "BucketAlreadyOwnedByYou",
        "DeleteConflict",
        "DistributionAlreadyExists",
        "EntityAlreadyExists",
        "EntityTemporarilyUnmodifiable",
        "OperationAborted",
        "OriginAccessControlAlreadyExists",
        "ResourceInUseException",
    }
)
_QUOTAS = frozenset(
    {
        "LimitExceeded",
        "LimitExceededException",
        "ResourceLimitExceededException",
        "ServiceQuotaExceededException",
        "TooManyBuckets",
        "TooManyDistributions",
        "TooManyOriginAccessControls",
    }
)
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = re.compile(
    r"User: (?P<caller>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: (?P<resource>.+?))?"
    r"(?:$| because no (?P<missing>.+?) allows| with an explicit deny in an? (?P<deny>.+))"
)
_QUOTA = re.compile(r"quota for (?P<name>\w+): (?P<most>\d+)")

# IAM prints these by their name, so the ARN is written from it.
_NAMED = re.compile(r"(?P<kind>role|user|group) (?P<name>\S+)")


@dataclass(frozen=True, slots=True)
class _Quota:
    """A quota: its name in Service Quotas, how far it can be raised (None: it cannot be), and what else helps."""

    name: str
    at_most: str | None
    instead: str


_UNUSED = "delete what is not used"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_KNOWN_QUOTAS = {
    "aclsizeperrole": _Quota(
        "Role trust policy length", "8,192 characters", "let fewer service accounts share the role"
    ),
    "attachedpoliciesperrole": _Quota("Managed policies attached to an IAM role", "25", "merge policies"),
    "policiesperrole": _Quota("Managed policies attached to an IAM role", "25", "merge policies"),
    "openidconnectprovidersperaccount": _Quota("OpenId connect providers per account", "700", _UNUSED),
    "rolesperaccount": _Quota("Roles per account", "10,000", _UNUSED),
    "clientidsperopenidconnectprovider": _Quota("client ids of a provider", None, "remove audiences"),
}


def failure(problem: SourceError, account: str, partition: str, parameters: Mapping[str, Any]) -> CallFailed:
    """Return what a set-up raises for a call that AWS refused or did not answer.

    ``account`` and ``partition`` complete names to ARNs; ``parameters`` are those of the call.
    """
    if not isinstance(problem, AWSRefusal):
        return CallFailed(problem.what, got=problem.got, next_step=problem.next_step)
    code, message = problem.aws_code, problem.message
    what = f"AWS refused {problem.action}: {message}"
    if code in _THROTTLED:
        return Throttled(what, got=code)
    if code in _CONFLICTS:
        return Conflict(what, got=code)
    if code in _QUOTAS:
        return _over_quota(what, problem, parameters)
    if code in _CREDENTIALS:
        step = "aws sts get-caller-identity shows whether they work; sign in again, or name others with --profile"
        return CallFailed(f"AWS does not accept the credentials: {message}", got=code, next_step=step)
    if "AccessDenied" in code and "must be verified" in message:  # CloudFront, of new accounts
        return CallFailed(what, got=code, next_step="open a case with AWS Support, as AWS says")
    if "AccessDenied" in code:
        return _not_allowed(problem, account, partition, parameters)
    if problem.not_there:
        return NotThere(what, got=code, next_step="check its name and account, or create it")
    if code == "MalformedPolicyDocument" and "Invalid principal" in message:
        return NotThere(what, got=code, next_step="check the principals of the trust policy")
    if problem.action.startswith("eks:") and _ROLE_UNUSABLE.search(message):
        step = "check the role's name and account, and that it trusts pods.eks.amazonaws.com"
        got = f"role {parameters.get('roleArn')}"
        return NotThere(what, got=got, expected="a role that EKS can assume", next_step=step)
    return CallFailed(what, got=code)


_ROLE_UNUSABLE = re.compile(r"role.*(does not exist|not found|cannot be|invalid)", re.IGNORECASE)
"""EKS says so for a while of a role that was just created or changed."""


def _not_allowed(problem: AWSRefusal, account: str, partition: str, parameters: Mapping[str, Any]) -> PermissionMissing:
    said = _DENIED.search(problem.message)
    service, _, operation = problem.action.partition(":")
    action = said["action"] if said else next(iter(actions_of(service, operation) or ()), problem.action)
    resource = _arn(said["resource"], account, partition) if said else _in_s3(parameters, partition)
    what = f"The permission {action} on {resource} is missing."
    if said and said["deny"]:
        return PermissionMissing(
            what, got=problem.message, next_step=f"ask who keeps the {said['deny']}: it denies the action explicitly"
        )
    place = f"a policy of {said['caller']}" if said else "a policy of the caller"
    if said and said["missing"] and said["missing"] != "identity-based policy":
        place = f"the {said['missing']}"
    step = f"add this statement to {place}:\n{granting_policy(action, resource)}"
    return PermissionMissing(what, got=problem.message, next_step=step)


def granting_policy(action: str, resource: str) -> str:
    """Return the policy that allows one action on one resource."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    if action == "iam:PassRole":
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": "pods.eks.amazonaws.com"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def _in_s3(parameters: Mapping[str, Any], partition: str) -> str:
    """Return the ARN of a call's bucket or object: S3 names nothing to a caller of another account."""
    path = "/".join(str(parameters[name]) for name in ("Bucket", "Key") if name in parameters)
    return f"arn:{partition}:s3:::{path}" if "Bucket" in parameters else "*"


def _arn(resource: str | None, account: str, partition: str) -> str:
    """Return the ARN of what AWS named: an ARN, a kind and an ARN (``policy arn:…``), or a kind and a name."""
    if resource is None:
        return "*"
    if "arn:" in resource:
        return resource[resource.index("arn:") :].rstrip('"')
    named = _NAMED.fullmatch(resource)
    return f"arn:{partition}:iam::{account}:{named['kind']}/{named['name']}" if named else "*"


def _over_quota(what: str, problem: AWSRefusal, parameters: Mapping[str, Any]) -> CallFailed:
    if problem.action == "eks:CreatePodIdentityAssociation":
        step = "delete associations that are not used; Service Quotas shows whether the quota can be raised"
        return CallFailed(what, expected="at most 5,000 associations in a cluster", got="one more", next_step=step)
    if problem.message.startswith("Maximum policy size"):
        step = "move statements into a managed policy: this quota cannot be raised"
        return CallFailed(what, got=problem.aws_code, next_step=step)
    said = _QUOTA.search(problem.message)
    if said is None or (known := _KNOWN_QUOTAS.get(said["name"].lower())) is None:
        step = "delete what is not used; Service Quotas shows whether the quota can be raised"
        return CallFailed(what, got=problem.aws_code, next_step=step)
    got = "one more"
    document = parameters.get("PolicyDocument") or parameters.get("AssumeRolePolicyDocument")
    if known.name == "Role trust policy length" and isinstance(document, str):
        got = f"{size(document):,} characters without white space"
    step = f"this quota cannot be raised: {known.instead}"
    if known.at_most is not None:
        step = f"raise the quota “{known.name}” in Service Quotas (up to {known.at_most}), or {known.instead}"
    return CallFailed(what, expected=f"at most {int(said['most']):,}", got=got, next_step=step)
