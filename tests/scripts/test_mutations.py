"""What the mutation tests change, and that their table names every module it should."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "podrole"
TABLE = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
sys.path.insert(0, str(ROOT / "scripts"))


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
        ("class A(Struct, frozen=True):\n    a: int\n", set()),
        ("match a:\n    case 1:\n        b = c\n    case _:\n        b = d\n", {"case 2:", ""}),
    ],
)
def test_what_could_be_a_check_is_changed(source: str, after: set[str]) -> None:
    import mutations  # which takes half a second: the workers that do not need it are spared

    assert after <= {mutant.after for mutant in mutations.mutants(source)}
    assert after or not mutations.mutants(source)


def test_a_mutant_names_its_line_and_its_function() -> None:
    import mutations

    (mutant,) = [
        one
        for one in mutations.mutants("class A:\n    def f(self):\n        if x:\n            y()\n")
        if one.after == "pass"
    ]
    assert (mutant.line, mutant.place, mutant.before) == (4, "A.f", "y()")


@pytest.mark.parametrize("name", sorted(TABLE["modules"]))
def test_the_table_names_modules_and_tests_that_exist(name: str) -> None:
    entry = TABLE["modules"][name]
    assert (SOURCE / name).is_file()
    assert entry["tests"]
    assert not [path for path in entry["tests"] if not (ROOT / path.partition("::")[0]).exists()]
    assert 0 < entry["seconds"] <= 600


def packages() -> set[str]:
    folders = (path for path in SOURCE.rglob("*") if path.is_dir() and path.name != "__pycache__")
    return {path.relative_to(SOURCE).as_posix() for path in folders}


def test_every_package_is_said_to_refuse_something_or_not() -> None:
    named = [*TABLE["packages"], *TABLE["other_packages"]]
    assert len(set(named)) == len(named)
    assert set(named) <= packages()
    with_all_inside = tuple(
        f"{name}/"
        for name in TABLE["other_packages"]
        if not any(one.startswith(f"{name}/") for one in TABLE["packages"])
    )
    assert [name for name in sorted(packages() - set(named)) if not name.startswith(with_all_inside)] == []


@pytest.mark.parametrize("package", TABLE["packages"])
def test_every_module_of_a_package_that_refuses_something_is_in_the_table(package: str) -> None:
    modules = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / package).glob("*.py")}
    named = [*TABLE["modules"], *TABLE["refuse_nothing"], *TABLE["unanswered"]]
    assert {name for name in modules if not name.endswith("__init__.py")} - set(named) == set()
    assert len(set(named)) == len(named)
    assert [name for name in named if not (SOURCE / name).is_file()] == []


@pytest.mark.parametrize("name", sorted({entry["module"] for entry in TABLE["equivalent"]}))
def test_what_a_listed_mutant_changes_stands_in_its_module(name: str) -> None:
    source = (SOURCE / name).read_text()
    code = " ".join(source.split())
    for entry in TABLE["equivalent"]:
        if entry["module"] == name:
            assert entry["before"] in code
            assert all(re.search(rf"(def|class) {part}\b", source) for part in entry["in"].split(".") if part)


def test_every_listed_mutant_has_a_reason() -> None:
    for entry in TABLE.get("equivalent", []):
        assert entry["module"] in TABLE["modules"]
        assert len(entry["why"]) > 10
