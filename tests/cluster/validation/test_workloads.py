"""What makes a workload invalid: each rule has a case in which it alone refuses. The rules of pods have their own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podrole.cluster.kinds.cron_job import default_cron_job
from podrole.cluster.kinds.daemon_set import default_daemon_set
from podrole.cluster.kinds.deployment import default_deployment
from podrole.cluster.kinds.job import default_job
from podrole.cluster.kinds.replica_set import default_replica_set
from podrole.cluster.kinds.stateful_set import default_stateful_set
from podrole.cluster.validation import workloads

Object = dict[str, Any]
Faults = list[tuple[str, str]]
TEMPLATE: Object = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]},
}
NEVER: Object = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
SELECTED: Object = {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
KINDS: dict[str, tuple[Any, Any, Object]] = {
    "Deployment": (default_deployment, workloads.validate_deployment, {**SELECTED, "strategy": {}}),
    "ReplicaSet": (default_replica_set, workloads.validate_replica_set, SELECTED),
    "DaemonSet": (default_daemon_set, workloads.validate_daemon_set, {**SELECTED, "updateStrategy": {}}),
    "StatefulSet": (default_stateful_set, workloads.validate_stateful_set, {**SELECTED, "updateStrategy": {}}),
    "Job": (default_job, workloads.validate_job, {**SELECTED, "template": NEVER}),
    "CronJob": (
        default_cron_job,
        workloads.validate_cron_job,
        {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": NEVER}}},
    ),
}


def made(kind: str, name: str = "a", **changed: Any) -> Object:
    """Return a valid object of a kind with these members of its spec; None takes one away."""
    default, _, spec = KINDS[kind]
    given = {key: value for key, value in {**spec, **changed}.items() if value is not None}
    found = {"metadata": {"name": name}, "spec": copy.deepcopy(given)}
    default(found)
    return found


def told(errors: Any) -> Faults:
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in errors]


def faults(kind: str, name: str = "a", **changed: Any) -> Faults:
    return told(KINDS[kind][1](made(kind, name, **changed)))


@pytest.mark.parametrize("kind", KINDS)
def test_valid_object_has_no_fault(kind: str) -> None:
    assert faults(kind) == []


COUNTS = {
    "Deployment": ("replicas", "minReadySeconds", "revisionHistoryLimit"),
    "ReplicaSet": ("replicas", "minReadySeconds"),
    "DaemonSet": ("minReadySeconds", "revisionHistoryLimit"),
    "StatefulSet": ("replicas", "minReadySeconds", "revisionHistoryLimit"),
    "Job": ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
    "CronJob": ("successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds"),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in COUNTS.items() for name in names])
def test_number_is_not_negative(kind: str, name: str) -> None:
    assert faults(kind, **{name: 0}) == []
    assert faults(kind, **{name: -1}) == [(f"spec.{name}", "Invalid")]


# Templates and selectors

SELECTING = ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet")
LABELS, SELECTOR = "spec.template.metadata.labels", "spec.selector"
EXPRESSION = "spec.selector.matchExpressions[1]"


def template(labels: Object | None = None, **more: Any) -> Object:
    metadata = {"labels": {"app": "web"} if labels is None else labels, **more}
    return {**TEMPLATE, "metadata": metadata}


def expressions(**second: Any) -> Object:
    return {"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "app", **second}]}}


@pytest.mark.parametrize("kind", SELECTING)
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"template": template({"app": "web", "-": "x"})}, [("spec.template.labels", "Invalid")]),
        ({"template": template(annotations={"-": "x"})}, [("spec.template.annotations", "Invalid")]),
        ({"template": {**TEMPLATE, "spec": {"containers": []}}}, [("spec.template.spec.containers", "Required")]),
        ({"template": NEVER}, [("spec.template.spec.restartPolicy", "NotSupported")]),
        ({"selector": None}, [(SELECTOR, "Required")]),
        ({"selector": {}}, [(SELECTOR, "Invalid")]),
        ({"selector": {"matchLabels": {"app": "other"}}}, [(LABELS, "Invalid")]),
        ({"template": {"metadata": {}, "spec": TEMPLATE["spec"]}}, [(LABELS, "Invalid")]),
        (expressions(operator="In", values=["web"]), []),
        (expressions(operator="NotIn", values=["x", "y"]), []),
        (expressions(operator="Exists"), []),
        (expressions(operator="DoesNotExist"), [(LABELS, "Invalid")]),
        (expressions(operator="Perhaps"), [(f"{EXPRESSION}.operator", "Invalid"), (LABELS, "Invalid")]),
        (expressions(operator="In"), [(f"{EXPRESSION}.values", "Required"), (LABELS, "Invalid")]),
        (expressions(operator="NotIn"), [(f"{EXPRESSION}.values", "Required")]),
        (expressions(operator="Exists", values=["a"]), [(f"{EXPRESSION}.values", "Forbidden")]),
        (expressions(operator="NotIn", values=["a", "-"]), [(f"{EXPRESSION}.values[1]", "Invalid")]),
        (expressions(operator="NotIn", key="-", values=["a"]), [(f"{EXPRESSION}.key", "Invalid")]),
    ],
)
def test_template_is_valid_and_selected(kind: str, changed: Object, expected: Faults) -> None:
    assert faults(kind, **changed) == expected


def test_selector_has_valid_labels() -> None:
    found = told(workloads.validate_selector({"matchLabels": {"-": "x"}}, "s"))
    assert found == [("s.matchLabels", "Invalid")]
    one = {"matchExpressions": [{"operator": "DoesNotExist", "values": ["a"]}]}
    expected = [("s.matchExpressions[0].key", "Invalid"), ("s.matchExpressions[0].values", "Forbidden")]
    assert [fault for fault in expected if fault not in told(workloads.validate_selector(one, "s"))] == []


# Strategies

ROLLING, SURGE = "spec.strategy.rollingUpdate.maxUnavailable", "spec.strategy.rollingUpdate.maxSurge"


def rolling(unavailable: Any, surge: Any) -> Object:
    return {"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"type": "Recreate"}, []),
        ({"type": "Other"}, [("spec.strategy.type", "NotSupported")]),
        ({"type": "Recreate", **rolling(1, 1)}, [("spec.strategy.rollingUpdate", "Forbidden")]),
        (rolling(0, 1), []),
        (rolling(1, 0), []),
        (rolling("0%", "1%"), []),
        (rolling(0, 0), [(ROLLING, "Invalid")]),
        (rolling("0%", "0%"), [(ROLLING, "Invalid")]),
        (rolling(-1, 1), [(ROLLING, "Invalid")]),
        (rolling(1, -1), [(SURGE, "Invalid")]),
        (rolling("100%", "101%"), []),
        (rolling("101%", 1), [(ROLLING, "Invalid")]),
        (rolling(101, 1), []),
        (rolling("1", 1), [(ROLLING, "Invalid")]),
        (rolling("%", 1), [(ROLLING, "Invalid")]),
        (rolling("a%", 1), [(ROLLING, "Invalid")]),
        (rolling("²%", 1), [(ROLLING, "Invalid")]),
        (rolling(1, "12345678%"), []),
        (rolling(1, "123456789%"), [(SURGE, "Invalid")]),
    ],
)
def test_strategy_of_a_deployment(strategy: Object, expected: Faults) -> None:
    assert faults("Deployment", strategy=strategy) == expected


def test_amounts_that_are_missing_are_none() -> None:
    found = made("Deployment")
    found["spec"]["strategy"]["rollingUpdate"] = {}
    (fault,) = workloads.validate_deployment(found)
    assert (fault.field, fault.message) == (ROLLING, "Invalid value: 0: may not be 0 when `maxSurge` is 0")


@pytest.mark.parametrize(("ready", "deadline", "is_valid"), [(0, 1, True), (1, 1, False), (2, 1, False)])
def test_progress_takes_longer_than_being_ready(ready: int, deadline: int, is_valid: bool) -> None:
    expected = [] if is_valid else [("spec.progressDeadlineSeconds", "Invalid")]
    assert faults("Deployment", minReadySeconds=ready, progressDeadlineSeconds=deadline) == expected
    assert faults("Deployment", progressDeadlineSeconds=1) == []


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_strategy_of_a_set(kind: str) -> None:
    for known in ("OnDelete", "RollingUpdate"):
        assert faults(kind, updateStrategy={"type": known}) == []
    assert faults(kind, updateStrategy={"type": "Recreate"}) == [("spec.updateStrategy.type", "NotSupported")]


def test_pods_of_a_stateful_set_are_made_in_order_or_at_once() -> None:
    for known in ("OrderedReady", "Parallel"):
        assert faults("StatefulSet", podManagementPolicy=known) == []
    assert faults("StatefulSet", podManagementPolicy="x") == [("spec.podManagementPolicy", "NotSupported")]


# Jobs

WITHOUT_SELECTOR = {"selector": None}
JOB = "spec.jobTemplate.spec"


def job_template(**changed: Any) -> Object:
    return {"jobTemplate": {"spec": {"template": NEVER, **changed}}}


@pytest.mark.parametrize(
    ("kind", "changed", "expected"),
    [
        ("Job", {"selector": None}, [("spec.selector", "Required")]),
        ("Job", {"selector": {"matchLabels": {"app": "other"}}}, [(LABELS, "Invalid")]),
        ("Job", {"template": TEMPLATE}, [("spec.template.spec.restartPolicy", "Required")]),
        ("Job", {"completionMode": "Indexed"}, []),
        ("Job", {"completionMode": "x"}, [("spec.completionMode", "NotSupported")]),
        (
            "Job",
            {"template": {**NEVER, "metadata": {"labels": {"app": "web", "-": ""}}}},
            [("spec.template.labels", "Invalid")],
        ),
        ("CronJob", {"schedule": ""}, [("spec.schedule", "Required")]),
        ("CronJob", {"schedule": None}, [("spec.schedule", "Required")]),
        ("CronJob", {"schedule": "@hourly"}, []),
        ("CronJob", {"schedule": "* * * *"}, [("spec.schedule", "Invalid")]),
        ("CronJob", {"schedule": "* * * * * *"}, [("spec.schedule", "Invalid")]),
        ("CronJob", {"schedule": "TZ=UTC * * * *"}, [("spec.schedule", "Invalid")]),
        ("CronJob", {"concurrencyPolicy": "Forbid"}, []),
        ("CronJob", {"concurrencyPolicy": "Replace"}, []),
        ("CronJob", {"concurrencyPolicy": "x"}, [("spec.concurrencyPolicy", "NotSupported")]),
        ("CronJob", job_template(parallelism=-1), [(f"{JOB}.parallelism", "Invalid")]),
        ("CronJob", job_template(completionMode="x"), [(f"{JOB}.completionMode", "NotSupported")]),
        ("CronJob", job_template(template=TEMPLATE), [(f"{JOB}.template.spec.restartPolicy", "Required")]),
        ("CronJob", {"name": "a" * 52}, []),
        ("CronJob", {"name": "a" * 53}, [("metadata.name", "Invalid")]),
        ("CronJob", {"name": ""}, []),
    ],
)
def test_rules_of_jobs(kind: str, changed: Object, expected: Faults) -> None:
    assert faults(kind, **changed) == expected


def test_cron_job_may_have_no_name_yet() -> None:
    found = made("CronJob")
    del found["metadata"]["name"]
    assert told(workloads.validate_cron_job(found)) == []


# Updates


def test_selector_of_a_deployment_stays() -> None:
    old, new = made("Deployment"), made("Deployment", selector={"matchLabels": {"app": "x"}})
    assert told(workloads.validate_deployment_update(old, old)) == []
    assert told(workloads.validate_deployment_update(new, old)) == [("spec.selector", "Invalid")]


@pytest.mark.parametrize(
    ("changed", "may_change"),
    [
        ({"replicas": 2}, True),
        ({"minReadySeconds": 2}, True),
        ({"ordinals": {"start": 1}}, True),
        ({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}, True),
        ({"revisionHistoryLimit": 2}, True),
        ({"template": NEVER}, True),
        ({"updateStrategy": {"type": "OnDelete"}}, True),
        ({"serviceName": "x"}, False),
        ({"selector": {}}, False),
        ({"podManagementPolicy": "Parallel"}, False),
    ],
)
def test_what_of_a_stateful_set_may_change(changed: Object, may_change: bool) -> None:
    found = workloads.validate_stateful_set_update(made("StatefulSet", **changed), made("StatefulSet"))
    assert told(found) == ([] if may_change else [("spec", "Forbidden")])


def job(status: Object | None = None, **spec: Any) -> Object:
    return {"spec": {"selector": {}, "completions": 1, "template": {}, **spec}, "status": status or {}}


INDEXED = {"completionMode": "Indexed"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (job(), job(parallelism=2), []),
        (job(), job(selector={"a": 1}), ["selector"]),
        (job(), job(completionMode="NonIndexed"), ["completionMode"]),
        (job(), job(podFailurePolicy={}), ["podFailurePolicy"]),
        (job(), job(backoffLimitPerIndex=1), ["backoffLimitPerIndex"]),
        (job(), job(completions=2), ["completions"]),
        (job(**INDEXED), job(**INDEXED, completions=2), []),
        (job(), job(template={"a": 1}), ["template"]),
        (job(suspend=True), job(suspend=True, template={"a": 1}), []),
        (job({"startTime": "t"}, suspend=True), job(suspend=True, template={"a": 1}), ["template"]),
    ],
)
def test_what_of_a_job_may_change(old: Object, new: Object, expected: list[str]) -> None:
    found = told(workloads.validate_job_update(new, old))
    assert found == [(f"spec.{name}", "Invalid") for name in expected]
