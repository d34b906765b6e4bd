"""What a world tells its parts: the node's environment, the webhook's settings and registration, where the issuer is.

Apart from the world that starts them, for whoever looks at a running one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from podrole.base.serving import LOOPBACK
from podrole.oidc.fetch import Resolver
from podrole.webhook.install.manifests import mutating_webhook_configuration
from podrole.webhook.settings import ContainerCredentials, InjectionSettings
from podrole.world.webhook_account import NAME as WEBHOOK_NAME


def node_environment(aws_url: str, region: str, cluster_port: int) -> Mapping[str, str]:
    """Return what every process on the node finds in its environment in place of a network of its own.

    On an EC2 instance names lead to AWS and the metadata service tells the region; here these variables do. The
    metadata service is turned off, as there is none: no SDK goes looking for the machine's own identity.
    """
    return {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBERNETES_SERVICE_HOST": LOOPBACK,
        "KUBERNETES_SERVICE_PORT": str(cluster_port),
    }


def injection_settings(region: str, pod_identity_url: str) -> InjectionSettings:
    """Return what the world's webhook gives pods. ``pod_identity_url`` is where the Pod Identity agent answers."""
    return InjectionSettings(
        aws_default_region=region,
        sts_regional_endpoint=True,
        container_credentials=ContainerCredentials(full_uri=pod_identity_url),
    )


def issuer_resolver(issuer: str, port: int) -> Resolver:
    """Return a resolver by which the issuer's name leads to the cluster's own listener."""
    host = issuer.split("/")[2]

    def resolve(name: str, wanted: int) -> tuple[str, int]:
        return (LOOPBACK, port) if (name, wanted) == (host, 443) else (name, wanted)

    return resolve


def webhook_configuration(url: str, authority_pem: bytes) -> dict[str, Any]:
    """Return the registration of the webhook with the API server: what the chart has, but for where the webhook is.

    ``url`` leads to the webhook's ``/mutate``; ``authority_pem`` is who signed the certificate that it shows there.
    """
    ca_bundle = base64.b64encode(authority_pem).decode()
    return mutating_webhook_configuration(
        WEBHOOK_NAME, lambda path: {"url": urljoin(url, path), "caBundle": ca_bundle}, failure_policy="Fail"
    )
