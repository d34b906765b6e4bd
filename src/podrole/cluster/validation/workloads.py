"""Rules for what makes pods: Deployment, ReplicaSet, Job, CronJob (k8s.io/kubernetes ``pkg/apis/{apps,batch}``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from podrole.cluster.core.errors import FieldError, forbidden, invalid, not_supported, required
from podrole.cluster.core.label_selectors import label_selector
from podrole.cluster.validation.metadata import validate_annotations, validate_labels
from podrole.cluster.validation.pods import validate_pod_spec
from podrole.kube.names import label_value, qualified_name

Object = dict[str, Any]

_NEGATIVE = "must be greater than or equal to 0"
_OPERATORS = ("DoesNotExist", "Exists", "In", "NotIn")


def validate_deployment(deployment: Object) -> list[FieldError]:
    """Check a Deployment."""
    spec = deployment["spec"]
    errors = list(_counts(spec, "spec", ("replicas", "minReadySeconds", "revisionHistoryLimit")))
    errors.extend(_selected_template(spec, "spec"))
    strategy = spec["strategy"]
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        errors.append(not_supported("spec.strategy.type", strategy["type"], ("Recreate", "RollingUpdate")))
    elif strategy["type"] == "Recreate" and "rollingUpdate" in strategy:
        errors.append(
            FieldError(
                "FieldValueForbidden",
                "spec.strategy.rollingUpdate",
                "Forbidden: may not be specified when strategy `type` is 'Recreate'",
            )
        )
    elif strategy["type"] == "RollingUpdate":
        errors.extend(_rolling(strategy["rollingUpdate"], "spec.strategy.rollingUpdate"))
    if spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        errors.append(
            invalid(
                "spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds"
            )
        )
    return errors


def validate_deployment_update(new: Object, old: Object) -> list[FieldError]:
    """Check that the selector of a Deployment or ReplicaSet stays."""
    return _immutable(new["spec"], old["spec"], "spec", ("selector",))


def validate_replica_set(replica_set: Object) -> list[FieldError]:
    """Check a ReplicaSet."""
    spec = replica_set["spec"]
    return [*_counts(spec, "spec", ("replicas", "minReadySeconds")), *_selected_template(spec, "spec")]


def validate_daemon_set(daemon_set: Object) -> list[FieldError]:
    """Check a DaemonSet."""
    spec = daemon_set["spec"]
    errors = [*_counts(spec, "spec", ("minReadySeconds", "revisionHistoryLimit")), *_selected_template(spec, "spec")]
    errors.extend(_strategy(spec))
    return errors


def validate_stateful_set(stateful_set: Object) -> list[FieldError]:
    """Check a StatefulSet."""
    spec = stateful_set["spec"]
    errors = list(_counts(spec, "spec", ("replicas", "minReadySeconds", "revisionHistoryLimit")))
    errors.extend(_selected_template(spec, "spec"))
    errors.extend(_strategy(spec))
    policies = ("OrderedReady", "Parallel")
    if spec["podManagementPolicy"] not in policies:
        errors.append(not_supported("spec.podManagementPolicy", spec["podManagementPolicy"], policies))
    return errors


_STATEFUL_SET_MUTABLE = (
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "replicas",
    "revisionHistoryLimit",
    "template",
    "updateStrategy",
)


def validate_stateful_set_update(new: Object, old: Object) -> list[FieldError]:
    """Check that only what may change of a StatefulSet has changed."""

    def rest(stateful_set: Object) -> Object:
        return {key: value for key, value in stateful_set["spec"].items() if key not in _STATEFUL_SET_MUTABLE}

    if rest(new) == rest(old):
        return []
    why = (
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    )
    return [forbidden("spec", why)]


def _strategy(spec: Object) -> Iterator[FieldError]:
    kind, known = spec["updateStrategy"]["type"], ("OnDelete", "RollingUpdate")
    if kind not in known:
        yield not_supported("spec.updateStrategy.type", kind, known)


def validate_job(job: Object) -> list[FieldError]:
    """Check a Job."""
    spec = job["spec"]
    errors = _job_spec(spec, "spec")
    if not spec.get("selector"):
        errors.append(required("spec.selector"))
    else:
        errors.extend(_matches_template(spec, "spec"))
    return errors


def _job_spec(spec: Object, field: str) -> list[FieldError]:
    counts = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    errors = list(_counts(spec, field, counts))
    template = spec["template"]
    errors.extend(_template(template, f"{field}.template"))
    policy = template["spec"].get("restartPolicy")
    if policy == "Always":
        errors.append(
            FieldError(
                "FieldValueRequired",
                f"{field}.template.spec.restartPolicy",
                'Required value: valid values: "OnFailure", "Never"',
            )
        )
    mode = spec.get("completionMode")
    if mode not in ("NonIndexed", "Indexed", None):
        errors.append(not_supported(f"{field}.completionMode", mode, ("Indexed", "NonIndexed")))
    return errors


def validate_job_update(new: Object, old: Object) -> list[FieldError]:
    """Check that the fields of a Job that are fixed stay."""
    before, after = old["spec"], new["spec"]
    fields = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"]
    if after.get("completionMode") != "Indexed":
        fields.append("completions")
    if not before.get("suspend") or old["status"].get("startTime"):
        fields.append("template")
    return _immutable(after, before, "spec", fields)


def validate_cron_job(cron_job: Object) -> list[FieldError]:
    """Check a CronJob and its job template."""
    spec = cron_job["spec"]
    errors: list[FieldError] = []
    schedule = spec.get("schedule", "")
    if not schedule:
        errors.append(required("spec.schedule"))
    elif not schedule.startswith("@") and len(schedule.split()) != 5:
        errors.append(
            invalid(
                "spec.schedule",
                schedule,
                f"expected exactly 5 fields, found {len(schedule.split())}: {schedule.split()}",
            )
        )
    if "TZ" in schedule:
        errors.append(
            invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
        )
    if spec["concurrencyPolicy"] not in ("Allow", "Forbid", "Replace"):
        errors.append(
            not_supported("spec.concurrencyPolicy", spec["concurrencyPolicy"], ("Allow", "Forbid", "Replace"))
        )
    counts = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds")
    errors.extend(_counts(spec, "spec", counts))
    errors.extend(_job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec"))
    name = cron_job["metadata"].get("name", "")
    if len(name) > 52:  # the controller adds eleven characters to name its jobs
        errors.append(invalid("metadata.name", name, "must be no more than 52 characters"))
    return errors


def _counts(spec: Object, field: str, names: Sequence[str]) -> Iterator[FieldError]:
    for name in names:
        if spec.get(name, 0) < 0:
            yield invalid(f"{field}.{name}", spec[name], _NEGATIVE)


def _rolling(rolling: Object, field: str) -> Iterator[FieldError]:
    amounts = []
    for name in ("maxUnavailable", "maxSurge"):
        value = rolling.get(name, 0)
        number = _amount(value)
        if number is None:
            yield invalid(
                f"{field}.{name}",
                value,
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
                "regex used for validation is '[0-9]+%')",
            )
        elif number < 0:
            yield invalid(f"{field}.{name}", value, _NEGATIVE)
        elif name == "maxUnavailable" and isinstance(value, str) and number > 100:
            yield invalid(f"{field}.{name}", value, "must not be greater than 100%")
        amounts.append(number)
    if amounts == [0, 0]:
        yield invalid(f"{field}.maxUnavailable", rolling.get("maxUnavailable", 0), "may not be 0 when `maxSurge` is 0")


def _amount(value: int | str) -> int | None:
    if isinstance(value, int):
        return value
    digits = value.removesuffix("%")
    return int(digits) if value.endswith("%") and digits.isascii() and digits.isdigit() and len(digits) < 9 else None


def _selected_template(spec: Object, field: str) -> list[FieldError]:
    errors = list(_template(spec["template"], f"{field}.template"))
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy != "Always":
        errors.append(not_supported(f"{field}.template.spec.restartPolicy", policy, ("Always",)))
    selector = spec.get("selector")
    if selector is None:
        errors.append(required(f"{field}.selector"))
        return errors
    errors.extend(validate_selector(selector, f"{field}.selector"))
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(invalid(f"{field}.selector", selector, "empty selector is invalid for deployment"))
    errors.extend(_matches_template(spec, field))
    return errors


def _matches_template(spec: Object, field: str) -> Iterator[FieldError]:
    labels = spec["template"]["metadata"].get("labels", {})
    if not label_selector(spec["selector"]).matches(labels):
        yield invalid(f"{field}.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _template(template: Object, field: str) -> Iterator[FieldError]:
    yield from validate_labels(template["metadata"].get("labels", {}), f"{field}.labels")
    yield from validate_annotations(template["metadata"].get("annotations", {}), f"{field}.annotations")
    yield from validate_pod_spec(template["spec"], f"{field}.spec")


def validate_selector(selector: Object, field: str) -> Iterator[FieldError]:
    """Check a LabelSelector object."""
    yield from validate_labels(selector.get("matchLabels", {}), f"{field}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions", ())):
        here = f"{field}.matchExpressions[{index}]"
        for text in qualified_name(expression.get("key", "")):
            yield invalid(f"{here}.key", expression.get("key", ""), text)
        operator, values = expression.get("operator"), expression.get("values")
        if operator not in _OPERATORS:
            yield invalid(f"{here}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not values:
            yield required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            yield FieldError(
                "FieldValueForbidden",
                f"{here}.values",
                "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )
        for position, value in enumerate(values or ()):
            for text in label_value(value):
                yield invalid(f"{here}.values[{position}]", value, text)


def _immutable(new: Object, old: Object, field: str, names: Sequence[str]) -> list[FieldError]:
    return [
        invalid(f"{field}.{name}", new.get(name), "field is immutable")
        for name in names
        if new.get(name) != old.get(name)
    ]
