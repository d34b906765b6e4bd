"""The network namespace of a pod, in which port-forward connects to the pod's own loopback, as a kubelet's does."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class PodNetwork:
    """A pod's network namespace, which it holds open until ``close``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    async def of_process(cls, pid: int, address: str) -> PodNetwork | None:
        """Return the network of a process, if it is the one that has ``address``.

        None if it is another one, since the engine counts processes otherwise than this program does, or if this user
        may not enter it: that takes root.
        """
        try:
            network = cls(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return None
        try:
            with await network.socket(socket.AF_INET) as sock:
                sock.bind((address, 0))
        except OSError:
            network.close()
            return None
        return network

    async def socket(self, family: socket.AddressFamily) -> socket.socket:
        """Make a socket in the namespace. Raises OSError."""
        return await self.run(lambda: socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))

    async def run(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns in the namespace, where a socket stays that it has made. Raises OSError.

        A thread enters the namespace, calls ``make``, and ends: no other code ever runs in there.
        """
        if self._descriptor is None:
            raise ConnectionRefusedError("the pod has ended")
        descriptor = os.dup(self._descriptor)
        loop = asyncio.get_running_loop()
        made: asyncio.Future[T] = loop.create_future()

        def inside() -> None:
            try:
                _enter(descriptor)
                result = make()
            except OSError as problem:
                loop.call_soon_threadsafe(_fail, made, problem)
            else:
                loop.call_soon_threadsafe(_hand_over, made, result)
            finally:
                os.close(descriptor)

        threading.Thread(target=inside, name="a pod's network", daemon=True).start()
        return await made

    def close(self) -> None:
        """Let go of the namespace."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _hand_over(made: asyncio.Future[T], result: T) -> None:
    if not made.done():
        made.set_result(result)
    elif isinstance(result, socket.socket):  # nobody waits any more
        result.close()


def _fail(made: asyncio.Future[T], problem: OSError) -> None:
    if not made.done():
        made.set_exception(problem)
