"""The set-up's commands on a running world, and on the same world reached as a foreign cluster and account."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import shlex
import subprocess
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from podrole.base.serving import LOOPBACK
from podrole.cli import sources
from podrole.cli.setup import wait
from podrole.oidc.fetch import Fetcher
from support.commands import Runner
from support.world import RunningWorld, running_world

EC2 = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
S3 = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
ROLE_ARN = "eks.amazonaws.com/role-arn"
NO_ROLE = "arn:aws:iam::111122223333:role/missing"
EC2_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
DONE, NOT_DONE, BAD_INPUT, PENDING = 0, 1, 2, 3
FILE = f"""\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {{name: podrole, region: us-east-1}}
iam:
  withOIDC: true
  serviceAccounts:
  - metadata: {{name: one, namespace: files, labels: {{team: shop}}}}
    attachPolicyARNs: [{EC2}]
  - metadata: {{name: two, namespace: files}}
    wellKnownPolicies: {{autoScaler: true}}
  podIdentityAssociations:
  - namespace: files
    serviceAccountName: three
    createServiceAccount: true
    permissionPolicyARNs: [{S3}]
managedNodeGroups: [{{name: nodes}}]
"""


class Setup:
    """The commands, run in this process, with the world's tools as witnesses."""

    def __init__(self, world: RunningWorld, *place: str, **environment: str) -> None:
        self.world = world
        self.place = place or ("--dir", str(world.directory / ".podrole"))
        self.environment = environment
        given = world.environment
        self.iam, self.eks = (
            boto3.client(
                service,
                endpoint_url=given["AWS_ENDPOINT_URL"],
                region_name=given["AWS_DEFAULT_REGION"],
                aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
                verify=given["AWS_CA_BUNDLE"],
            )
            for service in ("iam", "eks")
        )

    def close(self) -> None:
        self.iam.close()
        self.eks.close()

    def __call__(self, *words: str, code: int = DONE) -> str:
        done = Runner().podrole([*words, *self.place], env={"PODROLE_DIR": None, **self.environment})
        assert done.exit_code == code, done.output
        return done.output

    def json(self, *words: str, code: int = DONE) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*words, "--json", code=code))
        return found

    def kubectl(self, *words: str) -> Any:
        done = subprocess.run(
            ["kubectl", *words, "-o", "json"], env=self.world.environment, capture_output=True, text=True, check=False
        )
        return json.loads(done.stdout) if done.returncode == 0 else None

    def account(self, namespace: str, name: str) -> Any:
        return self.kubectl("get", "serviceaccount", name, "-n", namespace)


