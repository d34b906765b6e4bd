"""MutatingAdmissionWebhook: calls the registered webhooks one after the other; each sees the changes of those before.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from podrole.base.large_work import off_loop
from podrole.cluster.admission.attributes import AdmissionAttributes, WebhookTrace
from podrole.cluster.admission.dispatch import NumberedWebhook, WebhookDispatcher
from podrole.cluster.core.errors import StatusError, internal
from podrole.cluster.patching.json_patches import MAX_OPERATIONS, apply_json_patch
from podrole.cluster.wire.bodies import encoded_size

Object = dict[str, Any]
Redecode = Callable[[AdmissionAttributes, Any], Object]
"""Decodes and defaults the result of a webhook's patch. Raises StatusError."""


@dataclass(slots=True)
class ReinvocationState:
    """What the first round leaves for the second one, which reinvokes webhooks.

    ``reinvocable``: the webhooks called so far that ask to be reinvoked. ``due``: those to call again. ``changed``:
    whether anything has changed the object. ``output``: the object after the last webhook.
    """

    number: int = 0
    reinvocable: set[tuple[str, str]] = field(default_factory=set)
    due: set[tuple[str, str]] = field(default_factory=set)
    changed: bool = False
    output: Object | None = None

    def mark_changed(self) -> None:
        """Record a change: the webhooks called so far that ask for it are to be called again."""
        self.due |= self.reinvocable
        self.reinvocable = set()
        self.changed = True


class MutatingWebhooks:
    """Calls the webhooks that MutatingWebhookConfigurations register."""

    def __init__(self, dispatch: WebhookDispatcher, redecode: Redecode) -> None:
        self._dispatch = dispatch
        self._redecode = redecode

    async def admit(self, request: AdmissionAttributes, state: ReinvocationState) -> None:
        """Call the webhooks that match; in the second round only those that are due. Raises StatusError."""
        if state.number and request.object != state.output:
            state.mark_changed()  # the built-in plugins did
        labels = self._dispatch.namespace_labels(request)
        for hook in self._dispatch.registered():
            key = hook.registered.key
            if state.number and key not in state.due:
                continue
            if not await self._dispatch.is_called(hook, request, labels, explain=not state.number):
                continue
            if await self._call(request, hook, state.number):
                state.mark_changed()
            if hook.webhook.get("reinvocationPolicy") == "IfNeeded":
                state.reinvocable.add(key)
        state.output = request.object

    async def _call(self, request: AdmissionAttributes, hook: NumberedWebhook, round_: int) -> bool:
        """Call one webhook and apply its patch. Return whether it changed the object."""
        trace, verdict = await self._dispatch.ask(hook, request, round_)
        if verdict is None:
            return False
        changed = bool(verdict.patch) and await self._patch(request, hook, trace, verdict.patch)
        _audit(request, hook, trace, mutated=changed)
        return changed

    async def _patch(
        self, request: AdmissionAttributes, hook: NumberedWebhook, trace: WebhookTrace, patch: list[Any]
    ) -> bool:
        """Apply a webhook's patch. One that cannot be applied is an error whatever the failurePolicy."""
        trace.patch = patch
        trace.outcome = "failed"
        if request.operation == "CONNECT":
            trace.why = "it patches a connection"
            raise internal(f'admission webhook "{hook.name}" attempted to modify a connection, which is not supported')
        if request.object is None:
            trace.why = "it patches an object that is being deleted"
            raise internal(f'admission webhook "{hook.name}" attempted to modify the object, which is not supported')
        obj = request.object
        size = encoded_size(obj) + encoded_size(patch)
        try:
            changed = await off_loop(size, lambda: self._redecode(request, _patched(obj, patch)))
        except (ValueError, StatusError) as problem:
            trace.why = f"its patch does not apply: {problem}"
            raise (problem if isinstance(problem, StatusError) else internal(str(problem))) from None
        if changed == request.object:
            trace.outcome = "unchanged"
            return False
        request.object = changed
        trace.outcome = "mutated"
        return True


def _patched(obj: Object, patch: list[Any]) -> Any:
    """Return the patched object. As for a client, the number of operations is bounded. Raises ValueError."""
    if len(patch) > MAX_OPERATIONS:
        raise ValueError(f"the patch has {len(patch)} operations, more than {MAX_OPERATIONS}")
    return apply_json_patch(obj, patch)


def _audit(request: AdmissionAttributes, hook: NumberedWebhook, trace: WebhookTrace, *, mutated: bool) -> None:
    said = {"configuration": hook.registered.configuration, "webhook": hook.name}
    key = f"webhook.admission.k8s.io/round_{trace.round}_index_{hook.index}"
    request.audit[f"mutation.{key}"] = json.dumps({**said, "mutated": mutated}, separators=(",", ":"))
    if mutated:
        request.audit[f"patch.{key}"] = json.dumps(
            {**said, "patch": trace.patch, "patchType": "JSONPatch"}, separators=(",", ":")
        )
