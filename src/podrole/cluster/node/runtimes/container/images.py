"""Images of the engine: used where present, pulled by a container's imagePullPolicy otherwise."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import ImageReference
from podrole.cluster.node.runtime import RegistryLogin
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable

BUILT_LABEL = "dev.podrole.built-for"
"""The label of an image that podrole has built from a folder. Its value is the world."""


@dataclass(frozen=True, slots=True)
class EngineImage:
    """What the engine knows of an image. ``user`` is its USER, empty for root."""

    id: str
    user: str
    stop_signal: str
    built_for: str = ""
    """The world that built it from a folder; empty for any other image."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image and how it came: the text of the Pulled event."""

    image: EngineImage
    message: str


async def pull(
    engine: Engine, reference: ImageReference, policy: str, logins: Sequence[RegistryLogin] = (), *, world: str = ""
) -> Pulled:
    """Get an image by a pull policy: Always, IfNotPresent or Never. Raises ImageProblem with the engine's reason.

    ``logins`` are tried one after the other; without any, the image is pulled as nobody. An image that was built for
    the world is never pulled: there is no other place that it could come from.
    """
    try:
        present = await find(engine, reference)
        if present is not None and world and present.built_for == world:
            return Pulled(present, f'Container image "{reference.text}" was built on this machine')
        if present is not None and policy != "Always":
            return Pulled(present, f'Container image "{reference.text}" already present on machine')
        if policy == "Never":
            raise ImageProblem(
                f'Container image "{reference.text}" is not present with pull policy of Never',
                reason="ErrImageNeverPull",
            )
        await _pull_as_one_of(engine, reference, logins)
        pulled = await find(engine, reference)
    except (EngineRefusal, EngineUnusable) as problem:
        raise ImageProblem(problem.what) from problem
    if pulled is None:
        raise ImageProblem(f'the engine pulled "{reference.text}" and does not have it')
    return Pulled(pulled, f'Successfully pulled image "{reference.text}"')


async def find(engine: Engine, reference: ImageReference) -> EngineImage | None:
    """Return an image that is present; None if it is not."""
    try:
        image: dict[str, Any] = await engine.call("GET", f"/images/{quote(reference.text, safe='/:@')}/json")
    except EngineRefusal as refusal:
        if refusal.status == 404:
            return None
        raise
    config = image.get("Config") or {}
    labels = config.get("Labels") or {}
    return EngineImage(
        image["Id"], config.get("User") or "", config.get("StopSignal") or "", labels.get(BUILT_LABEL, "")
    )


async def _pull_as_one_of(engine: Engine, reference: ImageReference, logins: Sequence[RegistryLogin]) -> None:
    for number, login in enumerate(logins or (None,), 1):
        try:
            await _pull(engine, reference, login)
        except (EngineRefusal, ImageProblem):
            if number >= len(logins):
                raise
        else:
            return


async def _pull(engine: Engine, reference: ImageReference, login: RegistryLogin | None) -> None:
    version = reference.digest or reference.tag or "latest"
    repository = f"{reference.registry}/{reference.repository}"
    headers = {} if login is None else {"X-Registry-Auth": _header(login)}
    lines = engine.lines("POST", "/images/create", headers=headers, fromImage=repository, tag=version)
    async for line in lines:
        if error := line.get("error"):
            raise ImageProblem(str(error))


def _header(login: RegistryLogin) -> str:
    """Return a login as the engines take it: https://docs.docker.com/reference/api/engine/version/v1.44/#section/Authentication"""
    parts = {"username": login.username, "password": login.password, "serveraddress": login.server}
    if login.identity_token:
        parts = {"identitytoken": login.identity_token, "serveraddress": login.server}
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
