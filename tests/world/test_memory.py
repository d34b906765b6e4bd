"""The memory of a world stays flat under a load that leaves nothing behind."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from podrole.world.state import WorldDirectory
from support.mixed_load import MixedLoad
from support.world import running_world

MINUTES = float(os.environ.get("PODROLE_MEMORY_MINUTES", "30"))
SAMPLES = 60
ALLOWED_GROWTH = 1.05
"""How much more memory the last fifth of the samples may need than the fifth before: the allocator's noise."""


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.soak
@pytest.mark.services
@pytest.mark.timeout(MINUTES * 60 + 300)
def test_memory_is_flat_at_the_end_of_a_mixed_load(tmp_path: Path) -> None:
    curve: list[float] = []
    with running_world(tmp_path, ephemeral=False) as world, MixedLoad(WorldDirectory(tmp_path / ".podrole")) as load:
        for _ in range(SAMPLES):
            time.sleep(MINUTES * 60 / SAMPLES)  # the load is what is waited for
            assert not load.problems, load.problems
            curve.append(resident_mib(world.pid))
            print(f"{len(curve) * MINUTES / SAMPLES:6.2f} min  {curve[-1]:7.1f} MiB  {load.turns}", flush=True)
    assert min(load.turns.values()) > SAMPLES, load.turns
    before, last = curve[SAMPLES * 3 // 5 : SAMPLES * 4 // 5], curve[SAMPLES * 4 // 5 :]
    assert max(last) <= max(before) * ALLOWED_GROWTH, curve
