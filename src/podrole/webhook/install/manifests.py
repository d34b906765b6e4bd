"""The Kubernetes objects that install the webhook. The Helm chart renders the same objects.

The RBAC rules are the ones that are needed. The webhook's own pods have the label that excludes them, so that the
webhook does not wait for itself.
"""

from __future__ import annotations

from typing import Any

from podrole.webhook.identity.config_map import CONFIG_MAP
from podrole.webhook.install.installation import Installation
from podrole.webhook.install.webhook_configuration import Object, mutating_webhook_configuration
from podrole.webhook.settings import NAME, NAME_LABEL, SKIP_LABEL

CONTAINER_PORT = 8443
METRICS_PORT = 9999
USER = 65_532
CERTIFICATES_PATH = "/etc/webhook/certs"


def manifests(installation: Installation) -> list[Object]:
    """Return all objects of an installation, in an order in which they can be applied."""
    chosen = installation
    objects = [
        _object(chosen, "v1", "ServiceAccount"),
        *_cluster_rights(chosen),
        *_namespace_rights(chosen),
        _deployment(chosen),
        _service(chosen),
        _disruption_budget(chosen),
    ]
    if chosen.certificates == "self-signed":
        # Empty: the webhook fills it. It is listed so that uninstalling also deletes it.
        objects.insert(1, _object(chosen, "v1", "Secret"))
    if chosen.certificates == "cert-manager":
        objects += _cert_manager(chosen)
    objects.append(_configuration(chosen))
    if chosen.service_monitor:
        objects.append(_service_monitor(chosen))
    return objects


def arguments(chosen: Installation) -> list[str]:
    """Return the arguments of the container."""
    flags = [f"--port={CONTAINER_PORT}", f"--metrics-port={METRICS_PORT}", f"--namespace={chosen.namespace}"]
    if chosen.certificates == "self-signed":
        flags += [
            "--self-signed",
            f"--tls-secret={chosen.name}",
            f"--service-name={chosen.name}",
            f"--webhook-configuration={chosen.name}",
        ]
    if chosen.watch_config_map:
        flags.append("--watch-config-map")
    if not chosen.events:
        flags.append("--events=false")
    if chosen.scan_interval:
        flags.append(f"--scan-interval={chosen.scan_interval}")
    return [*flags, *chosen.arguments]


def _labels(chosen: Installation) -> dict[str, str]:
    return {NAME_LABEL: NAME, "app.kubernetes.io/instance": chosen.name}


def _object(chosen: Installation, api_version: str, kind: str, *, namespaced: bool = True, **fields: Any) -> Object:
    metadata: Object = {"name": chosen.name, "labels": _labels(chosen)}
    if namespaced:
        metadata["namespace"] = chosen.namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def _cluster_rights(chosen: Installation) -> list[Object]:
    rules = [_rule("", "serviceaccounts", "get", "list", "watch")]
    if chosen.events:
        rules.append(_rule("", "events", "create"))
    if chosen.scan_interval:
        rules.append(_rule("", "pods", "list"))
    if chosen.certificates == "self-signed":
        resource = "mutatingwebhookconfigurations"
        rules.append(_rule("admissionregistration.k8s.io", resource, "get", "patch", name=chosen.name))
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        _object(chosen, rbac, "ClusterRole", namespaced=False, rules=rules),
        _object(chosen, rbac, "ClusterRoleBinding", namespaced=False, **_binding(chosen, "ClusterRole")),
    ]


def _namespace_rights(chosen: Installation) -> list[Object]:
    rules: list[Object] = []
    if chosen.certificates == "self-signed":
        rules += [_rule("", "secrets", "create"), _rule("", "secrets", "get", "update", name=chosen.name)]
    if chosen.watch_config_map:
        rules.append(_rule("", "configmaps", "list", "watch", name=CONFIG_MAP))
    if not rules:
        return []
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        _object(chosen, rbac, "Role", rules=rules),
        _object(chosen, rbac, "RoleBinding", **_binding(chosen, "Role")),
    ]


def _rule(group: str, resource: str, *verbs: str, name: str = "") -> Object:
    rule: Object = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return {**rule, "resourceNames": [name]} if name else rule


def _binding(chosen: Installation, kind: str) -> Object:
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": chosen.name},
        "subjects": [{"kind": "ServiceAccount", "name": chosen.name, "namespace": chosen.namespace}],
    }


def _deployment(chosen: Installation) -> Object:
    labels = _labels(chosen)
    spec: Object = {
        "serviceAccountName": chosen.name,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
            for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        "containers": [_container(chosen)],
    }
    if chosen.certificates != "self-signed":
        spec["volumes"] = [{"name": "certificates", "secret": {"secretName": chosen.name}}]
    return _object(
        chosen,
        "apps/v1",
        "Deployment",
        spec={
            "replicas": chosen.replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {**labels, SKIP_LABEL: "true"}}, "spec": spec},
        },
    )


def _container(chosen: Installation) -> Object:
    container: Object = {
        "name": "webhook",
        "image": chosen.image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments(chosen),
        "ports": [
            {"name": "https", "containerPort": CONTAINER_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        "startupProbe": {**_probe("/healthz"), "periodSeconds": 1, "failureThreshold": 120},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 2, "failureThreshold": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    if chosen.certificates != "self-signed":
        container["volumeMounts"] = [{"name": "certificates", "mountPath": CERTIFICATES_PATH, "readOnly": True}]
    return container


def _probe(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "https", "scheme": "HTTPS"}, "timeoutSeconds": 2}


def _service(chosen: Installation) -> Object:
    ports = [
        {"name": "https", "port": 443, "targetPort": "https"},
        {"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics"},
    ]
    return _object(chosen, "v1", "Service", spec={"selector": _labels(chosen), "ports": ports})


def _disruption_budget(chosen: Installation) -> Object:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _labels(chosen)}}
    return _object(chosen, "policy/v1", "PodDisruptionBudget", spec=spec)


def _cert_manager(chosen: Installation) -> list[Object]:
    base = f"{chosen.name}.{chosen.namespace}"
    certificate = {
        "secretName": chosen.name,
        "dnsNames": [f"{base}.svc", f"{base}.svc.cluster.local"],
        "issuerRef": {"kind": "Issuer", "name": chosen.name},
    }
    return [
        _object(chosen, "cert-manager.io/v1", "Issuer", spec={"selfSigned": {}}),
        _object(chosen, "cert-manager.io/v1", "Certificate", spec=certificate),
    ]


def _configuration(chosen: Installation) -> Object:
    def through_service(path: str) -> Object:
        service = {"name": chosen.name, "namespace": chosen.namespace, "path": path, "port": 443}
        return {"service": service, **({"caBundle": chosen.ca_bundle} if chosen.ca_bundle else {})}

    configuration = mutating_webhook_configuration(
        chosen.name, through_service, failure_policy=chosen.failure_policy, require_label=chosen.require_label
    )
    configuration["metadata"]["labels"] = _labels(chosen)
    if chosen.certificates == "cert-manager":
        source = {"cert-manager.io/inject-ca-from": f"{chosen.namespace}/{chosen.name}"}
        configuration["metadata"]["annotations"] = source
    return configuration


def _service_monitor(chosen: Installation) -> Object:
    spec = {"selector": {"matchLabels": _labels(chosen)}, "endpoints": [{"port": "metrics"}]}
    return _object(chosen, "monitoring.coreos.com/v1", "ServiceMonitor", spec=spec)
