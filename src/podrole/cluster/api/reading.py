"""Get, list and watch (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes)."""

from __future__ import annotations

import base64
import collections
import itertools
from dataclasses import dataclass
from typing import Any

import msgspec

from podrole.cluster.core.calls import Call, ListOptions, parse_revision
from podrole.cluster.core.errors import (
    StatusError,
    bad_request,
    expired,
    forbidden,
    invalid_object,
    required,
    resource_not_found,
)
from podrole.cluster.core.field_selectors import parse_fields
from podrole.cluster.core.label_selectors import parse_labels
from podrole.cluster.core.resources import Resource, served_form
from podrole.cluster.core.store import Change, ChangeType, RevisionTooOld, Select, Store, Watcher
from podrole.cluster.kinds.registry import kind_of

Object = dict[str, Any]

SNAPSHOTS = 64
"""Chunked lists that are kept for their next chunks. If there are more, the oldest is dropped and its token expires."""

_MATCH = "resourceVersionMatch"
_EXPIRED_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """A list, or a chunk of one, at a revision. ``remaining`` is None if it is unknown."""

    items: list[Object]
    revision: int
    continue_: str = ""
    remaining: int | None = None

    def metadata(self) -> Object:
        """Return the ListMeta."""
        metadata: Object = {"resourceVersion": str(self.revision)}
        if self.continue_:
            metadata["continue"] = self.continue_
            if self.remaining is not None:
                metadata["remainingItemCount"] = self.remaining
        return metadata


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A list that is being fetched in chunks: its query and its items."""

    query: tuple[str, ...]
    revision: int
    items: list[Object]


@dataclass(slots=True)
class Watch:
    """A watch that has begun: initial events, then a watcher. ``marks_end``: a bookmark follows the initial events."""

    initial: list[tuple[ChangeType, Object]]
    watcher: Watcher
    marks_end: bool
    revision: int


class Reads:
    """Reads objects."""

    def __init__(self, store: Store, watch_limit: int | None) -> None:
        self._store = store
        self._watch_limit = watch_limit
        self._snapshots: collections.OrderedDict[str, _Snapshot] = collections.OrderedDict()
        self._numbers = itertools.count(1)

    def get(self, call: Call, resource_version: str = "") -> Object:
        """Return the object. Raises StatusError (404)."""
        self._check_reached(parse_revision(resource_version))
        obj = self._store.get(call.resource, call.namespace, call.name)
        if obj is None:
            raise resource_not_found(call.resource.group, call.resource.plural, call.name)
        return served_form(call.resource, obj)

    def _check_reached(self, revision: int) -> None:
        if revision > self._store.revision:
            raise StatusError(
                504,
                "Timeout",
                f"Timeout: Too large resource version: {revision}, current: {self._store.revision}",
                details={
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retryAfterSeconds": 1,
                },
            )

    def page(self, call: Call, options: ListOptions) -> Page:
        """Return the selected objects in order, in chunks if the options have a limit. Raises StatusError."""
        _check_list_options(options)
        if options.continue_:
            return self._next_chunk(call, options)
        revision = parse_revision(options.resource_version)
        self._check_reached(revision)
        if options.resource_version_match == "Exact" and revision != self._store.revision:
            raise expired("The resourceVersion for the provided list is too old.")
        items = self._selected(call, options)
        return self._chunk(call, options, items, 0, self._store.revision)

    def _selected(self, call: Call, options: ListOptions) -> list[Object]:
        labels = parse_labels(options.label_selector)
        fields = parse_fields(options.field_selector, kind_of(call.resource).selectable_fields)
        name = fields.exactly("metadata.name")
        if name is not None and call.namespace:
            obj = self._store.get(call.resource, call.namespace, name)
            items = [obj] if obj is not None else []
        else:
            items = self._store.list(call.resource, call.namespace)
        if not labels.is_empty:
            items = [item for item in items if labels.matches(item["metadata"].get("labels"))]
        if fields.terms:
            items = [item for item in items if fields.matches(item)]
        return items if call.resource.custom is None else [served_form(call.resource, item) for item in items]

    def _chunk(
        self, call: Call, options: ListOptions, items: list[Object], start: int, revision: int, snapshot: str = ""
    ) -> Page:
        end = start + options.limit if options.limit else len(items)
        if end >= len(items):
            return Page(items[start:], revision)
        if not snapshot:
            snapshot = str(next(self._numbers))
            self._snapshots[snapshot] = _Snapshot(_query(call, options), revision, items)
            if len(self._snapshots) > SNAPSHOTS:
                self._snapshots.popitem(last=False)
        selects = options.label_selector or options.field_selector
        token = _continue_token(call, snapshot, revision, end, items[end - 1])
        return Page(items[start:end], revision, token, None if selects else len(items) - end)

    def _next_chunk(self, call: Call, options: ListOptions) -> Page:
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        snapshot, start, last = _read_continue(options.continue_, call)
        kept = self._snapshots.get(snapshot)
        if kept is not None:
            if kept.query != _query(call, options):
                raise bad_request("continue key is not valid: it belongs to another list")
            return self._chunk(call, options, kept.items, start, kept.revision, snapshot)
        if snapshot:
            # The list has expired; the token in the answer continues with the current objects.
            raise _expired_continue(_continue_token(call, "", self._store.revision, 0, last))
        items = self._selected(call, options)
        after = next((index for index, item in enumerate(items) if _key(item) > _key(last)), len(items))
        return self._chunk(call, options, items, after, self._store.revision)

    def watch(self, call: Call, options: ListOptions, *, patient: bool = False) -> Watch:
        """Begin a watch. Raises StatusError: 410 if it asks for changes that are no longer kept.

        A ``patient`` watch never ends as too slow. It is for clients in this process, which always read on.
        """
        _check_watch_options(options)
        revision = parse_revision(options.resource_version)
        if revision > self._store.revision:
            # The revision is of an earlier process: the client has to list again.
            raise expired(f"too large resource version: {revision} ({self._store.revision})")
        select = _in_version(call.resource, _selection(call, options))
        from_now = revision == 0 or options.send_initial_events is True
        try:
            watcher = self._store.watch(
                call.resource,
                select,
                after=None if from_now else revision,
                limit=None if patient else self._watch_limit,
            )
        except RevisionTooOld as problem:
            raise expired(f"too old resource version: {revision} ({problem.oldest})") from None
        initial: list[tuple[ChangeType, Object]] = []
        if from_now and options.send_initial_events is not False:
            initial = [("ADDED", obj) for obj in self._selected(call, options)]
        return Watch(initial, watcher, options.send_initial_events is True, self._store.revision)

    @property
    def revision(self) -> int:
        """The revision of the last committed write."""
        return self._store.revision


def _in_version(resource: Resource, select: Select) -> Select:
    if resource.custom is None:
        return select

    def converted(change: Change) -> tuple[ChangeType, Object] | None:
        event = select(change)
        return None if event is None else (event[0], served_form(resource, event[1]))

    return converted


def _selection(call: Call, options: ListOptions) -> Select:
    labels = parse_labels(options.label_selector)
    fields = parse_fields(options.field_selector, kind_of(call.resource).selectable_fields)
    namespace = call.namespace

    def matches(obj: Object) -> bool:
        return labels.matches(obj["metadata"].get("labels")) and fields.matches(obj)

    def select(change: Change) -> tuple[ChangeType, Object] | None:
        if namespace and change.object["metadata"].get("namespace") != namespace:
            return None
        if labels.is_empty and not fields.terms:
            return change.type, change.object
        before = change.previous is not None and matches(change.previous)
        now = change.type != "DELETED" and matches(change.object)
        if now:
            return ("MODIFIED" if before else "ADDED"), change.object
        if not before or change.previous is None:
            return None
        if change.type == "DELETED":
            return "DELETED", change.object
        # It is no longer selected: this watch sees a deletion of its last selected state.
        metadata = {**change.previous["metadata"], "resourceVersion": str(change.revision)}
        return "DELETED", {**change.previous, "metadata": metadata}

    return select


def _check_list_options(options: ListOptions) -> None:
    errors = []
    if options.limit < 0:
        raise bad_request("limit must be a positive number")
    match = options.resource_version_match
    if match and not options.resource_version:
        errors.append(forbidden(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and options.continue_:
        errors.append(forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if match == "Exact" and options.resource_version == "0":
        errors.append(forbidden(_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if options.send_initial_events is not None:
        errors.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if errors:
        raise invalid_object("meta.k8s.io", "ListOptions", "", errors)


def _check_watch_options(options: ListOptions) -> None:
    errors = []
    if options.send_initial_events is None:
        if options.resource_version_match:
            errors.append(
                forbidden(
                    _MATCH,
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                )
            )
    elif not options.resource_version_match:
        errors.append(required(_MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    elif options.resource_version_match != "NotOlderThan":
        errors.append(forbidden(_MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if errors:
        raise invalid_object("meta.k8s.io", "ListOptions", "", errors)


def _query(call: Call, options: ListOptions) -> tuple[str, ...]:
    of = call.resource
    return of.qualified, of.version, call.namespace, options.label_selector, options.field_selector


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _continue_token(call: Call, snapshot: str, revision: int, start: int, last: Object) -> str:
    namespace, name = _key(last)
    token = [call.resource.qualified, snapshot, revision, start, namespace, name]
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _read_continue(text: str, call: Call) -> tuple[str, int, Object]:
    try:
        data = msgspec.json.decode(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[str, str, int, int, str, str]
        )
    except (ValueError, UnicodeError):
        raise bad_request("continue key is not valid: it cannot be decoded") from None
    resource, snapshot, _, start, namespace, name = data
    if resource != call.resource.qualified or start < 0:
        raise bad_request("continue key is not valid: it belongs to another list")
    return snapshot, start, {"metadata": {"namespace": namespace, "name": name}}


def _expired_continue(token: str) -> StatusError:
    error = expired(_EXPIRED_CONTINUE)
    error.metadata = {"continue": token}
    return error
