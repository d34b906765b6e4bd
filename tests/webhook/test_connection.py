"""Where the API server is, and who we are there."""

from __future__ import annotations

import base64
import json
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from podrole.base.certificates import Authority
from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import Connection, find_connection
from podrole.kube.credentials import ExecPlugin, StaticToken, TokenFile
from podrole.kube.errors import APIRefusal, APIUnavailable, KubeconfigProblem
from podrole.kube.reflector import PartialObject
from support.api_server import AUTHORITY, TOKEN, APIServer
from support.clock import Turned

PATH = "/api/v1/namespaces/demo/serviceaccounts/sa"


@pytest.fixture
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa")
        yield server


async def ask(connection: Connection) -> str:
    client = KubernetesClient(connection, user_agent=WEBHOOK)
    try:
        return (await client.get(PATH, PartialObject)).metadata.name
    finally:
        await client.close()


def kubeconfig(path: Path, *, cluster: Any = None, user: Any = None, context: Any = None) -> str:
    document = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": context or {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": cluster or {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


async def test_a_pod_uses_its_service_account(api: APIServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
    (tmp_path / "namespace").write_text("webhooks")
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    connection = find_connection(environment=environment, in_cluster=tmp_path)
    assert connection.namespace == "webhooks"
    assert await ask(connection) == "sa"


async def test_a_pods_service_account_may_be_elsewhere(api: APIServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
    where = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    connection = find_connection(environment={**where, "PODROLE_SERVICE_ACCOUNT": str(tmp_path)})
    assert await ask(connection) == "sa"


async def test_an_ipv6_service_address_is_bracketed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert find_connection(environment=environment, in_cluster=tmp_path).server == "https://[fd00::1]:443"


async def test_a_kubeconfig_with_data(api: APIServer, tmp_path: Path) -> None:
    ca = base64.b64encode(AUTHORITY.certificate_pem).decode()
    cluster = {"server": f"https://127.0.0.1:{api.port}/", "certificate-authority-data": ca}
    connection = find_connection(kubeconfig=kubeconfig(tmp_path / "config", cluster=cluster, user={"token": TOKEN}))
    assert connection.namespace == "team"
    assert await ask(connection) == "sa"


async def test_a_kubeconfig_with_files_beside_it(api: APIServer, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
    (tmp_path / "token").write_text(TOKEN)
    cluster = {"server": f"https://127.0.0.1:{api.port}", "certificate-authority": "ca.crt"}
    path = kubeconfig(tmp_path / "config", cluster=cluster, user={"tokenFile": "token"})
    assert await ask(find_connection(kubeconfig=path)) == "sa"


async def test_the_address_can_be_overridden(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config")
    assert find_connection(kubeconfig=path, server="https://elsewhere:1/").server == "https://elsewhere:1"


async def test_several_kubeconfigs_are_merged(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(yaml.safe_dump({"current-context": "here"}))
    kubeconfig(second, user={"token": "t"})
    environment = {"KUBECONFIG": f"{first}:{second}:{tmp_path / 'missing'}"}
    assert find_connection(environment=environment).server == "https://127.0.0.1:6443"


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    certificate = Authority.create("clients", now=time.time()).issue(["admin"], now=time.time())
    for name, content in (("c.pem", certificate.certificate_pem), ("k.pem", certificate.key_pem)):
        (tmp_path / name).write_bytes(content)
    by_file = {"client-certificate": "c.pem", "client-key": "k.pem"}
    by_data = {
        "client-certificate-data": base64.b64encode(certificate.certificate_pem).decode(),
        "client-key-data": base64.b64encode(certificate.key_pem).decode(),
    }
    for user in (by_file, by_data):
        find_connection(kubeconfig=kubeconfig(tmp_path / "config", user=user)).tls_context()


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"cluster": {"server": "https://x", "insecure-skip-tls-verify": True}}, "insecure-skip-tls-verify"),
        ({"cluster": {"server": "x"}}, "has no server address"),
        ({"context": {"cluster": "other", "user": "u"}}, "no cluster 'other'"),
        ({"context": {"cluster": "c", "user": "other"}}, "no user 'other'"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "auth-provider"),
        ({"user": {"exec": {"command": "x"}}}, "no command or no apiVersion"),
        ({"user": {"client-certificate-data": "!", "client-key-data": "!"}}, "is not base64"),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, parts: dict[str, Any], says: str) -> None:
    with pytest.raises(KubeconfigProblem, match=says):
        find_connection(kubeconfig=kubeconfig(tmp_path / "config", **parts))


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"a: [b"])
async def test_a_file_that_is_no_kubeconfig(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(KubeconfigProblem):
        find_connection(kubeconfig=str(tmp_path / "config"))


async def test_no_api_server_at_all_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigProblem, match="No Kubernetes API was found"):
        find_connection(environment={"HOME": str(tmp_path)}, in_cluster=tmp_path)


async def test_certificates_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(KubeconfigProblem, match="certificates for https://x cannot be used"):
        KubernetesClient(Connection("https://x", ca=tmp_path / "ca.crt"), user_agent=WEBHOOK)


async def test_a_server_that_cannot_be_verified_gets_no_token(api: APIServer) -> None:
    other = Authority.create("another", now=time.time())
    with pytest.raises(APIUnavailable, match="did not answer in a usable way"):
        await ask(Connection(api.connection.server, other.certificate_pem, auth=StaticToken(TOKEN)))
    assert api.requests == []


async def test_a_rotated_ca_is_picked_up(api: APIServer, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_bytes(Authority.create("the old one", now=time.time()).certificate_pem)
    client = KubernetesClient(Connection(api.connection.server, ca, auth=StaticToken(TOKEN)), user_agent=WEBHOOK)
    with pytest.raises(APIUnavailable):
        await client.get(PATH, PartialObject)
    ca.write_bytes(AUTHORITY.certificate_pem)
    with pytest.raises(APIUnavailable):  # this is what makes it look
        await client.get(PATH, PartialObject)
    assert (await client.get(PATH, PartialObject)).metadata.name == "sa"
    await client.close()


async def test_a_token_file_is_read_again_after_a_minute_and_after_a_refusal(api: APIServer, tmp_path: Path) -> None:
    token, clock = tmp_path / "token", Turned()
    token.write_text("an old token")
    client = KubernetesClient(
        Connection(api.connection.server, AUTHORITY.certificate_pem, auth=TokenFile(token, clock=clock)),
        user_agent=WEBHOOK,
    )
    with pytest.raises(APIRefusal) as raised:
        await client.get(PATH, PartialObject)
    assert raised.value.status == 401
    token.write_text(TOKEN)
    await client.get(PATH, PartialObject)  # refused once, read again, taken
    token.unlink()
    clock.now += 61
    await client.get(PATH, PartialObject)  # the old one serves until there is another
    await client.close()


async def test_a_missing_token_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigProblem, match="token file"):
        await ask(Connection("http://127.0.0.1:9", auth=TokenFile(tmp_path / "none")))


def plugin(path: Path, script: str, clock: Turned | None = None) -> ExecPlugin:
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    entry = {"command": f"./{path.name}", "apiVersion": "client.authentication.k8s.io/v1", "args": ["a", "b"]}
    return ExecPlugin.from_kubeconfig(
        {**entry, "env": [{"name": "EXTRA", "value": "e"}]}, path.parent, clock=clock or Turned()
    )


async def test_a_credential_plugin_is_run_once_until_its_token_expires(api: APIServer, tmp_path: Path) -> None:
    clock = Turned(1_700_000_000.0)  # 2023-11-14T22:13:20Z
    credential = {"status": {"token": TOKEN, "expirationTimestamp": "2023-11-14T23:00:00Z"}}
    script = f"echo \"$@ $EXTRA $KUBERNETES_EXEC_INFO\" >> {tmp_path}/runs\necho '{json.dumps(credential)}'\n"
    auth = plugin(tmp_path / "plugin", script, clock)
    client = KubernetesClient(
        Connection(api.connection.server, AUTHORITY.certificate_pem, auth=auth), user_agent=WEBHOOK
    )
    for _ in range(3):
        await client.get(PATH, PartialObject)
    assert len((tmp_path / "runs").read_text().splitlines()) == 1
    assert (tmp_path / "runs").read_text().startswith('a b e {"apiVersion":"client.authentication.k8s.io/v1"')
    clock.now += 3_600
    await client.get(PATH, PartialObject)
    assert len((tmp_path / "runs").read_text().splitlines()) == 2
    await client.close()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3\n", "failed"),
        ("echo nonsense\n", "did not print an ExecCredential"),
        ("echo '{\"status\": {}}'\n", "printed no token"),
        ('echo \'{"status": {"token": "t", "expirationTimestamp": "soon"}}\'\n', "did not print an ExecCredential"),
    ],
)
async def test_a_credential_plugin_that_fails(tmp_path: Path, script: str, says: str) -> None:
    auth = plugin(tmp_path / "plugin", script)
    with pytest.raises(KubeconfigProblem, match=says):
        await ask(Connection("http://127.0.0.1:9", auth=auth))


async def test_a_credential_plugin_that_is_not_there() -> None:
    auth = ExecPlugin(["/nowhere/plugin"], {}, "v1")
    with pytest.raises(KubeconfigProblem, match="cannot be started"):
        await ask(Connection("http://127.0.0.1:9", auth=auth))
