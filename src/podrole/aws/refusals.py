"""A refused signature in each service's own words.

Query services (STS, IAM) name each fault; EC2, the JSON services and S3 have fewer words for them. Codes, statuses and
texts are those seen from AWS; docs/fidelity.md says which are sure.
"""

from __future__ import annotations

from collections.abc import Callable

from podrole.aws.errors import AWSError
from podrole.aws.services import Service
from podrole.aws.sigv4 import Fault, SignatureRefused

_EC2_DENIED = "AWS was not able to validate the provided access credentials"
_TOKEN_INVALID = "The security token included in the request is invalid"  # noqa: S105 - a message
_TOKEN_EXPIRED = "The security token included in the request is expired"  # noqa: S105 - a message


def refusal(refused: SignatureRefused, service: Service | None, protocol: str) -> AWSError:
    """Return the error that ``service`` answers; without a service the query services' words are used."""
    name = service.name if service else ""
    if name == "s3":
        error = _s3(refused)
    elif protocol == "ec2":
        error = _ec2(refused)
    elif protocol in ("json", "smithy-rpc-v2-cbor"):
        error = _json(refused, 400)
    elif protocol == "rest-json":
        error = _json(refused, 403)
    else:
        error = _query(refused)
    error.why = error.why or refused.message or "The request is signed in the header and in the query string at once."
    error.explanation = {"fault": refused.fault.value}
    return error


def _query(refused: SignatureRefused) -> AWSError:
    fault = refused.fault
    if fault is Fault.MISSING:
        return AWSError("MissingAuthenticationToken", 403, refused.message)
    if fault is Fault.INCOMPLETE:
        return AWSError("IncompleteSignature", 400, refused.message)
    if fault is Fault.BAD_TOKEN:
        return AWSError("InvalidClientTokenId", 403, _TOKEN_INVALID)
    if fault is Fault.UNKNOWN_KEY:
        return AWSError("InvalidClientTokenId", 403, _TOKEN_INVALID + ".")
    if fault is Fault.EXPIRED_TOKEN:
        return AWSError("ExpiredToken", 403, _TOKEN_EXPIRED)
    return AWSError("SignatureDoesNotMatch", 403, refused.message)


def _ec2(refused: SignatureRefused) -> AWSError:
    if refused.fault in (Fault.EXPIRED_TOKEN, Fault.EXPIRED_SIGNATURE, Fault.EXPIRED_URL):
        return AWSError("RequestExpired", 400, "Request has expired.", why=refused.message)
    return AWSError("AuthFailure", 401, _EC2_DENIED, why=refused.message)


def _json(refused: SignatureRefused, status: int) -> AWSError:
    fault = refused.fault
    if fault is Fault.MISSING:
        return AWSError("MissingAuthenticationTokenException", status, "Missing Authentication Token")
    if fault is Fault.INCOMPLETE:
        return AWSError("IncompleteSignatureException", status, refused.message)
    if fault in (Fault.BAD_TOKEN, Fault.UNKNOWN_KEY):
        return AWSError("UnrecognizedClientException", status, _TOKEN_INVALID + ".")
    if fault is Fault.EXPIRED_TOKEN:
        return AWSError("ExpiredTokenException", status, _TOKEN_EXPIRED)
    return AWSError("InvalidSignatureException", status, refused.message)


def _s3(refused: SignatureRefused) -> AWSError:
    return _S3.get(refused.fault, _s3_malformed)(refused)


def _s3_malformed(refused: SignatureRefused) -> AWSError:
    if refused.evidence.get("presigned"):
        return AWSError("AuthorizationQueryParametersError", 400, refused.message)
    return AWSError("AuthorizationHeaderMalformed", 400, f"The authorization header is malformed; {refused.message}")


def _s3_mismatch(refused: SignatureRefused) -> AWSError:
    # S3 alone shows what it signed: it holds neither the key nor the expected signature.
    canonical, to_sign = refused.evidence.get("canonical_request", ""), refused.evidence.get("string_to_sign", "")
    return AWSError(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
        members={
            "AWSAccessKeyId": refused.evidence.get("key_id", ""),
            "StringToSign": to_sign,
            "StringToSignBytes": _bytes(to_sign),
            "CanonicalRequest": canonical,
            "CanonicalRequestBytes": _bytes(canonical),
        },
    )


def _s3_skew(refused: SignatureRefused) -> AWSError:
    return AWSError(
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
        members={
            "RequestTime": refused.evidence.get("timestamp", ""),
            "ServerTime": refused.evidence.get("now", ""),
            "MaxAllowedSkewMilliseconds": "900000",
        },
    )


def _s3_expired_url(refused: SignatureRefused) -> AWSError:
    return AWSError(
        "AccessDenied",
        403,
        "Request has expired",
        members={
            "X-Amz-Expires": refused.evidence["expires"],
            "Expires": refused.evidence["expired_at"],
            "ServerTime": refused.evidence["now"],
        },
    )


_S3: dict[Fault, Callable[[SignatureRefused], AWSError]] = {
    Fault.MISSING: lambda _: AWSError("AccessDenied", 403, "Access Denied"),
    Fault.MISMATCH: _s3_mismatch,
    Fault.EXPIRED_SIGNATURE: _s3_skew,
    Fault.NOT_YET_CURRENT: _s3_skew,
    Fault.EXPIRED_URL: _s3_expired_url,
    Fault.UNKNOWN_KEY: lambda refused: AWSError(
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
        members={"AWSAccessKeyId": refused.evidence.get("key_id", "")},
    ),
    Fault.BAD_TOKEN: lambda _: AWSError("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Fault.EXPIRED_TOKEN: lambda _: AWSError("ExpiredToken", 400, "The provided token has expired."),
    Fault.PAYLOAD: lambda refused: AWSError(
        refused.evidence.get("code", "XAmzContentSHA256Mismatch"), 400, refused.message
    ),
    Fault.UNSIGNED_HEADERS: lambda refused: AWSError(
        "AccessDenied",
        403,
        "There were headers present in the request which were not signed",
        members={"HeadersNotSigned": refused.evidence.get("headers", "")},
    ),
}


def _bytes(text: str) -> str:
    return text.encode().hex(" ")
