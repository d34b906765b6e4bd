"""Create, update and patch: the steps of every write.

default → managedFields → admission → prepare → validate → validating admission → store. Webhooks take time,
so another client may have changed the object meanwhile. The store finds that out, and the write starts over or is a
conflict.
https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podrole.base.clock import Clock, rfc3339
from podrole.base.large_work import LARGE, off_loop
from podrole.cluster.admission import namespace_lifecycle
from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.chain import AdmissionChain
from podrole.cluster.api.field_order import ordered
from podrole.cluster.api.service_addresses import SERVICES, ServiceAddresses
from podrole.cluster.authorization.escalation import Escalation
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import (
    MODIFIED,
    FieldError,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    invalid,
    invalid_object,
    no_unique_name,
    resource_not_found,
)
from podrole.cluster.core.resources import served_form, stored_form
from podrole.cluster.core.store import Create, Delete, ObjectChanged, Store, Update
from podrole.cluster.kinds.custom import DEFINITIONS
from podrole.cluster.kinds.definition_rules import warnings_of
from podrole.cluster.kinds.definition_status import settled_status
from podrole.cluster.kinds.registry import kind_of
from podrole.cluster.patching.apply import WriterIdentity, track_update
from podrole.cluster.validation.metadata import validate_metadata, validate_metadata_update
from podrole.cluster.wire.bodies import MAX_OBJECT_BYTES, encoded_size

Object = dict[str, Any]

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels, and no characters that look alike: the alphabet of kube-apiserver's generated names."""

ATTEMPTS = 5
"""How often a write starts over because another client has changed the object."""

