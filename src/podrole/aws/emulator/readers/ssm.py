"""Systems Manager's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, Reader
from podrole.aws.interfaces import Encryption, SecureParameter


def _encryption(arn: ARNParts, version: str) -> Encryption:
    """Return how a version of a parameter is encrypted, by its number or label; a key for a SecureString alone."""
    stored = _stored(arn.account, arn.region)
    name = arn.resource.removeprefix("parameter/")
    versions = dict.get(stored, name) or dict.get(stored, f"/{name}") or []
    wanted = [
        stored_version
        for stored_version in versions
        if version in ("", str(stored_version.version), *stored_version.labels)
    ]
    return Encryption(_key(wanted[-1])) if wanted else Encryption()


def secure_parameters(account: str, region: str) -> Iterator[SecureParameter]:
    """Yield every version of every SecureString."""
    for name, versions in dict.items(_stored(account, region)):
        for version in versions:
            if key := _key(version):
                yield SecureParameter(str(name), key, version is versions[-1])


def _stored(account: str, region: str) -> dict[str, Any]:
    """Return moto's parameters. Read them by dict's own methods: moto's load AWS's public parameters."""
    stored = backend("ssm", account, region)
    return stored._parameters if stored is not None else {}


def _key(version: Any) -> str:
    return str(version.keyid or "") if version.parameter_type == "SecureString" else ""


READER = Reader(encryption=_encryption)
