"""What the documents name exists, and what exists is documented."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from podrole.cli import diagnosis_commands, world_commands
from podrole.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def command_names() -> list[str]:
    command = typer.main.get_command(app)
    return sorted(command.commands)  # type: ignore[attr-defined]  # a group


def functions_of(command: Any) -> Iterator[Any]:
    """Yield the functions of a command and of the commands below it."""
    yield inspect.unwrap(command.callback) if command.callback is not None else None
    for below in getattr(command, "commands", {}).values():
        yield from functions_of(below)


@pytest.mark.parametrize("module", [world_commands, diagnosis_commands], ids=lambda module: module.__name__)
def test_every_function_of_a_command_module_is_a_command(module: ModuleType) -> None:
    public = {
        inspect.unwrap(function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith(("_", "add_"))
    }
    assert public - {*functions_of(typer.main.get_command(app))} == set()


@pytest.mark.parametrize("name", command_names())
def test_readme_names_every_command(name: str) -> None:
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `podrole")]
    assert any(re.search(rf"`(podrole )?{re.escape(name)}\b", line) for line in table)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_a_page_exist(page: Path) -> None:
    named = re.findall(r"`((?:src|tests|docs|scripts|benchmarks|charts|examples)/[\w./-]+)`", page.read_text())
    missing = [name for name in named if "SERVICE" not in name and "KIND" not in name and not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+\.md)(?:#[\w-]+)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the documentation site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line) for line in re.findall(r"^#+ +(.*)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_sections_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(((?:[^)#:\s]+\.md)?)#([^)\s]+)\)", page.read_text())
    linked = [((page.parent / name) if name else page, anchor) for name, anchor in links]
    assert [f"{target.name}#{anchor}" for target, anchor in linked if anchor not in anchors(target)] == []


def test_the_output_in_the_readme_is_short() -> None:
    [shown] = re.findall(r"<!-- walkthrough -->\n```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(shown.splitlines()) <= 30


def test_the_architecture_describes_every_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = {path.parent.name for path in (ROOT / "src" / "podrole").glob("*/__init__.py")}
    assert {name for name in packages if f"| `{name}` |" not in text} == set()
