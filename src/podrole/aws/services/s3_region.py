"""S3 answers a bucket's requests in the bucket's region alone.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (AuthorizationHeaderMalformed). SDKs read the right
region from the answer and ask again.
"""

from __future__ import annotations

from podrole.aws.emulator.resolver import bucket_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.signature.s3_refusals import wrong_region
from podrole.aws.signature.sigv4 import Signature

_ANYWHERE = frozenset({"CreateBucket"})
_EVERY_BUCKET = "us-east-1"


def require_region(call: IdentifiedCall, signature: Signature) -> None:
    """Raise AWSError where the request is signed for another region than its bucket's; no bucket, no question."""
    name = call.path_parameters.get("Bucket")
    if name is None or call.operation in _ANYWHERE:
        return
    if call.operation == "GetBucketLocation" and signature.region == _EVERY_BUCKET:
        return  # it is how clients find out
    bucket = bucket_of(name)
    if bucket is not None and bucket.region_name != signature.region:
        raise wrong_region(signature.region, str(bucket.region_name), presigned=signature.presigned)
