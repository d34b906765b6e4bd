"""A process that is killed at any of its writes leaves a real place that the next process finishes."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from podrole.setup.aws_account import AWSAccount
from podrole.setup.wanted import ServiceAccountName
from support import apply_process
from support.world import RunningWorld

WRITES = 7  # provider, role, managed policy, inline policy, namespace, service account, association


def applied(world: RunningWorld, *numbers: int) -> list[int]:
    """Run a process for each number; return what each says (``apply_process``)."""
    kubeconfig = world.directory / ".podrole" / "kubeconfig"
    words = (sys.executable, str(Path(apply_process.__file__)), str(kubeconfig), "written", *map(str, numbers))
    return [int(line) for line in world.ok(*words).splitlines()]


def whole(world: RunningWorld, account: AWSAccount) -> dict[str, Any]:
    """Return what the writes make."""
    found = json.loads(world.ok("kubectl", "get", "serviceaccount", "inventory", "-n", "shop", "-o", "json"))
    provider = account.provider(f"arn:aws:iam::{account.id}:oidc-provider/{str(world.description['issuer'])[8:]}")
    association = account.association("podrole", ServiceAccountName("shop", "orders"))
    assert association is not None
    return {
        "provider": provider,
        "role": account.role("shop"),
        "labels": found["metadata"]["labels"],
        "annotations": found["metadata"]["annotations"],
        "association": (association.account, association.role_arn, association.tags),
    }


def cleared(world: RunningWorld, account: AWSAccount, iam: Any) -> None:
    """Take away what a run made."""
    world.run("kubectl", "delete", "namespace", "shop", "--ignore-not-found")
    for association in account.associations("podrole"):
        world.ok(
            *("aws", "eks", "delete-pod-identity-association", "--cluster-name", "podrole"),
            *("--association-id", association.id),
        )
    role = account.role("shop")
    if role is not None:
        for arn in role.managed:
            iam.detach_role_policy(RoleName="shop", PolicyArn=arn)
        for name in role.inline:
            iam.delete_role_policy(RoleName="shop", PolicyName=name)
        iam.delete_role(RoleName="shop")
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])


def test_processes_that_are_each_killed_after_one_write_converge(
    world: RunningWorld, account: AWSAccount, iam: Any
) -> None:
    assert applied(world, 0) == [WRITES]
    uninterrupted = whole(world, account)
    cleared(world, account, iam)
    assert applied(world, *[1] * WRITES) == [-signal.SIGKILL] * WRITES
    assert whole(world, account) == uninterrupted
    assert applied(world, 0) == [0]
