"""The webhook behind the embedded cluster's API server, with certificates of its own."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import Connection
from podrole.webhook.errors import ForeignConfiguration
from podrole.webhook.tls.certificate_keeper import CertificateKeeper
from support.webhook import ARN
from support.webhook_cluster import (
    AUTHORITY,
    CONFIGURATIONS,
    NAME,
    SELF_SIGNED,
    Kubernetes,
    has_identity,
    replica,
    running_kubernetes,
)


@pytest.fixture
async def kubernetes() -> AsyncIterator[Kubernetes]:
    async with running_kubernetes() as running:
        yield running


async def test_pods_get_their_identity_through_the_api_server(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes):
        answer = await kubernetes.pod("web")
        assert has_identity(answer)
        assert "warning" not in answer.headers
        assert not await kubernetes.injects("plain", "plain")
        skipped = await kubernetes.pod("skip", labels={"eks.amazonaws.com/skip-pod-identity-webhook": ""})
        assert not has_identity(skipped)


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
    await kubernetes.service_account("typo", role_arn="reader")
    await kubernetes.register()
    async with replica(kubernetes):
        answer = await kubernetes.pod("web", "typo")
        assert "the role 'reader' is not an ARN" in answer.headers["warning"]


async def test_a_service_account_made_just_before_its_pod_is_known(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes):
        for number in range(20):
            await kubernetes.service_account(f"new-{number}", role_arn=ARN)
            assert await kubernetes.injects(f"web-{number}", f"new-{number}")


async def test_replicas_agree_on_one_certificate(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes) as first, replica(kubernetes) as second:
        assert first.keeper.material == second.keeper.material
        for number, port in enumerate((first.port, second.port)):
            kubernetes.ports[:] = [port]
            assert await kubernetes.injects(f"web-{number}")
        secret = await kubernetes.secret()
        assert secret["type"] == "kubernetes.io/tls"
        assert {"ca.crt", "ca.key", "tls.crt", "tls.key"} < secret["data"].keys()


async def test_a_lost_or_damaged_secret_is_put_back_as_it_was(kubernetes: Kubernetes) -> None:
    await kubernetes.register()
    async with replica(kubernetes) as one:
        material = one.keeper.material
        path = f"/api/v1/namespaces/kube-system/secrets/{NAME}"
        await kubernetes.do("DELETE", path)
        await one.keeper.check()
        secret = await kubernetes.secret()
        await kubernetes.do("PUT", path, {**secret, "data": {**secret["data"], "tls.key": "bm8ga2V5"}})
        await one.keeper.check()
        assert one.keeper.material == material
        assert await kubernetes.injects("web")


async def test_a_configuration_that_trusts_something_else_is_put_right(kubernetes: Kubernetes) -> None:
    async with replica(kubernetes) as one:
        await kubernetes.register(require_label=True)  # without a caBundle, after the webhook has started
        assert (await kubernetes.pod("early")).status_code == 500
        await one.keeper.check()
        assert await kubernetes.injects("web")
        configuration = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
        version = configuration["metadata"]["resourceVersion"]
        bundles = {webhook["clientConfig"]["caBundle"] for webhook in configuration["webhooks"]}
        assert one.keeper.material is not None
        assert bundles == {base64.b64encode(one.keeper.material.bundle).decode()}
        await one.keeper.check()
        configuration = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
        assert configuration["metadata"]["resourceVersion"] == version  # nothing is written that is right already


AUTHORITY_BUNDLE = base64.b64encode(AUTHORITY.certificate_pem).decode()
FOREIGN: dict[str, Any] = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": NAME},
    "webhooks": [
        {
            "name": "pod-identity-webhook.amazonaws.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {
                "service": {"namespace": "eks", "name": "other", "path": "/mutate"},
                "caBundle": AUTHORITY_BUNDLE,
            },
        }
    ],
}


OWN_SERVICE = {"service": {"namespace": "kube-system", "name": NAME}}
OTHER_SERVICE = {"service": {"namespace": "kube-system", "name": "other"}}
URL = {"url": "https://127.0.0.1:9/mutate"}
LABEL, OTHER_LABEL = ({"app.kubernetes.io/name": name} for name in ("podrole-webhook", "other"))


@pytest.mark.parametrize(
    ("client_config", "labels", "touched"),
    [
        ({"service": {"namespace": "eks", "name": NAME}}, {}, False),
        (OTHER_SERVICE, {}, False),
        (URL, {}, False),
        (URL, LABEL, False),
        (OTHER_SERVICE, OTHER_LABEL, False),
        (OTHER_SERVICE, LABEL, True),
        (OWN_SERVICE, {}, True),
    ],
)
async def test_it_changes_no_configuration_of_another_webhook(
    kubernetes: Kubernetes, client_config: dict[str, Any], labels: dict[str, str], touched: bool
) -> None:
    entry = {**FOREIGN["webhooks"][0], "clientConfig": client_config}
    metadata = {"name": NAME, "labels": labels}
    made = await kubernetes.do("POST", CONFIGURATIONS, {**FOREIGN, "metadata": metadata, "webhooks": [entry]})
    client = KubernetesClient(kubernetes.connection, user_agent=WEBHOOK)
    keeper = CertificateKeeper(client, SELF_SIGNED, "kube-system", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    if touched:
        await keeper.start()
    else:
        with pytest.raises(ForeignConfiguration, match="belongs to another webhook, and was not changed"):
            await keeper.start()
        assert (await kubernetes.http.get(f"/api/v1/namespaces/kube-system/secrets/{NAME}")).status_code == 404
    found = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
    assert (found["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]) is touched
    await client.close()


async def test_of_a_shared_configuration_only_its_own_entries_are_changed(kubernetes: Kubernetes) -> None:
    own = {**FOREIGN["webhooks"][0], "name": "own.podrole.dev"}
    own["clientConfig"] = {"service": {"namespace": "kube-system", "name": NAME}}
    await kubernetes.do("POST", CONFIGURATIONS, {**FOREIGN, "webhooks": [*FOREIGN["webhooks"], own]})
    client = KubernetesClient(kubernetes.connection, user_agent=WEBHOOK)
    await CertificateKeeper(client, SELF_SIGNED, "kube-system", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).start()
    found = await kubernetes.do("GET", f"{CONFIGURATIONS}/{NAME}")
    assert [entry["clientConfig"]["caBundle"] == AUTHORITY_BUNDLE for entry in found["webhooks"]] == [True, False]
    await client.close()


async def test_it_waits_for_the_api_server(kubernetes: Kubernetes) -> None:
    client = KubernetesClient(Connection("https://127.0.0.1:9", AUTHORITY.certificate_pem), user_agent=WEBHOOK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    keeper = CertificateKeeper(client, SELF_SIGNED, "kube-system", context)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(keeper.start(), 0.2)
    assert keeper.material is None
    await client.close()
