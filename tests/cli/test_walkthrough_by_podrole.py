"""The walkthroughs with podrole's own commands for the set-up."""

from __future__ import annotations

import json

import pytest

from support.world import clean_environment, podrole

pytestmark = pytest.mark.services


@pytest.mark.soak
@pytest.mark.parametrize(("options", "steps"), [((), 8), (("--pod-identity",), 6)], ids=["token", "eks"])
def test_every_step_has_its_expected_result(
    tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...], steps: int
) -> None:
    directory = tmp_path_factory.mktemp("set up")
    environment = clean_environment(TMPDIR=str(directory))
    done = podrole("demo", "--setup", "podrole", "--json", *options, cwd=directory, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert [step["ok"] for step in report["steps"]] == [True] * steps
    commands = [one["command"] for step in report["steps"] for one in step["commands"]]
    assert [one for one in commands if one.startswith("podrole wait shop/serviceaccount/inventory")]
