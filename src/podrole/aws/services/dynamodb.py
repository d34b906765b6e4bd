"""What is special about DynamoDB: a table's resource policy, which also covers its indexes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Document, ServiceRules, Storing, error, parameter, unjudged
from podrole.iam.errors import PolicyError


def _table_policy(storing: Storing) -> Document | None:
    arn = str(storing.given.get("ResourceArn"))
    if "/stream/" in arn:
        raise unjudged(storing.call, "the policy of a stream")
    document = parameter("Policy")(storing)
    return None if document is None else document._replace(resource=arn)


def _fault(fault: PolicyError) -> AWSError:
    return error("ValidationException", f"Invalid policy document: {fault.message}", fault)


RULES = ServiceRules(
    "dynamodb",
    documents={"PutResourcePolicy": _table_policy},
    fault=_fault,
    not_judged={"CreateTable": ("ResourcePolicy",)},
)
