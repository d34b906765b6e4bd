"""The whole story of one call: the call itself, the exchange that its session came of, and the pod behind that.

Everything is taken from the world's event log, which holds what the deciding functions found at the time; nothing is
decided anew.
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
    """``exchange`` is the call by which the caller's session began, None where the log does not reach back to it, or
    the caller is no session. ``admission`` is that of the pod whose token it was."""

    event: Event
    exchange: Event | None = None
    admission: Event | None = None
    subject: str = ""
    pod: str = ""

    @property
    def namespace(self) -> str:
        """The service account's namespace, empty where no service account is known."""
        subject = split_subject(self.subject)
        return subject.namespace if subject is not None else ""

    @property
    def service_account(self) -> str:
        """The service account's name."""
        return self.subject.rpartition(":")[2] if self.namespace else ""

    @property
    def target(self) -> str:
        """What ``podrole doctor`` calls the pod, or its service account; empty where neither is known."""
        if not self.namespace:
            return ""
        return f"{self.namespace}/{self.pod or f'serviceaccount/{self.service_account}'}"

    def steps(self) -> list[tuple[str, bool | None]]:
        """Return the exchange's checks with how each went; None for those that were not come to."""
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
    """Return the event of that request id, or of an id that begins so; ``last`` is the last that was refused or
    failed, where there is one, else the last of all. ``log`` is newest first. Raises BadTarget.
    """
    if not log:
        raise BadTarget("There are no events yet.", next_step="make a call, or create a pod")
    if wanted == LAST:
        return next((event for event in log if event.outcome != "allowed"), log[0])
    found = [event for event in log if event.id == wanted]
    if not found and len(wanted) >= _LEAST_PREFIX:
        found = [event for event in log if event.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    what = "No event has that id." if not found else f"{len(found)} events have ids that begin so."
    raise BadTarget(
        what, got=repr(wanted), expected="the request id that the client was told", next_step="podrole events"
    )


def history_of(log: Sequence[Event], event: Event) -> CallHistory:
    """Return the story of an event. ``log`` is newest first."""
    if event.kind == "admission":
        namespace, _, pod = (event.on or "").partition("/")
        account = str((event.explanation or {}).get("serviceAccount") or "default")
        return CallHistory(event, admission=event, subject=subject_of(namespace, account), pod=pod)
    exchange = None if event.what in EXCHANGES else _beginning(log, event)
    subject, pod = token_owner(exchange or event)
    admission = _admission(log, subject, pod, (exchange or event).time)
    return CallHistory(event, exchange, admission, subject, pod)


def token_owner(event: Event) -> tuple[str, str]:
    """Return the subject and the pod of the token that an exchange was about: as it said, if it was not verified."""
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
    """Return the last exchange before ``event`` that gave its caller a session."""
    later = True
    for other in log:
        if other is event:
            later = False
        elif not later and session_begun_by(other) == event.who:
            return other
    return None


def session_begun_by(event: Event) -> str | None:
    """Return the session's ARN that an exchange gave; None where it is none, or gave none."""
    if event.what not in EXCHANGES or event.outcome != "allowed":
        return None
    # Who exchanges a token is nobody yet, and becomes the session; a node's agent stays who it is.
    return str((event.explanation or {}).get("session") or event.who)


def _admission(log: Sequence[Event], subject: str, pod: str, before: float) -> Event | None:
    """Return how the pod came in: the last of its name before the call, as a later one may have taken its place."""
    owner = split_subject(subject)
    if not pod or owner is None:
        return None
    where = f"{owner.namespace}/{pod}"
    came = (event for event in log if event.kind == "admission" and event.on == where and event.time <= before)
    return next(came, None)
