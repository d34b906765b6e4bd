"""Whether a world has a node, on which pods run. Pure."""

from __future__ import annotations

from podrole.world.errors import BadSetting
from podrole.world.settings import WorldSettings

_NAMES = {"darwin": "macOS", "win32": "Windows"}


def reason_without_node(settings: WorldSettings, platform: str) -> str:
    """Return why a world with these settings has no node on a system (``sys.platform``); empty if it has one.

    Raises BadSetting if the settings ask for containers where there can be no node.
    """
    if settings.no_node:
        return "this world runs no pods (podrole up --no-node)"
    if platform == "linux":
        return ""
    name = _NAMES.get(platform, platform)
    if settings.runtime == "container":
        raise BadSetting(
            "--runtime container needs Linux, as everything that runs pods.",
            got=name,
            expected="Linux",
            next_step="leave --runtime out: the world then has no node, and pods stay Pending",
        )
    return f"pods run on Linux only, and this is {name}"


def sentence_without_node(reason: str) -> str:
    """Return what the start and ``podrole status`` say of a world without a node."""
    return f"No node, so pods stay Pending: {reason}"
