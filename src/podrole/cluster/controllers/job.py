"""Jobs: pods until enough of them have succeeded, or too many have failed."""

from __future__ import annotations

from collections.abc import Mapping

from podrole.cluster.controllers.controller import (
    AlreadyReported,
    Controller,
    Key,
    KeysOf,
    find,
    its_controller,
    itself,
)
from podrole.cluster.controllers.job_status import (
    INDEX,
    Counts,
    Finished,
    count,
    deadline,
    finished,
    index_of,
    is_indexed,
    outcome,
    retry_at,
    status_of,
    wanted,
)
from podrole.cluster.controllers.workloads import is_active, owned, parse_time, pod_from
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError

INDEX_VARIABLE = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}},
}


class JobController(Controller):
    """Runs Jobs and removes those whose time to live is over."""

    name = "job-controller"
    reconciles = "jobs.batch"

    def watched(self) -> Mapping[str, KeysOf]:
        return {"jobs.batch": itself, "pods": its_controller("Job")}

    async def reconcile(self, key: Key) -> float | None:
        job = await find(self.client, "jobs.batch", key)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return None
        if (ended := finished(job)) is not None:
            return await self._retire(job, ended)
        pods = await owned(self.client, "pods", job, job["spec"]["selector"])
        now = self.time.now()
        counts = count(job, pods)
        decision = outcome(job, counts, pods, now=now)
        again: float | None = None
        problem: StatusError | None = None
        if decision is not None:
            await self._delete(job, [pod for pod in pods if is_active(pod)])
        else:
            again = retry_at(counts, pods)
            problem = await self._scale(job, counts, pods, may_create=again <= now)
        pods = await owned(self.client, "pods", job, job["spec"]["selector"])
        await self._report(job, count(job, pods), decision)
        if problem is not None:
            raise AlreadyReported from problem
        due = [moment for moment in (again, deadline(job)) if moment is not None and moment > now]
        return min(due, default=None)

    async def _scale(self, job: Object, counts: Counts, pods: list[Object], *, may_create: bool) -> StatusError | None:
        active = [pod for pod in pods if is_active(pod)]
        missing = wanted(job, counts) - len(active)
        if missing < 0:
            await self._delete(job, active[missing:])
        indexes = self._free_indexes(job, counts, active) if is_indexed(job) else [-1] * max(0, missing)
        for index in indexes[: max(0, missing)] if may_create else ():
            try:
                pod = await self.client.create("pods", job["metadata"]["namespace"], _pod(job, index))
            except StatusError as problem:
                self.recorder.record(job, "Warning", "FailedCreate", f"Error creating: {problem.what}")
                return problem
            self.recorder.record(job, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        return None

    def _free_indexes(self, job: Object, counts: Counts, active: list[Object]) -> list[int]:
        taken = counts.indexes | {index_of(pod) for pod in active}
        return [index for index in range(job["spec"].get("completions", 1)) if index not in taken]

    async def _delete(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            metadata = pod["metadata"]
            await self.client.delete("pods", metadata["namespace"], metadata["name"], uid=metadata["uid"])
            self.recorder.record(job, "Normal", "SuccessfulDelete", f"Deleted pod: {metadata['name']}")

    async def _report(self, job: Object, counts: Counts, ended: Finished | None) -> None:
        status = status_of(job, counts, ended, now=self.time.now())
        old = job.get("status") or {}
        if status == old:
            return
        metadata = job["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": dict.fromkeys(old) | status}
        await self.client.merge_patch(
            "jobs.batch", metadata["namespace"], metadata["name"], patch, subresource="status"
        )
        if ended is not None and ended.kind == "Complete":
            self.recorder.record(job, "Normal", "Completed", "Job completed")
        elif ended is not None:
            self.recorder.record(job, "Warning", ended.reason, ended.message)

    async def _retire(self, job: Object, ended: Object) -> float | None:
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return None
        due = parse_time(ended["lastTransitionTime"]) + float(seconds)
        if self.time.now() < due:
            return due
        metadata = job["metadata"]
        await self.client.delete("jobs.batch", metadata["namespace"], metadata["name"], uid=metadata["uid"])
        return None


def _pod(job: Object, index: int) -> Object:
    name = job["metadata"]["name"]
    if index < 0:
        return pod_from(job["spec"]["template"], job, generate_name=f"{name}-")
    pod = pod_from(job["spec"]["template"], job, generate_name=f"{name}-{index}-")
    pod["metadata"].setdefault("annotations", {})[INDEX] = str(index)
    pod["metadata"].setdefault("labels", {})[INDEX] = str(index)
    for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
        container["env"] = [*(container.get("env") or ()), INDEX_VARIABLE]
    return pod
