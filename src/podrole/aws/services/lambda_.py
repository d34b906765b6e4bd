"""What is special about Lambda: AddPermission makes the statements of a function's policy."""

from __future__ import annotations

import json
from typing import Any

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Document, ServiceRules, Storing, error
from podrole.iam.errors import PolicyError


def principal_element(parameter: Any) -> Any:
    """Return the Principal element that the parameter Principal of AddPermission stands for."""
    if not isinstance(parameter, str) or parameter == "*":
        return parameter
    is_service = "." in parameter.rpartition(":")[2] and not parameter.startswith("arn:")
    return {"Service" if is_service else "AWS": parameter}


def _permission(storing: Storing) -> Document:
    """Return the policy with the one statement that AddPermission makes of its parameters."""
    principal = principal_element(storing.given.get("Principal"))
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": storing.given.get("Action"),
        "Resource": "*",
    }
    return Document(json.dumps({"Version": "2012-10-17", "Statement": statement}))


def _fault(fault: PolicyError) -> AWSError:
    text = "The provided principal was invalid. Please check the principal and try again."
    return error("InvalidParameterValueException", text, fault)


RULES = ServiceRules(
    "lambda",
    documents={"AddPermission": _permission},
    fault=_fault,
    not_judged={"AddLayerVersionPermission": (), "PutResourcePolicy": ()},
)
