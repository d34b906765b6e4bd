"""A Deployment's status: what `kubectl rollout status` waits for. All pure."""

from __future__ import annotations

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.rollout import limits
from podrole.cluster.controllers.workloads import condition_of, parse_time, replace_condition
from podrole.cluster.core.client import Object

DEFAULT_PROGRESS_SECONDS = 600


def status_of(deployment: Object, new: Object | None, sets: list[Object], *, created: bool, now: float) -> Object:
    """Return the new status; ``created`` says that ``new`` has just been created."""
    old = deployment.get("status") or {}
    figures = _figures(new, sets)
    conditions = list(old.get("conditions") or ())
    availability, before = _availability(deployment, figures, now), condition_of(deployment, "Available")
    if before is None or before["status"] != availability["status"]:
        conditions = replace_condition(conditions, availability)
    progress = _progress(deployment, new, sets, figures, created=created, now=now)
    if progress is not None:
        conditions = replace_condition(conditions, progress)
    failure = next((condition for each in sets if (condition := condition_of(each, "ReplicaFailure"))), None)
    conditions = [each for each in conditions if each["type"] != "ReplicaFailure"]
    if failure is not None:
        conditions.append(failure | {"lastUpdateTime": failure["lastTransitionTime"]})
    status: Object = {key: value for key, value in figures.items() if value or key == "terminatingReplicas"}
    status |= {"observedGeneration": deployment["metadata"].get("generation", 0), "conditions": conditions}
    if collisions := old.get("collisionCount"):
        status["collisionCount"] = collisions
    return status


def is_complete(deployment: Object, new: Object | None, sets: list[Object]) -> bool:
    """Whether all pods are of the present template and available, and no other pods are left."""
    figures, wanted = _figures(new, sets), deployment["spec"].get("replicas", 1)
    counted = {figures["updatedReplicas"], figures["replicas"], figures["availableReplicas"]}
    return counted == {wanted}


def progress_due(deployment: Object) -> float | None:
    """Return when a rollout without progress counts as failed (epoch seconds); None if no rollout is under way."""
    progressing = condition_of(deployment, "Progressing")
    if progressing is None or progressing["status"] != "True" or progressing["reason"] == "NewReplicaSetAvailable":
        return None
    seconds = deployment["spec"].get("progressDeadlineSeconds", DEFAULT_PROGRESS_SECONDS)
    return parse_time(progressing["lastUpdateTime"]) + float(seconds) + 1.0


def _figures(new: Object | None, sets: list[Object]) -> dict[str, int]:
    def total(field: str) -> int:
        return sum((each.get("status") or {}).get(field, 0) for each in sets)

    wanted = sum(each["spec"].get("replicas", 1) for each in sets)
    available = total("availableReplicas")
    return {
        "replicas": total("replicas"),
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas", 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
        "terminatingReplicas": total("terminatingReplicas"),
    }


def _availability(deployment: Object, figures: dict[str, int], now: float) -> Object:
    minimum = deployment["spec"].get("replicas", 1) - limits(deployment)[1]
    available = figures["availableReplicas"] >= minimum
    return {
        "type": "Available",
        "status": "True" if available else "False",
        "reason": "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if available else 'does not have'} minimum availability.",
        "lastTransitionTime": rfc3339(now),
        "lastUpdateTime": rfc3339(now),
    }


def _progress(
    deployment: Object, new: Object | None, sets: list[Object], figures: dict[str, int], *, created: bool, now: float
) -> Object | None:
    """Return the Progressing condition if it changes."""
    old = condition_of(deployment, "Progressing")
    if deployment["spec"].get("paused"):
        if old is not None and old["reason"] == "DeploymentPaused":
            return None
        return _progressing("Unknown", "DeploymentPaused", "Deployment is paused", now)
    if new is None:
        return None
    name = new["metadata"]["name"]
    done = f'ReplicaSet "{name}" has successfully progressed.'
    if is_complete(deployment, new, sets):
        if old is not None and old["message"] == done:
            return None
        return _progressing("True", "NewReplicaSetAvailable", done, now)
    if created:
        return _progressing("True", "NewReplicaSetCreated", f'Created new replica set "{name}"', now)
    if old is None or old["reason"] == "DeploymentPaused":
        return _progressing("True", "FoundNewReplicaSet", f'Found new replica set "{name}"', now)
    if _moved(deployment, figures) or (old["reason"] == "NewReplicaSetAvailable" and old["message"] != done):
        return _progressing("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.', now)
    due = progress_due(deployment)
    if due is not None and now >= due:
        return _progressing("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.', now)
    return None


def _moved(deployment: Object, figures: dict[str, int]) -> bool:
    old: dict[str, int] = deployment.get("status") or {}
    grown = any(
        figures[field] > old.get(field, 0) for field in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    before = old.get("replicas", 0) - old.get("updatedReplicas", 0)
    return grown or figures["replicas"] - figures["updatedReplicas"] < before


def _progressing(status: str, reason: str, message: str, now: float) -> Object:
    return {
        "type": "Progressing",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": rfc3339(now),
        "lastUpdateTime": rfc3339(now),
    }
