"""Everything that can be set, as frozen values. Nothing here reads a flag, a file or the environment.

Names and defaults are those of Amazon's EKS pod identity webhook wherever it has the setting; each field says what it
does, in which unit, and why its default is what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

WEB_IDENTITY_VOLUME = "aws-iam-token"
WEB_IDENTITY_TOKEN_PATH = "token"  # noqa: S105 - a file's name
"""Neither can be set: images and policies in the field know them by these names."""

POD_IDENTITY_LABEL = "eks.amazonaws.com/pod-identity"
"""Set on pods of EKS Pod Identity. It does not follow the annotation prefix: network policies select by it."""

SKIP_LABEL = "eks.amazonaws.com/skip-pod-identity-webhook"
"""A pod that has it, whatever its value, is not sent to the webhook: the configuration's object selector sees to it."""

REQUIRE_LABEL = "eks.amazonaws.com/require-pod-identity"
"""A pod that has it with the value ``true`` is not let in without an identity, where the webhook is so registered."""

MIN_TOKEN_EXPIRATION = 600
DEFAULT_TOKEN_EXPIRATION = 86_400
MAX_TOKEN_EXPIRATION = 1 << 32
"""Seconds. Kubernetes refuses a projected token below ten minutes or above 2^32 seconds."""

MAX_CONTAINERS = 1_000
"""A pod with more, init containers included, is given nothing: no kubelet runs one, and what each is given makes an
answer a hundred times as long as the question."""

POD_IDENTITY_JITTER = 7_200
"""Seconds that may be taken off the default lifetime of an EKS Pod Identity token, so that renewals spread."""

Compat = Literal["podrole", "strict"]


@dataclass(frozen=True, slots=True)
class ContainerCredentials:
    """What a pod of EKS Pod Identity is given."""

    audience: str = "pods.eks.amazonaws.com"
    """The audience of the projected token: the only one that EKS Auth takes."""

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
    """How a role's bare name becomes an ARN."""

    account_id: str
    """The account that the roles live in: twelve digits."""

    partition: str = "aws"
    """The partition of that account."""


@dataclass(frozen=True, slots=True)
class CABundle:
    """A ConfigMap of the pod's own namespace that holds the certificates to trust."""

    config_map: str
    """The ConfigMap's name. It must exist in every namespace whose pods get it; they do not start without."""

    key: str = "ca.crt"
    """The key that holds the PEM: by default the one that ``kube-root-ca.crt`` and trust-manager use."""


