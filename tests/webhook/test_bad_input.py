"""Whatever is sent: a well-formed answer or a 4xx, and nothing of it in the log."""

from __future__ import annotations

import base64
import copy
import json
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from podrole.webhook.admission.handler import AdmissionHandler, HTTPAnswer
from podrole.webhook.identity.binding import Identity
from podrole.webhook.metrics import Metrics
from podrole.webhook.settings import InjectionSettings
from podrole.webhook.strict.handler import StrictAdmissionHandler
from support.api_server import APIServer
from support.webhook import ARN, VECTORS, identity_of, patched, strict_identity_of
from support.webhook_client import Client, pod_of, review_of, serving

RECORDED = json.loads((VECTORS / "admission-reviews.jsonl").read_text().splitlines()[0])["request"]
SECRET = "s3cr3t-that-nobody-may-see"


class Everyone:
    """Every service account has the same identity."""

    def __init__(self, identity: Identity | None) -> None:
        assert identity is not None
        self._identity = identity

    def known(self, namespace: str, name: str, /) -> Identity:
        return self._identity

    async def find(self, namespace: str, name: str, /) -> tuple[Identity, bool]:
        raise AssertionError("it is known")


def at_once(coroutine: Coroutine[Any, Any, HTTPAnswer]) -> HTTPAnswer:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


SETTINGS = InjectionSettings(aws_default_region="eu-west-1", role_session_name=True)
PODROLE = AdmissionHandler(Everyone(identity_of({"role-arn": ARN}, SETTINGS)), SETTINGS, Metrics())
STRICT = StrictAdmissionHandler(Everyone(strict_identity_of({"role-arn": ARN})), SETTINGS, Metrics())


def well_formed(answer: HTTPAnswer, asked: Any = None) -> None:
    """Fail unless the answer is one that an API server understands."""
    assert answer.status in (200, 400)
    if answer.status == 400:
        assert answer.body.decode().count("\n") == 1
        return
    response = json.loads(answer.body)["response"]
    assert isinstance(response["allowed"], bool)
    assert isinstance(response["uid"], str)
    assert ("patch" in response) == ("patchType" in response)
    if "patch" in response and asked is not None:
        patched(asked, json.loads(base64.b64decode(response["patch"])))


@given(st.binary() | st.text().map(str.encode))
@example(b"\xff\xfe")
@example(b'{"request":{"uid":"\xff"}}')
@example(b'{"a":"\\ud800"}')
@example(b"[" * 100_000)
@example(b'{"request":' * 50_000)
@example(
    b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","object":' + b"[" * 200_000
)
def test_any_bytes(body: bytes) -> None:
    well_formed(at_once(PODROLE.review(body)))
    well_formed(at_once(STRICT.review(body)))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(values)
def test_any_json_as_a_pod(pod: Any) -> None:
    body = json.dumps(review_of(pod)).encode()
    well_formed(at_once(PODROLE.review(body)), pod)
    well_formed(at_once(STRICT.review(body)))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document, deepest first."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))
    if path:
        yield path


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


@pytest.mark.parametrize("value", [None, 7, 7.5, "x", True, [], {}, [None], {"x": None}], ids=repr)
def test_any_value_in_every_place_of_a_review(value: Any) -> None:
    tried = 0
    for path in places(RECORDED):
        review = with_value(RECORDED, path, value)
        body = json.dumps(review).encode()
        asked = (review.get("request") or {}).get("object") if isinstance(review.get("request"), dict) else None
        well_formed(at_once(PODROLE.review(body)), asked)
        well_formed(at_once(STRICT.review(body)))
        tried += 1
    assert tried > 140


def test_null_in_every_place_still_lets_the_pod_in() -> None:
    """A pod may lack anything: that is no reason to refuse the review."""
    pod = RECORDED["request"]["object"]
    for path in places(pod):
        answer = at_once(PODROLE.review(json.dumps(review_of(with_value(pod, path, None))).encode()))
        assert answer.status == 200
        assert json.loads(answer.body)["response"]["allowed"] is True


def test_a_key_that_is_there_twice_counts_as_everywhere_else() -> None:
    body = json.dumps(review_of({"spec": {"containers": [{"name": "app"}]}}))
    doubled = body.replace('"containers":', '"containers": [{"name": "a"}, {"name": "b"}], "containers":').encode()
    answer = at_once(PODROLE.review(doubled))
    well_formed(answer, json.loads(doubled)["request"]["object"])
    assert b"; app: injected" in answer.body


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa", role_arn=ARN)
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(api: APIServer) -> AsyncIterator[Client]:
    async with serving(api) as client:
        yield client


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 10_000_000, 413),
        (json.dumps(review_of({**pod_of(), "filler": "x" * 10_000_000})).encode(), 413),
        (json.dumps(review_of({**pod_of(), "filler": "x" * 3_000_000})).encode(), 200),
        (b"[" * 3_000_000, 400),
        (b'{"apiVersion":"\xff\xff"}', 400),
        (b"\x00" * 1_000, 400),
    ],
    ids=["10 MB", "10 MB of review", "3 MB of review", "deep", "no UTF-8", "zeros"],
)
async def test_large_and_odd_bodies(client: Client, body: bytes, status: int) -> None:
    assert (await client.post(body)).status_code == status
    assert "patch" in await client.review(pod_of())


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_without_a_length_has_the_same_limit(client: Client) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    answer = await client.http.post("/mutate", content=body(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "patch" in await client.review(pod_of())


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_of_a_pod_reaches_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    env = [{"name": "AWS_SECRET_ACCESS_KEY", "value": SECRET}, {"name": "AWS_ROLE_ARN", "value": SECRET}]
    with caplog.at_level(logging.DEBUG):
        pod = pod_of(containers=[{"name": "app", "env": env}])
        response = await client.review(pod)
        assert SECRET not in json.dumps(response)
        for broken in (
            {**pod, "spec": {**pod["spec"], "volumes": SECRET}},
            {**pod, "metadata": SECRET},
            {**pod, "spec": {**pod["spec"], "containers": [{"name": 7, "env": env}]}},
        ):
            answer = await client.post(json.dumps(review_of(broken)))
            assert answer.status_code == 400
            assert SECRET not in answer.text
        assert "app" in caplog.text
    assert SECRET not in caplog.text


def test_strict_logs_no_pod_either(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        at_once(STRICT.review(json.dumps(review_of({"spec": {"containers": SECRET}})).encode()))
    assert "Could not unmarshal raw object" in caplog.text
    assert SECRET not in caplog.text
