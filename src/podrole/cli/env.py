"""``podrole env``: the variables that lead aws, kubectl and the SDKs to the world."""

from __future__ import annotations

import shlex
from pathlib import Path

from podrole.world.state import WorldDirectory


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


def run(path: Path) -> int:
    """Print one export for each variable, and clear those that would win over them."""
    for name, value in variables(WorldDirectory(path)).items():
        print(f"export {name}={shlex.quote(value)}")
    print("unset AWS_SESSION_TOKEN AWS_PROFILE")
    return 0
