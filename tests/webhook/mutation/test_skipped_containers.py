"""The annotation that skips containers."""

from __future__ import annotations

import pytest

from support.webhook import mutation_of, pod_of


@pytest.mark.parametrize(
    ("annotation", "skipped"),
    [
        ("a", {"a"}),
        ("a,b", {"a", "b"}),
        ("a, b", {"a", "b"}),
        ('"a"', {"a"}),
        ("a,,b", {"a", "b"}),
        ("", set()),
        ("unknown", set()),
        ('"a', set()),
        ('a"', set()),
        ("a\nb", {"a"}),
    ],
)
def test_which_containers_are_skipped(annotation: str, skipped: set[str]) -> None:
    pod = pod_of(
        {"name": "a"}, {"name": "b"}, {"name": "c"}, annotations={"eks.amazonaws.com/skip-containers": annotation}
    )
    assert {outcome.name for outcome in mutation_of(pod).containers if outcome.reason == "skipped"} == skipped


@pytest.mark.parametrize(("annotation", "warned"), [('"a', True), ("\n", True), ("", False)])
def test_a_malformed_list_of_containers_gets_a_warning(annotation: str, warned: bool) -> None:
    pod = pod_of(annotations={"eks.amazonaws.com/skip-containers": annotation})
    warning = (
        "annotation eks.amazonaws.com/skip-containers is ignored: it must be names of containers separated by commas"
    )
    assert mutation_of(pod).warnings == ([warning] if warned else [])


def test_a_pod_whose_containers_are_all_skipped_gets_nothing() -> None:
    pod = pod_of(annotations={"eks.amazonaws.com/skip-containers": "app"})
    assert mutation_of(pod).patch == b""
    assert mutation_of(pod, pod_identity=True).patch == b""
