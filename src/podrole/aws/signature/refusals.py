"""A refused signature as each service answers it.

Query services (STS, IAM) name each fault; EC2 and the JSON services distinguish fewer; S3 has its own errors
(``podrole.aws.signature.s3_refusals``). Codes, statuses and texts are those observed on AWS; docs/fidelity.md says
which are confirmed.
"""

from __future__ import annotations

from podrole.aws.errors import AWSError
from podrole.aws.protocol.catalogue import Service
from podrole.aws.signature.faults import Fault, SignatureRefused
from podrole.aws.signature.s3_refusals import s3_refusal

_EC2_DENIED = "AWS was not able to validate the provided access credentials"
_TOKEN_INVALID = "The security token included in the request is invalid"  # noqa: S105 - a message
_TOKEN_EXPIRED = "The security token included in the request is expired"  # noqa: S105 - a message
_INCOMPLETE = (Fault.INCOMPLETE, Fault.DATE, Fault.CREDENTIAL)
_TOO_LATE = (Fault.EXPIRED_TOKEN, Fault.EXPIRED_SIGNATURE, Fault.EXPIRED_URL)


def refusal(refused: SignatureRefused, service: Service, protocol: str) -> AWSError:
    """Return the error that ``service`` answers, with the reason for the event log."""
    if service.name == "s3":
        error = s3_refusal(refused)
    elif protocol == "ec2":
        error = _ec2(refused)
    elif protocol in ("json", "smithy-rpc-v2-cbor"):
        error = _json(refused, 400)
    elif protocol == "rest-json":
        error = _json(refused, 403)
    else:
        error = _query(refused)
    error.why = refused.message or "The request is signed in the header and in the query string at once."
    error.explanation = {"fault": refused.fault.value}
    return error


def _query(refused: SignatureRefused) -> AWSError:
    fault = refused.fault
    if fault is Fault.MISSING or (fault is Fault.ALGORITHM and "presigned" in refused.evidence):
        return AWSError("MissingAuthenticationToken", 403, refused.message)
    if fault is Fault.ALGORITHM or fault in _INCOMPLETE:
        return AWSError("IncompleteSignature", 400, refused.message)
    if fault is Fault.BAD_TOKEN:
        return AWSError("InvalidClientTokenId", 403, _TOKEN_INVALID)
    if fault is Fault.UNKNOWN_KEY:
        return AWSError("InvalidClientTokenId", 403, _TOKEN_INVALID + ".")
    if fault is Fault.EXPIRED_TOKEN:
        return AWSError("ExpiredToken", 403, _TOKEN_EXPIRED)
    return AWSError("SignatureDoesNotMatch", 403, refused.message)


def _ec2(refused: SignatureRefused) -> AWSError:
    if refused.fault in _TOO_LATE:
        return AWSError("RequestExpired", 400, "Request has expired.")
    return AWSError("AuthFailure", 401, _EC2_DENIED)


def _json(refused: SignatureRefused, status: int) -> AWSError:
    fault = refused.fault
    if fault is Fault.MISSING or (fault is Fault.ALGORITHM and "presigned" in refused.evidence):
        return AWSError("MissingAuthenticationTokenException", status, "Missing Authentication Token")
    if fault is Fault.ALGORITHM or fault in _INCOMPLETE:
        return AWSError("IncompleteSignatureException", status, refused.message)
    if fault in (Fault.BAD_TOKEN, Fault.UNKNOWN_KEY):
        return AWSError("UnrecognizedClientException", status, _TOKEN_INVALID + ".")
    if fault is Fault.EXPIRED_TOKEN:
        return AWSError("ExpiredTokenException", status, _TOKEN_EXPIRED)
    return AWSError("InvalidSignatureException", status, refused.message)
