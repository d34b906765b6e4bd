"""The order of the admission plugins, their second round, and the event of a new pod."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.base.events import Event, EventLog
from podrole.cluster.admission.attributes import AdmissionAttributes, WebhookTrace
from podrole.cluster.admission.chain import AdmissionChain
from podrole.cluster.admission.mutating import ReinvocationState
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from support.admission import admission_request

NOW = 1_800_000_000


class Mutating:
    """Stands in for MutatingWebhooks: adds a container in the first round, or changes nothing."""

    def __init__(self, *, changes: bool) -> None:
        self.changes = changes
        self.rounds: list[int] = []
        self.mounts_seen: list[list[int]] = []

    async def admit(self, request: AdmissionAttributes, state: ReinvocationState) -> None:
        self.rounds.append(state.number)
        assert request.object is not None
        containers = request.object["spec"]["containers"]
        self.mounts_seen.append([len(one.get("volumeMounts", ())) for one in containers])
        if self.changes and not state.number:
            spec = {**request.object["spec"], "containers": [*containers, {"name": "side"}]}
            request.object = {**request.object, "spec": spec}
            state.mark_changed()


class Validating:
    """Stands in for ValidatingWebhooks."""

    async def validate(self, request: AdmissionAttributes) -> bool:
        return request.name == "asked"


def chain(mutating: Any = None, events: EventLog | None = None) -> AdmissionChain:
    store = MemoryStore()
    store.seed(
        [
            Create(BY_NAME["namespaces"], {"metadata": {"name": "demo"}}),
            Create(BY_NAME["serviceaccounts"], {"metadata": {"name": "default", "namespace": "demo"}}),
        ]
    )
    validating: Any = Validating()
    return AdmissionChain(
        store, mutating=mutating, validating=validating, suffix=lambda: "xyzzy", clock=lambda: NOW, events=events
    )


def new_pod(**more: Any) -> AdmissionAttributes:
    obj = {"metadata": {"name": "p", "namespace": "demo"}, "spec": {"containers": [{"name": "c"}]}}
    return admission_request(**{"object": obj, **more})


@pytest.mark.parametrize(("changes", "rounds", "mounts_seen"), [(False, [0], [[1]]), (True, [0, 1], [[1], [1, 1]])])
async def test_a_change_by_a_webhook_is_followed_by_a_second_round_of_all_plugins(
    changes: bool, rounds: list[int], mounts_seen: list[list[int]]
) -> None:
    mutating = Mutating(changes=changes)
    await chain(mutating).admit(new_pod())
    assert (mutating.rounds, mutating.mounts_seen) == (rounds, mounts_seen)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (new_pod(namespace="missing"), 404),
        (new_pod(object={"metadata": {}, "spec": {"serviceAccountName": "missing"}}), 403),
    ],
)
async def test_no_webhook_is_asked_about_what_a_plugin_refuses(request_: AdmissionAttributes, status: int) -> None:
    mutating = Mutating(changes=False)
    with pytest.raises(StatusError) as refused:
        await chain(mutating).admit(request_)
    assert (refused.value.http_status, mutating.rounds) == (status, [])


async def test_validation_says_whether_a_webhook_was_asked() -> None:
    assert await chain().validate(new_pod(name="asked")) is True
    assert await chain().validate(new_pod()) is False


def recorded(request: AdmissionAttributes, refusal: StatusError | None = None) -> list[Event]:
    events = EventLog()
    chain(events=events).record(request, refusal)
    return list(events.recent())


@pytest.mark.parametrize(
    ("request_", "events"),
    [
        (new_pod(), 1),
        (new_pod(object=None), 1),
        (new_pod(operation="UPDATE"), 0),
        (new_pod(resource="configmaps"), 0),
        (new_pod(subresource="binding"), 0),
    ],
)
def test_only_a_new_pod_has_an_event(request_: AdmissionAttributes, events: int) -> None:
    assert len(recorded(request_)) == events
    chain(events=None).record(request_, None)


@pytest.mark.parametrize(
    ("refusal", "outcome", "status", "code", "why"),
    [
        (None, "allowed", 201, None, "no webhook is registered for it"),
        (StatusError(403, "Forbidden", "no"), "refused", 403, "Forbidden", "no"),
        (StatusError(499, "Odd", "no"), "refused", 499, "Odd", "no"),
        (StatusError(500, "InternalError", "down"), "failed", 500, "InternalError", "down"),
    ],
)
def test_an_event_has_the_outcome(
    refusal: StatusError | None, outcome: str, status: int, code: str | None, why: str
) -> None:
    (event,) = recorded(new_pod(), refusal)
    assert (event.outcome, event.status, event.code, event.why) == (outcome, status, code, why)
    assert (event.time, event.kind, event.who, event.what) == (NOW, "admission", "jane", "CREATE pods")


@pytest.mark.parametrize(
    ("name", "metadata", "on"),
    [("p", {"generateName": "q-"}, "demo/p"), ("", {"generateName": "q-"}, "demo/q-"), ("", {}, "demo/")],
)
def test_an_event_names_the_pod(name: str, metadata: dict[str, str], on: str) -> None:
    (event,) = recorded(new_pod(name=name, object={"metadata": metadata}))
    assert event.on == on


def test_an_event_explains_what_the_webhooks_did() -> None:
    request = new_pod(object={"metadata": {}, "spec": {"serviceAccountName": "app"}})
    (event,) = recorded(request)
    assert event.explanation == {"webhooks": [], "serviceAccount": "app"}
    request.dry_run, request.audit = True, {"k": "v"}
    request.trace = [
        WebhookTrace("c", "a", "mutated"),
        WebhookTrace("c", "b", "not called", why="no rule matches"),
    ]
    (event,) = recorded(request)
    assert event.why == "a: mutated; b: not called (no rule matches)"
    assert event.explanation == {
        "webhooks": [
            {"configuration": "c", "webhook": "a", "outcome": "mutated"},
            {"configuration": "c", "webhook": "b", "outcome": "not called", "why": "no rule matches"},
        ],
        "serviceAccount": "app",
        "dryRun": True,
        "annotations": {"k": "v"},
    }


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, {}),
        ({"why": "x"}, {"why": "x"}),
        ({"round": 1}, {"round": 1}),
        ({"patch": []}, {"patch": []}),
        ({"milliseconds": 0.0}, {"milliseconds": 0.0}),
        ({"milliseconds": 1.25}, {"milliseconds": 1.2}),
        ({"milliseconds": 1.36}, {"milliseconds": 1.4}),
    ],
)
def test_a_trace_shows_what_is_known(fields: dict[str, Any], shown: dict[str, Any]) -> None:
    trace = WebhookTrace("c", "w", "allowed", **fields).as_dict()
    assert trace == {"configuration": "c", "webhook": "w", "outcome": "allowed", **shown}
