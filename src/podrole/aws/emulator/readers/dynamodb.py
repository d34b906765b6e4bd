"""DynamoDB's tables."""

from __future__ import annotations

from podrole.aws.emulator.backends import backend
from podrole.iam.actions.call import Call


def partition_key(call: Call, table: str) -> str | None:
    """Return the name of a table's partition key. ``table`` is a name or an ARN."""
    parts = table.split(":", 5)
    account, region = (parts[4], parts[3]) if len(parts) == 6 else (call.account, call.region)
    stored = backend("dynamodb", account, region)
    found = stored.tables.get(parts[-1].removeprefix("table/").partition("/")[0]) if stored is not None else None
    return str(found.hash_key_attr) if found is not None else None
