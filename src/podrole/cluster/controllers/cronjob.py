"""CronJobs: a Job at each time of the schedule."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.controller import (
    AlreadyReported,
    Controller,
    Key,
    KeysOf,
    find,
    its_controller,
    itself,
)
from podrole.cluster.controllers.job_status import finished
from podrole.cluster.controllers.schedule import COUNTED, BadSchedule, due
from podrole.cluster.controllers.workloads import controlled_by, owner_reference, parse_time
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import reference

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class CronJobController(Controller):
    """Makes Jobs when they are due and removes the oldest finished ones."""

    name = "cronjob-controller"
    reconciles = "cronjobs.batch"

    def watched(self) -> Mapping[str, KeysOf]:
        return {"cronjobs.batch": itself, "jobs.batch": its_controller("CronJob")}

    async def reconcile(self, key: Key) -> float | None:
        cron_job = await find(self.client, "cronjobs.batch", key)
        if cron_job is None or cron_job["metadata"].get("deletionTimestamp"):
            return None
        jobs = await self._jobs(cron_job)
        await self._tidy(cron_job, jobs)
        if cron_job["spec"].get("suspend"):
            await self._report(cron_job, jobs, None)
            return None
        try:
            started, again = await self._start(cron_job, jobs)
        except BadSchedule as problem:
            self.recorder.record(cron_job, "Warning", "UnparseableSchedule", f"unparseable schedule: {problem}")
            return None
        await self._report(cron_job, await self._jobs(cron_job), started)
        return again

    async def _start(self, cron_job: Object, jobs: list[Object]) -> tuple[float | None, float]:
        """Start the Job that is due; return (the time that it was due, when to reconcile again)."""
        spec, metadata, now = cron_job["spec"], cron_job["metadata"], self.time.now()
        status = cron_job.get("status") or {}
        since = parse_time(status.get("lastScheduleTime") or metadata["creationTimestamp"])
        window = spec.get("startingDeadlineSeconds")
        if window is not None:
            since = max(since, now - float(window))
        starts = due(spec["schedule"], spec.get("timeZone"), since=since, now=now)
        if starts.last is None:
            return None, starts.next
        if starts.missed > COUNTED:
            message = f"too many missed start times: {starts.missed}. Set or decrease .spec.startingDeadlineSeconds"
            self.recorder.record(cron_job, "Warning", "TooManyMissedTimes", f"{message} or check clock skew")
        running = [job for job in jobs if finished(job) is None]
        policy = spec.get("concurrencyPolicy") or "Allow"
        if running and policy == "Forbid":
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self.recorder.record(cron_job, "Normal", "JobAlreadyActive", message)
            return None, starts.next
        if policy == "Replace":
            for job in running:
                await self._delete(cron_job, job)
        await self._create(cron_job, starts.last)
        return starts.last, starts.next

    async def _create(self, cron_job: Object, moment: float) -> None:
        metadata, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]
        template_metadata = template.get("metadata") or {}
        annotations = dict(template_metadata.get("annotations") or {}) | {SCHEDULED: rfc3339(moment)}
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{metadata['name']}-{int(moment) // 60}",
                "labels": dict(template_metadata.get("labels") or {}),
                "annotations": annotations,
                "ownerReferences": [owner_reference(cron_job)],
            },
            "spec": copy.deepcopy(template["spec"]),
        }
        try:
            job = await self.client.create("jobs.batch", metadata["namespace"], body)
        except StatusError as problem:
            if problem.reason == "AlreadyExists":  # created before, but not yet in the status
                return
            self.recorder.record(cron_job, "Warning", "FailedCreate", f"Error creating job: {problem.what}")
            raise AlreadyReported from problem
        self.recorder.record(cron_job, "Normal", "SuccessfulCreate", f"Created job {job['metadata']['name']}")

    async def _report(self, cron_job: Object, jobs: list[Object], started: float | None) -> None:
        old = cron_job.get("status") or {}
        active = [job for job in jobs if finished(job) is None]
        status: Object = {"active": [reference(job) for job in active]} if active else {}
        completions = [
            job["status"]["completionTime"] for job in jobs if (job.get("status") or {}).get("completionTime")
        ]
        if latest := max([*completions, old.get("lastSuccessfulTime") or ""]):
            status["lastSuccessfulTime"] = latest
        if scheduled := rfc3339(started) if started is not None else old.get("lastScheduleTime"):
            status["lastScheduleTime"] = scheduled
        if _shown(status) == _shown(old):
            return
        metadata = cron_job["metadata"]
        for gone in {each["name"] for each in old.get("active") or ()} - {job["metadata"]["name"] for job in active}:
            ended = next((finished(job) for job in jobs if job["metadata"]["name"] == gone), None)
            if ended is not None:
                message = f"Saw completed job: {gone}, condition: {ended['type']}"
                self.recorder.record(cron_job, "Normal", "SawCompletedJob", message)
        patch = {"metadata": {"uid": metadata["uid"]}, "status": dict.fromkeys(old) | status}
        await self.client.merge_patch(
            "cronjobs.batch", metadata["namespace"], metadata["name"], patch, subresource="status"
        )

    async def _tidy(self, cron_job: Object, jobs: list[Object]) -> None:
        """Delete the oldest finished Jobs beyond the history's limits."""
        for kind, field, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            done = [job for job in jobs if (ended := finished(job)) is not None and ended["type"] == kind]
            for job in done[: max(0, len(done) - cron_job["spec"].get(field, default))]:
                await self._delete(cron_job, job)

    async def _delete(self, cron_job: Object, job: Object) -> None:
        metadata = job["metadata"]
        await self.client.delete("jobs.batch", metadata["namespace"], metadata["name"], uid=metadata["uid"])
        self.recorder.record(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {metadata['name']}")

    async def _jobs(self, cron_job: Object) -> list[Object]:
        metadata = cron_job["metadata"]
        jobs = await self.client.list("jobs.batch", metadata["namespace"])
        own = [job for job in jobs if controlled_by(job) == metadata["uid"]]
        return sorted(own, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))


def _shown(status: Object) -> Object:
    """Leave out the resourceVersions of the active Jobs, which change all the time."""
    active = [{**each, "resourceVersion": ""} for each in status.get("active") or ()]
    return {**status, "active": active}
