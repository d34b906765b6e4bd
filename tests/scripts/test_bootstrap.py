"""The script that makes the virtual environment of a checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import bootstrap


@pytest.mark.parametrize("folder", ["plain", "with a space"])
def test_a_script_starts_wherever_the_checkout_lies(tmp_path: Path, folder: str) -> None:
    directory = tmp_path / folder / "bin"
    directory.mkdir(parents=True)
    python = directory / "python"
    python.symlink_to(sys.executable)
    script = directory / "tool"
    script.write_text(f"#!{python}\nimport sys\nprint(sys.argv[1:])\n")
    script.chmod(0o755)

    bootstrap.repair_first_lines(directory, python)

    said = subprocess.run([script, "a b", "$c"], capture_output=True, text=True, check=True).stdout
    assert said == "['a b', '$c']\n"


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    python = tmp_path / "with a space" / "python"
    contents = {"shell": b"#!/bin/sh\n", "binary": b"\x7fELF\x00", "elsewhere": b"#!/usr/bin/python3\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    bootstrap.repair_first_lines(tmp_path, python)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents
