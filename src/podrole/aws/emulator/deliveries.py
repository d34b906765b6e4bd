"""HTTP requests that a service sends to its subscribers: SNS to an endpoint, Firehose to its destination.

The service does not wait for them, as in AWS: they are sent by the event loop, with limits on their time, number and
target. A delivery reaches this machine only (loopback), unless the world's settings allow every host. One that is
refused or fails is logged once for each receiver and changes nothing else; it is not tried again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2

from podrole.base.errors import PodroleError
from podrole.base.http_client import async_client, no_tls
from podrole.base.tasks import BackgroundTasks

_log = logging.getLogger(__name__)

DELIVERY_SECONDS = 15.0
"""How long one delivery may take: what SNS waits for an endpoint
(https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html)."""

MAX_AT_ONCE = 16
MAX_PENDING = 1000
"""Deliveries that wait for their turn. More are dropped, so that a receiver that does not answer fills no memory."""

_MAX_NAMES = 1000
"""Receivers of which is known that a failure has been logged."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request. ``sender`` is the service, for the log; the rest may hold secrets and is not logged."""

    sender: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class DeliveryRefused(PodroleError):
    """The delivery may not be sent to that receiver."""

    code = "delivery-refused"


class Deliveries:
    """The deliveries under way. All but ``note_failure`` belongs to the event loop's thread."""

    def __init__(self, *, anywhere: bool = False) -> None:
        """``anywhere`` allows every host as a receiver; otherwise only loopback is."""
        self._anywhere = anywhere
        self._tasks = BackgroundTasks("the deliveries of the services")
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._pending = 0
        self._logged: OrderedDict[tuple[str, str], None] = OrderedDict()

    def start(self, delivery: Delivery) -> None:
        """Send a request in the background."""
        if self._pending >= MAX_PENDING:
            self.note_failure(delivery.sender, receiver_of(delivery.url), f"{MAX_PENDING} deliveries are waiting")
            return
        self._pending += 1
        self._tasks.run("a delivery", self._deliver(delivery))

    def note_failure(self, sender: str, receiver: str, why: str) -> None:
        """Log that something was not delivered, once for each receiver. Any thread may call it."""
        key = (sender, receiver)
        if key in self._logged:
            return
        self._logged[key] = None
        if len(self._logged) > _MAX_NAMES:
            self._logged.popitem(last=False)
        _log.warning("%s could not deliver to %s: %s. Further failures are not logged.", sender, receiver, why)

    async def aclose(self) -> None:
        """Give up every delivery that is under way."""
        await self._tasks.aclose()

    async def _deliver(self, delivery: Delivery) -> None:
        why = ""
        try:
            async with self._turns, asyncio.timeout(DELIVERY_SECONDS):
                status = await self._send(delivery)
            if status >= 300:
                why = f"it answered {status}"
        except TimeoutError:
            why = f"it took longer than {DELIVERY_SECONDS:.0f} seconds"
        except DeliveryRefused as refused:
            why = f"{refused.what} {refused.next_step}"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as problem:
            why = type(problem).__name__  # its message may repeat the address
        finally:
            self._pending -= 1
        if why:
            self.note_failure(delivery.sender, receiver_of(delivery.url), why.removesuffix("."))

    async def _send(self, delivery: Delivery) -> int:
        url = httpx2.URL(delivery.url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("the address is not an HTTP URL")
        address = await self._address(url.host, url.port or (443 if url.scheme == "https" else 80))
        headers = {**delivery.headers, "host": url.netloc.decode("ascii")}
        # Connect to the address that was checked: a name that is looked up twice could lead elsewhere.
        async with (
            async_client(no_tls() if url.scheme == "http" else True, timeout=DELIVERY_SECONDS) as client,
            client.stream(
                delivery.method,
                url.copy_with(host=address),
                headers=headers,
                content=delivery.body,
                extensions={"sni_hostname": url.host},
            ) as answer,
        ):
            return int(answer.status_code)  # nothing reads the answer's body

    async def _address(self, host: str, port: int) -> str:
        """Return the address to connect to. Raises DeliveryRefused."""
        entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in entries]
        allowed = addresses if self._anywhere else [address for address in addresses if is_loopback(address)]
        if not allowed:
            raise DeliveryRefused(
                "The services deliver to loopback only.",
                next_step="Start with --deliver-anywhere to allow other hosts.",
            )
        return allowed[0]


def is_loopback(address: str) -> bool:
    """Return whether an IP address is one of this machine alone."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def receiver_of(url: str) -> str:
    """Return scheme, host and port of a URL, without what may be a secret in it."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return "an address that is not a URL"
    port = f":{parsed.port}" if parsed.port is not None else ""
    return f"{parsed.scheme}://{parsed.host}{port}"
