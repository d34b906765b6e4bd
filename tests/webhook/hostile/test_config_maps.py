"""A malformed or huge ConfigMap harms only its own entries."""

from __future__ import annotations

import fnmatch
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.webhook.identity.config_map import ConfigMapBindings, parse_bindings
from podrole.webhook.identity.values import MAX_VALUE
from podrole.webhook.logs import MAX_WARNINGS, log_warnings
from support.webhook import ARN


def parsed(document: Any) -> tuple[ConfigMapBindings, list[str]]:
    bindings, warnings = parse_bindings({"config": json.dumps(document)})
    assert bindings is not None
    return bindings, warnings


@given(st.text(alphabet="ab*?[]!-", min_size=1, max_size=8), st.text(alphabet="ab]-", max_size=8))
def test_a_glob_matches_what_a_shell_says(glob: str, name: str) -> None:
    bindings, _ = parsed({f"demo/{glob}": {"RoleARN": ARN}})
    assert (bindings.find("demo", name) is not None) == fnmatch.fnmatchcase(name, glob)


def test_globs_that_would_make_other_matchers_go_back_and_forth() -> None:
    bindings, warnings = parsed({f"{'*a' * 100}/{'a*' * 100}b": {"RoleARN": ARN}})
    assert warnings == []
    assert bindings.find("a" * 253, "a" * 253) is None
    assert bindings.find("a" * 253, "a" * 252 + "b") is not None


def test_as_many_globs_as_a_config_map_holds() -> None:
    bindings, warnings = parsed({f"team-{number}-*/*": {"RoleARN": ARN} for number in range(15_000)})
    assert warnings == []
    assert bindings.find("team-14999-x", "sa") is not None
    assert bindings.find("other", "sa") is None


@pytest.mark.parametrize("field", ["RoleARN", "Audience", "AWSEndpointURL", "AWSCABundle"])
def test_a_value_without_an_end_leaves_the_entry_out(field: str) -> None:
    long = "http://host/" + "x" * MAX_VALUE
    bindings, warnings = parsed({"demo/sa": {"RoleARN": ARN, field: long}, "demo/other": {"RoleARN": ARN}})
    assert bindings.find("demo", "sa") is None
    assert bindings.find("demo", "other") is not None
    problem = f"{field} must have at most {MAX_VALUE} characters"
    assert warnings == [f"entry 'demo/sa' of ConfigMap pod-identity-webhook is ignored: {problem}"]


def test_a_thousand_faults_are_a_few_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    _, warnings = parsed({f"no-slash-\n\x1b[2J-{'x' * 1_000}-{number}": {} for number in range(1_000)})
    with caplog.at_level(logging.WARNING):
        log_warnings(logging.getLogger("podrole.webhook"), warnings)
    assert len(caplog.messages) == MAX_WARNINGS + 1
    assert caplog.messages[-1] == f"and {1_000 - MAX_WARNINGS} more"
    assert all(len(line) <= 256 and line.isprintable() for line in caplog.messages)
