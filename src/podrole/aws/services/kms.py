"""What is special about KMS: a key has a policy from its creation on."""

from __future__ import annotations

import json

from msgspec.structs import replace

from podrole.aws.errors import AWSError
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.rules import Document, Resolving, ServiceRules, Storing, parameter


def _new_key(storing: Storing) -> Document | None:
    document = parameter("Policy")(storing)
    return None if document is None else document._replace(resource=_key_arn)


def _key_arn(answer: HTTPResponse) -> str:
    return str(json.loads(answer.body)["KeyMetadata"]["Arn"])


def _resolve(resolving: Resolving) -> None:
    """Name the only policy that a key has. Refuse a key that did not encrypt the ciphertext: moto decrypts with the one
    that did, whatever is named
    (https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html, IncorrectKeyException)."""
    if resolving.call.operation in ("GetKeyPolicy", "PutKeyPolicy"):
        resolving.given.setdefault("PolicyName", "default")  # moto requires it
    member = _NAMED_KEY.get(resolving.call.operation, "")
    key, blob = resolving.given.get(member), resolving.given.get("CiphertextBlob")
    if not isinstance(key, str) or not isinstance(blob, bytes):
        return
    asked, facts = resolving.asked, resolving.facts
    named = facts.arn_of(asked, "kms:key", key)
    if named is None:
        return  # the key is unknown: the service refuses it
    encrypted_with = facts.arn_of(replace(asked, account=named.split(":")[4]), "kms:ciphertext", blob.hex())
    if encrypted_with not in (None, named):
        raise AWSError(
            "IncorrectKeyException",
            400,
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )


_NAMED_KEY = {"Decrypt": "KeyId", "ReEncrypt": "SourceKeyId"}
"""The member that names the key of the ciphertext."""

RULES = ServiceRules(
    "kms",
    resolve=_resolve,
    documents={"CreateKey": _new_key, "PutKeyPolicy": parameter("Policy")},
    not_judged={"ReplicateKey": ("Policy",)},
)
