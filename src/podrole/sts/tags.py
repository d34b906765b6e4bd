"""Session tags and source identity: from a token's claims, from parameters, from the calling session.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html. In a token tags come as one nested claim, or
flattened for issuers that cannot nest; AssumeRole and GetFederationToken take them as parameters. Keys differ only if
they differ in more than case, everywhere: in the request, from a session to the next, from a role to its session.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.sts.denial import Denied, Step, denied
from podrole.sts.parameters import is_tag_text

TAGS_CLAIM = "https://aws.amazon.com/tags"
SOURCE_IDENTITY_CLAIM = "https://aws.amazon.com/source_identity"
MAX_TAGS = 50
MAX_KEY, MAX_VALUE = 128, 256
_FLAT_TAG = f"{TAGS_CLAIM}/principal_tags/"
_FLAT_TRANSITIVE = f"{TAGS_CLAIM}/transitive_tag_keys"
_SOURCE_IDENTITY = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_NOT_IN_FORMAT = "Session tags passed in claim are not in correct format."


@dataclass(frozen=True, slots=True)
class SessionTags:
    """Tags of a session and the keys among them that a chained session inherits."""

    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_keys: tuple[str, ...] = ()

    def inherited(self) -> SessionTags:
        """Return the tags that a session made by this one has too."""
        folded = {key.lower() for key in self.transitive_keys}
        kept = {key: value for key, value in self.tags.items() if key.lower() in folded}
        return SessionTags(kept, tuple(kept))

    def context_keys(self) -> dict[str, str | list[str]]:
        """Return the condition keys of a request that passes these tags."""
        keys: dict[str, str | list[str]] = {}
        if self.tags:
            keys["aws:TagKeys"] = list(self.tags)
            keys.update({f"aws:RequestTag/{key}": value for key, value in self.tags.items()})
        if self.transitive_keys:
            keys["sts:TransitiveTagKeys"] = list(self.transitive_keys)
        return keys


NO_TAGS = SessionTags()


def overriding(below: Mapping[str, str], above: Mapping[str, str]) -> dict[str, str]:
    """Return all tags of both; of keys that differ only in case, ``above``'s."""
    if not above:
        return dict(below)
    folded = {key.lower() for key in above}
    return {**{key: value for key, value in below.items() if key.lower() not in folded}, **above}


def tags_of_claims(payload: Mapping[str, Any]) -> SessionTags:
    """Return the session tags that a token's claims ask for. Raises Denied where they are malformed."""
    nested = payload.get(TAGS_CLAIM)
    flat = {name.removeprefix(_FLAT_TAG): value for name, value in payload.items() if name.startswith(_FLAT_TAG)}
    if nested is None:
        if not flat and _FLAT_TRANSITIVE not in payload:
            return NO_TAGS
        pairs, transitive = list(flat.items()), payload.get(_FLAT_TRANSITIVE, [])
    elif isinstance(nested, dict) and not flat and _FLAT_TRANSITIVE not in payload:
        principal_tags = nested.get("principal_tags", {})
        if not isinstance(principal_tags, dict):
            raise _malformed(
                "principal_tags passed in claim is not in correct format.", "principal_tags is not an object"
            )
        pairs = [(name, _only(name, values)) for name, values in principal_tags.items()]
        transitive = nested.get("transitive_tag_keys", [])
    else:
        raise _malformed(_NOT_IN_FORMAT, "the claim is not an object, or the tags are both nested and flattened")
    if not isinstance(transitive, list) or not all(isinstance(key, str) for key in transitive):
        raise _malformed(_NOT_IN_FORMAT, "transitive_tag_keys is not a list of strings")
    tags: dict[str, str] = {}
    for name, value in pairs:
        if not isinstance(value, str) or not _fits(name, 1, MAX_KEY) or not _fits(value, 0, MAX_VALUE):
            raise _malformed(_NOT_IN_FORMAT, f"the tag {name[:64]!r}")
        if name.lower().startswith("aws:"):
            raise _malformed(_NOT_IN_FORMAT, f"the reserved prefix aws: in {name[:64]!r}")
        tags[name] = value
    if len(tags) > MAX_TAGS:
        raise _malformed(_NOT_IN_FORMAT, f"{len(tags)} tags")
    return _consistent(tags, tags, transitive, Step.CLAIMS)


def tags_of_parameters(pairs: Iterable[tuple[str, str]], transitive: Iterable[str] = ()) -> SessionTags:
    """Return the session tags of validated parameters. Raises Denied where they contradict each other."""
    pairs = list(pairs)
    for key, _ in pairs:
        if key.lower().startswith("aws:"):
            raise denied(
                Step.PARAMETERS,
                "InvalidParameterValue",
                "System tags cannot be added by the requester. Tag keys may not begin with aws:",
                "A session tag has the reserved prefix aws:.",
                got=repr(key),
            )
    return _consistent([key for key, _ in pairs], dict(pairs), transitive, Step.PARAMETERS)


def check_not_inherited(requested: SessionTags, inherited: SessionTags) -> None:
    """Refuse a tag of the key of one that the calling session passes on: it cannot be changed along a role chain."""
    folded = {key.lower() for key in inherited.tags}
    conflict = next((key for key in requested.tags if key.lower() in folded), None)
    if conflict is not None:
        raise denied(
            Step.PARAMETERS,
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
            "the calling session.",
            "A session tag has the key of a transitive tag of the calling session.",
            got=repr(conflict),
        )


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
        "AWS does not accept the token's source identity.",
        expected="2 to 64 characters of letters, digits and +=,.@-",
    )


def _consistent(keys: Iterable[str], tags: Mapping[str, str], transitive: Iterable[str], step: Step) -> SessionTags:
    folded = [key.lower() for key in keys]
    if len(set(folded)) != len(folded):
        raise denied(
            step,
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            "Two session tags have the same key, or keys that differ only in case.",
        )
    transitive = tuple(transitive)
    if any(key.lower() not in folded for key in transitive):
        raise denied(
            step,
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.",
            "A transitive tag key is not the key of a tag of the session.",
        )
    return SessionTags(tags, transitive)


def _only(name: str, values: object) -> object:
    if isinstance(values, list) and len(values) == 1:
        return values[0]
    raise _malformed(
        "principal_tags passed in claim is not in correct format.",
        f"the value of {name[:64]!r} is not a list of one string",
    )


def _fits(text: str, minimum: int, maximum: int) -> bool:
    return minimum <= len(text) <= maximum and is_tag_text(text)


def _malformed(message: str, got: str) -> Denied:
    return denied(Step.CLAIMS, "InvalidIdentityToken", message, "The token's session tags are malformed.", got=got)
