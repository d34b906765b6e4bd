"""The walkthrough's steps with their expected results: an identity by an annotation and a web identity token."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from podrole.cli.demo.kubernetes import Kubernetes
from podrole.cli.demo.shell import CommandOutcome, Shell
from podrole.kube.subjects import subject_of

FIRST = "The world starts, and the account's administrator launches two instances"
NAMESPACE, OTHER_NAMESPACE = "shop", "warehouse"
ACCOUNT_NAME = "inventory"
ROLE = "ec2-reader"
POLICY = "AmazonEC2ReadOnlyAccess"
ANNOTATION = "eks.amazonaws.com/role-arn"
IMAGE_ID = "ami-03cf127a"
NO_CREDENTIALS = "Unable to locate credentials"
NO_CREDENTIALS_EXIT_CODES = ("253", "255")  # of the aws CLI's version 2, and 1
NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


class StepFailed(Exception):
    """A step did not have the expected result."""

    def __init__(self, expected: str, saw: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.saw = saw


@dataclass(slots=True)
class Walkthrough:
    """The steps in one world. Later steps use what earlier ones found out."""

    shell: Shell
    kubernetes: Kubernetes
    account: str
    partition: str
    thumbprint: str
    instances: list[str] = field(default_factory=list)
    issuer: str = ""

    @property
    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """The steps with their titles, in order."""
        return (
            (FIRST, self.launch_instances),
            ("A pod under the namespace's default service account has no AWS identity", self.pod_without_identity),
            ("The cluster is an OpenID Connect issuer", self.look_at_issuer),
            ("The issuer is registered in IAM as a provider", self.create_provider),
            ("A service account for the pod", self.create_service_account),
            ("A role that trusts that service account, and may read EC2", self.create_role),
            ("The service account is annotated with the role", self.annotate),
            ("The pod again, under that service account: it has an identity", self.pod_with_identity),
            ("The refusals: another action, another service account, another namespace", self.refusals),
        )

    @property
    def role_arn(self) -> str:
        return self.arn("iam", f"role/{ROLE}")

    def arn(self, service: str, resource: str) -> str:
        """Write an ARN of the account."""
        return f"arn:{self.partition}:{service}::{self.account}:{resource}"

    @property
    def issuer_path(self) -> str:
        return self.issuer.removeprefix("https://")

    def launch_instances(self) -> None:
        launched = self._aws(
            "ec2", "run-instances", "--image-id", IMAGE_ID, "--count", "2", "--query", "Instances[].InstanceId"
        )
        expect(launched.exit_code == 0, "two instances are launched", launched)
        self.instances = json.loads(launched.stdout)
        expect(len(self.instances) == 2, "two instance ids", launched)

    def pod_without_identity(self) -> None:
        done(self.kubernetes.create_namespace(NAMESPACE))
        done(self.kubernetes.run_pod(NAMESPACE, "before", None, "ec2", "describe-instances"))
        done(self.kubernetes.wait_for(NAMESPACE, "before", "Failed"))
        logs = self.kubernetes.logs(NAMESPACE, "before")
        expect(NO_CREDENTIALS in logs.output, f"the log says {NO_CREDENTIALS!r}", logs)
        state = self.kubernetes.phase_and_exit_code(NAMESPACE, "before")
        phase, _, exit_code = state.stdout.strip().partition(" ")
        expect(phase == "Failed", "the phase is Failed", state)
        expect(exit_code in NO_CREDENTIALS_EXIT_CODES, "the exit code is the CLI's for missing credentials", state)

    def look_at_issuer(self) -> None:
        query = "cluster.identity.oidc.issuer"
        described = self._aws("eks", "describe-cluster", "--name", "podrole", "--query", query, "--output", "text")
        self.issuer = described.stdout.strip()
        expect(self.issuer.startswith("https://"), "an issuer over https", described)
        documents = self.kubernetes.issuer_documents()
        expect(f'"{self.issuer}"' in documents.stdout, "the discovery document names that issuer", documents)
        expect('"kid"' in documents.stdout and '"RSA"' in documents.stdout, "the issuer publishes its keys", documents)

    def create_provider(self) -> None:
        created = self._aws(
            "iam",
            "create-open-id-connect-provider",
            "--url",
            self.issuer,
            "--client-id-list",
            "sts.amazonaws.com",
            "--thumbprint-list",
            self.thumbprint,
        )
        arn = self.arn("iam", f"oidc-provider/{self.issuer_path}")
        expect(arn in created.stdout, f"a provider {arn}", created)

    def create_service_account(self) -> None:
        metadata = {"name": ACCOUNT_NAME, "namespace": NAMESPACE}
        manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        self._file("service-account.yaml", yaml.safe_dump(manifest, sort_keys=False))
        done(self.kubernetes.apply_service_account(manifest, "service-account.yaml"))

    def trust_statement(self) -> dict[str, object]:
        """Return the statement of the role's trust policy."""
        return {
            "Effect": "Allow",
            "Principal": {"Federated": self.arn("iam", f"oidc-provider/{self.issuer_path}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{self.issuer_path}:sub": subject_of(NAMESPACE, ACCOUNT_NAME),
                    f"{self.issuer_path}:aud": "sts.amazonaws.com",
                }
            },
        }

    def create_role(self) -> None:
        document = {"Version": "2012-10-17", "Statement": [self.trust_statement()]}
        self._file("trust.json", json.dumps(document, indent=2) + "\n")
        created = self._aws(
            "iam",
            "create-role",
            "--role-name",
            ROLE,
            "--assume-role-policy-document",
            "file://trust.json",
            "--query",
            "Role.Arn",
            "--output",
            "text",
        )
        expect(created.stdout.strip() == self.role_arn, f"the role {self.role_arn}", created)
        policy = f"arn:{self.partition}:iam::aws:policy/{POLICY}"
        done(self._aws("iam", "attach-role-policy", "--role-name", ROLE, "--policy-arn", policy))

    def annotate(self) -> None:
        done(self.kubernetes.annotate_service_account(NAMESPACE, ACCOUNT_NAME, ANNOTATION, self.role_arn))
        described = self.kubernetes.describe_service_account(NAMESPACE, ACCOUNT_NAME)
        expect(self.role_arn in described.stdout, "the description shows the annotation", described)

    def run_pods_with_identity(self) -> None:
        """Run two pods: one calls GetCallerIdentity, one lists the instances."""
        done(self.kubernetes.run_pod(NAMESPACE, "whoami", ACCOUNT_NAME, "sts", "get-caller-identity"))
        done(self.kubernetes.run_pod(NAMESPACE, "after", ACCOUNT_NAME, "ec2", "describe-instances"))
        done(self.kubernetes.wait_for(NAMESPACE, "whoami", "Succeeded"))

    def pod_with_identity(self) -> None:
        self.run_pods_with_identity()
        injected = (
            "AWS_ROLE_ARN",
            self.role_arn,
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "serviceaccount/token",
            "aws-iam-token",
        )
        projected = ("audience: sts", "expirationSeconds: 86400", '"audience"')
        pod = self.kubernetes.pod(NAMESPACE, "whoami", *injected, *projected)
        for text in injected:
            expect(text in pod.stdout, f"the pod has {text}", pod)
        self.check_identity(self.arn("sts", f"assumed-role/{ROLE}/"))

    def check_identity(self, session: str) -> None:
        """Check that the first pod was a session whose ARN begins so, and that the second saw the instances."""
        identity = self.kubernetes.logs(NAMESPACE, "whoami")
        expect(session in identity.stdout, f"a session {session}…", identity)
        done(self.kubernetes.wait_for(NAMESPACE, "after", "Succeeded"))
        listed = self.kubernetes.logs(NAMESPACE, "after")
        reservations = json.loads(listed.stdout)["Reservations"]
        instance_ids = sorted(instance["InstanceId"] for each in reservations for instance in each["Instances"])
        expect(instance_ids == sorted(self.instances), f"the instances {', '.join(self.instances)}", listed)

    def refusals(self) -> None:
        self.refused_action()
        self.refused_exchanges()

    def refused_action(self) -> None:
        arguments = ("ec2", "run-instances", "--image-id", IMAGE_ID)
        logs = self._refused(NAMESPACE, "launch", ACCOUNT_NAME, *arguments)
        expect("UnauthorizedOperation" in logs.output, "UnauthorizedOperation", logs)
        self._explained(f"{ROLE}/", "ec2:RunInstances", POLICY, "ec2:Describe*")

    def refused_exchanges(self) -> None:
        wanted = subject_of(NAMESPACE, ACCOUNT_NAME)
        done(self.kubernetes.create_service_account(NAMESPACE, "checkout"))
        self._refused_exchange(NAMESPACE, "checkout", wanted)
        done(self.kubernetes.create_namespace(OTHER_NAMESPACE))
        done(self.kubernetes.create_service_account(OTHER_NAMESPACE, ACCOUNT_NAME))
        self._refused_exchange(OTHER_NAMESPACE, ACCOUNT_NAME, wanted)

    def _refused_exchange(self, namespace: str, name: str, wanted: str) -> None:
        done(self.kubernetes.annotate_service_account(namespace, name, ANNOTATION, self.role_arn))
        logs = self._refused(namespace, "stranger", name, "ec2", "describe-instances")
        expect(NOT_AUTHORIZED in logs.output, NOT_AUTHORIZED, logs)
        subject = subject_of(namespace, name)
        self._explained(f"{self.issuer_path}:sub", f"expected  {wanted}", f"got       {subject}")

    def _refused(self, namespace: str, pod: str, service_account: str, *arguments: str) -> CommandOutcome:
        done(self.kubernetes.run_pod(namespace, pod, service_account, *arguments))
        done(self.kubernetes.wait_for(namespace, pod, "Failed"))
        return self.kubernetes.logs(namespace, pod)

    def _explained(self, *texts: str) -> None:
        """Show the event log's explanation of the last refusal, and check that it contains ``texts``."""
        events = self.shell.run(["podrole", "events", "--refused", "--last", "1", "--why"])
        for text in texts:
            expect(text in events.stdout, f"the explanation says {text!r}", events)

    def _aws(self, *words: str) -> CommandOutcome:
        return self.shell.run(["aws", *words])

    def _file(self, name: str, content: str) -> None:
        (Path(self.shell.directory) / name).write_text(content)
        self.shell.note(f"cat {name}", content)


def expect(condition: bool, expected: str, outcome: CommandOutcome) -> None:
    """Raise StepFailed unless ``condition`` holds."""
    if not condition:
        raise StepFailed(expected, f"$ {outcome.command}\n{outcome.output}(exit code {outcome.exit_code})")


def done(outcome: CommandOutcome) -> None:
    """Raise StepFailed unless the command succeeded."""
    expect(outcome.exit_code == 0, "exit code 0", outcome)
