"""Policy documents are judged before they are stored: by podrole's reader, with the service's own code and words.

What each service says of a malformed document differs; which documents are malformed does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.bound_principals import BoundPrincipals, entity_id, is_of_this_world, named_entities
from podrole.aws.emulator.resolver import bucket_of
from podrole.aws.emulator.resource_policies import function_principal
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.base.partitions import partition_of
from podrole.iam.document import parse_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.limits import Owner, check_inline, check_managed, size
from podrole.iam.policy import Effect, Policy, PolicyKind
from podrole.iam.shared_issuers import check_shared_issuers

_NO_LAMBDA_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
_MOST_OF_BUCKET = 20_480
"""Characters of a bucket policy. Source: AWS, "Bucket policies for Amazon S3"."""


class Stored(NamedTuple):
    """A document that a call is about to store: on what, as which kind."""

    document: str
    kind: PolicyKind
    where: str = ""


def check_documents(call: IdentifiedCall, account: str, bound: BoundPrincipals) -> None:
    """Refuse a call that would store a document which AWS does not take. Raises AWSError.

    What is stored is also bound: the principals that it names are those of this moment.
    """
    name = call.service.name
    find = _STORING.get((name, call.operation))
    if find is None:
        return
    stored = find(call, parameters(call), account)
    if stored is None:
        return
    try:
        policy = parse_policy(stored.document, stored.kind)
        _check_place(call, policy, account)
    except PolicyError as fault:
        raise _WORDS.get(name, _in_iam_words)(fault) from fault
    for arn in named_entities(policy):
        if entity_id(arn) is None and is_of_this_world(arn):
            raise _no_principal(name, arn)
    if stored.where:
        bound.bind(stored.where, policy)


# What is stored, by operation

_Finder = Callable[[IdentifiedCall, Mapping[str, Any], str], "Stored | None"]


def _identity(_: IdentifiedCall, given: Mapping[str, Any], __: str) -> Stored | None:
    return _text(given.get("PolicyDocument"), PolicyKind.IDENTITY)


def _trust(call: IdentifiedCall, given: Mapping[str, Any], account: str) -> Stored | None:
    found = given.get("AssumeRolePolicyDocument") or given.get("PolicyDocument")
    path = str(given.get("Path") or "/")
    arn = f"arn:{partition_of(call.region)}:iam::{account}:role{path}{given.get('RoleName')}"
    if call.operation == "UpdateAssumeRolePolicy":
        arn = _role_arn(call, account, str(given.get("RoleName"))) or arn
    return _text(found, PolicyKind.TRUST, arn)


def _role_arn(call: IdentifiedCall, account: str, name: str) -> str | None:
    found = backend("iam", account, partition_of(call.region))
    roles = list(found.roles.values()) if found is not None else []
    return next((str(role.arn) for role in roles if role.name == name), None)


def _bucket(_: IdentifiedCall, given: Mapping[str, Any], __: str) -> Stored | None:
    return _text(given.get("Policy"), PolicyKind.RESOURCE, f"arn:aws:s3:::{given.get('Bucket')}")


def _queue(call: IdentifiedCall, given: Mapping[str, Any], account: str) -> Stored | None:
    name = str(given.get("QueueName") or given.get("QueueUrl") or "").rpartition("/")[2]
    arn = f"arn:{partition_of(call.region)}:sqs:{call.region}:{call.account or account}:{name}"
    return _text((given.get("Attributes") or {}).get("Policy"), PolicyKind.RESOURCE, arn)


def _topic(call: IdentifiedCall, given: Mapping[str, Any], account: str) -> Stored | None:
    if call.operation == "CreateTopic":
        arn = f"arn:{partition_of(call.region)}:sns:{call.region}:{account}:{given.get('Name')}"
        return _text((given.get("Attributes") or {}).get("Policy"), PolicyKind.RESOURCE, arn)
    found = given.get("AttributeValue") if given.get("AttributeName") == "Policy" else None
    return _text(found, PolicyKind.RESOURCE, str(given.get("TopicArn")))


def _key(call: IdentifiedCall, given: Mapping[str, Any], account: str) -> Stored | None:
    name = str(given.get("KeyId") or "")
    arn = name if name.startswith("arn:") else f"arn:{partition_of(call.region)}:kms:{call.region}:{account}:key/{name}"
    return _text(given.get("Policy"), PolicyKind.RESOURCE, arn if name else "")


def _secret(_: IdentifiedCall, given: Mapping[str, Any], __: str) -> Stored | None:
    return _text(given.get("ResourcePolicy"), PolicyKind.RESOURCE)


def _repository(_: IdentifiedCall, given: Mapping[str, Any], __: str) -> Stored | None:
    return _text(given.get("policyText"), PolicyKind.RESOURCE)


def _permission(_: IdentifiedCall, given: Mapping[str, Any], __: str) -> Stored | None:
    """Return the policy with the one statement that AddPermission makes of its parameters."""
    principal = function_principal(given.get("Principal"))
    statement = {"Effect": "Allow", "Principal": principal, "Action": given.get("Action"), "Resource": "*"}
    return Stored(json.dumps({"Version": "2012-10-17", "Statement": statement}), PolicyKind.RESOURCE)


def _control(_: IdentifiedCall, given: Mapping[str, Any], __: str) -> Stored | None:
    kinds = {"SERVICE_CONTROL_POLICY": PolicyKind.SCP, "RESOURCE_CONTROL_POLICY": PolicyKind.RCP}
    kind = kinds.get(str(given.get("Type")))
    return _text(given.get("Content"), kind) if kind is not None else None


def _text(found: Any, kind: PolicyKind, where: str = "") -> Stored | None:
    # An empty text takes a policy away from a queue or a topic; IAM's own length check refuses it elsewhere.
    return Stored(found, kind, where) if isinstance(found, str) and found else None


_STORING: dict[tuple[str, str], _Finder] = {
    ("ecr", "SetRepositoryPolicy"): _repository,
    ("iam", "CreatePolicy"): _identity,
    ("iam", "CreatePolicyVersion"): _identity,
    ("iam", "CreateRole"): _trust,
    ("iam", "PutGroupPolicy"): _identity,
    ("iam", "PutRolePolicy"): _identity,
    ("iam", "PutUserPolicy"): _identity,
    ("iam", "UpdateAssumeRolePolicy"): _trust,
    ("kms", "CreateKey"): _key,
    ("kms", "PutKeyPolicy"): _key,
    ("lambda", "AddPermission"): _permission,
    ("organizations", "CreatePolicy"): _control,
    ("s3", "PutBucketPolicy"): _bucket,
    ("secretsmanager", "PutResourcePolicy"): _secret,
    ("sns", "CreateTopic"): _topic,
    ("sns", "SetTopicAttributes"): _topic,
    ("sqs", "CreateQueue"): _queue,
    ("sqs", "SetQueueAttributes"): _queue,
}


# Rules of the place


def _check_place(call: IdentifiedCall, policy: Policy, account: str) -> None:
    given = parameters(call)
    if call.operation in ("CreatePolicy", "CreatePolicyVersion") and policy.kind is PolicyKind.IDENTITY:
        check_managed(policy)
    elif policy.kind is PolicyKind.TRUST:
        check_shared_issuers(policy)
    elif call.operation in _INLINE:
        _check_inline(call, given, policy, account)
    elif call.operation == "PutBucketPolicy":
        _check_bucket(str(given.get("Bucket")), policy)


_INLINE = {
    "PutGroupPolicy": (Owner.GROUP, "groups", "GroupName"),
    "PutRolePolicy": (Owner.ROLE, "roles", "RoleName"),
    "PutUserPolicy": (Owner.USER, "users", "UserName"),
}


def _check_inline(call: IdentifiedCall, given: Mapping[str, Any], policy: Policy, account: str) -> None:
    owner, collection, parameter = _INLINE[call.operation]
    name = str(given.get(parameter))
    found = backend("iam", account, partition_of(call.region))
    entities = list(getattr(found, collection, {}).values())
    entity = next((one for one in entities if one.name == name), None)
    texts = dict(entity.policies) if entity is not None else {}
    texts[str(given.get("PolicyName"))] = policy.text
    check_inline([text if isinstance(text, str) else str(text) for text in texts.values()], owner, name)


def _check_bucket(name: str, policy: Policy) -> None:
    for statement in policy.statements:
        resources = statement.resources.resources if statement.resources is not None else ()
        for resource in resources:
            inside = resource.split(":", 5)[-1]
            if resource == "*" or inside.partition("/")[0] != name:
                raise AWSError(
                    "MalformedPolicy", 400, "Policy has invalid resource", why=f"{resource} is not in {name}."
                )
        if any(not action.lower().startswith("s3:") and action != "*" for action in statement.actions.actions):
            raise AWSError("MalformedPolicy", 400, "Policy has invalid action")
    if size(policy.text) > _MOST_OF_BUCKET:
        raise AWSError("PolicyTooLarge", 400, "Policy exceeds the maximum allowed document size.")
    bucket = bucket_of(name)
    block = bucket.public_access_block if bucket is not None else None
    if block is not None and block.block_public_policy and is_public(policy):
        raise AWSError("AccessDenied", 403, "Access Denied", why="Block Public Access keeps public policies out.")


def is_public(policy: Policy) -> bool:
    """Say whether a bucket policy is public as S3's Block Public Access means it: it lets everybody in without a
    condition that names somebody."""
    return any(
        statement.effect is Effect.ALLOW
        and statement.principal is not None
        and (statement.principal.everyone or statement.principal.every_aws)
        and not any(one.key.lower() in _NARROWING and not one.negated for one in statement.conditions)
        for statement in policy.statements
    )


_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)


# Words


def _in_iam_words(fault: PolicyError) -> AWSError:
    return _error(fault.aws_code, fault.status, fault.message, fault)


def _in_json_words(fault: PolicyError) -> AWSError:
    return _error("MalformedPolicyDocumentException", 400, fault.message, fault)


def _in_s3_words(fault: PolicyError) -> AWSError:
    text = fault.message
    if text == "This policy contains invalid Json":
        text = "Policies must be valid JSON and the first byte must be '{'"
    elif text.startswith("Invalid principal"):
        text = "Invalid principal in policy"
    return _error("MalformedPolicy", 400, text, fault)


def _in_sqs_words(fault: PolicyError) -> AWSError:
    return _error("InvalidAttributeValue", 400, "Invalid value for the parameter Policy.", fault)


def _in_sns_words(fault: PolicyError) -> AWSError:
    return _error("InvalidParameter", 400, f"Invalid parameter: Policy Error: {fault.message}", fault)


def _in_ecr_words(fault: PolicyError) -> AWSError:
    text = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
    return _error("InvalidParameterException", 400, text, fault)


def _in_lambda_words(fault: PolicyError) -> AWSError:
    return _error("InvalidParameterValueException", 400, _NO_LAMBDA_PRINCIPAL, fault)


_WORDS: dict[str, Callable[[PolicyError], AWSError]] = {
    "ecr": _in_ecr_words,
    "kms": _in_json_words,
    "lambda": _in_lambda_words,
    "organizations": _in_json_words,
    "s3": _in_s3_words,
    "secretsmanager": _in_json_words,
    "sns": _in_sns_words,
    "sqs": _in_sqs_words,
}


def _error(code: str, status: int, text: str, fault: PolicyError) -> AWSError:
    faults = [one.to_dict() for one in fault.faults] if isinstance(fault, MalformedPolicyDocument) else []
    return AWSError(
        code, status, text, why=str(fault).partition("\n")[0], explanation={"faults": faults} if faults else None
    )


def _no_principal(service: str, arn: str) -> AWSError:
    text = f'Invalid principal in policy: "AWS":"{arn}"'
    why = f"The document names {arn}, which does not exist."
    words = {
        "ecr": (
            "InvalidParameterException",
            "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
        ),
        "iam": ("MalformedPolicyDocument", text),
        "lambda": ("InvalidParameterValueException", _NO_LAMBDA_PRINCIPAL),
        "s3": ("MalformedPolicy", "Invalid principal in policy"),
        "sns": ("InvalidParameter", f"Invalid parameter: Policy Error: {text}"),
        "sqs": ("InvalidAttributeValue", "Invalid value for the parameter Policy."),
    }
    code, message = words.get(service, ("MalformedPolicyDocumentException", text))
    return AWSError(code, 400, message, why=why)