def one_line(text: str) -> str:
    """Return an output without its line breaks."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    with running_world(tmp_path_factory.mktemp("set up")) as running:
        yield running


@pytest.fixture(scope="module")
def setup(world: RunningWorld) -> Iterator[Setup]:
    made = Setup(world)
    assert "has no OpenID Connect provider" in made(*create("before"), code=NOT_DONE)
    assert "Nothing has been changed" in made("utils", "associate-iam-oidc-provider", code=PENDING)
    assert made.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    made("utils", "associate-iam-oidc-provider", "--cluster", "podrole", "--approve")
    yield made
    made.close()


def create(name: str, *more: str) -> tuple[str, ...]:
    return ("create", "iamserviceaccount", "--namespace", "shop", "--name", name, "--attach-policy-arn", EC2, *more)


def test_provider_is_made_once(setup: Setup) -> None:
    assert "Nothing to change." in setup("utils", "associate-iam-oidc-provider", "--approve")


def test_service_account_is_created_changed_listed_and_deleted(setup: Setup) -> None:
    plan = setup(*create("inventory"), code=PENDING)
    assert "+ create role podrole-shop-inventory" in plan
    assert "Add --approve to make these changes." in plan
    assert setup.account("shop", "inventory") is None
    done = setup(*create("inventory", "--approve"))
    assert "✓ shop/inventory: a pod that is created now gets its identity" in done
    role = setup.iam.get_role(RoleName="podrole-shop-inventory")["Role"]
    assert setup.account("shop", "inventory")["metadata"]["annotations"][ROLE_ARN] == role["Arn"]
    assert setup.json(*create("inventory", "--approve"))["writes"] == []
    setup("wait", "shop/serviceaccount/inventory", "--timeout", "20s")

    update = ("update", "iamserviceaccount", "--namespace", "shop", "--name", "inventory", "--attach-policy-arn", S3)
    assert [one["field"] for one in setup.json(*update, code=PENDING)["writes"]] == ["managed policy", "managed policy"]
    setup(*update, "--approve")
    attached = setup.iam.list_attached_role_policies(RoleName="podrole-shop-inventory")["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [S3]

    assert "podrole-shop-inventory" in setup("get", "iamserviceaccount", "--namespace", "shop")
    assert "None:" in setup("get", "iamserviceaccount", "--name", "nobody")

    delete = ("delete", "iamserviceaccount", "--namespace", "shop", "--name", "inventory")
    assert "- delete role podrole-shop-inventory" in setup(*delete, code=PENDING)
    setup(*delete, "--approve")
    assert setup.account("shop", "inventory") is None
    with pytest.raises(setup.iam.exceptions.NoSuchEntityException):
        setup.iam.get_role(RoleName="podrole-shop-inventory")
    assert "Nothing to change." in setup(*delete, "--approve")


def test_file_is_applied_printed_and_pruned(setup: Setup, tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(FILE)
    assert "Left alone in the file: managedNodeGroups." in setup("apply", "-f", str(file), code=PENDING)
    report = setup.json("apply", "-f", str(file), "--approve")
    assert (report["applied"]["complete"], report["exit_code"]) == (True, DONE)
    assert {one["service_account"]: one["proven"] for one in report["verified"]} == {
        "files/one": True,
        "files/two": True,
        "files/three": True,
    }
    assert setup.json("apply", "-f", str(file), "--approve")["writes"] == []
    for name in ("one", "three"):
        setup("wait", f"files/serviceaccount/{name}", "--timeout", "20s")

    printed = tmp_path / "printed" / "cluster.yaml"
    printed.parent.mkdir()
    printed.write_text(setup("get", "iamserviceaccount", "--namespace", "files", "-o", "yaml"))
    assert setup.json("apply", "-f", str(printed))["writes"] == []
    printed.write_text(setup("get", "podidentityassociation", "--namespace", "files", "-o", "json"))
    assert setup.json("apply", "-f", str(printed))["writes"] == []

    file.write_text(FILE.replace("serviceAccounts:\n  - metadata: {name: one", "ignored:\n  - metadata: {name: one"))
    assert "cluster.yaml:6:" in setup("apply", "-f", str(file), "--approve", code=BAD_INPUT)
    begin, rest = FILE.split("  - metadata: {name: two")
    file.write_text(begin + rest[rest.index("  podIdentityAssociations") :])
    assert setup.json("apply", "-f", str(file))["writes"] == []
    setup("apply", "-f", str(file), "--prune", "--approve")
    assert setup.account("files", "two") is None
    assert setup.account("files", "one") is not None


def test_what_somebody_else_made_is_refused_until_it_is_adopted(setup: Setup) -> None:
    """The service account keeps what eksctl would wipe."""
    setup.iam.create_role(
        RoleName="podrole-shop-adopted",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )
    manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "adopted", "namespace": "default", "annotations": {"note": "mine"}},
        "imagePullSecrets": [{"name": "registry"}],
        "automountServiceAccountToken": False,
    }
    subprocess.run(
        ["kubectl", "create", "-f", "-"], input=json.dumps(manifest), env=setup.world.environment, text=True, check=True
    )
    words = ("create", "iamserviceaccount", "--name", "adopted", "--attach-policy-arn", EC2)
    words += ("--role-name", "podrole-shop-adopted")
    refused = setup(*words, "--approve", code=NOT_DONE)
    assert "! The role podrole-shop-adopted belongs to somebody else" in refused
    assert "--adopt" in refused
    setup(*words, "--approve", "--adopt")
    account = setup.account("default", "adopted")
    assert account["metadata"]["annotations"]["note"] == "mine"
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert account["automountServiceAccountToken"] is False
    trust = setup.iam.get_role(RoleName="podrole-shop-adopted")["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert setup.json(*words)["writes"] == []


def test_role_in_a_path_is_updated_where_it_is(setup: Setup) -> None:
    """IAM finds a role by its name alone, so a role's ARN says whether it is the one."""
    trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}}
    trust["Action"] = ["sts:AssumeRole", "sts:TagSession"]  # type: ignore[assignment]
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    issuer = setup.eks.describe_cluster(name="podrole")["cluster"]["identity"]["oidc"]["issuer"]
    arn = setup.iam.create_role(
        RoleName="pathed",
        Path="/team/x/",
        AssumeRolePolicyDocument=document,
        Tags=[
            {"Key": "podrole.dev/cluster", "Value": "podrole"},
            {"Key": "podrole.dev/issuer", "Value": issuer.removeprefix("https://")},
        ],
    )["Role"]["Arn"]
    names = ("--namespace", "shop", "--service-account-name", "pathed")
    setup("create", "podidentityassociation", *names, "--role-arn", arn, "--create-service-account", "--approve")
    target = setup.iam.create_role(RoleName="target", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    update = ("update", "podidentityassociation", *names, "--target-role-arn", target)
    written = setup.json(*update, code=PENDING)["writes"]
    assert {one["object"] for one in written} == {"role pathed", "association shop/pathed"}
    assert [one["field"] for one in written if one["object"].startswith("association")] == ["target role"]
    account = ("--namespace", "shop", "--name", "pathed", "--attach-policy-arn", EC2)
    setup("create", "iamserviceaccount", *account[:4], "--attach-role-arn", arn, "--approve")
    written = setup.json("update", "iamserviceaccount", *account, code=PENDING)["writes"]
    assert {one["object"] for one in written} == {"role pathed"}
    taken = ("create", "iamserviceaccount", *account, "--role-name", "pathed", "--approve")
    assert f"{arn} has the same name" in " ".join(setup(*taken, code=NOT_DONE).split())


def test_association_gets_and_loses_what_eks_takes_only_together(setup: Setup, tmp_path: Path) -> None:
    """A session policy needs disabled session tags; the role trusts all associations no longer than one needs it."""
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    )
    target = "arn:aws:iam::444455556666:role/target"
    free = {"namespace": "together", "serviceAccountName": "one", "createServiceAccount": True, "targetRoleARN": target}
    free |= {"permissionPolicyARNs": [S3]}
    limited = {**free, "disableSessionTags": True, "policy": policy}
    file = tmp_path / "together.yaml"
    head: dict[str, Any] = {"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig"}
    head["metadata"] = {"name": "podrole", "region": "us-east-1"}
    for association in (limited, free, limited):
        file.write_text(json.dumps({**head, "iam": {"podIdentityAssociations": [association]}}))
        done = setup.json("apply", "-f", str(file), "--approve")
        assert done["applied"]["complete"]
        assert setup.json("apply", "-f", str(file))["writes"] == []
        trust = setup.iam.get_role(RoleName="podrole-together-one")["Role"]["AssumeRolePolicyDocument"]
        assert ("aws:SourceArn" in json.dumps(trust)) is (association is limited)
    names = ("--namespace", "together", "--service-account-name", "one")
    setup("delete", "podidentityassociation", *names, "--approve")
    roles = [one["RoleName"] for one in setup.iam.list_roles()["Roles"]]
    assert "podrole-together-one" not in roles


