"""Each check of the authentication station has a case that only this check refuses."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from podrole.account.identities import IdentityDirectory
from podrole.aws.authenticate import authenticate, is_unsigned_operation
from podrole.aws.caller import ANONYMOUS, Caller
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall, ReceivedRequest
from podrole.aws.protocol.catalogue import model, services
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest
from podrole.iam.directory import AccessKey, Role, User
from podrole.sts.credentials import Credentials, Vault
from podrole.sts.session import Session, SessionKind
from support.offline_requests import signed_request

NOW = 1_769_860_800.0
ACCOUNT = "111122223333"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = User(f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1", "ada", ACCOUNT)
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/reader", "AROA1", "reader", ACCOUNT, "{}")
VAULT = Vault(bytes(range(32)))
FORM = {"content-type": "application/x-www-form-urlencoded"}
WHO_AM_I = b"Action=GetCallerIdentity&Version=2011-06-15"


@dataclass
class FakeDirectory:
    """The identities of an account."""

    keys: list[AccessKey] = field(default_factory=lambda: [AccessKey(KEY, SECRET, USER, True)])
    roles: list[Role] = field(default_factory=lambda: [ROLE])
    users: list[User] = field(default_factory=lambda: [USER])

    def access_key(self, key_id: str) -> AccessKey | None:
        return next((key for key in self.keys if key.id == key_id), None)

    def role_by_id(self, account: str, role_id: str, partition: str = "aws") -> Role | None:
        wanted = (account, role_id, partition)
        return next((one for one in self.roles if (one.account, one.id, one.arn.split(":")[1]) == wanted), None)

    def user_by_id(self, account: str, user_id: str, partition: str = "aws") -> User | None:
        wanted = (account, user_id, partition)
        return next((one for one in self.users if (one.account, one.id, one.arn.split(":")[1]) == wanted), None)


def as_directory(directory: FakeDirectory) -> IdentityDirectory:
    return cast("IdentityDirectory", directory)


def signed(service: str = "sts", *, at: float = NOW, **options: Any) -> HTTPRequest:
    given = {"key": KEY, "secret": SECRET, "at": at, **options}
    if service == "sts" and "method" not in given:
        given = {"body": WHO_AM_I, "headers": FORM, **given}
    return signed_request(service, **given)


def received(http: HTTPRequest) -> IdentifiedCall:
    return identify(ReceivedRequest("id", http, NOW))


def caller_of(http: HTTPRequest, directory: FakeDirectory | None = None) -> Caller:
    return authenticate(received(http), as_directory(directory or FakeDirectory()), VAULT, NOW, signed_now=NOW)


def refusal_of(http: HTTPRequest, directory: FakeDirectory | None = None) -> tuple[int, str, str]:
    with pytest.raises(AWSError) as raised:
        caller_of(http, directory)
    return raised.value.status, raised.value.error_code, raised.value.message


def changed(http: HTTPRequest, **headers: str | None) -> HTTPRequest:
    """Return the request with other headers; None takes one away."""
    new = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = [(name, value) for name, value in http.headers if name not in new]
    return msgspec.structs.replace(
        http, headers=kept + [(name, value) for name, value in new.items() if value is not None]
    )


NO_MATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


# Keys of users


def test_a_users_key_proves_the_user() -> None:
    caller = caller_of(signed())
    assert (caller.principal.arn, caller.entity, caller.access_key_id) == (USER.arn, USER, KEY)


UNKNOWN = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")


@pytest.mark.parametrize(
    "key",
    [
        AccessKey("AKIAIOSFODNN7OTHERXX", SECRET, USER, True),
        AccessKey(KEY, SECRET, USER, False),
        AccessKey(KEY, SECRET, dataclasses.replace(USER, arn=USER.arn.replace("aws", "aws-cn", 1)), True),
    ],
    ids=["another key", "an inactive key", "a key of another partition"],
)
def test_an_invalid_key_is_refused(key: AccessKey) -> None:
    assert refusal_of(signed(), FakeDirectory(keys=[key])) == UNKNOWN


def test_a_temporary_key_without_its_token_is_refused_even_if_it_is_stored() -> None:
    stored = AccessKey("ASIAIOSFODNN7EXAMPLE", SECRET, USER, True)
    assert refusal_of(signed(key=stored.id), FakeDirectory(keys=[stored])) == UNKNOWN


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")]
)
def test_a_key_is_known_in_its_own_partition(region: str, partition: str) -> None:
    user = dataclasses.replace(USER, arn=USER.arn.replace("aws", partition, 1))
    directory = FakeDirectory(keys=[AccessKey(KEY, SECRET, user, True)])
    assert caller_of(signed(region=region), directory).entity == user
    elsewhere = "us-east-1" if partition != "aws" else "cn-north-1"
    assert refusal_of(signed(region=elsewhere), directory) == UNKNOWN


# Sessions


def session(kind: SessionKind = SessionKind.ASSUMED_ROLE, *, expires_at: int = int(NOW) + 60, **parts: str) -> Session:
    of_role = kind is SessionKind.ASSUMED_ROLE
    given = {
        "account": ACCOUNT,
        "principal_arn": ROLE.arn if of_role else USER.arn,
        "principal_id": ROLE.id if of_role else USER.id,
        "name": "web",
        **parts,
    }
    return Session(kind, issued_at=int(NOW) - 60, expires_at=expires_at, **given)


def signed_with(made: Credentials, **options: Any) -> HTTPRequest:
    given = {"key": made.access_key_id, "secret": made.secret_access_key, "token": made.session_token, **options}
    return signed(**given)


BAD_TOKEN = (403, "InvalidClientTokenId", "The security token included in the request is invalid")


@pytest.mark.parametrize("kind", SessionKind)
def test_a_session_proves_its_principal(kind: SessionKind) -> None:
    made = VAULT.issue(session(kind))
    caller = caller_of(signed_with(made))
    assert caller.entity == (ROLE if kind is SessionKind.ASSUMED_ROLE else USER)
    assert caller.session == session(kind)
    assert caller.access_key_id == made.access_key_id


@pytest.mark.parametrize(
    ("expires_in", "passes"),
    [(1, True), (0, False), (-1, False)],
)
def test_a_session_ends_at_the_second_of_its_expiry(expires_in: int, passes: bool) -> None:
    http = signed_with(VAULT.issue(session(expires_at=int(NOW) + expires_in)))
    if passes:
        assert caller_of(http).entity == ROLE
    else:
        assert refusal_of(http) == (403, "ExpiredToken", "The security token included in the request is expired")


@pytest.mark.parametrize(
    ("kind", "directory"),
    [
        (SessionKind.ASSUMED_ROLE, FakeDirectory(roles=[])),
        (SessionKind.ASSUMED_ROLE, FakeDirectory(roles=[dataclasses.replace(ROLE, id="AROA2")])),
        (SessionKind.SESSION_TOKEN, FakeDirectory(users=[])),
        (SessionKind.SESSION_TOKEN, FakeDirectory(users=[dataclasses.replace(USER, id="AIDA2")])),
        (SessionKind.FEDERATED_USER, FakeDirectory(users=[])),
    ],
)
def test_a_session_ends_with_its_role_or_user(kind: SessionKind, directory: FakeDirectory) -> None:
    assert refusal_of(signed_with(VAULT.issue(session(kind))), directory) == BAD_TOKEN


def test_a_session_of_a_role_is_not_one_of_the_user_with_that_id() -> None:
    user = dataclasses.replace(USER, id=ROLE.id)
    assert refusal_of(signed_with(VAULT.issue(session())), FakeDirectory(roles=[], users=[user])) == BAD_TOKEN
    role = dataclasses.replace(ROLE, id=USER.id)
    of_user = VAULT.issue(session(SessionKind.SESSION_TOKEN))
    assert refusal_of(signed_with(of_user), FakeDirectory(roles=[role], users=[])) == BAD_TOKEN


@pytest.mark.parametrize("part", ["key", "token", "vault"])
def test_a_session_token_is_bound_to_its_key_and_its_world(part: str) -> None:
    made, other = VAULT.issue(session()), VAULT.issue(session())
    options: dict[str, Any] = {}
    if part == "key":
        options = {"key": other.access_key_id, "secret": other.secret_access_key}
    elif part == "token":
        options = {"token": other.session_token}
    else:
        options = {"token": Vault(bytes(32)).issue(session()).session_token}
    assert refusal_of(signed_with(made, **options)) == BAD_TOKEN


def test_a_users_key_with_an_empty_token_is_refused() -> None:
    assert refusal_of(changed(signed(), x_amz_security_token="")) == BAD_TOKEN


def test_a_session_of_another_partition_is_unknown() -> None:
    role = dataclasses.replace(ROLE, arn=ROLE.arn.replace("aws", "aws-cn", 1))
    http = signed_with(VAULT.issue(session(principal_arn=role.arn)))
    assert refusal_of(http, FakeDirectory(roles=[role])) == UNKNOWN


# Each step of the verification, alone


def test_refusal_of_an_unknown_key_says_where_it_comes_from() -> None:
    with pytest.raises(AWSError) as raised:
        caller_of(signed(), FakeDirectory(keys=[]))
    assert str(raised.value.why).startswith(f"The access key {KEY} ")


@pytest.mark.parametrize("seconds", [-901, 901])
def test_the_time_is_checked(seconds: int) -> None:
    assert refusal_of(signed(at=NOW + seconds))[:2] == (403, "SignatureDoesNotMatch")


def test_a_signature_has_a_clock_of_its_own() -> None:
    """Tests turn the clock by which a session expires; clients sign by the machine's."""
    made, later = VAULT.issue(session()), NOW + 3600
    call = received(signed_with(made, at=later))
    assert authenticate(call, as_directory(FakeDirectory()), VAULT, NOW, signed_now=later).entity == ROLE
    call = received(signed_with(made, at=NOW))
    with pytest.raises(AWSError) as raised:
        authenticate(call, as_directory(FakeDirectory()), VAULT, NOW, signed_now=later)
    assert raised.value.error_code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("region", ["mars", "us-east", "us-east-123", "US-EAST-1", "u-east-1", "globall", ""])
