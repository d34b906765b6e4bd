"""``podrole explain``: one call with its exchange and its pod, or one encoded authorization message."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from podrole.base.errors import PodroleError
from podrole.base.events import read_recent
from podrole.cli.diagnosis import printable
from podrole.cli.sources import access_to
from podrole.cli.style import Style, style
from podrole.cli.terminal import complain, fitted, width
from podrole.doctor.errors import BadTarget, SourceError
from podrole.doctor.facts.history import EXCHANGES, CallHistory, find_event, history_of
from podrole.iam.explain import Evidence, render
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory

FAILED = 2
_MESSAGE_LENGTH = 100
"""A request id is far shorter; an encoded message is far longer."""
WIDTH = 96
_MARKS = {True: "✓", False: "✗", None: "·"}
_COLOURS = {"allowed": "32", "refused": "31", "failed": "33"}
_WHOLE_LOG = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExplainQuery:
    """What to explain: a request id, ``last``, an encoded message, or ``-`` for a message on standard input."""

    what: str

    def message(self) -> str | None:
        """Return the encoded message, None if an event's id was given."""
        text = sys.stdin.read() if self.what == "-" else self.what
        joined = "".join(text.split())
        return joined if self.what == "-" or len(joined) >= _MESSAGE_LENGTH else None


def run(directory: Path, query: ExplainQuery, *, as_json: bool) -> int:
    """Print the explanation. Returns 0, or 2 if there is nothing to explain."""
    try:
        world = WorldDirectory(directory)
        message = query.message()
        if message is not None:
            decoded = decode(world, message)
            print(json.dumps(decoded, indent=2) if as_json else fitted(message_block(decoded), width()))
            return 0
        if not world.events.exists():
            raise NotRunning(f"There are no events in {world.path}.", next_step="start a world with podrole up")
        log = read_recent(world.events, _WHOLE_LOG)
        history = history_of(log, find_event(log, query.what))
    except PodroleError as fault:
        complain(fault.diagnostics())
        return FAILED
    print(json.dumps(to_dict(history), indent=2) if as_json else fitted(block(history, style()), width()))
    return 0


def decode(world: WorldDirectory, message: str) -> dict[str, Any]:
    """Decode a message with the world's STS, as its administrator. Raises SourceError."""
    from botocore.exceptions import BotoCoreError, ClientError

    from podrole.doctor.sources.boto import BotoAccount

    account = BotoAccount(access_to(world, world.running()))
    try:
        answer = account.client("sts").decode_authorization_message(EncodedMessage=message)
    except ClientError as refused:
        raise BadTarget(
            "This is neither a request id nor a message of this world.",
            got=str(refused.response.get("Error", {}).get("Message", refused)),
            next_step="podrole events",
        ) from refused
    except BotoCoreError as problem:
        raise SourceError(f"The world's AWS did not answer: {problem}") from problem
    finally:
        account.close()
    decoded: dict[str, Any] = json.loads(answer["DecodedMessage"])
    return decoded


def message_block(decoded: Mapping[str, Any]) -> str:
    """Return a decoded message as text."""
    context = decoded.get("context", {})
    lines = [
        "explicitly denied" if decoded.get("explicitDeny") else "denied, because nothing allows it",
        f"  who       {context.get('principal', {}).get('arn', '')}",
        f"  action    {context.get('action', '')}",
        f"  resource  {context.get('resource', '')}",
    ]
    conditions = context.get("conditions", {}).get("items", ())
    lines += [f"  with      {condition.get('key')} = {_values(condition)}" for condition in conditions]
    lines += [f"  by        {json.dumps(item)}" for item in decoded.get("matchedStatements", {}).get("items", ())]
    lines += ["", "next: podrole explain last"]
    return "\n".join(map(printable, lines))


def _values(item: Mapping[str, Any]) -> str:
    return ", ".join(str(entry.get("value")) for entry in item.get("values", {}).get("items", ()))


def block(history: CallHistory, style: Style) -> str:
    """Return the explanation as text."""
    return "\n".join(printable(line) for line in _lines(history, style)).rstrip()


