"""The second station: who sent the request, proved by its signature.

The order of the checks is AWS's (podrole.aws.signature.sigv4): the signature's form, its time, its scope, the key and
the session token, and last the signature itself. Only operations that AWS serves unsigned, and anonymous requests to
S3, pass without a signature. Their caller is anonymous: authorization allows it only what a resource policy grants to
everyone.
"""

from __future__ import annotations

import functools
import re

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import ANONYMOUS, Caller, caller_of_session, caller_of_user
from podrole.aws.foreign_keys import explain_foreign_key
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.catalogue import model
from podrole.aws.protocol.hosts import aws_host
from podrole.aws.signature import chunked, parsing, signed_text, sigv4
from podrole.aws.signature.faults import Fault, SignatureRefused
from podrole.aws.signature.parsing import Signature
from podrole.aws.signature.refusals import refusal
from podrole.base.partitions import REGION_FORM, partition_of
from podrole.base.short_texts import cached_for_short_texts
from podrole.iam.directory import Role, User
from podrole.sts.credentials import Vault
from podrole.sts.session import Session, SessionKind

_REGION = re.compile(REGION_FORM + "|aws-global|global")
_SIGNED_ELSEWHERE = frozenset({"sustainability"})
"""Services whose requests are signed for another region than the one in the name."""
_TEMPORARY = "ASIA"


def authenticate(
    call: IdentifiedCall, directory: IdentityDirectory, vault: Vault, now: float, *, signed_now: float
) -> Caller:
    """Return the caller that the signature proves. Raises AWSError, in the form of the called service.

    A body in S3's chunks is verified chunk by chunk, and the call gets their content as its body. The call's region is
    set to the region that the signature covers. ``now`` is the time by which a session may have expired, ``signed_now``
    that by which a signature may be too old.

    Hashes the whole body: call it through podrole.aws.protocol.bodies.off_loop.
    """
    if is_unsigned_operation(call):
        return ANONYMOUS  # credentials that came along are ignored
    if call.service.name == "s3" and not parsing.is_signed(call.http):
        _require_no_old_signature(call)
        return ANONYMOUS
    try:
        return _authenticated(call, directory, vault, now, signed_now)
    except SignatureRefused as refused:
        error = refusal(refused, call.service, call.protocol)
        explain_foreign_key(error, refused.fault, refused.evidence.get("key_id", ""))
        raise error from refused


def _require_no_old_signature(call: IdentifiedCall) -> None:
    """Refuse a query that is signed with version 2: it is not anonymous, and podrole does not verify that version."""
    if any(name in ("AWSAccessKeyId", "Signature") for name, _ in call.http.query_pairs):
        raise refusal(
            SignatureRefused(Fault.ALGORITHM, "The request is signed with signature version 2."), call.service, ""
        )


def is_unsigned_operation(call: IdentifiedCall) -> bool:
    """Return whether AWS serves the operation without a signature."""
    return _is_unsigned(call.service.name, call.operation)


@functools.cache
def _is_unsigned(service: str, operation: str) -> bool:
    return bool(model(service).operation_model(operation).auth_type == "none")


def _authenticated(
    call: IdentifiedCall, directory: IdentityDirectory, vault: Vault, now: float, signed_now: float
) -> Caller:
    signature = parsing.parse_signature(call.http)
    is_s3 = call.service.signing == "s3"
    try:
        sigv4.check_time(signature, signed_now, s3=is_s3)
        sigv4.check_scope(
            signature, service=call.service.signing, region_pattern=_regions_at(call.http.header.get("host", ""))
        )
        caller, secret = _principal(signature, directory, vault, now)
        _require_partition(caller, signature)
        sigv4.check_signed_headers(call.http, signature, s3=is_s3)
        payload = _payload_hash(call, signature, is_s3=is_s3)
        sigv4.check_signature(call.http, signature, secret, payload, s3=is_s3)
        if is_s3:
            call.http = chunked.decode(call.http, signature, secret)
    except SignatureRefused as refused:
        refused.evidence.setdefault("key_id", signature.key_id)
        refused.evidence.setdefault("timestamp", signature.timestamp)
        if signature.presigned:
            refused.evidence["presigned"] = "yes"
        raise
    call.region = signature.region
    return caller


@cached_for_short_texts(1024)
def _regions_at(host: str) -> re.Pattern[str]:
    """Return what matches the regions for which a request to a host may be signed: the one in its name, if it is
    AWS's."""
    named = aws_host(host)
    if named is None or not named.region or _SIGNED_ELSEWHERE & {*named.services}:
        return _REGION
    return re.compile(re.escape(named.region))


def _require_partition(caller: Caller, signature: Signature) -> None:
    """Refuse a key of another partition: it is unknown in this one."""
    if caller.principal.arn.split(":")[1] != partition_of(signature.region):
        raise SignatureRefused(Fault.UNKNOWN_KEY, "The security token included in the request is invalid.")


def _principal(signature: Signature, directory: IdentityDirectory, vault: Vault, now: float) -> tuple[Caller, str]:
    """Return the caller that the key id belongs to, and the secret that the request must be signed with."""
    if signature.session_token is not None:
        return _session_principal(signature, signature.session_token, directory, vault, now)
    key = None if signature.key_id.startswith(_TEMPORARY) else directory.access_key(signature.key_id)
    if key is None or not key.active:
        raise SignatureRefused(Fault.UNKNOWN_KEY, "The security token included in the request is invalid.")
    return caller_of_user(key.user, key.id), key.secret


def _session_principal(
    signature: Signature, token: str, directory: IdentityDirectory, vault: Vault, now: float
) -> tuple[Caller, str]:
    session = vault.open(signature.key_id, token)
    if session is None:
        raise SignatureRefused(Fault.BAD_TOKEN, "The security token included in the request is invalid")
    if now >= session.expires_at:
        raise SignatureRefused(Fault.EXPIRED_TOKEN, "The security token included in the request is expired")
    entity = _entity(session, directory)
    if entity is None:
        # The role or user has been deleted. A new one of the same name has another id.
        raise SignatureRefused(Fault.BAD_TOKEN, "The security token included in the request is invalid")
    return caller_of_session(session, entity, signature.key_id), vault.secret_of(signature.key_id)


def _entity(session: Session, directory: IdentityDirectory) -> Role | User | None:
    if session.kind is SessionKind.ASSUMED_ROLE:
        return directory.role_by_id(session.account, session.principal_id, session.partition)
    return directory.user_by_id(session.account, session.principal_id, session.partition)


def _payload_hash(call: IdentifiedCall, signature: Signature, *, is_s3: bool) -> str:
    """Return what stands for the body in the signed text. Raises SignatureRefused if it does not fit the body."""
    stated = call.http.header.get("x-amz-content-sha256")
    if is_s3:
        return chunked.s3_payload_hash(call.http, signature, stated)
    actual = signed_text.body_hash(call.http.body)
    if stated == signed_text.UNSIGNED_PAYLOAD and _may_be_unsigned(call):
        return signed_text.UNSIGNED_PAYLOAD
    return actual


def _may_be_unsigned(call: IdentifiedCall) -> bool:
    return bool(model(call.service.name).operation_model(call.operation).auth_type == "v4-unsigned-body")
