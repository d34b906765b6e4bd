"""What is special about KMS: a key has a policy from its creation on."""

from __future__ import annotations

import json

from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.rules import Document, ServiceRules, Storing, parameter


def _new_key(storing: Storing) -> Document | None:
    document = parameter("Policy")(storing)
    return None if document is None else document._replace(resource=_key_arn)


def _key_arn(answer: HTTPResponse) -> str:
    return str(json.loads(answer.body)["KeyMetadata"]["Arn"])


RULES = ServiceRules(
    "kms",
    documents={"CreateKey": _new_key, "PutKeyPolicy": parameter("Policy")},
    not_judged={"ReplicateKey": ("Policy",)},
)
