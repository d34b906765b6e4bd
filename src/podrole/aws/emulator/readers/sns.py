"""SNS's topics."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text
from podrole.aws.interfaces import Encryption


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("sns", arn.account, arn.region)
    topic = stored.topics.get(arn.text) if stored is not None else None
    if topic is None:
        return None
    return PolicyHolder(arn.account, f"topic {arn.resource}", document_text(topic.policy), topic)


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("sns", account, region)
    yield from (str(topic) for topic in stored.topics) if stored is not None else ()


def _encryption(arn: ARNParts, _: str) -> Encryption:
    stored = backend("sns", arn.account, arn.region)
    topic = stored.topics.get(arn.text) if stored is not None else None
    return Encryption(str(topic.kms_master_key_id or "")) if topic is not None else Encryption()


READER = Reader(encryption=_encryption, policy_holder=_policy_holder, holders=_holders)
