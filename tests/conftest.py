"""Settings for every test."""

from __future__ import annotations

import gc
import importlib.util
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support import garbage

HERE = Path(__file__).parent

# Started in the background by a shell, tests would ignore an interrupt, and so would every process that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Speed is measured in benchmarks/; a busy machine must not fail a test.
settings.register_profile("soak", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# make test tries a property with a quarter of the examples that make soak and make mutants try.
settings.register_profile("podrole", settings.get_profile("soak"), max_examples=25)
# A mutant is killed or not, the same every time; what kills it is no example to remember.
settings.register_profile("mutants", settings.get_profile("soak"), database=None, derandomize=True)
settings.load_profile("podrole")

# Python looks for cycles after every 700 new objects, and again and again in all that was imported: a quarter of the
# tests' time. Nothing that the imports and the collection make goes away, so it is looked through once, at their end.
gc.set_threshold(50_000, 10, 10)
gc.disable()

LONGEST = ("cli", "world", "doctor", "setup", "webhook", "cluster/clients")
"""Directories whose tests start processes. They come first, so that at the end no worker waits for another's."""


def pytest_collection_finish() -> None:
    """Keep what the collection has made out of every later garbage collection."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Look for cycles a last time. pytest would do it twice from here, and Python again when it ends."""
    garbage.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, and leave out those of the services where they are not installed."""
    first = tuple(f"{HERE / directory}/" for directory in LONGEST)
    items.sort(key=lambda item: not str(item.path).startswith(first))
    if importlib.util.find_spec("moto") is None:
        for item in items:
            if item.get_closest_marker("services") is not None:
                item.add_marker(pytest.mark.skip(reason="needs the extra services"))
