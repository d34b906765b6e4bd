"""The options of an installation of the webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from podrole import __version__
from podrole.webhook.install.webhook_configuration import FailurePolicy

Certificates = Literal["self-signed", "cert-manager", "secret"]
CERTIFICATES: tuple[Certificates, ...] = get_args(Certificates)


@dataclass(frozen=True, slots=True)
class Installation:
    """The options of an installation."""

    name: str = "pod-identity-webhook"
    """The name of every object, and of the MutatingWebhookConfiguration."""

    namespace: str = "pod-identity-webhook"
    """The namespace of all objects. It must exist."""

    image: str = f"podrole-webhook:{__version__}"
    """The image, built with the project's Dockerfile."""

    replicas: int = 2
    """The number of pods. With one, new pods can miss their identity during a rolling update."""

    certificates: Certificates = "self-signed"
    """Who creates the serving certificate. ``secret`` is for an existing Secret ``name`` of type kubernetes.io/tls, and
    needs ``ca_bundle``."""

    ca_bundle: str = ""
    """With ``certificates`` ``secret``: the CA that signed the certificate, PEM in base64."""

    watch_config_map: bool = False
    """Whether bindings are also read from the ConfigMap ``pod-identity-webhook`` of the namespace."""

    failure_policy: FailurePolicy = "Ignore"
    """What the API server does with a new pod while no replica answers: create it without identity, or refuse it."""

    require_label: bool = False
    """Whether pods with the label ``eks.amazonaws.com/require-pod-identity=true`` are refused if they get no
    identity."""

    events: bool = True
    """Whether problems with a pod's identity are written as Events on its owner."""

    scan_interval: str = ""
    """How often running pods are scanned, a Go duration; empty for never."""

    service_monitor: bool = False
    """Whether there is a ServiceMonitor for the Prometheus operator."""

    arguments: tuple[str, ...] = ()
    """Further flags of the container."""
