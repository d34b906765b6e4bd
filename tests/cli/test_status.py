"""What ``podrole status`` says of the issuer: where AWS finds it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from podrole.cli.status import describe
from podrole.world.state import Description, WorldDirectory

WORLD = Description(
    pid=1,
    started_at=0,
    account="111122223333",
    region="us-east-1",
    cluster="podrole",
    aws_url="http://127.0.0.1:1",
    cluster_url="https://127.0.0.1:2",
    webhook_url="https://127.0.0.1:3/mutate",
    webhook_metrics_url="http://127.0.0.1:4/metrics",
    issuer="https://oidc.example.com/prod",
    issuer_port=5,
    thumbprint="ab12",
    pod_identity_url="http://127.0.0.1:6/v1/credentials",
)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"oidc.example.com": ("127.0.0.1", 5)}, "on port 5, thumbprint ab12"),
        ({"oidc.example.com": ("127.0.0.1", 8443)}, "found at 127.0.0.1 port 8443"),
        ({}, "found by DNS"),
    ],
)
def test_place_of_the_issuer(tmp_path: Path, places: dict[str, tuple[str, int]], expected: str) -> None:
    lines = describe(msgspec.structs.replace(WORLD, issuer_places=places), WorldDirectory(tmp_path)).splitlines()
    assert lines[lines.index("Issuer      https://oidc.example.com/prod") + 1].strip() == expected
