"""The catalogue is complete: every code is documented, used by a check, and tested."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

import podrole.doctor
from podrole.doctor.report.codes import CODES
from podrole.doctor.sources.boto import read_policy
from support.faults import FAULTS

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CODE = re.compile(r"PR\d{3}")
PAGE = ROOT / "docs" / "doctor.md"


def codes_in(*paths: Path) -> set[str]:
    return {code for path in paths for code in CODE.findall(path.read_text())}


def sources() -> list[Path]:
    package = Path(podrole.doctor.__file__).parent
    return [path for path in package.rglob("*.py") if path.name != "codes.py"]


def test_page_has_the_generated_section_of_every_code() -> None:
    assert runpy.run_path(str(ROOT / "scripts" / "doctor_codes.py"))["written"]() == PAGE.read_text()


def test_page_shows_the_policy_that_the_doctor_needs() -> None:
    shown = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert shown is not None
    assert json.loads(shown[1]) == read_policy()


def test_every_code_is_used_and_every_used_code_is_in_the_catalogue() -> None:
    assert codes_in(*sources()) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_test(code: str) -> None:
    written = codes_in(*(path for path in HERE.glob("test_*.py") if path.name != Path(__file__).name))
    written |= codes_in(ROOT / "tests" / "cli" / "test_survey.py")
    assert code in written | {one.code for one in FAULTS}


@pytest.mark.parametrize("code", CODES)
def test_first_digit_is_the_link_and_texts_are_sentences(code: str) -> None:
    one = CODES[code]
    assert int(one.link) == int(code[2])
    assert not one.title.endswith(".")
    assert one.meaning.endswith(".")
    assert one.found.endswith(".")
