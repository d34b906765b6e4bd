"""The doctor's commands, run for the person who looks at the page, after they have seen them.

Nothing is run that is not the doctor's own remedy for a finding at that moment: the page sends the finding's code and
the fingerprint of the commands that it showed, never a command.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podrole.doctor.remedies.commands import Command, commands_of
from podrole.doctor.report.findings import Finding
from podrole.doctor.sources.sources import Tools

LIMIT_SECONDS = 60.0
MOST_OUTPUT = 16 * 1024
"""How much of each command's output is kept, in bytes: its end."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command did. ``code`` is None if it was ended because its time was over."""

    shell: str
    code: int | None
    output: str


def fingerprint(finding: Finding, tools: Tools) -> str:
    """Return what identifies a finding with its commands: it changes with every byte of them."""
    commands = [command.to_dict() for command in commands_of(finding.remedy.changes, tools)]
    text = json.dumps([finding.code, str(finding.about), commands], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def find_repairable(findings: Sequence[Finding], wanted: str, tools: Tools) -> Finding | None:
    """Return the finding with this fingerprint; None if it is gone, or its commands are others now."""
    return next((finding for finding in findings if fingerprint(finding, tools) == wanted), None)


async def run_commands(commands: Sequence[Command], environment: Mapping[str, str]) -> tuple[CommandResult, ...]:
    """Run commands one after the other, until one fails. Each has ``LIMIT_SECONDS``.

    ``environment`` is all of their environment, with the PATH on which they are found.
    """
    done: list[CommandResult] = []
    for command in commands:
        done.append(await _run(command, environment))
        if done[-1].code != 0:
            break
    return tuple(done)


async def _run(command: Command, environment: Mapping[str, str]) -> CommandResult:
    """Run one pipeline without a shell: what each stage prints is the next one's input."""
    stdin = command.stdin
    said = b""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            for stage in command.stages:
                code, printed, complaint = await _stage(stage, stdin, environment)
                said += complaint
                if code != 0:
                    return CommandResult(command.shell(), code, _end(said + printed))
                stdin = printed.decode("utf-8", "replace")
    except TimeoutError:
        return CommandResult(command.shell(), None, _end(said))
    except OSError as problem:
        return CommandResult(command.shell(), 127, f"{problem.filename or 'the command'}: {problem.strerror}")
    return CommandResult(command.shell(), 0, _end(said + (stdin or "").encode()))


async def _stage(words: Sequence[str], stdin: str | None, environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
    )
    try:
        printed, complaint = await process.communicate((stdin or "").encode())
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, printed, complaint


def _end(said: bytes) -> str:
    return said[-MOST_OUTPUT:].decode("utf-8", "replace").strip()
