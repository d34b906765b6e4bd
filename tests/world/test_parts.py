"""What a world gives its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.world.parts import hidden_from_pods
from podrole.world.settings import WorldSettings


@pytest.mark.parametrize(
    ("allowed", "hidden"),
    [
        ((), ["/home/me/.aws", "/home/me/.kube"]),
        (("/home/me",), ["/home/me/.aws", "/home/me/.kube"]),
        (("/home/me/.aws",), ["/home/me/.kube"]),
        (("/home/me/.kube/cache",), ["/home/me/.aws"]),
    ],
)
def test_world_and_credentials_are_hidden_but_for_what_the_person_has_allowed(
    tmp_path: Path, allowed: tuple[str, ...], hidden: list[str]
) -> None:
    world = tmp_path / "world"
    settings = WorldSettings(allow_host_path=allowed)
    found = hidden_from_pods(world, world / "ca-bundle.crt", ("/home/me/.aws", "/home/me/.kube"), settings)
    assert found.hidden == (str(world), *hidden)
    assert found.visible == (str(world / "ca-bundle.crt"),)
