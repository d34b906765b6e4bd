"""The walkthroughs with podrole's own commands for the set-up, in the place of those of aws and kubectl."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podrole.cli.demo.association import CLUSTER, AssociationWalkthrough
from podrole.cli.demo.shell import CommandOutcome
from podrole.cli.demo.walkthrough import (
    ACCOUNT_NAME,
    FIRST,
    NAMESPACE,
    POLICY,
    ROLE,
    Walkthrough,
    done,
    expect,
)

PENDING = 3
"""The exit code of a plan that has not been approved."""


@dataclass(slots=True)
class SetupWalkthrough(Walkthrough):
    """The walkthrough by an annotation, set up by podrole."""

    @property
    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """The steps with their titles, in order."""
        return (
            (FIRST, self.launch_instances),
            ("A pod under the namespace's default service account has no AWS identity", self.pod_without_identity),
            ("The cluster is an OpenID Connect issuer", self.look_at_issuer),
            ("The issuer is registered in IAM as a provider", self.create_provider),
            ("A role and its service account: first the plan, then the changes", self.set_up),
            ("A new pod would get the identity", self.wait),
            ("The pod again, under that service account: it has an identity", self.pod_with_identity),
            ("The refusals: another action, another service account, another namespace", self.refusals),
        )

    def create_provider(self) -> None:
        done(self._podrole("utils", "associate-iam-oidc-provider", "--cluster", CLUSTER, "--approve"))

    def set_up(self) -> None:
        words = ("create", "iamserviceaccount", "--cluster", CLUSTER, "--namespace", NAMESPACE, "--name", ACCOUNT_NAME)
        policy = f"arn:{self.partition}:iam::aws:policy/{POLICY}"
        self._planned_and_done(*words, "--role-name", ROLE, "--attach-policy-arn", policy)

    def wait(self) -> None:
        done(self._podrole("wait", f"{NAMESPACE}/serviceaccount/{ACCOUNT_NAME}", "--timeout", "30s"))

    def _planned_and_done(self, *words: str) -> None:
        plan = self._podrole(*words)
        expect(plan.exit_code == PENDING, "changes are pending", plan)
        made = self._podrole(*words, "--approve")
        expect("a pod that is created now gets its identity" in made.stdout, "the doctor finds no fault", made)

    def _podrole(self, *words: str) -> CommandOutcome:
        return self.shell.run(["podrole", *words])


@dataclass(slots=True)
class AssociationSetupWalkthrough(AssociationWalkthrough, SetupWalkthrough):
    """The walkthrough by an EKS Pod Identity association, set up by podrole."""

    @property
    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """The steps with their titles, in order."""
        return (
            (FIRST, self.launch_instances),
            ("A pod under the namespace's default service account has no AWS identity", self.pod_without_identity),
            ("A role, a service account and their association: first the plan, then the changes", self.set_up),
            ("A new pod would get the identity", self.wait),
            ("The pod again, under that service account: it has an identity", self.pod_with_identity),
            ("The refusals: another action, another service account, another namespace", self.refusals),
        )

    def set_up(self) -> None:
        words = ("create", "podidentityassociation", "--cluster", CLUSTER, "--namespace", NAMESPACE)
        policy = f"arn:{self.partition}:iam::aws:policy/{POLICY}"
        more = ("--role-name", ROLE, "--permission-policy-arns", policy, "--create-service-account")
        self._planned_and_done(*words, "--service-account-name", ACCOUNT_NAME, *more)
