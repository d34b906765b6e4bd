"""The webhook behind the embedded cluster's API server, with certificates of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.cluster.server import Cluster, ClusterSettings
from podrole.oidc.keys import SigningKey
from podrole.webhook.caretaker import Caretaker
from podrole.webhook.kubernetes.client import KubernetesClient
from podrole.webhook.kubernetes.connection import Connection
from podrole.webhook.kubernetes.credentials import StaticToken
from podrole.webhook.manifests import Installation, manifests
from podrole.webhook.self_signed import AUTHORITY_DAYS, SPREAD_SECONDS, SUCCEED_AUTHORITY_DAYS
from podrole.webhook.server import Webhook
from podrole.webhook.settings import SelfSignedSettings, Settings
from support.clock import Turned
from support.webhook import ARN

NAME = "pod-identity-webhook"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
AUTHORITY = Authority.create("the cluster", now=time.time())
TLS = server_context(AUTHORITY.issue([LOOPBACK], now=time.time()))
ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY = SigningKey.generate()
SELF_SIGNED = SelfSignedSettings(secret=NAME, service=NAME, webhook_configuration=NAME)


class Kubernetes:
    """An administrator's client of the cluster."""

    def __init__(self, http: httpx2.AsyncClient, connection: Connection) -> None:
        self.http = http
        self.connection = connection
        self.webhook_port = 0

    async def do(self, method: str, path: str, body: Any = None, expected: int | None = None) -> dict[str, Any]:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == expected if expected else answer.is_success, answer.text
        return answer.json()

    async def register(self, **chosen: Any) -> None:
        objects = manifests(Installation(namespace="kube-system", **chosen))
        (configuration,) = [item for item in objects if item["kind"] == "MutatingWebhookConfiguration"]
        configuration["webhooks"][0]["failurePolicy"] = "Fail"
        await self.do("POST", CONFIGURATIONS, configuration)

    async def pod(self, name: str, account: str = "sa", **more: Any) -> httpx2.Response:
        metadata = {"name": name, **more}
        spec = {"serviceAccountName": account, "containers": [{"name": "app", "image": "busybox"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        return await self.http.post("/api/v1/namespaces/default/pods", json=pod)

    async def injects(self, name: str) -> bool:
        answer = await self.pod(name)
        assert answer.status_code == 201, answer.text
        return {"name": "AWS_ROLE_ARN", "value": ARN} in answer.json()["spec"]["containers"][0].get("env", [])

    async def secret(self) -> dict[str, Any]:
        return await self.do("GET", f"/api/v1/namespaces/kube-system/secrets/{NAME}")


@pytest.fixture
async def kubernetes() -> AsyncIterator[Kubernetes]:
    sock = bind(0, name="the cluster", option="--port")
    port = sock.getsockname()[1]
    server = f"https://{LOOPBACK}:{port}"

    def resolve(namespace: str, name: str, service_port: int) -> tuple[str, int] | None:
        return (LOOPBACK, known.webhook_port) if (namespace, name, service_port) == ("kube-system", NAME, 443) else None

    cluster = Cluster(
        ClusterSettings(server=server, issuer=ISSUER),
        keys=[KEY],
        authority_pem=AUTHORITY.certificate_pem,
        resolve_service=resolve,
    )
    connection = Connection(server, AUTHORITY.certificate_pem, auth=StaticToken(cluster.administrator_token))
    headers = {"Authorization": f"Bearer {cluster.administrator_token}"}
    async with (
        listening(cluster.api, sock, tls=TLS, grace_seconds=1),
        cluster,
        httpx2.AsyncClient(verify=connection.tls_context(), base_url=server, headers=headers) as http,
    ):
        known = Kubernetes(http, connection)
        for name, annotations in (("sa", {"eks.amazonaws.com/role-arn": ARN}), ("plain", {})):
            account = {"metadata": {"name": name, "annotations": annotations}}
            await known.do("POST", "/api/v1/namespaces/default/serviceaccounts", account)
        yield known


class Replica:
    """One replica: its webhook, and the caretaker of its certificate."""

    def __init__(self, webhook: Webhook, caretaker: Caretaker, port: int) -> None:
        self.webhook = webhook
        self.caretaker = caretaker
        self.port = port


@contextlib.asynccontextmanager
async def replica(kubernetes: Kubernetes, clock: Turned | None = None) -> AsyncIterator[Replica]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = KubernetesClient(kubernetes.connection)
    caretaker = Caretaker(client, SELF_SIGNED, "kube-system", context, clock=clock or Turned(time.time()))
    await caretaker.start()
    sock = bind(0, name="the webhook", option="--port")
    port = sock.getsockname()[1]
    async with Webhook(Settings(), kubernetes.connection, sock=sock, tls=context, grace_seconds=1) as webhook:
        await webhook.wait_ready()
        kubernetes.webhook_port = port
        yield Replica(webhook, caretaker, port)
    await client.close()


async def test_pods_get_their_identity_through_the_api_server(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes):
        answer = await kubernetes.pod("web")
        pod = answer.json()
        assert {"name": "AWS_ROLE_ARN", "value": ARN} in pod["spec"]["containers"][0]["env"]
        assert "warning" not in answer.headers
        assert (await kubernetes.pod("plain", "plain")).json()["spec"]["containers"][0].get("env") is None
        skipped = await kubernetes.pod("skip", labels={"eks.amazonaws.com/skip-pod-identity-webhook": ""})
        assert skipped.json()["spec"]["containers"][0].get("env") is None


async def test_a_pod_that_must_have_an_identity(kubernetes: Kubernetes) -> None:
    await kubernetes.register(require_label=True)
    async with replica(kubernetes):
        labels = {"eks.amazonaws.com/require-pod-identity": "true"}
        refused = await kubernetes.pod("bare", "plain", labels=labels)
        assert refused.status_code == 403
        message = refused.json()["message"]
        assert message.startswith('admission webhook "required.pod-identity-webhook.podrole.dev" denied the request: ')
        assert (await kubernetes.pod("bound", labels=labels)).status_code == 201


async def test_warnings_come_back_to_who_makes_the_pod(kubernetes: Kubernetes) -> None:
    account = {"metadata": {"name": "typo", "annotations": {"eks.amazonaws.com/role-arn": "reader"}}}
    await kubernetes.do("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    await kubernetes.register()
    async with replica(kubernetes):
        answer = await kubernetes.pod("web", "typo")
        assert "the role 'reader' is not an ARN" in answer.headers["warning"]


async def test_a_service_account_made_just_before_its_pod_is_known(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes):
        for number in range(20):
            metadata = {"name": f"new-{number}", "annotations": {"eks.amazonaws.com/role-arn": ARN}}
            await kubernetes.do("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": metadata})
            answer = await kubernetes.pod(f"web-{number}", f"new-{number}")
            assert {"name": "AWS_ROLE_ARN", "value": ARN} in answer.json()["spec"]["containers"][0]["env"]


async def test_replicas_agree_on_one_certificate(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes) as first, replica(kubernetes) as second:
        assert first.caretaker.material == second.caretaker.material
        for number, port in enumerate((first.port, second.port)):
            kubernetes.webhook_port = port
            assert await kubernetes.injects(f"web-{number}")
        secret = await kubernetes.secret()
        assert secret["type"] == "kubernetes.io/tls"
        assert {"ca.crt", "ca.key", "tls.crt", "tls.key"} < secret["data"].keys()


async def test_a_lost_or_damaged_secret_is_put_back_as_it_was(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes) as one:
        material = one.caretaker.material
        path = f"/api/v1/namespaces/kube-system/secrets/{NAME}"
        await kubernetes.do("DELETE", path)
        await one.caretaker.look()
        secret = await kubernetes.secret()
        await kubernetes.do("PUT", path, {**secret, "data": {**secret["data"], "tls.key": "bm8ga2V5"}})
        await one.caretaker.look()
        assert one.caretaker.material == material
        assert await kubernetes.injects("web")


async def test_a_configuration_that_trusts_something_else_is_put_right(kubernetes: Kubernetes) -> None:
    async with replica(kubernetes) as one:
        await kubernetes.register(require_label=True)  # without a caBundle, after the webhook has started
        assert (await kubernetes.pod("early")).status_code == 500
        await one.caretaker.look()
        assert await kubernetes.injects("web")
        configuration = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
        version = configuration["metadata"]["resourceVersion"]
        bundles = {webhook["clientConfig"]["caBundle"] for webhook in configuration["webhooks"]}
        assert one.caretaker.material is not None
        assert bundles == {base64.b64encode(one.caretaker.material.bundle).decode()}
        await one.caretaker.look()
        configuration = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
        assert configuration["metadata"]["resourceVersion"] == version  # nothing is written that is right already


async def test_no_pod_is_lost_while_an_authority_is_succeeded(kubernetes: Kubernetes) -> None:
    start = time.time() - (AUTHORITY_DAYS - SUCCEED_AUTHORITY_DAYS - 1) * 86_400
    clock = Turned(start)
    await kubernetes.register()
    async with replica(kubernetes, clock) as first, replica(kubernetes, clock) as second:
        before = first.caretaker.material
        clock.now = time.time()  # the serving certificate ended years ago
        number = 0
        for moment in (0.0, 2 * 86_400.0, 2 * 86_400.0 + SPREAD_SECONDS + 1):
            clock.now = time.time() + moment
            for one in (first, second):
                await one.caretaker.look()
                for port in (first.port, second.port) if moment else (one.port,):
                    kubernetes.webhook_port = port
                    assert await kubernetes.injects(f"web-{number}")
                    number += 1
        assert before is not None
        assert first.caretaker.material == second.caretaker.material
        assert first.caretaker.material is not None
        assert before.bundle != first.caretaker.material.bundle


async def test_it_waits_for_the_api_server(kubernetes: Kubernetes) -> None:
    client = KubernetesClient(Connection("https://127.0.0.1:9", AUTHORITY.certificate_pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    caretaker = Caretaker(client, SELF_SIGNED, "kube-system", context)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(caretaker.start(), 0.2)
    assert caretaker.material is None
    await client.close()
