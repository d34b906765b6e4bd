"""What each kind is given where a client leaves it out (k8s.io/kubernetes, ``pkg/apis/*/v1/defaults.go``).

Each function changes the object in place: it is the request's own, fresh from decoding.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from podrole.cluster.kinds.pod_defaults import default_pod, default_pod_spec

Object = dict[str, Any]

NAME_LABEL = "kubernetes.io/metadata.name"


def default_namespace(namespace: Object) -> None:
    name = namespace["metadata"].get("name")
    if name:
        namespace["metadata"].setdefault("labels", {})[NAME_LABEL] = name


def default_secret(secret: Object) -> None:
    secret.setdefault("type", "Opaque")
    text = secret.pop("stringData", None)  # written, never read back
    if text:
        data = secret.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in text.items()})


def default_service(service: Object) -> None:
    spec = service["spec"]
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port["port"]
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")


def default_deployment(deployment: Object) -> None:
    spec = deployment["spec"]
    spec.setdefault("replicas", 1)
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    default_pod_spec(spec["template"]["spec"])


def default_replica_set(replica_set: Object) -> None:
    replica_set["spec"].setdefault("replicas", 1)
    default_pod_spec(replica_set["spec"]["template"]["spec"])


def default_job(job: Object) -> None:
    default_job_spec(job["spec"])


def default_job_spec(spec: Object) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    default_pod_spec(spec["template"]["spec"])


def default_cron_job(cron_job: Object) -> None:
    spec = cron_job["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    default_pod_spec(spec["jobTemplate"]["spec"]["template"]["spec"])


def default_webhook_configuration(configuration: Object) -> None:
    mutating = configuration["kind"] == "MutatingWebhookConfiguration"
    for webhook in configuration.get("webhooks", ()):
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if mutating:
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in webhook.get("rules", ()):
            rule.setdefault("scope", "*")
        service = webhook["clientConfig"].get("service")
        if service is not None:
            service.setdefault("port", 443)


_RBAC = "rbac.authorization.k8s.io"


def default_binding(binding: Object) -> None:
    if not binding["roleRef"].get("apiGroup"):
        binding["roleRef"]["apiGroup"] = _RBAC
    for subject in binding.get("subjects", ()):
        if subject["kind"] in ("User", "Group"):
            subject.setdefault("apiGroup", _RBAC)


DEFAULTS: Mapping[str, Callable[[Object], None]] = {
    f"clusterrolebindings.{_RBAC}": default_binding,
    "cronjobs.batch": default_cron_job,
    "deployments.apps": default_deployment,
    "jobs.batch": default_job,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": default_webhook_configuration,
    "namespaces": default_namespace,
    "pods": default_pod,
    "replicasets.apps": default_replica_set,
    f"rolebindings.{_RBAC}": default_binding,
    "secrets": default_secret,
    "services": default_service,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": default_webhook_configuration,
}
"""By the resource's qualified name; a kind without an entry has no defaults."""
