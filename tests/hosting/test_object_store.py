"""An issuer in a bucket of Google Cloud Storage, over its wire protocol and in obstore's store in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from podrole.base.extras import ExtraMissing
from podrole.cli.issuer.publish_commands import add_publish_commands
from podrole.hosting import object_store
from podrole.hosting.object_store import ObjectStore, google_store
from podrole.issuer.errors import InvalidIssuer, IssuerError, StoreConflict
from podrole.issuer.publishing import DISCOVERY, KEYS, RECORD
from support.fake_google import FakeGoogle

DONE, BAD_INPUT = 0, 2


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGoogle]:
    pytest.importorskip("obstore")
    fake = FakeGoogle()
    with fake.serving() as credentials:
        file = tmp_path / "credentials.json"
        file.write_text(credentials)
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(file))
        monkeypatch.setitem(object_store._CLIENT, "allow_http", True)  # on loopback
        yield fake


def check_conditions(store: ObjectStore) -> None:
    assert store.read(KEYS) is None
    store.write(KEYS, b"{}", None)
    first = store.read(KEYS)
    assert first is not None
    assert first.content == b"{}"
    with pytest.raises(StoreConflict):
        store.write(KEYS, b"[]", None)
    store.write(KEYS, b"[1]", first.version)
    with pytest.raises(StoreConflict):
        store.write(KEYS, b"[2]", first.version)
    now = store.read(KEYS)
    assert now is not None
    assert now.content == b"[1]"


def test_object_is_written_once_and_replaced_only_as_it_was_read(google: FakeGoogle) -> None:
    check_conditions(google_store("my-bucket/prod", 300))
    _, _, headers = google.objects[f"/my-bucket/prod/{KEYS}"]
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "public, max-age=300"


def test_store_in_memory_keeps_the_same_conditions() -> None:
    memory = pytest.importorskip("obstore.store").MemoryStore()
    check_conditions(ObjectStore(memory, "memory", 300))


@pytest.mark.parametrize("status", [401, 403])
def test_missing_rights_are_told(google: FakeGoogle, status: int) -> None:
    google.refuses = status
    with pytest.raises(IssuerError, match="Google refused a request for gs://my-bucket") as refused:
        google_store("my-bucket", 300).read(KEYS)
    assert "roles/storage.objectUser" in (refused.value.next_step or "")


def test_missing_bucket_is_told(google: FakeGoogle) -> None:
    google.refuses = 404
    with pytest.raises(InvalidIssuer, match="There is no bucket"):
        google_store("my-bucket", 300).write(KEYS, b"{}", None)


def run(*words: str, code: int = DONE) -> str:
    app = typer.Typer()
    add_publish_commands(app)
    done = CliRunner().invoke(app, [*words, "--to", "gs://my-bucket/prod"])
    assert done.exit_code == code, done.output
    return done.output


def test_issuer_is_made_in_the_bucket(google: FakeGoogle) -> None:
    issuer = "https://storage.googleapis.com/my-bucket/prod"
    run("init", "--issuer", issuer, "--approve")
    assert set(google.objects) == {f"/my-bucket/prod/{path}" for path in (DISCOVERY, RECORD)}
    assert issuer in run("rotate", "status")
    assert "Nothing to change." in run("init", "--issuer", issuer)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("obstore", "obstore.exceptions", "obstore.store"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExtraMissing):
        google_store("my-bucket", 300)
    assert "podrole[gcs]" in run("rotate", "status", code=BAD_INPUT)
