"""Each judged resource policy denies, grants, is checked before it is stored, and ends with its resource."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from podrole.aws.services.registry import RULES
from support.aws import ACCOUNT, REGION, LocalAWS, allow, policy, trust_of

ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class Case:
    """``make`` makes the resource, ``store`` a policy for it, and ``use`` does ``action``; ``delete`` takes it away."""

    service: str
    make: Callable[[Any], Any]
    store: Callable[[Any, str], Any]
    action: str
    use: Callable[[Any], Any]
    delete: Callable[[Any], Any] | None = None
    resource: str = "*"


CASES = [
    Case(
        "dynamodb",
        lambda it: it.create_table(TableName="orders", **TABLE),
        lambda it, text: it.put_resource_policy(ResourceArn=arn("dynamodb", "table/orders"), Policy=text),
        "dynamodb:GetItem",
        lambda it: it.get_item(TableName="orders", Key={"id": {"S": "1"}}),
        lambda it: it.delete_table(TableName="orders"),
        arn("dynamodb", "table/orders"),
    ),
    Case(
        "kinesis",
        lambda it: it.create_stream(StreamName="clicks", ShardCount=1),
        lambda it, text: it.put_resource_policy(ResourceARN=arn("kinesis", "stream/clicks"), Policy=text),
        "kinesis:PutRecord",
        lambda it: it.put_record(StreamName="clicks", Data=b"x", PartitionKey="k"),
        lambda it: it.delete_stream(StreamName="clicks"),
        arn("kinesis", "stream/clicks"),
    ),
    Case(
        "glue",
        lambda it: it.create_database(DatabaseInput={"Name": "shop"}),
        lambda it, text: it.put_resource_policy(PolicyInJson=text),
        "glue:GetDatabase",
        lambda it: it.get_database(Name="shop"),
        resource=arn("glue", "*"),
    ),
    Case(
        "logs",
        lambda it: it.create_log_group(logGroupName="shop"),
        lambda it, text: it.put_resource_policy(policyName="p", policyDocument=text),
        "logs:DescribeLogStreams",
        lambda it: it.describe_log_streams(logGroupName="shop"),
        resource=arn("logs", "log-group:*"),
    ),
    Case(
        "ecr",
        lambda it: it.create_repository(repositoryName="web"),
        lambda it, text: it.set_repository_policy(repositoryName="web", policyText=text),
        "ecr:DescribeImages",
        lambda it: it.describe_images(repositoryName="web"),
        lambda it: it.delete_repository(repositoryName="web"),
    ),
    Case(
        "secretsmanager",
        lambda it: it.create_secret(Name="db", SecretString="s"),
        lambda it, text: it.put_resource_policy(SecretId="db", ResourcePolicy=text),
        "secretsmanager:GetSecretValue",
        lambda it: it.get_secret_value(SecretId="db"),
        lambda it: it.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True),
    ),
    Case(
        "sqs",
        lambda it: it.create_queue(QueueName="orders"),
        lambda it, text: it.set_queue_attributes(QueueUrl=_queue(it), Attributes={"Policy": text}),
        "sqs:GetQueueUrl",
        lambda it: it.get_queue_url(QueueName="orders"),
        lambda it: it.delete_queue(QueueUrl=_queue(it)),
        arn("sqs", "orders"),
    ),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.service)


def _queue(client: Any) -> str:
    return f"{client.meta.endpoint_url}/{ACCOUNT}/orders"


def statement(case: Case, principal: str, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": case.action,
        "Resource": case.resource,
        **more,
    }


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    """Return the code of a refusal; empty if the call succeeds."""
    try:
        call(*arguments)
    except ClientError as problem:
        return str(problem.response["Error"]["Code"])
    return ""


def session(aws: LocalAWS, service: str, role: str) -> Any:
    made = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    return aws.client(service, dict(made))


def is_denial(code: str) -> bool:
    return code.startswith("AccessDenied")


@each
def test_a_policy_denies_the_administrator(aws: LocalAWS, case: Case) -> None:
    admin = aws.client(case.service)
    case.make(admin)
    assert refusal(case.use, admin) == ""
    case.store(admin, policy(statement(case, ADMIN, Effect="Deny")))
    assert is_denial(refusal(case.use, admin))


@each
def test_a_policy_grants_to_a_role_and_not_to_a_later_role_of_its_name(aws: LocalAWS, case: Case) -> None:
    admin, iam = aws.client(case.service), aws.client("iam")
    case.make(admin)
    role = aws.role("worker", trust_of(ROOT))
    assert is_denial(refusal(case.use, session(aws, case.service, role)))
    case.store(admin, policy(statement(case, role)))
    assert refusal(case.use, session(aws, case.service, role)) == ""
    iam.delete_role(RoleName="worker")
    aws.role("worker", trust_of(ROOT))
    assert is_denial(refusal(case.use, session(aws, case.service, role)))
    case.store(admin, policy(statement(case, role)))
    assert refusal(case.use, session(aws, case.service, role)) == ""


@pytest.mark.parametrize("case", [case for case in CASES if case.delete], ids=lambda case: case.service)
def test_a_policy_goes_with_its_resource(aws: LocalAWS, case: Case) -> None:
    assert case.delete is not None
    admin = aws.client(case.service)
    case.make(admin)
    role = aws.role("worker", trust_of(ROOT))
    case.store(admin, policy(statement(case, role)))
    case.delete(admin)
    case.make(admin)
    assert is_denial(refusal(case.use, session(aws, case.service, role)))


@each
@pytest.mark.parametrize("document", ["{}", "nothing", policy(allow("*"))])
def test_a_malformed_policy_is_not_stored(aws: LocalAWS, case: Case, document: str) -> None:
    admin = aws.client(case.service)
    case.make(admin)
    codes = {
        "dynamodb": "ValidationException",
        "ecr": "InvalidParameterException",
        "glue": "InvalidInputException",
        "kinesis": "InvalidArgumentException",
        "logs": "InvalidParameterException",
        "secretsmanager": "MalformedPolicyDocumentException",
        "sqs": "InvalidAttributeValue",
    }
    assert refusal(case.store, admin, document) == codes[case.service]


@each
def test_a_policy_that_names_a_role_which_does_not_exist_is_not_stored(aws: LocalAWS, case: Case) -> None:
    admin = aws.client(case.service)
    case.make(admin)
    missing = f"arn:aws:iam::{ACCOUNT}:role/nope"
    assert refusal(case.store, admin, policy(statement(case, missing))) != ""


def test_a_stream_that_does_not_exist_gets_no_policy(aws: LocalAWS) -> None:
    kinesis = aws.client("kinesis")
    store = CASES[1].store
    assert refusal(store, kinesis, policy(statement(CASES[1], ADMIN))) == "ResourceNotFoundException"


def test_add_permission_of_a_queue_and_a_topic_grants_to_an_account(aws: LocalAWS) -> None:
    stranger = aws.administrator_of("999988887777")
    queue = aws.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    topic = aws.client("sns").create_topic(Name="news")["TopicArn"]
    send, publish = aws.client("sqs", stranger).send_message, aws.client("sns", stranger).publish
    with pytest.raises(ClientError, match="AccessDenied"):
        send(QueueUrl=queue, MessageBody="m")
    with pytest.raises(ClientError, match="AuthorizationError"):
        publish(TopicArn=topic, Message="m")
    aws.client("sqs").add_permission(
        QueueUrl=queue, Label="one", AWSAccountIds=["999988887777"], Actions=["SendMessage"]
    )
    aws.client("sns").add_permission(TopicArn=topic, Label="one", AWSAccountId=["999988887777"], ActionName=["Publish"])
    send(QueueUrl=queue, MessageBody="m")
    publish(TopicArn=topic, Message="m")


@pytest.mark.parametrize("account", ["*", "99998888777", "arn:aws:iam::999988887777:root"])
def test_add_permission_grants_to_accounts_alone(aws: LocalAWS, account: str) -> None:
    queue = aws.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    topic = aws.client("sns").create_topic(Name="news")["TopicArn"]
    with pytest.raises(ClientError, match=r"InvalidParameterValue|InvalidAttributeValue"):
        aws.client("sqs").add_permission(QueueUrl=queue, Label="one", AWSAccountIds=[account], Actions=["SendMessage"])
    with pytest.raises(ClientError, match="InvalidParameter"):
        aws.client("sns").add_permission(TopicArn=topic, Label="one", AWSAccountId=[account], ActionName=["Publish"])


def test_a_key_binds_the_principals_of_the_policy_that_it_is_created_with(aws: LocalAWS) -> None:
    role = aws.role("worker", trust_of(ROOT))
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:Encrypt", "Resource": "*"},
    ]
    key = aws.client("kms").create_key(Policy=policy(*statements))["KeyMetadata"]["KeyId"]
    assert refusal(lambda: session(aws, "kms", role).encrypt(KeyId=key, Plaintext=b"x")) == ""
    aws.client("iam").delete_role(RoleName="worker")
    aws.role("worker", trust_of(ROOT))
    assert is_denial(refusal(lambda: session(aws, "kms", role).encrypt(KeyId=key, Plaintext=b"x")))


def test_a_new_permission_of_a_function_does_not_bind_the_others_again(aws: LocalAWS) -> None:
    from support.authorization import archive

    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    runtime = aws.role("runtime", trust)
    admin = aws.client("lambda")
    admin.create_function(
        FunctionName="f", Runtime="python3.11", Role=runtime, Handler="app.handler", Code={"ZipFile": archive()}
    )
    role = aws.role("worker", trust_of(ROOT))

    def add(sid: str, principal: str) -> None:
        admin.add_permission(FunctionName="f", StatementId=sid, Action="lambda:GetFunction", Principal=principal)

    def use() -> str:
        return refusal(lambda: session(aws, "lambda", role).get_function(FunctionName="f"))

    add("one", role)
    assert use() == ""
    aws.client("iam").delete_role(RoleName="worker")
    aws.role("worker", trust_of(ROOT))
    assert is_denial(use())
    add("two", ADMIN)
    assert is_denial(use())
    add("three", role)
    assert use() == ""


def test_a_deny_holds_for_a_call_that_does_not_name_its_resource(aws: LocalAWS) -> None:
    secrets, tables = aws.client("secretsmanager"), aws.client("dynamodb")
    secrets.create_secret(Name="db", SecretString="s")
    filters = [{"Key": "name", "Values": ["d"]}]
    assert secrets.batch_get_secret_value(Filters=filters)["SecretValues"][0]["SecretString"] == "s"
    deny = {"Effect": "Deny", "Principal": {"AWS": ADMIN}, "Action": "*", "Resource": "*"}
    only_reads = {**deny, "Action": "secretsmanager:GetSecretValue"}
    secrets.put_resource_policy(SecretId="db", ResourcePolicy=policy(only_reads))
    assert is_denial(refusal(lambda: secrets.batch_get_secret_value(Filters=filters)))
    tables.create_table(TableName="orders", **TABLE)
    statement = "SELECT * FROM \"orders\" WHERE id = 'x FROM y'"
    select = lambda: tables.execute_statement(Statement=statement)  # noqa: E731 - called twice
    assert refusal(select) == ""
    denied = {**deny, "Action": "dynamodb:PartiQLSelect", "Resource": arn("dynamodb", "table/orders")}
    tables.put_resource_policy(ResourceArn=arn("dynamodb", "table/orders"), Policy=policy(denied))
    assert is_denial(refusal(select))


# Refused, so that nothing is silently ignored

OLD = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "logs:*", "Resource": "*"}]})
LAYER = {"LayerName": "l", "VersionNumber": 1, "StatementId": "s", "Action": "lambda:GetLayerVersion"}
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("apigateway", "create_rest_api", {"name": "a", "policy": "{}"}),
    ("apigateway", "import_rest_api", {"body": b'{"x-amazon-apigateway-policy": {}}'}),
    ("cloudformation", "set_stack_policy", {"StackName": "s", "StackPolicyBody": "{}"}),
    ("codebuild", "put_resource_policy", {"resourceArn": "arn", "policy": "{}"}),
    ("dynamodb", "create_table", {"TableName": "t", **TABLE, "ResourcePolicy": "{}"}),
    ("ecr", "put_registry_policy", {"policyText": "{}"}),
    ("efs", "put_file_system_policy", {"FileSystemId": "fs-12345678", "Policy": "{}"}),
    ("events", "put_permission", {"EventBusName": "default", "Policy": "{}"}),
    ("glue", "put_resource_policy", {"ResourceArn": arn("glue", "database/shop"), "PolicyInJson": "{}"}),
    ("kinesis", "put_resource_policy", {"ResourceARN": arn("kinesis", "stream/a/consumer/b:1"), "Policy": "{}"}),
    ("lambda", "add_layer_version_permission", {**LAYER, "Principal": "*"}),
    ("logs", "put_resource_policy", {"policyName": "p", "policyDocument": OLD}),
    ("opensearch", "create_domain", {"DomainName": "shop", "AccessPolicies": "{}"}),
    ("ses", "put_identity_policy", {"Identity": "a@example.com", "PolicyName": "p", "Policy": "{}"}),
]


@pytest.mark.parametrize(("service", "operation", "arguments"), REFUSED)
def test_a_policy_that_podrole_does_not_judge_is_refused(
    aws: LocalAWS, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(aws.client(service), operation)(**arguments)
    answer = raised.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 501)
    assert "would not take part in decisions" in answer["Error"]["Message"]


def test_without_the_policy_the_same_operation_is_served(aws: LocalAWS) -> None:
    aws.client("dynamodb").create_table(TableName="t", **TABLE)
    aws.client("apigateway").create_rest_api(name="a")
    aws.client("opensearch").create_domain(DomainName="shop")


def test_an_updated_control_policy_is_checked_by_the_grammar_of_its_kind(aws: LocalAWS) -> None:
    organizations = aws.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    deny = policy({"Effect": "Deny", "Action": "ec2:*", "Resource": "*"})
    made = organizations.create_policy(Name="p", Description="d", Type="SERVICE_CONTROL_POLICY", Content=deny)
    scp = made["Policy"]["PolicySummary"]["Id"]
    with_principal = policy({"Effect": "Deny", "Principal": "*", "Action": "ec2:*", "Resource": "*"})
    assert refusal(lambda: organizations.update_policy(PolicyId=scp, Content=with_principal)) != ""
    assert refusal(lambda: organizations.update_policy(PolicyId=scp, Content=deny)) == ""


def test_every_service_with_a_resource_policy_is_tested() -> None:
    """IAM, KMS, Lambda, S3 and SNS have tests of their own, here and in test_resource_policies and test_emulator."""
    elsewhere = {"kms", "lambda", "s3", "sns"}
    assert {case.service for case in CASES} | elsewhere == {rules.name for rules in RULES.values() if rules.documents}
