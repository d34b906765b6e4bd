"""Where a container engine may listen, by the variables and default places of Docker and Podman."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from podrole.cluster.node.runtimes.container.errors import EngineUnusable

VARIABLES = ("DOCKER_HOST", "CONTAINER_HOST")
NEXT_STEP = (
    "start Docker, or Podman's service (systemctl enable --now podman.socket), or name its socket in DOCKER_HOST; "
    "--runtime process needs no engine"
)
_SCHEME = "unix://"


def find_sockets(environment: Mapping[str, str]) -> list[str]:
    """Return the paths of the sockets to try, in order. Raises EngineUnusable if there are none.

    A variable that is set decides alone, as it does for the engines' own commands.
    """
    for variable in VARIABLES:
        if value := environment.get(variable):
            return [_path_of(variable, value)]
    paths = [path for path in _default_places(environment) if _is_socket(path)]
    if not paths:
        raise EngineUnusable("No container engine was found on this machine.", next_step=NEXT_STEP)
    return paths


def _path_of(variable: str, value: str) -> str:
    if not value.startswith(_SCHEME):
        raise EngineUnusable(
            f"{variable} does not name a socket of this machine, so containers could not have the files of pods.",
            got=repr(value.partition("@")[2] or value),  # a URL may hold a password
            expected="such as unix:///var/run/docker.sock",
            next_step=f"unset {variable}, or name a local engine's socket",
        )
    return value.removeprefix(_SCHEME)


def _default_places(environment: Mapping[str, str]) -> Iterator[str]:
    yield "/var/run/docker.sock"
    yield "/run/podman/podman.sock"
    if user := environment.get("XDG_RUNTIME_DIR"):
        yield f"{user}/docker.sock"
        yield f"{user}/podman/podman.sock"


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:  # of a directory that this user may not enter, too
        return False
