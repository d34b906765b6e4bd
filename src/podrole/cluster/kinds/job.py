"""Job."""

from __future__ import annotations

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.tables.layout import AGE, CONTAINERS, IMAGES, NAME, Column, TableLayout
from podrole.cluster.tables.workloads import job_cells
from podrole.cluster.validation.workloads import validate_job, validate_job_update

_BATCH = "io.k8s.api.batch.v1"


def default_job(job: Object) -> None:
    """Fill in the numbers, the modes and the template."""
    spec = job["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    default_pod_spec(spec["template"]["spec"])


def prepare_job(job: Object) -> None:
    """Empty the status, and mark the template with the job's uid, by which its pods differ from every other job's."""
    job["status"] = {}
    spec = job["spec"]
    if not spec.get("manualSelector"):
        uid, name = job["metadata"]["uid"], job["metadata"]["name"]
        labels = spec["template"]["metadata"].setdefault("labels", {})
        labels.update(
            {
                "batch.kubernetes.io/controller-uid": uid,
                "batch.kubernetes.io/job-name": name,
                "controller-uid": uid,
                "job-name": name,
            }
        )
        spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    if not job["metadata"].get("labels") and spec["template"]["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(spec["template"]["metadata"]["labels"])


JOB = Kind(
    Resource(
        "batch",
        "jobs",
        "Job",
        f"{_BATCH}.Job",
        categories=("all",),
        subresources=(status_subresource("Job"),),
        counts_generations=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Status", description="Status of the job."),
            Column("Completions", f"{_BATCH}.JobStatus.succeeded"),
            Column("Duration", description="Time required to complete the job."),
            AGE,
            CONTAINERS,
            IMAGES,
            Column("Selector", f"{_BATCH}.JobSpec.selector", wide=True),
        ),
        job_cells,
    ),
    selectable_fields=(("status.successful", at("status", "succeeded", default="0")),),
    default=default_job,
    prepare=prepare_job,
    validate=validate_job,
    validate_update=validate_job_update,
)
