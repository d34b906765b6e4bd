"""The admission plugins in kube-apiserver's order, and the event that reports their work.

NamespaceLifecycle, ServiceAccount, Priority, DefaultTolerationSeconds, MutatingAdmissionWebhook; then all of them a
second time if a webhook has changed something that another one asks to see (reinvocation). ValidatingAdmissionWebhook
runs after the object's own validation.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Literal

from podrole.base.clock import Clock
from podrole.base.events import Event, EventLog
from podrole.base.large_work import off_loop
from podrole.base.user_agents import DOCTOR
from podrole.cluster.admission import namespace_lifecycle, pods
from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.mutating import MutatingWebhooks, ReinvocationState
from podrole.cluster.admission.validating import ValidatingWebhooks
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Store
from podrole.cluster.wire.bodies import encoded_size

Object = dict[str, Any]


class AdmissionChain:
    """Admits requests. ``events`` gets one event for each new pod, stored or not."""

    def __init__(
        self,
        store: Store,
        *,
        mutating: MutatingWebhooks,
        validating: ValidatingWebhooks,
        suffix: Callable[[], str],
        clock: Clock,
        events: EventLog | None,
    ) -> None:
        self._store = store
        self._mutating = mutating
        self._validating = validating
        self._suffix = suffix
        self._clock = clock
        self._events = events

    async def admit(self, request: AdmissionAttributes) -> None:
        """Run every plugin that may change the object; it is then in ``request.object``. Raises StatusError."""
        state = ReinvocationState()
        await self._built_in(request)
        await self._mutating.admit(request, state)
        if state.changed:
            state.number = 1
            await self._built_in(request)
            await self._mutating.admit(request, state)

    async def validate(self, request: AdmissionAttributes) -> bool:
        """Ask the validating webhooks about the object as it is to be stored.

        Return whether other requests may have been served meanwhile. Raises StatusError.
        """
        return await self._validating.validate(request)

    async def _built_in(self, request: AdmissionAttributes) -> None:
        namespace_lifecycle.admit(request, self._store)
        if request.resource.plural == "pods":
            # It reads one object of the store, which another thread may do.
            size = encoded_size(request.object)
            await off_loop(size, lambda: pods.admit(request, self._store, self._suffix))

    def record(self, request: AdmissionAttributes, refusal: StatusError | None) -> None:
        """Record the event of a new pod; ``refusal`` is why it was not stored, None if it was."""
        if self._events is None or request.operation != "CREATE" or request.resource.plural != "pods":
            return
        if request.subresource:
            return
        metadata = (request.object or {}).get("metadata", {})
        outcome: Literal["allowed", "refused", "failed"] = "allowed"
        if refusal is not None:
            outcome = "failed" if refusal.http_status >= 500 else "refused"
        explanation: Object = {
            "webhooks": [entry.as_dict() for entry in request.trace],
            "serviceAccount": (request.object or {}).get("spec", {}).get("serviceAccountName", ""),
        }
        if request.dry_run:
            explanation["dryRun"] = True
        if request.audit:
            explanation["annotations"] = request.audit
        self._events.record(
            Event(
                id=str(uuid.uuid4()),
                time=self._clock(),
                kind="admission",
                who=request.user.name,
                what="CREATE pods",
                outcome=outcome,
                on=f"{request.namespace}/{request.name or metadata.get('generateName', '')}",
                status=refusal.http_status if refusal is not None else 201,
                code=refusal.reason if refusal is not None else None,
                why=refusal.message if refusal is not None else _summary(request),
                explanation=explanation,
                probe=request.dry_run and str(metadata.get("generateName", "")).startswith(DOCTOR),
            )
        )


def _summary(request: AdmissionAttributes) -> str:
    """Return one sentence on what the webhooks did."""
    if not request.trace:
        return "no webhook is registered for it"
    return "; ".join(
        f"{entry.webhook}: {entry.outcome}" + (f" ({entry.why})" if entry.why else "") for entry in request.trace
    )
