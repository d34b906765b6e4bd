"""Athena's queries: running, finished and saved ones."""

from __future__ import annotations

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import Reader
from podrole.iam.actions.call import Call


def _workgroup_of(call: Call, query: str) -> str | None:
    """Return the workgroup of a query, by the id of its execution or of the saved query."""
    stored = backend("athena", call.account, call.region)
    if stored is None:
        return None
    stored_query = stored.executions.get(query) or stored.named_queries.get(query)
    if stored_query is None:
        return None
    return (
        str(stored_query.workgroup.arn)
        if stored_query.workgroup is not None
        else call.arn("athena", "workgroup/primary")
    )


READER = Reader(arns={"athena:query": _workgroup_of})
