"""The place of a resource: its partition, region and account must be those of the call, or of another account.

The services look a name up in the region that is called, whatever the region in its ARN. So an ARN of another region
would be authorized as one resource and executed on another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.base.partitions import partition_of
from podrole.base.short_texts import cached_for_short_texts
from podrole.iam.actions.call import Permission
from podrole.iam.actions.reference import service
from podrole.iam.actions.ssm import is_public

FROM_OTHER_REGIONS = frozenset(
    {
        ("docdb", "CopyDBClusterSnapshot"),
        ("dynamodb", "RestoreTableToPointInTime"),
        ("neptune", "CopyDBClusterSnapshot"),
        ("rds", "CopyDBClusterSnapshot"),
        ("rds", "CopyDBSnapshot"),
        ("rds", "CreateDBCluster"),
        ("rds", "CreateDBInstanceReadReplica"),
        ("rds", "StartDBInstanceAutomatedBackupsReplication"),
    }
)
"""Operations that take a source from another region."""

_TEXTS = {
    "dynamodb": ("ResourceNotFoundException", 400, "Requested resource not found"),
    "kms": ("NotFoundException", 400, "Invalid arn {region}"),
    "lambda": (
        "ResourceNotFoundException",
        404,
        "Functions from '{region}' are not reachable in this region ('{called}')",
    ),
    "secretsmanager": ("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret."),
    "sns": ("InvalidParameter", 400, "Invalid parameter: TopicArn"),
}
"""The refusals that are known; the others are podrole's."""

_ACCOUNT = re.compile(r"[0-9]{12}")


def require_called_place(call: IdentifiedCall, needed: Iterable[Permission]) -> None:
    """Refuse a call on a resource of another partition or region, or whose ARN has no legal place. Raises AWSError.

    Does not compare accounts: policies decide about the resources of other accounts.
    """
    for permission in needed:
        parts = permission.resource.split(":")
        if len(parts) < 6:
            continue
        account = "aws" if is_public(permission.resource) else parts[4]
        what = _difference(":".join((*parts[1:4], account)), call.region)
        if what is not None and not (
            what.startswith("region ") and (call.service.name, call.operation) in FROM_OTHER_REGIONS
        ):
            raise _refusal(call, permission.resource, parts[3], what)


@cached_for_short_texts(1024)
def _difference(place: str, called: str) -> str | None:
    """Return in what the place of an ARN (``partition:service:region:account``) differs from the region that is called;
    None if it fits."""
    partition, owner, region, account = place.split(":")
    if partition != partition_of(called):
        return f"partition {partition}"
    places = list(_places(owner)) or [("${Region}", "${Account}")]
    if (bool(region), bool(account)) not in {
        (bool(region_part), bool(account_part)) for region_part, account_part in places
    }:
        return "no region or account, or one too many"
    named = {other for _, other in places if "$" not in other}  # AWS's managed policies are of the account "aws"
    if _ACCOUNT.fullmatch(account) is None and account not in {"aws", *named}:
        return f"account {account}"
    return f"region {region}" if region not in ("", called) else None


def _refusal(call: IdentifiedCall, arn: str, region: str, what: str) -> AWSError:
    code, status, text = _TEXTS.get(
        call.service.name, ("ValidationException", 400, "The resource is not in the region {called}.")
    )
    why = f"The ARN {arn} is of another place ({what}) than the call, which was made in {call.region}."
    return AWSError(code, status, text.format(region=region, called=call.region), why=why)


def _places(owner: str) -> Iterator[tuple[str, str]]:
    """Yield region and account as they stand in the ARNs of a service's types of resources."""
    reference = service(owner)
    for kind in reference.resource_types() if reference is not None else ():
        _, _, _, region, account, _ = kind.template.split(":", 5)
        yield region, account
