"""What is special about Glue: one resource policy for the whole Data Catalog of an account and region.

https://docs.aws.amazon.com/glue/latest/dg/security_iam_service-with-iam.html#security_iam_service-with-iam-resource-based-policies
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Document, ServiceRules, Storing, error, parameter, unjudged
from podrole.base.partitions import partition_of
from podrole.iam.errors import PolicyError


def _catalog_policy(storing: Storing) -> Document | None:
    region = storing.call.region
    catalog = f"arn:{partition_of(region)}:glue:{region}:{storing.account}:catalog"
    if storing.given.get("ResourceArn") not in (None, "", catalog):
        raise unjudged(storing.call, "the policy of anything but the Data Catalog")
    document = parameter("PolicyInJson")(storing)
    return None if document is None else document._replace(resource=catalog)


def _fault(fault: PolicyError) -> AWSError:
    return error("InvalidInputException", f"Invalid policy document: {fault.message}", fault)


RULES = ServiceRules("glue", documents={"PutResourcePolicy": _catalog_policy}, fault=_fault)
