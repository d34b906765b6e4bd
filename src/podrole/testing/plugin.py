"""The pytest plugin: fixtures that give a test the identity of a pod, in a world of its own.

Installed with podrole; nothing but this file is imported until a test asks for a fixture. ``-p no:podrole`` switches it
off. docs/pytest.md describes it.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from podrole.testing import Call, Clock, Identity, Pod, Refusal, World
    from podrole.testing.administrator import Administrator
    from podrole.testing.outside_calls import OutsideCalls

_EXPLAINED = 5
"""How many refused calls a report explains: each takes half a second."""
_WORLD, _TEST = "podrole_world", "_podrole_test"
_PLACE = {"account": "podrole_account", "region": "podrole_region"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings of a project's configuration."""
    parser.addini("podrole_account", "podrole: the id of the local AWS account, 12 digits", default="")
    parser.addini("podrole_region", "podrole: the region of the local AWS account", default="")
    parser.addini(
        "podrole_allow_hosts", "podrole: hosts outside the world that tests may reach", type="args", default=[]
    )


class _Used:
    """What a test uses, for its report."""

    def __init__(self, world: World, outside: OutsideCalls) -> None:
        self.world = world
        self.outside = outside


_used = pytest.StashKey[_Used]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have each test that uses the world in any way begin with an empty one, before its other fixtures."""
    names: list[str] = getattr(item, "fixturenames", [])
    if _WORLD in names and _TEST not in names[: names.index(_WORLD) + 2]:
        names.insert(names.index(_WORLD) + 1, _TEST)


@pytest.fixture(scope="session")
def podrole_settings(pytestconfig: pytest.Config) -> Mapping[str, Any]:
    """The settings of the world, those of ``podrole up``. Override it to choose others."""
    return {name: value for name, ini in _PLACE.items() if (value := pytestconfig.getini(ini))}


@pytest.fixture(scope="session")
def podrole_world(podrole_settings: Mapping[str, Any]) -> Iterator[World]:
    """The world: a local AWS and a cluster, one for each worker. Each test that uses it finds it empty."""
    from podrole.testing import World

    with World(**podrole_settings) as world:
        yield world


@pytest.fixture
def _podrole_test(podrole_world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """Empty the world, and keep the test from credentials and hosts outside of it."""
    from podrole.testing import environment, identity
    from podrole.testing.outside_calls import OutsideCalls

    _empty(podrole_world)
    outside = OutsideCalls(request.config.getini("podrole_allow_hosts"))
    request.node.stash[_used] = _Used(podrole_world, outside)
    nobody = environment.of_pod(podrole_world.description["environment"])
    with contextlib.ExitStack() as stack:
        stack.enter_context(environment.replaced(nobody))
        stack.enter_context(environment.default_session(None))
        stack.enter_context(outside.refused())
        stack.callback(identity.leave, identity.entered())
        yield podrole_world


def _empty(world: World) -> None:
    """Reset the world; start another one if it has ended, so that one test does not fail all that follow it."""
    from podrole.testing import WorldFailed

    try:
        world.reset()
    except WorldFailed as problem:
        world.stop()
        world.start()
        warnings.warn(pytest.PytestWarning(f"podrole: another world was started. {problem}"), stacklevel=1)


@pytest.fixture
def podrole_identity(_podrole_test: World) -> Callable[..., Identity]:
    """Make the identity of a pod: ``podrole_identity(namespace, account, allow=[…])``, as ``World.identity``."""
    return _podrole_test.identity


@pytest.fixture
def podrole_pod(_podrole_test: World) -> Callable[..., Pod]:
    """Run a program as a pod: ``podrole_pod(identity, command)``, as ``World.run_pod``."""
    return _podrole_test.run_pod


class _Calls(Sequence["Call"]):
    """The calls of a test as they are when it looks, without those of the administrator."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _now(self) -> Sequence[Call]:
        administrator = f"arn:aws:iam::{self._world.description['account']}:user/admin"
        return [call for call in self._world.calls if not call.who.endswith(administrator.partition("::")[2])]

    def __getitem__(self, index: Any) -> Any:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    def __repr__(self) -> str:
        from podrole.testing.calls import listed

        return listed(self._now())


@pytest.fixture
def podrole_calls(_podrole_test: World) -> Sequence[Call]:
    """The AWS calls of this test's pods with their decisions, oldest first; without those of ``podrole_admin``."""
    return _Calls(_podrole_test)


@pytest.fixture
def podrole_refusal(_podrole_test: World) -> Callable[..., Refusal]:
    """A context in which AWS must refuse a call: ``with podrole_refusal(match="s3:DeleteObject"):``."""
    return _podrole_test.refusal


@pytest.fixture
def podrole_admin(_podrole_test: World) -> Administrator:
    """boto3 as the account's administrator: ``podrole_admin.client("s3")``."""
    return _podrole_test.administrator


@pytest.fixture
def podrole_clock(_podrole_test: World) -> Clock:
    """The world's clock: ``podrole_clock.advance(hours=2)``."""
    return _podrole_test.clock


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add each refused call of a failed test, with its explanation."""
    report = yield
    used = item.stash.get(_used, None)
    if used is not None and report.failed and report.when != "teardown":
        for title, text in _sections(used):
            report.sections.append((title, text))
    return report


def _sections(used: _Used) -> Iterator[tuple[str, str]]:
    from podrole.testing.errors import TestingError

    try:
        refused = [call for call in used.world.calls if call.refused]
        explained = [used.world.explain(call) for call in refused[:_EXPLAINED]]
    except TestingError as problem:
        yield "podrole", str(problem)
        return
    if refused:
        rest = [str(call) for call in refused[_EXPLAINED:]]
        yield "podrole: refused calls", "\n\n".join(explained) + "".join(f"\n{line}" for line in rest)
    if used.outside.attempts:
        yield "podrole: hosts outside the world", "\n".join(dict.fromkeys(used.outside.attempts))
