"""The application of the API listener: the steps from a request to its answer.

authenticate → impersonate → authorize → route → decode → the verb → render. A refusal anywhere on it is a Status.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from podrole.base.asgi import ClientDisconnected, Receive, Scope, Send
from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import StatusError, bad_request, method_not_allowed, path_not_found
from podrole.cluster.core.users import User
from podrole.cluster.http import port_forwarding, streaming
from podrole.cluster.http.answers import send_object, send_status
from podrole.cluster.http.handlers import Handlers
from podrole.cluster.http.paths import Paths
from podrole.cluster.http.requests import Request, ResourcePath, Target, parse_path, target_of
from podrole.cluster.identity.authentication import Authenticator, impersonated_user
from podrole.cluster.kinds.custom import CustomKinds

_log = logging.getLogger(__name__)

_METHODS: Mapping[str, str] = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


PostHandler = Callable[[bytes], Awaitable[Mapping[str, Any]]]


class ApiApp:
    """An ASGI application for HTTP and WebSocket."""

    def __init__(
        self,
        authenticator: Authenticator,
        authorizer: Authorizer,
        handlers: Handlers,
        paths: Paths,
        custom: CustomKinds,
    ) -> None:
        self.authenticator = authenticator
        self._authorizer = authorizer
        self._handlers = handlers
        self._paths = paths
        self._custom = custom
        self._refusals = streaming.RecentRefusals()
        self.post_handlers: dict[str, PostHandler] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(Request(scope, receive, send))
        elif scope["type"] == "websocket":
            await self._websocket(Request(scope, receive, send))

    async def _http(self, request: Request) -> None:
        try:
            await self._serve(request)
        except ClientDisconnected:
            return
        except StatusError as refused:
            await self._fail(request, refused)
        except RecursionError:
            await self._fail(request, bad_request("the object is nested too deeply"))
        except Exception:  # noqa: BLE001 - a fault of ours must be an answer, too; its trace goes to the log
            _log.exception("%s %s failed", request.method, request.path)
            await self._fail(request, _INTERNAL)

    async def _fail(self, request: Request, error: StatusError) -> None:
        if request.answered:
            # Too late for a Status: only a connection that breaks off tells the client that this was not the end.
            raise ConnectionAbortedError(error.message)
        await send_status(request, error)

    async def _serve(self, request: Request) -> None:
        user = self._user(request)
        named = parse_path(_raw_path(request.scope))
        if named is None:
            self._authorizer.check(AccessAttributes(user, request.method.lower(), path=request.path))
            if request.method == "POST" and request.path in self.post_handlers:
                await send_object(request, 200, await self.post_handlers[request.path](await request.body()))
                return
            if request.method not in ("GET", "HEAD") or not await self._paths.serve(request):
                raise path_not_found()
            return
        self._authorizer.check(attributes_of(request, named, user))
        target = target_of(named, self._custom)
        if target is None:
            raise path_not_found()
        verb = verb_of(request, target)
        if verb == "create" and target.subresource in _UPGRADED:
            # kubectl's second try, over SPDY, of what it was refused over WebSocket: it shows this answer to people.
            raise self._refusals.recall(request) or streaming.NO_SPDY
        await self._handlers.serve(request, target, user, verb)

    def _user(self, request: Request) -> User:
        user = self.authenticator.authenticate(request.header(b"authorization"))
        for name, _ in request.header_list:
            if name.startswith(b"impersonate-"):
                headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.header_list]
                return impersonated_user(user, headers, self._authorizer)
        return user

    async def _websocket(self, request: Request) -> None:
        message = await request.receive()
        if message["type"] != "websocket.connect":
            return
        try:
            serve = await self._open_session(request)
        except StatusError as refused:
            self._refusals.remember(request, refused)
            await streaming.refuse_session(request, refused)
            return
        except Exception:  # noqa: BLE001 - as above: nothing is accepted yet, so this can still be an answer
            _log.exception("opening %s failed", request.path)
            await streaming.refuse_session(request, _INTERNAL)
            return
        await serve()

    async def _open_session(self, request: Request) -> Callable[[], Awaitable[None]]:
        """Return what serves the WebSocket, once all that can be refused was asked. Raises StatusError."""
        user = self._user(request)
        named = parse_path(_raw_path(request.scope))
        if named is None:
            raise path_not_found()
        wanted = attributes_of(request, named, user, "get")
        self._authorizer.check(wanted)
        target = target_of(named, self._custom)
        if target is None or target.subresource not in _UPGRADED:
            raise path_not_found()
        # A WebSocket opens with GET, which must not be enough to run things (as in kube-apiserver since 1.35).
        self._authorizer.check(replace(wanted, verb="create"))
        call = Call(target.resource, target.namespace, user, "", target.name, target.subresource)
        if target.subresource == "portforward":
            return await self._open_forwarding(request, call)
        protocol = streaming.choose_protocol(request)
        below = target.resource.subresource(target.subresource)
        requested = streaming.connect_options(request, below.kind if below is not None else "")
        pod = self._handlers.pod(call)
        await self._handlers.verbs.connect(call, requested)
        session = await streaming.open_session(call, self._handlers.node, pod, requested)
        options = streaming.stream_options(requested)
        return functools.partial(streaming.serve_session, request, session, options, protocol)

    async def _open_forwarding(self, request: Request, call: Call) -> Callable[[], Awaitable[None]]:
        protocol = port_forwarding.choose_tunnel(request)
        pod = self._handlers.pod(call)
        await self._handlers.verbs.connect(call, {"kind": "PodPortForwardOptions", "apiVersion": "v1"})
        dial = await port_forwarding.open_dial(call, self._handlers.node, pod)
        return functools.partial(port_forwarding.serve_forwarding, request, dial, pod, protocol)


_UPGRADED = ("attach", "exec", "portforward")
_STREAMED = ("attach", "exec", "log")


def is_long_running(scope: Scope) -> bool:
    """Return whether a request's response may take as long as it likes: a watch, or what a container writes."""
    named = parse_path(_raw_path(scope))
    return named is not None and (b"watch=" in scope["query_string"] or named.subresource in _STREAMED)


