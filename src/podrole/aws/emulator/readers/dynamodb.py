"""DynamoDB's tables. A table's policy also covers its indexes; policies of streams are not judged."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text
from podrole.aws.interfaces import Encryption
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


def partition_key(call: Call, name: str) -> str | None:
    """Return the name of the partition key of a table, or of an index. ``name`` is a table's name or an ARN."""
    parts = name.split(":", 5)
    account, region = (parts[4], parts[3]) if len(parts) == 6 else (call.account, call.region)
    stored = backend("dynamodb", account, region)
    table_name, _, index_name = parts[-1].removeprefix("table/").partition("/index/")
    table = stored.tables.get(table_name) if stored is not None else None
    if table is None:
        return None
    if not index_name:
        return str(table.hash_key_attr)
    index = next(
        (candidate for candidate in (*table.indexes, *table.global_indexes) if candidate.name == index_name), None
    )
    keys = index.schema if index is not None else ()
    return next((str(key["AttributeName"]) for key in keys if key["KeyType"] == "HASH"), None)


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("dynamodb", account, region)
    yield from (str(table.table_arn) for table in stored.tables.values()) if stored is not None else ()


def _of_iterator(call: Call, iterator: str) -> str | None:
    """Return the stream that a shard iterator reads from."""
    stored = backend("dynamodbstreams", call.account, call.region)
    return iterator.partition("|")[0] if stored is not None and iterator in stored.shard_iterators else None


def _encryption(arn: ARNParts, _: str) -> Encryption:
    """Return how a table is encrypted, which its indexes are too."""
    kind, _slash, rest = arn.resource.partition("/")
    stored = backend("dynamodb", arn.account, arn.region)
    table = stored.tables.get(rest.partition("/")[0]) if stored is not None and kind == "table" else None
    wanted = (table.sse_specification or {}) if table is not None else {}
    return Encryption(str(wanted.get("KMSMasterKeyId") or "")) if wanted.get("Enabled") else Encryption()


READER = Reader(
    encryption=_encryption,
    policy_holder=_policy_holder,
    holders=_holders,
    arns={"dynamodb:iterator": _of_iterator},
    forget=_forget_policies_of_deleted,
)
