"""The built-in plugins, and registered webhooks called over real TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podrole.base.certificates import Authority
from podrole.base.events import EventLog
from podrole.base.serving import LOOPBACK
from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.matching import match_webhook
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.kinds.registry import BY_NAME
from support.hooks import NOW, Hook, label, patch, pod, register, webhook

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "webhook/vectors/admission-reviews.jsonl").read_text().splitlines()
]


async def refused(client: ClusterClient, body: dict[str, Any]) -> StatusError:
    with pytest.raises(StatusError) as raised:
        await client.create("pods", "default", body)
    return raised.value


# --- the ServiceAccount plugin and its neighbours


async def test_a_pod_without_an_account_runs_as_default_and_mounts_its_token(admin: ClusterClient) -> None:
    made = await admin.create("pods", "default", pod())
    spec = made["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert volume["projected"]["sources"] == [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert spec["containers"][0]["volumeMounts"] == [{"name": volume["name"], "readOnly": True, "mountPath": path}]
    assert [one["key"] for one in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")


async def test_an_account_that_is_not_there_is_refused(admin: ClusterClient) -> None:
    error = await refused(admin, pod(serviceAccountName="missing"))
    assert error.http_status == 403
    assert error.message == (
        'pods "p" is forbidden: error looking up service account default/missing: serviceaccount "missing" not found'
    )


@pytest.mark.parametrize(
    ("account", "of_pod", "mounted"),
    [(None, None, True), (False, None, False), (False, True, True), (True, False, False), (None, False, False)],
)
async def test_the_pod_decides_before_its_account_whether_a_token_is_mounted(
    admin: ClusterClient, account: bool | None, of_pod: bool | None, mounted: bool
) -> None:
    body: dict[str, Any] = {"metadata": {"name": "sa"}}
    if account is not None:
        body["automountServiceAccountToken"] = account
    await admin.create("serviceaccounts", "default", body)
    spec = {} if of_pod is None else {"automountServiceAccountToken": of_pod}
    made = await admin.create("pods", "default", pod(serviceAccountName="sa", **spec))
    assert ("volumes" in made["spec"]) is mounted


async def test_a_container_that_mounts_something_there_keeps_it(admin: ClusterClient) -> None:
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    containers = [
        {"name": "own", "image": "i", "volumeMounts": [{"name": "v", "mountPath": path}]},
        {"name": "other", "image": "i"},
    ]
    body = pod(volumes=[{"name": "v"}], initContainers=[{"name": "init", "image": "i"}], containers=containers)
    spec = (await admin.create("pods", "default", body))["spec"]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "v", "mountPath": path}]
    assert spec["containers"][1]["volumeMounts"][0]["mountPath"] == path
    assert spec["initContainers"][0]["volumeMounts"][0]["mountPath"] == path
    assert spec["volumes"][0] == {"name": "v", "emptyDir": {}}


async def test_a_pod_inherits_its_accounts_pull_secrets(admin: ClusterClient) -> None:
    await admin.create("serviceaccounts", "default", {"metadata": {"name": "sa"}, "imagePullSecrets": [{"name": "s"}]})
    made = await admin.create("pods", "default", pod(serviceAccountName="sa"))
    assert made["spec"]["imagePullSecrets"] == [{"name": "s"}]
    own = await admin.create("pods", "default", pod("q", serviceAccountName="sa", imagePullSecrets=[{"name": "t"}]))
    assert own["spec"]["imagePullSecrets"] == [{"name": "t"}]


# --- calling webhooks


async def test_a_webhook_changes_the_pod(client: ClusterClient, hook: Hook) -> None:
    hook.respond = lambda _: patch(
        {"op": "add", "path": "/spec/containers/0/env", "value": [{"name": "A", "value": "1"}]}
    )
    await register(client, webhook(hook))
    made = await client.create("pods", "default", pod())
    assert made["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    (head,) = hook.heads
    assert (head["path"], head["query"]) == ("/mutate", "timeout=10s")
    assert head["host"] == "hook.infra.svc:443"
    assert head["user-agent"] == "kube-apiserver-admission"
    assert head["content-type"] == "application/json"


@pytest.mark.parametrize("recorded", RECORDED, ids=range(len(RECORDED)))
async def test_the_review_is_what_kube_apiserver_sends(
    make: Callable[..., Cluster], hook: Hook, recorded: dict[str, Any]
) -> None:
    theirs = recorded["request"]["request"]
    sent = theirs["object"]
    manager = sent["metadata"]["managedFields"][0]
    cluster = make(resolve_service=lambda *_: (LOOPBACK, hook.port), clock=lambda: NOW)
    async with cluster:
        admin = cluster.client(ADMINISTRATOR, "setup")
        await admin.create("namespaces", None, {"metadata": {"name": theirs["namespace"]}})
        for name in ("default", "aws-cli"):
            await admin.create("serviceaccounts", theirs["namespace"], {"metadata": {"name": name}})
        await register(admin, webhook(hook))
        await _create_as_recorded(cluster, theirs, manager["manager"])
    (ours,) = hook.requests
    assert ours["kind"] == "AdmissionReview"
    assert _review(ours["request"]) == _review(theirs)
    assert list(ours["request"]) == list(theirs)


async def _create_as_recorded(cluster: Cluster, theirs: dict[str, Any], manager: str) -> None:
    """Send what the client of the recording sent: the pod without what defaults and plugins added to it."""
    from podrole.cluster.api.decode import decode_body
    from podrole.cluster.core.calls import Call

    sent = theirs["object"]
    spec = {key: value for key, value in sent["spec"].items() if key not in ("volumes", "tolerations", "priority")}
    spec.pop("preemptionPolicy")
    spec["containers"] = [
        {key: value for key, value in one.items() if key != "volumeMounts"} for one in spec["containers"]
    ]
    if "f:serviceAccountName" not in sent["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]:
        del spec["serviceAccountName"], spec["serviceAccount"]
    metadata = {key: value for key, value in sent["metadata"].items() if key != "managedFields"}
    user = ADMINISTRATOR
    call = Call(BY_NAME["pods"], theirs["namespace"], user, manager, dry_run=theirs["dryRun"])
    call.field_manager = theirs["options"].get("fieldManager", "")
    await cluster.verbs.create(call, decode_body(call, {"metadata": metadata, "spec": spec}, [], str))


def _review(request: dict[str, Any]) -> dict[str, Any]:
    """Return a review without what is different each time, and without what OpenShift's sources add."""
    text = json.dumps({**request, "uid": "", "userInfo": {**request["userInfo"], "uid": ""}})
    review: dict[str, Any] = json.loads(text)
    (volume,) = [one for one in review["object"]["spec"]["volumes"] if one["name"].startswith("kube-api-access-")]
    text = json.dumps(review).replace(volume["name"], "kube-api-access-xxxxx")
    review = json.loads(text)
    for entry in review["object"]["metadata"]["managedFields"]:
        entry["time"] = ""
    for one in review["object"]["spec"]["volumes"]:
        sources = one["projected"]["sources"]
        sources[:] = [source for source in sources if "openshift" not in json.dumps(source)]
    return review


