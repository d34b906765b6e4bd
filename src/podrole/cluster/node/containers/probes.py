"""Probes: checks of whether a container has started, is alive and is ready.

https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from podrole.cluster.core.timing import Time

ProbeKind = Literal["Startup", "Liveness", "Readiness"]
MAX_OUTPUT = 10 * 1024
"""How much of a command's output goes into a message, as in the kubelet."""

RunCommand = Callable[[Sequence[str], float], Awaitable[tuple[int | None, bytes]]]
"""Runs a command in the container within so many seconds; returns the exit code (None if it took longer) and output."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check; ``message`` says why the container is not healthy."""

    healthy: bool
    message: str = ""


async def check(
    handler: Mapping[str, Any], container: Mapping[str, Any], *, address: str, seconds: float, run: RunCommand
) -> Result:
    """Do one check of a probe or hook ``handler``. Whatever ``host`` says, only ``address`` and loopback are asked.

    ``container`` is the container's spec, whose ports have names.
    """
    if command := (handler.get("exec") or {}).get("command"):
        code, output = await run(command, seconds)
        if code is None:
            return Result(False, f'command timed out: "{" ".join(command)}" timed out after {seconds:g}s')
        return Result(code == 0, output[:MAX_OUTPUT].decode(errors="replace"))
    if http := handler.get("httpGet"):
        return await _http(http, container, address, seconds)
    if tcp := handler.get("tcpSocket"):
        return await _tcp(tcp, container, address, seconds)
    kinds = ", ".join(sorted(key for key in handler if isinstance(handler[key], Mapping)))
    return Result(
        False, f"this node does not support {kinds or 'such'} probes; it supports exec, httpGet and tcpSocket"
    )


async def watch(
    probe: Mapping[str, Any],
    checking: Callable[[float], Awaitable[Result | None]],
    time: Time,
    report: Callable[[bool, Result], None],
) -> None:
    """Check each period, for ever. ``report`` gets whether a result counts by the thresholds, and the result.

    ``checking`` does one check within so many seconds; None is a check without a result.
    """
    await time.sleep_until(time.now() + float(probe.get("initialDelaySeconds") or 0))
    period = float(probe.get("periodSeconds") or 10)
    seconds = float(probe.get("timeoutSeconds") or 1)
    successes = failures = 0
    while True:
        result = await checking(seconds)
        if result is None:
            pass
        elif result.healthy:
            successes, failures = successes + 1, 0
            report(successes >= int(probe.get("successThreshold") or 1), result)
        else:
            successes, failures = 0, failures + 1
            report(failures >= int(probe.get("failureThreshold") or 3), result)
        await time.sleep_until(time.now() + period)


async def _http(http: Mapping[str, Any], container: Mapping[str, Any], address: str, seconds: float) -> Result:
    import httpx2  # most pods have no HTTP probe, and it takes a while to import

    from podrole.base.http_client import async_client

    host = http.get("host") or address
    if (refused := _out_of_reach(host, address)) is not None:
        return refused
    port = _port(http.get("port"), container)
    scheme = (http.get("scheme") or "HTTP").lower()
    path = http.get("path") or "/"
    url = f"{scheme}://{host}:{port}{path if path.startswith('/') else '/' + path}"
    headers = {"user-agent": "kube-probe/1.36", "accept": "*/*"}
    headers |= {header["name"].lower(): header["value"] for header in http.get("httpHeaders") or ()}
    try:
        # Like the kubelet, do not verify the certificate, and use no proxy.
        async with async_client(False, timeout=seconds) as client:
            response = await client.get(url, headers=headers)
    except httpx2.TimeoutException:
        return Result(False, f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
    except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
        return Result(False, f'Get "{url}": {problem}')
    if 200 <= response.status_code < 400:
        return Result(True)
    return Result(False, f"HTTP probe failed with statuscode: {response.status_code}")


async def _tcp(tcp: Mapping[str, Any], container: Mapping[str, Any], address: str, seconds: float) -> Result:
    host = tcp.get("host") or address
    if (refused := _out_of_reach(host, address)) is not None:
        return refused
    port = _port(tcp.get("port"), container)
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Result(False, f"dial tcp {host}:{port}: i/o timeout")
    except OSError as problem:
        return Result(False, f"dial tcp {host}:{port}: connect: {(problem.strerror or str(problem)).lower()}")
    writer.close()
    return Result(True)


def _port(port: Any, container: Mapping[str, Any]) -> int:
    for named in container.get("ports") or ():
        if named.get("name") == port:
            return int(named["containerPort"])
    try:
        return int(port)
    except (TypeError, ValueError):
        return 0  # an unknown name: nothing listens on port 0


def _out_of_reach(host: str, address: str) -> Result | None:
    try:
        reached = host == address or ipaddress.ip_address(host).is_loopback
    except ValueError:
        reached = host == "localhost"
    return None if reached else Result(False, f"probes of this node reach only the pod itself and loopback, not {host}")