def test_the_region_is_checked(region: str) -> None:
    message = refusal_of(signed(region=region))[2]
    assert message == f"Credential should be scoped to a valid region, not '{region}'. "


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-12", "us-iso-east-1", "global", "aws-global"])
def test_the_regions_of_aws_pass(region: str) -> None:
    user = dataclasses.replace(USER, arn=USER.arn.replace("aws", "aws-iso" if "iso" in region else "aws", 1))
    assert caller_of(signed(region=region), FakeDirectory(keys=[AccessKey(KEY, SECRET, user, True)])).entity == user


@pytest.mark.parametrize(
    ("host", "region", "is_right"),
    [
        ("sts.eu-west-1.amazonaws.com", "eu-west-1", True),
        ("sts.eu-west-1.amazonaws.com", "us-east-1", False),
        ("sts.eu-west-1.amazonaws.com", "eu-west-11", False),
        ("sts.amazonaws.com", "eu-west-1", True),
        ("127.0.0.1:4566", "eu-west-1", True),
        ("sts.eu-west-1.example.com", "us-east-1", True),
    ],
)
def test_region_is_that_of_the_name_that_is_called(host: str, region: str, is_right: bool) -> None:
    request = signed(region=region, headers={**FORM, "Host": host}, body=WHO_AM_I)
    if is_right:
        assert caller_of(request).entity == USER
    else:
        assert refusal_of(request)[2] == f"Credential should be scoped to a valid region, not '{region}'. "


