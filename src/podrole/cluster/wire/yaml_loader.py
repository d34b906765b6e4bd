"""YAML as Kubernetes reads it: plain scalars resolve as in Go's yaml.v2, so times and ``22:22`` stay text."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, ClassVar

import yaml

from podrole.base.yaml_limits import LimitedLoader

YamlError = yaml.YAMLError

MAX_NODES = 50_000
"""Keys, values, lists and maps that a document may have. PyYAML takes some ten microseconds for each."""


class KubernetesLoader(LimitedLoader):
    """Reads plain scalars as Kubernetes does, and notes repeated keys."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
    max_nodes = MAX_NODES

    def __init__(self, stream: bytes | str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key_node.value for key_node, _ in node.value if isinstance(key_node, yaml.ScalarNode))
        self.repeated.extend(sorted(key for key, count in keys.items() if count > 1))
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_FLOAT = (
    r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+(?:[eE][-+]?[0-9]+)?)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_INT = r"[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+"
_BOOL = r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"
# Each tag with its form and the characters that it can begin with.
_RESOLVERS: tuple[tuple[str, str, list[str]], ...] = (
    ("bool", _BOOL, list("yYnNtTfFoO")),
    ("float", _FLOAT, list("-+0123456789.")),
    ("int", _INT, list("-+0123456789")),
    ("merge", r"<<", ["<"]),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
)
for _tag, _form, _first in _RESOLVERS:
    KubernetesLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), _first)


def load(data: bytes) -> tuple[Any, list[str]]:
    """Return the document and its repeated keys. Raises YamlError; takes one document, not several."""
    loader = KubernetesLoader(data)
    try:
        return loader.get_single_data(), loader.repeated
    except (ValueError, TypeError) as problem:  # a tag that does not fit its value, a key that cannot be one
        raise YamlError(f"yaml: {problem}") from None
    finally:
        loader.dispose()
