"""An issuer is made and published on the strict local AWS, with the policies that the documentation prints."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from podrole.base.certificates import Authority
from podrole.cli.issuer import clock_check, clocks
from podrole.cli.issuer.publish_commands import add_publish_commands
from podrole.doctor.sources.aws_session import Access, AWSSession
from podrole.hosting.account import AWSHosting
from podrole.hosting.bucket_store import BucketStore
from podrole.hosting.permissions import hosting_policy, publishing_policy
from podrole.issuer.key_files import new_key_file
from podrole.issuer.publishing import DISCOVERY, KEYS, RECORD
from podrole.oidc.keys import SigningKey
from podrole.setup.errors import CallFailed
from podrole.setup.writes import AccountCall
from support.aws import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, LocalAWS, local_aws, refused

pytestmark = pytest.mark.services
DONE, NOT_DONE, BAD_INPUT, PENDING = 0, 1, 2, 3
PAGE = (Path(__file__).parents[2] / "docs" / "issuer.md").read_text()
ADMINISTRATOR = {"AccessKeyId": ADMIN_KEY, "SecretAccessKey": ADMIN_SECRET}
NEEDED = {one for statement in hosting_policy("my-bucket")["Statement"] for one in statement["Action"]} - {
    "cloudfront:TagResource",  # AWS asks for it; the local AWS takes the right to create for enough
    "s3:PutBucketPublicAccessBlock",  # only for a bucket whose settings somebody changed
}
BLOCK = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


@pytest.fixture(scope="module")
def running_aws() -> Iterator[LocalAWS]:
    with local_aws(SigningKey.generate("RS256"), Authority.create("tests", now=time.time())) as running:
        yield running


@pytest.fixture
def aws(running_aws: LocalAWS) -> LocalAWS:
    running_aws.reset()
    running_aws.client("s3")  # skips the test if there are no services
    return running_aws


Run = Callable[..., str]


@pytest.fixture
def run(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command of ``podrole issuer`` on the local AWS, as the administrator or with an access key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    app = typer.Typer()
    add_publish_commands(app)

    def command(*words: str, code: int = DONE, key: dict[str, str] = ADMINISTRATOR) -> str:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        done = CliRunner().invoke(app, [*words, "--region", "us-east-1"])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    return command


@pytest.fixture
def public_key(tmp_path: Path) -> str:
    (tmp_path / "sa.key").write_bytes(SigningKey.generate("ES256").to_pem())
    new_key_file(tmp_path / "sa.key")
    return str(tmp_path / "sa.pub")


def user(aws: LocalAWS, name: str, *policies: dict[str, Any]) -> dict[str, str]:
    return aws.user(name, *(statement for one in policies for statement in one["Statement"]))


def init(*more: str, bucket: str = "my-bucket", prefix: str = "prod") -> tuple[str, ...]:
    return ("init", "--name", "prod", "--to", f"s3://{bucket}/{prefix}".rstrip("/"), *more)


def test_issuer_behind_cloudfront_is_made_published_and_made_again_with_the_printed_policies(
    aws: LocalAWS, run: Run, public_key: str
) -> None:
    maker = user(aws, "maker", hosting_policy("my-bucket", "prod"))
    publisher = user(aws, "publisher", publishing_policy("my-bucket", "prod"))
    shown = run(*init(), key=maker, code=PENDING)
    assert "Add --approve" in shown
    assert refused(aws.client("s3").head_bucket, Bucket="my-bucket")[0] == "404"
    made = json.loads(run(*init("--approve", "--json"), key=maker))
    issuer = made["issuer"]
    assert re.fullmatch(r"https://[a-z0-9]+\.cloudfront\.net/prod", issuer)
    assert made["record"] == {"issuer": issuer, "cacheSeconds": 300, "longestTokenSeconds": 86_400, "keys": []}
    run("publish", "--cluster", "prod", "--key", public_key, "--to", "s3://my-bucket/prod", key=publisher)
    assert "Nothing to change." in run(*init("--approve"), key=maker)
    assert "Nothing to change." in run(*init(), key=maker)
    s3 = aws.client("s3")
    assert s3.get_public_access_block(Bucket="my-bucket")["PublicAccessBlockConfiguration"] == BLOCK
    tags = [{"Key": "podrole.dev/issuer-name", "Value": "prod"}]
    assert s3.get_bucket_tagging(Bucket="my-bucket")["TagSet"] == tags
    (distribution,) = aws.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert aws.client("cloudfront").list_tags_for_resource(Resource=distribution["ARN"])["Tags"]["Items"] == tags
    (statement,) = json.loads(s3.get_bucket_policy(Bucket="my-bucket")["Policy"])["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceArn": distribution["ARN"]}}
    assert aws.http.get(f"{aws.url}/my-bucket/prod/{DISCOVERY}").status_code == 403, "only CloudFront may read it"
    discovery = s3.get_object(Bucket="my-bucket", Key=f"prod/{DISCOVERY}")
    assert json.loads(discovery["Body"].read())["issuer"] == issuer
    assert discovery["CacheControl"] == "public, max-age=300"


def test_public_bucket_shows_its_two_documents_and_nothing_else(aws: LocalAWS, run: Run, public_key: str) -> None:
    maker = user(aws, "maker", hosting_policy("my-bucket", "prod", public=True))
    made = json.loads(run(*init("--public-bucket", "--approve", "--json"), key=maker))
    assert made["issuer"] == "https://my-bucket.s3.us-east-1.amazonaws.com/prod"
    run("publish", "--cluster", "prod", "--key", public_key, "--to", "s3://my-bucket/prod", key=maker)
    assert "Nothing to change." in run(*init("--public-bucket"), key=maker)
    answers = {path: aws.http.get(f"{aws.url}/my-bucket/prod/{path}").status_code for path in (DISCOVERY, KEYS, RECORD)}
    assert answers == {DISCOVERY: 200, KEYS: 200, RECORD: 403}


def test_account_that_blocks_public_access_refuses_the_public_bucket(aws: LocalAWS, run: Run) -> None:
    session = AWSSession(Access(aws.url, "us-east-1", key_id=ADMIN_KEY, secret=ADMIN_SECRET), "tests")
    session.call("s3control", "put_public_access_block", AccountId=ACCOUNT, PublicAccessBlockConfiguration=BLOCK)
    said = run(*init("--public-bucket", "--approve"), code=NOT_DONE)
    assert "Block Public Access of account 111122223333 forbids public buckets" in said
    assert "leave --public-bucket out" in said
    assert refused(aws.client("s3").head_bucket, Bucket="my-bucket")[0] == "404"


@pytest.mark.parametrize(("ahead", "told"), [(-3_600, "behind"), (3_600, "ahead of")])
def test_key_is_not_published_while_the_clock_differs_from_that_of_s3(
    run: Run, public_key: str, monkeypatch: pytest.MonkeyPatch, ahead: int, told: str
) -> None:
    run(*init("--approve"))
    publish = ("publish", "--cluster", "prod", "--key", public_key, "--to", "s3://my-bucket/prod")
    with monkeypatch.context() as turned:
        for module in (clocks, clock_check):
            turned.setattr(module, "system_clock", lambda: time.time() + ahead)
        assert f"clock is {told} the clock of S3" in run(*publish, code=NOT_DONE)
    assert "It has no keys yet." in run("rotate", "status", "--to", "s3://my-bucket/prod")
    assert "compared with no other" not in run(*publish)


def test_second_prefix_shares_the_distribution(aws: LocalAWS, run: Run) -> None:
    one = json.loads(run(*init("--approve", "--json")))
    two = json.loads(run(*init("--approve", "--json", prefix="staging")))
    assert one["issuer"].rpartition("/")[0] == two["issuer"].rpartition("/")[0]
    statements = json.loads(aws.client("s3").get_bucket_policy(Bucket="my-bucket")["Policy"])["Statement"]
    assert len(statements) == 2


@pytest.mark.parametrize("survived", range(7))
def test_second_run_goes_on_when_the_network_is_gone_before_a_write(
    aws: LocalAWS, run: Run, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    left = survived
    call, write = AWSHosting.call, BucketStore.write

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise CallFailed("AWS did not answer: the network is gone.")

    def lost_call(self: AWSHosting, what: AccountCall) -> None:
        count()
        call(self, what)

    def lost_write(self: BucketStore, *given: Any) -> None:
        count()
        write(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(AWSHosting, "call", lost_call)
        patch.setattr(BucketStore, "write", lost_write)
        said = run(*init("--approve"), code=NOT_DONE if survived < 6 else DONE)
    if survived < 6:
        assert "AWS did not answer: the network is gone." in said
    if 0 < survived < 4:
        assert f"{survived} change" in said
    run(*init(), code=PENDING if survived < 6 else DONE)
    run(*init("--approve"))
    assert "Nothing to change." in run(*init())
    assert len(aws.client("cloudfront").list_distributions()["DistributionList"]["Items"]) == 1
    assert len(aws.client("cloudfront").list_origin_access_controls()["OriginAccessControlList"]["Items"]) == 1


@pytest.mark.parametrize("action", sorted(NEEDED))
def test_missing_permission_is_named_with_the_statement_that_grants_it(aws: LocalAWS, run: Run, action: str) -> None:
    statements = [
        {**one, "Action": [each for each in one["Action"] if each != action]}
        for one in hosting_policy("my-bucket", "prod")["Statement"]
    ]
    maker = user(aws, "maker", {"Statement": statements})
    said = run(*init("--approve"), key=maker, code=NOT_DONE)
    assert action in said
    assert '"Effect": "Allow"' in said or "add s3:ListBucket" in said


def test_bucket_of_somebody_else_and_of_another_account_is_refused(aws: LocalAWS, run: Run) -> None:
    aws.client("s3").create_bucket(Bucket="theirs-1")
    assert "belongs to somebody else" in run(*init("--approve", bucket="theirs-1"), code=NOT_DONE)
    other = aws.administrator_of("444455556666")
    aws.client("s3", other).create_bucket(Bucket="theirs-2")
    assert "belongs to another account" in run(*init("--approve", bucket="theirs-2"), code=NOT_DONE)


def test_own_bucket_with_a_url_that_is_served_elsewhere_needs_nothing_made(aws: LocalAWS, run: Run) -> None:
    aws.client("s3").create_bucket(Bucket="theirs-3")
    place = ("--issuer", "https://oidc.example.com/x", "--to", "s3://theirs-3/x")
    run("init", *place, code=PENDING)
    run("init", "--approve", *place)
    assert refused(aws.client("s3").get_bucket_policy, Bucket="theirs-3")[0] == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("init", "--to", "s3://my-bucket"), "--name"),
        (("init", "--to", "s3://My_Bucket", "--name", "prod"), "is not the name of a bucket"),
        (("init", "--to", "s3://my-bucket/a?b", "--name", "prod"), "cannot have the path"),
        (("init", "--to", "dir:site"), "--issuer"),
        (("init", "--to", "s3://my-bucket", "--issuer", "https://a.example.com", "--cloudfront"), "leave one"),
        (("init", "--to", "s3://my-bucket", "--name", "A B"), "is not an issuer's name"),
    ],
)
def test_bad_input_is_told(run: Run, words: tuple[str, ...], expected: str) -> None:
    assert expected in " ".join(run(*words, code=BAD_INPUT).split())


@pytest.mark.parametrize("policy", [hosting_policy("my-bucket", "prod"), publishing_policy("my-bucket", "prod")])
def test_documentation_prints_the_policy(policy: dict[str, Any]) -> None:
    printed = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert policy in printed
