"""Publishes an issuer: its two documents, and beside them the record of its keys.

Whatever is interrupted, the published keys hold at least those that the record says may sign: keys are added before the
record names them, and taken out after it does not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from podrole.base.clock import Clock
from podrole.base.partitions import eks_issuer_region
from podrole.iam.provider_url import provider_url_fault
from podrole.issuer.errors import InvalidIssuer, StoreConflict
from podrole.issuer.record import COMING, IssuerRecord, from_json, jwk_set, to_json
from podrole.issuer.rotation import forget_gone
from podrole.issuer.store import DocumentStore, StoredObject, changed_meanwhile
from podrole.oidc.issuer import discovery_document

DISCOVERY = ".well-known/openid-configuration"
KEYS = "openid/v1/jwks"
RECORD = "podrole-issuer.json"
Change = Callable[[IssuerRecord, float], IssuerRecord]
"""One step: a record and the time → the record that follows. Called twice; only the second result is kept."""


@dataclass(frozen=True, slots=True)
class PublishedIssuer:
    """What a store holds. ``foreign`` are published keys that the record does not know, ``lost`` are the ids of keys
    that the record knows and the documents do not hold."""

    record: IssuerRecord
    foreign: tuple[Mapping[str, Any], ...]
    lost: tuple[str, ...]


def check_issuer(url: str) -> None:
    """Raise InvalidIssuer if IAM would not take this URL as an issuer, or tokens could not name it."""
    fault = provider_url_fault(url)
    host = url.removeprefix("https://").partition("/")[0]
    if fault is None and host != host.lower():
        fault = "its host has upper-case letters"
    if fault is None and url.endswith("/"):
        fault = "it ends with a slash, which is easily lost"
    if fault is None and {".", ".."} & set(unquote(url).split("/")):
        fault = "its path has a segment of dots, which clients take out"
    if fault is None and eks_issuer_region(url) is not None:
        fault = "it is the issuer of an EKS cluster, whose documents and keys EKS publishes and rotates"
    if fault is not None:
        raise InvalidIssuer(f"The issuer cannot be {url!r}: {fault}.", expected="https://host[/path]")


class IssuerPublisher:
    """Reads and changes an issuer in a store."""

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def read(self) -> PublishedIssuer:
        """Return what is published. Raises InvalidIssuer if the store holds no issuer."""
        stored = self._store.read(RECORD)
        if stored is None:
            raise self._no_issuer()
        record = from_json(stored.content)
        keys = self._store.read(KEYS)
        return PublishedIssuer(record, _foreign(keys, record), _lost(record, keys))

    def named_issuer(self) -> str | None:
        """Return the issuer that the record names, else the discovery document; None if there is neither."""
        stored = self._store.read(RECORD)
        if stored is not None:
            return from_json(stored.content).issuer
        discovery = self._store.read(DISCOVERY)
        return None if discovery is None else str(_object(discovery.content).get("issuer"))

    def missing(self, record: IssuerRecord) -> tuple[str, ...]:
        """Return the documents that ``create`` would write. Raises as it does."""
        check_issuer(record.issuer)
        if self.existing(record) is not None:
            return ()
        return (RECORD,) if self._discovery_to_write(record) is None else (DISCOVERY, RECORD)

    def create(self, record: IssuerRecord) -> IssuerRecord:
        """Publish a new issuer, or return the one that is there. Raises InvalidIssuer if that has another URL."""
        check_issuer(record.issuer)
        there = self.existing(record)
        if there is not None:
            return there
        self._write_discovery(record)
        self._store.write(RECORD, to_json(record), None)
        return record

    def change(self, step: Change) -> IssuerRecord:
        """Take one step and publish what follows from it. Raises what the step raises, StoreConflict, InvalidIssuer.

        Keys of the record that somebody took out of the documents are published again, also if the step is refused.
        """
        if self.read().lost:
            self._take(lambda record, _: record)
        return self._take(step)

    def _take(self, step: Change) -> IssuerRecord:
        # The keys are read first: what somebody publishes or finishes meanwhile changes them before they are written.
        keys = self._store.read(KEYS)
        stored = self._store.read(RECORD)
        if stored is None:
            raise self._no_issuer()
        before = from_json(stored.content)
        foreign = _foreign(keys, before)
        planned = step(_dated(before, keys, now := self._clock()), now)
        wide = _document(_union(before, planned), foreign)
        self._write_discovery(planned)
        self._write_keys(wide, keys)
        # Keys count from when everybody could read them.
        after = step(_dated(before, keys, now := self._clock()), now)
        if after != before:
            self._store.write(RECORD, to_json(after), stored.version)
        narrow = _document(after, foreign)
        if narrow != wide:
            written = self._store.read(KEYS)
            if written is None or _object(written.content) != wide:
                raise changed_meanwhile(KEYS, self._store.what)
            self._write_keys(narrow, written)
        return self._settle(after)

    def _settle(self, after: IssuerRecord) -> IssuerRecord:
        """Forget the keys that are gone. If another cluster began to use one of them meanwhile, publish it again."""
        keys, stored = self._store.read(KEYS), self._store.read(RECORD)
        current = after if stored is None else from_json(stored.content)
        if _lost(current, keys):
            with contextlib.suppress(StoreConflict):  # somebody who wrote the keys since looks at them, too
                self._write_keys(_document(current, _foreign(keys, current)), keys)
        finished = forget_gone(after)
        if stored is not None and current == after != finished:
            self._store.write(RECORD, to_json(finished), stored.version)
        return finished

    def existing(self, record: IssuerRecord) -> IssuerRecord | None:
        """Return the stored record, None if there is none. Raises InvalidIssuer if it is of another issuer."""
        stored = self._store.read(RECORD)
        if stored is None:
            return None
        there = from_json(stored.content)
        if there.issuer != record.issuer:
            raise InvalidIssuer(f"{self._store.what} holds another issuer.", got=there.issuer, expected=record.issuer)
        return there

    def _no_issuer(self) -> InvalidIssuer:
        if self._store.read(DISCOVERY) is not None:
            return InvalidIssuer(
                f"The record {RECORD} is missing in {self._store.what}; the documents are there.",
                next_step="podrole issuer init as the first time, then podrole issuer publish --cluster CLUSTER "
                "--from-cluster --rebuild",
            )
        return InvalidIssuer(
            f"There is no issuer in {self._store.what}.",
            next_step="correct --to (PODROLE_ISSUER), or make the issuer with podrole issuer init",
        )

    def _write_discovery(self, record: IssuerRecord) -> None:
        wanted = self._discovery_to_write(record)
        if wanted is not None:
            document, version = wanted
            self._store.write(DISCOVERY, _bytes(document), version)

    def _discovery_to_write(self, record: IssuerRecord) -> tuple[dict[str, Any], str | None] | None:
        """Return the document and the version that it replaces; None if it is there. Raises StoreConflict."""
        algorithms = {key.jwk.get("alg", "RS256") for key in record.published} or {"RS256"}
        document = discovery_document(record.issuer, f"{record.issuer}/{KEYS}", algorithms)
        stored = self._store.read(DISCOVERY)
        if stored is not None:
            there = _object(stored.content)
            if there.get("issuer") != record.issuer:
                raise StoreConflict(
                    f"{DISCOVERY} in {self._store.what} belongs to another issuer.",
                    got=str(there.get("issuer")),
                    expected=record.issuer,
                    next_step="choose another bucket, folder or prefix",
                )
            if there == document:
                return None
        return document, None if stored is None else stored.version

    def _write_keys(self, document: Mapping[str, Any] | None, before: StoredObject | None) -> None:
        """Replace the keys that were read. Raises StoreConflict if somebody else wrote them since."""
        if document is not None and (before is None or _object(before.content) != document):
            self._store.write(KEYS, _bytes(document), None if before is None else before.version)


def _document(record: IssuerRecord, foreign: tuple[Mapping[str, Any], ...]) -> dict[str, Any] | None:
    """Return the JWK Set to publish; None without keys, which AWS does not read."""
    return jwk_set(record, foreign) if record.published or foreign else None


def _dated(record: IssuerRecord, keys: StoredObject | None, now: float) -> IssuerRecord:
    """Return the record in which the next key, if it is not in the documents, is published from now on."""
    lost = set(_lost(record, keys))
    for key in record.keys:
        if key.kid in lost and key.state in COMING:
            record = record.with_key(replace(key, since=now))
    return record


def _lost(record: IssuerRecord, keys: StoredObject | None) -> tuple[str, ...]:
    """Return the ids of the record's keys that the documents do not hold as they are."""
    there = _entries(keys)
    return tuple(key.kid for key in record.published if dict(key.jwk) not in there)


def _union(before: IssuerRecord, after: IssuerRecord) -> IssuerRecord:
    """Return a record that publishes the keys of both."""
    kept = {(key.kid, key.cluster) for key in after.published}
    for key in before.published:
        if (key.kid, key.cluster) not in kept:
            after = after.with_key(key)
    return after


def _foreign(stored: StoredObject | None, record: IssuerRecord) -> tuple[Mapping[str, Any], ...]:
    """Return the published keys that are not in the record: another tool's, which stay."""
    if stored is None:
        return ()
    known = [key.kid for key in record.keys]  # the id of a foreign key can be anything
    return tuple(entry for entry in _entries(stored) if entry.get("kid") not in known)


def _entries(stored: StoredObject | None) -> list[dict[str, Any]]:
    keys = None if stored is None else _object(stored.content).get("keys")
    return [entry for entry in keys if isinstance(entry, dict)] if isinstance(keys, list) else []


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"
