"""``podrole status``: the addresses of the running world."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from podrole.cli.terminal import say
from podrole.world.state import Description, WorldDirectory

_NOT_INSTALLED = "            STS, IAM, EKS and Organizations only: pip install 'podrole[services]' adds the others"


def run(path: Path, *, as_json: bool) -> int:
    """Print the world's addresses. Raises NotRunning."""
    directory = WorldDirectory(path)
    world = directory.running()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(world)).decode())
    else:
        say(describe(world, directory))
    return 0


def _issuer_place(world: Description) -> str:
    """Say where AWS finds the issuer: at a listener of the world, elsewhere on this machine, or by DNS."""
    place = world.issuer_places.get(urlsplit(world.issuer).netloc)
    if place is not None and place[1] == world.issuer_port:
        return f"on port {world.issuer_port}, thumbprint {world.thumbprint}"
    return "found by DNS" if place is None else f"found at {place[0]} port {place[1]}"


def describe(world: Description, directory: WorldDirectory) -> str:
    """Return the addresses, one a line, and how to install the services if they are missing."""
    missing = () if world.services else (_NOT_INSTALLED,)
    return "\n".join(
        (
            f"AWS         {world.aws_url}  account {world.account}, region {world.region}",
            *missing,
            f"Cluster     {world.cluster_url}  named {world.cluster}, kubeconfig {directory.kubeconfig}",
            *((f"            {world.runtime}",) if world.runtime else ()),
            f"Webhook     {world.webhook_url}  metrics {world.webhook_metrics_url}",
            f"Issuer      {world.issuer}",
            f"            {_issuer_place(world)}",
            f"Agent       {world.pod_identity_url}  for EKS Pod Identity",
            f"Events      {directory.events}",
        )
    )