def test_service_that_signs_for_another_region_than_the_one_in_its_name() -> None:
    host = {"Host": "api.sustainability.eu-west-1.api.aws"}
    path = "/v1/estimated-carbon-emissions"
    request = signed("sustainability", region="us-east-1", path=path, headers=host)
    assert caller_of(request).entity == USER


def test_the_service_is_checked() -> None:
    text = dict(signed().headers)["authorization"]
    twice = text.replace("SignedHeaders", f"Credential={KEY}/20260131/us-east-1/iam/aws4_request, SignedHeaders")
    assert refusal_of(changed(signed(), authorization=twice))[2] == (
        "Credential should be scoped to correct service: 'sts'. "
    )


def test_the_signed_headers_are_checked() -> None:
    http = signed("dynamodb", body=b"{}", headers={"content-type": "application/x-amz-json-1.0"})
    message = refusal_of(changed(http, x_amz_target="DynamoDB_20120810.ListTables"))[2]
    assert message == "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."


def test_the_signature_is_checked() -> None:
    assert refusal_of(signed(secret="other")) == (403, "SignatureDoesNotMatch", NO_MATCH)


def test_the_calls_region_is_the_one_that_was_signed() -> None:
    """Of a repeated Credential the last counts: also for the region in which the call is made."""
    http = signed(region="eu-west-1")
    text = dict(http.headers)["authorization"]
    twice = text.replace("SHA256 ", f"SHA256 Credential={KEY}/20260131/us-east-1/sts/aws4_request, ")
    call = received(changed(http, authorization=twice))
    assert authenticate(call, as_directory(FakeDirectory()), VAULT, NOW, signed_now=NOW).entity == USER
    assert call.region == "eu-west-1"


