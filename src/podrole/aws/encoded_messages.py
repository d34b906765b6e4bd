"""EC2's encoded authorization failure messages.

A message is encrypted and authenticated (AES-256-GCM) with a key of the world: a client can neither read nor make one,
and every process of the world can open it. https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.policy import Statement
from podrole.sts.parameters import MAX_ENCODED_MESSAGE

_NONCE_BYTES = 12
_PURPOSE = b"podrole encoded authorization message"


class EncodedMessages:
    """Seals and opens messages. ``secret`` is one of the world's secrets; the key is derived from it."""

    def __init__(self, secret: str, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(_PURPOSE + secret.encode()).digest())
        self._random_bytes = random_bytes

    def seal(self, request: Request, decision: Decision) -> str:
        """Return the message for a refusal, as URL-safe text. Leaves out the conditions if it would be too long."""
        document = message(request, decision)
        sealed = self._seal(document)
        if len(sealed) > MAX_ENCODED_MESSAGE:
            document["context"]["conditions"]["items"] = []
            sealed = self._seal(document)
        return sealed

    def open(self, text: str) -> str | None:
        """Return the JSON text of a message, None if ``text`` is not a message of this world."""
        try:
            data = base64.urlsafe_b64decode(text + "==")
            return zlib.decompress(self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _PURPOSE)).decode()
        except (binascii.Error, InvalidTag, ValueError, zlib.error):
            return None

    def _seal(self, document: Mapping[str, Any]) -> str:
        first, *others = self._random_bytes(_NONCE_BYTES)
        nonce = bytes(
            [first & 0x7F, *others]
        )  # so that no message begins with "-", which a shell command would take for an option
        plain = zlib.compress(json.dumps(document, separators=(",", ":")).encode())
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, _PURPOSE)).decode().rstrip("=")


def message(request: Request, decision: Decision) -> dict[str, Any]:
    """Return the content of a message, in AWS's form."""
    matched = [_statement(decision.statement, request)] if decision.statement is not None else []
    principal = request.principal
    conditions = [
        {"key": key, "values": _items([value] if isinstance(value, str) else value)}
        for key, value in sorted(request.keys.items())
        if not key.startswith("aws:Principal")
    ]
    return {
        "allowed": False,
        "explicitDeny": decision.outcome is Outcome.EXPLICITLY_DENIED,
        "matchedStatements": {"items": matched},
        "failures": {"items": []},
        "context": {
            "principal": {"id": principal.id, "arn": principal.arn},
            "action": request.action,
            "resource": request.resource,
            "conditions": {"items": conditions},
        },
    }


def _statement(statement: Statement, request: Request) -> dict[str, Any]:
    resources = statement.resources.resources if statement.resources is not None else ()
    return {
        "statementId": statement.sid,
        "effect": statement.effect.value.upper(),
        "principals": _items([request.principal.id.partition(":")[0]]),
        "principalGroups": {"items": []},
        "actions": _items(statement.actions.actions),
        "resources": _items(resources),
        "conditions": {
            "items": [
                {"key": condition.key, "operator": condition.operator, "values": _items(condition.values)}
                for condition in statement.conditions
            ]
        },
    }


def _items(values: Sequence[str]) -> dict[str, Any]:
    return {"items": [{"value": value} for value in values]}
