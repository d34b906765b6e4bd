"""A call as podrole.iam takes it, and when, from where and how it came."""

from __future__ import annotations

from podrole.aws.caller import Caller
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import operation_of, parameters, scalar_members
from podrole.aws.signature.parsing import epoch_of
from podrole.base.partitions import partition_of
from podrole.iam.actions.call import Call
from podrole.iam.actions.reference import prefix_of
from podrole.iam.principal import PrincipalType
from podrole.sts.circumstances import Circumstances


def iam_call(call: IdentifiedCall, caller: Caller) -> Call:
    """Return the call as podrole.iam.actions takes it."""
    service = call.service
    call_input = parameters(call)
    method, path = "POST", "/"
    if service.signing == "apigateway":
        operation = operation_of(call)
        method = operation.http["method"]
        path = operation.http["requestUri"].partition("?")[0]
        for name, value in call.path_parameters.items():
            path = path.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
    principal = caller.principal
    return Call(
        service.name,
        prefix_of(service.name, service.signing),
        call.operation,
        call_input,
        principal.account,
        call.region,
        partition_of(call.region),
        method,
        path,
        principal.arn if principal.type is PrincipalType.USER else "",
        call.http.scheme == "https",
        scalar_members(call),
    )


def circumstances(call: IdentifiedCall) -> Circumstances:
    """Return when, from where and how the call came."""
    return Circumstances(
        now=call.received_at,
        source_ip=call.http.client,
        region=call.region,
        secure_transport=call.http.scheme == "https",
        user_agent=call.http.header.get("user-agent", ""),
        referer=call.http.header.get("referer", ""),
    )


def s3_connection(call: IdentifiedCall) -> dict[str, str | list[str]]:
    """Return the keys that say how a request to S3 was signed
    (https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html)."""
    in_header = "authorization" in call.http.header
    in_query = any(name == "X-Amz-Signature" for name, _ in call.http.query_pairs)
    if not (in_header or in_query):
        return {}
    keys: dict[str, str | list[str]] = {
        "s3:authType": "REST-HEADER" if in_header else "REST-QUERY-STRING",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
    }
    written = call.http.header.get("x-amz-date")
    signed_at = epoch_of(dict(call.http.query_pairs).get("X-Amz-Date", "") if written is None else written)
    if signed_at is not None:
        keys["s3:signatureAge"] = str(max(0, int((call.received_at - signed_at) * 1000)))
    if "x-amz-content-sha256" in call.http.header:
        keys["s3:x-amz-content-sha256"] = call.http.header["x-amz-content-sha256"]
    return keys