_NAME_ATTEMPTS = 8
_MAX_GENERATED_PREFIX = 58
_SYSTEM_FIELDS = (
    "selfLink",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
_CARRIED_OVER = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object seen as another kind (a Deployment as a Scale): how to show it so, and how to apply a changed view.

    Both return a new object.
    """

    show: Callable[[Object], Object]
    apply: Callable[[Object, Object], Object]


def random_suffix(source: random.Random) -> str:
    """Return five random characters for the end of a name."""
    return "".join(source.choices(SUFFIX_ALPHABET, k=5))


class Writes:
    """Creates and updates objects. It takes decoded, defaulted objects, which the caller must not use afterwards."""

    def __init__(
        self,
        store: Store,
        admission: AdmissionChain,
        escalation: Escalation,
        addresses: ServiceAddresses,
        clock: Clock,
        source: random.Random,
    ) -> None:
        self._addresses = addresses
        self._store = store
        self._admission = admission
        self._escalation = escalation
        self._clock = clock
        self._random = source

    async def create(self, call: Call, obj: Object, *, tracked: bool = False) -> Object:
        """Store a new object and return it. ``tracked``: its managedFields are already right (server-side apply).

        Raises StatusError.
        """
        metadata = obj["metadata"]
        self._check_namespace(call, metadata)
        if metadata.pop("resourceVersion", None):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        for name in _SYSTEM_FIELDS:
            metadata.pop(name, None)
        if not tracked:
            await off_loop(encoded_size(obj), lambda: track_update(None, obj, self._writer(call)))
        call.name = metadata.get("name", "")
        if not_enforced := kind_of(call.resource).not_enforced:
            call.warnings.append(not_enforced)
        request = self._attributes(call, "CREATE", obj, None, call.options("CreateOptions"))
        try:
            stored = await self._create(call, request)
        except StatusError as refusal:
            self._admission.record(request, refusal)
            raise
        self._admission.record(request, None)
        return stored

    async def _create(self, call: Call, request: AdmissionAttributes) -> Object:
        if (parts := call.resource.custom) is not None and parts.ending:
            raise StatusError(
                405,
                "MethodNotAllowed",
                "create not allowed while custom resource definition is terminating",
                details={"group": call.resource.group, "kind": call.resource.plural},
            )
        obj = await self._admit(request)
        if request.trace:  # webhooks took their time: the namespace may be going by now, and they may have moved it
            namespace_lifecycle.admit(request, self._store)
            self._check_namespace(call, obj["metadata"])
        self._complete(call, obj)
        await self._check(call, obj, lambda: _faults_of_new(call, obj))
        if call.resource is DEFINITIONS:
            call.warnings.extend(await off_loop(LARGE, lambda: warnings_of(obj)))
            obj["status"] = self._definition_status(obj)
        request.object, request.name = obj, obj["metadata"]["name"]
        if await self._admission.validate(request):
            namespace_lifecycle.admit(request, self._store)
        return await self._store_new(call, obj)

    def first_object(self, call: Call, obj: Object) -> Create:
        """Return the write of an object that the server itself makes before it is served: there is no admission."""
        track_update(None, obj, self._writer(call))
        self._complete(call, obj)
        _raise(call, obj, _faults_of_new(call, obj))
        return _create(call, obj)

    def first_change(self, call: Call, obj: Object, live: Object) -> Update:
        """Return the write of a change that the server itself makes before it is served: there is no admission."""
        track_update(live, obj, self._writer(call))
        return Update(call.resource, ordered(obj), live)

    def _check_namespace(self, call: Call, metadata: Object) -> None:
        if not call.resource.namespaced:
            metadata.pop("namespace", None)
        elif metadata.setdefault("namespace", call.namespace) != call.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")

    def _writer(self, call: Call) -> WriterIdentity:
        return WriterIdentity(call.resource, call.manager, self._clock(), call.subresource)

    def _attributes(
        self, call: Call, operation: Any, obj: Object, old: Object | None, options: Object
    ) -> AdmissionAttributes:
        return AdmissionAttributes(
            operation=operation,
            resource=call.resource,
            namespace=call.namespace,
            name=call.name,
            user=call.user,
            object=obj,
            old=old,
            subresource=call.subresource,
            dry_run=call.dry_run,
            options=options,
            warnings=call.warnings,
        )

    async def _admit(self, request: AdmissionAttributes) -> Object:
        await self._admission.admit(request)
        if request.object is None:
            raise bad_request("admission left no object")
        obj = request.object
        return {**obj, "metadata": dict(obj["metadata"])}

    def _complete(self, call: Call, obj: Object) -> None:
        """Give a new object its name, uid and time. Raises StatusError if its user may not create it."""
        resource, metadata = call.resource, obj["metadata"]
        self._name(call, metadata)
        for field in _SYSTEM_FIELDS:  # a webhook may have set what a client cannot
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        metadata["creationTimestamp"] = rfc3339(self._clock())
        if resource.counts_generations:
            metadata["generation"] = 1
        kind = kind_of(resource)
        if metadata.get("name"):
            kind.prepare(obj)
            if resource is SERVICES:
                self._addresses.assign(obj, None)
            self._escalation.check(resource, call.user, obj, None)

    def _definition_status(self, definition: Object) -> Object:
        name = definition["metadata"]["name"]
        others = [other for other in self._store.list(DEFINITIONS) if other["metadata"]["name"] != name]
        return settled_status(definition, others, rfc3339(self._clock()))

    async def _check(self, call: Call, obj: Object, faults: Callable[[], list[FieldError]]) -> None:
        """Raises StatusError (422) for the faults of an object, and (500) for an object that is too large."""
        size = encoded_size(obj)
        await off_loop(LARGE if kind_of(call.resource).takes_long else size, lambda: _raise(call, obj, faults()))
        if size > MAX_OBJECT_BYTES:
            raise StatusError(500, "", "etcdserver: request is too large")

    async def _store_new(self, call: Call, obj: Object) -> Object:
        if call.dry_run:
            if self._store.get(call.resource, call.namespace, obj["metadata"]["name"]) is not None:
                raise _name_taken(call, obj["metadata"])
            return ordered(obj)
        try:
            return served_form(call.resource, await self._store.commit(_create(call, obj)))
        except ObjectChanged:
            raise _name_taken(call, obj["metadata"]) from None

    def _name(self, call: Call, metadata: Object) -> None:
        prefix = metadata.get("generateName")
        if metadata.get("name") or not prefix:
            return
        for _ in range(_NAME_ATTEMPTS):
            name = prefix[:_MAX_GENERATED_PREFIX] + random_suffix(self._random)
            metadata["name"] = name
            if self._store.get(call.resource, call.namespace, name) is None:
                return

    def check_may_create(self, call: Call) -> None:
        """Check that the user may also create the object that a patch creates. Raises StatusError (403)."""
        self._escalation.check_create(call.resource, call.user, call.namespace, call.name)

    def find(self, call: Call) -> Object | None:
        """Return the stored object, None if there is none."""
        return self._store.get(call.resource, call.namespace, call.name)

    def live(self, call: Call) -> Object:
        """Return the object as the call's version shows it. Raises StatusError (404)."""
        return served_form(call.resource, self._stored(call))

    def _stored(self, call: Call) -> Object:
        live = self.find(call)
        if live is None:
            raise resource_not_found(call.resource.group, call.resource.plural, call.name)
        return live

    async def update(self, call: Call, obj: Object) -> Object:
        """Replace an object. A resourceVersion in ``obj`` is a precondition.

        Raises StatusError.
        """
        self._check_identity(call, obj)
        if not obj["metadata"].get("resourceVersion") and not call.resource.unconditional_update:
            why = invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid_object(call.resource.group, call.resource.kind, call.name, [why])

        def replaced(_: Object) -> Object:
            return {**obj, "metadata": dict(obj["metadata"])}

        return await self.change(call, replaced, call.options("UpdateOptions"))

    def _check_identity(self, call: Call, obj: Object) -> None:
        metadata = obj["metadata"]
        name = metadata.setdefault("name", call.name)
        if name != call.name:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.name})")
        namespace = metadata.setdefault("namespace", call.namespace) if call.resource.namespaced else call.namespace
        if namespace != call.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if not call.resource.namespaced:
            metadata.pop("namespace", None)

    async def change(
        self,
        call: Call,
        make: Callable[[Object], Object],
        options: Object,
        *,
        tracked: bool = False,
        view: ObjectView | None = None,
        size: int = 0,
    ) -> Object:
        """Store a new state of the live object; ``make`` returns it from the live object, which it must not change.
        ``size`` is that of the request's body, in bytes: ``make`` runs in a worker thread if it or the object is large.

        ``view`` is what admission sees instead of the object if the request is for another kind (a Scale).

        If another client has changed the object meanwhile, ``make`` is called again with the changed object, unless the
        new state names a resourceVersion. Raises StatusError.
        """
        for _ in range(ATTEMPTS):
            stored = self._stored(call)
            live = served_form(call.resource, stored)
            new = await off_loop(max(size, encoded_size(live)), functools.partial(make, live))
            self.check_preconditions(call, new, live)
            try:
                return await self._replace(call, new, stored, options, tracked=tracked, view=view)
            except ObjectChanged:
                continue
        raise self._conflict(call)

    def _conflict(self, call: Call) -> StatusError:
        return conflict(call.resource.group, call.resource.plural, call.name, MODIFIED)

    def check_preconditions(self, call: Call, new: Object, live: Object) -> None:
        """Raises StatusError (409) where ``new`` names another uid or resourceVersion than ``live`` has."""
        metadata = new["metadata"]
        check_uid(call, metadata.get("uid"), live)
        wanted = metadata.get("resourceVersion")
        if wanted and wanted != live["metadata"]["resourceVersion"]:
            raise self._conflict(call)

    async def _replace(
        self, call: Call, new: Object, stored: Object, options: Object, *, tracked: bool, view: ObjectView | None
    ) -> Object:
        """``stored`` is the object that the store has given out; ``live`` is the same in the call's version."""
        live = served_form(call.resource, stored)
        metadata, before = new["metadata"], live["metadata"]
        metadata.pop("resourceVersion", None)
        for name in _CARRIED_OVER:
            if name in before and not metadata.get(name):
                metadata[name] = before[name]
        metadata.pop("selfLink", None)
        metadata.pop("generation", None)
        if "generation" in before:
            metadata["generation"] = before["generation"]
        if not tracked:
            sizes = max(encoded_size(new), encoded_size(live))
            await off_loop(sizes, lambda: track_update(live, new, self._writer(call)))
        show = view.show if view is not None else _itself
        request = self._attributes(call, "UPDATE", show(new), show(live), options)
        admitted = await self._admit(request)
        new = view.apply(new, admitted) if view is not None else admitted
        self._check_unmodified(call, stored)
        self._escalation.check(call.resource, call.user, new, live)
        self._settle(call, new, live)
        settled = new
        await self._check(call, new, lambda: _faults_of_changed(call, settled, live))
        self._check_unmodified(call, stored)
        request.object = show(new)
        if await self._admission.validate(request):
            self._check_unmodified(call, stored)
        return await self._store_changed(call, new, stored)

    def _check_unmodified(self, call: Call, live: Object) -> None:
        """Raises ObjectChanged; a resourceVersion that the client named is then compared with what there is."""
        if self._store.get(call.resource, call.namespace, call.name) is not live:
            raise ObjectChanged

    def _settle(self, call: Call, new: Object, live: Object) -> None:
        """Undo what this path may not change, and count the generation."""
        kind = kind_of(call.resource)
        metadata = new["metadata"]
        if call.subresource == "status":
            for field in [field for field in {**new, **live} if field not in ("metadata", "status")]:
                _restore(new, live, field)
            for field in (*kind.status_keeps, "ownerReferences"):
                _restore(metadata, live["metadata"], field)
        else:
            kept = kind.update_keeps if call.subresource != "finalize" else ()
            own = ("status",) if call.resource.custom is None or call.resource.subresource("status") else ()
            for field in (*own, *kept):
                _restore(new, live, field)
            if call.resource is DEFINITIONS:
                new["status"] = self._definition_status(new)
            if call.resource is SERVICES:
                self._addresses.assign(new, live)
        if call.resource.counts_generations and _specification(new) != _specification(live):
            metadata["generation"] = live["metadata"].get("generation", 0) + 1

    async def _store_changed(self, call: Call, new: Object, live: Object) -> Object:
        metadata, resource = new["metadata"], call.resource
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        new = stored_form(resource, ordered(new))
        if _same_but_for_times(new, live):
            return served_form(resource, live)  # what changes nothing is no change: no new revision, no event
        if call.dry_run:
            return served_form(resource, new)
        kind = Delete if gone(new) else Update
        return served_form(resource, await self._store.commit(kind(resource, new, live)))


