"""The documentation site's generated pages, drawing and link check. `make docs` builds the whole site."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import typer.main

from podrole.cli.app import app
from podrole.webhook.identity.annotations import ANNOTATIONS

ROOT = Path(__file__).parents[2]


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    __import__(name)
    return sys.modules[name]


def names(command: Any, path: str) -> Iterator[str]:
    """Yield the commands that are no groups, with their groups' names."""
    below = getattr(command, "commands", {})
    if not below:
        yield path
    for name, one in below.items():
        if one.hidden:
            continue
        yield from names(one, f"{path} {name}")


def test_the_committed_drawings_are_the_script_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, drawing in script("site_diagrams", monkeypatch).drawings().items():
        assert (ROOT / "docs" / "images" / name).read_text() == drawing
        ElementTree.fromstring(drawing)


def test_every_command_and_annotation_has_its_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script("site_reference", monkeypatch).write(tmp_path)
    commands = (tmp_path / "commands.md").read_text()
    missing = [name for name in names(typer.main.get_command(app), "podrole") if f"\n## {name}\n" not in commands]
    assert missing == []
    assert "Usage: podrole issuer rotate start" in commands
    annotations = (tmp_path / "annotations.md").read_text()
    assert [line for line in annotations.splitlines() if line.startswith("## ")] == [
        f"## eks.amazonaws.com/{one.name}" for one in ANNOTATIONS
    ]
    assert "| `outcome` |" in (tmp_path / "events.md").read_text()
    assert "autoclass:: podrole.testing.world.World" in (tmp_path / "python.md").read_text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[scripts/x.py](../scripts/x.py)", "scripts/x.py"),
        ("[the table](../tests/x.toml)", "the table (`tests/x.toml` in the repository)"),
        ("[Install](../README.md#one-minute)", "[Install](install.md)"),
        ("[other](other.md#there)", "[other](other.md#there)"),
    ],
)
def test_links_out_of_the_site_name_the_file(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert script("site_reference", monkeypatch).without_outside_links(text) == shown


def test_links_to_missing_pages_and_anchors_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text('<p id="here"><a href="#here"></a><a href="b.html#gone"></a><a href="c.html"></a>')
    (tmp_path / "b.html").write_text('<a href="a.html#here"></a><a href="https://example.com/x#y"></a>')
    assert list(script("check_site", monkeypatch).problems(tmp_path)) == [
        "a.html: b.html#gone: there is no such anchor",
        "a.html: c.html: there is no such file",
    ]
