"""The Pod Identity agent's answers without a server: each check has a case in which it alone refuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from podrole.aws.eks import pod_identity_agent
from podrole.aws.eks.pod_identity_agent import PATH, PodIdentityAgent
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.sts.credentials import Credentials

NOW = 1_769_860_800  # 2026-01-31T12:00:00Z
KEY = SigningKey.generate("ES256")
NODE = Credentials("ASIANODE", "secret", "node's session", NOW + 3_600)
URL = "http://127.0.0.1:4566"
GRANTED = {
    "credentials": {
        "accessKeyId": "ASIAPOD",
        "secretAccessKey": "pod's secret",
        "sessionToken": "pod's session",
        "expiration": NOW + 60,
    },
    "assumedRoleUser": {"arn": "arn:aws:sts::111122223333:assumed-role/pods/web"},
}
Handler = Callable[[httpx2.Request], httpx2.Response]


def token(expires_at: int = NOW + 60) -> str:
    claims = {"iss": "https://issuer", "sub": "a", "aud": ["b"], "iat": NOW - 60, "exp": expires_at}
    return mint(claims, KEY)


class Agent:
    """An agent that asks ``eks_auth``. ``asked`` are its requests."""

    def __init__(self, eks_auth: Handler, node: Credentials | None = NODE, **more: Any) -> None:
        self.asked: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.asked.append(request)
            return eks_auth(request)

        client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(pod_identity_agent, "async_client", lambda *_, **__: client)
            self.agent = PodIdentityAgent(URL, "podrole", "eu-west-1", lambda: node, lambda: NOW, **more)

    async def __call__(
        self, given: str = "", method: str = "GET", path: str = PATH, host: str = "127.0.0.1:80"
    ) -> tuple[int, str, str]:
        """Return status, type and text of an answer."""
        headers = [(b"host", host.encode()), (b"authorization", given.encode())]
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("the agent reads no body")

        scope = {"method": method, "path": path, "headers": [one for one in headers if one[1]]}
        await self.agent(scope, receive, send)
        start, body = sent
        return start["status"], dict(start["headers"])[b"content-type"].decode(), body["body"].decode()


def granting(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, json=GRANTED)


async def test_token_is_exchanged_as_the_node() -> None:
    agent, given = Agent(granting), token()
    status, kind, text = await agent(given)
    assert (status, kind) == (200, "application/json")
    assert json.loads(text) == {
        "AccessKeyId": "ASIAPOD",
        "SecretAccessKey": "pod's secret",
        "Token": "pod's session",
        "AccountId": "111122223333",
        "Expiration": "2026-01-31T12:01:00Z",
    }
    (asked,) = agent.asked
    assert (asked.method, str(asked.url)) == ("POST", f"{URL}/clusters/podrole/assume-role-for-pod-identity")
    assert json.loads(asked.content) == {"token": given}
    assert "Credential=ASIANODE/20260131/eu-west-1/eks-auth/aws4_request" in asked.headers["authorization"]
    assert asked.headers["x-amz-date"] == "20260131T120000Z"


async def test_signature_may_have_a_clock_of_its_own() -> None:
    agent = Agent(granting, signature_clock=lambda: NOW + 3_600)
    assert (await agent(token()))[0] == 200
    assert agent.asked[0].headers["x-amz-date"] == "20260131T130000Z"


NO_ADDRESS = "Access Denied. Called agent through invalid address, please use either [127.0.0.1 localhost] address not "


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        ({"path": "/v1"}, 404, "404 page not found"),
        ({"method": "POST"}, 405, "Method Not Allowed"),
        ({"host": "evil.example.com:80"}, 403, f"{NO_ADDRESS}evil.example.com"),
        ({"host": "evil.example.com"}, 403, f"{NO_ADDRESS}evil.example.com"),
        ({"host": ""}, 403, NO_ADDRESS),
        ({"host": "10.0.0.1"}, 403, f"{NO_ADDRESS}10.0.0.1"),
        ({"given": ""}, 400, "Service account token cannot be empty"),
        ({"given": "nonsense"}, 400, "Service account token cannot be parsed: The token is not a valid JWT."),
        (
            {"given": token(NOW - 1)},
            400,
            "Service account token failed basic claim validations: token is expired",
        ),
    ],
)
async def test_request_is_refused_without_asking(request_: dict[str, str], status: int, text: str) -> None:
    agent = Agent(granting)
    found = await agent(**{"given": token(), **request_})
    assert found[:2] == (status, "text/plain; charset=utf-8")
    assert found[2].startswith(text)
    assert found[2].endswith("\n")
    assert agent.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:80", "169.254.170.23", "169.254.170.23:80"])
async def test_agent_is_called_by_its_own_addresses(host: str) -> None:
    assert (await Agent(granting, addresses=["169.254.170.23"])(token(), host=host))[0] == 200


async def test_token_is_good_in_its_last_second() -> None:
    assert (await Agent(granting)(token(NOW)))[0] == 200


async def test_node_without_a_role_asks_nothing() -> None:
    agent = Agent(granting, None)
    found = await agent(token())
    assert (found[0], found[2]) == (500, "the node has no role, so EKS Auth cannot be asked\n")
    assert agent.asked == []


@pytest.mark.parametrize(
    ("status", "fault"), [(201, "client"), (400, "client"), (499, "client"), (500, "server"), (503, "server")]
)
async def test_refusal_is_passed_on(status: int, fault: str) -> None:
    headers = {"x-amzn-errortype": "CodeException", "x-amzn-requestid": "id"}
    answer = httpx2.Response(status, json={"message": "why"}, headers=headers)
    found = await Agent(lambda _: answer)(token())
    expected = f"[id]: (CodeException): why, fault: {fault}\n"
    assert found == (status, "text/plain; charset=utf-8", expected)


def failing(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("no connection", request=request)


@pytest.mark.parametrize(
    "eks_auth",
    [failing, lambda _: httpx2.Response(200, text="no JSON"), lambda _: httpx2.Response(200, json={})],
    ids=["no connection", "no JSON", "no credentials"],
)
async def test_answer_that_cannot_be_read_is_an_error(eks_auth: Handler, caplog: pytest.LogCaptureFixture) -> None:
    given = token()
    with caplog.at_level(logging.WARNING):
        found = await Agent(eks_auth)(given)
    assert (found[0], found[2]) == (500, "unable to fetch credentials from EKS Auth\n")
    (logged,) = caplog.messages
    assert logged.startswith("EKS Auth cannot be asked: ")
    assert given not in logged


async def test_agent_waits_for_ten_seconds_and_closes_its_connection() -> None:
    agent = PodIdentityAgent(URL, "podrole", "eu-west-1", lambda: NODE, lambda: NOW)
    assert agent._http.timeout == httpx2.Timeout(10.0)
    assert not agent._http.is_closed
    await agent.aclose()
    assert agent._http.is_closed
