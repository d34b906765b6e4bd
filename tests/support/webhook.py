"""What the webhook's tests share: service accounts turned into identities, and patches applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonpatch

from podrole.webhook.identity.annotations import read_annotations
from podrole.webhook.identity.binding import EMPTY_BINDING, Identity
from podrole.webhook.identity.config_map import EMPTY_CONFIG_MAP
from podrole.webhook.identity.resolution import resolve
from podrole.webhook.patch.mutation import Mutation, mutate
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.settings import ContainerCredentials, InjectionSettings
from podrole.webhook.strict import resolution as strict_resolution
from podrole.webhook.strict.resolution import StrictBindings
from support.cases import read_yaml

VECTORS = Path(__file__).parents[1] / "webhook" / "vectors"
DEFAULTS = InjectionSettings()
ARN = "arn:aws:iam::111122223333:role/reader"
DIRECTORY = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
ROLE = {"name": "AWS_ROLE_ARN", "value": ARN}
TOKEN = {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{DIRECTORY}/token"}
MOUNT = {"name": "aws-iam-token", "readOnly": True, "mountPath": DIRECTORY}
REGION = [{"name": "AWS_DEFAULT_REGION", "value": "eu-west-1"}, {"name": "AWS_REGION", "value": "eu-west-1"}]
STS = {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"}


def load_vectors(name: str) -> list[dict[str, Any]]:
    return read_yaml(VECTORS / name)["cases"]


def injection(**fields: Any) -> InjectionSettings:
    if "container_credentials" in fields:
        fields["container_credentials"] = ContainerCredentials(**fields["container_credentials"])
    return InjectionSettings(**fields)


def prefixed(annotations: dict[str, str]) -> dict[str, str]:
    return {f"eks.amazonaws.com/{name}": value for name, value in annotations.items()}


def identity_of(
    annotations: dict[str, str] | None, settings: InjectionSettings = DEFAULTS, *, pod_identity: bool = False
) -> Identity | None:
    """The identity of service account demo/sa in the default resolver."""
    binding = EMPTY_BINDING if annotations is None else read_annotations(prefixed(annotations), settings)
    listed = frozenset({("demo", "sa")}) if pod_identity else frozenset()
    return resolve("demo", "sa", binding, EMPTY_CONFIG_MAP, listed, settings)


def strict_identity_of(
    annotations: dict[str, str] | None, settings: InjectionSettings = DEFAULTS, *, pod_identity: bool = False
) -> Identity | None:
    """The same in the strict resolver; None for ``annotations`` is a service account that is not cached."""
    binding = None if annotations is None else strict_resolution.read_annotations(prefixed(annotations), settings)
    listed = frozenset({("demo", "sa")}) if pod_identity else frozenset()
    return strict_resolution.resolve("demo", "sa", binding, StrictBindings(settings), listed, settings)


def patched(pod: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """The pod after the patch, by the library that the cluster uses too."""
    return jsonpatch.JsonPatch(operations).apply(pod)


def pod_of(*containers: dict[str, Any], annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "web", "namespace": "demo"}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": {"containers": list(containers) or [{"name": "app"}], **spec}}


def mutation_of(
    pod: dict[str, Any],
    annotations: dict[str, str] | None = None,
    settings: InjectionSettings = DEFAULTS,
    *,
    pod_identity: bool = False,
    jitter: int = 0,
) -> Mutation:
    identity = identity_of({"role-arn": ARN, **(annotations or {})}, settings, pod_identity=pod_identity)
    assert identity is not None
    return mutate(read_pod(pod), identity, settings, jitter=jitter)


def after(pod: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The pod as it is after its mutation, which must leave nothing for a second one."""
    result = patched(pod, mutation_of(pod, *args, **kwargs).operations)
    assert mutation_of(result, *args, **kwargs).patch == b""
    return result


def token_of(pod: dict[str, Any]) -> dict[str, Any]:
    (token,) = [
        source["serviceAccountToken"]
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    return token


def reasons(mutation: Mutation) -> list[tuple[str, str]]:
    return [(outcome.name, outcome.reason) for outcome in mutation.containers]
