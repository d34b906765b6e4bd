"""What mutating and validating webhooks have in common: which of them see a request, and how one is asked.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from podrole.cluster.admission.attributes import AdmissionAttributes, WebhookTrace
from podrole.cluster.admission.caller import CallError, WebhookCaller
from podrole.cluster.admission.match_conditions import ConditionFailed, MatchConditions
from podrole.cluster.admission.matching import RegisteredWebhook, match_webhook, seen_as
from podrole.cluster.admission.review import ReviewError, WebhookResponse, read_response, request_body
from podrole.cluster.core.errors import StatusError, bad_request, internal, resource_forbidden
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Store
from podrole.cluster.kinds.registry import BY_NAME

Object = dict[str, Any]
Kind = Literal["mutating", "validating"]

_NAMESPACES = BY_NAME["namespaces"]


@dataclass(frozen=True, slots=True)
class NumberedWebhook:
    """A webhook that is to be called, and its place among all that are registered."""

    registered: RegisteredWebhook
    index: int

    @property
    def name(self) -> str:
        """The name of the webhook."""
        return self.registered.name

    @property
    def webhook(self) -> Mapping[str, Any]:
        """The webhook as it is registered."""
        return self.registered.webhook


class WebhookDispatcher:
    """Finds and asks the webhooks of one kind."""

    def __init__(self, kind: Kind, store: Store, caller: WebhookCaller, conditions: MatchConditions) -> None:
        self._kind = kind
        self._configurations: Resource = BY_NAME[f"{kind}webhookconfigurations.admissionregistration.k8s.io"]
        self._store = store
        self._caller = caller
        self._conditions = conditions

    def registered(self) -> list[NumberedWebhook]:
        """Return every registered webhook, ordered by the name of its configuration and its place in it."""
        every = [
            RegisteredWebhook(configuration["metadata"]["name"], webhook)
            for configuration in self._store.list(self._configurations)
            for webhook in configuration.get("webhooks", ())
        ]
        return [NumberedWebhook(hook, index) for index, hook in enumerate(every)]

    def namespace_labels(self, request: AdmissionAttributes) -> Mapping[str, str] | None:
        """Return the labels that a namespaceSelector is compared with, None for cluster-scoped objects."""
        if request.resource is _NAMESPACES:
            namespace = request.object or request.old
        elif request.resource.namespaced:
            namespace = self._store.get(_NAMESPACES, "", request.namespace)
        else:
            return None
        labels: Mapping[str, str] = (namespace or {}).get("metadata", {}).get("labels", {})
        return labels

    async def is_called(
        self,
        hook: NumberedWebhook,
        request: AdmissionAttributes,
        labels: Mapping[str, str] | None,
        *,
        explain: bool = True,
    ) -> bool:
        """Say whether the webhook is called; if its rules match and it is not called, the trace says why.

        Raises StatusError (403) if a condition cannot be evaluated and the failurePolicy is Fail.
        """
        decision = match_webhook(hook.webhook, request, labels)
        why = decision.why
        if decision.called:
            try:
                unmet = await self._conditions.unmet(hook.webhook, request)
            except ConditionFailed as problem:
                self._trace(hook, request, "failed").why = str(problem)
                resource = request.resource
                raise resource_forbidden(resource.group, resource.plural, request.name, str(problem)) from None
            if unmet is None:
                return True
            why = unmet
        if explain and decision.rules_match:
            self._trace(hook, request, "not called").why = why
        return False

    def _trace(
        self, hook: NumberedWebhook, request: AdmissionAttributes, outcome: Any, round_: int = 0
    ) -> WebhookTrace:
        trace = WebhookTrace(hook.registered.configuration, hook.name, outcome, round=round_)
        request.trace.append(trace)
        return trace

    async def ask(
        self, hook: NumberedWebhook, request: AdmissionAttributes, round_: int = 0
    ) -> tuple[WebhookTrace, WebhookResponse | None]:
        """Call one webhook; its warnings and audit annotations are added to the request.

        The response is None if the call failed and the failurePolicy is Ignore. Raises StatusError.
        """
        trace = self._trace(hook, request, "failed", round_)
        if request.dry_run and hook.webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            trace.why = "it does not support dry run"
            raise bad_request(f'admission webhook "{hook.name}" does not support dry run')
        verdict = await self._call(hook, request, trace)
        if verdict is None:
            return trace, None
        request.warnings.extend(verdict.warnings)
        for key, value in verdict.audit.items():
            request.audit[f"{hook.name}/{key}"] = value
        if not verdict.allowed:
            refusal = _denial(hook.name, verdict)
            trace.outcome, trace.why = "denied", refusal.message
            raise refusal
        trace.outcome = "unchanged" if self._kind == "mutating" else "allowed"
        return trace, verdict

    async def _call(
        self, hook: NumberedWebhook, request: AdmissionAttributes, trace: WebhookTrace
    ) -> WebhookResponse | None:
        uid = str(uuid.uuid4())
        started = time.perf_counter()
        try:
            answer = await self._caller.call(
                hook.webhook["clientConfig"],
                request_body(request, uid, seen_as(hook.webhook, request)),
                hook.webhook.get("timeoutSeconds", 10),
            )
            return read_response(answer, uid, mutating=self._kind == "mutating")
        except (CallError, ReviewError) as problem:
            why = f"received invalid webhook response: {problem}" if isinstance(problem, ReviewError) else str(problem)
            trace.why = why
            if hook.webhook.get("failurePolicy") != "Ignore":
                raise internal(f'failed calling webhook "{hook.name}": {why}') from None
            trace.outcome = "failed open"
            word = "mutation.webhook" if self._kind == "mutating" else "validating.webhook"
            request.audit[f"failed-open.{word}.admission.k8s.io/round_{trace.round}_index_{hook.index}"] = hook.name
            return None
        finally:
            trace.milliseconds = (time.perf_counter() - started) * 1000


def _denial(name: str, verdict: WebhookResponse) -> StatusError:
    """Return the refusal of a webhook: its own words and, from 400 on, its own code."""
    text = verdict.message or verdict.reason
    why = f"denied the request: {text}" if text else "denied the request without explanation"
    code = verdict.code if verdict.code // 100 in (4, 5) else 400
    return StatusError(code, verdict.reason, f'admission webhook "{name}" {why}')