def _lines(history: CallHistory, style: Style) -> Iterator[str]:
    event = history.event
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.time))
    outcome = style.paint(event.outcome, _COLOURS[event.outcome])
    yield f"{style.paint(event.what, '1')} {outcome}, {moment}, request {event.id}"
    yield from _field("who", event.who)
    yield from _field("on", event.on)
    answer = " ".join(str(part) for part in (event.status, event.code) if part is not None)
    yield from _field("answer", answer)
    yield from _field("why", event.why)
    yield from _pod(history)
    yield from _exchange(history)
    if event.kind == "aws":
        yield from _policies(event.explanation or {})
    yield ""
    yield f"{style.paint('next:', '1')} {_next(history)}"


def _field(name: str, value: object, indent: str = "") -> Iterator[str]:
    if value not in (None, "", []):
        start = f"{indent}  {name:<10} "
        columns = width()
        limit = WIDTH if columns is None else columns - len(start)
        lines = textwrap.wrap(str(value), limit, break_long_words=False, break_on_hyphens=False) or [""]
        yield start + lines[0]
        yield from (" " * len(start) + line for line in lines[1:])


def _pod(history: CallHistory) -> Iterator[str]:
    if history.pod:
        yield from _field("pod", f"{history.namespace}/{history.pod}" if history.namespace else history.pod)
    if history.namespace:
        yield from _field("account", f"service account {history.namespace}/{history.service_account}")
    if history.admission is not None:
        yield from _field("admission", history.admission.why)
        noted = (history.admission.explanation or {}).get("annotations") or {}
        yield from (line for key, value in noted.items() if key.endswith("/identity") for line in _field("", value))


def _exchange(history: CallHistory) -> Iterator[str]:
    """Yield the exchange: the token, the provider and each step."""
    exchange = history.event if history.event.what in EXCHANGES else history.exchange
    if exchange is None:
        return
    explanation = exchange.explanation or {}
    token = explanation.get("token", {})
    if token.get("header"):
        yield from _field("token", "header " + json.dumps(token["header"]))
        yield from _field("", "claims " + json.dumps(token.get("claims", {})))
    provider = explanation.get("provider")
    if isinstance(provider, Mapping):
        ids = ", ".join(provider.get("client_ids", ())) or "none"
        yield from _field("provider", f"{provider.get('arn')}, client ids {ids}")
    else:
        yield from _field("provider", provider)
    if exchange is not history.event:
        role = f" on {exchange.on}" if exchange.on else ""
        yield from _field("session", f"by {exchange.what}{role}: every step held (request {exchange.id})")
        return
    yield "  steps"
    for name, held in history.steps():
        yield f"    {_MARKS[held]} {name}"
        if held is False:
            for side in ("expected", "got"):
                yield from _field(side, explanation.get(side), "    ")


def _policies(explanation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the policies' evaluation, statement by statement."""
    if explanation.get("policy") and not explanation.get("evidence"):
        yield from _field("allowed by", f"{explanation.get('statement', '')} of {explanation['policy']}")
    if explanation.get("action"):
        yield from _field("action", explanation["action"])
        yield from _field("resource", explanation.get("resource"))
    evidence = explanation.get("evidence")
    if evidence:
        yield "  policies"
        yield from textwrap.indent(
            render([msgspec.convert(entry, Evidence) for entry in evidence]), "    "
        ).splitlines()
    for fault in explanation.get("faults", ()):
        yield f"    {fault}"


def _next(history: CallHistory) -> str:
    step = (history.event.explanation or {}).get("next")
    if history.target and history.event.outcome != "allowed":
        return f"podrole doctor {history.target}"
    if step:
        return str(step)
    return f"podrole doctor {history.target}" if history.target else "podrole events --refused"


def to_dict(history: CallHistory) -> dict[str, Any]:
    """Return the explanation as JSON-able data."""
    event = history.event
    return {
        "event": msgspec.to_builtins(event),
        "pod": f"{history.namespace}/{history.pod}" if history.pod and history.namespace else None,
        "serviceAccount": f"{history.namespace}/{history.service_account}" if history.namespace else None,
        "steps": [{"step": name, "held": held} for name, held in history.steps()],
        "exchange": None if history.exchange is None else msgspec.to_builtins(history.exchange),
        "admission": None if history.admission is None else msgspec.to_builtins(history.admission),
        "next": _next(history),
    }
