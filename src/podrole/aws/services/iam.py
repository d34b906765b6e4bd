"""What is special about IAM: identity policies and trust policies, their quotas, and names in refusals.

IAM's other rules stand in podrole.aws.operations.iam.
"""

from __future__ import annotations

from podrole.account.identities import EntityKind
from podrole.aws.errors import AWSError
from podrole.aws.services.rules import ServiceRules, Storing, error, parameter
from podrole.base.partitions import partition_of
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.limits import Owner, check_inline, check_managed
from podrole.iam.policy import Policy, PolicyKind
from podrole.iam.shared_issuers import check_shared_issuers

_INLINE = {
    "PutGroupPolicy": (Owner.GROUP, EntityKind.GROUP, "GroupName"),
    "PutRolePolicy": (Owner.ROLE, EntityKind.ROLE, "RoleName"),
    "PutUserPolicy": (Owner.USER, EntityKind.USER, "UserName"),
}
# IAM names an entity where it could print its ARN.
_NOUNS = {
    "group": "group",
    "instance-profile": "instance profile",
    "policy": "policy",
    "role": "role",
    "user": "user",
}


def _check(storing: Storing, policy: Policy) -> None:
    operation = storing.call.operation
    if operation in ("CreatePolicy", "CreatePolicyVersion"):
        check_managed(policy)
    elif policy.kind is PolicyKind.TRUST:
        check_shared_issuers(policy)
    elif operation in _INLINE:
        owner, kind, name_parameter = _INLINE[operation]
        name = str(storing.given.get(name_parameter))
        identities = storing.facts.identities(storing.account, partition_of(storing.call.region))
        entity = identities.entity(kind, name)
        texts = dict(entity.inline) if entity is not None else {}
        texts[str(storing.given.get("PolicyName"))] = policy.text
        check_inline(texts.values(), owner, name)


def _fault(fault: PolicyError) -> AWSError:
    return error(fault.aws_code, fault.message, fault, fault.status)


def _spell(sentence: str, request: Request) -> str:
    action, resource = request.action, request.resource
    if not action.startswith("iam:") or action.startswith(("iam:Create", "iam:PassRole")):
        return sentence
    return sentence.replace(f"on resource: {resource}", f"on resource: {_friendly(resource)}", 1)


def _friendly(resource: str) -> str:
    kind, _, name = resource.split(":", 5)[-1].partition("/")
    if kind not in _NOUNS:
        return resource
    return f"policy {resource}" if kind == "policy" else f"{_NOUNS[kind]} {name.rpartition('/')[2]}"


_IDENTITY = parameter("PolicyDocument", kind=PolicyKind.IDENTITY)
RULES = ServiceRules(
    "iam",
    documents={
        "CreatePolicy": _IDENTITY,
        "CreatePolicyVersion": _IDENTITY,
        "CreateRole": parameter("AssumeRolePolicyDocument", kind=PolicyKind.TRUST),
        "PutGroupPolicy": _IDENTITY,
        "PutRolePolicy": _IDENTITY,
        "PutUserPolicy": _IDENTITY,
        "UpdateAssumeRolePolicy": parameter("PolicyDocument", kind=PolicyKind.TRUST),
    },
    check=_check,
    fault=_fault,
    spell=_spell,
)
