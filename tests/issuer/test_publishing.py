"""Documents are written with conditions, in an order in which no interruption loses a key."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from podrole.base.clock import Clock
from podrole.issuer import rotation
from podrole.issuer.errors import InvalidIssuer, IssuerError, StepRefused, StoreConflict
from podrole.issuer.publishing import DISCOVERY, KEYS, RECORD, Change, IssuerPublisher
from podrole.issuer.record import IssuerRecord, from_json, to_json
from podrole.issuer.rotation import SeenServer
from podrole.issuer.store import DocumentStore, FolderStore, StoredObject, changed_meanwhile, split_location
from podrole.oidc.keys import SigningKey, jwks

ISSUER = "https://oidc.example.com/prod"
SIGNING = [SigningKey.generate("ES256") for _ in range(4)]
JWKS = {key.kid: jwks([key.verification_key])["keys"][0] for key in SIGNING}
OLD, NEW, THIRD, FOURTH = JWKS
RECORD_OF = IssuerRecord(ISSUER, cache_seconds=10, longest_token_seconds=100)


class Killed(BaseException):
    """The process ends."""


class Interrupted:
    """A store whose process is killed before its write number ``survived``."""

    def __init__(self, store: FolderStore, survived: int) -> None:
        self.store = store
        self.survived = survived

    @property
    def what(self) -> str:
        return self.store.what

    def read(self, path: str) -> StoredObject | None:
        return self.store.read(path)

    def write(self, path: str, content: bytes, before: str | None) -> None:
        if not self.survived:
            raise Killed
        self.survived -= 1
        self.store.write(path, content, before)


class MemoryStore:
    """A store without a disk."""

    what = "memory"

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}

    def read(self, path: str) -> StoredObject | None:
        return self.objects.get(path)

    def write(self, path: str, content: bytes, before: str | None) -> None:
        stored = self.objects.get(path)
        if before != (None if stored is None else stored.version):
            raise changed_meanwhile(path, self.what)
        self.objects[path] = StoredObject(content, hashlib.sha256(content).hexdigest())


class Interleaved:
    """A store in which somebody else acts before its request number ``at``."""

    def __init__(self, store: MemoryStore, at: int, other: Callable[[], object]) -> None:
        self.store = store
        self.at = at
        self.other = other
        self.what = store.what

    def read(self, path: str) -> StoredObject | None:
        self._count()
        return self.store.read(path)

    def write(self, path: str, content: bytes, before: str | None) -> None:
        self._count()
        self.store.write(path, content, before)

    def _count(self) -> None:
        if self.at == 0:
            self.other()
        self.at -= 1


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "a site")


def published(store: DocumentStore) -> set[str]:
    stored = store.read(KEYS)
    return set() if stored is None else {one["kid"] for one in json.loads(stored.content)["keys"]}


def at(now: float) -> Clock:
    return lambda: now


def stepped(record: IssuerRecord, now: float) -> IssuerRecord:
    return rotation.publish(record, "prod", {OLD: JWKS[OLD]}, now)


def test_documents_are_those_that_sts_reads(store: FolderStore, tmp_path: Path) -> None:
    publisher = IssuerPublisher(store, lambda: 0.0)
    publisher.create(RECORD_OF)
    publisher.change(stepped)
    discovery = json.loads((tmp_path / "a site" / DISCOVERY).read_bytes())
    assert discovery["issuer"] == ISSUER
    assert discovery["jwks_uri"] == f"{ISSUER}/{KEYS}"
    assert discovery["id_token_signing_alg_values_supported"] == ["ES256"]
    assert published(store) == {OLD}
    assert stat.S_IMODE((tmp_path / "a site" / KEYS).stat().st_mode) == 0o644
    record = from_json((tmp_path / "a site" / RECORD).read_bytes())
    assert [(one.kid, one.state.value) for one in record.keys] == [(OLD, "signing")]


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o022])
def test_web_server_can_read_the_documents_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    site = tmp_path / "mine" / "www" / "site"
    before = os.umask(mask)
    try:
        IssuerPublisher(FolderStore(site), at(100)).create(RECORD_OF)
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(site)): stat.S_IMODE(path.stat().st_mode)
        for path in (site, *site.rglob("*"))
        if not path.name.endswith(".lock")
    }
    assert modes == {".": 0o755, ".well-known": 0o755, f"{DISCOVERY}": 0o644, "podrole-issuer.json": 0o644}
    assert stat.S_IMODE(site.parent.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o700, "a folder that was there stays"


def test_second_time_writes_nothing(store: FolderStore) -> None:
    publisher = IssuerPublisher(store, lambda: 0.0)
    publisher.create(RECORD_OF)
    publisher.change(stepped)
    again = IssuerPublisher(Interrupted(store, 0), lambda: 5.0)
    again.create(RECORD_OF)
    assert again.change(stepped) == publisher.read().record


STEPS: list[tuple[float, Callable[[IssuerRecord, float], IssuerRecord]]] = [
    (0, stepped),
    (10, lambda record, now: rotation.start(record, "prod", NEW, JWKS[NEW], now)),
    (
        30,
        lambda record, now: rotation.promote(
            record, "prod", {"a": SeenServer(frozenset({OLD, NEW}), NEW)}, frozenset({OLD, NEW}), now
        ),
    ),
    (200, lambda record, now: rotation.finish(record, "prod", {"a": SeenServer(frozenset({NEW}), NEW)}, now)),
]
MUST_HOLD = [set(), {OLD}, {OLD, NEW}, {OLD, NEW}, {NEW}]
"""The keys that must be published before each step, and at the end."""


@pytest.mark.parametrize("survived", range(5))
@pytest.mark.parametrize("interrupted", range(len(STEPS)))
def test_interrupted_step_loses_no_key_and_is_finished_by_the_next_run(
    store: FolderStore, interrupted: int, survived: int
) -> None:
    IssuerPublisher(store, lambda: 0.0).create(RECORD_OF)
    for index, (now, step) in enumerate(STEPS):
        if index == interrupted:
            with contextlib.suppress(Killed):
                IssuerPublisher(Interrupted(store, survived), at(now)).change(step)
            assert published(store) >= MUST_HOLD[index] & MUST_HOLD[index + 1]
        IssuerPublisher(store, at(now)).change(step)
        assert published(store) == MUST_HOLD[index + 1]


def test_foreign_keys_stay(store: FolderStore) -> None:
    publisher = IssuerPublisher(store, lambda: 0.0)
    publisher.create(RECORD_OF)
    store.write(KEYS, json.dumps({"keys": [JWKS[NEW]]}).encode(), None)
    publisher.change(stepped)
    assert published(store) == {OLD, NEW}
    assert [one["kid"] for one in publisher.read().foreign] == [NEW]


def test_what_somebody_else_wrote_meanwhile_is_not_replaced(store: FolderStore) -> None:
    publisher = IssuerPublisher(store, lambda: 0.0)
    publisher.create(RECORD_OF)

    def meanwhile(record: IssuerRecord, now: float) -> IssuerRecord:
        stored = store.read(RECORD)
        assert stored is not None
        store.write(RECORD, to_json(rotation.publish(record, "other", {NEW: JWKS[NEW]}, now)), stored.version)
        return stepped(record, now)

    with pytest.raises(StoreConflict, match="Somebody else wrote"):
        publisher.change(meanwhile)


SHOWN = {"a": SeenServer(frozenset({NEW}), NEW)}
CONCURRENT: list[Change] = [
    lambda record, now: rotation.publish(record, "other", {OLD: JWKS[OLD]}, now),  # a key that both clusters have
    lambda record, now: rotation.publish(record, "other", {THIRD: JWKS[THIRD]}, now),
    lambda record, now: rotation.start(record, "prod", FOURTH, JWKS[FOURTH], now),
    lambda record, now: rotation.finish(record, "prod", SHOWN, now),
    lambda record, now: record,
]


@pytest.mark.parametrize("request_number", range(14))
@pytest.mark.parametrize("other", CONCURRENT)
@pytest.mark.parametrize("step", CONCURRENT)
def test_two_operators_at_the_same_time_lose_no_key(step: Change, other: Change, request_number: int) -> None:
    store = MemoryStore()
    IssuerPublisher(store, at(0)).create(RECORD_OF)
    for now, before in STEPS[:3]:
        IssuerPublisher(store, at(now)).change(before)
    done: list[IssuerRecord] = []

    def act() -> None:
        done.append(IssuerPublisher(store, at(200)).change(other))

    with contextlib.suppress(StoreConflict):
        done.append(IssuerPublisher(Interleaved(store, request_number, act), at(200)).change(step))
    record = IssuerPublisher(store, at(200)).read().record
    assert published(store) >= {one.kid for one in record.published}
    added = {(key.kid, key.cluster) for one in done for key in one.keys} - {(OLD, "prod")}
    assert {(one.kid, one.cluster) for one in record.keys} >= added
    IssuerPublisher(store, at(200)).change(lambda record, now: record)
    IssuerPublisher(store, at(200)).change(CONCURRENT[3])
    record = IssuerPublisher(store, at(200)).read().record
    left = published(store) - {one.kid for one in record.published}
    assert left <= {THIRD, FOURTH}, "a key that was added by a step that was refused may stay, a retired one may not"


def test_next_key_that_somebody_took_out_of_the_documents_waits_again(store: FolderStore) -> None:
    IssuerPublisher(store, at(0)).create(RECORD_OF)
    for now, before in STEPS[:2]:
        IssuerPublisher(store, at(now)).change(before)
    stored = store.read(KEYS)
    assert stored is not None
    store.write(KEYS, json.dumps({"keys": [JWKS[OLD]]}).encode(), stored.version)
    with pytest.raises(StepRefused, match="cache may still serve"):
        IssuerPublisher(store, at(100)).change(STEPS[2][1])
    assert published(store) == {OLD, NEW}
    with pytest.raises(StepRefused, match="cache may still serve"):
        IssuerPublisher(store, at(109)).change(STEPS[2][1])
    IssuerPublisher(store, at(110)).change(STEPS[2][1])


@pytest.mark.parametrize(
    "keys",
    [
        b'{"keys": 5}',
        b'{"keys": null}',
        b'{"keys": ["x"]}',
        b'{"keys": [{"kid": [1]}, {"kid": {}}]}',
        b'{"keys":' + b"[" * 100_000,
        b"[]",
        b"x",
    ],
)
def test_keys_that_somebody_else_broke_are_written_again(store: FolderStore, keys: bytes) -> None:
    IssuerPublisher(store, at(0)).create(RECORD_OF)
    store.write(KEYS, keys, None)
    IssuerPublisher(store, at(0)).change(stepped)
    stored = store.read(KEYS)
    assert stored is not None
    assert OLD in [one["kid"] for one in json.loads(stored.content)["keys"]]


def test_documents_of_another_issuer_are_not_replaced(store: FolderStore) -> None:
    store.write(DISCOVERY, b'{"issuer": "https://other.example.com"}', None)
    with pytest.raises(StoreConflict) as refused:
        IssuerPublisher(store, lambda: 0.0).create(RECORD_OF)
    assert (refused.value.got, refused.value.expected) == ("https://other.example.com", ISSUER)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b'{"format": 2}', b'{"format": 1, "keys": 1}', b"\xff", b"[" * 100_000, b" " * (1 << 21)],
)
def test_record_that_cannot_be_read_is_an_error(store: FolderStore, text: bytes) -> None:
    store.write(RECORD, text, None)
    with pytest.raises(InvalidIssuer):
        IssuerPublisher(store, lambda: 0.0).read()


KEY_OF = {"kid": OLD, "cluster": "prod", "state": "next", "since": 10, "jwk": JWKS[OLD]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": 5},
        {"issuer": "https://a.example.com\n"},
        {"cacheSeconds": -1},
        {"cacheSeconds": math.nan},
        {"cacheSeconds": math.inf},
        {"cacheSeconds": 10**400},
        {"cacheSeconds": "10"},
        {"cacheSeconds": True},
        {"longestTokenSeconds": -1},
        {"longestTokenSeconds": 1e300},
        {"keys": [KEY_OF | {"since": math.nan}]},
        {"keys": [KEY_OF | {"since": math.inf}]},
        {"keys": [KEY_OF | {"since": -1}]},
        {"keys": [KEY_OF | {"since": 1e15}]},
        {"keys": [KEY_OF | {"since": 10**400}]},
        {"keys": [KEY_OF | {"expires": math.nan}]},
        {"keys": [KEY_OF | {"expires": None}]},
        {"keys": [KEY_OF | {"state": "lost"}]},
        {"keys": [KEY_OF | {"cluster": "\x1b[31m"}]},
        {"keys": [KEY_OF | {"cluster": ["prod"]}]},
        {"keys": [KEY_OF | {"kid": NEW}]},
        {"keys": [KEY_OF | {"jwk": []}]},
        {"keys": [KEY_OF | {"jwk": JWKS[OLD] | {"d": "AA"}}]},
        {"keys": [KEY_OF | {"jwk": JWKS[OLD] | {"x": "AA"}}]},
        {"keys": [KEY_OF, KEY_OF | {"state": "gone"}]},
    ],
)
def test_record_with_an_impossible_value_is_refused(store: FolderStore, wrong: dict[str, object]) -> None:
    store.write(RECORD, json.dumps(json.loads(to_json(RECORD_OF)) | wrong).encode(), None)
    with pytest.raises(InvalidIssuer) as refused:
        IssuerPublisher(store, at(0)).read()
    assert "--rebuild" in (refused.value.next_step or "")


def test_record_with_a_member_twice_is_refused(store: FolderStore) -> None:
    store.write(RECORD, to_json(RECORD_OF).replace(b'"keys"', b'"cacheSeconds": 0, "keys"'), None)
    with pytest.raises(InvalidIssuer, match="cannot be read"):
        IssuerPublisher(store, at(0)).read()


def test_record_of_a_newer_podrole_is_refused(store: FolderStore) -> None:
    newer = json.loads(to_json(RECORD_OF)) | {"format": 2}
    store.write(RECORD, json.dumps(newer).encode(), None)
    with pytest.raises(InvalidIssuer, match="newer podrole"):
        IssuerPublisher(store, lambda: 0.0).read()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_document_that_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / RECORD)
    with pytest.raises(IssuerError, match="is not a file"):
        IssuerPublisher(FolderStore(tmp_path), at(0)).read()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("dir:./site", ("dir", "./site")), ("s3://bucket/prefix", ("s3", "bucket/prefix"))],
)
def test_location(text: str, expected: tuple[str, str]) -> None:
    assert split_location(text) == expected


@pytest.mark.parametrize("text", ["", "site", "dir:", "s3://", "gs://", "ftp:x", "s3://b/../x", "gs://b/x/.."])
def test_location_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidIssuer):
        split_location(text)
