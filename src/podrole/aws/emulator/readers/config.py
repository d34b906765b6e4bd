"""Config's recorder."""

from __future__ import annotations

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import Reader
from podrole.iam.actions.call import Call


def _role_of_recorder(call: Call, _: str) -> str | None:
    """Return the role of the region's recorder; empty if it was made without one."""
    stored = backend("config", call.account, call.region)
    recorder = next(iter(stored.recorders.values()), None) if stored is not None else None
    return None if recorder is None else str(recorder.role_arn or "")


READER = Reader(arns={"config:recorder-role": _role_of_recorder})
