"""Calls through boto3 that are noted, and whose answers are compared with the API's model, in both directions."""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import hmac
import json
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from podrole.aws.operations import iam
from podrole.aws.protocol.wire import HTTPResponse
from support.keys import rsa_key

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape


class Calls:
    """A boto3 client whose operations are called by their names in the model. ``done`` are those that succeeded."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.model: Any = client.meta.service_model
        self.done: set[str] = set()
        if self.model.protocol in ("json", "rest-json"):
            client.meta.events.register("before-parse", _check_body)

    def __call__(self, name: str, /, **given: Any) -> dict[str, Any]:
        """Call an operation and check its answer."""
        answer: dict[str, Any] = getattr(self.client, xform_name(name))(**given)
        shape = self.model.operation_model(name).output_shape
        found = [*missing(answer, shape, name)] if shape is not None else []
        assert not found, found
        self.done.add(name)
        return answer

    def names(self) -> set[str]:
        """Return every operation of the model."""
        return set(self.model.operation_names)

    def minimal(self, name: str) -> dict[str, Any]:
        """Return the least input that an operation's model takes."""
        shape = self.model.operation_model(name).input_shape
        return _least(shape) if shape is not None else {}


def missing(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Yield the required members that an answer lacks."""
    if shape.type_name == "structure":
        yield from (f"{path}.{name}" for name in shape.required_members if name not in value)
        for name, member in shape.members.items():
            if name in value:
                yield from missing(value[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from missing(item, shape.member, f"{path}[]")


def unknown(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Yield the members of an output that its model does not know."""
    if shape.type_name == "structure":
        for name, item in value.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            elif item is not None:
                yield from unknown(item, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from unknown(item, shape.member, f"{path}[]")


@contextlib.contextmanager
def known_members_only() -> Iterator[None]:
    """Have every output checked before it is written: a member that the model does not know would be lost silently."""
    query = iam.query_answer

    def checked(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> HTTPResponse:
        shape = operation.output_shape
        found = list(unknown(output, shape, operation.name)) if shape is not None else list(output)
        assert not found, found
        return query(operation, output, request_id)

    iam.query_answer = checked
    try:
        yield
    finally:
        iam.query_answer = query


def _check_body(operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any) -> None:
    if response_dict["status_code"] < 300 and response_dict["body"]:
        shape, output = operation_model.output_shape, json.loads(response_dict["body"])
        found = list(unknown(output, shape, operation_model.name)) if shape is not None else list(output)
        assert not found, found


def _least(shape: Shape) -> Any:
    match shape.type_name:
        case "structure":
            return {name: _least(shape.members[name]) for name in shape.required_members}
        case "list":
            return [_least(shape.member)] * shape.metadata.get("min", 0)
        case "map":
            return {}
        case "string":
            values = shape.metadata.get("enum")
            return values[0] if values else "x" * max(shape.metadata.get("min", 1), 1)
        case "boolean":
            return True
        case "blob":
            return b"x"
        case _:
            return shape.metadata.get("min", 1)


@functools.cache
def key_and_certificate(number: int = 0) -> tuple[str, str, str]:
    """Return an RSA key, its certificate and its public key for SSH, as PEM and OpenSSH text, of each number."""
    key, name = rsa_key(number).private_key, "example.com"
    assert isinstance(key, rsa.RSAPrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return key.private_bytes(*form).decode(), pem, public.decode()


def mfa_codes(seed: str, now: float) -> dict[str, str]:
    """Return two codes in a row of a virtual MFA device (RFC 6238)."""
    codes = []
    for step in (int(now) // 30 - 1, int(now) // 30):
        digest = hmac.digest(base64.b32decode(seed), struct.pack(">Q", step), "sha1")
        start = digest[-1] & 15
        codes.append(f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}")
    return {"AuthenticationCode1": codes[0], "AuthenticationCode2": codes[1]}
