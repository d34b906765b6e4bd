"""What is special about Kinesis: a stream's resource policy. The policy of a consumer is not judged.

https://docs.aws.amazon.com/streams/latest/dev/resource-based-policy-examples.html
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.encryption import uses_of_resources
from podrole.aws.services.rules import Document, ServiceRules, Storing, error, parameter, unjudged
from podrole.iam.errors import PolicyError


def _stream_policy(storing: Storing) -> Document | None:
    arn = str(storing.given.get("ResourceARN"))
    if "/consumer/" in arn:
        raise unjudged(storing.call, "the policy of a consumer")
    if not storing.facts.resource(arn).exists:
        # moto would keep the policy for a later stream of that name.
        raise AWSError("ResourceNotFoundException", 400, f"Stream {arn.rpartition('/')[2]} is not found.")
    document = parameter("Policy")(storing)
    return None if document is None else document._replace(resource=arn)


def _fault(fault: PolicyError) -> AWSError:
    return error("InvalidArgumentException", f"Invalid policy document: {fault.message}", fault)


RULES = ServiceRules(
    "kinesis",
    documents={"PutResourcePolicy": _stream_policy},
    fault=_fault,
    also_needs=uses_of_resources,
    key_denied=("KMSAccessDeniedException", 400),
)
