"""Policy documents are checked before they are stored: by podrole.iam.storing, with the service's own code and words.

What each service says of a malformed document differs (podrole.aws.services); which documents are malformed does not.
"""

from __future__ import annotations

from podrole.aws.interfaces import Facts, StoredPolicy
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.registry import rules_of
from podrole.aws.services.rules import NoSuchPrincipal, Storing, unjudged
from podrole.base.partitions import partition_of
from podrole.iam.arn import ARN, parse_arn
from podrole.iam.errors import InvalidARN, PolicyError
from podrole.iam.policy import Policy
from podrole.iam.storing import StoredAs, check_storable


def check_documents(call: IdentifiedCall, account: str, resource: str, facts: Facts) -> StoredPolicy | None:
    """Refuse a call that would store a document which AWS does not take, or one that podrole does not judge.

    ``account`` is the one in which the call acts, ``resource`` the one that it was authorized on. Returns what the call
    stores, so that the principals which it names can be bound once it has succeeded. Raises AWSError.
    """
    rules = rules_of(call.service.name)
    held_by = rules.not_judged.get(call.operation)
    if held_by is not None and (not held_by or any(parameters(call).get(name) for name in held_by)):
        raise unjudged(call)
    find = rules.documents.get(call.operation)
    if find is None:
        return None
    storing = Storing(call, parameters(call), account, facts)
    document = find(storing)
    if document is None:
        return None
    try:
        policy = check_storable(document.text, StoredAs.RESOURCE, partition_of(call.region))
        rules.check(storing, policy)
        check_principals(policy, facts)
    except PolicyError as fault:
        raise rules.fault(fault) from fault
    return StoredPolicy(resource if document.resource is None else document.resource, document.text)


def check_principals(policy: Policy, facts: Facts) -> None:
    """Refuse roles and users that do not exist. Those of accounts that nobody here has used are taken on trust."""
    named = {
        text for statement in policy.statements if statement.principal is not None for text in statement.principal.arns
    }
    for text in sorted(named):
        arn = _entity(text)
        if arn is not None and facts.principal_id(text) is None and facts.account_exists(arn.account, arn.partition):
            raise NoSuchPrincipal(text)


def _entity(text: str) -> ARN | None:
    try:
        arn = parse_arn(text)
    except InvalidARN:
        return None
    return arn if arn.is_role or arn.is_user else None
