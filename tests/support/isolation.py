"""Marks for tests of pods as processes: whether these are isolated (the fixture ``isolated`` of the node's tests)."""

from __future__ import annotations

import pytest

isolated_only = pytest.mark.parametrize("isolated", [True], indirect=True, ids=["isolated"])
"""Marks a test of what only isolation gives. It is skipped where the system offers none."""
not_isolated = pytest.mark.parametrize("isolated", [False], indirect=True, ids=["not-isolated"])
"""Marks a test of what stands in for isolation: the path rule."""
both_ways = pytest.mark.parametrize("isolated", [True, False], indirect=True, ids=["isolated", "not-isolated"])
"""Marks a test that holds with and without isolation."""
