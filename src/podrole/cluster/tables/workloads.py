"""The rows of Deployment, ReplicaSet, PodDisruptionBudget, Job and CronJob."""

from __future__ import annotations

from typing import Any

from podrole.cluster.tables.cells import NONE, age, human_duration, images, names, seconds_of, selector, since

Object = dict[str, Any]


def _template_cells(spec: Object) -> list[Any]:
    containers = spec["template"]["spec"].get("containers", ())
    return [names(containers), images(containers), selector(spec.get("selector"))]


def deployment_cells(deployment: Object, now: float) -> list[Any]:
    """Return the cells of a Deployment."""
    spec, status = deployment["spec"], deployment.get("status", {})
    return [
        deployment["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(deployment, now),
        *_template_cells(spec),
    ]


def replica_set_cells(replica_set: Object, now: float) -> list[Any]:
    """Return the cells of a ReplicaSet."""
    spec, status = replica_set["spec"], replica_set.get("status", {})
    return [
        replica_set["metadata"]["name"],
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(replica_set, now),
        *_template_cells(spec),
    ]


def disruption_budget_cells(budget: Object, now: float) -> list[Any]:
    """Return the cells of a PodDisruptionBudget."""
    spec = budget.get("spec", {})
    return [
        budget["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        budget.get("status", {}).get("disruptionsAllowed", 0),
        age(budget, now),
    ]


def job_cells(job: Object, now: float) -> list[Any]:
    """Return the cells of a Job."""
    spec, status = job["spec"], job.get("status", {})
    succeeded = status.get("succeeded", 0)
    if "completions" in spec:
        completions = f"{succeeded}/{spec['completions']}"
    elif spec.get("parallelism", 1) > 1:
        completions = f"{succeeded}/1 of {spec['parallelism']}"
    else:
        completions = f"{succeeded}/1"
    started, ended = status.get("startTime"), status.get("completionTime")
    duration = ""
    if started:
        duration = human_duration((seconds_of(ended) if ended else now) - seconds_of(started))
    return [
        job["metadata"]["name"],
        _job_status(job),
        completions,
        duration,
        age(job, now),
        *_template_cells(spec),
    ]


def _job_status(job: Object) -> str:
    true = {entry["type"] for entry in job.get("status", {}).get("conditions", ()) if entry.get("status") == "True"}
    for condition in ("Complete", "Failed"):
        if condition in true:
            return condition
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next(
        (condition for condition in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if condition in true),
        "Running",
    )


def cron_job_cells(cron_job: Object, now: float) -> list[Any]:
    """Return the cells of a CronJob."""
    spec, status = cron_job["spec"], cron_job.get("status", {})
    last = status.get("lastScheduleTime")
    template = spec["jobTemplate"]["spec"]["template"]["spec"]
    containers = template.get("containers", ())
    return [
        cron_job["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        str(spec.get("suspend", False)),
        len(status.get("active", ())),
        since(last, now) if last else NONE,
        age(cron_job, now),
        names(containers),
        images(containers),
        selector(spec["jobTemplate"]["spec"].get("selector")),
    ]
