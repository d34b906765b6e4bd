"""moto behind its seam: one job decides and executes a call, and nothing is ever half done for another thread."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from podrole.aws.emulator.backends import backend
from podrole.aws.interfaces import AuthorizedCall, Facts
from podrole.aws.protocol.wire import HTTPResponse
from support.aws import ACCOUNT, READER, REGION, LocalAWS, allow, policy, refused, trust_of

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"


def session(aws: LocalAWS, role: str, credentials: dict[str, str] | None = None, **more: Any) -> dict[str, str]:
    answer = aws.client("sts", credentials).assume_role(RoleArn=role, RoleSessionName="one", **more)
    return dict(answer["Credentials"])


# One job


def test_no_job_runs_between_the_decision_and_the_effect_of_a_call(aws: LocalAWS) -> None:
    happened: list[str] = []
    asked = threading.Event()

    async def run() -> None:
        deciding = threading.Event()

        def decide(_: Facts) -> AuthorizedCall | HTTPResponse:
            deciding.set()
            assert asked.wait(10)
            happened.append("decided")
            return HTTPResponse(200, [], b"")

        serving = asyncio.create_task(aws.services.serve(decide))
        await asyncio.to_thread(deciding.wait, 10)
        asking = asyncio.create_task(aws.services.ask(lambda _: happened.append("asked")))
        await asyncio.sleep(0)
        asked.set()
        await asyncio.gather(serving, asking)

    aws.run(run)
    assert happened == ["decided", "asked"]


def test_stop_iteration_in_a_service_is_an_answer(aws: LocalAWS) -> None:
    call = aws.client("autoscaling").terminate_instance_in_auto_scaling_group
    code, status, _ = refused(call, InstanceId="i-1", ShouldDecrementDesiredCapacity=True)
    assert (code, status) == ("InternalFailure", 500)


def test_sts_does_not_wait_for_the_services(aws: LocalAWS) -> None:
    aws.set_up_role()
    release = threading.Event()
    blocked = asyncio.run_coroutine_threadsafe(aws.services.ask(lambda _: release.wait(30)), aws.loop)
    try:
        credentials = aws.credentials()
        assert aws.client("sts", credentials).get_caller_identity()["Account"] == ACCOUNT
        assert aws.client("eks").describe_cluster(name="podrole")["cluster"]["name"] == "podrole"
    finally:
        release.set()
    assert blocked.result(30)


def test_a_write_to_an_organization_counts_for_the_next_call_of_sts(aws: LocalAWS) -> None:
    organizations = aws.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    member = organizations.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]["AccountId"]
    key = aws.administrator_of(member)
    aws.client("sts", key).get_session_token()
    deny = policy({"Effect": "Deny", "Action": "sts:GetSessionToken", "Resource": "*"})
    made = organizations.create_policy(Name="p", Description="d", Type="SERVICE_CONTROL_POLICY", Content=deny)
    scp = made["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=scp, TargetId=member)
    assert refused(aws.client("sts", key).get_session_token)[0] == "AccessDenied"
    organizations.detach_policy(PolicyId=scp, TargetId=member)
    aws.client("sts", key).get_session_token()


def test_what_is_forgotten_is_not_made_again(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.client("sqs").create_queue(QueueName="queue")
    stored = backend("sqs", ACCOUNT, REGION)
    monkeypatch.setattr(type(stored), "__init__", lambda *_, **__: pytest.fail("it is made again"))
    aws.run(aws.services.clear)
    monkeypatch.undo()
    assert backend("sqs", ACCOUNT, REGION) is None
    assert "QueueUrls" not in aws.client("sqs").list_queues()


# Session policies that are gone


def may_describe(aws: LocalAWS, credentials: dict[str, str]) -> bool:
    return not isinstance(refusal_of(aws, credentials), tuple)


def refusal_of(aws: LocalAWS, credentials: dict[str, str]) -> tuple[str, int, str] | None:
    try:
        return refused(aws.client("ec2", credentials).describe_instances)
    except AssertionError:
        return None


def test_the_deny_of_a_deleted_session_policy_does_not_vanish(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    role = aws.role("worker", trust_of(ROOT), allow("*"))
    deny = policy({"Effect": "Deny", "Action": "ec2:*", "Resource": "*"})
    arns = [
        iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        for name, document in (("all", policy(allow("*"))), ("not-ec2", deny))
    ]
    credentials = session(aws, role, PolicyArns=[{"arn": arn} for arn in arns])
    assert not may_describe(aws, credentials)
    iam.delete_policy(PolicyArn=arns[1])
    assert not may_describe(aws, credentials)


def test_a_resource_policy_does_not_replace_a_deleted_session_policy(aws: LocalAWS) -> None:
    iam, sqs = aws.client("iam"), aws.client("sqs")
    role = aws.role("worker", trust_of(ROOT), allow("*"))
    arn = iam.create_policy(PolicyName="all", PolicyDocument=policy(allow("*")))["Policy"]["Arn"]
    credentials = session(aws, role, PolicyArns=[{"arn": arn}])
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one"},
        "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders",
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    send = aws.client("sqs", credentials).send_message
    send(QueueUrl=url, MessageBody="m")
    iam.delete_policy(PolicyArn=arn)
    assert refused(send, QueueUrl=url, MessageBody="m")[0] in ("AccessDenied", "AWS.SimpleQueueService.AccessDenied")


# Principals are bound when a policy has been stored


def recreate(aws: LocalAWS, name: str) -> str:
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName=name, PolicyName="own")
    iam.delete_role(RoleName=name)
    return aws.role(name, trust_of(ROOT), allow("sts:AssumeRole"))


def test_a_refused_create_role_does_not_bind_the_existing_trust_policy_again(aws: LocalAWS) -> None:
    caller = aws.role("caller", trust_of(ROOT), allow("sts:AssumeRole"))
    target = aws.role("target", trust_of(caller))
    session(aws, target, session(aws, caller))
    recreate(aws, "caller")
    assert refused(session, aws=aws, role=target, credentials=session(aws, caller))[0] == "AccessDenied"
    create = aws.client("iam").create_role
    refusal = refused(create, RoleName="target", AssumeRolePolicyDocument=policy(trust_of(caller)))
    assert refusal[0] == "EntityAlreadyExists"
    assert refused(session, aws=aws, role=target, credentials=session(aws, caller))[0] == "AccessDenied"
    aws.client("iam").update_assume_role_policy(RoleName="target", PolicyDocument=policy(trust_of(caller)))
    session(aws, target, session(aws, caller))


def test_a_recreated_role_is_not_the_one_that_a_topic_policy_named(aws: LocalAWS) -> None:
    caller = aws.role("caller", trust_of(ROOT), allow("sts:AssumeRole"))
    sns = aws.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    named = policy(trust_of(caller, "sns:Publish", Resource=topic))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=named)
    aws.client("sns", session(aws, caller)).publish(TopicArn=topic, Message="m")
    recreate(aws, "caller")
    publish = aws.client("sns", session(aws, caller)).publish
    assert refused(publish, TopicArn=topic, Message="m")[0] == "AuthorizationError"


def test_a_condition_keeps_the_arn_of_a_recreated_role(aws: LocalAWS) -> None:
    """AWS binds the Principal element alone; a condition compares ARNs as they are written."""
    caller = aws.role("caller", trust_of(ROOT), allow("sts:AssumeRole"))
    condition = {"ArnEquals": {"aws:PrincipalArn": caller}}
    target = aws.role("target", trust_of([ROOT, caller], Condition=condition))
    recreate(aws, "caller")
    session(aws, target, session(aws, caller))


# Policies of buckets


@pytest.fixture
def bucket(aws: LocalAWS) -> Any:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="shop-logs")
    s3.put_object(Bucket="shop-logs", Key="a", Body=b"content")
    s3.put_public_access_block(
        Bucket="shop-logs",
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": True},
    )
    return s3


def grant_to(principal: object, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shop-logs/*",
        **more,
    }


def test_a_restricted_bucket_serves_its_own_account_by_a_public_policy(aws: LocalAWS, bucket: Any) -> None:
    bucket.put_bucket_policy(Bucket="shop-logs", Policy=policy(grant_to("*")))
    aws.set_up_role()
    mine = aws.client("s3", aws.credentials())
    assert mine.get_object(Bucket="shop-logs", Key="a")["Body"].read() == b"content"
    stranger = aws.client("s3", aws.administrator_of("999988887777"))
    assert refused(stranger.get_object, Bucket="shop-logs", Key="a")[0] == "AccessDenied"


def test_a_restricted_bucket_serves_another_account_that_its_policy_names(aws: LocalAWS, bucket: Any) -> None:
    stranger = aws.client("s3", aws.administrator_of("999988887777"))
    bucket.put_bucket_policy(Bucket="shop-logs", Policy=policy(grant_to({"AWS": "999988887777"})))
    assert stranger.get_object(Bucket="shop-logs", Key="a")["Body"].read() == b"content"


def test_an_unrestricted_bucket_serves_another_account_by_a_public_policy(aws: LocalAWS, bucket: Any) -> None:
    stranger = aws.client("s3", aws.administrator_of("999988887777"))
    bucket.delete_public_access_block(Bucket="shop-logs")
    bucket.put_bucket_policy(Bucket="shop-logs", Policy=policy(grant_to("*")))
    assert stranger.get_object(Bucket="shop-logs", Key="a")["Body"].read() == b"content"


def test_a_deny_in_the_public_policy_of_a_restricted_bucket_is_reported_as_one(aws: LocalAWS, bucket: Any) -> None:
    stranger = aws.client("s3", aws.administrator_of("999988887777"))
    document = policy(grant_to("*"), grant_to("*", Effect="Deny"))
    bucket.put_bucket_policy(Bucket="shop-logs", Policy=document)
    assert refused(stranger.get_object, Bucket="shop-logs", Key="a")[0] == "AccessDenied"
    explanation = aws.last_event().explanation
    assert explanation is not None
    assert explanation["decision"] == "ExplicitlyDenied"


@pytest.mark.parametrize(
    ("kind", "in_header", "in_query"), [("REST-HEADER", 200, 403), ("REST-QUERY-STRING", 403, 200)]
)
def test_a_policy_tells_presigned_urls_from_signed_headers(
    aws: LocalAWS, bucket: Any, kind: str, in_header: int, in_query: int
) -> None:
    aws.set_up_role()
    condition = {"StringEquals": {"s3:authType": kind, "s3:signatureversion": "AWS4-HMAC-SHA256"}}
    bucket.put_bucket_policy(Bucket="shop-logs", Policy=policy(grant_to({"AWS": READER}, Condition=condition)))
    mine = aws.client("s3", aws.credentials(), signature_version="s3v4")
    url = mine.generate_presigned_url("get_object", Params={"Bucket": "shop-logs", "Key": "a"})
    assert aws.http.get(url).status_code == in_query
    if in_header == 200:
        assert mine.get_object(Bucket="shop-logs", Key="a")["Body"].read() == b"content"
    else:
        assert refused(mine.get_object, Bucket="shop-logs", Key="a")[1] == in_header
