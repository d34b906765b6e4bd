"""Jobs and CronJobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from podrole.cluster.controllers.job_status import ranges
from podrole.cluster.controllers.schedule import BadSchedule, Due, due
from podrole.cluster.core.errors import StatusError

TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}}


@pytest.fixture(autouse=True)
def _running(request: pytest.FixtureRequest) -> None:
    """Start the controllers for the tests that have a cluster."""
    if "cluster" in request.fixturenames:
        request.getfixturevalue("controllers")


@pytest.fixture
def make_job(cluster: Any) -> Any:
    """Return a function that makes a Job."""

    async def make(**spec: Any) -> Any:
        import copy

        body = {"metadata": {"name": "j"}, "spec": {"template": copy.deepcopy(TEMPLATE), **spec}}
        return await cluster.create("jobs.batch", "default", body)

    return make


@pytest.fixture
def active(cluster: Any, eventually: Any) -> Any:
    """Return a function that waits until so many pods of the namespace are active and returns them by name."""

    async def wait(count: int) -> list[Any]:
        async def as_many() -> Any:
            pods = [
                pod for pod in await cluster.list("pods", "default") if pod["status"]["phase"] in {"Pending", "Running"}
            ]
            return (pods or [None]) if len(pods) == count else None

        found = await eventually(as_many)
        return [pod for pod in found if pod]

    return wait


async def ended(cluster: Any, kind: str, name: str = "j") -> Any:
    def has(job: Any) -> bool:
        return any(
            each["type"] == kind and each["status"] == "True" for each in job.get("status", {}).get("conditions", ())
        )

    return await cluster.until("jobs.batch", "default", name, has)


async def test_a_job_is_complete_once_its_pod_has_succeeded(
    cluster: Any, make_job: Any, active: Any, set_phase: Any
) -> None:
    await make_job()
    (pod,) = await active(1)
    assert pod["metadata"]["name"].startswith("j-")
    await set_phase(pod["metadata"]["name"], "Succeeded")
    job = await ended(cluster, "Complete")
    assert job["status"]["succeeded"] == 1
    assert "completionTime" in job["status"]
    assert [each["type"] for each in job["status"]["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    await cluster.until_event("j", "Completed", "Job completed")


async def test_parallelism_limits_the_running_pods(cluster: Any, make_job: Any, active: Any, set_phase: Any) -> None:
    await make_job(completions=3, parallelism=2)
    for pod in await active(2):
        await set_phase(pod["metadata"]["name"], "Succeeded")
    (last,) = await active(1)
    await set_phase(last["metadata"]["name"], "Succeeded")
    assert (await ended(cluster, "Complete"))["status"]["succeeded"] == 3


async def test_failures_are_tried_again_with_back_off_up_to_the_limit(
    cluster: Any, make_job: Any, active: Any, set_phase: Any, time: Any, eventually: Any
) -> None:
    await make_job(backoffLimit=2)
    for delay in (10, 20):
        (pod,) = await active(1)
        await set_phase(pod["metadata"]["name"], "Failed")
        await active(0)
        await eventually(time.waiting)
        time.turn(delay)
    (pod,) = await active(1)
    await set_phase(pod["metadata"]["name"], "Failed")
    job = await ended(cluster, "Failed")
    assert job["status"]["failed"] == 3
    assert job["status"]["conditions"][-1]["reason"] == "BackoffLimitExceeded"
    assert await active(0) == []


async def test_a_deadline_ends_the_job_and_its_pods(
    cluster: Any, make_job: Any, active: Any, time: Any, eventually: Any
) -> None:
    await make_job(activeDeadlineSeconds=30)
    await active(1)
    await cluster.until("jobs.batch", "default", "j", lambda job: job.get("status", {}).get("active") == 1)
    await eventually(time.waiting)
    time.turn(30)
    job = await ended(cluster, "Failed")
    assert job["status"]["conditions"][-1]["reason"] == "DeadlineExceeded"
    await active(0)


async def test_a_suspended_job_has_no_pods_until_it_is_resumed(cluster: Any, make_job: Any, active: Any) -> None:
    await make_job(suspend=True)
    job = await cluster.until("jobs.batch", "default", "j", lambda job: job.get("status", {}).get("conditions"))
    assert job["status"]["conditions"][0]["reason"] == "JobSuspended"
    assert "startTime" not in job["status"]
    await cluster.merge_patch("jobs.batch", "default", "j", {"spec": {"suspend": False}})
    await active(1)
    resumed = await cluster.until("jobs.batch", "default", "j", lambda job: "startTime" in job["status"])
    assert resumed["status"]["conditions"][0]["status"] == "False"


async def test_a_finished_job_is_removed_with_its_pods_after_its_time_to_live(
    cluster: Any, make_job: Any, active: Any, set_phase: Any, time: Any, eventually: Any
) -> None:
    await make_job(ttlSecondsAfterFinished=60)
    (pod,) = await active(1)
    await set_phase(pod["metadata"]["name"], "Succeeded")
    await ended(cluster, "Complete")
    await eventually(time.waiting)
    time.turn(60)
    await cluster.until_gone("jobs.batch", "default", "j")
    await cluster.until_gone("pods", "default", pod["metadata"]["name"])


async def test_each_index_of_an_indexed_job_succeeds_once(
    cluster: Any, make_job: Any, active: Any, set_phase: Any
) -> None:
    await make_job(completions=3, parallelism=3, completionMode="Indexed")
    pods = await active(3)
    label = "batch.kubernetes.io/job-completion-index"
    assert {pod["metadata"]["annotations"][label] for pod in pods} == {"0", "1", "2"}
    assert pods[0]["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    for pod in pods:
        await set_phase(pod["metadata"]["name"], "Succeeded")
    assert (await ended(cluster, "Complete"))["status"]["completedIndexes"] == "0-2"


def test_indexes_are_written_as_ranges() -> None:
    assert ranges(frozenset({0, 1, 2, 5, 7, 8})) == "0-2,5,7-8"
    assert ranges(frozenset()) == ""


@pytest.fixture
def make_cron_job(cluster: Any) -> Any:
    """Return a function that makes a CronJob."""

    async def make(schedule: str = "*/5 * * * *", **spec: Any) -> Any:
        body = {
            "metadata": {"name": "cj"},
            "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": TEMPLATE}}, **spec},
        }
        return await cluster.create("cronjobs.batch", "default", body)

    return make


async def test_a_cron_job_makes_a_job_when_it_is_due(
    cluster: Any, make_cron_job: Any, time: Any, eventually: Any, active: Any, set_phase: Any
) -> None:
    await make_cron_job()  # the test's clock stands at 08:00:00
    await eventually(time.waiting)
    assert await cluster.list("jobs.batch") == []
    time.turn(300)
    name = f"cj-{int(time.now()) // 60}"
    job = await cluster.until("jobs.batch", "default", name, bool)
    assert job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2027-01-15T08:05:00Z"
    noted = await cluster.until("cronjobs.batch", "default", "cj", lambda each: each.get("status", {}).get("active"))
    assert noted["status"]["lastScheduleTime"] == "2027-01-15T08:05:00Z"
    (pod,) = await active(1)
    await set_phase(pod["metadata"]["name"], "Succeeded")
    done = await cluster.until("cronjobs.batch", "default", "cj", lambda each: "lastSuccessfulTime" in each["status"])
    assert not done["status"].get("active")


async def test_forbid_waits_for_the_running_job_and_replace_replaces_it(
    cluster: Any, make_cron_job: Any, time: Any, eventually: Any
) -> None:
    await make_cron_job(concurrencyPolicy="Forbid")
    await eventually(time.waiting)
    time.turn(300)
    first = f"cj-{int(time.now()) // 60}"
    await cluster.until("cronjobs.batch", "default", "cj", lambda each: each.get("status", {}).get("active"))
    await eventually(time.waiting)
    time.turn(300)

    async def told() -> bool:
        return any(reason == "JobAlreadyActive" for reason, _ in await cluster.events_of("cj"))

    await eventually(told)
    assert [job["metadata"]["name"] for job in await cluster.list("jobs.batch")] == [first]
    await cluster.merge_patch("cronjobs.batch", "default", "cj", {"spec": {"concurrencyPolicy": "Replace"}})
    await cluster.until_gone("jobs.batch", "default", first)
    await cluster.until("jobs.batch", "default", f"cj-{int(time.now()) // 60}", bool)


async def test_a_suspended_cron_job_makes_nothing(cluster: Any, make_cron_job: Any, time: Any) -> None:
    await make_cron_job(suspend=True)
    await cluster.until("serviceaccounts", "default", "default", bool)
    time.turn(3600)
    await cluster.create("namespaces", None, {"metadata": {"name": "later"}})
    await cluster.until("serviceaccounts", "later", "default", bool)
    assert await cluster.list("jobs.batch") == []


async def test_invalid_schedule_is_refused_by_the_api(make_cron_job: Any) -> None:
    with pytest.raises(StatusError, match=r"spec\.schedule: Invalid value"):
        await make_cron_job("every day")


async def test_schedule_that_is_never_due_is_an_event(cluster: Any, make_cron_job: Any, eventually: Any) -> None:
    await make_cron_job("61 * * * *")

    async def told() -> bool:
        return any(reason == "UnparseableSchedule" for reason, _ in await cluster.events_of("cj"))

    await eventually(told)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("schedule", "zone", "since", "now", "last", "missed", "upcoming"),
    [
        ("*/5 * * * *", None, "2026-01-01T00:00:30", "2026-01-01T00:04:59", None, 0, "2026-01-01T00:05:00"),
        (
            "*/5 * * * *",
            None,
            "2026-01-01T00:00:00",
            "2026-01-01T00:05:00",
            "2026-01-01T00:05:00",
            1,
            "2026-01-01T00:10:00",
        ),
        (
            "*/5 * * * *",
            None,
            "2026-01-01T00:00:00",
            "2026-01-01T00:16:00",
            "2026-01-01T00:15:00",
            3,
            "2026-01-01T00:20:00",
        ),
        (
            "@hourly",
            None,
            "2026-01-01T00:30:00",
            "2026-01-01T01:00:00",
            "2026-01-01T01:00:00",
            1,
            "2026-01-01T02:00:00",
        ),
        (
            "0 9 * * MON",
            "Europe/Berlin",
            "2026-01-01T00:00:00",
            "2026-01-05T08:00:00",
            "2026-01-05T08:00:00",
            1,
            "2026-01-12T08:00:00",
        ),
        (
            "0 0 ? * *",
            None,
            "2026-01-01T12:00:00",
            "2026-01-02T00:00:00",
            "2026-01-02T00:00:00",
            1,
            "2026-01-03T00:00:00",
        ),
    ],
)
def test_schedule_has_its_last_and_next_start(
    schedule: str, zone: str | None, since: str, now: str, last: str | None, missed: int, upcoming: str
) -> None:
    expected = Due(at(last) if last else None, missed, at(upcoming))
    assert due(schedule, zone, since=at(since), now=at(now)) == expected


def test_count_of_missed_starts_is_limited() -> None:
    found = due("* * * * *", None, since=0.0, now=at("2026-01-01T00:00:00"))
    assert found.last == at("2026-01-01T00:00:00")
    assert found.missed == 101


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [("* * * *", None), ("61 * * * *", None), ("0 0 31 2 *", None), ("* * * * * *", None), ("@hourly", "Nowhere/Land")],
)
def test_invalid_schedule_is_refused(schedule: str, zone: str | None) -> None:
    with pytest.raises(BadSchedule, match="is not a schedule"):
        due(schedule, zone, since=0.0, now=1.0)
