"""A refused signature as S3 answers it.

S3 names the authorization header or the query parameter, says what it expected, and shows the text that it signed
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
"""

from __future__ import annotations

from collections.abc import Callable

from podrole.aws.errors import AWSError
from podrole.aws.signature.faults import Fault, SignatureRefused

_MALFORMED = "The authorization header is malformed; "
_QUERY_INCOMPLETE = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
_IN_CREDENTIAL = "Error parsing the X-Amz-Credential parameter; "
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


def s3_refusal(refused: SignatureRefused) -> AWSError:
    """Return the error that S3 answers."""
    return _BY_FAULT[refused.fault](refused)


def wrong_region(region: str, expected: str, *, presigned: bool) -> AWSError:
    """Return S3's answer to a request signed for another region than its bucket's. SDKs retry in the right one."""
    text = f"the region '{region}' is wrong; expecting '{expected}'"
    members = {"Region": expected}
    if presigned:
        return AWSError("AuthorizationQueryParametersError", 400, _IN_CREDENTIAL + text, members=members)
    return AWSError("AuthorizationHeaderMalformed", 400, _MALFORMED + text, members=members)


def _is_presigned(refused: SignatureRefused) -> bool:
    return bool(refused.evidence.get("presigned"))


def _query_error(message: str) -> AWSError:
    return AWSError("AuthorizationQueryParametersError", 400, message)


def _algorithm(refused: SignatureRefused) -> AWSError:
    if _is_presigned(refused):
        return _query_error('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    return AWSError(
        "InvalidRequest",
        400,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )


def _incomplete(refused: SignatureRefused) -> AWSError:
    if _is_presigned(refused):
        return _query_error(_QUERY_INCOMPLETE)
    return AWSError("AuthorizationHeaderMalformed", 400, _MALFORMED + refused.message)


def _date(refused: SignatureRefused) -> AWSError:
    if _is_presigned(refused):
        return _query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    return AWSError("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header")


def _credential(refused: SignatureRefused) -> AWSError:
    form = 'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    if _is_presigned(refused):
        return _query_error(f"{_IN_CREDENTIAL}the Credential is mal-formed; {form}")
    return AWSError("AuthorizationHeaderMalformed", 400, f"{_MALFORMED}the Credential is mal-formed; {form}")


def _scope(refused: SignatureRefused) -> AWSError:
    evidence = refused.evidence
    got = evidence.get("got", "")
    text = {
        "region": f"the region '{got}' is wrong",
        "service": f'incorrect service "{got}". This endpoint belongs to "{evidence.get("service", "")}".',
        "terminator": f'incorrect terminal "{got}". This endpoint uses "aws4_request".',
        "date": f'Invalid credential date "{got}". This date is not the same as X-Amz-Date: '
        f'"{evidence.get("timestamp", "")[:8]}".',
    }[evidence.get("element", "region")]
    if _is_presigned(refused):
        return _query_error(_IN_CREDENTIAL + text)
    return AWSError("AuthorizationHeaderMalformed", 400, _MALFORMED + text)


def _mismatch(refused: SignatureRefused) -> AWSError:
    # Only S3 shows the text that it signed. It contains neither the key nor the expected signature.
    canonical, to_sign = refused.evidence.get("canonical_request", ""), refused.evidence.get("string_to_sign", "")
    members = {
        "AWSAccessKeyId": refused.evidence.get("key_id", ""),
        "StringToSign": to_sign,
        "StringToSignBytes": _bytes(to_sign),
        "CanonicalRequest": canonical,
        "CanonicalRequestBytes": _bytes(canonical),
    }
    return AWSError(
        "SignatureDoesNotMatch", 403, _MISMATCH, members={name: value for name, value in members.items() if value}
    )


def _skew(refused: SignatureRefused) -> AWSError:
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


def _expired_url(refused: SignatureRefused) -> AWSError:
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


def _bytes(text: str) -> str:
    return text.encode().hex(" ")


_BY_FAULT: dict[Fault, Callable[[SignatureRefused], AWSError]] = {
    Fault.MISSING: lambda _: _query_error(_QUERY_INCOMPLETE),  # a request without any part of a signature is anonymous
    Fault.TWO_SIGNATURES: lambda _: AWSError(
        "InvalidArgument",
        400,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
        "or the Authorization header should be specified",
    ),
    Fault.ALGORITHM: _algorithm,
    Fault.INCOMPLETE: _incomplete,
    Fault.DATE: _date,
    Fault.MISMATCH: _mismatch,
    Fault.EXPIRED_SIGNATURE: _skew,
    Fault.NOT_YET_CURRENT: _skew,
    Fault.EXPIRES: lambda refused: _query_error(refused.message),
    Fault.EXPIRED_URL: _expired_url,
    Fault.CREDENTIAL: _credential,
    Fault.SCOPE: _scope,
    Fault.UNKNOWN_KEY: lambda refused: AWSError(
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
        members={"AWSAccessKeyId": refused.evidence.get("key_id", "")},
    ),
    Fault.BAD_TOKEN: lambda _: AWSError("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Fault.EXPIRED_TOKEN: lambda _: AWSError("ExpiredToken", 400, "The provided token has expired."),
    Fault.PAYLOAD: lambda refused: AWSError(
        refused.evidence["code"], int(refused.evidence.get("status", "400")), refused.message
    ),
    Fault.UNSIGNED_HEADERS: lambda refused: AWSError(
        "AccessDenied", 403, refused.message, members={"HeadersNotSigned": refused.evidence["headers"]}
    ),
}
