"""An account whose operations of IAM are called by name, without an endpoint; and what they answer with."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from podrole.account.errors import AccountError
from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.iam.records import RoleRecord
from podrole.account.store import AccountStore
from podrole.iam.errors import PolicyError
from support.clock import Turned

ACCOUNT, NOW = "111122223333", 1_800_000_000
OWN = f"arn:aws:iam::{ACCOUNT}:policy/own"
PHONE = f"arn:aws:iam::{ACCOUNT}:mfa/phone"


def policy(**statement: Any) -> str:
    """Return a document with one statement that allows."""
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **statement}})


TRUST = policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="sts:AssumeRole")
DOCUMENT = policy(Action="s3:GetObject", Resource="*")
METADATA = "<EntityDescriptor/>"
LINKED = "AWSServiceRoleForAutoScaling"
RESERVED = "AWSReservedSSO_Admin_0123456789abcdef"


class IAM:
    """An account whose operations are called by name."""

    def __init__(self) -> None:
        self.clock = Turned(NOW)
        self.store = AccountStore(self.clock, os.urandom)

    def __call__(self, operation: str, account: str = ACCOUNT, user_id: str = "", **given: Any) -> Mapping[str, Any]:
        run = self.store.run(OPERATIONS[operation], given, account=account, partition="aws", user_id=user_id)
        return asyncio.run(run)

    def listed(self, operation: str, member: str, **given: Any) -> list[Any]:
        """Return one member of each item of a list."""
        answer = self(operation, **given)
        (items,) = (value for value in answer.values() if isinstance(value, list))
        return [one[member] for one in items]

    def refused(self, operation: str, **given: Any) -> tuple[str, int, str]:
        try:
            answer = self(operation, **given)
        except AccountError as refusal:
            return refusal.aws_code, refusal.status, refusal.what
        except PolicyError as refusal:
            return refusal.aws_code, refusal.status, refusal.message
        raise AssertionError(f"it was not refused: {answer}")


def account() -> IAM:
    """Return an account with a user, a group, a role, a policy and the like, none of which holds another."""
    iam = IAM()
    iam("CreateUser", UserName="ann")
    iam("CreateUser", UserName="bob")
    iam("CreateGroup", GroupName="staff")
    iam("CreateRole", RoleName="reader", AssumeRolePolicyDocument=TRUST)
    iam("CreatePolicy", PolicyName="own", PolicyDocument=DOCUMENT)
    iam("CreateInstanceProfile", InstanceProfileName="node")
    iam("CreateServiceLinkedRole", AWSServiceName="autoscaling.amazonaws.com")
    iam("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=METADATA)
    iam("CreateVirtualMFADevice", VirtualMFADeviceName="phone")
    state = iam.store.newest_iam(ACCOUNT, "aws")
    role = RoleRecord(id="AROA0", name=RESERVED, path="/aws-reserved/sso/", created_at=NOW, trust_policy=TRUST)
    asyncio.run(iam.store.transact(lambda transaction: transaction.put(state, role)))
    return iam


Given = dict[str, Any]
Before = list[tuple[str, Given]]
Refusal = tuple[Before, str, Given, tuple[str, int, str]]
"""The calls before, the call, its input, and code, status and text of its refusal."""

ANN, READER, STAFF, NODE = (
    {"UserName": "ann"},
    {"RoleName": "reader"},
    {"GroupName": "staff"},
    {"InstanceProfileName": "node"},
)
ARN = {"PolicyArn": OWN}
VERSION = ("CreatePolicyVersion", {**ARN, "PolicyDocument": DOCUMENT})
AWS_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
SERVICE_POLICY = "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"


def conflict(what: str) -> tuple[str, int, str]:
    return "DeleteConflict", 409, f"Cannot delete entity, must {what} first."


def quota(name: str, most: int) -> tuple[str, int, str]:
    return "LimitExceeded", 409, f"Cannot exceed quota for {name}: {most}"


def no_such(text: str) -> tuple[str, int, str]:
    return "NoSuchEntity", 404, text


def exists(text: str) -> tuple[str, int, str]:
    return "EntityAlreadyExists", 409, text