async def test_each_webhook_sees_what_those_before_it_did(client: ClusterClient, hook: Hook) -> None:
    def respond(request: dict[str, Any]) -> dict[str, Any]:
        seen = request["object"]["metadata"]["annotations"]
        return label(f"n{len(seen)}", ",".join(sorted(seen)))

    hook.respond = respond
    await register(client, webhook(hook, "b.example.com"), webhook(hook, "a.example.com"), name="first")
    await register(client, webhook(hook, "c.example.com"), name="also")
    made = await client.create("pods", "default", pod())
    assert made["metadata"]["annotations"] == {"a": "b", "n1": "a", "n2": "a,n1", "n3": "a,n1,n2"}


async def test_a_webhook_may_be_called_by_url(client: ClusterClient, hook: Hook) -> None:
    config = {"url": f"https://{LOOPBACK}:{hook.port}/here", "caBundle": hook.bundle}
    await register(client, webhook(hook, clientConfig=config))
    await client.create("pods", "default", pod())
    assert hook.heads[0]["path"] == "/here"


async def test_a_denial_is_the_webhooks_own(client: ClusterClient, hook: Hook) -> None:
    await register(client, webhook(hook, failurePolicy="Ignore"))
    hook.respond = lambda _: {"allowed": False, "status": {"code": 403, "message": "no", "reason": "Forbidden"}}
    error = await refused(client, pod())
    assert (error.http_status, error.reason) == (403, "Forbidden")
    assert error.message == 'admission webhook "pods.example.com" denied the request: no'
    hook.respond = lambda _: {"allowed": False}
    error = await refused(client, pod())
    assert (error.http_status, error.message) == (
        400,
        'admission webhook "pods.example.com" denied the request without explanation',
    )


