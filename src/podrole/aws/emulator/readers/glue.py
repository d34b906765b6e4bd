"""Glue's Data Catalog, whose one policy covers everything in it."""

from __future__ import annotations

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("glue", arn.account, arn.region)
    if stored is None:
        return None
    policy = stored.resource_policies.get(arn._replace(resource="catalog").text, {})
    return PolicyHolder(arn.account, "the Data Catalog", document_text(policy.get("PolicyInJson")), stored)


READER = Reader(policy_holder=_policy_holder)
