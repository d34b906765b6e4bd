"""Keeps this process from reaching any host but this machine.

It replaces functions of the standard library's ``socket``. Libraries that open connections without it (uvloop) are not
kept from it; the environment of a pod leads their calls to the world's proxy, which refuses them.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from podrole.testing.errors import OutsideCall

_METHODS = ("connect", "connect_ex", "sendto")
"""Methods of a socket, with the address as their last parameter."""
_LOOK_UPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
"""Functions, with the host as their first parameter."""


class OutsideCalls:
    """Refuses connections and look-ups of other hosts inside its context. ``allowed`` are names or addresses.

    ``attempts`` are the hosts that were refused.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self.attempts: list[str] = []

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Refuse them. Raises OutsideCall where such a call is made."""
        with contextlib.ExitStack() as stack:
            for name in _METHODS:
                stack.enter_context(_replaced(socket.socket, name, self._method(getattr(socket.socket, name))))
            for name in _LOOK_UPS:
                stack.enter_context(_replaced(socket, name, self._look_up(getattr(socket, name))))
            yield

    def _method(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(sock: socket.socket, *values: Any) -> Any:
            self._check(sock, values[-1])
            return original(sock, *values)

        return method

    def _look_up(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def look_up(host: Any, *values: Any, **options: Any) -> Any:
            self._require_inside(host)
            return original(host, *values, **options)

        return look_up

    def _check(self, sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            self._require_inside(address[0])

    def _require_inside(self, host: Any) -> None:
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        if name is None or name in self._allowed or _is_this_machine(name):
            return
        self.attempts.append(name)
        raise OutsideCall(
            f"A test that uses podrole wanted to reach {name}, which is outside its world.", next_step=_next_step(name)
        )


def _next_step(host: str) -> str:
    if ".amazonaws." in host or host.endswith(".api.aws"):
        return "make the client inside the identity's context: one that was made before, at import, keeps its endpoint"
    return f"lead the code elsewhere, or allow the host: podrole_allow_hosts = {host}"


@contextmanager
def _replaced(holder: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    before = getattr(holder, name)
    setattr(holder, name, function)
    try:
        yield
    finally:
        setattr(holder, name, before)


def _is_this_machine(host: str) -> bool:
    if host in ("", "localhost", "0.0.0.0", "::") or host.endswith(".localhost"):  # noqa: S104 - to connect is local
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
