"""The EKS Pod Identity agent: where SDKs in pods fetch credentials, as Amazon's agent on each node serves them.

``GET /v1/credentials`` with the pod's token, raw, in Authorization. The agent looks at the token's form and expiry,
calls ``eks-auth:AssumeRoleForPodIdentity`` as the node, and answers in the form that SDKs read
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html); errors are plain text, as the
agent's own. Amazon's listens on 169.254.170.23 and keeps credentials for hours; this one listens on loopback, where
SDKs take plain HTTP too, and asks anew each time, so that every change counts at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import httpx2

from podrole.aws.signature.signing import signed_headers
from podrole.base.asgi import JSON, TEXT, Header, Receive, Scope, Send, send_response
from podrole.base.clock import Clock, rfc3339
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
    """An ASGI application. ``aws_url`` is where EKS Auth answers; ``credentials`` gives the node's, None for none."""

    def __init__(
        self, aws_url: str, cluster: str, region: str, credentials: Callable[[], Credentials | None], clock: Clock
    ) -> None:
        self._url = f"{aws_url}/clusters/{cluster}/assume-role-for-pod-identity"
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._http = httpx2.AsyncClient(timeout=LIMIT_SECONDS, trust_env=False)

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
            return _told(404, "404 page not found")
        if method != "GET":
            return _told(405, "Method Not Allowed")
        # A web page that makes a browser on this machine ask comes under the name of its own site.
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if host not in _HOSTS:
            return _told(
                403,
                "Access Denied. Called agent through invalid address, please use either "
                f"[{' '.join(_HOSTS)}] address not {host}",
            )
        token = headers.get("authorization", "")
        fault = self._fault_of(token)
        if fault is not None:
            return _told(400, fault)
        try:
            return await self._ask(token)
        except (httpx2.HTTPError, ValueError, KeyError) as problem:
            _log.warning("EKS Auth cannot be asked: %s", type(problem).__name__)
            return _told(500, "unable to fetch credentials from EKS Auth")

    def _fault_of(self, token: str) -> str | None:
        """Return what is wrong with a token at first sight; whether it is good is EKS Auth's to say."""
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
            return _told(500, "the node has no role, so EKS Auth cannot be asked")
        body = json.dumps({"token": token}).encode()
        headers = signed_headers("POST", self._url, body, node, "eks-auth", self._region, self._clock())
        answer = await self._http.post(self._url, content=body, headers=headers)
        if answer.status_code != 200:
            fault = "client" if answer.status_code < 500 else "server"
            code = answer.headers.get("x-amzn-errortype", "")
            message = answer.json().get("message", "")
            request = answer.headers.get("x-amzn-requestid", "")
            return _told(answer.status_code, f"[{request}]: ({code}): {message}, fault: {fault}")
        found = answer.json()
        credentials = found["credentials"]
        told = {
            "AccessKeyId": credentials["accessKeyId"],
            "SecretAccessKey": credentials["secretAccessKey"],
            "Token": credentials["sessionToken"],
            "AccountId": found["assumedRoleUser"]["arn"].split(":")[4],
            "Expiration": rfc3339(credentials["expiration"]),
        }
        return 200, JSON, json.dumps(told).encode()


def _told(status: int, text: str) -> Answer:
    return status, TEXT, (text + "\n").encode("utf-8", "replace")
