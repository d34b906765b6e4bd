"""The EKS webhook's 24 pod fixtures, asked of both personalities."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.strict import mutation as strict
from support.webhook import identity_of, injection, load_vectors, patched, strict_identity_of

CASES = load_vectors("pods.yaml")
BY_NAME = [pytest.param(case, id=case["fixture"]) for case in CASES]

# The EKS webhook's result differs from ours in more than what Go's types add: a field that they do not know is lost.
LOSES_A_FIELD = {"rawPodHasVolumeMount"}


def strict_patch(case: dict[str, Any]) -> bytes:
    settings = injection(**case.get("settings", {}))
    identity = strict_identity_of(case.get("annotations", {}), settings, pod_identity=case.get("pod_identity", False))
    assert identity is not None
    return strict.mutate(strict.read_pod(case["pod"]), identity, settings)


def without_what_go_adds(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_what_go_adds(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if not (key == "resources" and item == {})}
    return [without_what_go_adds(item) for item in value] if isinstance(value, list) else value


def test_every_fixture_is_here() -> None:
    assert len({case["fixture"] for case in CASES}) == 24


@pytest.mark.parametrize("case", BY_NAME)
def test_strict_answers_byte_for_byte(case: dict[str, Any]) -> None:
    assert strict_patch(case).decode() == json.dumps(case["strict"], separators=(",", ":"))


@pytest.mark.parametrize("case", BY_NAME)
def test_podrole_adds_single_entries(case: dict[str, Any]) -> None:
    settings = injection(**case.get("settings", {}))
    identity = identity_of(case.get("annotations", {}), settings, pod_identity=case.get("pod_identity", False))
    assert identity is not None
    mutation = mutate(read_pod(case["pod"]), identity, settings)
    assert mutation.operations == [{"op": "add", "path": path, "value": value} for path, value in case["adds"]]


@pytest.mark.parametrize("case", BY_NAME)
def test_both_personalities_come_to_the_same_pod(case: dict[str, Any]) -> None:
    ours = patched(case["pod"], [{"op": "add", "path": path, "value": value} for path, value in case["adds"]])
    theirs = patched(case["pod"], case["strict"])
    if case["fixture"] in LOSES_A_FIELD:
        assert without_what_go_adds(ours) != without_what_go_adds(theirs)
    else:
        assert without_what_go_adds(ours) == without_what_go_adds(theirs)
