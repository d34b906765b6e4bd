"""All settings, as frozen values. Nothing here reads a flag, a file or the environment.

Names and defaults are those of Amazon's EKS pod identity webhook if it has the setting. Each field states its effect
and its unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

WEB_IDENTITY_VOLUME = "aws-iam-token"
WEB_IDENTITY_TOKEN_PATH = "token"  # noqa: S105 - a file's name
"""These two are fixed: existing images and policies use these names."""

POD_IDENTITY_LABEL = "eks.amazonaws.com/pod-identity"
"""Set on pods of EKS Pod Identity. It ignores the annotation prefix, because network policies select by it."""

NAME_LABEL, NAME = "app.kubernetes.io/name", "podrole-webhook"
"""The label of every object that podrole's manifests and chart make."""

SKIP_LABEL = "eks.amazonaws.com/skip-pod-identity-webhook"
"""A pod with this label, whatever its value, is not sent to the webhook: the object selector excludes it."""

REQUIRE_LABEL = "eks.amazonaws.com/require-pod-identity"
"""A pod with the value ``true`` is refused if it gets no identity, if the webhook is registered for that."""

MIN_TOKEN_EXPIRATION = 600
DEFAULT_TOKEN_EXPIRATION = 86_400
MAX_TOKEN_EXPIRATION = 1 << 32
"""Seconds. Kubernetes refuses a projected token below ten minutes or above 2^32 seconds."""

MAX_CONTAINERS = 1_000
"""A pod with more containers, init containers included, gets nothing. No kubelet runs such a pod, and the patch would
be a hundred times as long as the review."""

POD_IDENTITY_JITTER = 7_200
"""Seconds. The default lifetime of an EKS Pod Identity token is shortened by a random part of it, so that tokens are
not all renewed at the same time."""

Compat = Literal["podrole", "strict"]


@dataclass(frozen=True, slots=True)
class ContainerCredentials:
    """What a pod of EKS Pod Identity gets."""

    audience: str = "pods.eks.amazonaws.com"
    """The audience of the projected token. EKS Auth accepts no other."""

    token_mount_path: str = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"  # noqa: S105 - a path
    """The directory in the container where the token is mounted."""

    token_volume_name: str = "eks-pod-identity-token"  # noqa: S105 - a volume's name
    """The name of the projected volume."""

    token_path: str = "eks-pod-identity-token"  # noqa: S105 - a file's name
    """The token's file name within the volume."""

    full_uri: str = "http://169.254.170.23/v1/credentials"
    """``AWS_CONTAINER_CREDENTIALS_FULL_URI``: where the agent on each node listens."""


@dataclass(frozen=True, slots=True)
class RoleComposition:
    """How the name of a role becomes its ARN."""

    account_id: str
    """The account of the roles: twelve digits."""

    partition: str = "aws"
    """The partition of that account."""


@dataclass(frozen=True, slots=True)
class CABundle:
    """A ConfigMap in the pod's namespace with the certificates to trust."""

    config_map: str
    """The ConfigMap's name. A pod that gets it does not start if its namespace has no such ConfigMap."""

    key: str = "ca.crt"
    """The key of the PEM. The default is the key that ``kube-root-ca.crt`` and trust-manager use."""


