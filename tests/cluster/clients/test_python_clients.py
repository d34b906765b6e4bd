"""The Python clients of Kubernetes at their ordinary work."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kr8s.asyncio
import kubernetes
import pytest
from kr8s.asyncio.objects import ConfigMap, Deployment, Pod, ServiceAccount
from kubernetes.stream import stream
from lightkube import ApiError, AsyncClient, Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources import core_v1
from lightkube.types import CascadeType, PatchType

from support import garbage

# Some of these clients leave the sockets of watches and of exec to the garbage collector, which warns of each.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROLE = "eks.amazonaws.com/role-arn"
TALKING = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talking"},
    "spec": {"containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "echo hello; exec sleep 60"]}]},
}


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect what a client leaves here, and not in a later test that has nothing to do with it.

    Asynchronous clients have a loop of their own in the test, which is closed by now: an open one holds their sockets.
    """
    yield
    garbage.collect()


# --- kubernetes


@pytest.fixture
def official(kubeconfig: Path) -> Iterator[kubernetes.client.ApiClient]:
    with kubernetes.config.new_client_from_config(str(kubeconfig)) as client:
        yield client


def test_the_official_client(official: kubernetes.client.ApiClient, namespace: str, simulated: Any) -> None:
    core = kubernetes.client.CoreV1Api(official)
    account = kubernetes.client.V1ServiceAccount(metadata=kubernetes.client.V1ObjectMeta(name="app"))
    core.create_namespaced_service_account(namespace, account)
    patched = core.patch_namespaced_service_account("app", namespace, {"metadata": {"annotations": {ROLE: "arn:x"}}})
    assert patched.metadata.annotations == {ROLE: "arn:x"}
    request = kubernetes.client.AuthenticationV1TokenRequest(
        spec=kubernetes.client.V1TokenRequestSpec(audiences=["sts.amazonaws.com"], expiration_seconds=600)
    )
    assert core.create_namespaced_service_account_token("app", namespace, request).status.token.count(".") == 2

    for number in range(3):
        core.create_namespaced_pod(namespace, simulated(f"p{number}", tier="web"))
    first = core.list_namespaced_pod(namespace, label_selector="tier=web", limit=2)
    rest = core.list_namespaced_pod(namespace, label_selector="tier=web", limit=2, _continue=first.metadata._continue)
    assert [pod.metadata.name for pod in [*first.items, *rest.items]] == ["p0", "p1", "p2"]

    seen = {}
    watch = kubernetes.watch.Watch()
    for event in watch.stream(core.list_namespaced_pod, namespace, timeout_seconds=20):
        seen[event["object"].metadata.name] = event["object"].status.phase
        if list(seen.values()) == ["Running"] * 3:
            watch.stop()
    assert seen == {"p0": "Running", "p1": "Running", "p2": "Running"}

    with pytest.raises(kubernetes.client.ApiException) as raised:
        core.read_namespaced_config_map("missing", namespace)
    assert raised.value.status == 404
    core.delete_collection_namespaced_pod(namespace, label_selector="tier=web", grace_period_seconds=0)
    assert core.list_namespaced_pod(namespace).items == []


def test_the_official_client_reads_logs_and_runs_commands(
    official: kubernetes.client.ApiClient, namespace: str
) -> None:
    core = kubernetes.client.CoreV1Api(official)
    core.create_namespaced_pod(namespace, TALKING)
    watch = kubernetes.watch.Watch()
    for event in watch.stream(core.list_namespaced_pod, namespace, timeout_seconds=20):
        if event["object"].status.phase == "Running":
            watch.stop()
    with contextlib.closing(
        kubernetes.watch.Watch().stream(core.read_namespaced_pod_log, "talking", namespace, follow=True)
    ) as lines:
        assert next(lines) == "hello"
    with contextlib.closing(
        stream(
            core.connect_get_namespaced_pod_exec,
            "talking",
            namespace,
            command=["sh", "-c", "read x; echo got $x; exit 3"],
            stdin=True,
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
        )
    ) as session:
        session.write_stdin("this\n")
        session.run_forever(timeout=20)
        assert (session.read_stdout(), session.returncode) == ("got this\n", 3)


def test_the_official_dynamic_client_applies_on_the_servers_side(
    official: kubernetes.client.ApiClient, namespace: str
) -> None:
    dynamic = kubernetes.dynamic.DynamicClient(official)
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    maps.server_side_apply(body=body, namespace=namespace, field_manager="one")
    with pytest.raises(kubernetes.dynamic.exceptions.ConflictError):
        maps.server_side_apply(body={**body, "data": {"a": "2"}}, namespace=namespace, field_manager="two")
    forced = maps.server_side_apply(
        body={**body, "data": {"a": "2"}}, namespace=namespace, field_manager="two", force_conflicts=True
    )
    assert forced.data.a == "2"


# --- lightkube