async def test_warnings_are_returned_and_annotations_are_recorded(
    client: ClusterClient, hook: Hook, events: EventLog
) -> None:
    hook.respond = lambda _: {"allowed": True, "warnings": ["careful"], "auditAnnotations": {"k": "v"}}
    await register(client, webhook(hook))
    await client.create("pods", "default", pod())
    (event,) = events.recent()
    assert event.explanation is not None
    assert event.explanation["annotations"]["pods.example.com/k"] == "v"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"raw": b"not json"}, "received invalid webhook response: could not decode the answer"),
        ({"raw": b"[]"}, "expected an AdmissionReview"),
        ({"raw": b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}'}, "webhook response was absent"),
        ({"raw": b'{"apiVersion":"v2","kind":"X"}'}, "expected webhook response of admission.k8s.io/v1"),
        (
            {"raw": b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"x"}}'},
            'got "x"',
        ),
        ({"respond": lambda _: {"allowed": True, "patch": "W10="}}, "response.patch but not response.patchType"),
        (
            {"respond": lambda _: {"allowed": True, "patchType": "JSONPatch"}},
            "response.patchType but not response.patch",
        ),
        (
            {"respond": lambda _: {"allowed": True, "patch": "W10=", "patchType": "Other"}},
            'invalid response.patchType of "Other"',
        ),
        ({"respond": lambda _: {"allowed": True, "patch": "?", "patchType": "JSONPatch"}}, "not JSON in base64"),
        ({"respond": lambda _: {"allowed": True, "patch": "e30=", "patchType": "JSONPatch"}}, "not a JSON Patch"),
        ({"respond": lambda _: {"allowed": "yes"}}, "response.allowed is not a bool"),
        ({"status": 500}, 'an error on the server ("{'),
        ({"status": 404}, "failed to call webhook: the server could not find the requested resource"),
        ({"status": 302}, "an error on the server"),
    ],
)
async def test_a_malformed_answer_follows_the_failure_policy(
    client: ClusterClient, hook: Hook, answer: dict[str, Any], text: str
) -> None:
    for key, value in answer.items():
        setattr(hook, key, value)
    await register(client, webhook(hook), name="strict")
    error = await refused(client, pod())
    assert (error.http_status, error.reason) == (500, "InternalError")
    assert error.message.startswith('Internal error occurred: failed calling webhook "pods.example.com": ')
    assert text in error.message
    await client.delete("mutatingwebhookconfigurations.admissionregistration.k8s.io", None, "strict")
    await register(client, webhook(hook, failurePolicy="Ignore"), name="lax")
    assert (await client.create("pods", "default", pod()))["kind"] == "Pod"


async def test_an_unreachable_webhook_is_refused_with_its_address(
    client: ClusterClient, hook: Hook, events: EventLog
) -> None:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    config = {"url": f"https://{LOOPBACK}:{port}/m"}
    await register(client, webhook(hook, clientConfig=config))
    error = await refused(client, pod())
    assert error.message == (
        'Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post '
        f'"https://{LOOPBACK}:{port}/m?timeout=10s": dial tcp {LOOPBACK}:{port}: connect: connection refused'
    )
    (event,) = events.recent()
    assert (event.outcome, event.status, event.code) == ("failed", 500, "InternalError")


async def test_a_service_that_is_not_there_is_not_found(client: ClusterClient, hook: Hook) -> None:
    config = {"service": {"name": "other", "namespace": "infra"}, "caBundle": hook.bundle}
    await register(client, webhook(hook, clientConfig=config))
    assert (await refused(client, pod())).message.endswith(
        'Post "https://other.infra.svc:443/?timeout=10s": service "other" not found'
    )


async def test_a_certificate_of_another_authority_is_refused(client: ClusterClient, hook: Hook) -> None:
    other = base64.b64encode(Authority.create("other", now=time.time()).certificate_pem).decode()
    config = {"service": {"name": "hook", "namespace": "infra"}, "caBundle": other}
    await register(client, webhook(hook, clientConfig=config))
    assert (await refused(client, pod())).message.endswith(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )
    assert hook.requests == []


async def test_a_certificate_for_another_name_is_refused(make: Callable[..., Cluster]) -> None:
    hook = Hook()
    async with hook.running("other.infra.svc"):
        cluster = make(resolve_service=lambda *_: (LOOPBACK, hook.port))
        async with cluster:
            admin = cluster.client(ADMINISTRATOR)
            await admin.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
            await register(admin, webhook(hook))
            message = (await refused(admin, pod())).message
    assert "tls: failed to verify certificate: x509: certificate is not valid for hook.infra.svc" in message
    assert hook.requests == []


