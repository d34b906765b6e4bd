"""The catalogue is complete: every code is documented, raised somewhere, and tested."""

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


def test_the_page_has_every_code_as_the_catalogue_says_it() -> None:
    assert runpy.run_path(str(ROOT / "scripts" / "doctor_codes.py"))["written"]() == PAGE.read_text()


def test_the_page_shows_the_policy_that_reading_takes() -> None:
    shown = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert shown is not None
    assert json.loads(shown[1]) == read_policy()


def test_every_code_is_raised_and_nothing_else() -> None:
    assert codes_in(*sources()) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_tested(code: str) -> None:
    written = codes_in(*(path for path in HERE.glob("test_*.py") if path.name != Path(__file__).name))
    written |= codes_in(ROOT / "tests" / "cli" / "test_survey.py")
    assert code in written | {one.code for one in FAULTS}


@pytest.mark.parametrize("code", CODES)
def test_a_codes_first_digit_is_its_link_and_its_words_are_sentences(code: str) -> None:
    one = CODES[code]
    assert int(one.link) == int(code[2])
    assert not one.title.endswith(".")
    assert one.meaning.endswith(".")
    assert one.found.endswith(".")
