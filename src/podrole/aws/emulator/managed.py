"""AWS managed policies. moto ships all of them as one JSON text; podrole decodes a policy when it is first used.

Decoding all policies for an account costs tens of megabytes; finding one policy's name in the text, a millisecond.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

_ARN = re.compile(r"arn:(?P<partition>aws[a-z0-9-]*):iam::aws:policy/(?P<path>.*)")
_DECODER = json.JSONDecoder()


@functools.lru_cache(maxsize=256)
def managed_policy_data(path_and_name: str) -> dict[str, Any] | None:
    """Return moto's entry of an AWS managed policy (``service-role/AWSLambdaRole``); None if there is none."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    path, _, name = path_and_name.rpartition("/")
    found = re.search(rf"^\s*{re.escape(json.dumps(name))}:\s*(?=\{{)", aws_managed_policies_data, re.MULTILINE)
    if found is None:
        return None
    entry, _ = _DECODER.raw_decode(aws_managed_policies_data, found.end())
    return entry if entry["Path"] == f"/{path}/".replace("//", "/") else None


def managed_document(arn: str) -> str | None:
    """Return the document of the AWS managed policy with that ARN; None if there is no such policy."""
    found = _ARN.fullmatch(arn)
    return _document(found["path"]) if found is not None else None


@functools.lru_cache(maxsize=256)
def _document(path_and_name: str) -> str | None:
    entry = managed_policy_data(path_and_name)
    return json.dumps(entry["Document"]) if entry is not None else None


@contextlib.contextmanager
def whole_catalogue(account: str, partition: str) -> Iterator[None]:
    """Make all AWS managed policies known to moto's IAM of ``account`` for one call: kept, they would cost each account
    megabytes. Runs in moto's thread.

    Other threads read the policies meanwhile. They see one whole table or the other, never one that is being filled.
    """
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy, iam_backends

    backend = iam_backends[account][partition]
    own = backend.managed_policies
    whole = dict(own)
    for name, entry in json.loads(aws_managed_policies_data).items():
        policy = AWSManagedPolicy.from_data(name, account, backend.region_name, entry)
        whole.setdefault(policy.arn, policy)
    backend.managed_policies = whole
    try:
        yield
    finally:
        backend.managed_policies = own


def ensure_managed_policy(account: str, arn: str) -> None:
    """Make an AWS managed policy known to moto's IAM of ``account``, if ``arn`` is one's. Runs in moto's thread."""
    found = _ARN.fullmatch(arn)
    if found is None:
        return
    from moto.iam.models import AWSManagedPolicy, iam_backends

    backend = iam_backends[account][found["partition"]]
    if arn in backend.managed_policies:
        return
    entry = managed_policy_data(found["path"])
    if entry is None:
        return
    name = found["path"].rpartition("/")[2]
    policy = AWSManagedPolicy.from_data(name, account, backend.region_name, entry)
    backend.managed_policies[policy.arn] = policy
