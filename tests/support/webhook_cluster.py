"""The webhook's replicas behind the embedded cluster's API server, over real TLS."""

from __future__ import annotations

import contextlib
import itertools
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from podrole.base.certificates import Authority, server_context
from podrole.base.http_client import async_client
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.base.user_agents import WEBHOOK
from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.http.app import is_long_running
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import Connection
from podrole.kube.credentials import StaticToken
from podrole.webhook.install.installation import Installation
from podrole.webhook.install.manifests import manifests
from podrole.webhook.serving.webhook import Webhook
from podrole.webhook.settings import SelfSignedSettings, WebhookSettings
from podrole.webhook.tls.certificate_keeper import CertificateKeeper
from podrole.webhook.tls.serving_certificate import ServingCertificate
from support.clock import Turned
from support.keys import rsa_key
from support.webhook import ARN

NAME = "pod-identity-webhook"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
AUTHORITY = Authority.create("the cluster", now=time.time())
TLS = server_context(AUTHORITY.issue([LOOPBACK], now=time.time()))
ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY = rsa_key()
SELF_SIGNED = SelfSignedSettings(secret=NAME, service=NAME, webhook_configuration=NAME)
IDENTITY = {"name": "AWS_ROLE_ARN", "value": ARN}


class Kubernetes:
    """A cluster and an administrator's client of it.

    ``ports`` are the webhook's replicas that its Service leads to, in turn.
    """

    def __init__(self, *, history: int = 4096) -> None:
        self.ports: list[int] = []
        self._turn = itertools.count()
        self._sock = bind(0, name="the cluster", option="--port")
        self._port = self._sock.getsockname()[1]
        server = f"https://{LOOPBACK}:{self._port}"
        self.cluster = Cluster(
            ClusterSettings(server=server, issuer=ISSUER, history=history),
            keys=[KEY],
            authority_pem=AUTHORITY.certificate_pem,
            resolve_service=self._resolve,
        )
        token = self.cluster.administrator_token
        self.connection = Connection(server, AUTHORITY.certificate_pem, auth=StaticToken(token))
        self.http = async_client(self.connection.tls_context(), timeout=30, base_url=server)
        self.http.headers["Authorization"] = f"Bearer {token}"
        self._listening = contextlib.AsyncExitStack()

    def _resolve(self, namespace: str, name: str, port: int) -> tuple[str, int] | None:
        if (namespace, name, port) != ("kube-system", NAME, 443):
            return None
        return LOOPBACK, self.ports[next(self._turn) % len(self.ports)]

    async def listen(self) -> None:
        """Be reachable, as before if it has been."""
        sock = self._sock if self._sock.fileno() >= 0 else bind(self._port, name="the cluster", option="--port")
        await self._listening.enter_async_context(
            listening(self.cluster.api, sock, tls=TLS, grace_seconds=1, is_long_running=is_long_running)
        )

    async def go_away(self) -> None:
        """Be an API server that is down: nothing listens, and what was open is closed."""
        await self._listening.aclose()

    async def do(self, method: str, path: str, body: Any = None, expected: int | None = None) -> dict[str, Any]:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == expected if expected else answer.is_success, answer.text
        return answer.json()

    async def service_account(self, name: str, **annotations: str) -> None:
        said = {f"eks.amazonaws.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
        account = {"metadata": {"name": name, "annotations": said}}
        await self.do("POST", "/api/v1/namespaces/default/serviceaccounts", account)

    async def register(self, *, ca_bundle: str = "", **chosen: Any) -> None:
        if ca_bundle:
            chosen |= {"certificates": "secret", "ca_bundle": ca_bundle}
        objects = manifests(Installation(namespace="kube-system", failure_policy="Fail", **chosen))
        (configuration,) = [item for item in objects if item["kind"] == "MutatingWebhookConfiguration"]
        await self.do("POST", CONFIGURATIONS, configuration)

    async def pod(self, name: str, account: str = "sa", **more: Any) -> httpx2.Response:
        metadata = {"name": name, **more}
        spec = {"serviceAccountName": account, "containers": [{"name": "app", "image": "busybox"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        return await self.http.post("/api/v1/namespaces/default/pods", json=pod)

    async def injects(self, name: str, account: str = "sa") -> bool:
        answer = await self.pod(name, account)
        assert answer.status_code == 201, answer.text
        return has_identity(answer)

    async def secret(self) -> dict[str, Any]:
        return await self.do("GET", f"/api/v1/namespaces/kube-system/secrets/{NAME}")


def has_identity(made: httpx2.Response) -> bool:
    """Tell whether the pod that was made has the identity."""
    return IDENTITY in made.json()["spec"]["containers"][0].get("env", [])


@contextlib.asynccontextmanager
async def running_kubernetes(*, history: int = 4096) -> AsyncIterator[Kubernetes]:
    """A cluster with the service accounts ``sa``, which is bound, and ``plain``."""
    known = Kubernetes(history=history)
    async with known.http:
        await known.listen()
        try:
            async with known.cluster:
                await known.service_account("sa", role_arn=ARN)
                await known.service_account("plain")
                yield known
        finally:
            await known.go_away()


class Replica:
    """One replica: its webhook, and the keeper of its certificate."""

    def __init__(self, webhook: Webhook, keeper: CertificateKeeper, port: int) -> None:
        self.webhook = webhook
        self.keeper = keeper
        self.port = port


@contextlib.asynccontextmanager
async def replica(
    kubernetes: Kubernetes, clock: Turned | None = None, *, grace_seconds: float = 1
) -> AsyncIterator[Replica]:
    """A replica with a certificate of its own making, to which the Service leads once it is ready."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = KubernetesClient(kubernetes.connection, user_agent=WEBHOOK)
    keeper = CertificateKeeper(client, SELF_SIGNED, "kube-system", context, clock=clock or Turned(time.time()))
    await keeper.start()
    try:
        async with serving_replica(kubernetes, context, grace_seconds=grace_seconds) as (webhook, port):
            yield Replica(webhook, keeper, port)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def serving_replica(
    kubernetes: Kubernetes,
    context: ssl.SSLContext,
    certificate: ServingCertificate | None = None,
    *,
    grace_seconds: float = 1,
) -> AsyncIterator[tuple[Webhook, int]]:
    """A replica that serves with ``context``, to which the Service leads once it is ready."""
    sock = bind(0, name="the webhook", option="--port")
    port = sock.getsockname()[1]
    webhook = Webhook(
        WebhookSettings(),
        kubernetes.connection,
        sock=sock,
        tls=context,
        certificate=certificate,
        grace_seconds=grace_seconds,
    )
    async with webhook:
        await webhook.wait_ready()
        kubernetes.ports.append(port)
        try:
            yield webhook, port
        finally:
            if port in kubernetes.ports:
                kubernetes.ports.remove(port)