@dataclass(frozen=True, slots=True)
class InjectionSettings:
    """What a pod with an identity gets: the settings of identity resolution and of ``mutate``."""

    annotation_prefix: str = "eks.amazonaws.com"
    """The prefix of the annotations on service accounts and pods."""

    token_audience: str = "sts.amazonaws.com"  # noqa: S105 - an audience
    """The projected token's audience if the binding names none."""

    token_mount_path: str = "/var/run/secrets/eks.amazonaws.com/serviceaccount"  # noqa: S105 - a path
    """The directory in the container where the web identity token is mounted."""

    token_expiration: int = DEFAULT_TOKEN_EXPIRATION
    """The projected token's lifetime in seconds if neither the pod nor the binding sets one; at least 600."""

    aws_default_region: str = ""
    """The value of ``AWS_REGION`` and ``AWS_DEFAULT_REGION``; empty sets neither."""

    sts_regional_endpoint: bool = False
    """Whether containers get ``AWS_STS_REGIONAL_ENDPOINTS=regional`` if the binding does not decide it."""

    container_credentials: ContainerCredentials = field(default_factory=ContainerCredentials)
    """What pods of EKS Pod Identity get."""

    role_composition: RoleComposition | None = None
    """How a role that is named without its ARN gets one; None leaves names as they are."""

    partition: str | None = None
    """The AWS partition of the pods. A role of another partition gets a warning. None: unknown."""

    aws_endpoint_url: str = ""
    """The value of ``AWS_ENDPOINT_URL``, for another cloud with AWS's API; empty sets none. The role ARN of a binding
    with an endpoint is checked loosely, because account ids of such clouds look different."""

    aws_ca_bundle: CABundle | None = None
    """The certificates to trust. They are projected next to the token; ``AWS_CA_BUNDLE`` names the file."""

    role_session_name: bool = False
    """Whether containers get ``AWS_ROLE_SESSION_NAME`` from namespace and pod name. Off by default, as in the EKS
    webhook: a trust policy may check ``sts:RoleSessionName``."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where bindings come from."""

    kubeconfig: str = ""
    """A kubeconfig to use instead of the pod's own service account."""

    kube_api: str = ""
    """The API server's address. It overrides the address from the kubeconfig or the pod."""

    namespace: str = "eks"
    """The namespace of the ``pod-identity-webhook`` ConfigMap, and of the webhook's own Secret and Service."""

    watch_config_map: bool = False
    """Whether bindings are also read from the ConfigMap ``pod-identity-webhook``. Off by default: it needs another RBAC
    rule."""

    container_credentials_config: str = ""
    """The file that lists the service accounts of EKS Pod Identity; empty for none."""

    lookup_limit: float = 1.0
    """Seconds that a review may wait for a service account that is not in the cache. By default the API server waits
    ten seconds for the whole review."""


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """The settings of the servers."""

    port: int = 443
    """The port for admission reviews, over TLS."""

    metrics_port: int = 9999
    """The port for metrics, in plain HTTP."""

    address: str = ""
    """The address that both servers listen on; empty for all interfaces."""

    tls_cert: Path = Path("/etc/webhook/certs/tls.crt")
    """The serving certificate with its chain, PEM. Read again when the file changes."""

    tls_key: Path = Path("/etc/webhook/certs/tls.key")
    """The serving certificate's private key, PEM. Read again when the file changes."""

    tls_cipher_suites: tuple[str, ...] = ()
    """The cipher suites of TLS 1.2, by their IANA names; empty for Python's defaults. TLS 1.3 is not affected."""

    tls_min_version: Literal["1.2", "1.3"] = "1.2"
    """The lowest TLS version that is accepted."""

    workers: int = 1
    """The number of worker processes, each with its own cache."""

    debugging_handlers: bool = False
    """Whether ``/debug/alpha/…`` is served. Off by default: its handlers show and clear the cache."""

    max_body_bytes: int = 4 * 1024 * 1024
    """Larger reviews get the status 413. A stored pod has at most 1.5 MiB, and a review holds at most two copies."""

    max_held_bytes: int = 64 * 1024 * 1024
    """Bytes of all incomplete reviews together. Beyond it, a review that comes in parts gets the status 503. A usual
    review comes in one part and does not count."""

    shutdown_delay: float = 5.0
    """Seconds between SIGTERM, when ``/readyz`` starts to fail, and the end: until the Endpoints are updated, reviews
    still arrive."""

    scan_interval: float = 0.0
    """Seconds between two scans for running pods without their identity; the result is a metric. 0 disables scans. A
    scan lists all pods of the cluster and needs the permission to do so."""


@dataclass(frozen=True, slots=True)
class SelfSignedSettings:
    """The webhook's own certificate authority, in a Secret that all replicas share."""

    secret: str = "pod-identity-webhook"  # noqa: S105 - a name
    """The Secret with the authority and the serving certificate."""

    service: str = "pod-identity-webhook"
    """The Service through which the API server calls. The certificate is issued for its DNS names."""

    webhook_configuration: str = "pod-identity-webhook"
    """The MutatingWebhookConfiguration whose ``caBundle`` is kept up to date."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """All settings of a webhook."""

    injection: InjectionSettings = field(default_factory=InjectionSettings)
    """What a pod with an identity gets."""

    sources: SourceSettings = field(default_factory=SourceSettings)
    """Where bindings come from."""

    serving: ServingSettings = field(default_factory=ServingSettings)
    """The settings of the servers."""

    self_signed: SelfSignedSettings | None = None
    """The webhook's own certificate authority; None reads ``tls_cert`` and ``tls_key`` instead."""

    compat: Compat = "podrole"
    """``strict`` answers byte for byte as the EKS webhook, including its oddities."""

    events: bool = True
    """Whether problems with a pod's identity are also written as Events on the pod's owner."""

    verbosity: int = 0
    """From 3 on every review is logged, from 5 on everything."""
