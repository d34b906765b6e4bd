"""``podrole up``: the process that it makes."""

from __future__ import annotations

import resource
from pathlib import Path

from support.world import running_world


def test_world_may_have_as_many_files_open_as_the_system_allows(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with running_world(tmp_path) as world:
            limits = Path(f"/proc/{world.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    [line] = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
    assert line[3] == line[4]
