"""The credentials for the API server: a token from a file, a fixed one, or one from an exec credential plugin.

Each is an httpx2 ``Auth``: it adds the token to a request, and sends it again with a new token after a 401.
"""

from __future__ import annotations

import asyncio
import calendar
import os
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from podrole.base.clock import Clock, system_clock
from podrole.kube.errors import KubeconfigProblem

REREAD_SECONDS = 60
"""How long a token from a file is used before the file is read again. client-go uses the same time; the kubelet writes
a new token at 80 % of its lifetime, which is an hour or more."""

EXEC_LIMIT = 60
"""Seconds that a credential plugin may take: it may ask a person to sign in."""


class StaticToken(httpx2.Auth):
    """A token that never changes."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token to ``request``."""
        request.headers["Authorization"] = self._header
        yield request


class TokenFile(httpx2.Auth):
    """A token in a file that is replaced before it expires."""

    def __init__(self, path: Path, *, clock: Clock = system_clock) -> None:
        self._path = path
        self._clock = clock
        self._header = ""
        self._read_at = 0.0

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token to ``request``. Raises KubeconfigProblem if the file cannot be read and no token is known."""
        request.headers["Authorization"] = self._current()
        response = yield request
        if response.status_code == 401:
            self._read_at = 0.0
            request.headers["Authorization"] = self._current()
            yield request

    def _current(self) -> str:
        if not self._header or self._clock() - self._read_at >= REREAD_SECONDS:
            try:
                self._header = f"Bearer {self._path.read_text().strip()}"
            except (OSError, UnicodeError) as problem:
                if not self._header:
                    raise KubeconfigProblem(f"The token file {self._path} cannot be read: {problem}.") from problem
                # The old token may still be valid, and the file may be readable next time.
            self._read_at = self._clock()
        return self._header


class _ExecStatus(msgspec.Struct, rename="camel"):
    token: str | None = None
    expiration_timestamp: str | None = None


class _ExecCredential(msgspec.Struct):
    status: _ExecStatus | None = None


class ExecPlugin(httpx2.Auth):
    """A command that prints an ExecCredential. It runs when no unexpired token is left.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], api_version: str, *, clock: Clock = system_clock
    ) -> None:
        self._command = command
        self._environment = environment
        self._api_version = api_version
        self._clock = clock
        self._header = ""
        self._expires = 0.0

    @classmethod
    def from_kubeconfig(cls, entry: dict[str, Any], base: Path, *, clock: Clock = system_clock) -> ExecPlugin:
        """Read a user's ``exec``. Raises KubeconfigProblem if it has no command or no apiVersion."""
        command, version = entry.get("command"), entry.get("apiVersion")
        if not isinstance(command, str) or not isinstance(version, str):
            raise KubeconfigProblem("A user's exec in the kubeconfig has no command or no apiVersion.")
        if "/" in command and not command.startswith("/"):
            command = str(base / command)
        environment = {str(pair["name"]): str(pair["value"]) for pair in entry.get("env") or ()}
        arguments = [str(argument) for argument in entry.get("args") or ()]
        return cls([command, *arguments], environment, version, clock=clock)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token to ``request``. Raises KubeconfigProblem if the command fails."""
        if not self._header or self._clock() >= self._expires:
            await self._run()
        request.headers["Authorization"] = self._header
        response = yield request
        if response.status_code == 401:
            await self._run()
            request.headers["Authorization"] = self._header
            yield request

    async def _run(self) -> None:
        info = {"apiVersion": self._api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        name = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
            )
        except OSError as problem:
            raise KubeconfigProblem(
                f"The credential plugin {name} cannot be started: {problem.strerror}.", next_step="install it"
            ) from problem
        try:
            output, _ = await asyncio.wait_for(process.communicate(), EXEC_LIMIT)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise KubeconfigProblem(f"The credential plugin {name} did not answer within {EXEC_LIMIT} s.") from None
        if process.returncode != 0:
            raise KubeconfigProblem(f"The credential plugin {name} failed.", got=f"exit code {process.returncode}")
        try:
            status = msgspec.json.decode(output, type=_ExecCredential).status or _ExecStatus()
            expires = _epoch(status.expiration_timestamp) if status.expiration_timestamp else float("inf")
        except (msgspec.MsgspecError, ValueError) as problem:
            raise KubeconfigProblem(f"The credential plugin {name} did not print an ExecCredential.") from problem
        if not status.token:
            raise KubeconfigProblem(
                f"The credential plugin {name} printed no token.",
                next_step="use a plugin that gives a token; client certificates of plugins are not supported",
            )
        self._header, self._expires = f"Bearer {status.token}", expires


def _epoch(timestamp: str) -> float:
    return calendar.timegm(time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S"))
