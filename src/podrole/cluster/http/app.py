"""The API listener's application: every request's way from its first byte to its answer.

authenticate → impersonate → authorize → route → decode → the verb → render. A refusal anywhere on it is a Status.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from podrole.cluster.api.calls import Call
from podrole.cluster.errors import StatusError, bad_request, method_not_allowed, path_not_found
from podrole.cluster.http import streaming
from podrole.cluster.http.answers import send_status
from podrole.cluster.http.handlers import Handlers
from podrole.cluster.http.paths import Paths
from podrole.cluster.http.requests import ClientGone, Receive, Request, Scope, Send, Target, parse_target
from podrole.cluster.identity.authentication import Authenticator, impersonated
from podrole.cluster.identity.authorization import Attributes, authorize, refusal
from podrole.cluster.node_api import Session, StreamOptions
from podrole.cluster.users import User

_log = logging.getLogger(__name__)

_METHODS: Mapping[str, str] = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


class ApiApp:
    """An ASGI application for HTTP and WebSocket."""

    def __init__(self, authenticator: Authenticator, handlers: Handlers, paths: Paths) -> None:
        self._authenticator = authenticator
        self._handlers = handlers
        self._paths = paths
        self._refusals = streaming.Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(Request(scope, receive, send))
        elif scope["type"] == "websocket":
            await self._websocket(Request(scope, receive, send))

    async def _http(self, request: Request) -> None:
        try:
            await self._serve(request)
        except ClientGone:
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
        target = parse_target(_raw_path(request.scope))
        if target is None:
            self._authorize(Attributes(user, request.method.lower(), path=request.path))
            if request.method not in ("GET", "HEAD") or not await self._paths.serve(request):
                raise path_not_found()
            return
        verb = verb_of(request, target)
        attributes = attributes_of(request, target, user, verb)
        if target.resource.plural == "tokenreviews":
            # Whether it is the bearer's own token is in the body, so this one decision comes after decoding.
            await self._handlers.review_token(request, target, attributes, self._authorize)
            return
        self._authorize(attributes)
        if verb == "create" and target.subresource in ("exec", "attach"):
            # kubectl's second try, over SPDY, of what it was refused over WebSocket: it shows this answer to people.
            raise self._refusals.recall(request) or streaming.NO_SPDY
        await self._handlers.serve(request, target, user, verb)

    def _user(self, request: Request) -> User:
        user = self._authenticator.authenticate(request.header(b"authorization"))
        for name, _ in request.header_list:
            if name.startswith(b"impersonate-"):
                headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.header_list]
                return impersonated(user, headers)
        return user

    def _authorize(self, attributes: Attributes) -> None:
        decision = authorize(attributes)
        if not decision.allowed:
            raise refusal(attributes, decision)

    async def _websocket(self, request: Request) -> None:
        message = await request.receive()
        if message["type"] != "websocket.connect":
            return
        try:
            session, options, protocol = await self._open_session(request)
        except StatusError as refused:
            self._refusals.remember(request, refused)
            await streaming.refuse_session(request, refused)
            return
        except Exception:  # noqa: BLE001 - as above: nothing is accepted yet, so this can still be an answer
            _log.exception("opening %s failed", request.path)
            await streaming.refuse_session(request, _INTERNAL)
            return
        await streaming.serve_session(request, session, options, protocol)

    async def _open_session(self, request: Request) -> tuple[Session, StreamOptions, str]:
        user = self._user(request)
        target = parse_target(_raw_path(request.scope))
        if target is None or target.subresource not in ("exec", "attach"):
            raise path_not_found()
        self._authorize(attributes_of(request, target, user, "get"))
        protocol = streaming.choose_protocol(request)
        call = Call(target.resource, target.namespace, user, "", target.name, target.subresource)
        options = streaming.stream_options(
            request, "PodExecOptions" if call.subresource == "exec" else "PodAttachOptions"
        )
        pod = self._handlers.pod(call)
        return await streaming.open_session(request, call, self._handlers.node, pod, options), options, protocol


_INTERNAL = StatusError(500, "InternalError", "Internal error occurred: see the log of podrole", details={})


def _raw_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def verb_of(request: Request, target: Target) -> str:
    """Return the API verb of a request for a resource. Raises StatusError (405)."""
    verb = _METHODS.get(request.method)
    if verb is None or request.method == "HEAD":
        raise method_not_allowed()
    if target.name:
        if verb == "create" and not target.subresource:
            raise method_not_allowed()
        return verb
    if verb == "get":
        return "watch" if b"watch" in request.query_string and request.flag("watch") else "list"
    if verb == "delete":
        return "deletecollection"
    if verb != "create":
        raise method_not_allowed()
    return verb


def attributes_of(request: Request, target: Target, user: User, verb: str) -> Attributes:
    """Return what is to be authorized."""
    resource = target.resource
    name = target.name
    if not name and verb in ("list", "watch", "deletecollection") and b"metadata.name" in request.query_string:
        for term in request.parameter("fieldSelector").split(","):
            field, _, value = term.partition("=")
            if field == "metadata.name":
                name = value.removeprefix("=")
    namespace = target.name if resource.plural == "namespaces" else target.namespace
    return Attributes(
        user,
        verb,
        group=resource.group,
        version=resource.version,
        resource=resource.plural,
        subresource=target.subresource,
        namespace=namespace,
        name=name,
    )
