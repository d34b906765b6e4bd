"""MutatingAdmissionWebhook: each registered webhook in turn, every one seeing what those before it did.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.cluster.admission.attributes import Attributes, WebhookTrace
from podrole.cluster.admission.caller import CallError, WebhookCaller
from podrole.cluster.admission.matching import Registered, decide
from podrole.cluster.admission.review import ReviewError, Verdict, read_verdict, request_body
from podrole.cluster.errors import StatusError, bad_request, internal
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.patching.json_patches import apply_json_patch
from podrole.cluster.store.store import Store

Object = dict[str, Any]
Redecode = Callable[[Attributes, Any], Object]
"""Makes an object of what a webhook's patch left: decoded strictly, defaulted. Raises StatusError."""

_MUTATING = BY_NAME["mutatingwebhookconfigurations.admissionregistration.k8s.io"]
_NAMESPACES = BY_NAME["namespaces"]


@dataclass(slots=True)
class Rounds:
    """What is remembered between the first round and the one that reinvokes.

    ``reinvocable`` are the webhooks called so far that ask for it; ``due`` those to be called once more; ``output`` is
    the object as the last webhook left it.
    """

    number: int = 0
    reinvocable: set[tuple[str, str]] = field(default_factory=set)
    due: set[tuple[str, str]] = field(default_factory=set)
    again: bool = False
    output: Object | None = None

    def something_changed(self) -> None:
        """Make those called so far due again."""
        self.due |= self.reinvocable
        self.reinvocable = set()
        self.again = True


class MutatingWebhooks:
    """Calls the webhooks that MutatingWebhookConfigurations register."""

    def __init__(self, store: Store, caller: WebhookCaller, redecode: Redecode) -> None:
        self._store = store
        self._caller = caller
        self._redecode = redecode

    def registered(self) -> list[Registered]:
        """Return every webhook, configurations by name, each one's webhooks in order."""
        return [
            Registered(configuration["metadata"]["name"], webhook)
            for configuration in self._store.list(_MUTATING)
            for webhook in configuration.get("webhooks", ())
        ]

    async def admit(self, request: Attributes, rounds: Rounds) -> None:
        """Call those that match; in a second round only those that are due. Raises StatusError."""
        if rounds.number and request.object != rounds.output:
            rounds.something_changed()  # the built-in plugins did
        labels = self._namespace_labels(request)
        for index, hook in enumerate(self.registered()):
            if rounds.number and hook.key not in rounds.due:
                continue
            decision = decide(hook.webhook, request, labels)
            if not decision.called:
                if decision.rules_match and not rounds.number:
                    request.trace.append(WebhookTrace(hook.configuration, hook.name, "not called", decision.why))
                continue
            changed = await self._call(request, hook, rounds.number, index)
            if changed:
                rounds.something_changed()
            rounds.due.discard(hook.key)
            if hook.webhook.get("reinvocationPolicy") == "IfNeeded":
                rounds.reinvocable.add(hook.key)
        rounds.output = request.object

    def _namespace_labels(self, request: Attributes) -> Mapping[str, str] | None:
        if request.resource is _NAMESPACES:
            namespace = request.object or request.old
        elif request.resource.namespaced:
            namespace = self._store.get(_NAMESPACES, "", request.namespace)
        else:
            return None
        labels: Mapping[str, str] = (namespace or {}).get("metadata", {}).get("labels", {})
        return labels

    async def _call(self, request: Attributes, hook: Registered, round_: int, index: int) -> bool:
        """Call one webhook and do as it says. Return whether it changed the object."""
        trace = WebhookTrace(hook.configuration, hook.name, "failed", round=round_)
        request.trace.append(trace)
        if request.dry_run and hook.webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            trace.why = "it does not support dry run"
            raise bad_request(f'admission webhook "{hook.name}" does not support dry run')
        verdict = await self._ask(request, hook, trace, index)
        if verdict is None:
            return False
        request.warnings.extend(verdict.warnings)
        for key, value in verdict.audit.items():
            request.audit[f"{hook.name}/{key}"] = value
        if not verdict.allowed:
            refusal = _denial(hook.name, verdict)
            trace.outcome, trace.why = "denied", refusal.message
            raise refusal
        changed = bool(verdict.patch) and self._patch(request, hook, trace, verdict.patch)
        if not changed:
            trace.outcome = "unchanged"
        _audit(request, hook, trace, round_, index, mutated=changed)
        return changed

    async def _ask(self, request: Attributes, hook: Registered, trace: WebhookTrace, index: int) -> Verdict | None:
        """Return the verdict; None where the call failed and its failurePolicy is to go on without."""
        uid = str(uuid.uuid4())
        started = time.perf_counter()
        try:
            answer = await self._caller.call(
                hook.webhook["clientConfig"], request_body(request, uid), hook.webhook.get("timeoutSeconds", 10)
            )
            return read_verdict(answer, uid)
        except (CallError, ReviewError) as problem:
            why = f"received invalid webhook response: {problem}" if isinstance(problem, ReviewError) else str(problem)
            failure = f'failed calling webhook "{hook.name}": {why}'
            trace.why = why
            if hook.webhook.get("failurePolicy") != "Ignore":
                raise internal(failure) from None
            trace.outcome = "failed open"
            key = f"failed-open.mutation.webhook.admission.k8s.io/round_{trace.round}_index_{index}"
            request.audit[key] = hook.name
            return None
        finally:
            trace.milliseconds = (time.perf_counter() - started) * 1000

    def _patch(self, request: Attributes, hook: Registered, trace: WebhookTrace, patch: list[Any]) -> bool:
        """Apply a webhook's patch. What it asked for but cannot be done is an error whatever its failurePolicy."""
        trace.patch = patch
        if request.object is None:
            raise internal(f'admission webhook "{hook.name}" attempted to modify the object, which is not supported')
        try:
            patched = apply_json_patch(request.object, patch)
        except ValueError as problem:
            trace.why = f"its patch does not apply: {problem}"
            raise internal(str(problem)) from None
        changed = self._redecode(request, patched)
        if changed == request.object:
            return False
        request.object = changed
        trace.outcome = "mutated"
        return True


def _denial(name: str, verdict: Verdict) -> StatusError:
    """Return the refusal of a webhook: its own words and, from 400 on, its own code."""
    text = verdict.message or verdict.reason
    why = f"denied the request: {text}" if text else "denied the request without explanation"
    code = verdict.code if 400 <= verdict.code <= 599 else 400
    return StatusError(code, verdict.reason, f'admission webhook "{name}" {why}')


def _audit(
    request: Attributes, hook: Registered, trace: WebhookTrace, round_: int, index: int, *, mutated: bool
) -> None:
    said = {"configuration": hook.configuration, "webhook": hook.name}
    key = f"webhook.admission.k8s.io/round_{round_}_index_{index}"
    request.audit[f"mutation.{key}"] = json.dumps({**said, "mutated": mutated}, separators=(",", ":"))
    if mutated:
        request.audit[f"patch.{key}"] = json.dumps(
            {**said, "patch": trace.patch, "patchType": "JSONPatch"}, separators=(",", ":")
        )
