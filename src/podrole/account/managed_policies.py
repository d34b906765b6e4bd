"""AWS's own managed policies, looked up one at a time in a compressed extract (scripts/managed_policies.py).

They are the same in every account and nobody can change them.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec

from podrole.base.short_texts import cached_for_short_texts

_ARN = re.compile(r"arn:(?P<partition>aws[a-z0-9-]*):iam::aws:policy(?P<path>/(?:[^/]+/)*)(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """An AWS managed policy without its document. Times are epoch seconds; ``version`` is its default one, ``v12``."""

    arn: str
    name: str
    path: str
    version: str
    created_at: float
    updated_at: float
    block: str

    @property
    def id(self) -> str:
        """A unique id in AWS's form. It is derived from the ARN: AWS's own ids are not in the catalogue."""
        return "ANPA" + base64.b32encode(hashlib.sha256(self.arn.partition(":iam:")[2].encode()).digest())[:17].decode()

    @property
    def document(self) -> str:
        """The document of the default version. Decompressing its block takes about 2 ms, the first time."""
        return _document(self.block, self.name)


class ManagedPolicies:
    """Every AWS managed policy, in every partition. AWS itself leaves some out in some partitions; podrole does not."""

    def get(self, arn: str) -> ManagedPolicy | None:
        """Return the policy with that ARN."""
        return _find(arn) if ":iam::aws:policy/" in arn else None

    def all(self, partition: str) -> Sequence[ManagedPolicy]:
        """Return every policy, in the order of the names."""
        return [_policy(name, entry, partition) for name, entry in _index().items()]


_Entry = tuple[str, str, str, str, str]


def _policy(name: str, entry: _Entry, partition: str) -> ManagedPolicy:
    path, version, created, updated, block = entry
    arn = f"arn:{partition}:iam::aws:policy{path}{name}"
    return ManagedPolicy(arn, name, path, version, _epoch(created), _epoch(updated), block)


def _epoch(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


@functools.cache
def _index() -> Mapping[str, _Entry]:
    return msgspec.json.decode(_member("index.json"), type=dict[str, _Entry])


@cached_for_short_texts(512)
def _find(arn: str) -> ManagedPolicy | None:
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    entry = _index().get(match["name"])
    return _policy(match["name"], entry, match["partition"]) if entry and entry[0] == match["path"] else None


# Decisions ask for the documents of what is attached again and again; a list of policies asks for none.
@functools.lru_cache(maxsize=512)
def _document(block: str, name: str) -> str:
    return msgspec.json.encode(_documents(block)[name]).decode()


@functools.lru_cache(maxsize=2)
def _documents(block: str) -> Mapping[str, Any]:
    return msgspec.json.decode(_member(block), type=dict[str, Any])


def _member(name: str) -> bytes:
    archive = resources.files("podrole.account").joinpath("data/aws-managed-policies.zip").read_bytes()
    return zipfile.ZipFile(io.BytesIO(archive)).read(name)
