"""What the mutation tests change, and that their table names every module it should."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
sys.path.insert(0, str(ROOT / "scripts"))
import mutations  # noqa: E402 - scripts are no package


@pytest.mark.parametrize(
    ("source", "after"),
    [
        ("if a or b or c:\n    f = 1\n", {"if True:", "if False:", "if (a or b):", "if (a) or c:", "if (b) or c:"}),
        ("if a < b:\n    f = 1\n", {"if a <= b:", "if True:", "if False:"}),
        ("if not a:\n    raise E\n", {"if True:", "if False:", "if a:"}),
        ("while a:\n    f = 1\n", {"while False:"}),
        ("def f():\n    check(1)\n", {"check(2)", "pass"}),
        ("async def f():\n    await check()\n", {"pass"}),
        ("def f():\n    raise E\n", {"pass"}),
        ('s = {"a", "b"}\n', {'s = {"b"}', 's = {"a", }'}),
        ("x = [y for y in z if y]\n", {"x = [y for y in z if True]", "x = [y for y in z if False]"}),
        ('raise E(got=f"{a or b}", expected=1)\n', {"pass"}),
        ("def f(a: int | None = None) -> int | str:\n    return a\n", set()),
        ('"""A text: 1 or 2."""\n', set()),
        ("class A(Struct, gc=False):\n    a: int\n", set()),
        ("match a:\n    case 1:\n        b = c\n    case _:\n        b = d\n", {"case 2:", ""}),
    ],
)
def test_what_could_be_a_check_is_changed(source: str, after: set[str]) -> None:
    assert after <= {mutant.after for mutant in mutations.mutants(source)}
    assert after or not mutations.mutants(source)


def test_a_mutant_names_its_line_and_its_function() -> None:
    (mutant,) = [
        one
        for one in mutations.mutants("class A:\n    def f(self):\n        if x:\n            y()\n")
        if one.after == "pass"
    ]
    assert (mutant.line, mutant.place, mutant.before) == (4, "A.f", "y()")


@pytest.mark.parametrize("name", sorted(TABLE["modules"]))
def test_the_table_names_modules_and_tests_that_exist(name: str) -> None:
    entry = TABLE["modules"][name]
    assert (ROOT / "src" / "podrole" / name).is_file()
    assert entry["tests"]
    assert not [path for path in entry["tests"] if not (ROOT / path).exists()]
    assert 0 < entry["seconds"] <= 600


@pytest.mark.parametrize(
    "package",
    [
        "oidc",
        "sts",
        "iam",
        "aws/signature",
        "cluster/admission",
        "cluster/authorization",
        "cluster/identity",
        "webhook/patch",
    ],
)
def test_every_module_of_a_package_that_refuses_something_is_in_the_table(package: str) -> None:
    folder = ROOT / "src" / "podrole"
    modules = {path.relative_to(folder).as_posix() for path in (folder / package).glob("*.py")}
    named = TABLE["modules"].keys() | set(TABLE["refuse_nothing"])
    assert {name for name in modules if not name.endswith("__init__.py")} - named == set()


def test_every_listed_mutant_has_a_reason() -> None:
    for entry in TABLE.get("equivalent", []):
        assert entry["module"] in TABLE["modules"]
        assert len(entry["why"]) > 10