async def test_a_slow_webhook_is_given_up(client: ClusterClient, hook: Hook) -> None:
    hook.release = asyncio.Event()
    await register(client, webhook(hook, timeoutSeconds=1))
    error = await refused(client, pod())
    hook.release.set()
    assert error.message.endswith('Post "https://hook.infra.svc:443/mutate?timeout=1s": context deadline exceeded')


async def test_a_patch_that_does_not_apply_is_an_error_even_if_failures_are_ignored(
    client: ClusterClient, hook: Hook
) -> None:
    hook.respond = lambda _: patch({"op": "remove", "path": "/nothing"})
    await register(client, webhook(hook, failurePolicy="Ignore"))
    assert (await refused(client, pod())).http_status == 500
    hook.respond = lambda _: patch({"op": "add", "path": "/spec/containers", "value": "none"})
    assert "cannot unmarshal string into Go struct field" in (await refused(client, pod())).message


async def test_a_patched_object_is_defaulted_and_validated(client: ClusterClient, hook: Hook) -> None:
    container = {"name": "side", "image": "s", "unknown": 1}
    hook.respond = lambda _: patch({"op": "add", "path": "/spec/containers/-", "value": container})
    await register(client, webhook(hook))
    made = await client.create("pods", "default", pod())
    assert made["spec"]["containers"][1]["terminationMessagePath"] == "/dev/termination-log"
    assert "unknown" not in made["spec"]["containers"][1]
    hook.respond = lambda _: patch({"op": "add", "path": "/spec/containers/-", "value": {"name": "c"}})
    error = await refused(client, pod("q"))
    assert 'spec.containers[1].name: Duplicate value: "c"' in error.message


async def test_a_webhook_with_reinvocation_policy_if_needed_is_called_again(client: ClusterClient, hook: Hook) -> None:
    hook.respond = lambda request: (
        label("x", "y") if "x" not in request["object"]["metadata"]["annotations"] else {"allowed": True}
    )
    await register(
        client,
        webhook(hook, "first.example.com", reinvocationPolicy="IfNeeded", clientConfig=_path(hook, "/first")),
        webhook(hook, "second.example.com", clientConfig=_path(hook, "/second")),
    )
    # The first changes the pod: nobody before it wants to know.
    await client.create("pods", "default", pod())
    assert [one["path"] for one in hook.heads] == ["/first", "/second"]
    hook.heads.clear()
    seen = []

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        seen.append(hook.heads[-1]["path"] if hook.heads else "")
        return label("z", "1") if hook.heads[-1]["path"] == "/second" else {"allowed": True}

    hook.respond = respond
    await client.create("pods", "default", pod("q"))
    assert [one["path"] for one in hook.heads] == ["/first", "/second", "/first"]


def _path(hook: Hook, path: str) -> dict[str, Any]:
    return {"service": {"name": "hook", "namespace": "infra", "path": path}, "caBundle": hook.bundle}


async def test_the_plugins_see_a_container_that_a_webhook_added(client: ClusterClient, hook: Hook) -> None:
    hook.respond = lambda request: (
        patch({"op": "add", "path": "/spec/containers/-", "value": {"name": "side", "image": "s"}})
        if len(request["object"]["spec"]["containers"]) == 1
        else {"allowed": True}
    )
    await register(client, webhook(hook))
    made = await client.create("pods", "default", pod())
    mounts = [one["volumeMounts"][0]["name"] for one in made["spec"]["containers"]]
    assert mounts == [made["spec"]["volumes"][0]["name"]] * 2


async def test_a_webhook_configuration_is_never_sent_to_webhooks(client: ClusterClient, hook: Hook) -> None:
    rules = [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]
    hook.respond = lambda _: {"allowed": False}
    await register(client, webhook(hook, rules=rules))
    await client.delete("mutatingwebhookconfigurations.admissionregistration.k8s.io", None, "hooks")
    assert hook.requests == []


