"""The catalogue is complete: every code is documented, used by a check, and tested."""

from __future__ import annotations

import ast
import functools
import json
import re
import runpy
from pathlib import Path

import pytest

import podrole.doctor
from podrole.doctor.report.codes import CODES, Code
from podrole.doctor.report.findings import Link
from podrole.doctor.sources.boto import read_policy
from support.faults import FAULTS

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CODE = re.compile(r"PR\d{3}")
PAGE = ROOT / "docs" / "doctor.md"


# Codes that are found outside the package of their link.
ELSEWHERE = {
    "PR654": "survey.py",  # only a survey reads all pods
    "PR615": "files/unstored_policies.py",  # a role of a file need not be for pods
    "PR707": "files/permissions.py",  # a policy of a file need not be attached to a role
    "PR706": "files/unstored_policies.py",  # a policy of a file need not be attached to a role
}
PACKAGES = {
    Link.SERVICE_ACCOUNT: "links/service_account",
    Link.INJECTION: "links/injection",
    Link.CONTAINER: "links/container",
    Link.ISSUER: "links/issuer",
    Link.PROVIDER: "links/provider.py",
    Link.TRUST: "links/trust",
    Link.PERMISSIONS: "links/permissions.py",
    Link.LIVE: "links/live.py",
}


def codes_in(path: Path) -> set[str]:
    """Return the codes in a module's strings; those in comments and docstrings do not count."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    strings = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    )
    return {code for string in strings for code in CODE.findall(string)}


@functools.cache
def used_codes() -> dict[str, set[str]]:
    """Return the modules that use each code, as paths below the doctor's package."""
    package = Path(podrole.doctor.__file__).parent
    used: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        if path.name != "codes.py":
            for code in codes_in(path):
                used.setdefault(code, set()).add(path.relative_to(package).as_posix())
    return used


@functools.cache
def codes_with_a_test() -> set[str]:
    """Return the codes in the strings of the doctor's tests."""
    modules = [*HERE.glob("test_*.py"), ROOT / "tests" / "cli" / "test_survey.py"]
    return {code for path in modules if path.name != Path(__file__).name for code in codes_in(path)}


def test_page_has_the_generated_section_of_every_code() -> None:
    assert runpy.run_path(str(ROOT / "scripts" / "doctor_codes.py"))["written"]() == PAGE.read_text()


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_every_code_has_its_place_on_the_page(code: Code) -> None:
    """The site gives each heading the anchor that is its text in lower case, which `make docs` checks."""
    page, _, anchor = code.page.partition("#")
    headings = re.findall(r"^#### (\w+)$", PAGE.read_text(), re.MULTILINE)
    assert page == PAGE.with_suffix(".html").name
    assert [heading.lower() for heading in headings].count(anchor) == 1


def test_page_shows_the_policy_that_the_doctor_needs() -> None:
    shown = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert shown is not None
    assert json.loads(shown[1]) == read_policy()


def test_every_code_is_used_and_every_used_code_is_in_the_catalogue() -> None:
    assert used_codes().keys() == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_code_is_used_by_the_link_that_it_belongs_to(code: str) -> None:
    modules = {path for path in used_codes()[code] if not path.startswith(PACKAGES[CODES[code].link])}
    assert modules <= {ELSEWHERE.get(code)}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_test(code: str) -> None:
    assert code in codes_with_a_test() | {fault.code for fault in FAULTS}


@pytest.mark.parametrize("code", CODES)
def test_first_digit_is_the_link_and_texts_are_sentences(code: str) -> None:
    one = CODES[code]
    assert int(one.link) == int(code[2])
    assert not one.title.endswith(".")
    assert one.meaning.endswith(".")
    assert one.found.endswith(".")
    assert one.repair.endswith(".")
