"""The nearest statement of a policy is marked, and in it what failed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podrole.console.policy_marks import marked
from podrole.iam.explain import Failure

STATEMENT = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutObject"],
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:a": "1", "aws:b": ["2", "3"]}, "Bool": {"aws:a": "true"}},
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}, STATEMENT]}


def failed(element: str = "Condition", operator: str = "", key: str = "") -> Failure:
    return Failure(element, ("x",), ("y",), operator, key)


@pytest.mark.parametrize(
    ("failure", "lines"),
    [
        (failed("Resource"), ['"Resource": "*",']),
        (failed("Action"), ['"Action": [', '"s3:GetObject",', '"s3:PutObject"', "],"]),
        (failed(operator="StringEquals", key="aws:a"), ['"aws:a": "1",']),
        (failed(operator="stringequals", key="AWS:B"), ['"aws:b": [', '"2",', '"3"', "]"]),
        (failed(operator="Bool", key="aws:a"), ['"aws:a": "true"']),
        (failed("Principal"), []),
    ],
)
def test_what_failed_is_marked(failure: Failure, lines: list[str]) -> None:
    found = marked("a policy", json.dumps(POLICY), "$.Statement[1]", [failure])
    assert found is not None
    assert [line.text.strip() for line in found.lines if line.mark == "failed"] == lines
    marks = [line.text.strip() for line in found.lines if line.mark]
    assert (marks[0], marks[-1]) == ("{", "}")
    assert json.loads("\n".join(line.text for line in found.lines)) == POLICY


@pytest.mark.parametrize("path", ["$.Statement[2]", "$.Other", "", "$.Statement[0]x\u0000"])
def test_a_policy_without_the_statement_is_not_marked(path: str) -> None:
    found = marked("a policy", json.dumps(POLICY), path, [])
    assert found is None or path.startswith("$.Statement[0]")


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', '{"Statement": "x"}', '{"Statement": [1]}', "[" * 100_000])
def test_a_document_that_is_no_policy_is_not_marked(text: str) -> None:
    assert marked("a policy", text, "$.Statement[0]", []) is None


def test_a_single_statement_is_marked() -> None:
    found = marked("a policy", json.dumps({"Statement": STATEMENT}), "$.Statement", [failed("Resource")])
    assert found is not None
    assert [line.text.strip() for line in found.lines if line.mark == "failed"] == ['"Resource": "*",']


NAMES = st.text(min_size=1, max_size=5)
VALUES = st.recursive(
    st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=8
)


@settings(max_examples=60)
@given(st.dictionaries(NAMES, VALUES, max_size=4), NAMES, NAMES)
def test_marks_change_no_text(statement: dict[str, object], element: str, operator: str) -> None:
    policy = {"Statement": [statement]}
    found = marked("a policy", json.dumps(policy), "$.Statement[0]", [failed(element), failed(operator=operator)])
    assert found is not None
    assert json.loads("\n".join(line.text for line in found.lines)) == policy
