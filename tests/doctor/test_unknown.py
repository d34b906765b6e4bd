"""A fact that could not be read is a value: a source's error becomes one in a single module, and links report it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import podrole
from podrole.doctor.errors import SourceError
from podrole.doctor.sources.missing import MissingAccount, MissingCluster
from podrole.doctor.unknown import UnknownFact, read, read_async

PACKAGE = Path(podrole.__file__).parent


def names_in(node: ast.AST | None) -> set[str]:
    return set() if node is None else {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def catches_source_errors(path: Path) -> bool:
    """Say whether a source's error is caught there and not raised as another error."""
    tree = ast.parse(path.read_text())
    handled = [
        names_in(node.type)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and not isinstance(node.body[-1], ast.Raise)
    ]
    suppressed = [
        names_in(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
        for argument in node.args
    ]
    return any("SourceError" in names for names in (*handled, *suppressed))


def test_a_source_error_becomes_a_value_in_one_module_only() -> None:
    catching = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if catches_source_errors(path)]
    assert catching == [Path("doctor", "unknown.py")]


REASON = UnknownFact("There is no cluster.", got="no kubeconfig", next_step="podrole up")


async def test_a_missing_cluster_answers_every_question_with_its_reason() -> None:
    cluster = MissingCluster(REASON)
    questions = [
        cluster.get("pods", "shop", "web"),
        cluster.list("pods"),
        cluster.discovery_document(),
        cluster.keys(),
        cluster.request_token("shop", "web", "sts.amazonaws.com"),
        cluster.admit({}),
    ]
    assert [await read_async(question) for question in questions] == [REASON] * len(questions)


def test_a_missing_account_answers_every_question_with_its_reason() -> None:
    account = MissingAccount(REASON)
    assert read(lambda: account.role("arn:aws:iam::111122223333:role/web")) == REASON
    assert read(lambda: account.oidc_provider("111122223333", "https://issuer.example.com")) == REASON
    assert read(account.roles) == REASON
    assert read(account.oidc_providers) == REASON
    assert read(lambda: account.associations("https://issuer.example.com")) == REASON


def test_other_errors_are_not_turned_into_values() -> None:
    def fail() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        read(fail)
    with pytest.raises(SourceError):
        MissingAccount(REASON).roles()
