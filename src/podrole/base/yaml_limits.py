"""A YAML loader with limits: libyaml recurses for each level of nesting, and a deep document would end the process."""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 200
"""Levels of nesting: more than any Kubernetes object has."""

MAX_NUMBER = 1_000
"""Characters of a number. A longer scalar is text: nothing can compute with it, and to look at it takes long."""

_TEXT = "tag:yaml.org,2002:str"

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class LimitedLoader(_Base):  # type: ignore[misc] # one of two base classes, whichever PyYAML was built with
    """A safe loader that raises YAMLError for a document over its limits.

    ``max_nodes`` limits keys, values, lists and maps, and what merge keys (``<<``) add to maps; 0 sets no limit.
    """

    max_nodes = 0

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = self._nodes = self._merged = 0

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Count a node, as each one is read."""
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError("yaml: exceeded max depth")
        self._check(self._nodes)
        super().descend_resolver(parent, index)

    def ascend_resolver(self) -> None:
        """Leave a node."""
        self._depth -= 1
        super().ascend_resolver()

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Return the tag of a node without one. A long scalar is text, whichever number it looks like."""
        if kind is yaml.ScalarNode and implicit[0] and len(value) > MAX_NUMBER:
            return _TEXT
        tag: str = super().resolve(kind, value, implicit)
        return tag

    def construct_number(self, node: Any) -> Any:
        """Return the value of a node with the tag of a number."""
        if len(node.value) > MAX_NUMBER:
            raise yaml.YAMLError(f"yaml: a number has more than {MAX_NUMBER} characters")
        is_int = node.tag.endswith(":int")
        return self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)

    def flatten_mapping(self, node: Any) -> None:
        """Count what merge keys add, before it is added."""
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(merged, yaml.MappingNode):
                        self.flatten_mapping(merged)
                        self._merged += len(merged.value)
                        self._check(self._merged)
        super().flatten_mapping(node)

    def _check(self, count: int) -> None:
        if self.max_nodes and count > self.max_nodes:
            raise yaml.YAMLError(f"yaml: the document has more than {self.max_nodes} nodes")


for _kind in ("int", "float"):
    LimitedLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", LimitedLoader.construct_number)
