"""The account of the EC2 host."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.base.serving import LOOPBACK, bind, listening
from podrole.webhook.errors import BadSettings
from podrole.webhook.settings import RoleComposition
from podrole.webhook.sources.instance_metadata import account_of_host


class MetadataService:
    """Answers as EC2's instance metadata service (version 2) does."""

    def __init__(self, document: bytes) -> None:
        self.document = document

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if (scope["method"], scope["path"]) == ("PUT", "/latest/api/token"):
            assert headers[b"x-aws-ec2-metadata-token-ttl-seconds"] == b"60"
            status, body = 200, b"a-token"
        elif headers.get(b"x-aws-ec2-metadata-token") != b"a-token":
            status, body = 401, b""
        else:
            assert scope["path"] == "/latest/dynamic/instance-identity/document"
            status, body = 200, self.document
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def ask(document: bytes) -> RoleComposition:
    sock = bind(0, name="the metadata service", option="--port")
    port = sock.getsockname()[1]
    async with listening(MetadataService(document), sock, grace_seconds=1):
        return await account_of_host(f"http://{LOOPBACK}:{port}")


async def test_account_and_partition() -> None:
    document = b'{"accountId": "111122223333", "region": "cn-north-1", "architecture": "x86_64"}'
    assert await ask(document) == RoleComposition("111122223333", "aws-cn")


@pytest.mark.parametrize("document", [b"", b"{}", b"no JSON"])
async def test_an_unusable_answer_is_explained(document: bytes) -> None:
    with pytest.raises(BadSettings, match="metadata service of this host does not answer") as raised:
        await ask(document)
    assert "--account-id" in (raised.value.next_step or "")


async def test_a_missing_metadata_service_is_explained() -> None:
    with pytest.raises(BadSettings, match="metadata service of this host does not answer"):
        await account_of_host(f"http://{LOOPBACK}:9")