@dataclass(frozen=True, slots=True)
class InjectionSettings:
    """What a pod bound to a role is given. All that ``mutate`` and identity resolution need to know."""

    annotation_prefix: str = "eks.amazonaws.com"
    """The prefix of the annotations on service accounts and pods."""

    token_audience: str = "sts.amazonaws.com"  # noqa: S105 - an audience
    """The projected token's audience where the binding names none."""

    token_mount_path: str = "/var/run/secrets/eks.amazonaws.com/serviceaccount"  # noqa: S105 - a path
    """The directory in the container where the web identity token is mounted."""

    token_expiration: int = DEFAULT_TOKEN_EXPIRATION
    """The projected token's lifetime in seconds where neither pod nor binding names one; at least 600."""

    aws_default_region: str = ""
    """Given to containers as ``AWS_REGION`` and ``AWS_DEFAULT_REGION``; empty gives none."""

    sts_regional_endpoint: bool = False
    """Whether containers get ``AWS_STS_REGIONAL_ENDPOINTS=regional`` where the binding does not say."""

    container_credentials: ContainerCredentials = field(default_factory=ContainerCredentials)
    """What pods of EKS Pod Identity are given."""

    role_composition: RoleComposition | None = None
    """Whether a binding may name a role without an ARN, and how the ARN is made; None leaves names as they are."""

    partition: str | None = None
    """The partition that pods run in, to recognise roles they can never assume; None means that it is not known."""

    aws_endpoint_url: str = ""
    """Given to containers as ``AWS_ENDPOINT_URL``, so that SDKs speak to another AWS-shaped cloud; empty gives none.
    Where a binding has one, its role ARN is checked loosely: such clouds have accounts of other shapes."""

    aws_ca_bundle: CABundle | None = None
    """Given to containers as ``AWS_CA_BUNDLE``: the certificates to trust, projected beside the token."""

    role_session_name: bool = False
    """Whether containers get ``AWS_ROLE_SESSION_NAME``, made of namespace and pod name. Off, as the EKS webhook leaves
    it to the SDK, and a trust policy may look at ``sts:RoleSessionName``."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where bindings come from."""

    kubeconfig: str = ""
    """A kubeconfig to use instead of the pod's own service account."""

    kube_api: str = ""
    """The API server's address, overriding the one that was found."""

    namespace: str = "eks"
    """The namespace of the ``pod-identity-webhook`` ConfigMap, and of the webhook's own Secret and Service."""

    watch_config_map: bool = False
    """Whether the ``pod-identity-webhook`` ConfigMap is read too. Off: it needs a right of its own."""

    container_credentials_config: str = ""
    """The file that lists the service accounts of EKS Pod Identity; empty means none."""

    lookup_limit: float = 1.0
    """How many seconds a review may wait for a service account that the cache does not know. The API server waits
    ten for the whole review by default."""


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """How the server serves."""

    port: int = 443
    """Where reviews are answered, over TLS."""

    metrics_port: int = 9999
    """Where metrics are shown, in plain HTTP."""

    address: str = ""
    """The address both listen on; empty means every interface, as an admission webhook is called from elsewhere."""

    tls_cert: Path = Path("/etc/webhook/certs/tls.crt")
    """The serving certificate and what signed it, PEM. Read again when the file changes."""

    tls_key: Path = Path("/etc/webhook/certs/tls.key")
    """The serving certificate's private key, PEM. Read again when the file changes."""

    tls_cipher_suites: tuple[str, ...] = ()
    """The suites offered in TLS 1.2, by their IANA names; empty means Python's choice. TLS 1.3 knows no such choice."""

    tls_min_version: Literal["1.2", "1.3"] = "1.2"
    """The oldest TLS version that is spoken."""

    workers: int = 1
    """How many processes answer, each with a cache of its own."""

    debugging_handlers: bool = False
    """Whether ``/debug/alpha/…`` answers. Off: its handlers show the cache and empty it."""

    max_body_bytes: int = 4 * 1024 * 1024
    """A larger review is answered 413. A pod is stored in at most 1.5 MiB; a review carries it twice at most."""

    max_held_bytes: int = 64 * 1024 * 1024
    """What reviews that come in parts may hold together while they are not complete; further ones are answered 503. An
    ordinary review comes in one part and does not count."""

    shutdown_delay: float = 5.0
    """Seconds between the word that this replica is about to stop and its stopping: Endpoints take a moment to follow,
    and until then reviews still come."""

    scan_interval: float = 0.0
    """Seconds between two scans for running pods without their identity, shown as a metric; 0 scans never, as a scan
    lists every pod of the cluster and needs the right to."""


@dataclass(frozen=True, slots=True)
class SelfSignedSettings:
    """The webhook's own certificate authority, kept in a Secret that all replicas share."""

    secret: str = "pod-identity-webhook"  # noqa: S105 - a name
    """The Secret that holds the authority and the serving certificate."""

    service: str = "pod-identity-webhook"
    """The Service through which the API server calls; its names are those of the certificate."""

    webhook_configuration: str = "pod-identity-webhook"
    """The MutatingWebhookConfiguration whose ``caBundle`` is kept right."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """All settings of a standalone webhook."""

    injection: InjectionSettings = field(default_factory=InjectionSettings)
    """What a pod bound to a role is given."""

    sources: SourceSettings = field(default_factory=SourceSettings)
    """Where bindings come from."""

    serving: ServingSettings = field(default_factory=ServingSettings)
    """How the server serves."""

    self_signed: SelfSignedSettings | None = None
    """Whether the webhook makes its own certificate; None reads ``tls_cert`` and ``tls_key``."""

    compat: Compat = "podrole"
    """``strict`` gives the EKS webhook's results bit by bit, oddities and all."""

    events: bool = True
    """Whether an Event on a pod's owner says what was wrong with its identity."""

    verbosity: int = 0
    """0 logs what needs attention, 3 and more every review."""
