"""The walkthrough with EKS Pod Identity: an association instead of an issuer, a provider and an annotation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podrole.cli.demo.shell import CommandOutcome
from podrole.cli.demo.walkthrough import (
    ACCOUNT_NAME,
    FIRST,
    NAMESPACE,
    NO_CREDENTIALS,
    OTHER_NAMESPACE,
    ROLE,
    Walkthrough,
    done,
    expect,
)

CLUSTER = "podrole"
SERVICE = "pods.eks.amazonaws.com"
NAMESPACE_TAG = "aws:RequestTag/kubernetes-namespace"


@dataclass(slots=True)
class AssociationWalkthrough(Walkthrough):
    """The steps with an association. The role is the same but for its trust policy."""

    @property
    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """The steps with their titles, in order."""
        return (
            (FIRST, self.launch_instances),
            ("A pod under the namespace's default service account has no AWS identity", self.pod_without_identity),
            ("A service account for the pod", self.create_service_account),
            ("A role that trusts EKS for pods of that namespace, and may read EC2", self.create_role),
            ("The service account is associated with the role", self.associate),
            ("The pod again, under that service account: it has an identity", self.pod_with_identity),
            ("The refusals: another action, another service account, another namespace", self.refusals),
        )

    def trust_statement(self) -> dict[str, object]:
        return {
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {NAMESPACE_TAG: NAMESPACE}},
        }

    def associate(self) -> None:
        made = self._associate(NAMESPACE)
        association = json.loads(made.stdout)["association"]
        expect(association["roleArn"] == self.role_arn, f"the role {self.role_arn}", made)
        listed = self._aws("eks", "list-pod-identity-associations", "--cluster-name", CLUSTER)
        expect(association["associationId"] in listed.stdout, "the association is listed", listed)

    def pod_with_identity(self) -> None:
        self.run_pods_with_identity()
        injected = (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "/v1/credentials",
            "eks-pod-identity-token",
        )
        pod = self.kubernetes.pod(NAMESPACE, "whoami", *injected, f"audience: {SERVICE}", '"audience"')
        for text in (*injected, SERVICE):
            expect(text in pod.stdout, f"the pod has {text}", pod)
        self.check_identity(self.arn("sts", f"assumed-role/{ROLE}/eks-{CLUSTER}-whoami-"))

    def refused_exchanges(self) -> None:
        done(self.kubernetes.create_service_account(NAMESPACE, "checkout"))
        logs = self._refused(NAMESPACE, "stranger", "checkout", "ec2", "describe-instances")
        expect(NO_CREDENTIALS in logs.output, f"without an association the log says {NO_CREDENTIALS!r}", logs)
        done(self.kubernetes.create_namespace(OTHER_NAMESPACE))
        done(self.kubernetes.create_service_account(OTHER_NAMESPACE, ACCOUNT_NAME))
        self._associate(OTHER_NAMESPACE)
        logs = self._refused(OTHER_NAMESPACE, "stranger", ACCOUNT_NAME, "ec2", "describe-instances")
        expect("does not have permissions to assume the associated role" in logs.output, "EKS may not", logs)
        self._explained(NAMESPACE_TAG, f"expected  {NAMESPACE}", f"got       {OTHER_NAMESPACE}")

    def _associate(self, namespace: str) -> CommandOutcome:
        words = ("--namespace", namespace, "--service-account", ACCOUNT_NAME, "--role-arn", self.role_arn)
        made = self._aws("eks", "create-pod-identity-association", "--cluster-name", CLUSTER, *words)
        done(made)
        return made
