"""A call of EKS, as its operations on records see it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from podrole.account.eks.records import ClusterRecord
from podrole.account.eks.state import EKSState
from podrole.account.errors import AccountError
from podrole.account.records import Record
from podrole.account.transaction import Transaction
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN

Output = Mapping[str, Any]

VERSION = "1.36"


@dataclass(frozen=True, slots=True)
class EKSRequest:
    """A call that has been authorized and whose input fits the API's model."""

    transaction: Transaction
    state: EKSState
    input: Mapping[str, Any]
    partition: str

    def arn(self, kind: str, *names: str) -> str:
        """Return the ARN of something in the account and region."""
        path = "/".join([kind, *names])
        return f"arn:{self.partition}:eks:{self.state.region}:{self.state.account}:{path}"

    def new_uuid(self) -> str:
        """Return a new UUID."""
        return str(uuid.UUID(bytes=self.transaction.random(16), version=4))

    def cluster(self, parameter: str = "clusterName") -> ClusterRecord:
        """Return the cluster that the request names. Raises AccountError."""
        name = self.input[parameter]
        cluster = self.state.get(ClusterRecord, name)
        if cluster is None:
            refuse("ResourceNotFoundException", 404, f"No cluster found for name: {name}.")
        return cluster

    def put(self, *records: Record) -> None:
        """Store records."""
        self.transaction.put(self.state, *records)


def no_part(noun: str, name: str) -> str:
    """Return what EKS says of a node group or Fargate profile that does not exist."""
    return f"No {noun} found {'for' if noun == 'node group' else 'with'} name: {name}."


def refuse(code: str, status: int, message: str) -> NoReturn:
    """Raise AccountError, EKS's answer to a refused request."""
    raise AccountError(code, status, message)


def require_role(arn: str) -> None:
    """Raise AccountError unless a text is the ARN of a role."""
    try:
        is_role = parse_arn(arn).is_role
    except InvalidARN:
        is_role = False
    if not is_role:
        refuse("InvalidParameterException", 400, f"Invalid Role Arn: '{arn}'")


def finished_update(request: EKSRequest, kind: str) -> dict[str, Any]:
    """Return an update that has been made. EKS shows it under that ``kind``."""
    return {
        "id": request.new_uuid(),
        "status": "Successful",
        "type": kind,
        "params": [],
        "createdAt": request.transaction.now,
        "errors": [],
    }
