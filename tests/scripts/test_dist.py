"""What the build of the distributions refuses. `make dist` runs the build itself."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import dist


def wheel(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("podrole/a.py", content)
    return path


def source(path: Path, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as file:
        member = tarfile.TarInfo("podrole-1/a.py")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("make", "name"), [(wheel, "a.whl"), (source, "a.tar.gz")])
def test_file_that_names_a_folder_of_this_machine_is_refused(
    tmp_path: Path, make: Callable[[Path, bytes], Path], name: str
) -> None:
    path = make(tmp_path / name, b"x = '/var/build-1/src'")
    with pytest.raises(dist.DistProblem, match=r"a\.py names /var/build-1"):
        dist.check_content(path, "/var/build-1")
    dist.check_content(path, "/var/build-2")


def test_builds_that_differ_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, same = wheel(tmp_path / "a.whl", b"1"), wheel(tmp_path / "other" / "a.whl", b"2")
    with pytest.raises(dist.DistProblem, match=r"two builds of a\.whl differ"):
        dist.compare([one], [same])
    with pytest.raises(dist.DistProblem, match="different files"):
        dist.compare([one], [])
    dist.compare([one], [one])
