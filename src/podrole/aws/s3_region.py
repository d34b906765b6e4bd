"""S3 answers a bucket's requests in the bucket's region alone.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (AuthorizationHeaderMalformed). SDKs read the right
region from the answer and ask again.
"""

from __future__ import annotations

import sys

from podrole.aws.receive import ServiceRequest
from podrole.aws.s3_refusals import wrong_region
from podrole.aws.sigv4 import Signature

_ANYWHERE = frozenset({"CreateBucket"})
_EVERY_BUCKET = "us-east-1"


def require_region(call: ServiceRequest, signature: Signature) -> None:
    """Raise AWSError where the request is signed for another region than its bucket's; no bucket, no question."""
    bucket = call.path_parameters.get("Bucket")
    if bucket is None or call.operation in _ANYWHERE:
        return
    if call.operation == "GetBucketLocation" and signature.region == _EVERY_BUCKET:
        return  # it is how clients find out
    expected = _region_of(bucket)
    if expected is not None and expected != signature.region:
        raise wrong_region(signature.region, expected, presigned=signature.presigned)


def _region_of(bucket: str) -> str | None:
    """Return the region of a bucket of moto's, None where there is none. Does not import moto: then there is none."""
    models = sys.modules.get("moto.s3.models")
    if models is None:
        return None
    owner = models.s3_backends.bucket_accounts.get(bucket)
    if owner is None:
        return None
    partition, account = owner
    found = models.s3_backends[account][partition].buckets.get(bucket)
    return None if found is None else str(found.region_name)
