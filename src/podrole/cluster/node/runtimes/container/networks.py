"""The networks of a world: one that pods are on, and one by which they reach the EKS Pod Identity agent.

A bridge's gateway is this machine's own address on it, where the world's listeners are found. SDKs take credentials
over plain HTTP only from a few addresses, 169.254.170.23 among them, so a second bridge has it for its gateway. A
machine has that address once: a second world goes without.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from podrole.cluster.node.runtimes.container.configuration import WORLD_LABEL
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable

CREDENTIALS_ADDRESS = "169.254.170.23"
_BRIDGE_NAME = "com.docker.network.bridge.name"  # by which a person finds the interface
_SMALLEST_PREFIX = 25
"""A smaller network has no room for Services: their addresses are half of it, of which the first are reserved."""
_CREDENTIALS_SUBNET = "169.254.170.0/24"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A network of the engine. ``gateway`` is this machine's address on it, ``subnet`` in CIDR notation. ``services``
    is the part of the subnet whose addresses no container gets, None if all may."""

    name: str
    subnet: str
    gateway: str
    services: IPv4Network | None = None


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a world. ``credentials`` is None where another network has its addresses."""

    pods: Bridge
    credentials: Bridge | None


def world_id(directory: Path) -> str:
    """Return what the engine's objects of a world are labelled with: it is the same at the world's next start."""
    place = f"{os.uname().nodename}\0{directory.absolute()}"
    return hashlib.sha256(place.encode()).hexdigest()[:12]


async def make_networks(
    engine: Engine, world: str, *, agent: bool = True, internet: bool = True, services: bool = False
) -> Networks:
    """Remove what an earlier run of the world has left, and make its networks. Raises EngineUnusable.

    ``agent`` says whether there is an EKS Pod Identity agent, ``internet`` whether pods reach other hosts, ``services``
    whether half of the pods' network is kept for Services.
    """
    await remove_everything(engine, world)
    try:
        pods = await _make(engine, world, "", {"Internal": not internet})
        if services:
            pods = await _with_services(engine, world, pods, internet=internet)
    except EngineRefusal as refusal:
        raise EngineUnusable(
            "The container engine could not make a bridge network for the pods.",
            got=refusal.what,
            next_step="see what the engine needs for bridge networks, or use --runtime process",
        ) from refusal
    if not agent:
        return Networks(pods, None)
    config = {"Subnet": _CREDENTIALS_SUBNET, "Gateway": CREDENTIALS_ADDRESS}
    options = {"Internal": True, "IPAM": {"Config": [config]}}
    try:
        credentials = await _make(engine, world, "-credentials", options)
    except EngineRefusal as refusal:
        _log.warning("pods cannot have the address %s of EKS Pod Identity: %s", CREDENTIALS_ADDRESS, refusal.what)
        credentials = None
    return Networks(pods, credentials)


async def remove_containers(engine: Engine, world: str) -> int:
    """Remove every container of a world, and return how many there were."""
    existing = await engine.call("GET", "/containers/json", all="true", filters=_of(world))
    # First what is in a sandbox, then the sandboxes: some engines refuse to remove what another one depends on.
    joined = [container["Id"] for container in existing if len(container["Labels"]) > 2]
    sandboxes = [container["Id"] for container in existing if container["Id"] not in joined]
    for containers in (joined, sandboxes):
        await asyncio.gather(*(remove_container(engine, each) for each in containers))
    return len(existing)


async def remove_container(engine: Engine, container: str, *, ended: bool = False) -> None:
    """End a container, unless it has ended, and remove it with its anonymous volumes; nothing happens if it is gone."""
    if not ended:  # the engine's own way to end it asks first, and waits for seconds
        with contextlib.suppress(EngineRefusal):
            await engine.call("POST", f"/containers/{container}/kill", signal="KILL")
    try:
        await engine.call("DELETE", f"/containers/{container}", force="true", v="true")
    except EngineRefusal as refusal:
        if refusal.status not in (404, 409):  # gone, or its removal is in progress
            _log.warning("a container could not be removed: %s", refusal.what)


async def remove_everything(engine: Engine, world: str) -> None:
    """Remove every container and network of a world. Only what has its label is touched."""
    if number := await remove_containers(engine, world):
        _log.info("removed %d containers that were left", number)
    for network in await engine.call("GET", "/networks", filters=_of(world)):
        try:
            await engine.call("DELETE", f"/networks/{network['Name']}")
        except EngineRefusal as refusal:
            if refusal.status != 404:
                _log.warning("a network could not be removed: %s", refusal.what)


def _of(world: str) -> dict[str, list[str]]:
    return {"label": [f"{WORLD_LABEL}={world}"]}


async def _make(engine: Engine, world: str, suffix: str, options: Mapping[str, Any]) -> Bridge:
    name = f"podrole-{world}{suffix}"
    bridge = {_BRIDGE_NAME: f"pr-{world[:8]}{suffix[1:2]}"}
    body = {"Name": name, "Driver": "bridge", "Options": bridge, "Labels": {WORLD_LABEL: world}, **options}
    await engine.call("POST", "/networks/create", body)
    made = await engine.call("GET", f"/networks/{name}")
    config = next(each for each in made["IPAM"]["Config"] if "." in each["Subnet"])
    return Bridge(name, config["Subnet"], config["Gateway"])


async def _with_services(engine: Engine, world: str, bridge: Bridge, *, internet: bool) -> Bridge:
    """Make the network again, where the engine has found a place for it, with addresses that containers do not get."""
    network = IPv4Network(bridge.subnet)
    if network.prefixlen > _SMALLEST_PREFIX:
        return bridge
    low, high = network.subnets(1)
    await engine.call("DELETE", f"/networks/{bridge.name}")
    config = {"Subnet": bridge.subnet, "Gateway": bridge.gateway, "IPRange": str(low)}
    made = await _make(engine, world, "", {"Internal": not internet, "IPAM": {"Config": [config]}})
    return dataclasses.replace(made, services=high)
