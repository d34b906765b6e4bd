"""What is special about Glue: one resource policy for the whole Data Catalog of an account and region.

https://docs.aws.amazon.com/glue/latest/dg/security_iam_service-with-iam.html#security_iam_service-with-iam-resource-based-policies
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Document, Resolving, ServiceRules, Storing, error, parameter, unjudged
from podrole.base.partitions import partition_of
from podrole.iam.arn import is_account_id
from podrole.iam.errors import PolicyError


def _catalog_policy(storing: Storing) -> Document | None:
    region = storing.call.region
    catalog = f"arn:{partition_of(region)}:glue:{region}:{storing.account}:catalog"
    if storing.given.get("ResourceArn") not in (None, "", catalog):
        raise unjudged(storing.call, "the policy of anything but the Data Catalog")
    document = parameter("PolicyInJson")(storing)
    return None if document is None else document._replace(resource=catalog)


def _resolve(resolving: Resolving) -> None:
    """Refuse catalogs other than an account's own: moto has no others, and would act on that one."""
    catalog = resolving.given.get("CatalogId")
    if catalog is not None and not is_account_id(str(catalog)):
        raise AWSError(
            "NotImplemented", 501, "podrole's local AWS does not simulate catalogs other than an account's own."
        )


def _fault(fault: PolicyError) -> AWSError:
    return error("InvalidInputException", f"Invalid policy document: {fault.message}", fault)


RULES = ServiceRules("glue", documents={"PutResourcePolicy": _catalog_policy}, fault=_fault, resolve=_resolve)