def test_prune_leaves_what_another_file_made_for_the_same_role(setup: Setup, tmp_path: Path) -> None:
    text = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {{name: podrole, region: us-east-1}}
iam:
  serviceAccounts:
  - metadata: {{name: {name}, namespace: sharing}}
    roleName: shared-by-files
    attachPolicyARNs: [{policy}]
"""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(text.format(name=name, policy=EC2))
        setup("apply", "-f", str(tmp_path / f"{name}.yaml"), "--prune", "--approve")
    for name in ("a", "b"):
        assert setup.account("sharing", name) is not None
    trust = setup.iam.get_role(RoleName="shared-by-files")["Role"]["AssumeRolePolicyDocument"]
    assert len(trust["Statement"]) == 1


def test_annotation_with_a_role_of_another_account_updates_no_role_of_this_one(setup: Setup) -> None:
    setup(*create("stranger", "--role-name", "stranger", "--approve"))
    elsewhere = "arn:aws:iam::444455556666:role/stranger"
    words = [
        "kubectl",
        "annotate",
        "--overwrite",
        "serviceaccount",
        "stranger",
        "-n",
        "shop",
        f"{ROLE_ARN}={elsewhere}",
    ]
    subprocess.run(words, env=setup.world.environment, check=True, capture_output=True)
    update = ("update", "iamserviceaccount", "--namespace", "shop", "--name", "stranger", "--attach-policy-arn", S3)
    assert elsewhere in setup(*update, "--approve", code=NOT_DONE)


def test_escape_sequences_of_an_annotation_do_not_reach_the_terminal(setup: Setup) -> None:
    names = ("--namespace", "escapes", "--name", "escapes")
    make = ("create", "iamserviceaccount", *names, "--attach-policy-arn", EC2)
    setup(*make, "--approve")
    words = ["kubectl", "annotate", "--overwrite", "serviceaccount", "escapes", "-n", "escapes"]
    words.append(f"{ROLE_ARN}=\x1b]0;evil\x07\x9b2J")
    subprocess.run(words, env=setup.world.environment, check=True, capture_output=True)
    for shown in (
        setup(*make, code=PENDING),
        setup("get", "iamserviceaccount", "--namespace", "escapes"),
        setup("update", "iamserviceaccount", *names, code=NOT_DONE),
        setup("migrate", "--to", "pod-identity", "--namespace", "escapes"),
    ):
        assert not [one for one in shown if not one.isprintable() and one != "\n"]
        assert "evil" in shown
    setup("delete", "iamserviceaccount", *names, "--approve")


def test_pod_keeps_its_identity_through_a_migration(setup: Setup) -> None:
    setup(*create("mover", "--approve"))
    pod = {"spec": {"serviceAccountName": "mover"}}
    run = ["kubectl", "run", "mover", "-n", "shop", "--image=amazon/aws-cli", f"--overrides={json.dumps(pod)}"]
    run += ["--command", "--", "sleep", "1000"]
    subprocess.run(run, env=setup.world.environment, check=True, capture_output=True)
    migrate = ("migrate", "--to", "pod-identity", "--namespace", "shop", "--approve")
    assert "create these pods again, then run the same command once more: mover." in setup(*migrate)
    assert ROLE_ARN in setup.account("shop", "mover")["metadata"]["annotations"]
    delete = ["kubectl", "delete", "pod", "mover", "-n", "shop", "--wait"]
    subprocess.run(delete, env=setup.world.environment, check=True, capture_output=True)
    subprocess.run(run, env=setup.world.environment, check=True, capture_output=True)
    setup(*migrate)
    assert ROLE_ARN not in setup.account("shop", "mover")["metadata"].get("annotations", {})
    setup("migrate", "--to", "irsa", "--namespace", "shop", "--approve")
    assert ROLE_ARN in setup.account("shop", "mover")["metadata"]["annotations"]
    assert setup.eks.list_pod_identity_associations(clusterName="podrole", namespace="shop")["associations"] == []
    subprocess.run(delete, env=setup.world.environment, check=True, capture_output=True)


def nowhere(_host: str, _port: int) -> tuple[str, int]:
    raise OSError(errno.EHOSTUNREACH, "no route")


@pytest.mark.parametrize("reachable", [True, False], ids=["the issuer is reachable", "it is not"])
def test_world_serves_as_a_foreign_cluster_and_account(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reachable: bool
) -> None:
    """Nothing but a kubeconfig and botocore's own credential chain leads there. The issuer's public name leads to the
    world, or nowhere: it must not be looked up on the internet."""
    port = int(str(setup.world.description["issuer_port"]))
    resolve = (lambda _host, _port: (LOOPBACK, port)) if reachable else nowhere
    monkeypatch.setattr(sources, "Fetcher", functools.partial(Fetcher, resolve=resolve))
    given = setup.world.environment
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes(Path(given["KUBECONFIG"]).read_bytes())
    chain = {name: value for name, value in given.items() if name.startswith("AWS_")}
    foreign = Setup(setup.world, "--kubeconfig", str(kubeconfig), **chain)
    try:
        assert "has no name here" in foreign(*create("foreign"), code=BAD_INPUT)
        assert "no cluster another" in foreign(*create("foreign"), "--cluster", "another", code=NOT_DONE)
        cluster = ("--cluster", "podrole")
        foreign("utils", "associate-iam-oidc-provider", *cluster, "--approve")
        words = (*create("foreign"), *cluster)
        assert "+ create role podrole-shop-foreign" in foreign(*words, code=PENDING)
        done = foreign(*words, "--approve")
        # The webhook's address means something on the API server's machine only: wait proves the injection.
        assert "? shop/foreign: " in done
        assert "wait shop/serviceaccount/foreign --kubeconfig" in done
        foreign("wait", "shop/serviceaccount/foreign", "--timeout", "20s")
        assert "shop       foreign" in foreign("get", "iamserviceaccount", *cluster)
        foreign("delete", "iamserviceaccount", "--namespace", "shop", "--name", "foreign", *cluster, "--approve")
        assert foreign.account("shop", "foreign") is None
    finally:
        foreign.close()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("create", "iamserviceaccount", "--name", "x"), "Nothing says what the service account may do."),
        (("create", "iamserviceaccount", "--name", "X", "--attach-policy-arn", EC2), "'X' is not a service account"),
        (("create", "iamserviceaccount", "--name", "x", "-n", "A B", "--attach-policy-arn", EC2), "is not a namespace"),
        (
            ("create", "iamserviceaccount", "--name", "x", "--attach-policy-arn", "nonsense"),
            "--attach-policy-arn cannot",
        ),
        (("create", "iamserviceaccount", "--name", "x", "--well-known-policies", "autoscalar"), "autoScaler"),
        (
            (
                "create",
                "iamserviceaccount",
                "--name",
                "x",
                "--attach-role-arn",
                "arn:aws:iam::111122223333:role/x",
                "--role-name",
                "y",
            ),
            "no policies, name or boundary can stand beside it",
        ),
        (
            (
                "create",
                "podidentityassociation",
                "-n",
                "a",
                "--service-account-name",
                "x",
                "--role-arn",
                "arn:aws:iam::111122223333:role/r",
                "--policy",
                "{}",
            ),
            "EKS takes --policy only with --disable-session-tags.",
        ),
        ((*create("x"), "--tags", "aws:x=y"), "--tags cannot"),
        ((*create("x"), "--cluster", "-"), "is not a cluster's name"),
        ((*create("x"), "--attach-policy-arn", "arn:aws:iam::123:policy/x"), "an ACCOUNT of 12 digits"),
        ((*create("x"), "--cluster", "prod"), "The cluster of a world is called podrole, not prod."),
        (("get", "iamserviceaccount", "-c", "prod"), "The cluster of a world is called podrole, not prod."),
        ((*create("x"), "--region", "eu-west-1"), "is us-east-1, not eu-west-1."),
        (("wait", "shop/serviceaccount/x", "--timeout", "soon"), "is not a duration"),
        (("wait", "nonsense", "--timeout", "1s"), "neither a pod nor a service account"),
        (("apply", "-f", "missing.yaml"), "missing.yaml"),
        (("migrate", "--to", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(setup: Setup, words: tuple[str, ...], expected: str) -> None:
    text = " ".join(setup(*words, code=BAD_INPUT).split())
    assert expected in text


def test_deleting_what_is_not_there_says_so(setup: Setup) -> None:
    names = ("--namespace", "nothing", "--service-account-name", "orders")
    setup(*create("orders", "--namespace", "nothing"), "--approve")
    setup("create", "podidentityassociation", *names, "--permission-policy-arns", EC2, "--approve")
    told = setup("delete", "iamserviceaccount", "-n", "nothing", "--name", "order")
    assert "nothing/order has no role, so there is nothing to delete; did you mean nothing/orders?" in one_line(told)
    told = setup("delete", "podidentityassociation", "-n", "nothing", "--service-account-name", "order")
    assert "no association, so there is nothing to delete; did you mean nothing/orders?" in one_line(told)
    told = setup("delete", "iamserviceaccount", "-n", "nothing", "--name", "entirely-different")
    assert one_line(told).endswith("so there is nothing to delete. Nothing to change.")


def test_plan_ends_with_its_count(setup: Setup) -> None:
    assert "3 to create, 0 to change, 0 to delete." in setup(*create("one", "--namespace", "counted"), code=PENDING)
    setup(*create("one", "--namespace", "counted"), "--approve")
    assert setup.json(*create("two", "--namespace", "counted"), code=PENDING)["counts"] == {
        "create": 2,
        "change": 0,
        "delete": 0,
    }
    deleted = setup.json("delete", "iamserviceaccount", "-n", "counted", "--name", "one", code=PENDING)
    assert deleted["counts"] == {"create": 0, "change": 0, "delete": 2}


@pytest.mark.parametrize("flag", ["--attach-policy-arn", "--permissions-boundary"])
def test_policy_that_does_not_exist_is_refused_in_the_plan(setup: Setup, flag: str) -> None:
    told = one_line(setup(*create("missing"), flag, f"{EC2}s", code=NOT_DONE))
    assert f"The managed policy {EC2}s does not exist" in told
    assert f"Next: name {EC2}, if you mean that one" in told


def test_wait_takes_a_service_account_without_its_kind(setup: Setup) -> None:
    setup(*create("short", "--namespace", "waited"), "--approve")
    assert "waited/short: a pod that is created now gets its identity" in setup(
        "wait", "waited/short", "-r", "us-east-1"
    )


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("podrole", "eu-west-1", "is us-east-1, not eu-west-1."),
        ("prod", "us-east-1", "The cluster of a world is called podrole, not prod."),
    ],
)
def test_file_of_another_place_is_refused_in_a_world(
    setup: Setup, tmp_path: Path, name: str, region: str, expected: str
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(FILE.replace("name: podrole, region: us-east-1", f"name: {name}, region: {region}"))
    assert expected in one_line(setup("apply", "-f", str(file), code=BAD_INPUT))


@pytest.mark.parametrize(("words", "region"), [((), "eu-west-1"), (("--region", "eu-north-1"), "eu-north-1")])
def test_file_chooses_the_region_of_a_real_account(
    setup: Setup, tmp_path: Path, words: tuple[str, ...], region: str
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(FILE.replace("us-east-1", "eu-west-1"))
    given = setup.world.environment
    chain = {name: value for name, value in given.items() if name.startswith("AWS_")}
    foreign = Setup(setup.world, "--kubeconfig", given["KUBECONFIG"], **chain)
    try:
        told = one_line(foreign("apply", "-f", str(file), *words, code=NOT_DONE))
    finally:
        foreign.close()
    assert f"has no cluster podrole in {region}" in told


def test_examples_of_the_page_run_in_a_world_as_they_stand(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "setup.md").read_text()
    examples = page.split("```\n")[1].replace("\\\n", "").splitlines()
    lines = [shlex.split(line) for line in examples if line]
    assert len(lines) > 8
    for _, *line in lines:
        command, _, file = " ".join(line).partition(" > ")
        done = Runner().podrole([*command.split(), *setup.place], env={"PODROLE_DIR": None})
        assert done.exit_code in (DONE, PENDING), (line, done.output)
        if file:
            Path(file).write_text(done.stdout)


def test_without_a_world_and_without_a_cluster_one_sentence_says_so(tmp_path: Path) -> None:
    environment = {"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path), "PODROLE_DIR": None}
    words = [*create("x"), "--cluster", "prod"]
    with contextlib.chdir(tmp_path):
        done = Runner().podrole(words, env=environment)
    assert done.exit_code == NOT_DONE
    assert "No Kubernetes API was found" in done.output
    done = Runner().podrole([*words, "--dir", str(tmp_path)], env=environment)
    assert done.exit_code != 0
    assert f"No world is running in {tmp_path}." in done.output


def test_next_commands_lead_to_the_same_place(setup: Setup, tmp_path: Path) -> None:
    given = setup.world.environment
    kubeconfig = tmp_path / "kube config"
    kubeconfig.write_bytes(Path(given["KUBECONFIG"]).read_bytes())
    chain = {name: value for name, value in given.items() if name.startswith("AWS_")}
    foreign = Setup(setup.world, "--kubeconfig", str(kubeconfig), "--cluster", "podrole", **chain)
    missing = ("create", "iamserviceaccount", "-n", "shop", "--name", "lost", "--attach-role-arn", NO_ROLE, "--approve")
    update = ("update", "iamserviceaccount", "-n", "shop", "--name", "nobody", "--tags", "a=b")
    try:
        for here, where in ((foreign, f" --kubeconfig '{kubeconfig}'"), (setup, f" {' '.join(setup.place[:1])} ")):
            assert f"doctor shop/serviceaccount/lost{where}" in one_line(here(*missing, code=NOT_DONE))
            delete = ("delete", "iamserviceaccount", "-n", "shop", "--name", "lost", "--approve")
            waited = setup("wait", "shop/serviceaccount/lost", "--timeout", "0s", code=NOT_DONE)
            assert "doctor shop/serviceaccount/lost --dir " in one_line(waited)
            here(*delete)
            told = one_line(here(*update, code=NOT_DONE))
            assert f"create iamserviceaccount --namespace shop --name nobody{where}" in told
    finally:
        foreign.close()


@pytest.mark.parametrize("kind", ["iamserviceaccount", "podidentityassociation"])
def test_get_with_json_prints_json(setup: Setup, kind: str) -> None:
    assert setup.json("get", kind)["kind"] == "ClusterConfig"


@pytest.mark.parametrize("kind", ["iamserviceaccount", "podidentityassociation"])
def test_get_says_where_it_found_nothing(setup: Setup, kind: str) -> None:
    assert "in cluster podrole (namespace nowhere)" in setup("get", kind, "--namespace", "nowhere")


def test_namespace_of_two_roles_is_planned_once(setup: Setup, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(FILE.replace("namespace: files", "namespace: planned"))
    assert setup("apply", "-f", str(file), code=PENDING).count("+ create namespace planned") == 1
    writes = setup.json("apply", "-f", str(file), code=PENDING)["writes"]
    assert [one["object"] for one in writes].count("namespace planned") == 1


def test_heading_of_a_plan_is_written_once(setup: Setup) -> None:
    plan = setup(*create("headed", "--attach-policy-arn", S3), code=PENDING)
    assert plan.count("managed policy") == 1
    setup.iam.create_role(RoleName="handmade-headed", AssumeRolePolicyDocument=json.dumps(EC2_TRUST))
    try:
        refused = setup(*create("headed", "--role-name", "handmade-headed"), code=NOT_DONE)
        assert refused.count("~ change role handmade-headed") == 1
    finally:
        setup.iam.delete_role(RoleName="handmade-headed")


def test_file_that_cannot_be_read_is_named_once(setup: Setup, tmp_path: Path) -> None:
    said = one_line(setup("apply", "-f", "missing.yaml", code=BAD_INPUT))
    assert said == "missing.yaml cannot be read: No such file or directory."
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"\xe9")
    assert one_line(setup("apply", "-f", str(file), code=BAD_INPUT)).endswith("cannot be read: it is not UTF-8 text.")


def test_wait_says_at_once_what_it_waits_for(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.9, 1.95, 2.0])  # the beginning, and after each of three looks, however long one takes
    monkeypatch.setattr(wait, "time", types.SimpleNamespace(monotonic=lambda: next(moments)))
    words = ["wait", "shop/serviceaccount/absent", "--timeout", "2s", *setup.place]
    done = Runner().podrole(words, env={"PODROLE_DIR": None})
    assert done.exit_code == NOT_DONE
    assert done.stderr.count("waiting for shop/absent: PR101 The service account does not exist") == 1
    assert "waiting" not in done.stdout


@pytest.mark.parametrize(
    ("words", "step"),
    [
        (
            ("iamserviceaccount", "--name", "typo", "--attach-policy-arn", "arn:aws:iam::aws:policy/Missing"),
            "check its name and account, or create it",
        ),
        (
            ("podidentityassociation", "--service-account-name", "typo", "--role-arn", NO_ROLE),
            "check the role's name and account, and that it trusts pods.eks.amazonaws.com",
        ),
    ],
)
def test_what_aws_does_not_have_is_told_with_a_next_step(setup: Setup, words: tuple[str, ...], step: str) -> None:
    assert step in one_line(setup("create", *words, "--namespace", "shop", "--approve", code=NOT_DONE))


def test_service_account_that_does_not_exist_yet_is_told(setup: Setup) -> None:
    place = ("podidentityassociation", "--namespace", "shop", "--service-account-name", "later")
    done = setup("create", *place, "--permission-policy-arns", S3, "--approve")
    assert "? shop/later: the service account does not exist yet, so nothing was checked" in done
    assert "does not exist yet" not in setup("delete", *place, "--approve")
