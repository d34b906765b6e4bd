"""Every listener limits the time of its clients, and every exception is one that this test names."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import podrole
from podrole.base.serving import EXCHANGE_SECONDS, listening

SOURCE = Path(podrole.__file__).parent

LONG_RUNNING = {
    ("console/server.py", "Application(console, access)"): "the live stream, at most 16 of them, and a repair",
    ("world/world.py", "cluster.api"): "watches, and what containers write",
}
"""The listeners whose responses may take as long as they like, by module and application."""

NOT_HTTP = {
    "cluster/service_network/network.py": "DNS: ten seconds for each question, at most 64 connections",
    "cluster/service_network/ports.py": "the ports of Services: tunnels with the limits of podrole.base.tunnel",
}
"""Modules that listen for other protocols, with limits of their own."""


def listeners() -> dict[tuple[str, str], dict[str, ast.expr]]:
    """Return the named arguments of each call of ``listening``, by module and application."""
    found = {}
    for module in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "listening":
                place = (module.relative_to(SOURCE).as_posix(), ast.unparse(node.args[0]))
                found[place] = {keyword.arg or "": keyword.value for keyword in node.keywords}
    return found


def test_every_listener_limits_an_exchange() -> None:
    assert inspect.signature(listening).parameters["exchange_seconds"].default == EXCHANGE_SECONDS
    assert len(listeners()) >= 7
    for place, arguments in listeners().items():
        limit = ast.unparse(arguments["exchange_seconds"]) if "exchange_seconds" in arguments else "EXCHANGE_SECONDS"
        assert limit == "EXCHANGE_SECONDS", place


def test_long_running_responses_are_reviewed() -> None:
    assert {place for place, arguments in listeners().items() if "is_long_running" in arguments} == LONG_RUNNING.keys()


def test_sockets_are_listened_on_only_through_listening() -> None:
    for module in SOURCE.rglob("*.py"):
        names = {getattr(node, "attr", "") for node in ast.walk(ast.parse(module.read_text()))}
        own = bool(names & {"start_server", "create_server", "start_unix_server"})
        if module != SOURCE / "base" / "serving.py":
            assert own == (module.relative_to(SOURCE).as_posix() in NOT_HTTP), module
