"""A YAML document over the limits is an error, never the end of the process."""

from __future__ import annotations

import pytest
import yaml

from podrole.base.yaml_limits import MAX_DEPTH, LimitedLoader


class Small(LimitedLoader):
    max_nodes = 20


DEEP = 200_000


@pytest.mark.parametrize("document", ["[" * DEEP, "{a: " * DEEP, "- " * DEEP + "a", "? " * DEEP + "a"])
def test_deep_document_is_refused(document: str) -> None:
    with pytest.raises(yaml.YAMLError, match="exceeded max depth"):
        yaml.load(document, LimitedLoader)


@pytest.mark.parametrize(("levels", "fits"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_depth_has_a_limit(levels: int, fits: bool) -> None:
    document = "[" * levels + "1" + "]" * levels
    if fits:
        assert yaml.load(document, LimitedLoader)
    else:
        with pytest.raises(yaml.YAMLError):
            yaml.load(document, LimitedLoader)


@pytest.mark.parametrize(
    ("document", "fits"),
    [
        (f"[{'1,' * 19}]", True),
        (f"[{'1,' * 20}]", False),
        ("a: &a {b: 1, c: 2}\nd: {<<: [*a, *a]}", True),
        ("a: &a {b: 1, c: 2}\nd: {<<: [" + "*a," * 11 + "]}", False),
    ],
)
def test_nodes_and_merged_keys_are_counted(document: str, fits: bool) -> None:
    if fits:
        assert yaml.load(document, Small)
    else:
        with pytest.raises(yaml.YAMLError, match="more than 20 nodes"):
            yaml.load(document, Small)
