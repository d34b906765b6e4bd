"""One handler for each verb: reads the options and the body, serves the request, sends the answer."""

from __future__ import annotations

import functools
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from podrole.base.clock import Clock
from podrole.base.large_work import LARGE, off_loop
from podrole.cluster.api.patches import APPLY, read_patch
from podrole.cluster.api.verbs import Verbs
from podrole.cluster.core.calls import Call, ListOptions, Validation, check_write_options
from podrole.cluster.core.errors import StatusError, bad_request, method_not_supported
from podrole.cluster.core.node_api import NodeApi
from podrole.cluster.core.users import User
from podrole.cluster.http.answers import send_list, send_object, send_status
from podrole.cluster.http.bodies import delete_options, read_object, read_subresource
from podrole.cluster.http.requests import Request, Target
from podrole.cluster.http.streaming import serve_log
from podrole.cluster.http.watching import WatchStream
from podrole.cluster.kinds.registry import table_layout
from podrole.cluster.tables.layout import TableLayout
from podrole.cluster.tables.tables import IncludeObject, partial, row, table
from podrole.cluster.wire.bodies import media_type
from podrole.cluster.wire.negotiation import AnswerFormat, choose

Object = dict[str, Any]

WATCH_SECONDS = (1800, 3600)
"""How long a watch lasts if its client does not say: a random time between these, as in kube-apiserver."""


class Handlers:
    """Serves resources."""

    def __init__(self, verbs: Verbs, clock: Clock, *, bookmark_seconds: float, source: random.Random) -> None:
        self.node: NodeApi | None = None
        self.verbs = verbs
        self._clock = clock
        self._bookmark_seconds = bookmark_seconds
        self._random = source
        self._by_verb: Mapping[str, Callable[[Request, Call], Awaitable[None]]] = {
            "create": self._create,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
            "get": self._get,
            "list": self._list,
            "patch": self._patch,
            "update": self._update,
            "watch": self._watch,
        }

    async def serve(self, request: Request, target: Target, user: User, verb: str) -> None:
        """Serve the request. Raises StatusError."""
        below = target.resource.subresource(target.subresource) if target.subresource else None
        if verb not in (below.verbs if below is not None else target.resource.verbs):
            raise method_not_supported(target.resource.group, target.resource.plural, verb)
        call = self._call(request, target, user)
        if target.resource.custom is not None and target.resource.custom.deprecation:
            call.warnings.append(target.resource.custom.deprecation)
        try:
            await self._by_verb[verb](request, call)
        except StatusError as refused:
            if request.answered:
                raise
            await send_status(request, refused, warnings=call.warnings)

    def pod(self, call: Call) -> Object:
        """Return the pod that a stream is for. Raises StatusError (404)."""
        return self.verbs.reads.get(replace(call, subresource=""))

    def _call(self, request: Request, target: Target, user: User) -> Call:
        agent = (request.header(b"user-agent") or "").partition("/")[0]
        call = Call(target.resource, target.namespace, user, agent, target.name, target.subresource)
        if request.query_string:
            validation = request.parameter("fieldValidation")
            call.dry_run = bool(request.query.get("dryRun"))
            call.field_manager = request.parameter("fieldManager")
            if validation in ("Strict", "Warn", "Ignore"):
                call.validation, call.validation_given = cast("Validation", validation), True
            call.force = request.flag("force")
        return call

    def _check_options(
        self, request: Request, call: Call, kind: Literal["CreateOptions", "UpdateOptions", "PatchOptions"]
    ) -> None:
        if request.query_string:
            check_write_options(
                kind,
                dry_run=request.query.get("dryRun", []),
                validation=request.parameter("fieldValidation"),
                field_manager=call.field_manager,
            )

    async def _send(self, request: Request, call: Call, obj: Object, status: int = 200) -> None:
        answer = choose(request.header(b"accept") or "", transforms=call.resource.stored)
        shaped = self._shape(request, call, answer, obj) if answer.shape != "object" else obj
        await send_object(request, status, shaped, media_type=answer.media_type, warnings=call.warnings)

    def _shape(self, request: Request, call: Call, answer: AnswerFormat, obj: Object) -> Object:
        if answer.shape == "metadata":
            return partial(obj)
        if call.subresource in ("scale", "token", "eviction", "binding") or obj["kind"] == "Status":
            return obj
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return table(table_layout(call.resource), [obj], metadata, now=self._clock(), include=_include(request))

    async def _get(self, request: Request, call: Call) -> None:
        if call.subresource == "log":
            await serve_log(request, self.node, self.pod(call))
            return
        if call.subresource in ("exec", "attach", "portforward"):
            raise bad_request("Upgrade request required")
        await self._send(request, call, self.verbs.get(call, request.parameter("resourceVersion")))

    async def _list(self, request: Request, call: Call) -> None:
        answer = choose(request.header(b"accept") or "")
        page = self.verbs.reads.page(call, _list_options(request))
        metadata, resource = page.metadata(), call.resource
        value: Object
        shape = _plain
        if answer.shape == "table":
            layout, now, include = table_layout(resource), self._clock(), _include(request)
            value = table(layout, (), metadata, now=now, include=include)
            shape = functools.partial(_row, layout, now, include)
        elif answer.shape == "metadata":
            value = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": [],
            }
            shape = partial
        else:
            value = _list_of(call, metadata)
            if resource.custom is not None:  # kube-apiserver has no Go type for them: an item names its kind
                shape = _whole
        await send_list(request, value, page.items, shape, media_type=answer.media_type, warnings=call.warnings)

    async def _watch(self, request: Request, call: Call) -> None:
        answer = choose(request.header(b"accept") or "")
        options = _list_options(request)
        stream = WatchStream(
            request,
            call,
            self.verbs.reads,
            shape=self._watch_shape(request, call, answer),
            bookmarks=options.allow_bookmarks,
            bookmark_seconds=self._bookmark_seconds,
            seconds=options.timeout_seconds or self._random.uniform(*WATCH_SECONDS),
        )
        try:
            watch = self.verbs.reads.watch(call, options)
        except StatusError as refused:
            if refused.reason != "Expired":
                raise
            await stream.fail(refused)
            return
        await stream.run(watch)

    def _watch_shape(self, request: Request, call: Call, answer: AnswerFormat) -> Callable[[Object], Object]:
        if answer.shape == "object":
            return lambda obj: obj
        if answer.shape == "metadata":
            return partial
        include = _include(request)
        first = True

        def shape(obj: Object) -> Object:
            nonlocal first
            headers, first = first, False
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return table(
                table_layout(call.resource), [obj], metadata, now=self._clock(), include=include, headers=headers
            )

        return shape

    async def _create(self, request: Request, call: Call) -> None:
        self._check_options(request, call, "CreateOptions")
        if call.subresource:
            body = await read_subresource(request, call)
        else:
            body = await read_object(request, call)
        await self._send(request, call, await self.verbs.create(call, body), 201)

    async def _update(self, request: Request, call: Call) -> None:
        self._check_options(request, call, "UpdateOptions")
        body = await (read_subresource(request, call) if call.subresource == "scale" else read_object(request, call))
        await self._send(request, call, await self.verbs.update(call, body))

    async def _patch(self, request: Request, call: Call) -> None:
        self._check_options(request, call, "PatchOptions")
        content_type = request.header(b"content-type") or ""
        given_type, data = media_type(content_type) if content_type else "", await request.body()
        is_yaml = given_type == APPLY and not data.startswith(b"{")
        patch = await off_loop(LARGE if is_yaml else len(data), lambda: read_patch(given_type, data))
        obj, created = await self.verbs.patch(call, patch)
        await self._send(request, call, obj, 201 if created else 200)

    async def _delete(self, request: Request, call: Call) -> None:
        options = await delete_options(request)
        call.dry_run = options.dry_run
        obj, gone = await self.verbs.deletes.delete(call, options)
        if gone and not call.resource.returns_deleted:
            obj = _deleted(call, obj)
        await self._send(request, call, obj)

    async def _delete_collection(self, request: Request, call: Call) -> None:
        options = await delete_options(request)
        call.dry_run = options.dry_run
        page = self.verbs.reads.page(call, replace(_list_options(request), limit=0, continue_=""))
        await self.verbs.delete_all(call, page.items, options)
        await send_list(request, _list_of(call, page.metadata()), page.items, _plain, warnings=call.warnings)


