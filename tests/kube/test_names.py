"""The forms of Kubernetes names have one owner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import podrole
from podrole.kube.names import is_label, is_subdomain


@pytest.mark.parametrize(
    ("text", "a_label", "a_subdomain"),
    [
        ("a", True, True),
        ("0-a", True, True),
        ("a.b", False, True),
        ("a..b", False, False),
        ("a-", False, False),
        (".a", False, False),
        ("A", False, False),
        ("a\n", False, False),
        ("", False, False),
        ("x" * 63, True, True),
        ("x" * 64, False, True),
        ("x" * 253, False, True),
        ("x" * 254, False, False),
    ],
)
def test_labels_and_subdomains(text: str, a_label: bool, a_subdomain: bool) -> None:
    assert (is_label(text), is_subdomain(text)) == (a_label, a_subdomain)


def test_patterns_of_names_stand_in_one_module() -> None:
    root = Path(podrole.__file__).parent
    pattern = re.compile(r"\[a-z0-9\]\((\?:)?\[-?a-z0-9")
    found = [str(path.relative_to(root)) for path in sorted(root.rglob("*.py")) if pattern.search(path.read_text())]
    assert found == ["kube/names.py"]
