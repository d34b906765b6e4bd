"""The payload of an S3 request: a hash, a keyword in place of a hash, or chunks with a signature each.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html. A chunk's
signature covers the signature of the chunk before it, so no chunk can be left out, changed or moved.
"""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec

from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.signature import signed_text
from podrole.aws.signature.faults import Fault, SignatureRefused
from podrole.aws.signature.parsing import Signature

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_STREAMING = frozenset({SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER})
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_TRAILER = re.compile(rb"([A-Za-z0-9-]+):([^\r\n]*)\r?\n")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
MIN_CHUNK_BYTES = 8_192
"""The smallest size of all chunks but the last (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html)."""
_ENDED_EARLY = "The request body terminated unexpectedly"


def s3_payload_hash(http: HTTPRequest, signature: Signature, stated: str | None) -> str:
    """Return what stands for the body in the canonical request. Raises SignatureRefused if it does not fit the body.

    ``stated`` is the header ``x-amz-content-sha256``, None if it is missing. Does not look into a body in chunks: see
    ``decode``.
    """
    if stated is None and signature.presigned:
        stated = next(
            (value for name, value in http.query_pairs if name == "X-Amz-Content-Sha256"), signed_text.UNSIGNED_PAYLOAD
        )
    if stated is None:
        raise _refused("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if signed_text.claims_hash(stated):
        if stated != signed_text.body_hash(http.body):
            raise _refused(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
    elif (stated not in _STREAMING or signature.presigned) and stated != signed_text.UNSIGNED_PAYLOAD:
        raise _refused(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        )
    return stated


def decode(http: HTTPRequest, signature: Signature, secret: str) -> HTTPRequest:
    """Verify a body in chunks and return the request with their content as its body. Raises SignatureRefused.

    Trailers become headers, but only checksums that ``x-amz-trailer`` announced: no other trailer may change what the
    signed headers say. A request whose body is not in chunks is returned as it is.
    """
    form = http.header.get("x-amz-content-sha256")
    if form not in _STREAMING:
        return http
    length = _decoded_length(http)
    reader = _Reader(http.body)
    signer = _ChunkSigner(signature, secret)
    content = bytearray()
    small = False
    while True:
        size, chunk_signature = reader.head()
        if size and small:
            raise _refused(
                "InvalidChunkSizeError",
                "Only the last chunk is allowed to have a size less than 8192 bytes",
                status="403",
            )
        small = size < MIN_CHUNK_BYTES
        data = reader.take(size)
        if form != UNSIGNED_CHUNKS_TRAILER:
            signer.check(data, chunk_signature)
        if size == 0:
            break
        content += data
        reader.newline()
    trailers = reader.trailers() if form != SIGNED_CHUNKS else {}
    if form == SIGNED_CHUNKS_TRAILER:
        signer.check_trailers(trailers)
    trailers.pop(_TRAILER_SIGNATURE, None)
    reader.newline()
    reader.end()
    _require_announced(http, trailers)
    if length != len(content):
        raise _refused("IncompleteBody", "The request body does not have the length that it states.")
    # The body is plain now, so no header may say that it is in chunks.
    dropped = {"x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "content-encoding"}
    encodings = [
        part.strip()
        for part in http.header.get("content-encoding", "").split(",")
        if part.strip() not in ("", "aws-chunked")
    ]
    headers = [(name, value) for name, value in http.headers if name not in dropped]
    headers += [("content-encoding", ",".join(encodings))] if encodings else []
    headers += trailers.items()
    return msgspec.structs.replace(http, headers=headers, body=bytes(content))


def _decoded_length(http: HTTPRequest) -> int:
    stated = http.header.get("x-amz-decoded-content-length", "")
    if not (stated.isascii() and stated.isdigit() and len(stated) < 16):
        raise _refused("MissingContentLength", "You must provide the Content-Length HTTP header.", status="411")
    return int(stated)


def _require_announced(http: HTTPRequest, trailers: dict[str, str]) -> None:
    announced = {name.strip().lower() for name in http.header.get("x-amz-trailer", "").split(",")}
    for name in trailers:
        if name not in announced or not name.startswith("x-amz-checksum-"):
            raise _refused("MalformedTrailerError", "The request contained trailing data that was not well-formed.")


class _ChunkSigner:
    """Checks the signatures of chunks. Each covers the one before; the first covers the request's own signature."""

    def __init__(self, signature: Signature, secret: str) -> None:
        self._key = signed_text.signing_key(secret, signature.date, signature.region, signature.service)
        self._previous = signature.value
        self._scope = f"{signature.timestamp}\n{signature.scope}"

    def check(self, data: bytes, stated: str | None) -> None:
        hashes = f"{signed_text.body_hash(b'')}\n{signed_text.body_hash(data)}"
        self._check(f"AWS4-HMAC-SHA256-PAYLOAD\n{self._scope}\n{self._previous}\n{hashes}", stated)

    def check_trailers(self, trailers: dict[str, str]) -> None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items() if name != _TRAILER_SIGNATURE)
        text = f"AWS4-HMAC-SHA256-TRAILER\n{self._scope}\n{self._previous}\n{signed_text.body_hash(lines.encode())}"
        self._check(text, trailers.get(_TRAILER_SIGNATURE))

    def _check(self, to_sign: str, stated: str | None) -> None:
        expected = hmac.digest(self._key, to_sign.encode(), hashlib.sha256).hex()
        if stated is None or not hmac.compare_digest(expected, stated):
            raise SignatureRefused(
                Fault.MISMATCH, "The signature of a chunk of the body does not match.", string_to_sign=to_sign
            )
        self._previous = expected


class _Reader:
    """Reads chunks from a whole body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def head(self) -> tuple[int, str | None]:
        match = _CHUNK.match(self._body, self._at)
        if match is None:
            raise _refused("IncompleteBody", _ENDED_EARLY)
        self._at = match.end()
        return int(match[1], 16), match[2].decode() if match[2] else None

    def take(self, size: int) -> bytes:
        data = self._body[self._at : self._at + size]
        if len(data) != size:
            raise _refused("IncompleteBody", _ENDED_EARLY)
        self._at += size
        return data

    def newline(self) -> None:
        if self.take(2) != b"\r\n":
            raise _refused("IncompleteBody", _ENDED_EARLY)

    def trailers(self) -> dict[str, str]:
        trailers: dict[str, str] = {}
        while (line := _TRAILER.match(self._body, self._at)) is not None:
            name = line[1].decode().lower()
            if name in trailers:
                raise _refused("MalformedTrailerError", "The request contained trailing data that was not well-formed.")
            trailers[name] = line[2].decode("latin-1").strip()
            self._at = line.end()
        return trailers

    def end(self) -> None:
        """Refuse bytes after the last chunk: no signature covers them."""
        if self._at != len(self._body):
            raise _refused("IncompleteBody", "The request body goes on after its last chunk.")


def _refused(code: str, message: str, **evidence: str) -> SignatureRefused:
    return SignatureRefused(Fault.PAYLOAD, message, code=code, **evidence)
