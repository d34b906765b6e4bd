"""``podrole env``: the variables that lead aws, kubectl and the SDKs to the world."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from podrole.cli.tools import tools_directory
from podrole.world.state import WorldDirectory

_UNSET = ("AWS_SESSION_TOKEN", "AWS_PROFILE")


def variables(directory: WorldDirectory) -> dict[str, str]:
    """Return the variables of the running world. Raises NotRunning."""
    world = directory.running()
    key_id, secret = directory.admin_credentials()
    return {
        "AWS_ENDPOINT_URL": world.aws_url,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": world.region,
        "KUBECONFIG": str(directory.kubeconfig),
    }


def environment(directory: WorldDirectory) -> dict[str, str]:
    """Return the whole environment of a shell after ``eval "$(podrole env)"``. Raises NotRunning."""
    own = {name: value for name, value in os.environ.items() if name not in _UNSET}
    path = os.pathsep.join([own.get("PATH", os.defpath), *map(str, _directories_of_tools())])
    return {**own, **variables(directory), "PATH": path, "PODROLE_DIR": str(directory.path)}


def run(path: Path) -> int:
    """Print an export for each variable, and unset those that take precedence over them."""
    for name, value in variables(WorldDirectory(path)).items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"unset {' '.join(_UNSET)}")
    behind = ":".join(shlex.quote(str(place)) for place in _directories_of_tools())
    if behind:
        print(f'export PATH="$PATH":{behind}')
    return 0


def _directories_of_tools() -> list[Path]:
    """Return the directories of podrole, aws and kubectl, as far as they are not on PATH."""
    beside = Path(sys.executable).parent
    places = {"podrole": beside, "aws": beside, "kubectl": tools_directory()}
    return list(dict.fromkeys(at for name, at in places.items() if shutil.which(name) is None and (at / name).exists()))
