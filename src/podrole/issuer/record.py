"""The keys of an issuer with what has happened to each: the third object beside the two documents that AWS reads.

It holds public keys only. Several clusters may share one issuer; each has its own keys in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.limits import MAX_SECONDS, MAX_TIME
from podrole.oidc.errors import KeysUnavailable
from podrole.oidc.jwks import parse_jwks

FORMAT = 1
DAY_SECONDS = 86_400
MAX_RECORD_BYTES = 1 << 20


class KeyState(StrEnum):
    """What a key does. All but ``gone`` are published."""

    NEXT = "next"
    """It signs nothing yet."""
    SIGNING = "signing"
    RETURNING = "returning"
    """It signed before, and shall sign again: its rotation was aborted."""
    RETIRED = "retired"
    """It signs no longer, and stays for its tokens."""
    WITHDRAWN = "withdrawn"
    """It was to be the next one; it stays for tokens that it may have signed."""
    GONE = "gone"
    """It is on its way out of the documents."""


COMING = (KeyState.NEXT, KeyState.RETURNING)
LEAVING = (KeyState.RETIRED, KeyState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key. ``jwk`` is what is published; ``since`` is when its state began, in epoch seconds.

    ``expires`` is when the last of its tokens expires, None if only the longest life of a token is known.
    """

    kid: str
    jwk: Mapping[str, str]
    cluster: str
    state: KeyState
    since: float
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class IssuerRecord:
    """All keys of an issuer. ``cache_seconds`` is how long a cache may serve an old document, ``longest_token_seconds``
    how long a token lives at most."""

    issuer: str
    keys: tuple[IssuerKey, ...] = ()
    cache_seconds: int = 3_600
    longest_token_seconds: int = DAY_SECONDS

    def of(self, cluster: str, *states: KeyState) -> tuple[IssuerKey, ...]:
        """Return a cluster's keys in these states."""
        return tuple(key for key in self.keys if key.cluster == cluster and key.state in states)

    def with_key(self, key: IssuerKey) -> IssuerRecord:
        """Return the record with this key in the place of the one with its id and cluster, or added."""
        others = tuple(other for other in self.keys if (other.kid, other.cluster) != (key.kid, key.cluster))
        return replace(self, keys=(*others, key))

    def last_expiry(self, key: IssuerKey) -> float:
        """Return when the last token of a key that no longer signs expires, in epoch seconds."""
        return key.since + self.longest_token_seconds if key.expires is None else key.expires

    @property
    def published(self) -> tuple[IssuerKey, ...]:
        """The keys that the documents must hold, each once though two clusters have it."""
        alive = {key.kid: key for key in self.keys if key.state is not KeyState.GONE}
        return tuple(alive[kid] for kid in sorted(alive))


def jwk_set(record: IssuerRecord, foreign: tuple[Mapping[str, Any], ...] = ()) -> dict[str, Any]:
    """Return the JWK Set to publish: the record's keys, and keys of others that are published already.

    Raises InvalidIssuer if AWS would not read it.
    """
    own = [key.kid for key in record.keys]
    kept = [dict(jwk) for jwk in foreign if jwk.get("kid") not in own]
    document = {"keys": [*(dict(key.jwk) for key in record.published), *kept]}
    try:
        parse_jwks(document, where=record.issuer)
    except KeysUnavailable as problem:
        raise InvalidIssuer(problem.what, got=problem.got, expected=problem.expected) from problem
    return document


def to_json(record: IssuerRecord) -> bytes:
    """Return the record as it is stored."""
    keys = [
        {
            "kid": key.kid,
            "cluster": key.cluster,
            "state": key.state.value,
            "since": key.since,
            "jwk": dict(key.jwk),
            **({} if key.expires is None else {"expires": key.expires}),
        }
        for key in sorted(record.keys, key=lambda key: (key.cluster, key.since, key.kid))
    ]
    stored = {
        "format": FORMAT,
        "issuer": record.issuer,
        "cacheSeconds": record.cache_seconds,
        "longestTokenSeconds": record.longest_token_seconds,
        "keys": keys,
    }
    return json.dumps(stored, indent=2).encode() + b"\n"


def from_json(text: bytes) -> IssuerRecord:
    """Read a stored record. Raises InvalidIssuer if it is not one, or one of a newer podrole."""
    try:
        stored = _decoded(text)
        newer = stored["format"] > FORMAT
        record = IssuerRecord(
            _line(stored["issuer"], "issuer"),
            _keys(stored["keys"]),
            int(_seconds(stored["cacheSeconds"], "cacheSeconds", MAX_SECONDS)),
            int(_seconds(stored["longestTokenSeconds"], "longestTokenSeconds", MAX_SECONDS)),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, KeysUnavailable) as problem:
        raise InvalidIssuer(
            "The issuer's record cannot be read.",
            got=str(problem),
            next_step="repair it; or remove it, then podrole issuer init as the first time, and podrole issuer publish "
            "--cluster CLUSTER --from-cluster --rebuild",
        ) from problem
    if newer:
        raise InvalidIssuer(
            "The issuer's record was written by a newer podrole.",
            got=f"format {stored['format']}",
            expected=str(FORMAT),
        )
    return record


def _decoded(text: bytes) -> Any:
    if len(text) > MAX_RECORD_BYTES:
        raise ValueError(f"it has {len(text)} bytes, and a record has at most {MAX_RECORD_BYTES}")
    return json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)


def _keys(stored: Iterable[Mapping[str, Any]]) -> tuple[IssuerKey, ...]:
    keys = tuple(_key(entry) for entry in stored)
    if len({(key.kid, key.cluster) for key in keys}) < len(keys):
        raise ValueError("a cluster has a key twice")
    return keys


def _key(stored: Mapping[str, Any]) -> IssuerKey:
    kid = _line(stored["kid"], "kid")
    jwk = {str(name): str(value) for name, value in stored["jwk"].items()}
    if kid not in parse_jwks({"keys": [jwk]}, where="the issuer's record"):
        raise ValueError(f"the JWK of {kid} has another id")
    return IssuerKey(
        kid,
        jwk,
        _line(stored["cluster"], "cluster"),
        KeyState(stored["state"]),
        _seconds(stored["since"], "since", MAX_TIME),
        _seconds(stored["expires"], "expires", MAX_TIME) if "expires" in stored else None,
    )


def _line(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{name} is not a line of text")
    return value


def _seconds(value: object, name: str, most: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name} is not a number from 0 to {most}")
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) < len(members):
        raise ValueError("an object has a member twice")
    return unique
