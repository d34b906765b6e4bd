"""ECR's repositories."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("ecr", arn.account, arn.region)
    name = arn.resource.removeprefix("repository/")
    repository = stored.repositories.get(name) if stored is not None else None
    if repository is None:
        return None
    return PolicyHolder(arn.account, f"repository {name}", document_text(repository.policy), repository)


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("ecr", account, region)
    yield from (str(repository.arn) for repository in stored.repositories.values()) if stored is not None else ()


READER = Reader(policy_holder=_policy_holder, holders=_holders)
