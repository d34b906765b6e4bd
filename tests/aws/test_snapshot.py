"""A snapshot of the services is data: reading one runs nothing that its writer chose."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.services

moto = pytest.importorskip("moto")

from moto.core.base_backend import BackendDict  # noqa: E402 - see above
from moto.s3.models import s3_backends  # noqa: E402
from moto.sqs.models import sqs_backends  # noqa: E402

from podrole.aws.emulator import past  # noqa: E402
from podrole.aws.emulator.snapshots import snapshot  # noqa: E402
from podrole.aws.emulator.snapshots.snapshot import NotRestorable, restore, take  # noqa: E402
from support import garbage  # noqa: E402

ACCOUNT, REGION = "111122223333", "us-east-1"
QUEUE = "moto.sqs.models:Queue"


@pytest.fixture(autouse=True)
def _nothing_in_use() -> Iterator[None]:
    BackendDict.reset()
    yield
    BackendDict.reset()


def saved() -> dict[str, Any]:
    """A snapshot with one queue, as its data."""
    sqs_backends[ACCOUNT][REGION].create_queue("kept", {})
    data: dict[str, Any] = json.loads(gzip.decompress(take(0.0).encoded()))
    BackendDict.reset()
    return data


def encoded(data: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(data).encode())


def with_node(node: dict[str, Any]) -> bytes:
    """A snapshot that holds one thing more."""
    data = saved()
    data["nodes"].append(node)
    return encoded(data)


def queues() -> list[str]:
    return [queue.name for queue in sqs_backends[ACCOUNT][REGION].list_queues("")]


def test_what_was_taken_is_put_back() -> None:
    contents = restore(encoded(saved()))
    assert (list(contents.services), contents.taken_at, contents.left_out) == (["sqs"], 0.0, {})
    assert queues() == ["kept"]


def test_restored_bucket_is_found_by_its_name() -> None:
    s3_backends[ACCOUNT]["aws"].create_bucket("restored", REGION)
    content = take(0).encoded()
    BackendDict.reset()
    s3_backends.bucket_accounts.clear()
    restore(content)
    assert s3_backends.bucket_accounts == {"restored": ("aws", ACCOUNT)}


def test_every_version_of_a_restored_object_is_closed_when_it_is_gone() -> None:
    past.before_call()
    s3 = s3_backends[ACCOUNT]["aws"]
    s3.create_bucket("bucket", REGION)
    s3.put_bucket_versioning("bucket", "Enabled")
    for version in (b"old", b"new"):
        s3.put_object("bucket", "key", version)
    content = take(0.0).encoded()
    BackendDict.reset()
    restore(content)
    versions = s3_backends[ACCOUNT]["aws"].buckets["bucket"].keys.getlist("key")
    buffers = [version._value_buffer for version in versions]
    assert [buffer.closed for buffer in buffers] == [False, False]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del versions
        BackendDict.reset()
        garbage.collect()
    assert [buffer.closed for buffer in buffers] == [True, True]
    assert [str(one.message) for one in seen] == []


@pytest.mark.parametrize(
    "node",
    [
        # Classes and functions that are not moto's, by their own names and by those under which moto imports them
        {"object": "subprocess:Popen"},
        {"class": "os:_wrap_close"},
        {"function": "os:system"},
        {"function": "builtins:eval"},
        {"function": "moto.core.utils:os.system"},
        {"object": "moto.core.base_backend:RLock"},
        {"object": "moto.awslambda.models:zipfile.ZipFile"},
        {"class": "moto.sqs.models:BaseBackend.__init__.__globals__"},
        {"class": "podrole.base.files:FileProblem"},
        {"class": "podrole.aws.emulator.services:MotoServices"},
        # Modules that do something when they are imported
        {"function": "moto.server:main"},
        {"class": "antigravity:x"},
        # What is no class, no function and no constant
        {"class": "moto.sqs.models:sqs_backends"},
        {"object": "moto.sqs.models:sqs_backends"},
        {"constant": "moto.sqs.models:sqs_backends"},
        {"constant": "os:environ"},
        {"constant": "moto.sqs.models:Queue"},
        # Calls in disguise
        {"enum": "moto.sqs.models:Queue", "name": "x"},
        {"enum": QUEUE, "name": "__init__"},
        {"method": "name", "of": {"r": 0}},
        {"method": "__reduce_ex__", "of": {"r": 0}},
        {"local": "moto.sqs.models:Queue", "code": 0, "captured": []},
        {"local": "os:popen", "code": 0, "captured": []},
        {"object": QUEUE, "attributes": [["x", {"r": 99999}]]},
        {"object": "builtins:int", "value": "no number"},
        {"private-key": "AAAA"},
        {"unheard-of": 1},
        {"tuple": [{"r": "itself"}]},
    ],
    ids=lambda node: json.dumps(node),
)
def test_a_made_up_thing_is_refused_and_nothing_is_restored(node: dict[str, Any]) -> None:
    with pytest.raises(NotRestorable):
        restore(with_node(node))
    assert queues() == []


def test_a_property_of_a_class_is_not_asked_when_an_object_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.sqs.models import Queue

    asked: list[str] = []

    def note(*_: object) -> str:
        asked.append("property")
        return ""

    content = with_node({"object": QUEUE, "attributes": [["made_up", "value"]]})
    monkeypatch.setattr(Queue, "made_up", property(note, note, note), raising=False)
    monkeypatch.setattr(Queue, "__setattr__", lambda *_: asked.append("setattr"), raising=False)
    monkeypatch.setattr(Queue, "__new__", lambda *_: asked.append("new"), raising=False)
    restore(content)
    assert asked == []


def test_no_process_is_started_and_no_function_called_by_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    monkeypatch.setattr(subprocess.Popen, "__init__", lambda *given, **_: called.append(given))
    monkeypatch.setattr(os, "system", called.append)
    for node in ({"object": "moto.sqs.models:subprocess.Popen"}, {"function": "moto.core.utils:os.system"}):
        with pytest.raises(NotRestorable):
            restore(with_node(node))
    assert called == []


@pytest.mark.parametrize("change", [{"nodes": []}, {"backends": {"r": 10_000}}, {"backends": None}, {"nodes": [1]}])
def test_a_graph_with_a_hole_is_refused_and_nothing_is_restored(change: dict[str, Any]) -> None:
    with pytest.raises(NotRestorable):
        restore(encoded({**saved(), **change}))
    assert queues() == []


def test_a_service_that_holds_what_is_no_data_is_left_out_and_named() -> None:
    sqs_backends[ACCOUNT][REGION].create_queue("kept", {})
    from moto.sns.models import sns_backends

    sns_backends[ACCOUNT][REGION].generator = (number for number in ())  # type: ignore[attr-defined]
    contents = take(0.0).contents
    assert list(contents.services) == ["sqs"]
    assert "generator" in contents.left_out["sns"]


def test_ec2s_own_data_is_not_in_a_snapshot() -> None:
    from moto.ec2.models import ec2_backends

    ec2_backends[ACCOUNT][REGION].describe_images()
    text = gzip.decompress(take(0.0).encoded()).decode()
    assert "p3dn.24xlarge" not in text
    assert snapshot.FORMAT == 1
