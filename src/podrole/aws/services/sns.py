"""What is special about SNS: the attribute Policy of a topic, AddPermission, and the code of its refusals."""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.encryption import uses_of_resources
from podrole.aws.services.rules import Document, ServiceRules, Storing, error, parameter
from podrole.aws.services.sqs import account_statement
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request


def _attribute(storing: Storing) -> Document | None:
    is_policy = storing.given.get("AttributeName") == "Policy"
    return parameter("AttributeValue")(storing) if is_policy else None


def _fault(fault: PolicyError) -> AWSError:
    return error("InvalidParameter", f"Invalid parameter: Policy Error: {fault.message}", fault)


def _spell(sentence: str, request: Request) -> str:
    prefix, _, name = request.action.partition(":")
    return sentence.replace(request.action, f"SNS:{name}") if prefix == "sns" else sentence


RULES = ServiceRules(
    "sns",
    documents={
        "AddPermission": account_statement,
        "CreateTopic": parameter("Attributes", "Policy"),
        "SetTopicAttributes": _attribute,
    },
    fault=_fault,
    also_needs=uses_of_resources,
    key_denied=("KMSAccessDenied", 400),
    denied=("AuthorizationError", 403),
    spell=_spell,
)
