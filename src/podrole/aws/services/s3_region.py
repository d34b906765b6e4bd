"""S3 answers a bucket's requests in the bucket's region alone.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (AuthorizationHeaderMalformed). SDKs read the right
region from the answer and ask again.
"""

from __future__ import annotations

from podrole.aws.emulator.resolver import bucket_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.signature.s3_refusals import wrong_region
from podrole.aws.signature.sigv4 import is_signed

_ANYWHERE = frozenset({"CreateBucket"})
_EVERY_BUCKET = "us-east-1"


def require_region(call: IdentifiedCall) -> None:
    """Raise AWSError for an authenticated request that is signed for another region than the region of its bucket.

    Anonymous requests name no region. A bucket that does not exist is refused later, by the service.
    """
    name = call.path_parameters.get("Bucket")
    if call.service.signing != "s3" or name is None or call.operation in _ANYWHERE or not is_signed(call.http):
        return
    if call.operation == "GetBucketLocation" and call.region == _EVERY_BUCKET:
        return  # it is how clients find out
    bucket = bucket_of(name)
    if bucket is not None and bucket.region_name != call.region:
        presigned = "authorization" not in call.http.header
        raise wrong_region(call.region, str(bucket.region_name), presigned=presigned)
