"""IAM: its refusals name an entity where they could print its ARN."""

from __future__ import annotations

import pytest

from podrole.aws.services.iam import RULES
from podrole.iam.evaluate import Request
from podrole.iam.principal import principal_of
from support.calls import ACCOUNT

IAM = f"arn:aws:iam::{ACCOUNT}"


@pytest.mark.parametrize(
    ("action", "resource", "spelled"),
    [
        ("iam:GetUser", f"{IAM}:user/team/ann", "user ann"),
        ("iam:GetUser", f"{IAM}:user/a:b/ann", "user ann"),
        ("iam:GetGroup", f"{IAM}:group/devs", "group devs"),
        ("iam:GetRole", f"{IAM}:role/till", "role till"),
        ("iam:GetInstanceProfile", f"{IAM}:instance-profile/web", "instance profile web"),
        ("iam:GetPolicy", f"{IAM}:policy/read", f"policy {IAM}:policy/read"),
        ("iam:GetOpenIDConnectProvider", f"{IAM}:oidc-provider/x", f"{IAM}:oidc-provider/x"),
        ("iam:ListUsers", f"{IAM}:user/", f"{IAM}:user/"),
        ("iam:CreateUser", f"{IAM}:user/ann", f"{IAM}:user/ann"),
        ("iam:PassRole", f"{IAM}:role/till", f"{IAM}:role/till"),
        ("sts:AssumeRole", f"{IAM}:role/till", f"{IAM}:role/till"),
    ],
)
def test_refusals_name_the_entity(action: str, resource: str, spelled: str) -> None:
    asked = Request(principal_of("ec2.amazonaws.com"), action, resource, ACCOUNT, {})
    sentence = f"not authorized to perform: {action} on resource: {{}} because on resource: {resource}"
    assert RULES.spell(sentence.format(resource), asked) == sentence.format(spelled)
