"""The two documents of the cluster's token issuer, and the small application that publishes them to everyone.

https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from podrole.base.asgi import TEXT, Receive, Scope, Send, send_response
from podrole.cluster.publish.documents import Document
from podrole.oidc.issuer import discovery_document
from podrole.oidc.keys import VerificationKey, jwks

_HEADERS = [(b"cache-control", b"public, max-age=3600")]


class IssuerDocuments:
    """The documents as of now: ``keys`` are asked for each time, and made into a document when they have changed."""

    def __init__(self, issuer: str, keys: Callable[[], Sequence[VerificationKey]]) -> None:
        self._issuer = issuer
        self._keys = keys
        self._for: tuple[str, ...] = ()
        self._documents: tuple[Document, Document] | None = None

    def discovery(self) -> Document:
        """Return the OpenID Provider Metadata."""
        return self._current()[0]

    def keys(self) -> Document:
        """Return the JWK Set."""
        return self._current()[1]

    def _current(self) -> tuple[Document, Document]:
        keys = self._keys()
        ids = tuple(key.kid for key in keys)
        if self._documents is None or ids != self._for:
            metadata = discovery_document(
                self._issuer, f"{self._issuer.rstrip('/')}/keys", [key.algorithm or "RS256" for key in keys]
            )
            published = jwks(keys)
            self._documents = (Document.of(metadata), Document.of(published, "application/jwk-set+json"))
            self._for = ids
        return self._documents

    async def app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Serve the documents below the issuer's own path, to anybody: the ASGI application of the public listener."""
        if scope["type"] != "http":
            return
        base = urlsplit(self._issuer).path.rstrip("/")
        documents = {f"{base}/.well-known/openid-configuration": self.discovery, f"{base}/keys": self.keys}
        make = documents.get(scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            await send_response(scope, send, 405, b"method not allowed\n", [(b"allow", b"GET, HEAD")])
        elif make is None:
            await send_response(scope, send, 404, b"404 page not found\n", [TEXT])
        else:
            document = make()
            headers = [*_HEADERS, (b"content-type", document.content_type.encode())]
            await send_response(scope, send, 200, document.body, headers)