def test_lightkube(kubeconfig: Path, namespace: str) -> None:
    with Client(config=KubeConfig.from_file(kubeconfig), namespace=namespace, field_manager="tests") as client:
        client.create(core_v1.ServiceAccount(metadata=ObjectMeta(name="app")))
        client.patch(core_v1.ServiceAccount, "app", {"metadata": {"annotations": {ROLE: "arn:x"}}})
        account = client.get(core_v1.ServiceAccount, "app")
        assert account.metadata is not None
        assert account.metadata.annotations == {ROLE: "arn:x"}
        applied = client.apply(core_v1.ConfigMap(metadata=ObjectMeta(name="c"), data={"a": "1"}))
        assert applied.data == {"a": "1"}
        client.patch(
            core_v1.ConfigMap, "c", [{"op": "add", "path": "/data/b", "value": "2"}], patch_type=PatchType.JSON
        )
        assert client.get(core_v1.ConfigMap, "c").data == {"a": "1", "b": "2"}
        spec = PodSpec(containers=[Container(name="c", image="busybox", command=["sh", "-c", "echo hello; sleep 60"])])
        client.create(core_v1.Pod(metadata=ObjectMeta(name="p"), spec=spec))
        client.wait(core_v1.Pod, "p", for_conditions=["Ready"])
        assert next(iter(client.log("p", follow=True))) == "hello\n"
        assert client.exec("p", command=["echo", "inside"], stdout=True).stdout == "inside\n"
        with pytest.raises(ApiError) as raised:
            client.get(core_v1.Pod, "missing")
        assert raised.value.status.message == 'pods "missing" not found'
        client.delete(core_v1.Pod, "p", grace_period=0, cascade=CascadeType.BACKGROUND)


def test_lightkube_watches(kubeconfig: Path, namespace: str) -> None:
    asyncio.run(watched_by_lightkube(kubeconfig, namespace))


async def watched_by_lightkube(kubeconfig: Path, namespace: str) -> None:
    client = AsyncClient(config=KubeConfig.from_file(kubeconfig), namespace=namespace)
    generic = create_namespaced_resource("", "v1", "ConfigMap", "configmaps")
    seen = []

    async def watch() -> None:
        async for kind, one in client.watch(generic, labels={"x": "y"}, server_timeout=20):
            seen.append((kind, one["data"]["a"]))
            if kind == "DELETED":
                return

    watching = asyncio.create_task(watch())
    await client.create(core_v1.ConfigMap(metadata=ObjectMeta(name="c", labels={"x": "y"}), data={"a": "1"}))
    while not seen:  # noqa: ASYNC110 - a watch that begins later would see less
        await asyncio.sleep(0.01)
    await client.patch(core_v1.ConfigMap, "c", {"data": {"a": "2"}})
    await client.delete(core_v1.ConfigMap, "c")
    await asyncio.wait_for(watching, 20)
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]
    await client.close()


# --- kr8s


def test_kr8s(kubeconfig: Path, namespace: str) -> None:
    asyncio.run(used_by_kr8s(kubeconfig, namespace))


async def used_by_kr8s(kubeconfig: Path, namespace: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it knows Kubernetes up to 1.35 only
        api = await kr8s.asyncio.api(kubeconfig=str(kubeconfig), namespace=namespace)
    account = await ServiceAccount({"metadata": {"name": "app"}}, api=api)
    await account.create()
    await account.annotate({ROLE: "arn:x"})
    assert (await ServiceAccount.get("app", api=api)).annotations[ROLE] == "arn:x"
    settings = await ConfigMap({"metadata": {"name": "c"}, "data": {"a": "1"}}, api=api)
    await settings.create()
    await settings.patch({"data": {"a": "2"}})
    assert [one.data.a async for one in api.get("configmaps", "c")] == ["2"]
    pod = await Pod({"metadata": {"name": "talking"}, "spec": TALKING["spec"]}, api=api)
    await pod.create()
    await pod.wait("condition=Ready", timeout=20)
    assert await anext(pod.logs(follow=True)) == "hello"  # it may be ready before it has said so
    done = await pod.exec(["sh", "-c", "echo inside"])
    assert (done.stdout, done.returncode) == (b"inside\n", 0)
    await pod.delete()
    await pod.wait("delete", timeout=20)
    template = {
        "metadata": {"labels": {"app": "web"}, "annotations": {"podrole.dev/simulate": "true"}},
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    }
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template, "replicas": 2}
    web = await Deployment({"metadata": {"name": "web"}, "spec": spec}, api=api)
    await web.create()
    await web.wait("condition=Available", timeout=20)
    await web.scale(3)  # ends when the Deployment asks for three: its controllers may not have made them yet
    async with asyncio.timeout(20):
        while len(await web.pods()) != 3:  # noqa: ASYNC110 - kr8s tells nobody of a pod that its Deployment gets
            await asyncio.sleep(0.01)


# --- kopf


OPERATOR = f"""
import kopf

@kopf.on.create("", "v1", "serviceaccounts", annotations={{"{ROLE}": kopf.PRESENT}})
@kopf.on.field("", "v1", "serviceaccounts", field=("metadata", "annotations", "{ROLE}"))
def bound(name, annotations, patch, **_):
    patch.metadata.labels["role"] = annotations["{ROLE}"].rpartition("/")[2]
"""


def test_an_operator_written_with_kopf_watches_service_accounts(
    whole: Any, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "operator.py").write_text(OPERATOR)
    operator = subprocess.Popen(
        [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", namespace, str(tmp_path / "operator.py")],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)},
        stderr=subprocess.PIPE,
        text=True,
    )
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    try:
        with whole.client() as http:
            http.post(accounts, json={"metadata": {"name": "app", "annotations": {ROLE: "arn:aws:iam::1:role/one"}}})
            for role in ("one", "two"):
                merge = {"Content-Type": "application/merge-patch+json"}
                body = {"metadata": {"annotations": {ROLE: f"arn:aws:iam::1:role/{role}"}}}
                http.patch(f"{accounts}/app", json=body, headers=merge).raise_for_status()
                query = {"watch": "true", "fieldSelector": "metadata.name=app", "timeoutSeconds": "30"}
                with http.stream("GET", accounts, params=query) as events:
                    assert any(f'"role":"{role}"' in line for line in events.iter_lines())
    finally:
        operator.terminate()
        operator.communicate(timeout=30)
