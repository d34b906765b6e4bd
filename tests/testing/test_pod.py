"""Programs that run as pods do: as processes of this machine, and in the cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from podrole.testing import Identity, InvalidArrangement, Pod, PodTimeout, World

Pods = Callable[..., Pod]
SHOW = ["sh", "-c", 'echo "$AWS_ROLE_ARN $MORE"; test -s "$AWS_WEB_IDENTITY_TOKEN_FILE"; echo error >&2; exit 3']


@pytest.fixture
def inventory(podrole_identity: Callable[..., Identity]) -> Identity:
    return podrole_identity("shop", "inventory")


@pytest.mark.parametrize("in_cluster", [False, True])
def test_a_program_runs_with_the_identity(podrole_pod: Pods, inventory: Identity, in_cluster: bool) -> None:
    pod = podrole_pod(inventory, SHOW, in_cluster=in_cluster, variables={"MORE": "more"})
    assert pod.wait() == 3
    assert pod.exit_code == 3
    assert pod.logs.splitlines() == [f"{inventory.role_arn} more", "error"]


@pytest.mark.parametrize("in_cluster", [False, True])
def test_a_program_that_goes_on_is_waited_for_so_long_only(
    podrole_pod: Pods, podrole_world: World, inventory: Identity, in_cluster: bool
) -> None:
    pod = podrole_pod(inventory, ["sh", "-c", "echo begun; exec sleep 1000"], in_cluster=in_cluster)
    deadline = time.monotonic() + 20
    while "begun" not in pod.logs and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(PodTimeout, match=r"(?s)has not ended within 0\.1 s.*begun"):
        pod.wait(0.1)
    assert pod.exit_code is None
    podrole_world.reset()  # ends it


@pytest.mark.parametrize(
    ("image", "program", "message"),
    [
        ("registry.example/none:1", "true", "cannot start: ErrImagePull"),
        ("python", "/does/not/exist", "(?s)cannot start: StartError.*/does/not/exist.*no such file"),
    ],
)
def test_a_pod_that_cannot_start_says_why(
    podrole_pod: Pods, inventory: Identity, image: str, program: str, message: str
) -> None:
    pod = podrole_pod(inventory, [program], in_cluster=True, image=image)
    with pytest.raises(InvalidArrangement, match=message):
        pod.wait()


def test_a_pod_that_the_api_server_refuses_is_refused(podrole_pod: Pods, inventory: Identity) -> None:
    with pytest.raises(InvalidArrangement, match="The API server refuses the pod"):
        podrole_pod(inventory, ["true"], in_cluster=True, variables={"": "x"})


def test_a_program_that_does_not_exist_is_an_error_of_the_system(podrole_pod: Pods, inventory: Any) -> None:
    with pytest.raises(FileNotFoundError):
        podrole_pod(inventory, ["/does/not/exist"])
