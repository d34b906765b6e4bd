"""Statements are added, replaced and taken out of a document; every other byte stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.setup.policy_text import edited, new_document, statements_of

A, B, C = ({"Effect": "Allow", "Action": "sts:AssumeRole", "Sid": sid} for sid in "ABC")
FIRST = '{"Sid":"A" ,"Effect":"Allow","Action" : "\\u0073ts:AssumeRole"}'
ODD = f'{{ "Statement" : [\n\t{FIRST},{{"Sid" :"B"}}\n] ,"Version":"2012-10-17"}}'


@pytest.mark.parametrize(
    ("replaced", "added", "expected"),
    [
        ({}, [], ODD),
        ({1: C}, [], ODD.replace('{"Sid" :"B"}', json.dumps(C))),
        (
            {1: None},
            [],
            f'{{ "Statement" : [{FIRST}] ,"Version":"2012-10-17"}}',
        ),
        (
            {0: None},
            [C],
            '{ "Statement" : [{"Sid" :"B"}, ' + json.dumps(C) + '] ,"Version":"2012-10-17"}',
        ),
        ({0: None, 1: None}, [], None),
    ],
)
def test_what_is_not_edited_stays_byte_for_byte(replaced: dict, added: list, expected: str | None) -> None:
    assert edited(ODD, replaced, added) == expected


def test_a_single_statement_without_a_list_becomes_a_list_only_when_one_is_added() -> None:
    single = '{"Version":"2012-10-17","Statement":{"Sid" : "A"}}'
    assert edited(single, {}) == single
    assert edited(single, {0: B}) == single.replace('{"Sid" : "A"}', json.dumps(B))
    assert edited(single, {}, [B]) == single.replace('{"Sid" : "A"}', f'[{{"Sid" : "A"}}, {json.dumps(B)}]')


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": 1}', '{"Statement": [1]}', "not JSON"])
def test_a_text_that_is_no_policy_document_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        statements_of(text)


STATEMENTS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1), min_size=1, max_size=5)


@given(STATEMENTS, st.data())
def test_edits_are_those_of_the_list(statements: list[dict[str, str]], data: st.DataObject) -> None:
    document = new_document(statements)
    assert [one.value for one in statements_of(document)] == statements
    indexes = st.sampled_from(range(len(statements)))
    replaced = data.draw(st.dictionaries(indexes, st.none() | st.just({"Sid": "new"})))
    added = data.draw(st.lists(st.just({"Sid": "added"}), max_size=2))
    expected = [replaced.get(i, one) for i, one in enumerate(statements)]
    expected = [one for one in expected if one is not None] + added
    result = edited(document, replaced, added)
    if not expected:
        assert result is None
    else:
        assert result is not None
        assert json.loads(result) == {"Version": "2012-10-17", "Statement": expected}
