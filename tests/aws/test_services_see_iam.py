"""There is one IAM: moto's services see podrole's records, at once and after a restart."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from podrole.base.certificates import Authority
from podrole.oidc.keys import SigningKey
from support.aws import ACCOUNT, LocalAWS, allow, local_aws, policy, refused, trust_of

pytestmark = pytest.mark.services

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
MISSING = f"arn:aws:iam::{ACCOUNT}:role/missing"


def service_role(aws: LocalAWS, name: str = "service", path: str = "/") -> str:
    services = ["lambda", "batch", "codepipeline", "ses", "ec2"]
    # A statement for each: moto's CodePipeline reads no lists.
    trust = policy(
        *(
            {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
            for service in services
        )
    )
    made = aws.client("iam").create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust)
    return str(made["Role"]["Arn"])


def code() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): return event\n")
    return content.getvalue()


def create_function(aws: LocalAWS, role: str) -> None:
    aws.client("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Role=role, Handler="main.handler", Code={"ZipFile": code()}
    )


def create_compute_environment(aws: LocalAWS, role: str) -> None:
    aws.client("batch").create_compute_environment(
        computeEnvironmentName="environment", type="UNMANAGED", state="ENABLED", serviceRole=role
    )


def create_pipeline(aws: LocalAWS, role: str) -> None:
    def stage(name: str, action: dict[str, Any], **more: Any) -> dict[str, Any]:
        kind = {"owner": "AWS", "version": "1", **action}
        return {"name": name, "actions": [{"name": "A", "actionTypeId": kind, "runOrder": 1, **more}]}

    stages = [
        stage(
            "Source",
            {"category": "Source", "provider": "S3"},
            configuration={"S3Bucket": "bucket", "S3ObjectKey": "k"},
            outputArtifacts=[{"name": "A"}],
        ),
        stage(
            "Build",
            {"category": "Build", "provider": "CodeBuild"},
            configuration={"ProjectName": "p"},
            inputArtifacts=[{"name": "A"}],
        ),
    ]
    store = {"type": "S3", "location": "bucket"}
    pipeline = {"name": "p", "roleArn": role, "artifactStore": store, "stages": stages}
    aws.client("codepipeline").create_pipeline(pipeline=pipeline)


def create_receipt_rule(aws: LocalAWS, role: str) -> None:
    ses = aws.client("ses")
    if not any(each["Name"] == "set" for each in ses.list_receipt_rule_sets()["RuleSets"]):
        ses.create_receipt_rule_set(RuleSetName="set")
        aws.client("s3").create_bucket(Bucket="mail-of-the-shop")
    action = {"S3Action": {"BucketName": "mail-of-the-shop", "IamRoleArn": role}}
    ses.create_receipt_rule(RuleSetName="set", Rule={"Name": "r", "Enabled": True, "Actions": [action]})


USERS_OF_ROLES: dict[str, tuple[Callable[[LocalAWS, str], None], str]] = {
    "lambda": (create_function, "InvalidParameterValueException"),
    "batch": (create_compute_environment, "InvalidParameterValue"),
    "codepipeline": (create_pipeline, "InvalidStructureException"),
    "ses": (create_receipt_rule, "InvalidParameterValue"),
}


@pytest.mark.parametrize("service", USERS_OF_ROLES)
def test_a_service_finds_a_role_as_soon_as_it_exists_and_not_after_its_end(aws: LocalAWS, service: str) -> None:
    use, code = USERS_OF_ROLES[service]
    assert refused(lambda: use(aws, MISSING))[0].startswith(code)
    role = service_role(aws)
    aws.client("iam").delete_role(RoleName="service")
    assert refused(lambda: use(aws, role))[0].startswith(code)
    use(aws, service_role(aws, path="/team/"))


# Instance profiles


def profile(aws: LocalAWS, name: str = "p") -> str:
    iam = aws.client("iam")
    service_role(aws, f"{name}-role")
    made = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=f"{name}-role")
    return str(made["Arn"])


def run_instance(aws: LocalAWS, **how: str) -> dict[str, Any]:
    made = aws.client("ec2").run_instances(
        ImageId="ami-12c6146b", InstanceType="t2.micro", MinCount=1, MaxCount=1, IamInstanceProfile=how
    )
    return dict(made["Instances"][0])


def test_an_instance_is_started_with_a_profile(aws: LocalAWS) -> None:
    arn = profile(aws)
    assert run_instance(aws, Name="p")["IamInstanceProfile"]["Arn"] == arn
    assert run_instance(aws, Arn=arn)["IamInstanceProfile"]["Arn"] == arn
    refused(lambda: run_instance(aws, Name="missing"))


def test_an_instance_gets_another_profile(aws: LocalAWS) -> None:
    first, second = profile(aws, "first"), profile(aws, "second")
    ec2, started = aws.client("ec2"), run_instance(aws, Name="first")["InstanceId"]
    assert refused(ec2.associate_iam_instance_profile, InstanceId=started, IamInstanceProfile={"Name": "missing"})[
        1
    ] in (400, 404)
    there = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    assert [each["IamInstanceProfile"]["Arn"] for each in there] == [first]
    # By name and ARN together: both mean the same profile.
    ec2.replace_iam_instance_profile_association(
        AssociationId=there[0]["AssociationId"], IamInstanceProfile={"Name": "second", "Arn": second}
    )
    there = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    assert [each["IamInstanceProfile"]["Arn"] for each in there] == [second]


# Certificates, configuration items, accounts


def certificate_and_key() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, SHA256())
    text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return certificate.public_bytes(Encoding.PEM).decode(), text


def test_a_listener_uses_a_server_certificate_of_iam(aws: LocalAWS) -> None:
    body, key = certificate_and_key()
    iam, ec2, elb = aws.client("iam"), aws.client("ec2"), aws.client("elbv2")
    made = iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body, PrivateKey=key)
    arn = made["ServerCertificateMetadata"]["Arn"]
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
    balancer = elb.create_load_balancer(Name="b", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]

    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=443, DefaultActions=[action])
    change = {"ListenerArn": listener["Listeners"][0]["ListenerArn"], "Protocol": "HTTPS"}
    missing = [{"CertificateArn": arn.replace("/c", "/missing")}]
    assert refused(elb.modify_listener, Certificates=missing, **change)[0] == "CertificateNotFound"
    elb.modify_listener(Certificates=[{"CertificateArn": arn}], **change)


def test_config_lists_roles_and_policies(aws: LocalAWS) -> None:
    service_role(aws)
    found = aws.client("config").list_discovered_resources(resourceType="AWS::IAM::Role")["resourceIdentifiers"]
    ids = {role["RoleName"]: role["RoleId"] for role in aws.client("iam").list_roles()["Roles"]}
    assert {each["resourceName"]: each["resourceId"] for each in found} == ids
    made = aws.client("iam").create_policy(PolicyName="p", PolicyDocument=policy(allow("*")))["Policy"]
    found = aws.client("config").list_discovered_resources(resourceType="AWS::IAM::Policy")["resourceIdentifiers"]
    assert [(each["resourceName"], each["resourceId"]) for each in found] == [("p", made["PolicyId"])]


def test_the_role_of_an_account_of_an_organization_is_assumed(aws: LocalAWS) -> None:
    organizations = aws.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(Email="a@example.com", AccountName="a", RoleName="Access")
    account = made["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account}:role/Access"
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    assert aws.client("sts", session).get_caller_identity()["Account"] == account
    # The services act in the account of the caller, and see its IAM.
    other = aws.client("iam", session).create_role(
        RoleName="of-member", AssumeRolePolicyDocument=policy(trust_of(ROOT))
    )
    assert other["Role"]["Arn"] == f"arn:aws:iam::{account}:role/of-member"
    created = aws.client("lambda", session).create_function
    arguments = {"FunctionName": "f", "Runtime": "python3.12", "Handler": "main.handler", "Code": {"ZipFile": code()}}
    assert refused(created, Role=f"arn:aws:iam::{account}:role/missing", **arguments)[1] == 400
    created(Role=other["Role"]["Arn"], **arguments)


def test_what_services_see_survives_a_restart(signing_key: SigningKey, authority: Authority, tmp_path: Path) -> None:
    with local_aws(signing_key, authority, tmp_path) as aws:
        role, arn = service_role(aws), profile(aws)
        create_function(aws, role)
        started = run_instance(aws, Name="p")["InstanceId"]
    with local_aws(signing_key, authority, tmp_path) as aws:
        ec2 = aws.client("ec2")
        found = ec2.describe_instances(InstanceIds=[started])["Reservations"][0]["Instances"][0]
        assert found["IamInstanceProfile"]["Arn"] == arn
        assert ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
        assert run_instance(aws, Arn=arn)["IamInstanceProfile"]["Arn"] == arn
        assert aws.client("lambda").get_function(FunctionName="f")["Configuration"]["Role"] == role
        create_compute_environment(aws, role)
        assert aws.client("iam").get_role(RoleName="service")["Role"]["Arn"] == role


@pytest.mark.parametrize("by", ["Name", "Arn"])
@pytest.mark.parametrize("has_role", [True, False])
def test_instances_and_launch_templates_take_an_instance_profile(aws: LocalAWS, by: str, has_role: bool) -> None:
    iam, ec2 = aws.client("iam"), aws.client("ec2")
    made = iam.create_instance_profile(InstanceProfileName="workers")["InstanceProfile"]
    if has_role:
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        aws.role("worker", trust)
        iam.add_role_to_instance_profile(InstanceProfileName="workers", RoleName="worker")
    profile = {by: "workers" if by == "Name" else made["Arn"]}
    image = ec2.describe_images()["Images"][0]["ImageId"]
    data = {"IamInstanceProfile": profile, "ImageId": image}
    template = ec2.create_launch_template(LaunchTemplateName="workers", LaunchTemplateData=data)["LaunchTemplate"]
    wanted = {"LaunchTemplateId": template["LaunchTemplateId"]}
    assert ec2.run_instances(MinCount=1, MaxCount=1, LaunchTemplate=wanted)["Instances"]
    ec2.run_instances(MinCount=1, MaxCount=1, **data)
    associations = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    assert made["Arn"] in {association["IamInstanceProfile"]["Arn"] for association in associations}


def test_service_that_asks_for_the_caller_finds_the_account(aws: LocalAWS) -> None:
    mesh = aws.client("appmesh").create_mesh(meshName="shop")["mesh"]
    assert mesh["metadata"]["meshOwner"] == ACCOUNT
