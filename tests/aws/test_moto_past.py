"""What moto keeps of the past is cut, so that traffic does not fill a world's memory."""

from __future__ import annotations

import gc
import importlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from podrole.aws.emulator import past
from podrole.aws.emulator.backends import backend
from support import garbage
from support.aws import ACCOUNT, REGION, LocalAWS, refused

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", autouse=True)
def only_new_objects() -> None:
    """Leave what other tests made out of each look through all objects."""
    garbage.collect()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "MOST_HANDLES", 10)


def objects_of(kind: str) -> list[Any]:
    gc.collect()
    return [one for one in gc.get_objects() if type(one).__name__ == kind and type(one).__module__.startswith("moto.")]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_messages_that_were_sent_and_deleted_are_forgotten(aws: LocalAWS) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    for number in range(30):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])  # succeeds again, as in AWS
    assert len(objects_of("Message")) <= 1
    assert len(backend("sqs", ACCOUNT, REGION).queues["queue"].deleted_messages) < 10


def test_objects_that_were_deleted_or_replaced_are_forgotten_with_their_files(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    large = bytes(20_000_000)  # moto keeps such an object in a file
    s3.put_object(Bucket="bucket", Key="kept", Body=large)
    before, open_before = len(objects_of("FakeKey")), descriptors()
    for _ in range(5):
        s3.put_object(Bucket="bucket", Key="key", Body=large)
    s3.delete_object(Bucket="bucket", Key="key")
    assert len(objects_of("FakeKey")) == before
    assert descriptors() <= open_before + 2
    assert not backend("s3", ACCOUNT, "aws").tagger.tags
    assert s3.get_object(Bucket="bucket", Key="kept")["Body"].read() == large


def test_parts_of_a_copied_upload_stay(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    upload = {
        "Bucket": "bucket",
        "Key": "key",
        "UploadId": s3.create_multipart_upload(Bucket="bucket", Key="key")["UploadId"],
    }
    tags = [s3.upload_part(**upload, PartNumber=number, Body=bytes([number]) * 5_500_000)["ETag"] for number in (1, 2)]
    parts = [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/key")
    s3.delete_object(Bucket="bucket", Key="key")
    gc.collect()
    assert s3.get_object(Bucket="bucket", Key="copy")["Body"].read()[:1] == b"\1"


@pytest.mark.parametrize("most", [past.MOST])
def test_notifications_that_were_sent_are_cut(aws: LocalAWS, most: int) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    for number in range(most + 20):
        sns.publish(TopicArn=topic, Message=str(number))
    sent = backend("sns", ACCOUNT, REGION).topics[topic].sent_notifications
    assert len(sent) == most
    assert sent[-1][1] == str(most + 19)


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256"])
def test_a_symmetric_key_has_no_public_key(aws: LocalAWS, spec: str) -> None:
    kms = aws.client("kms")
    kms.list_keys()
    usage = "GENERATE_VERIFY_MAC" if spec.startswith("HMAC") else "ENCRYPT_DECRYPT"
    key = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    assert backend("kms", ACCOUNT, REGION).keys[key].private_key is None
    code, status, message = refused(kms.get_public_key, KeyId=key)
    assert (code, status) == ("UnsupportedOperationException", 400)
    assert spec in message


def test_an_asymmetric_key_signs_and_has_a_public_key(aws: LocalAWS) -> None:
    kms = aws.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signing: dict[str, Any] = {"KeyId": key, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**signing)["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, EllipticCurvePublicKey)
    public.verify(signature, b"m", ECDSA(SHA256()))
    assert kms.verify(**signing, Signature=signature)["SignatureValid"]


def test_every_attribute_that_is_cut_exists() -> None:
    for module in past.CUTS:
        importlib.import_module(module)
    past.before_call()
    assert not past._waiting


def test_networks_of_two_regions_are_joined_again_after_a_reset(aws: LocalAWS) -> None:
    def join() -> str:
        here, there = aws.client("ec2"), aws.client("ec2", region_name="eu-west-1")
        ours = here.create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
        theirs = there.create_vpc(CidrBlock="10.4.0.0/16")["Vpc"]["VpcId"]
        made = here.create_vpc_peering_connection(VpcId=ours, PeerVpcId=theirs, PeerRegion="eu-west-1")
        (seen,) = there.describe_vpc_peering_connections()["VpcPeeringConnections"]
        assert seen["VpcPeeringConnectionId"] == made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        return str(seen["VpcPeeringConnectionId"])

    first = join()
    aws.reset()
    assert join() != first
