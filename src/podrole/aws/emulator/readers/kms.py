"""KMS's keys, by id, alias or what they encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text, place_of
from podrole.iam.actions.call import Call, Keys, Values
from podrole.iam.unknown import UnknownKeys


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("kms", arn.account, arn.region)
    name = arn.resource.removeprefix("key/")
    key = stored.keys.get(name) if stored is not None else None
    return None if key is None else PolicyHolder(arn.account, f"key {name}", document_text(key.policy), key)


def _facts(arn: ARNParts, _: Call) -> Keys:
    stored = backend("kms", arn.account, arn.region)
    key = stored.keys.get(arn.resource.removeprefix("key/")) if stored is not None else None
    if key is None:
        return {}
    facts: dict[str, Values] = {
        "kms:KeyOrigin": str(key.origin or "AWS_KMS"),
        "kms:KeySpec": str(key.key_spec),
        "kms:KeyUsage": str(key.key_usage or "ENCRYPT_DECRYPT"),
        "kms:MultiRegion": "true" if key.multi_region else "false",
    }
    return facts | ({"kms:ResourceAliases": [str(alias) for alias in key.aliases]} if key.aliases else {})


def _key(call: Call, name: str) -> str | None:
    account, region = place_of(call, name)
    stored = backend("kms", account, region)
    if stored is None:
        return None
    short = name.split(":", 5)[-1].removeprefix("key/")
    return next((str(key.arn) for key in stored.keys.values() if key.id == short or short in key.aliases), None)


def _ciphertext(call: Call, blob: str) -> str | None:
    """Return the key that a ciphertext of moto's names; the service itself checks that it is one."""
    from moto.kms.utils import _deserialize_ciphertext_blob

    try:
        key_id = _deserialize_ciphertext_blob(ciphertext_blob=bytes.fromhex(blob)).key_id
    except Exception:  # noqa: BLE001 - any client's bytes; what cannot be read names no key
        return None
    return _key(call, key_id)


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("kms", account, region)
    yield from (str(key.arn) for key in stored.keys.values()) if stored is not None else ()


READER = Reader(
    policy_holder=_policy_holder,
    holders=_holders,
    arns={"kms:ciphertext": _ciphertext, "kms:key": _key},
    facts=_facts,
    described={
        "key": UnknownKeys(("kms:KeyOrigin", "kms:KeySpec", "kms:KeyUsage", "kms:MultiRegion", "kms:ResourceAliases"))
    },
)