_INTERNAL = StatusError(500, "InternalError", "Internal error occurred: see the log of podrole", details={})


def _raw_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def verb_of(request: Request, named: ResourcePath | Target) -> str:
    """Return the API verb of a request for a resource. Raises StatusError (405)."""
    verb = _METHODS.get(request.method)
    if verb is None or request.method == "HEAD":
        raise method_not_allowed()
    if named.name:
        if verb == "create" and not named.subresource:
            raise method_not_allowed()
        return verb
    if verb not in ("get", "delete", "create"):
        raise method_not_allowed()
    return _of_collection(request, verb)


def _of_collection(request: Request, verb: str) -> str:
    if verb == "get":
        return "watch" if b"watch" in request.query_string and request.flag("watch") else "list"
    return "deletecollection" if verb == "delete" else verb


def attributes_of(request: Request, named: ResourcePath, user: User, verb: str = "") -> AccessAttributes:
    """Return what is to be authorized; ``verb`` where the method does not tell."""
    if not verb:
        verb = _METHODS.get(request.method, "")
        if not named.name:
            verb = _of_collection(request, verb)
    name = named.name
    if not name and verb in ("list", "watch", "deletecollection") and b"metadata.name" in request.query_string:
        for term in request.parameter("fieldSelector").split(","):
            field, _, value = term.partition("=")
            if field == "metadata.name":
                name = value.removeprefix("=")
    return AccessAttributes(
        user,
        verb,
        group=named.group,
        version=named.version,
        resource=named.resource,
        subresource=named.subresource,
        namespace=named.namespace,
        name=name,
    )
