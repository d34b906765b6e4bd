"""Each setting of a world is declared once; options, environment variables and the documentation are made of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import podrole
from podrole.world.errors import BadSetting
from podrole.world.settings import SETTINGS, WorldSettings, settings_table
from support.world import clean_environment
from support.world import podrole as run_podrole

SOURCE = Path(podrole.__file__).parent
DOCS = SOURCE.parents[1] / "docs"


def test_command_has_an_option_for_each_setting(tmp_path: Path) -> None:
    told = run_podrole("up", "--help", cwd=tmp_path, env={**clean_environment(), "COLUMNS": "80"}).stdout
    blocks = [" ".join(block.split()) for block in re.split(r"\n  (?=-)", told)]
    for setting in SETTINGS:
        (block,) = [block for block in blocks if re.match(rf"{setting.option}\b(?!-)", block)]
        assert setting.description in block
        assert f"env var: {setting.variable}" in block
        if setting.default is not False:  # a flag shows none
            assert f"default: {setting.shown}" in block.replace("(", "").replace(")", "")
        assert ("0<=x<=65535" in block) == bool(setting.listener)


def test_documentation_has_the_table_of_settings() -> None:
    assert settings_table() in (DOCS / "world.md").read_text()


TYPED_AS_BY_A_PERSON = "cli/demo/command.py"
"""The walkthrough shows the command that it runs."""


def test_no_other_module_declares_a_port() -> None:
    ports = [setting for setting in SETTINGS if setting.listener]
    forms = [rf"{port.option}\b|{port.variable}\b|\b{port.name}: [^=\n]*=" for port in ports]
    forms += [rf"\b{port.default}\b" for port in ports if port.default]
    declared = re.compile("|".join(forms))
    found = {str(path.relative_to(SOURCE)): declared.findall(path.read_text()) for path in SOURCE.rglob("*.py")}
    assert {name for name, matches in found.items() if matches} == {"world/settings.py", TYPED_AS_BY_A_PERSON}


def test_environment_variables_are_read_and_options_win(tmp_path: Path) -> None:
    said = run_podrole("up", cwd=tmp_path, env=clean_environment(PODROLE_ACCOUNT="12", PODROLE_REGION="mars")).stderr
    assert "'12'" in said
    words = ("up", "--account", "111122223333")
    said = run_podrole(*words, cwd=tmp_path, env=clean_environment(PODROLE_ACCOUNT="12", PODROLE_REGION="mars")).stderr
    assert "'mars'" in said


@pytest.mark.parametrize(
    "wrong",
    [{"account": ""}, {"account": "1234"}, {"account": "١٢٣٤٥٦٧٨٩٠١٢"}, {"region": ""}, {"region": "mars"}],
    ids=str,
)
def test_account_or_region_that_cannot_be_one_is_refused(wrong: dict[str, str]) -> None:
    (name,) = wrong
    with pytest.raises(BadSetting, match=f"--{name} is not an AWS"):
        WorldSettings(**wrong)  # type: ignore[arg-type]


def test_arguments_give_the_same_settings() -> None:
    words = WorldSettings(aws_port=1, region="eu-west-1").arguments()
    assert words[:2] == ["--aws-port", "1"]
    assert words[-2:] == ["--region", "eu-west-1"]
    several = WorldSettings(issuer_map=("a=127.0.0.1:1", "b=127.0.0.1:2"))
    assert several.arguments()[-4:] == ["--issuer-map", "a=127.0.0.1:1", "--issuer-map", "b=127.0.0.1:2"]
    assert len(words) == 2 * len([setting for setting in SETTINGS if setting.listener]) + 2
    assert WorldSettings(ephemeral=True).arguments()[-1] == "--ephemeral"
