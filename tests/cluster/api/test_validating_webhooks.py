"""Validating webhooks: asked all at once about the object as it would be stored, after everything else has passed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from podrole.base.events import EventLog
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from support.hooks import Hook, label, patch, pod, register, webhook


async def validated(client: ClusterClient, *webhooks: dict[str, Any], name: str = "checks") -> None:
    await register(client, *webhooks, name=name, kind="validating")


def rules(operation: str, resource: str, group: str = "") -> dict[str, Any]:
    rule = {"operations": [operation], "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource]}
    return {"rules": [rule]}


async def refused(client: ClusterClient, body: dict[str, Any]) -> StatusError:
    with pytest.raises(StatusError) as raised:
        await client.create("pods", "default", body)
    return raised.value


async def test_a_validating_webhook_sees_the_object_as_it_would_be_stored(client: ClusterClient, hook: Hook) -> None:
    await register(client, webhook(hook))
    await validated(client, webhook(hook, "check.example.com"))
    hook.respond = lambda asked: label("seen", "1") if "uid" not in asked["object"]["metadata"] else {"allowed": True}
    body = pod()
    body["metadata"] = {"generateName": "p-", "annotations": {"a": "b"}}
    made = await client.create("pods", "default", body)
    before, after = (one["request"] for one in hook.requests)
    assert "name" not in before
    assert after["name"] == made["metadata"]["name"]
    assert after["object"]["metadata"]["uid"] == made["metadata"]["uid"]
    assert after["object"]["metadata"]["annotations"] == {"a": "b", "seen": "1"}
    assert after["object"]["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


async def test_an_invalid_object_is_not_sent_to_validating_webhooks(client: ClusterClient, hook: Hook) -> None:
    await validated(client, webhook(hook))
    error = await refused(client, {"metadata": {"name": "p"}, "spec": {"containers": []}})
    assert error.http_status == 422
    assert hook.requests == []


async def test_a_denial_keeps_the_object_out(client: ClusterClient, hook: Hook, events: EventLog) -> None:
    await validated(client, webhook(hook))
    hook.respond = lambda _: {"allowed": False, "status": {"message": "no", "code": 403, "reason": "Forbidden"}}
    error = await refused(client, pod())
    assert error.message == 'admission webhook "pods.example.com" denied the request: no'
    assert (error.http_status, error.reason) == (403, "Forbidden")
    assert await client.list("pods", "default") == []
    (event,) = events.recent()
    assert (event.outcome, event.on, event.why) == ("refused", "default/p", error.message)
    assert event.explanation is not None
    assert event.explanation["webhooks"][0]["outcome"] == "denied"


async def test_validating_webhooks_are_called_at_once(client: ClusterClient, hook: Hook) -> None:
    names = [f"w{number}.example.com" for number in range(3)]
    await validated(client, *(webhook(hook, name) for name in names))
    hook.release = asyncio.Event()
    creating = asyncio.create_task(client.create("pods", "default", pod()))
    async with asyncio.timeout(30):
        while len(hook.requests) < 3:  # noqa: ASYNC110 - three calls, of which each waits for the release
            await asyncio.sleep(0.002)
    assert len({one["request"]["uid"] for one in hook.requests}) == 3
    hook.release.set()
    await creating


async def test_warnings_of_validating_webhooks_are_returned(
    client: ClusterClient, hook: Hook, events: EventLog
) -> None:
    await validated(client, webhook(hook))
    hook.respond = lambda _: {"allowed": True, "warnings": ["careful"], "auditAnnotations": {"seen": "yes"}}
    await client.create("pods", "default", pod())
    (event,) = events.recent()
    assert event.explanation is not None
    assert event.explanation["annotations"] == {"pods.example.com/seen": "yes"}
    assert event.explanation["webhooks"][0]["outcome"] == "allowed"


@pytest.mark.parametrize(
    "given", [patch({"op": "remove", "path": "/spec"}), {"allowed": True, "patchType": "JSONPatch"}]
)
async def test_a_validating_webhook_cannot_change_the_object(
    client: ClusterClient, hook: Hook, given: dict[str, Any]
) -> None:
    await validated(client, webhook(hook))
    hook.respond = lambda _: given
    error = await refused(client, pod())
    assert error.http_status == 500
    assert "validating webhook may not return response.patch" in error.message


async def test_a_failed_call_is_ignored_if_the_policy_is_ignore(
    client: ClusterClient, hook: Hook, events: EventLog
) -> None:
    gone = {"url": "https://127.0.0.1:1/", "caBundle": hook.bundle}
    broken = webhook(hook, "broken.example.com", clientConfig=gone, failurePolicy="Ignore")
    await validated(client, broken, webhook(hook))
    await client.create("pods", "default", pod())
    (event,) = events.recent()
    assert event.explanation is not None
    assert event.explanation["annotations"] == {
        "failed-open.validating.webhook.admission.k8s.io/round_0_index_0": "broken.example.com"
    }
    await validated(client, webhook(hook, clientConfig=gone), name="strict")
    error = await refused(client, pod("q"))
    assert 'failed calling webhook "pods.example.com"' in error.message


async def test_updates_deletes_and_status_are_seen_as_they_would_be_stored(client: ClusterClient, hook: Hook) -> None:
    hook.respond = lambda asked: {"allowed": True}
    every = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["pods", "pods/status"]}
    await client.create("pods", "default", pod())
    await validated(client, webhook(hook, rules=[every]))
    status = {"status": {"phase": "Running"}}
    await client.merge_patch("pods", "default", "p", status, subresource="status")
    await client.merge_patch("pods", "default", "p", {"metadata": {"labels": {"a": "1"}}, **status})
    await client.delete("pods", "default", "p")
    asked = [one["request"] for one in hook.requests]
    assert [(one["operation"], one.get("subResource")) for one in asked] == [
        ("UPDATE", "status"),
        ("UPDATE", None),
        ("DELETE", None),
    ]
    assert asked[1]["object"]["metadata"]["labels"] == {"a": "1"}
    assert asked[1]["oldObject"]["metadata"].get("labels") is None
    assert (asked[2]["object"], asked[2]["oldObject"]["metadata"]["labels"]) == (None, {"a": "1"})


async def test_a_deletion_can_be_denied(client: ClusterClient, hook: Hook) -> None:
    await client.create("pods", "default", pod())
    await validated(client, webhook(hook, **rules("DELETE", "pods")))
    hook.respond = lambda _: {"allowed": False}
    with pytest.raises(StatusError, match="denied the request without explanation"):
        await client.delete("pods", "default", "p")
    assert len(await client.list("pods", "default")) == 1


async def test_an_object_changed_during_validation_is_not_overwritten(client: ClusterClient, hook: Hook) -> None:
    await client.create("configmaps", "default", {"metadata": {"name": "c"}, "data": {"a": "1"}})
    await validated(client, webhook(hook, **rules("UPDATE", "configmaps")))
    hook.release = asyncio.Event()
    changing = asyncio.create_task(client.merge_patch("configmaps", "default", "c", {"data": {"b": "2"}}))
    await hook.called.wait()
    hook.called.clear()
    other = asyncio.create_task(client.merge_patch("configmaps", "default", "c", {"data": {"c": "3"}}))
    await hook.called.wait()
    hook.release.set()
    await asyncio.gather(changing, other)
    assert (await client.get("configmaps", "default", "c"))["data"] == {"a": "1", "b": "2", "c": "3"}


async def test_a_namespace_terminated_during_validation_takes_no_new_object(client: ClusterClient, hook: Hook) -> None:
    await client.create("namespaces", None, {"metadata": {"name": "brief"}})
    await validated(client, webhook(hook, **rules("CREATE", "configmaps")))
    hook.release = asyncio.Event()
    creating = asyncio.create_task(client.create("configmaps", "brief", {"metadata": {"name": "c"}}))
    await hook.called.wait()
    await client.delete("namespaces", None, "brief")
    hook.release.set()
    with pytest.raises(StatusError, match="because it is being terminated"):
        await creating


DEPLOYMENT = {
    "metadata": {"name": "d"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    },
}


async def test_admission_sees_a_scale_as_a_scale(client: ClusterClient, hook: Hook) -> None:
    await client.create("deployments.apps", "default", DEPLOYMENT)
    scale = rules("UPDATE", "deployments/scale", "apps")
    await register(client, webhook(hook, **scale))
    await validated(client, webhook(hook, "check.example.com", **scale))
    more = patch({"op": "replace", "path": "/spec/replicas", "value": 7})
    hook.respond = lambda asked: more if asked["object"]["spec"]["replicas"] == 3 else {"allowed": True}
    body = {"metadata": {"name": "d"}, "spec": {"replicas": 3}}
    answer = await client.update("deployments.apps", "default", "d", body, subresource="scale")
    assert answer["spec"]["replicas"] == 7
    first, last = (one["request"] for one in hook.requests)
    assert first["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert first["resource"] == {"group": "apps", "version": "v1", "resource": "deployments"}
    assert (first["subResource"], first["oldObject"]["spec"]) == ("scale", {"replicas": 1})
    assert last["object"]["spec"] == {"replicas": 7}


async def test_token_requests_evictions_and_bindings_are_admitted_too(client: ClusterClient, hook: Hook) -> None:
    resources = ["serviceaccounts/token", "pods/eviction", "pods/binding"]
    await validated(client, webhook(hook, rules=[{**rules("CREATE", "x")["rules"][0], "resources": resources}]))
    await client.create("pods", "default", pod())
    await client.create_token("default", "default", {"audiences": ["sts.amazonaws.com"]})
    target = {"target": {"kind": "Node", "name": "n"}}
    await client.update("pods", "default", "p", target, subresource="binding")
    await client.update("pods", "default", "p", {"metadata": {"name": "p"}}, subresource="eviction")
    asked = [one["request"] for one in hook.requests]
    assert [one["kind"]["kind"] for one in asked] == ["TokenRequest", "Binding", "Eviction"]
    assert asked[0]["kind"] == {"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}
    assert asked[0]["object"]["spec"]["audiences"] == ["sts.amazonaws.com"]
    hook.respond = lambda _: {"allowed": False, "status": {"message": "no tokens"}}
    with pytest.raises(StatusError, match="denied the request: no tokens"):
        await client.create_token("default", "default", {})


# --- a webhook that means harm


@pytest.mark.parametrize(
    ("operation", "kept"),
    [
        ({"op": "add", "path": "/metadata/uid", "value": "mine"}, "uid"),
        ({"op": "add", "path": "/metadata/creationTimestamp", "value": "2001-01-01T00:00:00Z"}, "creationTimestamp"),
        ({"op": "add", "path": "/metadata/deletionTimestamp", "value": "2001-01-01T00:00:00Z"}, "deletionTimestamp"),
        ({"op": "add", "path": "/metadata/generation", "value": 99}, "generation"),
        ({"op": "add", "path": "/metadata/resourceVersion", "value": "99"}, "resourceVersion"),
        ({"op": "add", "path": "/status/phase", "value": "Succeeded"}, "status"),
    ],
)
async def test_a_webhook_sets_nothing_that_is_the_servers(
    client: ClusterClient, hook: Hook, operation: dict[str, Any], kept: str
) -> None:
    await register(client, webhook(hook))
    hook.respond = lambda asked: patch(operation)
    if kept == "status":
        hook.respond = lambda asked: patch({"op": "add", "path": "/status", "value": {"phase": "Succeeded"}})
    made = await client.create("pods", "default", pod())
    assert made["metadata"].get(kept) not in ("mine", "2001-01-01T00:00:00Z", 99, "99")
    assert made["status"]["phase"] == "Pending"


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "replace", "path": "/metadata/namespace", "value": "kube-system"}, 400),
        ({"op": "replace", "path": "/metadata/name", "value": "../../etc"}, 422),
        ({"op": "add", "path": "/spec/containers/-", "value": {"name": "x"}}, 422),
        ({"op": "replace", "path": "", "value": {"kind": "Secret"}}, 422),
        ({"op": "replace", "path": "", "value": []}, 500),
        ({"op": "replace", "path": "/spec/containers", "value": {"a": 1}}, 500),
    ],
)
async def test_a_webhook_cannot_set_what_the_client_cannot(
    client: ClusterClient, hook: Hook, operation: dict[str, Any], status: int
) -> None:
    await register(client, webhook(hook))
    hook.respond = lambda _: patch(operation)
    assert (await refused(client, pod())).http_status == status
    assert await client.list("pods") == []


async def test_an_update_by_a_webhook_moves_nothing(client: ClusterClient, hook: Hook) -> None:
    await client.create("configmaps", "default", {"metadata": {"name": "c"}})
    await register(client, webhook(hook, **rules("UPDATE", "configmaps")))
    change = {"metadata": {"labels": {"a": "b"}}}
    for path, value in (("name", "other"), ("namespace", "kube-system"), ("uid", "mine")):
        hook.respond = lambda _, path=path, value=value: patch(
            {"op": "add", "path": f"/metadata/{path}", "value": value}
        )
        with pytest.raises(StatusError) as raised:
            await client.merge_patch("configmaps", "default", "c", change)
        assert raised.value.http_status in (400, 422)


async def test_a_patch_without_end_is_refused_soon(client: ClusterClient, hook: Hook) -> None:
    await register(client, webhook(hook))
    hook.respond = lambda _: patch(*({"op": "test", "path": "/kind", "value": "Pod"} for _ in range(10_001)))
    error = await refused(client, pod())
    assert (error.http_status, "more than 10000" in error.message) == (500, True)


async def test_a_webhook_cannot_give_its_user_more_rights(world: Cluster, client: ClusterClient, hook: Hook) -> None:
    """Escalation is checked on what a webhook made of a role, against the user who asked."""
    from podrole.cluster.core.users import User

    group = "rbac.authorization.k8s.io"
    rule = {"operations": ["CREATE"], "apiGroups": [group], "apiVersions": ["v1"], "resources": ["roles"]}
    await register(client, webhook(hook, rules=[rule]))
    everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    hook.respond = lambda _: patch({"op": "add", "path": "/rules", "value": everything})
    jane = world.client(User("jane", groups=("system:authenticated",)))
    with pytest.raises(StatusError, match="attempting to grant RBAC permissions not currently held"):
        await jane.create(f"roles.{group}", "default", {"metadata": {"name": "r"}, "rules": []})
    admin = world.client(ADMINISTRATOR)
    assert (await admin.create(f"roles.{group}", "default", {"metadata": {"name": "r"}}))["rules"] == everything
