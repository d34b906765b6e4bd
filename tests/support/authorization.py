"""What tests of authorization share: a role with a policy, and the words of a refusal."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.aws import ACCOUNT, LocalAWS


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        opened.writestr("app.py", "def handler(event, context): return event")
    return content.getvalue()


def grant(aws: LocalAWS, *statements: dict[str, Any], name: str = "reader") -> dict[str, str]:
    """Make a role with these statements, and return credentials of a session of it."""
    aws.set_up_role(name=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
    return aws.credentials(role=f"arn:aws:iam::{ACCOUNT}:role/{name}")


def allow(action: Any, resource: Any, **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": action, "Resource": resource}
    return found | ({"Condition": condition} if condition else {})


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Return the code and the message that a call is refused with."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    return error["Code"], error.get("Message", "")
