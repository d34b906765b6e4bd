"""``podrole token decode``: a token's header and claims, and with ``--verify`` whether STS accepts it."""

from __future__ import annotations

import asyncio
import datetime
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podrole.base.clock import system_clock
from podrole.base.errors import PodroleError
from podrole.cli.diagnosis import printable
from podrole.cli.sources import SourceOptions, find_world, open_sources
from podrole.cli.style import Style, style
from podrole.cli.terminal import complain, say
from podrole.doctor.errors import BadFile
from podrole.doctor.token_check import (
    NO_ACCOUNT,
    SingleProviderDirectory,
    TokenCheck,
    check_token,
    check_with_sources,
)
from podrole.doctor.token_text import token_text
from podrole.oidc.errors import TokenRefused
from podrole.oidc.fetch import Fetcher
from podrole.oidc.key_source import KeySource
from podrole.oidc.keycache import KeyCache
from podrole.oidc.token import MAX_TOKEN_CHARACTERS, UnverifiedToken, parse_token
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import Step

_MOST_BYTES = 4 * MAX_TOKEN_CHARACTERS
VERIFIED, REFUSED, CANNOT_TELL = 0, 1, 2
_MARKS = {True: "✓", False: "✗", None: "·"}
_TIMES = ("iat", "nbf", "exp")


@dataclass(frozen=True, slots=True)
class TokenQuery:
    """``file`` is a path, or ``-`` for standard input."""

    file: str
    verify: bool = False
    audience: str = "sts.amazonaws.com"


def run(query: TokenQuery, options: SourceOptions, *, as_json: bool) -> int:
    """Print. Returns 0: decoded or verified, 1: not a token or refused, 2: could not be checked."""
    try:
        text = read_token(query.file)
        token = parse_token(text)
        checked = asyncio.run(_check(text, query, options)) if query.verify else None
    except TokenRefused as refused:
        complain(refused.diagnostics())
        return REFUSED
    except PodroleError as fault:
        complain(fault.diagnostics())
        return CANNOT_TELL
    if as_json:
        print(json.dumps(to_dict(token, checked), indent=2))
    else:
        say("\n".join(printable(line) for line in _lines(token, checked, style())))
    return VERIFIED if checked is None or checked.denial is None else REFUSED


def read_token(name: str) -> str:
    """Return the token in a file, or on standard input for ``-``. Raises TokenRefused, BadFile."""
    try:
        # More than a token may have, so that a longer text is refused as not a token.
        if name == "-":
            raw = sys.stdin.buffer.read(_MOST_BYTES)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(_MOST_BYTES)
    except OSError as problem:
        raise BadFile(
            f"The token cannot be read: {problem.strerror}.",
            got=name,
            expected="the path of a file, or - for standard input",
        ) from problem
    return token_text(raw, piped=name == "-")


async def _check(text: str, query: TokenQuery, options: SourceOptions) -> TokenCheck:
    """Verify against a world, an issuer or a cluster: the first of these that the options name."""
    role = options.role
    if options.issuer is not None and find_world(options) is None:
        at = Circumstances(now=system_clock(), source_ip="0.0.0.0", region="us-east-1", secure_transport=True)  # noqa: S104 - unknown
        keys: KeySource = KeyCache(Fetcher(), system_clock)
        directory = SingleProviderDirectory(options.issuer, query.audience)
        return await check_token(text, directory, keys, at, account=NO_ACCOUNT, role_arn=role)
    async with open_sources(options) as sources:
        return await check_with_sources(text, sources, role_arn=role, audience=query.audience)


def to_dict(token: UnverifiedToken, checked: TokenCheck | None) -> dict[str, Any]:
    """Return header and claims, never the signature, and the result of each step."""
    result: dict[str, Any] = {"header": dict(token.header), "claims": dict(token.payload)}
    if checked is not None:
        result["verified"] = checked.denial is None
        result["steps"] = [{"step": step.value, "held": held} for step, held in checked.steps]
        denial = checked.denial
        result["denial"] = (
            None if denial is None else {"code": denial.code, "message": denial.message, **_sides(checked)}
        )
    return result


def _sides(checked: TokenCheck) -> dict[str, Any]:
    denial = checked.denial
    if denial is None:
        return {}
    return {"why": denial.why, "expected": denial.expected, "got": denial.got, "next": denial.next_step}


def _lines(token: UnverifiedToken, checked: TokenCheck | None, style: Style) -> Iterator[str]:
    note = "" if checked is not None and (Step.TIME, True) in checked.steps else " (not verified)"
    yield f"header{note}"
    yield from _members(token.header)
    yield f"claims{note}"
    yield from _members(token.payload)
    yield "The signature is not shown."
    if checked is None:
        yield ""
        yield f"{style.paint('next:', '1')} podrole token decode --verify … checks it as STS does"
        return
    yield ""
    for step, held in checked.steps:
        yield f"  {_MARKS[held]} {step.value}"
    denial = checked.denial
    if denial is None:
        yield f"{style.paint('verified', '32')}: every step holds"
        return
    yield f"{style.paint('refused', '31')}: {denial.why}"
    for name, value in (
        ("expected", denial.expected),
        ("got", denial.got),
        ("STS says", f"{denial.code}: {denial.message}"),
    ):
        if value:
            yield f"  {name:<9} {value}"
    if denial.next_step:
        yield f"{style.paint('next:', '1')} {denial.next_step}"


def _members(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        yield f"  {name:<14} {shown}{_moment(value) if name in _TIMES else ''}"


def _moment(value: object) -> str:
    """Return a time in readable form, and its distance from now."""
    if not isinstance(value, int):
        return ""
    try:
        moment = datetime.datetime.fromtimestamp(value, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    seconds = int(value - system_clock())
    distance = datetime.timedelta(seconds=abs(seconds))
    return f"  {moment:%Y-%m-%d %H:%M:%S} UTC, " + (f"in {distance}" if seconds > 0 else f"{distance} ago")
