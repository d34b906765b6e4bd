"""What is read from a pod."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from podrole.webhook.patch.injection_plan import plan_injection
from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import Pod, read_pod, service_account_of
from podrole.webhook.settings import InjectionSettings
from podrole.webhook.strict import mutation as strict
from support.webhook import ARN, identity_of, injection, mutation_of, patched, pod_of, reasons, strict_identity_of


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"serviceAccountName": "sa"}, "sa"),
        ({"serviceAccountName": "sa", "serviceAccount": "old"}, "sa"),
        ({"serviceAccount": "old"}, "old"),
        ({"serviceAccountName": ""}, "default"),
        ({"serviceAccountName": None}, "default"),
        ({}, "default"),
        (None, "default"),
    ],
)
def test_the_service_account_of_a_pod(spec: Any, name: str) -> None:
    assert service_account_of(read_pod({"spec": spec})) == name


def test_mutate_does_not_change_its_input() -> None:
    pod = read_pod(pod_of({"name": "app", "env": [{"name": "A"}]}))
    before = copy.deepcopy(pod)
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    mutate(pod, identity, InjectionSettings())
    assert isinstance(pod, Pod)
    assert pod == before


@pytest.mark.parametrize("pod_identity", [False, True])
def test_nothing_is_added_after_the_eks_webhook(pod_identity: bool) -> None:
    """On EKS that one is asked too; it is given a region and an STS setting, and here neither is."""
    pod = pod_of({"name": "app"}, {"name": "proxy"})
    amazons = injection(aws_default_region="eu-west-1", sts_regional_endpoint=True)
    theirs = strict_identity_of({"role-arn": ARN}, amazons, pod_identity=pod_identity)
    assert theirs is not None
    operations = json.loads(strict.mutate(strict.read_pod(pod), theirs, amazons, jitter=0))
    mutation = mutation_of(patched(pod, operations), {"role-arn": ARN}, pod_identity=pod_identity)
    assert (mutation.patch, mutation.warnings) == (b"", [])
    assert reasons(mutation) == [("app", "complete"), ("proxy", "complete")]


def test_what_the_pods_of_a_service_account_share_cannot_be_changed() -> None:
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    plan = plan_injection(identity, InjectionSettings(), windows=False)
    mutation = mutation_of(pod_of())
    for shared in (identity, plan, plan.groups[0], mutation, mutation.containers[0]):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(shared, shared.__struct_fields__[0], None)


@pytest.mark.parametrize(
    ("name", "shown"), [("n" * 63, "n" * 63), ("n" * 64, "n" * 62 + "…"), ("a\nb", "a b"), (None, "")]
)
def test_a_name_is_shown_in_one_line_as_long_as_a_name_may_be(name: str | None, shown: str) -> None:
    assert reasons(mutation_of(pod_of({"name": name}))) == [(shown, "injected")]
