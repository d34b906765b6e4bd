"""Settings for every test."""

from __future__ import annotations

import importlib.util
import signal

import pytest
from hypothesis import HealthCheck, settings

# Started in the background by a shell, tests would ignore an interrupt, and so would every process that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Speed is measured in benchmarks/; a busy machine must not fail a test.
settings.register_profile("podrole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A mutant is killed or not, the same every time; what kills it is no example to remember.
settings.register_profile("mutants", settings.get_profile("podrole"), database=None, derandomize=True)
settings.load_profile("podrole")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests of the services where they are not installed."""
    if importlib.util.find_spec("moto") is None:
        for item in items:
            if item.get_closest_marker("services") is not None:
                item.add_marker(pytest.mark.skip(reason="needs the extra services"))
