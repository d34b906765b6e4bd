"""Kinesis's streams. Policies of consumers are not judged."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text
from podrole.aws.interfaces import Encryption
from podrole.iam.actions.call import Call


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    kind, _, name = arn.resource.partition("/")
    stored = backend("kinesis", arn.account, arn.region)
    stream = stored.streams.get(name) if stored is not None and kind == "stream" else None
    if stored is None or stream is None:
        return None
    policy = document_text(stored.resource_policies.get(arn.text))
    return PolicyHolder(arn.account, f"stream {name}", policy, stream)


def _forget_policies_of_deleted(account: str, region: str) -> None:
    """Remove the policies of streams that are gone: moto would keep them for later streams of the same names."""
    stored = backend("kinesis", account, region)
    if stored is None:
        return
    for arn in list(stored.resource_policies):
        if arn.rpartition("/")[2] not in stored.streams:
            del stored.resource_policies[arn]


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("kinesis", account, region)
    yield from (str(stream.arn) for stream in stored.streams.values()) if stored is not None else ()


def _of_iterator(call: Call, iterator: str) -> str | None:
    """Return the stream that a shard iterator of moto's reads from."""
    from moto.kinesis.utils import decompose_shard_iterator

    try:
        name = decompose_shard_iterator(iterator)[0]
    except ValueError:
        return None
    stored = backend("kinesis", call.account, call.region)
    stream = stored.streams.get(name) if stored is not None else None
    return str(stream.arn) if stream is not None else None


def _encryption(arn: ARNParts, _: str) -> Encryption:
    stored = backend("kinesis", arn.account, arn.region)
    kind, _slash, name = arn.resource.partition("/")
    stream = stored.streams.get(name) if stored is not None and kind == "stream" else None
    return Encryption(str(stream.key_id or "")) if stream is not None else Encryption()


READER = Reader(
    encryption=_encryption,
    policy_holder=_policy_holder,
    holders=_holders,
    arns={"kinesis:iterator": _of_iterator},
    forget=_forget_policies_of_deleted,
)
