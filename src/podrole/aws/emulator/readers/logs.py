"""CloudWatch Logs: the resource policies of an account and region hold together for all its log groups."""

from __future__ import annotations

import json

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("logs", arn.account, arn.region)
    if stored is None or not arn.resource.startswith(("log-group:", "*")):
        return None
    statements = []
    for policy in stored.resource_policies.values():
        try:
            element = json.loads(policy.policy_document)["Statement"]
        except (ValueError, KeyError, TypeError):  # CloudFormation stores documents unchecked
            return PolicyHolder(arn.account, "log groups", str(policy.policy_document), stored)
        statements += element if isinstance(element, list) else [element]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None
    return PolicyHolder(arn.account, "log groups", document, stored)


READER = Reader(policy_holder=_policy_holder)
