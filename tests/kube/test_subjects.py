"""Service accounts as users: ``system:serviceaccount:NAMESPACE:NAME``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import podrole
from podrole.kube.subjects import Subject, find_subjects, parse_subject, split_subject, subject_of


def test_subject_is_made_of_namespace_and_name() -> None:
    assert subject_of("demo", "reader") == "system:serviceaccount:demo:reader"


def test_subject_is_parsed() -> None:
    assert parse_subject("system:serviceaccount:demo:my.reader") == Subject("demo", "my.reader")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "system:serviceaccount:",
        "system:serviceaccount:demo",
        "system:serviceaccount:demo:",
        "system:serviceaccount::reader",
        "system:serviceaccount:demo:reader:more",
        "system:serviceaccounts:demo:reader",
        "xsystem:serviceaccount:demo:reader",
        "system:serviceaccount:my.demo:reader",
        "system:serviceaccount:Demo:reader",
        "system:serviceaccount:demo:Reader",
        "system:serviceaccount:demo:reader\n",
        "system:serviceaccount:demo:reader*",
        f"system:serviceaccount:{'x' * 64}:reader",
        f"system:serviceaccount:demo:{'x' * 254}",
    ],
)
def test_other_user_names_are_not_parsed(text: str) -> None:
    assert parse_subject(text) is None


@pytest.mark.parametrize("text", ["demo:reader", "system:serviceaccount:demo", "system:serviceaccount:a:b:c"])
def test_text_without_two_parts_is_not_split(text: str) -> None:
    assert split_subject(text) is None


def test_pattern_is_split_without_a_check() -> None:
    assert split_subject("system:serviceaccount:team-*:") == Subject("team-*", "")


def test_complete_subjects_are_found_in_a_policy() -> None:
    policy = """{"sub": ["system:serviceaccount:a:b.c", "system:serviceaccount:a:b*", "system:serviceaccount:*:d",
        "system:serviceaccount:e:f"]}"""
    assert find_subjects(policy) == [Subject("a", "b.c"), Subject("e", "f")]


@given(
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9})?", fullmatch=True),
)
def test_what_is_made_is_parsed(namespace: str, name: str) -> None:
    assert parse_subject(subject_of(namespace, name)) == (namespace, name)
    assert find_subjects(f'"{subject_of(namespace, name)}"') == [(namespace, name)]


def test_subjects_are_made_and_parsed_in_one_module() -> None:
    """A second place would sooner or later have another rule."""
    root = Path(podrole.__file__).parent
    code = re.compile(r"""["']system:serviceaccount:""")
    found = [str(path.relative_to(root)) for path in sorted(root.rglob("*.py")) if code.search(path.read_text())]
    assert found == ["kube/subjects.py"]
