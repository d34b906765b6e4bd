"""What podrole relies on in uvicorn below its documented interface, in one place.

A test that fails here with a new uvicorn names the part that changed; podrole.base.serving uses it.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets import websockets_sansio_impl
from uvicorn.server import ServerState

from podrole.base import serving

OVERRIDDEN: dict[type, tuple[type, set[str]]] = {
    serving._Protocol: (
        HttpToolsProtocol,
        {
            "connection_made",
            "data_received",
            "on_message_begin",
            "on_body",
            "on_headers_complete",
            "on_message_complete",
            "on_response_complete",
        },
    ),
    serving._Server: (uvicorn.Server, {"_wait_tasks_to_complete", "capture_signals", "startup", "shutdown"}),
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Serve nothing."""


@pytest.mark.parametrize("ours", OVERRIDDEN, ids=lambda ours: ours.__name__)
def test_overridden_methods_exist_with_the_same_parameters(ours: type) -> None:
    theirs, names = OVERRIDDEN[ours]
    assert {name for name in vars(ours) if name in vars(theirs) and not name.startswith("__")} == names
    for name in names:
        parameters = [list(inspect.signature(getattr(cls, name)).parameters) for cls in (ours, theirs)]
        assert parameters[0] == parameters[1], name


async def test_protocol_has_the_state_that_is_read() -> None:
    config = uvicorn.Config(app, interface="asgi3", http=HttpToolsProtocol, ws="none", log_config=None)
    protocol = HttpToolsProtocol(config, ServerState(), {})
    assert protocol.cycle is None
    assert protocol.transport is None
    assert protocol.loop is not None
    assert protocol.timeout_keep_alive_task is None
    assert protocol.timeout_keep_alive == config.timeout_keep_alive
    assert callable(protocol.timeout_keep_alive_handler)
    assert "self.response_complete = False" in inspect.getsource(RequestResponseCycle.__init__)


def test_server_has_the_state_that_is_read() -> None:
    server = uvicorn.Server(uvicorn.Config(app, interface="asgi3", log_config=None))
    assert server.server_state.connections == set()
    assert server.should_exit is False


def test_settings_of_a_listener_exist() -> None:
    known = inspect.signature(uvicorn.Config).parameters
    assert {"ssl_context_factory", "ws_per_message_deflate", "timeout_graceful_shutdown", "server_header"} <= set(known)


def test_sentence_that_is_filtered_from_the_log_is_uvicorns() -> None:
    assert '"ASGI callable returned without completing handshake."' in inspect.getsource(websockets_sansio_impl)
