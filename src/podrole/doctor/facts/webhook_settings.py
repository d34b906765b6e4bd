"""The settings of a real cluster's webhook: read from the arguments of the Deployment behind its Service.

If the Deployment cannot be found (EKS hides its own), the settings are the EKS webhook's defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from podrole.cluster.admission.matching import RegisteredWebhook
from podrole.doctor.facts.registered_webhooks import is_identity_webhook
from podrole.doctor.sources.cluster import Cluster, Object
from podrole.doctor.unknown import UnknownFact, read_async
from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.settings import WebhookSettings

_FLAG = re.compile(r"--?[a-z]")


async def find_settings(cluster: Cluster, hooks: Iterable[RegisteredWebhook]) -> tuple[WebhookSettings, str]:
    """Return the webhook's settings and the namespace that it runs in; empty if it was not found."""
    for hook in hooks:
        service = (hook.webhook.get("clientConfig") or {}).get("service")
        if service is None or not is_identity_webhook(hook):
            continue
        namespace = str(service.get("namespace", ""))
        deployments = await _deployments(cluster, namespace, str(service.get("name", "")))
        if isinstance(deployments, UnknownFact):
            continue
        return (_read(deployments[0]) if deployments else WebhookSettings()), namespace
    return WebhookSettings(), ""


async def _deployments(cluster: Cluster, namespace: str, service: str) -> list[Object] | UnknownFact:
    """Return the Deployments behind a Service."""
    stored = await read_async(cluster.get("services", namespace, service))
    if isinstance(stored, UnknownFact):
        return stored
    selector = ((stored or {}).get("spec") or {}).get("selector") or {}
    if not selector:
        return []
    listed = await read_async(cluster.list("deployments.apps", namespace))
    return (
        listed
        if isinstance(listed, UnknownFact)
        else [deployment for deployment in listed if _is_behind(deployment, selector)]
    )


def _is_behind(deployment: Object, selector: Mapping[str, str]) -> bool:
    template = (deployment.get("spec") or {}).get("template") or {}
    labels: Mapping[str, Any] = (template.get("metadata") or {}).get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def _read(deployment: Object) -> WebhookSettings:
    for container in deployment["spec"]["template"]["spec"].get("containers") or ():
        words = [str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
        arguments = list(_flags(words))
        try:
            if arguments:
                return parse_flags(arguments).settings
        except BadFlag:
            continue  # a sidecar, or a webhook that is neither Amazon's nor podrole's
    return WebhookSettings()


def _flags(words: list[str]) -> Iterator[str]:
    """Yield the flags with their values, without the program and its sub-command."""
    started = False
    for word in words:
        started = started or _FLAG.match(word) is not None
        if started:
            yield word
