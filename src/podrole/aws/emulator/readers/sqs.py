"""SQS's queues."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text
from podrole.aws.interfaces import Encryption


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("sqs", arn.account, arn.region)
    queue = stored.queues.get(arn.resource) if stored is not None else None
    if queue is None:
        return None
    return PolicyHolder(arn.account, f"queue {arn.resource}", document_text(queue.policy), queue)


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("sqs", account, region)
    yield from (str(queue.queue_arn) for queue in stored.queues.values()) if stored is not None else ()


def _encryption(arn: ARNParts, _: str) -> Encryption:
    stored = backend("sqs", arn.account, arn.region)
    queue = stored.queues.get(arn.resource) if stored is not None else None
    return Encryption(str(queue.kms_master_key_id or "")) if queue is not None else Encryption()


READER = Reader(encryption=_encryption, policy_holder=_policy_holder, holders=_holders)
