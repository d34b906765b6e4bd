"""The built-in plugins that fill in a new pod: ServiceAccount, Priority, DefaultTolerationSeconds.

https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.core.errors import resource_forbidden
from podrole.cluster.core.store import Store
from podrole.cluster.kinds.registry import BY_NAME

Object = dict[str, Any]

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
TOKEN_SECONDS = 3607
"""An hour and seven seconds: by this number kube-apiserver recognizes a token of this plugin."""

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_ACCOUNTS = BY_NAME["serviceaccounts"]
_SECONDS = 300


def admit(request: AdmissionAttributes, store: Store, suffix: Callable[[], str]) -> None:
    """Fill in a new pod. ``suffix`` makes the random end of a volume's name. Raises StatusError (403)."""
    pod = request.object
    if request.operation != "CREATE" or request.resource.plural != "pods" or request.subresource or pod is None:
        return
    spec = dict(pod["spec"])
    request.object = {**pod, "spec": spec}
    if MIRROR_ANNOTATION not in pod["metadata"].get("annotations", {}):
        _service_account(request, spec, store, suffix)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec["tolerations"] = _tolerations(spec.get("tolerations", []))


def _service_account(request: AdmissionAttributes, spec: Object, store: Store, suffix: Callable[[], str]) -> None:
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = store.get(_ACCOUNTS, request.namespace, name)
    if account is None:
        raise resource_forbidden(
            "",
            "pods",
            request.name,
            f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found',
        )
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken", True)
    if wanted:
        _mount_token(spec, suffix)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]


def _mount_token(spec: Object, suffix: Callable[[], str]) -> None:
    """Mount the API's token in every container that mounts nothing at its path."""
    volumes = spec.get("volumes", [])
    existing = next((volume["name"] for volume in volumes if volume.get("name", "").startswith(VOLUME_PREFIX)), None)
    name = existing or f"{VOLUME_PREFIX}{suffix()}"
    mounted = False
    for kind in ("initContainers", "containers"):
        containers = []
        for container in spec.get(kind, ()):
            mounts = container.get("volumeMounts", [])
            if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
                containers.append(container)
                continue
            mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
            containers.append({**container, "volumeMounts": [*mounts, mount]})
            mounted = True
        if kind in spec:
            spec[kind] = containers
    if mounted and existing is None:
        spec["volumes"] = [*volumes, _token_volume(name)]


def _token_volume(name: str) -> Object:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
            "defaultMode": 0o644,
        },
    }


def _tolerations(tolerations: list[Object]) -> list[Object]:
    covered = [toleration.get("key") for toleration in tolerations if toleration.get("effect") in ("NoExecute", None)]
    return tolerations + [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if key not in covered and None not in covered
    ]