def _row(layout: TableLayout, now: float, include: IncludeObject, obj: Object) -> Object:
    return row(layout, obj, now, include)


def _plain(obj: Object) -> Object:
    """Return an item of a list, which need not repeat what it is."""
    item = dict(obj)
    del item["kind"], item["apiVersion"]
    return item


def _whole(obj: Object) -> Object:
    return obj


def _list_of(call: Call, metadata: Object) -> Object:
    """Return a list object without its items."""
    return {
        "kind": f"{call.resource.kind}List",
        "apiVersion": call.resource.api_version,
        "metadata": metadata,
        "items": [],
    }


def _deleted(call: Call, obj: Object) -> Object:
    details = {
        "name": call.name,
        "group": call.resource.group,
        "kind": call.resource.plural,
        "uid": obj["metadata"]["uid"],
    }
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def _include(request: Request) -> IncludeObject:
    wanted = request.parameter("includeObject") or "Metadata"
    if wanted not in ("None", "Metadata", "Object"):
        raise bad_request(f'unrecognized includeObject value: "{wanted}"')
    return cast("IncludeObject", wanted)


_NO_OPTIONS = ListOptions()


def _list_options(request: Request) -> ListOptions:
    if not request.query_string:
        return _NO_OPTIONS
    seconds = request.number("timeoutSeconds") or 0
    return ListOptions(
        label_selector=request.parameter("labelSelector"),
        field_selector=request.parameter("fieldSelector"),
        limit=request.number("limit") or 0,
        continue_=request.parameter("continue"),
        resource_version=request.parameter("resourceVersion"),
        resource_version_match=request.parameter("resourceVersionMatch"),
        send_initial_events=request.flag("sendInitialEvents"),
        allow_bookmarks=request.flag("allowWatchBookmarks") or False,
        timeout_seconds=max(seconds, 0),
    )
