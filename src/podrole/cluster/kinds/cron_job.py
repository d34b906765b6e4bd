"""CronJob."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.tables.layout import AGE, CONTAINERS, IMAGES, NAME, Column, TableLayout
from podrole.cluster.tables.workloads import cron_job_cells
from podrole.cluster.validation.workloads import validate_cron_job

_BATCH = "io.k8s.api.batch.v1"


def default_cron_job(cron_job: Object) -> None:
    """Fill in the policies, the history limits and the pod template; the job's own defaults come with each job."""
    spec = cron_job["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    default_pod_spec(spec["jobTemplate"]["spec"]["template"]["spec"])


def prepare_cron_job(cron_job: Object) -> None:
    """Take away what a client said of the status."""
    cron_job["status"] = {}


CRON_JOB = Kind(
    Resource(
        "batch",
        "cronjobs",
        "CronJob",
        f"{_BATCH}.CronJob",
        short_names=("cj",),
        categories=("all",),
        subresources=(status_subresource("CronJob"),),
        counts_generations=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Schedule", f"{_BATCH}.CronJobSpec.schedule"),
            Column("Timezone", f"{_BATCH}.CronJobSpec.timeZone"),
            Column("Suspend", f"{_BATCH}.CronJobSpec.suspend"),
            Column("Active", f"{_BATCH}.CronJobStatus.active", type="integer"),
            Column("Last Schedule", f"{_BATCH}.CronJobStatus.lastScheduleTime"),
            AGE,
            CONTAINERS,
            IMAGES,
            Column("Selector", f"{_BATCH}.JobSpec.selector", wide=True),
        ),
        cron_job_cells,
    ),
    default=default_cron_job,
    prepare=prepare_cron_job,
    validate=validate_cron_job,
    without={
        "selectable_fields": "Kubernetes selects it by metadata alone.",
        "validate_update": "An update is checked like a new cron job.",
    },
)
