"""Policy documents are judged before they are stored: by podrole's reader, with the service's own code and words.

What each service says of a malformed document differs; which documents are malformed does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from podrole.account.identities import EntityKind, IdentityStore
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts, StoredPolicy
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.lambda_ import principal_element
from podrole.aws.services.s3 import is_public
from podrole.base.partitions import partition_of
from podrole.iam.arn import ARN, parse_arn
from podrole.iam.document import parse_policy
from podrole.iam.errors import InvalidARN, MalformedPolicyDocument, PolicyError
from podrole.iam.limits import Owner, check_inline, check_managed, size
from podrole.iam.policy import Policy, PolicyKind
from podrole.iam.shared_issuers import check_shared_issuers

_NO_LAMBDA_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
_MOST_OF_BUCKET = 20_480
"""Characters of a bucket policy. Source: AWS, "Bucket policies for Amazon S3"."""


class Stored(NamedTuple):
    """A document that a call is about to store: as which kind, and on what, if its principals are to be bound."""

    document: str
    kind: PolicyKind
    on: StoredPolicy | None = None


def check_documents(call: IdentifiedCall, account: str, facts: Facts) -> StoredPolicy | None:
    """Refuse a call that would store a document which AWS does not take. Raises AWSError.

    Returns what the call stores, so that the principals which it names can be bound once it has succeeded.
    """
    name = call.service.name
    find = _STORING.get((name, call.operation))
    if find is None:
        return None
    stored = find(call, parameters(call), account, facts)
    if stored is None:
        return None
    try:
        policy = parse_policy(stored.document, stored.kind)
        _check_place(call, policy, account, facts)
    except PolicyError as fault:
        raise _WORDS.get(name, _in_iam_words)(fault) from fault
    for arn in _named_entities(policy):
        if facts.principal_id(str(arn)) is None and facts.account_exists(arn.account, arn.partition):
            raise _no_principal(name, str(arn))
    return stored.on


def _named_entities(policy: Policy) -> list[ARN]:
    """Return the ARNs of roles and users that a policy names as principals."""
    named = {arn for one in policy.statements if one.principal is not None for arn in one.principal.arns}
    found = []
    for text in sorted(named):
        try:
            arn = parse_arn(text)
        except InvalidARN:
            continue
        if arn.is_role or arn.is_user:
            found.append(arn)
    return found


# What is stored, by operation

_Finder = Callable[[IdentifiedCall, Mapping[str, Any], str, Facts], "Stored | None"]


def _identity(_: IdentifiedCall, given: Mapping[str, Any], __: str, ___: Facts) -> Stored | None:
    return _text(given.get("PolicyDocument"), PolicyKind.IDENTITY)


def _trust(call: IdentifiedCall, given: Mapping[str, Any], account: str, facts: Facts) -> Stored | None:
    found = given.get("AssumeRolePolicyDocument") or given.get("PolicyDocument")
    path = str(given.get("Path") or "/")
    arn = f"arn:{partition_of(call.region)}:iam::{account}:role{path}{given.get('RoleName')}"
    if call.operation == "UpdateAssumeRolePolicy":
        role = facts.identities(account, partition_of(call.region)).entity(EntityKind.ROLE, str(given.get("RoleName")))
        arn = role.arn if role is not None else arn
    return _text(found, PolicyKind.TRUST, arn)


def _bucket(_: IdentifiedCall, given: Mapping[str, Any], __: str, ___: Facts) -> Stored | None:
    return _text(given.get("Policy"), PolicyKind.RESOURCE, f"arn:aws:s3:::{given.get('Bucket')}")


def _queue(call: IdentifiedCall, given: Mapping[str, Any], account: str, _: Facts) -> Stored | None:
    name = str(given.get("QueueName") or given.get("QueueUrl") or "").rpartition("/")[2]
    arn = f"arn:{partition_of(call.region)}:sqs:{call.region}:{account}:{name}"
    return _text((given.get("Attributes") or {}).get("Policy"), PolicyKind.RESOURCE, arn)


def _topic(call: IdentifiedCall, given: Mapping[str, Any], account: str, _: Facts) -> Stored | None:
    if call.operation == "CreateTopic":
        arn = f"arn:{partition_of(call.region)}:sns:{call.region}:{account}:{given.get('Name')}"
        return _text((given.get("Attributes") or {}).get("Policy"), PolicyKind.RESOURCE, arn)
    found = given.get("AttributeValue") if given.get("AttributeName") == "Policy" else None
    return _text(found, PolicyKind.RESOURCE, str(given.get("TopicArn")))


def _key(call: IdentifiedCall, given: Mapping[str, Any], account: str, _: Facts) -> Stored | None:
    name = str(given.get("KeyId") or "")
    arn = name if name.startswith("arn:") else f"arn:{partition_of(call.region)}:kms:{call.region}:{account}:key/{name}"
    return _text(given.get("Policy"), PolicyKind.RESOURCE, arn if name else "")


def _secret(_: IdentifiedCall, given: Mapping[str, Any], __: str, ___: Facts) -> Stored | None:
    return _text(given.get("ResourcePolicy"), PolicyKind.RESOURCE)


def _repository(_: IdentifiedCall, given: Mapping[str, Any], __: str, ___: Facts) -> Stored | None:
    return _text(given.get("policyText"), PolicyKind.RESOURCE)


def _permission(_: IdentifiedCall, given: Mapping[str, Any], __: str, ___: Facts) -> Stored | None:
    """Return the policy with the one statement that AddPermission makes of its parameters."""
    principal = principal_element(given.get("Principal"))
    statement = {"Effect": "Allow", "Principal": principal, "Action": given.get("Action"), "Resource": "*"}
    return Stored(json.dumps({"Version": "2012-10-17", "Statement": statement}), PolicyKind.RESOURCE, None)


def _control(_: IdentifiedCall, given: Mapping[str, Any], __: str, ___: Facts) -> Stored | None:
    kinds = {"SERVICE_CONTROL_POLICY": PolicyKind.SCP, "RESOURCE_CONTROL_POLICY": PolicyKind.RCP}
    kind = kinds.get(str(given.get("Type")))
    return _text(given.get("Content"), kind) if kind is not None else None


def _text(found: Any, kind: PolicyKind, where: str = "") -> Stored | None:
    # An empty text takes a policy away from a queue or a topic; IAM's own length check refuses it elsewhere.
    return Stored(found, kind, StoredPolicy(where) if where else None) if isinstance(found, str) and found else None


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


def _check_place(call: IdentifiedCall, policy: Policy, account: str, facts: Facts) -> None:
    given = parameters(call)
    if call.operation in ("CreatePolicy", "CreatePolicyVersion") and policy.kind is PolicyKind.IDENTITY:
        check_managed(policy)
    elif policy.kind is PolicyKind.TRUST:
        check_shared_issuers(policy)
    elif call.operation in _INLINE:
        _check_inline(call, given, policy, facts.identities(account, partition_of(call.region)))
    elif call.operation == "PutBucketPolicy":
        _check_bucket(str(given.get("Bucket")), policy, facts)


_INLINE = {
    "PutGroupPolicy": (Owner.GROUP, EntityKind.GROUP, "GroupName"),
    "PutRolePolicy": (Owner.ROLE, EntityKind.ROLE, "RoleName"),
    "PutUserPolicy": (Owner.USER, EntityKind.USER, "UserName"),
}


def _check_inline(call: IdentifiedCall, given: Mapping[str, Any], policy: Policy, identities: IdentityStore) -> None:
    owner, kind, parameter = _INLINE[call.operation]
    name = str(given.get(parameter))
    entity = identities.entity(kind, name)
    texts = dict(entity.inline) if entity is not None else {}
    texts[str(given.get("PolicyName"))] = policy.text
    check_inline(texts.values(), owner, name)


def _check_bucket(name: str, policy: Policy, facts: Facts) -> None:
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
    bucket = facts.bucket(name)
    if bucket is not None and bucket.blocks_public_policy and is_public(policy):
        raise AWSError("AccessDenied", 403, "Access Denied", why="Block Public Access keeps public policies out.")


# Words


def _in_iam_words(fault: PolicyError) -> AWSError:
    return _error(fault.aws_code, fault.status, fault.message, fault)


def _in_json_words(fault: PolicyError) -> AWSError:
    return _error("MalformedPolicyDocumentException", 400, fault.message, fault)


def _in_s3_words(fault: PolicyError) -> AWSError:
    rule = fault.faults[0].rule if isinstance(fault, MalformedPolicyDocument) else ""
    return _error("MalformedPolicy", 400, _S3_TEXTS.get(rule, fault.message), fault)


_S3_TEXTS = {
    "json": "Policies must be valid JSON and the first byte must be '{'",
    "principal": "Invalid principal in policy",
    "principal-empty": "Invalid principal in policy",
}


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
