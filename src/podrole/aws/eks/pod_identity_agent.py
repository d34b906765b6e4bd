"""The EKS Pod Identity agent, from which SDKs in pods fetch credentials, as from Amazon's agent on each EKS node.

The SDK sends ``GET /v1/credentials`` with the pod's token in Authorization. The agent checks the token's form and
expiry, calls ``eks-auth:AssumeRoleForPodIdentity`` as the node, and answers in the form that SDKs read
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html). Errors are plain text, like those
of Amazon's agent. Amazon's agent listens on 169.254.170.23 and caches credentials for hours. This one listens on
loopback, where SDKs accept plain HTTP too, and asks EKS Auth for each request, so that every change takes effect at
once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

import httpx2

from podrole.aws.signature.signing import signed_headers
from podrole.base.asgi import JSON, TEXT, Header, Receive, Scope, Send, send_response
from podrole.base.clock import Clock, rfc3339
from podrole.base.http_client import async_client, no_tls
from podrole.base.serving import LOOPBACK
from podrole.oidc.errors import TokenRefused
from podrole.oidc.token import parse_token, read_claims
from podrole.sts.credentials import Credentials

PATH = "/v1/credentials"
LIMIT_SECONDS = 10.0
_HOSTS = (LOOPBACK, "localhost")
_log = logging.getLogger(__name__)
Answer = tuple[int, Header, bytes]


class PodIdentityAgent:
    """The agent as an ASGI application.

    ``aws_url`` is the address of EKS Auth. ``credentials`` returns the node's credentials, None if it has no role.
    ``addresses`` are where pods call it, beside loopback.
    """

    def __init__(
        self,
        aws_url: str,
        cluster: str,
        region: str,
        credentials: Callable[[], Credentials | None],
        clock: Clock,
        signature_clock: Clock | None = None,
        *,
        addresses: Sequence[str] = (),
    ) -> None:
        self._hosts = (*_HOSTS, *addresses)
        self._url = f"{aws_url}/clusters/{cluster}/assume-role-for-pod-identity"
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._signature_clock = signature_clock or clock
        self._http = async_client(no_tls(), timeout=LIMIT_SECONDS)

    async def aclose(self) -> None:
        """Close the connection to EKS Auth."""
        await self._http.aclose()

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Serve one request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, kind, body = await self._answer(scope["method"], scope["path"], headers)
        await send_response(scope, send, status, body, [kind])

    async def _answer(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        if path != PATH:
            return _text(404, "404 page not found")
        if method != "GET":
            return _text(405, "Method Not Allowed")
        # A request that a web page makes through DNS rebinding has the name of its own site here.
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if host not in self._hosts:
            return _text(
                403,
                "Access Denied. Called agent through invalid address, please use either "
                f"[{' '.join(self._hosts)}] address not {host}",
            )
        token = headers.get("authorization", "")
        fault = self._fault_of(token)
        if fault is not None:
            return _text(400, fault)
        try:
            return await self._ask(token)
        except (httpx2.HTTPError, ValueError, KeyError) as problem:
            _log.warning("EKS Auth cannot be asked: %s", type(problem).__name__)
            return _text(500, "unable to fetch credentials from EKS Auth")

    def _fault_of(self, token: str) -> str | None:
        """Return what is wrong with a token's form or expiry, None if nothing is. EKS Auth verifies the rest."""
        if not token:
            return "Service account token cannot be empty"
        try:
            claims = read_claims(parse_token(token))
        except TokenRefused as refused:
            return f"Service account token cannot be parsed: {refused.what}"
        if self._clock() > claims.expires_at:
            return "Service account token failed basic claim validations: token is expired"
        return None

    async def _ask(self, token: str) -> Answer:
        node = self._credentials()
        if node is None:
            return _text(500, "the node has no role, so EKS Auth cannot be asked")
        body = json.dumps({"token": token}).encode()
        headers = signed_headers("POST", self._url, body, node, "eks-auth", self._region, self._signature_clock())
        answer = await self._http.post(self._url, content=body, headers=headers)
        if answer.status_code != 200:
            fault = "client" if answer.status_code < 500 else "server"
            code = answer.headers.get("x-amzn-errortype", "")
            message = answer.json().get("message", "")
            request = answer.headers.get("x-amzn-requestid", "")
            return _text(answer.status_code, f"[{request}]: ({code}): {message}, fault: {fault}")
        result = answer.json()
        credentials = result["credentials"]
        content = {
            "AccessKeyId": credentials["accessKeyId"],
            "SecretAccessKey": credentials["secretAccessKey"],
            "Token": credentials["sessionToken"],
            "AccountId": result["assumedRoleUser"]["arn"].split(":")[4],
            "Expiration": rfc3339(credentials["expiration"]),
        }
        return 200, JSON, json.dumps(content).encode()


def _text(status: int, text: str) -> Answer:
    return status, TEXT, (text + "\n").encode("utf-8", "replace")
