"""The doctor's commands are run as they were shown, or not at all."""

from __future__ import annotations

import os
import sys

import pytest

from podrole.console import repair
from podrole.console.repair import find_repairable, fingerprint, run_commands
from podrole.doctor.remedies.commands import Command
from podrole.doctor.sources.sources import Tools
from support.console import a_finding

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(text: str) -> tuple[str, ...]:
    return sys.executable, "-c", text


def test_a_finding_is_found_by_its_very_commands_only() -> None:
    shown = fingerprint(a_finding(), Tools())
    assert find_repairable([a_finding()], shown, Tools()) == a_finding()
    for other in (a_finding("PR604"), a_finding(annotation="y")):
        assert find_repairable([other], shown, Tools()) is None
    assert find_repairable([a_finding()], shown, Tools(kubectl=("kubectl", "--context", "other"))) is None
    assert find_repairable([a_finding()], "", Tools()) is None


async def test_commands_run_in_order_until_one_fails() -> None:
    commands = [
        Command((python("print('one')"),)),
        Command((python("import sys; sys.exit('two is refused')"),)),
        Command((python("print('three')"),)),
    ]
    done = await run_commands(commands, ENVIRONMENT)
    assert [(one.code, one.output) for one in done] == [(0, "one"), (1, "two is refused")]


async def test_a_pipeline_hands_its_output_on_and_a_failed_stage_ends_it() -> None:
    echo = python("import sys; print(sys.stdin.read().strip() + '!')")
    (done,) = await run_commands([Command((echo, echo), "said")], ENVIRONMENT)
    assert (done.code, done.output) == (0, "said!!")
    (done,) = await run_commands([Command((python("raise SystemExit(3)"), echo))], ENVIRONMENT)
    assert done.code == 3


async def test_a_command_that_is_not_there_is_said() -> None:
    (done,) = await run_commands([Command((("no-such-command",),))], ENVIRONMENT)
    assert (done.code, done.output) == (127, "no-such-command: No such file or directory")


async def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "LIMIT_SECONDS", 0.2)
    (done,) = await run_commands([Command((python("import time; time.sleep(600)"),))], ENVIRONMENT)
    assert done.code is None


async def test_only_the_end_of_a_long_output_is_kept() -> None:
    (done,) = await run_commands([Command((python("print('x' * 1_000_000, 'end')"),))], ENVIRONMENT)
    assert len(done.output) <= repair.MOST_OUTPUT
    assert done.output.endswith(" end")


async def test_commands_get_the_environment_that_they_are_given_and_no_other() -> None:
    show = python("import os; print(os.environ.get('HOME'), os.environ['GIVEN'])")
    (done,) = await run_commands([Command((show,))], {**ENVIRONMENT, "GIVEN": "yes"})
    assert done.output == "None yes"
