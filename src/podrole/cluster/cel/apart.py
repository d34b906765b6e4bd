"""Expressions that may cost much, evaluated in a process of their own, whose time and memory are limited.

The process is this module as a program: it reads one expression with its variables and writes the value.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

CPU_SECONDS = 2
"""Of the evaluation and the start of the process, which takes a quarter of one."""
WALL_SECONDS = 20
MEMORY = 512 * 1024 * 1024
"""Bytes that the process may map beyond what it has mapped when it begins to evaluate."""
TOO_EXPENSIVE = "call cost exceeds limit: podrole ends an expression that takes too much time or memory,"
_STATM = Path("/proc/self/statm")
_AT_ONCE = threading.BoundedSemaphore(2)


class RuleOutcome(msgspec.Struct, frozen=True):
    """What an expression is worth. ``value`` is a truth value or a text, None for any other; ``error`` says why it has
    no value."""

    value: bool | str | None = None
    error: str = ""


def evaluate_apart(expression: str, variables: Mapping[str, Any]) -> RuleOutcome:
    """Evaluate an expression of ``self`` and ``oldSelf`` in another process. Blocks until it has ended."""
    task = msgspec.msgpack.encode((expression, variables))
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath}
    with _AT_ONCE:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", __name__],
                input=task,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return RuleOutcome(error=TOO_EXPENSIVE)
    if ended.returncode != 0:
        return RuleOutcome(error=TOO_EXPENSIVE)
    return msgspec.json.decode(ended.stdout, type=RuleOutcome)


def outcome_of(program: Any, variables: Mapping[str, Any]) -> RuleOutcome:
    """Evaluate a compiled expression here."""
    try:
        result = program.eval(data=variables)
    except RuntimeError as problem:
        return RuleOutcome(error=str(problem) or "no value")
    if result.type().name() == "ERROR":
        return RuleOutcome(error=str(result.value()) or "no value")
    value = result.value()
    return RuleOutcome(value if isinstance(value, bool | str) else None)


def main() -> None:
    """Evaluate the expression on standard input."""
    from podrole.cluster.cel.libraries import compile_rule

    expression, variables = msgspec.msgpack.decode(sys.stdin.buffer.read())
    program = compile_rule(expression)[0]
    _limit_this_process()
    sys.stdout.buffer.write(msgspec.json.encode(outcome_of(program, variables)))


def _limit_this_process() -> None:
    """Limit processor time and memory as far as the system knows limits. Windows has the limit of the caller alone."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if _STATM.exists():
        mapped = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))


if __name__ == "__main__":
    main()
