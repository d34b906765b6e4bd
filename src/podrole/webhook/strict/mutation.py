"""The mutation as in the EKS webhook: whole lists of containers, read and written as Go structs.

Source: ``pkg/handler/handler.go`` of https://github.com/aws/amazon-eks-pod-identity-webhook
"""

from __future__ import annotations

from typing import Any

from podrole.webhook.golang import first_csv_record, parse_int64
from podrole.webhook.identity.annotations import SKIP_CONTAINERS, TOKEN_EXPIRATION
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import POD_IDENTITY, REGION, STS, WEB_IDENTITY, file_in_container
from podrole.webhook.settings import (
    DEFAULT_TOKEN_EXPIRATION,
    MIN_TOKEN_EXPIRATION,
    POD_IDENTITY_JITTER,
    POD_IDENTITY_LABEL,
    WEB_IDENTITY_TOKEN_PATH,
    WEB_IDENTITY_VOLUME,
    InjectionSettings,
)
from podrole.webhook.strict.go_objects import CONTAINER, POD
from podrole.webhook.strict.go_types import to_json


def read_pod(document: Any) -> dict[str, Any]:
    """Read a pod as Go does. Raises NotDecodable with Go's message."""
    pod: dict[str, Any] = POD.zero() if document is None else POD.read(document, "")
    return pod


def mutate(pod: dict[str, Any], identity: Identity, settings: InjectionSettings, *, jitter: int = 0) -> bytes:
    """Return the JSON Patch of the EKS webhook's answer. ``pod`` is what ``read_pod`` returned.

    ``jitter`` seconds, 0 to POD_IDENTITY_JITTER, are subtracted from a lifetime of exactly 86,400 s of an EKS Pod
    Identity token.
    """
    spec = pod.get("spec", {})
    annotations = pod.get("metadata", {}).get("annotations") or {}
    if identity.method == "container_credentials":
        target = settings.container_credentials
        mount_path, volume_name, token_path = target.token_mount_path, target.token_volume_name, target.token_path
        names, first = POD_IDENTITY, target.full_uri
    else:
        mount_path, volume_name, token_path = settings.token_mount_path, WEB_IDENTITY_VOLUME, WEB_IDENTITY_TOKEN_PATH
        names, first = WEB_IDENTITY, identity.role_arn
    selector = spec.get("nodeSelector") or {}
    windows = "windows" in (selector.get("beta.kubernetes.io/os"), selector.get("kubernetes.io/os"))
    credentials = [(names[0], first), (names[1], file_in_container(mount_path, token_path, windows=windows))]
    skip = set(first_csv_record(annotations.get(SKIP_CONTAINERS.key(settings.annotation_prefix), "")) or ())
    mount = {"name": volume_name, "readOnly": True, "mountPath": mount_path}

    def injected(containers: list[dict[str, Any]] | None) -> list[Any]:
        return [
            CONTAINER.write(
                container
                if container.get("name", "") in skip
                else _inject(container, credentials, mount, identity, settings)
            )
            for container in containers or ()
        ]

    init_containers, containers = injected(spec.get("initContainers")), injected(spec.get("containers"))
    operations = _label(pod) if identity.method == "container_credentials" else []
    if all(volume.get("name") != volume_name for volume in spec.get("volumes") or ()):
        token: dict[str, Any] = {"audience": identity.audience} if identity.audience else {}
        token |= {"expirationSeconds": _expiration(identity, annotations, settings, jitter), "path": token_path}
        volume = {"name": volume_name, "projected": {"sources": [{"serviceAccountToken": token}]}}
        if spec.get("volumes") is None:
            operations.append(_add("/spec/volumes", [volume]))
        else:
            operations.append(_add("/spec/volumes/0", volume))
    operations.append(_add("/spec/containers", containers))
    if init_containers:
        operations.append(_add("/spec/initContainers", init_containers))
    return to_json(operations)


def _inject(
    container: dict[str, Any],
    credentials: list[tuple[str, str]],
    mount: dict[str, Any],
    identity: Identity,
    settings: InjectionSettings,
) -> dict[str, Any]:
    """Return the container with the missing entries appended."""
    env = list(container.get("env") or ())
    present = {entry.get("name") for entry in env}
    has_credentials = any(name in present for name, _ in credentials)
    has_region = any(name in present for name in REGION)
    if has_credentials and has_region and STS in present:
        return container
    if identity.regional_sts and STS not in present:
        env.append({"name": STS, "value": "regional"})
    if settings.aws_default_region and not has_region:
        env += [{"name": name, "value": settings.aws_default_region} for name in REGION]
    if not has_credentials:
        env += [{"name": name, "value": value} for name, value in credentials]
    mounts = container.get("volumeMounts") or []
    if all(existing.get("name") != mount["name"] for existing in mounts):
        mounts = [*mounts, mount]
    return {**container, "env": env, "volumeMounts": mounts}


def _expiration(identity: Identity, annotations: dict[str, str], settings: InjectionSettings, jitter: int) -> int:
    seconds = parse_int64(annotations.get(TOKEN_EXPIRATION.key(settings.annotation_prefix), ""))
    expiration = identity.token_expiration if seconds is None else max(seconds, MIN_TOKEN_EXPIRATION)
    if identity.method == "container_credentials" and expiration == DEFAULT_TOKEN_EXPIRATION:
        return expiration - min(max(jitter, 0), POD_IDENTITY_JITTER)
    return expiration


def _label(pod: dict[str, Any]) -> list[dict[str, Any]]:
    if pod.get("metadata", {}).get("labels") is None:
        return [_add("/metadata/labels", {POD_IDENTITY_LABEL: "enabled"})]
    return [_add(f"/metadata/labels/{POD_IDENTITY_LABEL.replace('/', '~1')}", "enabled")]


def _add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}
