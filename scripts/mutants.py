"""Find checks that no test misses: change one thing in a module, run the module's tests, and report if all pass.

``tests/mutants.toml`` says for each module which tests to run, within which time, and which mutants change nothing that
could be tested. ``scripts/mutations.py`` makes the mutants. They live in a copy of ``src``: the working tree is not
touched. One process runs at a time; each run is a fork of one that has imported pytest, the libraries and
what of podrole does not depend on the module.

Usage: python scripts/mutants.py [oidc | sts/tags.py | sts/tags.py:68]…
Prints each survivor as ``file:line before → after``. Exits with 1 if a mutant survives that is not listed, or a listed
one does not exist or does not survive any more; with 2 if the tests fail without any change.
"""

from __future__ import annotations

import compileall
import contextlib
import gc
import importlib
import os
import py_compile
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

import grimp
import pytest

from mutations import Mutant, mutants

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "tests" / "mutants.toml"
# The plugins that the tests need: finding all that are installed takes longer than most runs.
PLUGINS = ("_hypothesis_pytestplugin", "pytest_asyncio.plugin", "pytest_timeout")
# Imported once, before the forks: what the tests import and is not podrole's own.
PRELOADED = (
    *PLUGINS,
    "anyio._backends._asyncio",
    "botocore.session",
    "cryptography.x509",
    "httpx2",
    "hypothesis",
    "msgspec",
)


@dataclass(frozen=True, slots=True)
class Module:
    """A module below ``src/podrole`` and how its mutants are judged.

    ``seconds`` bounds one run of its tests. ``lines`` are the lines whose mutants are tried, empty for all.
    """

    name: str
    tests: tuple[str, ...]
    seconds: float
    lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Listed:
    """A mutant that a reviewer has found to change nothing that matters, and why."""

    module: str
    place: str
    before: str
    after: str

    def is_of(self, mutant: Mutant) -> bool:
        """Say whether this is that mutant. Line numbers do not count: they change with every edit."""
        return (self.place, self.before, self.after) == (mutant.place, mutant.before, mutant.after)


def read_table(wanted: Sequence[str]) -> tuple[list[Module], list[Listed]]:
    """Return the modules that ``wanted`` names (all, without any), and the listed mutants."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    modules = []
    for name, entry in table["modules"].items():
        chosen = [one.partition(":") for one in wanted if name.startswith(one.partition(":")[0])]
        if chosen or not wanted:
            lines = frozenset(int(line) for _, _, line in chosen if line)
            modules.append(Module(name, tuple(entry["tests"]), entry["seconds"], lines))
    listed = [Listed(one["module"], one["in"], one["before"], one["after"]) for one in table.get("equivalent", [])]
    return modules, listed


class Copy:
    """A copy of ``src`` in which one module at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "src"
        self._output = folder / "output"
        self._imported = folder / "imported"
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__"))
        # A mutant is often as long as its module and written in the same second: no time stamp could tell them apart.
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(self.source, quiet=2, invalidation_mode=mode)
        sys.path.insert(0, str(self.source))
        self._graph = grimp.build_graph("podrole", cache_dir=None)

    def passes(self, module: Module, code: str) -> bool:
        """Say whether the module's tests pass, and in time, when its source is ``code``."""
        path = self.source / "podrole" / module.name
        original = path.read_bytes()
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
        path.write_text(code, encoding="utf-8")
        try:
            return self._run(module) == 0
        finally:
            path.write_bytes(original)

    def preload(self, module: Module) -> None:
        """Import what the last run imported of podrole, but not the module and what imports it."""
        name = "podrole." + module.name.removesuffix(".py").replace("/", ".")
        changed = {name, *self._graph.find_downstream_modules(name)}
        for imported in self._imported.read_text(encoding="utf-8").split():
            parts = imported.split(".")
            # The packages around a module are imported with it.
            if changed.isdisjoint(".".join(parts[:count]) for count in range(1, len(parts) + 1)):
                importlib.import_module(imported)
        gc.freeze()

    def output(self) -> str:
        """Return what the last run printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def _run(self, module: Module) -> int | None:
        """Run the module's tests in a fork and return pytest's exit code, None if they took too long."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            self._become_pytest(module)
        deadline = time.monotonic() + module.seconds
        try:
            while time.monotonic() < deadline:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.02)
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        finally:
            _kill_group(child)

    def _become_pytest(self, module: Module) -> None:
        code = 3
        try:
            os.setsid()
            output = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.dont_write_bytecode = True
            os.environ.update(PYTHONPATH=str(self.source), PYTHONDONTWRITEBYTECODE="1")
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", "mutants"]
            options += [option for plugin in PLUGINS for option in ("-p", plugin)]
            options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of the plugins: they are imported already
            code = int(pytest.main([*options, *module.tests]))
            names = sorted(name for name in sys.modules if name.partition(".")[0] == "podrole")
            self._imported.write_text("\n".join(names), encoding="utf-8")
        except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _kill_group(leader: int) -> None:
    """End what the tests started and left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def survivors(copy: Copy, module: Module, made: Sequence[Mutant]) -> Iterator[Mutant]:
    """Yield the mutants that the module's tests do not notice, as they are found."""
    for mutant in made:
        if copy.passes(module, mutant.code):
            yield mutant


def main(wanted: Sequence[str]) -> int:
    """Run the modules and return the exit code."""
    modules, listed = read_table(wanted)
    if not modules:
        print(f"{TABLE.name} has no module that begins with {' or '.join(wanted)}")
        return 2
    os.chdir(ROOT)
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage twice in a run: without it each fork would look through all of the above
    codes = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        for module in modules:
            known = [one for one in listed if one.module == module.name]
            codes.append(_in_fork(lambda module=module, known=known: judge(copy, module, known)))
    return max(codes)


def _in_fork(work: Callable[[], int]) -> int:
    """Return the exit code of ``work``, done in a fork: what it imports is not imported here."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))  # below 0 if a signal ended it


def judge(copy: Copy, module: Module, listed: Sequence[Listed]) -> int:
    """Try all mutants of a module, print what is found, and return the exit code."""
    source = (copy.source / "podrole" / module.name).read_text(encoding="utf-8")
    if not copy.passes(module, source):
        print(copy.output())
        print(f"{module.name}: the tests fail, or take over {module.seconds:g} s, without any change")
        return 2
    copy.preload(module)
    begun = time.monotonic()
    made = [mutant for mutant in mutants(source) if not module.lines or mutant.line in module.lines]
    findings = known = 0
    unseen = set() if module.lines else set(listed)
    for mutant in survivors(copy, module, made):
        entry = next((one for one in listed if one.is_of(mutant)), None)
        if entry is None:
            findings += 1
            print(f"src/podrole/{module.name}:{mutant.line} in {mutant.place or 'module'}", flush=True)
            print(f"    {mutant.before}\n  → {mutant.after}", flush=True)
        else:
            known += 1
            unseen.discard(entry)
    for entry in unseen:
        findings += 1
        print(f"{TABLE.name} lists a mutant of {module.name} that does not survive: {entry.before} → {entry.after}")
    seconds = time.monotonic() - begun
    print(f"{module.name}: {len(made)} mutants, {known} listed, {findings} findings, {seconds:.0f} s", flush=True)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
