"""Arguments and options that mean nothing are refused with a sentence, and no text of a user ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.world import clean_environment, podrole, podrole_here

ARN = "arn:aws:iam::111122223333:role/web"
ALONE = ("--kubeconfig", "nowhere", "--role", ARN, "--issuer")

# What is typed, the exit code, and a part of what is said.
WRONG: list[tuple[list[str], int, str]] = [
    (["webhook", "scan", "shop"], 2, "'shop'"),
    (["webhook", "manifests", "shop"], 2, "'shop'"),
    (["webhook", "manifests", "--namespace", "BAD NS"], 2, "'BAD NS'"),
    (["webhook", "manifests", "--name", "Hook"], 2, "'Hook'"),
    (["check", ".", "--account", "foo"], 2, "AWS account id"),
    (["check", ".", "--namespace", "BAD NS"], 2, "BAD NS"),
    (["check", ".", "--parameter", "Name"], 2, "NAME=VALUE"),
    (["up", "--dir", ""], 2, "empty"),
    (["status", "--dir", " "], 2, "empty"),
    (["doctor", "a/serviceaccount/b", "--role", "nonsense"], 2, "'nonsense'"),
    (["doctor", "a/serviceaccount/b", "--can", "s3:GetObject", "--resource", "nonsense"], 2, "'nonsense'"),
    (["doctor", "a/serviceaccount/b", *ALONE, "https://a:b/c"], 1, "PR401"),
    (["doctor", "a/serviceaccount/b", *ALONE, "https://[a/b"], 1, "PR401"),
]


@pytest.mark.parametrize(
    ("words", "code", "said"), WRONG, ids=lambda one: " ".join(one) if isinstance(one, list) else ""
)
def test_wrong_usage_is_refused_with_a_sentence(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    done = podrole_here(*words, cwd=tmp_path)
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    assert (done.returncode, said in told) == (code, True), told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "ascii"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
@pytest.mark.parametrize("words", [["check", "."], ["check", ".", "--format", "sarif"], ["doctor", "--help"]])
def test_terminal_without_unicode_gets_an_answer(tmp_path: Path, variables: dict[str, str], words: list[str]) -> None:
    (tmp_path / "trust-é.json").write_text('{"Statement": {"Effect": "Allow", "Action": "ü"}}')
    done = podrole(*words, cwd=tmp_path, env=clean_environment(**variables))
    assert "Traceback" not in done.stderr
    assert done.stdout


@pytest.mark.parametrize("url", ["https://[", "http://a:b", "nonsense"])
def test_endpoint_that_is_not_a_url_is_unknown_to_the_doctor(tmp_path: Path, url: str) -> None:
    keys = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}
    words = ["doctor", "a/serviceaccount/b", *ALONE, "https://issuer.example.com"]
    done = podrole_here(*words, cwd=tmp_path, env=clean_environment(**keys))
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
