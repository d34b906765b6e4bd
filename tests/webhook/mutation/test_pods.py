"""What is read from a pod."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podrole.webhook.mutation import mutate
from podrole.webhook.pod import Pod, read_pod, service_account_of
from podrole.webhook.settings import InjectionSettings
from support.webhook import ARN, identity_of, pod_of


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
def test_whose_pod_it_is(spec: Any, name: str) -> None:
    assert service_account_of(read_pod({"spec": spec})) == name


def test_a_pod_that_was_read_is_not_changed() -> None:
    pod = read_pod(pod_of({"name": "app", "env": [{"name": "A"}]}))
    before = copy.deepcopy(pod)
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    mutate(pod, identity, InjectionSettings())
    assert isinstance(pod, Pod)
    assert pod == before
