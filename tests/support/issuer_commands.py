"""The podrole command at a time that the test sets, in processes that end at one of their writes as by ``kill -9``.

``python issuer_commands.py PORT AUTHORITY`` reads one command a line. Each runs in a process of its own that is forked,
so that Python and podrole are imported once. AWS reads issuers at the port of loopback, with the authority in the file.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, and what it said."""

    code: int
    output: str


class IssuerCommands:
    """Runs ``podrole issuer`` with the documents in a folder. ``between`` is called after each process."""

    def __init__(self, port: int, authority: Path, clock: Callable[[], float], between: Callable[[], None]) -> None:
        self._clock = clock
        self._between = between
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(port), str(authority)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=authority.parent,
        )

    def close(self) -> None:
        """End the process that forks."""
        self._process.communicate()

    def __call__(self, *words: str, at: int = 0, when: str = "") -> Ended:
        """Run a command, killed ``when`` it is "writing" or has "written" file number ``at``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        ask = {"words": ["issuer", *words], "now": self._clock(), "at": at, "when": when}
        self._process.stdin.write(json.dumps(ask) + "\n")
        self._process.stdin.flush()
        ended = Ended(**json.loads(self._process.stdout.readline()))
        self._between()
        return ended

    def done(self, *words: str) -> str:
        """Run a command that must succeed."""
        ended = self(*words)
        assert ended.code == 0, ended.output
        return ended.output

    def refused(self, *words: str) -> str:
        """Run a command that must refuse."""
        ended = self(*words)
        assert ended.code == 1, ended.output
        return ended.output

    def killed_everywhere(self, *words: str, when: str) -> int:
        """Run a command again and again, each process killed one write later than the one before, until one ends; then
        twice more. Return how many were killed. What one process wrote the next finds."""
        killed = 0
        at = 1
        while (ended := self(*words, at=at, when=when)).code == -signal.SIGKILL:
            killed += 1
            at = 1 if when == "written" else 2  # before its second write a process has made one
        assert ended.code == 0, ended.output
        self.done(*words)
        self.done(*words)
        return killed


def main(port: int, authority: Path) -> None:
    """Run the commands that standard input asks for."""
    from podrole.base import clock

    now = [0.0]
    clock.system_clock = lambda: now[0]
    from podrole.cli import main as podrole
    from podrole.cli.issuer import places, publishing, rotating  # noqa: F401 - once, for all
    from podrole.oidc import https  # noqa: F401
    from podrole.oidc.fetch import Fetcher

    def fetcher() -> Fetcher:
        trust = ssl.create_default_context(cafile=authority)
        return Fetcher(resolve=lambda _host, _port: ("127.0.0.1", port), trust=lambda: trust)

    places.aws_view = lambda _options, _thumbprints: places.AWSView(fetcher())
    for line in sys.stdin:
        ask = json.loads(line)
        now[0] = ask["now"]
        with tempfile.TemporaryFile("w+") as output:
            child = os.fork()
            if child == 0:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                _run(podrole, ask)
            _, status = os.waitpid(child, 0)
            output.seek(0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status), "output": output.read()}), flush=True)


def _run(podrole: Callable[[list[str]], Any], ask: dict[str, Any]) -> None:
    written = 0
    replace = Path.replace

    def counted(self: Path, target: Any) -> Any:
        nonlocal written
        written += 1
        if (written, ask["when"]) == (ask["at"], "writing"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = replace(self, target)
        if (written, ask["when"]) == (ask["at"], "written"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Path.replace = counted  # type: ignore[method-assign] # every file is written beside its place and renamed
    code: Any = 70
    try:
        code = podrole(ask["words"])
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
