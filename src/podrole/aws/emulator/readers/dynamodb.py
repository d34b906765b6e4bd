"""DynamoDB's tables. A table's policy also covers its indexes; policies of streams are not judged."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text
from podrole.iam.actions.call import Call


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    kind, _, rest = arn.resource.partition("/")
    name, _, inside = rest.partition("/")
    stored = backend("dynamodb", arn.account, arn.region)
    table = stored.tables.get(name) if stored is not None and kind == "table" else None
    if stored is None or table is None or inside.startswith("stream/"):
        return None
    policy = stored.resource_policies.get(arn._replace(resource=f"table/{name}").text)
    text = document_text(policy.policy_doc) if policy is not None else None
    return PolicyHolder(arn.account, f"table {name}", text, table)


def _forget_policies_of_deleted(account: str, region: str) -> None:
    """Remove the policies of tables that are gone: moto would keep them for later tables of the same names."""
    stored = backend("dynamodb", account, region)
    if stored is None:
        return
    for arn in list(stored.resource_policies):
        if arn.rpartition("/")[2] not in stored.tables:
            del stored.resource_policies[arn]


def partition_key(call: Call, table: str) -> str | None:
    """Return the name of a table's partition key. ``table`` is a name or an ARN."""
    parts = table.split(":", 5)
    account, region = (parts[4], parts[3]) if len(parts) == 6 else (call.account, call.region)
    stored = backend("dynamodb", account, region)
    found = stored.tables.get(parts[-1].removeprefix("table/").partition("/")[0]) if stored is not None else None
    return str(found.hash_key_attr) if found is not None else None


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("dynamodb", account, region)
    yield from (str(table.table_arn) for table in stored.tables.values()) if stored is not None else ()


READER = Reader(policy_holder=_policy_holder, holders=_holders, forget=_forget_policies_of_deleted)
