"""What the package declares: its extras, its Pythons, and the files that name them."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from podrole import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[;, ]", each, maxsplit=1)[0] for each in requirements}


BY_ANOTHER = {"joserfc": "moto", "werkzeug": "moto"}
"""Libraries that podrole imports only where it handles objects of another one, which needs them."""


def imported() -> set[str]:
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"podrole"}


def test_every_library_that_is_imported_is_declared() -> None:
    declared = names([*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())])
    distributions = packages_distributions()
    for name in imported() - BY_ANOTHER.keys():
        assert declared & {one.lower().replace("_", "-") for one in distributions[name]}, name


def test_base_has_no_emulator_no_cli_and_nothing_of_an_extra() -> None:
    extras = set().union(*(names(each) for each in PROJECT["optional-dependencies"].values())) - {"podrole", "botocore"}
    assert {"moto", "awscli", "boto3", "pytest", "uvloop", "obstore", "cel-expr-python"} <= extras
    assert names(PROJECT["dependencies"]) & extras == set()


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_extra_is_documented(extra: str) -> None:
    assert f"\n| `{extra}` |" in (ROOT / "docs" / "install.md").read_text()


def test_every_extra_that_the_sources_name_exists() -> None:
    named = {
        extra
        for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
        for extra in re.findall(r"podrole\[([\w,]+)\]", path.read_text())
    }
    assert named <= set(PROJECT["optional-dependencies"])
    assert {"services", "demo", "gcs"} <= named


def test_pythons_that_are_declared_are_those_that_are_checked() -> None:
    declared = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)]
    assert declared == list(PYTHONS)
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == list(PYTHONS)
    oldest, newest = (each.partition(".")[2] for each in (PYTHONS[0], PYTHONS[-1]))
    assert f"for version in {oldest} {newest};" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_workflow_says_that_it_has_not_run_and_has_few_rights(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / name).read_text()
    assert text.startswith("# Prepared, and not run yet.")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    targets = re.findall(r"make ([a-z-]+)", text)
    assert targets
    assert [each for each in targets if f"\n{each}:" not in (ROOT / "Makefile").read_text()] == []


def test_changelog_has_this_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].split(" - ")[0] == __version__
