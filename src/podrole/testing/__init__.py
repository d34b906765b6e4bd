"""An AWS that refuses what AWS refuses, for tests: worlds, the identities of pods, the calls that they make.

Only the small client side runs in the test's process; the world is a process of its own. ``podrole.testing.plugin`` has
the same as pytest fixtures.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podrole.testing.calls import Call, Refusal
    from podrole.testing.clock import Clock
    from podrole.testing.errors import InvalidArrangement, NotRefused, OutsideCall, TestingError, WorldFailed
    from podrole.testing.identity import Identity
    from podrole.testing.pod import Pod, PodTimeout
    from podrole.testing.world import World

__all__ = [
    "Call",
    "Clock",
    "Identity",
    "InvalidArrangement",
    "NotRefused",
    "OutsideCall",
    "Pod",
    "PodTimeout",
    "Refusal",
    "TestingError",
    "World",
    "WorldFailed",
]
_MODULES = {
    "Call": "calls",
    "Clock": "clock",
    "Identity": "identity",
    "Pod": "pod",
    "PodTimeout": "pod",
    "Refusal": "calls",
    "World": "world",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: pytest imports this package with the plugin, in every project."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
