"""A Job's status and next step, from its pods. All pure.

https://kubernetes.io/docs/concepts/workloads/controllers/job/

Pods are counted while they exist, as Kubernetes did before it tracked them by finalizers: the Job forgets a
finished pod that is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.workloads import condition_of, is_active, number_in, parse_time, ready_since
from podrole.cluster.core.client import Object

INDEX = "batch.kubernetes.io/job-completion-index"
FIRST_BACKOFF_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The Job has ended: ``kind`` is ``Complete`` or ``Failed``."""

    kind: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Counts:
    """A Job's pods: those that run, the ready among them, and how the others ended."""

    active: int
    ready: int
    succeeded: int
    failed: int
    indexes: frozenset[int] = frozenset()
    """The completion indexes that have succeeded."""


def count(job: Object, pods: Sequence[Object]) -> Counts:
    """Count a Job's pods; of an indexed Job each index succeeds once."""
    active = [pod for pod in pods if is_active(pod)]
    succeeded = [pod for pod in pods if pod["status"]["phase"] == "Succeeded"]
    failed = sum(1 for pod in pods if pod["status"]["phase"] == "Failed")
    indexes = frozenset(index_of(pod) for pod in succeeded) - {-1} if is_indexed(job) else frozenset[int]()
    return Counts(
        active=len(active),
        ready=sum(1 for pod in active if ready_since(pod) is not None),
        succeeded=len(indexes) if is_indexed(job) else len(succeeded),
        failed=failed,
        indexes=indexes,
    )


def is_indexed(job: Object) -> bool:
    """Whether each pod has a completion index."""
    mode: str = job["spec"].get("completionMode") or "NonIndexed"
    return mode == "Indexed"


def index_of(pod: Object) -> int:
    """Return a pod's completion index; -1 without one."""
    index = number_in(pod, INDEX)
    return -1 if index is None else index


def finished(job: Object) -> Object | None:
    """Return the condition by which the Job has ended already."""
    return next(
        (
            condition
            for kind in ("Complete", "Failed")
            if (condition := condition_of(job, kind)) and condition["status"] == "True"
        ),
        None,
    )


def outcome(job: Object, counts: Counts, pods: Sequence[Object], *, now: float) -> Finished | None:
    """Decide whether the Job has ended now."""
    spec = job["spec"]
    limit = spec.get("backoffLimit", 6)
    failures = counts.failed
    if spec["template"]["spec"].get("restartPolicy") == "OnFailure":
        failures += sum(_restarts(pod) for pod in pods if is_active(pod))
    if failures > limit:
        return Finished("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    if (due := deadline(job)) is not None and now >= due:
        return Finished("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    completions = spec.get("completions")
    in_queue = completions is None and counts.succeeded > 0 and counts.active == 0
    done = in_queue or (completions is not None and counts.succeeded >= completions)
    return Finished("Complete", "CompletionsReached", "Reached expected number of succeeded pods") if done else None


def wanted(job: Object, counts: Counts) -> int:
    """Return how many pods are to run now."""
    spec = job["spec"]
    if spec.get("suspend"):
        return 0
    parallelism = int(spec.get("parallelism", 1))
    completions = spec.get("completions")
    if completions is None:  # a work queue: after the first success no pod is added
        return counts.active if counts.succeeded else parallelism
    return min(parallelism, int(completions) - counts.succeeded)


def deadline(job: Object) -> float | None:
    """Return when the Job is to be ended (epoch seconds)."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    start = (job.get("status") or {}).get("startTime")
    if seconds is None or start is None or job["spec"].get("suspend"):
        return None
    return parse_time(start) + float(seconds)


def retry_at(counts: Counts, pods: Sequence[Object]) -> float:
    """Return when the next pod may be made after failures: 10 s after the last one, doubling, at most 10 minutes."""
    ends = [end for pod in pods if pod["status"]["phase"] == "Failed" and (end := _ended(pod)) is not None]
    if not ends:
        return 0.0
    delay = FIRST_BACKOFF_SECONDS * float(2 ** min(counts.failed - 1, 10))
    return max(ends) + min(delay, MAX_BACKOFF_SECONDS)


def status_of(job: Object, counts: Counts, ended: Finished | None, *, now: float) -> Object:
    """Return the Job's new status."""
    old = job.get("status") or {}
    suspended = bool(job["spec"].get("suspend"))
    status: Object = {
        "active": counts.active,
        "ready": counts.ready,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
    status = {key: value for key, value in status.items() if value or key in {"ready", "terminating"} or value == {}}
    if is_indexed(job) and counts.indexes:
        status["completedIndexes"] = ranges(counts.indexes)
    if not suspended:
        status["startTime"] = old.get("startTime") or rfc3339(now)
    conditions = [each for each in old.get("conditions") or () if each["type"] != "Suspended"]
    if suspended or condition_of(job, "Suspended"):
        before = condition_of(job, "Suspended")
        conditions.append(
            before if before and (before["status"] == "True") == suspended else _suspended(suspended, now)
        )
    if ended is not None:
        first = "SuccessCriteriaMet" if ended.kind == "Complete" else "FailureTarget"
        conditions += [_condition(kind, ended.reason, ended.message, now) for kind in (first, ended.kind)]
        if ended.kind == "Complete":
            status["completionTime"] = rfc3339(now)
    if conditions:
        status["conditions"] = conditions
    return status


def ranges(indexes: frozenset[int]) -> str:
    """Write indexes as Kubernetes does: ``0-2,5``."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and parts[-1][-1] == index - 1:
            parts[-1][1:] = [index]
        else:
            parts.append([index])
    return ",".join("-".join(map(str, part)) for part in parts)


def _condition(kind: str, reason: str, message: str, now: float, status: str = "True") -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": rfc3339(now),
        "lastTransitionTime": rfc3339(now),
    }


def _suspended(suspended: bool, now: float) -> Object:
    if suspended:
        return _condition("Suspended", "JobSuspended", "Job suspended", now)
    return _condition("Suspended", "JobResumed", "Job resumed", now, "False")


def _restarts(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(each.get("restartCount", 0)) for each in statuses)


def _ended(pod: Object) -> float | None:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [each["state"]["terminated"]["finishedAt"] for each in statuses if "terminated" in each.get("state", {})]
    return max(map(parse_time, ends), default=parse_time(pod["metadata"]["creationTimestamp"]))
