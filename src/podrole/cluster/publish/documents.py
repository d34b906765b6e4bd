"""A document that is built once and served many times."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON body with its hash; the ETag is the hash in quotes, as kube-apiserver's."""

    body: bytes
    hash: str
    content_type: str = "application/json"

    @classmethod
    def of(cls, value: Any, content_type: str = "application/json") -> Document:
        """Return the document of a value, as JSON."""
        body = msgspec.json.encode(value)
        return cls(body, hashlib.sha512(body).hexdigest().upper(), content_type)

    @property
    def etag(self) -> str:
        """The ETag header."""
        return f'"{self.hash}"'
