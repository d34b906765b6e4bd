"""One call in detail: the call, the exchange that created its session, and the pod whose token was exchanged.

Everything is read from the world's event log, which holds the decisions as they were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podrole.base.events import Event
from podrole.doctor.errors import BadTarget
from podrole.kube.subjects import split_subject, subject_of
from podrole.sts.denial import ASSUME_ROLE_STEPS, POD_IDENTITY_STEPS, WEB_IDENTITY_STEPS, Step

LAST = "last"
_LEAST_PREFIX = 4
EXCHANGES: Mapping[str, tuple[Step, ...]] = {
    "sts:AssumeRoleWithWebIdentity": WEB_IDENTITY_STEPS,
    "sts:AssumeRole": ASSUME_ROLE_STEPS,
    "eks-auth:AssumeRoleForPodIdentity": POD_IDENTITY_STEPS,
}


@dataclass(frozen=True, slots=True)
class CallHistory:
    """A call and what led to it.

    ``exchange`` is the call that created the caller's session; None if the caller is not a session, or the exchange is
    no longer in the log. ``admission`` is the admission of the pod whose token was exchanged.
    """

    event: Event
    exchange: Event | None = None
    admission: Event | None = None
    subject: str = ""
    pod: str = ""

    @property
    def namespace(self) -> str:
        """The service account's namespace; empty if no service account is known."""
        subject = split_subject(self.subject)
        return subject.namespace if subject is not None else ""

    @property
    def service_account(self) -> str:
        """The service account's name."""
        return self.subject.rpartition(":")[2] if self.namespace else ""

    @property
    def target(self) -> str:
        """The pod or service account as an argument of ``podrole doctor``; empty if neither is known."""
        if not self.namespace:
            return ""
        return f"{self.namespace}/{self.pod or f'serviceaccount/{self.service_account}'}"

    def steps(self) -> list[tuple[str, bool | None]]:
        """Return the exchange's steps and whether each held; None for steps that were not reached."""
        event = self.event if self.event.what in EXCHANGES else self.exchange
        if event is None:
            return []
        steps = EXCHANGES.get(event.what, ())
        if event.outcome == "allowed":
            return [(step.value, True) for step in steps]
        explanation = event.explanation or {}
        failed, held = explanation.get("step"), set(explanation.get("held", ()))
        return [(step.value, True if step.value in held else False if step.value == failed else None) for step in steps]


def find_event(log: Sequence[Event], wanted: str) -> Event:
    """Return the event with this request id, or the only one whose id begins with it.

    ``last`` is the last call or admission that was refused or failed, except those of podrole doctor itself. ``log`` is
    newest first. Raises BadTarget.
    """
    if not log:
        raise BadTarget("There are no events yet.", next_step="make a call, or create a pod")
    if wanted == LAST:
        refused = next((event for event in log if event.is_refusal), None)
        if refused is None:
            raise BadTarget(
                "No call was refused.", next_step="podrole explain REQUEST-ID, with an id of podrole events"
            )
        return refused
    matching = [event for event in log if event.id == wanted]
    if not matching and len(wanted) >= _LEAST_PREFIX:
        matching = [event for event in log if event.id.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    what = "No event has this id." if not matching else f"{len(matching)} events have ids that begin with this."
    raise BadTarget(
        what, got=repr(wanted), expected="the request id that the client received", next_step="podrole events"
    )


def history_of(log: Sequence[Event], event: Event) -> CallHistory:
    """Return the history of an event. ``log`` is newest first."""
    if event.kind == "admission":
        namespace, _, pod = (event.on or "").partition("/")
        account = str((event.explanation or {}).get("serviceAccount") or "default")
        return CallHistory(event, admission=event, subject=subject_of(namespace, account), pod=pod)
    exchange = None if event.what in EXCHANGES else _beginning(log, event)
    subject, pod = token_owner(exchange or event)
    admission = _admission(log, subject, pod, (exchange or event).time)
    return CallHistory(event, exchange, admission, subject, pod)


def token_owner(event: Event) -> tuple[str, str]:
    """Return the subject and the pod of an exchange's token: as the token claims, if it was not verified."""
    explanation = event.explanation or {}
    if "subject" in explanation:
        return str(explanation["subject"]), str(explanation.get("pod", ""))
    claims: Mapping[str, Any] = explanation.get("token", {}).get("claims", {})
    kubernetes = claims.get("kubernetes.io")
    pod = kubernetes.get("pod") if isinstance(kubernetes, Mapping) else None
    name = pod.get("name") if isinstance(pod, Mapping) else None
    subject = claims.get("sub")
    return (subject if isinstance(subject, str) else ""), (name if isinstance(name, str) else "")


def _beginning(log: Sequence[Event], event: Event) -> Event | None:
    """Return the last exchange before ``event`` that created its caller's session."""
    later = True
    for other in log:
        if other is event:
            later = False
        elif not later and session_begun_by(other) == event.who:
            return other
    return None


def session_begun_by(event: Event) -> str | None:
    """Return the ARN of the session that an exchange created; None for other events and refused exchanges."""
    if event.what not in EXCHANGES or event.outcome != "allowed":
        return None
    # Who exchanges a token is known only as the new session. A caller of AssumeRole and the node's agent are callers of
    # their own: the session is in the explanation.
    if event.what == "sts:AssumeRoleWithWebIdentity":
        return event.who
    session = (event.explanation or {}).get("session")
    return session if isinstance(session, str) else None


def _admission(log: Sequence[Event], subject: str, pod: str, before: float) -> Event | None:
    """Return the pod's last admission before the call: a later pod may have the same name."""
    owner = split_subject(subject)
    if not pod or owner is None:
        return None
    where = f"{owner.namespace}/{pod}"
    came = (event for event in log if event.kind == "admission" and event.on == where and event.time <= before)
    return next(came, None)