async def test_updates_and_deletes_show_the_old_object(client: ClusterClient, hook: Hook) -> None:
    rules = [
        {"operations": ["UPDATE", "DELETE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    ]
    await register(client, webhook(hook, rules=rules))
    await client.create("configmaps", "default", {"metadata": {"name": "m"}, "data": {"a": "1"}})
    await client.merge_patch("configmaps", "default", "m", {"data": {"a": "2"}})
    await client.delete("configmaps", "default", "m")
    update, delete = (one["request"] for one in hook.requests)
    assert (update["operation"], update["name"]) == ("UPDATE", "m")
    assert (update["oldObject"]["data"], update["object"]["data"]) == ({"a": "1"}, {"a": "2"})
    assert update["options"]["kind"] == "PatchOptions"
    assert (delete["operation"], delete["object"], delete["options"]["kind"]) == ("DELETE", None, "DeleteOptions")
    assert delete["oldObject"]["data"] == {"a": "2"}


async def test_a_binding_is_no_update_of_the_pod(client: ClusterClient, hook: Hook) -> None:
    rules = [{"operations": ["UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]
    await register(client, webhook(hook, rules=rules))
    await client.create("pods", "default", pod())
    await client.update("pods", "default", "p", {"target": {"name": "n1"}}, subresource="binding")
    assert hook.requests == []


async def test_an_object_changed_during_a_webhook_call_is_not_overwritten(client: ClusterClient, hook: Hook) -> None:
    rules = [{"operations": ["UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}]
    await client.create("configmaps", "default", {"metadata": {"name": "m"}, "data": {"a": "1"}})
    await register(client, webhook(hook, rules=rules))
    hook.release = release = asyncio.Event()
    slow = asyncio.create_task(client.merge_patch("configmaps", "default", "m", {"data": {"b": "slow"}}))
    async with asyncio.timeout(20):
        await hook.called.wait()
    hook.release = None
    await client.merge_patch("configmaps", "default", "m", {"data": {"c": "fast"}})
    release.set()
    await slow
    assert (await client.get("configmaps", "default", "m"))["data"] == {"a": "1", "b": "slow", "c": "fast"}


async def test_an_event_tells_what_each_webhook_did(client: ClusterClient, hook: Hook, events: EventLog) -> None:
    hook.respond = lambda _: label("x", "y")
    selector = {"matchLabels": {"team": "other"}}
    await register(
        client,
        webhook(hook, "a.example.com"),
        webhook(hook, "b.example.com", objectSelector=selector),
        webhook(hook, "c.example.com", namespaceSelector=selector),
        webhook(hook, "d.example.com", rules=[]),
    )
    await client.create("pods", "default", pod())
    await client.create("configmaps", "default", {"metadata": {"name": "m"}})
    (event,) = events.recent()
    assert (event.kind, event.who, event.what, event.on) == ("admission", "admin", "CREATE pods", "default/p")
    assert (event.outcome, event.status) == ("allowed", 201)
    assert event.explanation is not None
    told = {one["webhook"]: one for one in event.explanation["webhooks"]}
    assert set(told) == {"a.example.com", "b.example.com", "c.example.com"}
    assert told["a.example.com"]["outcome"] == "mutated"
    assert told["a.example.com"]["patch"] == [{"op": "add", "path": "/metadata/annotations/x", "value": "y"}]
    assert told["b.example.com"]["why"] == "the objectSelector does not select the object's labels"
    assert told["c.example.com"]["why"] == "the namespaceSelector does not select the namespace's labels"
    audit = event.explanation["annotations"]["mutation.webhook.admission.k8s.io/round_0_index_0"]
    assert json.loads(audit) == {"configuration": "hooks", "webhook": "a.example.com", "mutated": True}


async def test_an_event_tells_of_a_failure_that_was_ignored(
    client: ClusterClient, hook: Hook, events: EventLog
) -> None:
    hook.status = 503
    await register(client, webhook(hook, failurePolicy="Ignore"))
    await client.create("pods", "default", pod())
    (event,) = events.recent()
    assert event.outcome == "allowed"
    assert event.explanation is not None
    (told,) = event.explanation["webhooks"]
    assert (told["outcome"], told["why"]) == (
        "failed open",
        "failed to call webhook: the server is currently unable to handle the request",
    )
    assert "failed-open.mutation.webhook.admission.k8s.io/round_0_index_0" in event.explanation["annotations"]


# --- selection: a table


def request(
    plural: str = "pods", operation: Any = "CREATE", subresource: str = "", **labels: str
) -> AdmissionAttributes:
    obj = {"metadata": {"name": "x", "labels": labels}}
    return AdmissionAttributes(
        operation, BY_NAME[plural], "n", "x", ADMINISTRATOR, obj if operation != "DELETE" else None,
        old=obj if operation != "CREATE" else None, subresource=subresource,
    )  # fmt: skip


def rule(**more: Any) -> dict[str, Any]:
    return {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], **more}


@pytest.mark.parametrize(
    ("hook_rule", "asked", "called"),
    [
        (rule(), request(), True),
        (rule(), request(operation="UPDATE"), False),
        (rule(operations=["*"]), request(operation="DELETE"), True),
        (rule(), request("configmaps"), False),
        (rule(resources=["*"]), request("configmaps"), True),
        (rule(resources=["*"]), request(subresource="status"), False),
        (rule(resources=["pods/status"]), request(subresource="status"), True),
        (rule(resources=["pods/*"]), request(subresource="status"), True),
        (rule(resources=["pods/*"]), request(), True),
        (rule(resources=["*/*"]), request(subresource="status"), True),
        (rule(resources=["*/status"]), request(subresource="status"), True),
        (rule(apiGroups=["apps"]), request(), False),
        (rule(apiGroups=["*"], resources=["deployments"]), request("deployments.apps"), True),
        (rule(apiVersions=["v2"]), request(), False),
        (rule(scope="Cluster"), request(), False),
        (rule(scope="Namespaced"), request(), True),
        (rule(scope="Cluster", resources=["nodes"]), request("nodes"), True),
        (rule(scope="Namespaced", resources=["namespaces"]), request("namespaces"), False),
    ],
)
def test_rules_decide_which_requests_a_webhook_sees(
    hook_rule: dict[str, Any], asked: AdmissionAttributes, called: bool
) -> None:
    hook = {"rules": [hook_rule], "namespaceSelector": {}, "objectSelector": {}}
    assert match_webhook(hook, asked, {}).called is called


@pytest.mark.parametrize(
    ("selector", "labels", "called"),
    [
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {"a": "1"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
    ],
)
def test_selectors_decide_on_namespace_and_object(selector: Any, labels: dict[str, str], called: bool) -> None:
    by_namespace = {"rules": [rule()], "namespaceSelector": selector, "objectSelector": {}}
    assert match_webhook(by_namespace, request(), labels).called is called
    by_object = {"rules": [rule()], "namespaceSelector": {}, "objectSelector": selector}
    assert match_webhook(by_object, request(**labels), {}).called is called
    assert match_webhook(by_namespace, request(), None).called  # cluster-scoped: nothing to select by


# --- registration


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "short"}, "should be a domain with at least three segments separated by dots"),
        ({"name": ""}, "webhooks[0].name: Required value"),
        ({"sideEffects": None}, "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"),
        ({"sideEffects": "Some"}, 'webhooks[0].sideEffects: Unsupported value: "Some"'),
        ({"admissionReviewVersions": []}, "webhooks[0].admissionReviewVersions: Required value"),
        ({"admissionReviewVersions": ["v9"]}, "must include at least one of v1"),
        ({"timeoutSeconds": 31}, "the timeout value must be between 1 and 30 seconds"),
        ({"failurePolicy": "Maybe"}, 'webhooks[0].failurePolicy: Unsupported value: "Maybe"'),
        ({"clientConfig": {}}, "exactly one of url or service is required"),
        ({"clientConfig": {"url": "http://x/"}}, "'https' is the only allowed URL scheme"),
        ({"clientConfig": {"url": "https://u@x/"}}, "user information is not permitted in the URL"),
        ({"clientConfig": {"url": "https://x/?a"}}, "query parameters are not permitted in the URL"),
        ({"clientConfig": {"url": "https://"}}, "host must be specified"),
        ({"clientConfig": {"url": "https://x:port/"}}, "url must be a valid URL"),
        ({"clientConfig": {"url": "https://x/", "caBundle": "eHl6"}}, "unable to load root certificates"),
        ({"clientConfig": {"service": {"name": "s"}}}, "service namespace is required"),
        ({"clientConfig": {"service": {"name": "s", "namespace": "n", "path": "p"}}}, "must start with a '/'"),
        ({"rules": [rule(operations=["*", "CREATE"])]}, "if '*' is present, must not specify other operations"),
        ({"rules": [rule(resources=["*/*", "pods"])]}, "if '*/*' is present, must not specify other resources"),
        ({"rules": [rule(apiGroups=[])]}, "webhooks[0].rules[0].apiGroups: Required value"),
        ({"rules": [rule(operations=["FLY"])]}, 'webhooks[0].rules[0].operations[0]: Unsupported value: "FLY"'),
    ],
)
async def test_a_webhook_that_cannot_be_registered_is_refused(
    admin: ClusterClient, change: dict[str, Any], text: str
) -> None:
    with pytest.raises(StatusError) as raised:
        await register(admin, webhook(Hook(), **change))
    assert raised.value.http_status == 422
    assert text in raised.value.message