def _faults_of_new(call: Call, obj: Object) -> list[FieldError]:
    kind = kind_of(call.resource)
    return [*validate_metadata(obj, kind.name_rule), *kind.validate(obj)]


def _faults_of_changed(call: Call, new: Object, live: Object) -> list[FieldError]:
    kind = kind_of(call.resource)
    errors = validate_metadata_update(new, live)
    if kind.checks_changes:
        errors.extend(kind.validate_update(new, live))
    elif call.subresource != "status":
        errors.extend(kind.validate_update(new, live) or kind.validate(new))
    return errors


def _raise(call: Call, obj: Object, errors: list[FieldError]) -> None:
    if errors:
        raise invalid_object(call.resource.group, call.resource.kind, obj["metadata"].get("name", ""), errors)


def _create(call: Call, obj: Object) -> Create:
    obj["metadata"]["resourceVersion"] = "0"  # its place; the store sets the number
    return Create(call.resource, stored_form(call.resource, ordered(obj)))


def _name_taken(call: Call, metadata: Object) -> StatusError:
    resource, name = call.resource, metadata["name"]
    if metadata.get("generateName"):
        return no_unique_name(resource.group, resource.plural, name)
    return already_exists(resource.group, resource.plural, name)


def check_uid(call: Call, wanted: str | None, live: Object) -> None:
    """Raises StatusError (409) where a request means an object that has been replaced by one of the same name."""
    uid = live["metadata"]["uid"]
    if wanted and wanted != uid:
        raise conflict(
            call.resource.group,
            call.resource.plural,
            call.name,
            f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}",
        )


def gone(obj: Object) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if obj["kind"] == "Namespace":
        return not obj["spec"].get("finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def _itself(obj: Object) -> Object:
    return obj


def _restore(new: Object, live: Object, field: str) -> None:
    if field in live:
        new[field] = live[field]
    else:
        new.pop(field, None)


def _specification(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _same_but_for_times(new: Object, live: Object) -> bool:
    if new == live:
        return True
    left, right = new["metadata"].get("managedFields"), live["metadata"].get("managedFields")
    if left is None or right is None or len(left) != len(right):
        return False
    if any(
        {**new_entry, "time": ""} != {**live_entry, "time": ""}
        for new_entry, live_entry in zip(left, right, strict=True)
    ):
        return False
    return {**new, "metadata": {**new["metadata"], "managedFields": right}} == live
