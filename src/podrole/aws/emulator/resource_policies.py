"""The policies that hang on resources, read from moto at the moment of the question, and who owns the resource."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from podrole.aws.emulator.backends import backend, steadily
from podrole.aws.emulator.resolver import bucket_of
from podrole.iam.directory import PolicyText

_Arn = tuple[str, str, str, str, str]
"""Partition, service, region, account, resource."""


class Owned(NamedTuple):
    """A resource: the account that owns it, empty where that is not known, and its policy, if it has one.

    ``closed`` says that S3's Block Public Access lets a public policy grant only to the owner's account and to
    services.
    """

    account: str = ""
    policy: PolicyText | None = None
    closed: bool = False


def owned(arn: str) -> Owned:
    """Return who owns the resource of that ARN, and its policy."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return Owned()
    partition, service, region, account, resource = parts[1:]
    read = _READERS.get(service)
    if read is None:
        return Owned(account)
    return steadily(lambda: read((partition, service, region, account, resource)))


def _bucket(arn: _Arn) -> Owned:
    name = arn[4].partition("/")[0]
    bucket = bucket_of(name)
    if bucket is None:
        return Owned(arn[3])
    policy = PolicyText(f"the policy of bucket {name}", _text(bucket.policy)) if bucket.policy else None
    block = bucket.public_access_block
    return Owned(str(bucket.account_id), policy, bool(block is not None and block.restrict_public_buckets))


def _queue(arn: _Arn) -> Owned:
    found = backend("sqs", arn[3], arn[2])
    queue = found.queues.get(arn[4]) if found is not None else None
    text = queue.policy if queue is not None else None
    return Owned(arn[3], PolicyText(f"the policy of queue {arn[4]}", text) if text else None)


def _topic(arn: _Arn) -> Owned:
    found = backend("sns", arn[3], arn[2])
    topic = found.topics.get(":".join(("arn", *arn))) if found is not None else None
    return Owned(arn[3], PolicyText(f"the policy of topic {arn[4]}", topic.policy) if topic is not None else None)


def _key(arn: _Arn) -> Owned:
    found = backend("kms", arn[3], arn[2])
    name = arn[4].removeprefix("key/")
    key = found.keys.get(name) if found is not None else None
    return Owned(arn[3], PolicyText(f"the policy of key {name}", _text(key.policy)) if key is not None else None)


def _secret(arn: _Arn) -> Owned:
    found = backend("secretsmanager", arn[3], arn[2])
    secret = found.secrets.get(":".join(("arn", *arn))) if found is not None else None
    text = getattr(secret, "policy", None)
    return Owned(
        arn[3], PolicyText(f"the policy of secret {secret.name}", text) if secret is not None and text else None
    )


def _function(arn: _Arn) -> Owned:
    kind, _, rest = arn[4].partition(":")
    name, _, qualifier = rest.partition(":")
    found = backend("lambda", arn[3], arn[2])
    if kind != "function" or found is None:
        return Owned(arn[3])
    entry = found._lambdas._functions.get(name)
    function = _version(entry, qualifier) if entry is not None else None
    found_there = list(function.policy.statements) if function is not None else []
    statements = [one | {"Principal": function_principal(one.get("Principal"))} for one in found_there]
    if not statements:
        return Owned(arn[3])
    document = json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements})
    return Owned(arn[3], PolicyText(f"the policy of function {name}", document))


def function_principal(given: Any) -> Any:
    """Return the Principal element that AddPermission's parameter stands for."""
    if not isinstance(given, str) or given == "*":
        return given
    return {"Service" if "." in given.rpartition(":")[2] and not given.startswith("arn:") else "AWS": given}


def _version(entry: Any, qualifier: str) -> Any | None:
    if qualifier and qualifier.isdigit():
        return next((one for one in entry["versions"] if str(one.version) == qualifier), None)
    return entry["latest"]


def _repository(arn: _Arn) -> Owned:
    found = backend("ecr", arn[3], arn[2])
    name = arn[4].removeprefix("repository/")
    repository = found.repositories.get(name) if found is not None else None
    text = repository.policy if repository is not None else None
    return Owned(arn[3], PolicyText(f"the policy of repository {name}", text) if text else None)


def _text(document: Any) -> str:
    return document.decode() if isinstance(document, bytes) else str(document)


_READERS: dict[str, Callable[[_Arn], Owned]] = {
    "ecr": _repository,
    "kms": _key,
    "lambda": _function,
    "s3": _bucket,
    "secretsmanager": _secret,
    "sns": _topic,
    "sqs": _queue,
}