# The body


BODIES: dict[str, dict[str, Any]] = {
    "query": {"service": "sts", "body": WHO_AM_I, "headers": FORM},
    "ec2": {"service": "ec2", "body": b"Action=DescribeInstances&Version=2016-11-15", "headers": FORM},
    "json": {
        "service": "dynamodb",
        "body": b"{}",
        "headers": {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"},
    },
    "rest-json": {"service": "lambda", "path": "/2015-03-31/functions/f/invocations", "body": b"{}"},
    "rest-xml": {"service": "route53", "path": "/2013-04-01/hostedzone", "body": b"<x/>"},
}


@pytest.mark.parametrize("form", ["header", "query"])
@pytest.mark.parametrize("protocol", BODIES)
def test_an_operation_whose_body_must_be_signed_does_not_take_an_unsigned_one(protocol: str, form: str) -> None:
    """Even though the client signed the very word, and the signature over it is right."""
    options = {**BODIES[protocol], "payload": "UNSIGNED-PAYLOAD"}
    body = options.pop("body")
    options["headers"] = {**options.get("headers", {}), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    if form == "query":  # botocore would move the body into the URL, so it is added afterwards
        options["signer"] = "SigV4QueryAuth"
    http = msgspec.structs.replace(signed(**options, body=b""), body=body)
    assert refusal_of(http)[1] in ("SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure")


@pytest.mark.parametrize("protocol", BODIES)
def test_another_body_than_the_signed_one_is_refused(protocol: str) -> None:
    http = signed(**BODIES[protocol])
    assert caller_of(http).entity == USER
    other = msgspec.structs.replace(http, body=http.body + (b"&Name=x" if protocol in ("query", "ec2") else b" "))
    assert refusal_of(other)[1] in ("SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure")


@pytest.mark.parametrize(
    ("service", "method", "path", "headers"),
    [
        ("lex", "POST", "/bot/b/alias/a/user/u/content", {"content-type": "audio/l16"}),
        (
            "ebs",
            "PUT",
            "/snapshots/s/blocks/1",
            {"x-amz-data-length": "1", "x-amz-checksum": "c", "x-amz-checksum-algorithm": "SHA256"},
        ),
    ],
)
def test_an_operation_that_aws_describes_with_an_unsigned_body_takes_one(
    service: str, method: str, path: str, headers: dict[str, str]
) -> None:
    options = {"method": method, "path": path, "body": b"audio", "payload": "UNSIGNED-PAYLOAD"}
    unsigned = signed(service, headers={**headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, **options)
    assert caller_of(unsigned).entity == USER
    # It must still be signed as an unsigned one; and a signed body still has to be the one that was signed.
    assert refusal_of(signed(service, headers=headers, **options))[0] == 403
    hashed = signed(service, headers=headers, method=method, path=path, body=b"audio")
    assert caller_of(hashed).entity == USER
    assert refusal_of(msgspec.structs.replace(hashed, body=b"other"))[0] == 403


def put_object(payload: str, body: bytes, **headers: str) -> HTTPRequest:
    given = {"x-amz-content-sha256": payload, **{name.replace("_", "-"): value for name, value in headers.items()}}
    http = signed("s3", method="PUT", path="/bucket/key", headers=given, payload=payload)
    return msgspec.structs.replace(http, body=body)


def test_s3_takes_an_unsigned_body_and_a_hash_that_fits() -> None:
    for payload in ("UNSIGNED-PAYLOAD", hashlib.sha256(b"body").hexdigest()):
        assert caller_of(put_object(payload, b"body")).entity == USER


def test_s3_refuses_a_hash_of_another_body() -> None:
    http = put_object(hashlib.sha256(b"other").hexdigest(), b"body")
    assert refusal_of(http)[:2] == (400, "XAmzContentSHA256Mismatch")


def test_the_chunks_of_a_body_for_s3_are_decoded() -> None:
    headers = {"x_amz_decoded_content_length": "4"}
    call = received(put_object("STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"4\r\nbody\r\n0\r\n\r\n", **headers))
    assert authenticate(call, as_directory(FakeDirectory()), VAULT, NOW, signed_now=NOW).entity == USER
    assert call.http.body == b"body"


def test_the_keywords_of_s3_mean_nothing_to_another_service() -> None:
    http = changed(signed(**BODIES["rest-json"]), x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    call = received(http)
    assert authenticate(call, as_directory(FakeDirectory()), VAULT, NOW, signed_now=NOW).entity == USER
    assert call.http.body == b"{}"


# Anonymous requests


def unsigned(service: str, operation: str, **headers: str) -> IdentifiedCall:
    http = HTTPRequest("POST", "/", "", list(headers.items()), b"", "")
    known = services()[service]
    return IdentifiedCall("id", http, NOW, known, operation, known.protocol, "us-east-1")


@pytest.mark.parametrize(
    ("service", "operation", "is_unsigned"),
    [
        ("sts", "AssumeRoleWithWebIdentity", True),
        ("sts", "AssumeRoleWithSAML", True),
        ("sts", "AssumeRole", False),
        ("sts", "GetCallerIdentity", False),
        ("cognito-idp", "InitiateAuth", True),
        ("cognito-idp", "AdminInitiateAuth", False),
        ("cognito-identity", "GetId", True),
        ("sso", "GetRoleCredentials", True),
        ("sso-oidc", "CreateToken", True),
        ("iam", "ListUsers", False),
        ("ec2", "DescribeRegions", False),
        ("s3", "GetObject", False),
        ("eks-auth", "AssumeRoleForPodIdentity", False),
        ("dynamodb", "ListTables", False),
    ],
)
def test_operations_that_need_no_signature(service: str, operation: str, is_unsigned: bool) -> None:
    assert is_unsigned_operation(unsigned(service, operation)) is is_unsigned


@pytest.mark.parametrize(
    ("service", "names"),
    [
        ("sts", {"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"}),
        ("iam", set()),
        ("ec2", set()),
        ("s3", set()),
        ("eks", set()),
        ("eks-auth", set()),
    ],
)
def test_all_operations_of_a_service_that_need_no_signature(service: str, names: set[str]) -> None:
    operations = model(service).operation_names
    assert {name for name in operations if is_unsigned_operation(unsigned(service, name))} == names


def test_an_operation_that_needs_no_signature_does_not_look_at_one() -> None:
    call = unsigned("sts", "AssumeRoleWithWebIdentity", authorization="nonsense")
    assert authenticate(call, as_directory(FakeDirectory()), VAULT, NOW, signed_now=NOW) is ANONYMOUS


def test_any_other_operation_without_a_signature_is_refused() -> None:
    for service, operation in (
        ("sts", "GetCallerIdentity"),
        ("dynamodb", "ListTables"),
        ("s3control", "GetAccessPoint"),
    ):
        with pytest.raises(AWSError) as raised:
            authenticate(unsigned(service, operation), as_directory(FakeDirectory()), VAULT, NOW, signed_now=NOW)
        assert raised.value.error_code.startswith("MissingAuthenticationToken"), service


def get_object(query: str = "", **headers: str) -> HTTPRequest:
    return HTTPRequest("GET", "/bucket/key", query, [("host", "127.0.0.1"), *headers.items()], b"", "")


def test_a_request_to_s3_without_a_signature_is_anonymous() -> None:
    assert caller_of(get_object()) is ANONYMOUS
    assert caller_of(get_object("Expires=1&x-id=GetObject")) is ANONYMOUS


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("AWSAccessKeyId=x", "InvalidRequest"),
        ("Signature=x", "InvalidRequest"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "AuthorizationQueryParametersError"),
        ("X-Amz-Credential=x", "AuthorizationQueryParametersError"),
        ("X-Amz-Signature=x", "AuthorizationQueryParametersError"),
        ("X-Amz-Date=x", "AuthorizationQueryParametersError"),
        ("X-Amz-SignedHeaders=x", "AuthorizationQueryParametersError"),
    ],
)
def test_a_request_to_s3_with_a_part_of_a_signature_is_not_anonymous(query: str, code: str) -> None:
    assert refusal_of(get_object(query))[:2] == (400, code)


def test_a_request_to_s3_with_any_authorization_header_is_not_anonymous() -> None:
    for text in ("", "AWS a:b", "Bearer x"):
        assert refusal_of(get_object(authorization=text))[:2] == (400, "InvalidRequest")


# What a refusal says of the request


@pytest.mark.parametrize("presigned", [False, True])
def test_s3_says_which_key_a_wrong_signature_was_made_with(presigned: bool) -> None:
    options = {"signer": "S3SigV4QueryAuth", "expires": 60} if presigned else {"signer": "S3SigV4Auth"}
    http = signed("s3", method="GET", path="/bucket/key", secret="other", **options)
    with pytest.raises(AWSError) as raised:
        caller_of(http)
    assert raised.value.members["AWSAccessKeyId"] == KEY
    assert "CanonicalRequest" in raised.value.members


@pytest.mark.parametrize("presigned", [False, True])
def test_s3_says_which_date_was_too_far_from_now(presigned: bool) -> None:
    options = {"signer": "S3SigV4QueryAuth", "expires": 60} if presigned else {"signer": "S3SigV4Auth"}
    with pytest.raises(AWSError) as raised:
        caller_of(signed("s3", method="GET", path="/bucket/key", at=NOW + 901, **options))
    assert raised.value.error_code == "RequestTimeTooSkewed"
    assert raised.value.members["RequestTime"] == "20260131T121501Z"


@pytest.mark.parametrize(
    ("presigned", "code"), [(True, "AuthorizationQueryParametersError"), (False, "AuthorizationHeaderMalformed")]
)
def test_s3_says_whether_the_header_or_the_query_has_the_fault(presigned: bool, code: str) -> None:
    options = {"signer": "S3SigV4QueryAuth", "expires": 60} if presigned else {"signer": "S3SigV4Auth"}
    assert refusal_of(signed("s3", method="GET", path="/bucket/key", region="mars", **options))[:2] == (400, code)
