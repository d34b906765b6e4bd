"""What a mutating webhook may change, and when one is called a second time."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.admission.attributes import AdmissionAttributes, WebhookTrace
from podrole.cluster.admission.dispatch import NumberedWebhook
from podrole.cluster.admission.matching import RegisteredWebhook
from podrole.cluster.admission.mutating import MutatingWebhooks, ReinvocationState
from podrole.cluster.admission.review import WebhookResponse
from podrole.cluster.core.errors import StatusError, bad_request
from podrole.cluster.patching.json_patches import MAX_OPERATIONS
from support.admission import admission_request

ADD_LABEL = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
CHANGE_NOTHING = [{"op": "test", "path": "/metadata/name", "value": "p"}]


class Dispatcher:
    """Stands in for WebhookDispatcher: webhooks see every request, and answer with the patch of their name.

    ``asked`` holds the name and the round of each call, ``explained`` whether a webhook that is not called is traced.
    """

    def __init__(self, **patches: list[Any] | None) -> None:
        self.patches = patches
        self.policies: dict[str, str] = {}
        self.asked: list[tuple[str, int]] = []
        self.unconcerned: set[str] = set()
        self.explained: list[bool] = []

    def registered(self) -> list[NumberedWebhook]:
        return [
            NumberedWebhook(
                RegisteredWebhook("c", {"name": name, "reinvocationPolicy": self.policies.get(name, "Never")}), index
            )
            for index, name in enumerate(self.patches)
        ]

    def namespace_labels(self, _: AdmissionAttributes) -> dict[str, str]:
        return {}

    async def is_called(self, hook: NumberedWebhook, *_: Any, explain: bool) -> bool:
        self.explained.append(explain)
        return hook.name not in self.unconcerned

    async def ask(self, hook: NumberedWebhook, request: AdmissionAttributes, round_: int = 0) -> Any:
        self.asked.append((hook.name, round_))
        trace = WebhookTrace("c", hook.name, "unchanged", round=round_)
        request.trace.append(trace)
        patch = self.patches[hook.name]
        if patch is None:
            return trace, None
        return trace, WebhookResponse(True, patch, code=0, reason="", message="", warnings=(), audit={})


def webhooks(dispatcher: Dispatcher, redecode: Any = lambda _, value: value) -> MutatingWebhooks:
    return MutatingWebhooks(dispatcher, redecode)  # type: ignore[arg-type] # what it uses of it


async def admit(request: AdmissionAttributes, patch: list[Any] | None, **more: Any) -> None:
    await webhooks(Dispatcher(w=patch), **more).admit(request, ReinvocationState())


async def test_a_patch_changes_the_object() -> None:
    request = admission_request()
    before = request.object
    await admit(request, ADD_LABEL)
    assert request.object is not None
    assert request.object["metadata"]["labels"] == {"a": "b"}
    assert before is not None
    assert "labels" not in before["metadata"]
    assert [one.outcome for one in request.trace] == ["mutated"]


@pytest.mark.parametrize("patch", [[], None, CHANGE_NOTHING])
async def test_an_answer_that_changes_nothing_leaves_the_object(patch: list[Any] | None) -> None:
    request = admission_request()
    before = request.object
    await admit(request, patch)
    assert request.object == before
    assert [one.outcome for one in request.trace] == ["unchanged"]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (lambda: admission_request(operation="CONNECT", subresource="exec"), "attempted to modify a connection"),
        (lambda: admission_request(operation="DELETE", object=None), "attempted to modify the object"),
    ],
)
async def test_a_connection_or_a_deletion_cannot_be_patched(request_: Any, text: str) -> None:
    request = request_()
    before = request.object
    with pytest.raises(StatusError) as refused:
        await admit(request, ADD_LABEL)
    assert refused.value.http_status == 500
    assert text in refused.value.message
    assert request.object is before
    assert (request.trace[0].outcome, request.trace[0].patch) == ("failed", ADD_LABEL)


@pytest.mark.parametrize("operation", ["CONNECT", "DELETE"])
async def test_a_connection_or_a_deletion_may_be_answered_without_a_patch(operation: str) -> None:
    request = admission_request(operation=operation, object=None if operation == "DELETE" else {"command": ["x"]})
    await admit(request, [])
    assert request.trace[0].outcome == "unchanged"


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "remove", "path": "/absent"}],
        [{"op": "test", "path": "/metadata/name", "value": "other"}],
        [{"op": "unknown", "path": "/x"}],
        ["x"],
        [{"op": "add", "path": "/metadata/labels", "value": {}}] * (MAX_OPERATIONS + 1),
    ],
)
async def test_a_patch_that_does_not_apply_is_an_error(patch: list[Any]) -> None:
    request = admission_request()
    before = request.object
    with pytest.raises(StatusError):
        await admit(request, patch)
    assert request.object is before
    assert request.trace[0].why.startswith("its patch does not apply")


async def test_as_many_operations_as_a_client_may_send_are_accepted() -> None:
    request = admission_request()
    await admit(request, [{"op": "add", "path": "/metadata/labels", "value": {}}] * MAX_OPERATIONS)
    assert request.trace[0].outcome == "mutated"


async def test_what_a_patch_leaves_must_be_an_object_of_its_kind() -> None:
    def redecode(*_: Any) -> Any:
        raise bad_request("not a pod")

    with pytest.raises(StatusError, match="not a pod") as refused:
        await admit(admission_request(), ADD_LABEL, redecode=redecode)
    assert refused.value.http_status == 400


CHANGE = {name: [{"op": "add", "path": f"/metadata/{name}", "value": "x"}] for name in ("a", "b", "c")}


@pytest.mark.parametrize(
    ("if_needed", "changing", "asked_again"),
    [
        ("", "ab", []),
        ("a", "ab", ["a"]),
        ("b", "ab", []),
        ("ab", "ab", ["a"]),
        ("a", "a", []),
        ("a", "", []),
        ("b", "c", ["b"]),
        ("ab", "c", ["a", "b"]),
        ("abc", "bc", ["a", "b"]),
        ("abc", "b", ["a"]),
    ],
)
async def test_a_webhook_is_called_again_if_a_later_one_changed_something(
    if_needed: str, changing: str, asked_again: list[str]
) -> None:
    dispatcher = Dispatcher(**{name: CHANGE[name] if name in changing else [] for name in "abc"})
    dispatcher.policies = dict.fromkeys(if_needed, "IfNeeded")
    request, state = admission_request(), ReinvocationState()
    await webhooks(dispatcher).admit(request, state)
    state.number = 1
    await webhooks(dispatcher).admit(request, state)
    assert [name for name, number in dispatcher.asked if number == 1] == asked_again
    assert state.changed == bool(changing)
    assert dispatcher.explained == [True] * 3 + [False] * len(asked_again)


async def test_a_change_by_a_plugin_counts_like_one_by_a_webhook() -> None:
    dispatcher = Dispatcher(a=[])
    dispatcher.policies = {"a": "IfNeeded"}
    request, state = admission_request(), ReinvocationState()
    await webhooks(dispatcher).admit(request, state)
    state.number = 1
    request.object = {"metadata": {"name": "changed"}}
    await webhooks(dispatcher).admit(request, state)
    assert dispatcher.asked == [("a", 0), ("a", 1)]


async def test_the_audit_annotations_say_who_changed_what() -> None:
    request = admission_request()
    await admit(request, ADD_LABEL)
    assert request.audit == {
        "mutation.webhook.admission.k8s.io/round_0_index_0": '{"configuration":"c","webhook":"w","mutated":true}',
        "patch.webhook.admission.k8s.io/round_0_index_0": (
            '{"configuration":"c","webhook":"w","patch":[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}],'
            '"patchType":"JSONPatch"}'
        ),
    }


async def test_the_audit_annotations_of_an_unchanged_object_have_no_patch() -> None:
    request = admission_request()
    await admit(request, CHANGE_NOTHING)
    assert request.audit == {
        "mutation.webhook.admission.k8s.io/round_0_index_0": '{"configuration":"c","webhook":"w","mutated":false}'
    }


async def test_a_webhook_that_a_request_does_not_concern_is_not_called() -> None:
    dispatcher = Dispatcher(a=ADD_LABEL, b=[])
    dispatcher.unconcerned = {"a"}
    request, state = admission_request(), ReinvocationState()
    await webhooks(dispatcher).admit(request, state)
    assert (dispatcher.asked, len(request.trace), state.changed) == ([("b", 0)], 1, False)


async def test_a_first_round_without_a_change_needs_no_second_one() -> None:
    state = ReinvocationState()
    await webhooks(Dispatcher(a=[], b=CHANGE_NOTHING, c=None)).admit(admission_request(), state)
    assert not state.changed
