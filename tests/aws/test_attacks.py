"""What the service acts on is what was authorized: every way that we know of to say one thing and mean another."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall, ReceivedRequest
from podrole.aws.protocol.canonical import canonical
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.wire import HTTPRequest
from support.authorization import allow, archive, grant
from support.aws import ACCOUNT, REGION, LocalAWS

FORM = "application/x-www-form-urlencoded"
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def received(
    service: str, method: str, path: str, query: str = "", body: bytes = b"", **headers: str
) -> IdentifiedCall:
    """Return a request as the stations see it."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    given.setdefault("authorization", f"AWS4-HMAC-SHA256 Credential=A/20260101/{REGION}/{service}/aws4_request,")
    http = HTTPRequest(method, path, query, list(given.items()), body, "127.0.0.1")
    return identify(ReceivedRequest("id", http, 0.0))


def sent(
    aws: LocalAWS,
    credentials: dict[str, str],
    service: str,
    method: str,
    path: str,
    body: bytes = b"",
    **headers: str,
) -> tuple[int, str]:
    """Send a signed request just as it is written here."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    keys = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    request = AWSRequest(method, f"{aws.url}{path}", headers=given, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    request.context["timestamp"] = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    signer(keys, service, REGION).add_auth(request)
    answer = aws.http.request(method, f"{aws.url}{path}", content=body, headers=dict(request.headers))
    return answer.status_code, answer.text


# Pure: what is read, and what is written for the service


def test_an_unknown_member_never_reaches_the_service() -> None:
    body = json.dumps({"TableName": "carts", "tableName": "users", "Extra": 1}).encode()
    call = received("dynamodb", "POST", "/", body=body, x_amz_target="DynamoDB_20120810.DescribeTable")
    assert parameters(call) == {"TableName": "carts"}
    assert json.loads(canonical(call).body) == {"TableName": "carts"}


def test_a_repeated_member_is_read_as_one_everywhere() -> None:
    body = b'{"TableName": "carts", "TableName": "users"}'
    call = received("dynamodb", "POST", "/", body=body, x_amz_target="DynamoDB_20120810.DescribeTable")
    seen = parameters(call)["TableName"]
    assert canonical(call).body == json.dumps({"TableName": seen}, separators=(",", ":")).encode()


def test_a_json_value_cannot_be_read_as_a_form() -> None:
    body = json.dumps({"TableName": "carts&Action=DeleteTable&TableName=users"}).encode()
    call = received("dynamodb", "POST", "/", body=body, x_amz_target="DynamoDB_20120810.DescribeTable")
    request = canonical(call)
    assert b"&" not in request.body
    assert json.loads(request.body) == json.loads(body)
    assert request.query == "x-id=DescribeTable"


@pytest.mark.parametrize(
    "form",
    [
        "InstanceId.member.1=i-1",
        "instanceId.1=i-1",
        "InstanceIds.1=i-1",
        "InstanceId=i-1",
    ],
)
def test_other_spellings_of_a_parameter_are_ignored_or_refused(form: str) -> None:
    body = f"Action=TerminateInstances&Version=2016-11-15&{form}".encode()
    call = received("ec2", "POST", "/", body=body, content_type=FORM)
    if form == "InstanceId=i-1":
        with pytest.raises(AWSError, match="cannot be read"):
            parameters(call)
        return
    if form == "InstanceId.member.1=i-1":
        with pytest.raises(AWSError, match="not numbered"):
            parameters(call)
        return
    assert parameters(call) == {}
    assert b"i-1" not in canonical(call).body


def test_a_list_is_renumbered() -> None:
    body = b"Action=TerminateInstances&Version=2016-11-15&InstanceId.7=i-b&InstanceId.2=i-a"
    call = received("ec2", "POST", "/", body=body, content_type=FORM)
    assert parameters(call) == {"InstanceIds": ["i-a", "i-b"]}
    assert canonical(call).body == (b"Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-a&InstanceId.2=i-b")


@pytest.mark.parametrize("form", ["Tag.1.Key=a&Tag.1=b", "Tag.01.Key=a", "Tag.x.Key=a", "Tag." * 100 + "1=a"])
def test_a_malformed_list_is_refused(form: str) -> None:
    body = f"Action=CreateTags&Version=2016-11-15&{form}".encode()
    with pytest.raises(AWSError):
        parameters(received("ec2", "POST", "/", body=body, content_type=FORM))


def test_headers_of_moto_and_of_proxies_are_dropped() -> None:
    told = {"x_moto_account_id": "999999999999", "x_http_method_override": "DELETE", "action": "DeleteObject"}
    call = received("s3", "GET", "/bucket/key", **told)
    request = canonical(call)
    assert request.headers == {}
    assert (request.method, request.path, request.query) == ("GET", "/bucket/key", "x-id=GetObject")


def test_a_word_in_the_query_does_not_change_s3s_operation() -> None:
    call = received("s3", "GET", "/bucket/key", "response-content-type=text/plain&policy=1&Action=DeleteObject")
    assert call.operation == "GetObject"
    assert canonical(call).query == "response-content-type=text%2Fplain&x-id=GetObject"


def test_a_bucket_may_be_in_the_host_name() -> None:
    call = received("s3", "GET", "/a/key", host="shop.localhost:4566")
    assert parameters(call) == {"Bucket": "shop", "Key": "a/key"}
    assert canonical(call).path == "/shop/a/key"
    call = received("s3", "GET", "/shop/key", host="s3.localhost:4566")
    assert parameters(call)["Bucket"] == "shop"


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("/bucket//key", "bucket", "/key"),
        ("/bucket/../other/key", "bucket", "../other/key"),
        ("/bucket/a%2F..%2Fb", "bucket", "a/../b"),
        ("/bucket/a%252Fb", "bucket", "a%2Fb"),
        ("/bucket/a%3Fpolicy", "bucket", "a?policy"),
    ],
)
def test_a_path_is_written_so_that_it_has_one_meaning(path: str, bucket: str, key: str) -> None:
    call = received("s3", "GET", path)
    assert parameters(call) == {"Bucket": bucket, "Key": key}
    again = canonical(call)
    assert parameters(received("s3", "GET", again.path)) == {"Bucket": bucket, "Key": key}
    assert "?" not in again.path


@pytest.mark.parametrize("path", ["/other%2Fbucket", "/a%2Fb/key"])
def test_a_bucket_with_a_slash_is_refused(path: str) -> None:
    with pytest.raises(AWSError, match="Couldn't parse"):
        canonical(received("s3", "GET", path))


@pytest.mark.parametrize("name", ["..", "a%2F..%2Fb", "%2e%2e"])
def test_a_label_with_dot_segments_is_refused(name: str) -> None:
    with pytest.raises(AWSError):
        canonical(received("lambda", "GET", f"/2015-03-31/functions/{name}"))


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("/bucket/key", "/bucket/key"),
        ("bucket/a%20b?versionId=1", "/bucket/a%20b?versionId=1"),
        ("bucket/a#b", "/bucket/a%23b"),
        ("bucket/a;b", "/bucket/a%3Bb"),
        ("//bucket/key", None),
        ("http://host/bucket/key", "/http%3A/%2Fhost/bucket/key"),
        ("bucket", None),
    ],
)
def test_a_copy_source_has_one_meaning(header: str, seen: str | None) -> None:
    call = received("s3", "PUT", "/bucket/copy", x_amz_copy_source=header)
    if seen is None:
        with pytest.raises(AWSError, match="Copy Source must mention"):
            canonical(call)
    else:
        assert canonical(call).headers["x-amz-copy-source"] in (seen, seen.replace("%2Fhost", "/host"))


def test_a_document_type_in_xml_is_refused() -> None:
    body = b'<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>'
    with pytest.raises(AWSError) as raised:
        parameters(received("s3", "POST", "/bucket", "delete", body))
    assert raised.value.error_code == "MalformedXML"


# Through the endpoint: nothing happens that the policy does not allow


def test_a_value_cannot_smuggle_another_operation(aws: LocalAWS) -> None:
    for name in ("carts", "users"):
        aws.client("dynamodb").create_table(TableName=name, **TABLE)
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/carts"
    mine = aws.client("dynamodb", grant(aws, allow("dynamodb:PutItem", table)))
    mine.put_item(TableName="carts", Item={"id": {"S": "&Action=DeleteTable&TableName=users&"}})
    assert sorted(aws.client("dynamodb").list_tables()["TableNames"]) == ["carts", "users"]


def test_an_action_in_the_url_or_a_header_is_not_executed(aws: LocalAWS) -> None:
    aws.client("dynamodb").create_table(TableName="carts", **TABLE)
    credentials = grant(aws, allow("dynamodb:DescribeTable", "*"))
    body = b'{"TableName":"carts"}'
    headers = {"x_amz_target": "DynamoDB_20120810.DescribeTable", "content_type": "application/x-amz-json-1.0"}
    sent(aws, credentials, "dynamodb", "POST", "/?Action=DeleteTable", body, **headers, action="DeleteTable")
    assert aws.client("dynamodb").list_tables()["TableNames"] == ["carts"]


def test_an_encoded_slash_does_not_reach_another_operation(aws: LocalAWS) -> None:
    service = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws.client("iam").create_role(
        RoleName="service", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": service})
    )
    aws.client("lambda").create_function(
        FunctionName="resize",
        Runtime="python3.11",
        Role=f"arn:aws:iam::{ACCOUNT}:role/service",
        Handler="app.handler",
        Code={"ZipFile": archive()},
    )
    aws.client("lambda").add_permission(
        FunctionName="resize", StatementId="s", Action="lambda:GetFunction", Principal=ACCOUNT
    )
    credentials = grant(aws, allow("lambda:GetFunction", "*"))
    status, text = sent(aws, credentials, "lambda", "GET", "/2015-03-31/functions/resize%2Fpolicy")
    assert status >= 400
    assert "Statement" not in text


def test_a_form_upload_to_s3_is_refused(aws: LocalAWS) -> None:
    aws.client("s3").create_bucket(Bucket="shop-logs")
    form = b'--x\r\ncontent-disposition: form-data; name="key"\r\n\r\nk\r\n--x--\r\n'
    answer = aws.http.post(
        f"{aws.url}/shop-logs", content=form, headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code >= 400
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket="shop-logs")


def test_a_bucket_policy_cannot_be_set_through_a_form(aws: LocalAWS) -> None:
    aws.client("s3").create_bucket(Bucket="shop-logs")
    credentials = grant(aws, allow("s3:PutBucketPolicy", "*"))
    status, _ = sent(aws, credentials, "s3", "PUT", "/shop-logs?policy", b"key=a&file={}", content_type=FORM)
    assert status == 400


def test_a_deny_on_one_thing_holds_where_the_thing_cannot_be_told(aws: LocalAWS) -> None:
    keep = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/users"}
    mine = aws.client("dynamodb", grant(aws, allow("dynamodb:*", "*"), keep))
    for statement in ('SELECT * FROM "users"', "SELECT * FROM carts, users", "nothing that can be read"):
        with pytest.raises(Exception, match="with an explicit deny") as raised:
            mine.execute_statement(Statement=statement)
        assert "AccessDeniedException" in str(raised.value)


def test_an_allow_on_one_thing_is_none_where_the_thing_cannot_be_told(aws: LocalAWS) -> None:
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/carts"
    mine = aws.client("dynamodb", grant(aws, allow("dynamodb:*", table)))
    with pytest.raises(Exception, match="not authorized"):
        mine.execute_statement(Statement="SELECT * FROM carts, users")


def test_a_role_is_passed_only_to_the_service_that_a_policy_names(aws: LocalAWS) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/service"
    services = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws.client("iam").create_role(
        RoleName="service", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": services})
    )
    function: dict[str, Any] = {
        "FunctionName": "f",
        "Runtime": "python3.11",
        "Role": role,
        "Handler": "app.handler",
        "Code": {"ZipFile": archive()},
    }
    create = allow("lambda:CreateFunction", "*")
    to_ec2 = allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"})
    mine = aws.client("lambda", grant(aws, create, to_ec2))
    with pytest.raises(Exception, match=f"iam:PassRole on resource: {role}"):
        mine.create_function(**function)
    to_lambda = allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})
    mine = aws.client("lambda", grant(aws, create, to_lambda, name="builder"))
    assert mine.create_function(**function)["FunctionName"] == "f"
    with pytest.raises(Exception, match="lambda:TagResource"):
        mine.create_function(**function | {"FunctionName": "g", "Tags": {"a": "b"}})


def test_a_deny_on_one_vault_holds_though_the_reference_writes_its_type_in_two_ways(aws: LocalAWS) -> None:
    vaults = aws.client("backup")
    for name in ("kept", "spare"):
        vaults.create_backup_vault(BackupVaultName=name)
    kept = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:kept"
    deny = {"Effect": "Deny", "Action": "backup:DeleteBackupVault", "Resource": kept}
    mine = aws.client("backup", grant(aws, allow("backup:*", "*"), deny))
    with pytest.raises(Exception, match="explicit deny"):
        mine.delete_backup_vault(BackupVaultName="kept")
    mine.delete_backup_vault(BackupVaultName="spare")
