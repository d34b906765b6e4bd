"""What a test allows an identity: ``s3:PutObject on arn:aws:s3:::reports/*`` becomes a statement of a policy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from podrole.doctor.similarity import nearest
from podrole.iam.actions.reference import service
from podrole.testing.server.errors import RequestRefused

_FORM = "ACTION[, ACTION …] [on ARN[, ARN …]], such as 's3:PutObject on arn:aws:s3:::reports/*'"


def policy_of(entries: Sequence[str]) -> str:
    """Return a policy document with a statement for each entry. Raises RequestRefused for an action that AWS has not.

    Whether AWS would store the document is for IAM to say.
    """
    return json.dumps({"Version": "2012-10-17", "Statement": [_statement(entry) for entry in entries]})


def _statement(entry: str) -> dict[str, Any]:
    actions, _, resources = entry.partition(" on ")
    named = _words(actions)
    if not named or (" on " in entry and not _words(resources)):
        raise RequestRefused("An entry of allow names no action or no resource.", got=repr(entry), expected=_FORM)
    for action in named:
        _check(action, entry)
    return {"Effect": "Allow", "Action": named, "Resource": _words(resources) or ["*"]}


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]


def _check(action: str, entry: str) -> None:
    prefix, colon, name = action.partition(":")
    if action == "*":
        return
    if not colon or not prefix or not name or any(letter.isspace() for letter in action):
        raise RequestRefused("An entry of allow does not have the form of an action.", got=repr(entry), expected=_FORM)
    known = service(prefix.lower())
    if known is None:
        raise RequestRefused(f"AWS has no service {prefix!r}.", got=repr(entry), next_step="check the action's prefix")
    names = known.action_names()
    pattern = re.compile(re.escape(name).replace(r"\*", ".*").replace(r"\?", "."), re.IGNORECASE)
    if not any(pattern.fullmatch(candidate) for candidate in names):
        meant = nearest(name, names)
        raise RequestRefused(
            f"AWS has no action {action!r}.",
            got=repr(entry),
            expected=f"an action of {known.prefix}",
            next_step=f"did you mean {known.prefix}:{meant}?" if meant else None,
        )
