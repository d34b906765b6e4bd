"""What a world gives its parts: the node's environment, the webhook's settings and registration, the issuer's address.

It does not start anything, so that commands can use it for a running world.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from podrole.base.serving import LOOPBACK
from podrole.cluster.node.content.service_links import service_variables
from podrole.cluster.node.runtimes.process.view import Hiding
from podrole.oidc.fetch import Resolver
from podrole.webhook.install.webhook_configuration import mutating_webhook_configuration
from podrole.webhook.settings import ContainerCredentials, InjectionSettings
from podrole.world.proxy import is_aws_name
from podrole.world.settings import WorldSettings
from podrole.world.state import Description
from podrole.world.webhook_account import CLUSTER_WIDE_NAME as WEBHOOK_NAME

KUBERNETES_VERSION = "1.36"
API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
"""The names of the API server in a pod."""
LONG_API_NAMES = ("kubernetes.default.svc.cluster.local",)


def node_environment(
    aws_url: str,
    region: str,
    cluster_port: int,
    proxy_variables: Mapping[str, str],
    *,
    host: str = LOOPBACK,
) -> Mapping[str, str]:
    """Return the variables of every container on the node, which finds the world at ``host``.

    An EC2 instance finds AWS by DNS and its region by the metadata service; here these variables serve both. They also
    disable the metadata service, so that no SDK looks for the identity of this machine.
    """
    return {
        **proxy_variables,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        **service_variables("kubernetes", host, [{"name": "https", "port": cluster_port}]),
    }


def hidden_from_pods(directory: Path, authorities: Path, credentials: Sequence[str], settings: WorldSettings) -> Hiding:
    """Return what isolated pods do not see: the world's directory but for its certificates, and the person's
    ``credentials``, unless the person has allowed them as a hostPath."""
    allowed = [Path(folder).resolve() for folder in settings.allow_host_path]
    hidden = [path for path in credentials if not any(folder.is_relative_to(path) for folder in allowed)]
    return Hiding((str(directory.resolve()), *hidden), (str(authorities),))


def injection_settings(region: str, pod_identity_url: str) -> InjectionSettings:
    """Return what the world's webhook injects into pods. ``pod_identity_url`` is that of the Pod Identity agent."""
    return InjectionSettings(
        aws_default_region=region,
        sts_regional_endpoint=True,
        container_credentials=ContainerCredentials(full_uri=pod_identity_url),
    )


def issuer_resolver(places: Mapping[str, tuple[str, int]], aws_port: int) -> Resolver:
    """Return a resolver that finds issuers' hosts at their ``places`` on this machine, and AWS's names, such as those
    of buckets, at the local AWS."""

    def resolve(name: str, wanted: int) -> tuple[str, int]:
        if wanted != 443:
            return name, wanted
        return places.get(name) or ((LOOPBACK, aws_port) if is_aws_name(name) else (name, wanted))

    return resolve


def resolver_of(world: Description) -> Resolver:
    """Return the resolver of a running world."""
    return issuer_resolver(world.issuer_places, urlsplit(world.aws_url).port or 0)


def webhook_configuration(url: str, authority_pem: bytes) -> dict[str, Any]:
    """Return the webhook's registration with the API server: that of the chart, with the address of this webhook.

    ``url`` is that of the webhook's ``/mutate``; ``authority_pem`` is the CA of its serving certificate.
    """
    ca_bundle = base64.b64encode(authority_pem).decode()
    return mutating_webhook_configuration(
        WEBHOOK_NAME, lambda path: {"url": urljoin(url, path), "caBundle": ca_bundle}, failure_policy="Fail"
    )
