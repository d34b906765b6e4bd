"""Session tags and source identity, from a token's claims.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html: tags come as one nested claim, or flattened for
issuers that cannot nest; each needs its own action in the trust policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.sts.denial import Denied, Step, denied

TAGS_CLAIM = "https://aws.amazon.com/tags"
SOURCE_IDENTITY_CLAIM = "https://aws.amazon.com/source_identity"
MAX_TAGS = 50
MAX_KEY, MAX_VALUE = 128, 256
_FLAT_TAG = f"{TAGS_CLAIM}/principal_tags/"
_FLAT_TRANSITIVE = f"{TAGS_CLAIM}/transitive_tag_keys"
# [\p{L}\p{Z}\p{N}_.:/=+\-@]: letters, blanks and digits of any script, and these signs.
_PUNCTUATION = frozenset("_.:/=+-@")
_SOURCE_IDENTITY = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SessionTags:
    """Tags of a session and the keys among them that a chained session inherits."""

    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_keys: tuple[str, ...] = ()


def tags_of_claims(payload: Mapping[str, Any]) -> SessionTags:
    """Return the session tags that a token's claims ask for. Raises Denied where they are malformed."""
    nested = payload.get(TAGS_CLAIM)
    flat = {name.removeprefix(_FLAT_TAG): value for name, value in payload.items() if name.startswith(_FLAT_TAG)}
    if nested is None:
        pairs, transitive = list(flat.items()), payload.get(_FLAT_TRANSITIVE, [])
    elif isinstance(nested, dict) and not flat:
        principal_tags = nested.get("principal_tags", {})
        if not isinstance(principal_tags, dict):
            raise _malformed("principal_tags passed in claim is not in correct format.", "principal_tags is no object")
        pairs = [(name, _only(name, values)) for name, values in principal_tags.items()]
        transitive = nested.get("transitive_tag_keys", [])
    else:
        raise _malformed("Session tags passed in claim are not in correct format.", "the claim is no object")
    if not isinstance(transitive, list) or not all(isinstance(key, str) for key in transitive):
        raise _malformed(
            "Session tags passed in claim are not in correct format.", "transitive_tag_keys is no list of strings"
        )
    return checked_tags(pairs, transitive)


def checked_tags(pairs: Iterable[tuple[str, object]], transitive: Iterable[str]) -> SessionTags:
    """Return the tags if they keep the limits. Raises Denied."""
    tags: dict[str, str] = {}
    for name, value in pairs:
        if not isinstance(value, str) or not _fits(name, 1, MAX_KEY) or not _fits(value, 0, MAX_VALUE):
            raise _malformed("Session tags passed in claim are not in correct format.", f"the tag {name[:64]!r}")
        if name.lower().startswith("aws:"):
            raise _malformed(
                "Session tags passed in claim are not in correct format.", f"the reserved prefix aws: in {name[:64]!r}"
            )
        tags[name] = value
    if len({name.lower() for name in tags}) != len(tags):
        raise denied(
            Step.CLAIMS,
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            "Two session tags differ only in case.",
        )
    if len(tags) > MAX_TAGS:
        raise _malformed("Session tags passed in claim are not in correct format.", f"{len(tags)} tags")
    transitive = tuple(transitive)
    known = {name.lower() for name in tags}
    if any(key.lower() not in known for key in transitive):
        raise denied(
            Step.CLAIMS,
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.",
            "A transitive tag key names no tag of the session.",
        )
    return SessionTags(tags, transitive)


def source_identity_of_claims(payload: Mapping[str, Any]) -> str | None:
    """Return the source identity that a token's claims ask for. Raises Denied where it is malformed."""
    value = payload.get(SOURCE_IDENTITY_CLAIM)
    if value is None:
        return None
    if isinstance(value, str) and _SOURCE_IDENTITY.fullmatch(value):
        return value
    raise denied(
        Step.CLAIMS,
        "InvalidIdentityToken",
        "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for "
        "requirements.",
        "The token's source identity is not one that AWS takes.",
        expected="2 to 64 characters of letters, digits and +=,.@-",
    )


def _only(name: str, values: object) -> object:
    if isinstance(values, list) and len(values) == 1:
        return values[0]
    raise _malformed(
        "principal_tags passed in claim is not in correct format.",
        f"the value of {name[:64]!r} is no list of one string",
    )


def _fits(text: str, minimum: int, maximum: int) -> bool:
    return minimum <= len(text) <= maximum and all(
        character.isalpha() or character.isnumeric() or character.isspace() or character in _PUNCTUATION
        for character in text
    )


def _malformed(message: str, got: str) -> Denied:
    return denied(Step.CLAIMS, "InvalidIdentityToken", message, "The token's session tags are malformed.", got=got)
