"""An issuer on loopback, over real TLS, whose answers a test can spoil."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from podrole.base.certificates import Authority, thumbprint
from podrole.base.serving import LOOPBACK
from podrole.oidc.fetch import Fetcher
from podrole.oidc.issuer import discovery_document
from podrole.oidc.keys import SigningKey, jwks

HOST = "oidc.example.com"
ISSUER = f"https://{HOST}/id/ABC"


@dataclass
class FakeIssuer:
    """What it serves is an attribute; what it was asked is counted."""

    authority: Authority
    keys: list[SigningKey]
    port: int = 0
    document: Any = None
    key_set: Any = None
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    delay: asyncio.Event | None = None
    down: bool = False
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    first_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._own_keys = tuple(self.keys)

    def behave(self) -> None:
        """Serve the truth again."""
        if self.delay is not None:
            self.delay.set()
        self.document = self.key_set = self.delay = self.tls = None
        self.down = False
        self.status, self.headers, self.keys = 200, [], list(self._own_keys)
        self.asked.clear()

    @property
    def thumbprints(self) -> list[str]:
        return [thumbprint(self.authority.certificate_pem)]

    def fetcher(self, trust: Callable[[], ssl.SSLContext] | None = None) -> Fetcher:
        """A fetcher that finds this issuer; by default the system vouches for nobody."""
        return Fetcher(
            resolve=lambda _host, _port: self.place(),
            trust=trust or (lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        )

    def place(self) -> tuple[str, int]:
        """Where it listens, or, when it is down, where nothing does."""
        return LOOPBACK, 1 if self.down else self.port

    def choose_certificate(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        """Serve another certificate where a test says so (for ``SSLContext.sni_callback``)."""
        if self.tls is not None:
            connection.context = self.tls

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        self.first_asked.set()
        if self.delay is not None:
            await self.delay.wait()
        if scope["path"].endswith("/.well-known/openid-configuration"):
            answer = self.document or discovery_document(ISSUER, f"{ISSUER}/keys", ["RS256"])
        else:
            answer = self.key_set or jwks([key.verification_key for key in self.keys])
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": body})
