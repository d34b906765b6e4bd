"""Keeps the webhook's own certificate up to date: the Secret, the certificate of this replica, and the caBundle.

Every replica runs a keeper. They coordinate only through the API server: a keeper writes the version of the Secret that
it read, and reads again if another replica was faster.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import ssl
from typing import Any

from podrole.base.clock import Clock, system_clock
from podrole.base.tls import load_pem_pair
from podrole.kube.client import JSON, KubernetesClient, path_of
from podrole.kube.errors import APIRefusal, KubeError
from podrole.kube.reflector import BackOff
from podrole.webhook.errors import ForeignConfiguration
from podrole.webhook.settings import NAME, NAME_LABEL, SelfSignedSettings
from podrole.webhook.tls.self_signed import Material, first_material, next_material, read_material, service_names

CHECK_SECONDS = 10.0
"""How often the Secret and the webhook configuration are checked. It must be much shorter than SPREAD_SECONDS, so that
every replica has seen a new authority before it signs anything."""

JSON_PATCH = "application/json-patch+json"

_log = logging.getLogger(__name__)


class CertificateKeeper:
    """Keeps the certificate of ``context`` up to date."""

    def __init__(
        self,
        client: KubernetesClient,
        settings: SelfSignedSettings,
        namespace: str,
        context: ssl.SSLContext,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._client = client
        self._settings = settings
        self._namespace = namespace
        self._context = context
        self._clock = clock
        self._names = service_names(settings.service, namespace)
        self._secret_path = path_of("api", "v1", "namespaces", namespace, "secrets", settings.secret)
        self._configuration_path = path_of(
            "apis",
            "admissionregistration.k8s.io",
            "v1",
            "mutatingwebhookconfigurations",
            settings.webhook_configuration,
        )
        self.material: Material | None = None

    async def start(self) -> None:
        """Wait until there is a certificate to serve, as long as the API server takes.

        Raises ForeignConfiguration.
        """
        failures = 0
        while self.material is None:
            try:
                await self.check()
            except KubeError as problem:
                failures += 1
                if failures in (1, 10) or failures % 100 == 0:
                    _log.warning("no certificate to serve yet: %s", problem.what)
                await asyncio.sleep(BackOff().wait(failures))

    async def run(self) -> None:
        """Check regularly until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS * random.uniform(0.7, 1))  # noqa: S311 - spread, not secrecy
            try:
                await self.check()
            except (KubeError, ForeignConfiguration) as problem:
                _log.warning("the certificate could not be checked: %s", problem.what)

    async def check(self) -> None:
        """Change the Secret if needed, serve its certificate, and put its authorities into the caBundle.

        Raises KubeError if the API server does not allow it, and ForeignConfiguration before it changes anything.
        """
        configuration = await self._configuration()
        material = await self._agree()
        if material != self.material:
            load_pem_pair(self._context, material.certificate, material.key)
            self.material = material
            _log.info("serving the certificate of Secret %s/%s", self._namespace, self._settings.secret)
        if configuration is not None:
            await self._publish(configuration, material.bundle)

    async def _agree(self) -> Material:
        """Return the content of the Secret after any change that is needed."""
        while True:
            secret = await self._read_secret()
            current = read_material((secret or {}).get("data"))
            if current is None:
                # The Secret was deleted or is damaged: the content that this replica has is still trusted.
                wanted: Material | None = self.material or first_material(self._names, self._clock())
            else:
                wanted = next_material(current, self._names, self._clock())
            if wanted is None:
                assert current is not None  # noqa: S101 - only next_material returns None, and it was called with it
                return current
            if await self._write_secret(secret, wanted):
                return wanted

    async def _read_secret(self) -> dict[str, Any] | None:
        try:
            return await self._client.get(self._secret_path, dict[str, Any])
        except APIRefusal as refusal:
            if refusal.status == 404:
                return None
            raise

    async def _write_secret(self, secret: dict[str, Any] | None, material: Material) -> bool:
        """Write the version of the Secret that was read. Return False if another replica was faster."""
        metadata = {"name": self._settings.secret, "namespace": self._namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata}
        try:
            if secret is None:
                path = path_of("api", "v1", "namespaces", self._namespace, "secrets")
                await self._client.send("POST", path, {**body, "data": material.data()})
            else:
                await self._client.send("PUT", self._secret_path, {**secret, "data": material.data()})
        except APIRefusal as refusal:
            if refusal.status == 409:
                return False
            raise
        return True

    async def _configuration(self) -> dict[str, Any] | None:
        """Return the webhook configuration, None if it does not exist. Raises ForeignConfiguration."""
        name = self._settings.webhook_configuration
        try:
            configuration = await self._client.get(self._configuration_path, dict[str, Any], accept=JSON)
        except APIRefusal as refusal:
            if refusal.status == 404:
                _log.info("MutatingWebhookConfiguration %s does not exist yet", name)
                return None
            raise
        if configuration.get("webhooks") and not self._own_entries(configuration):
            service = f"{self._namespace}/{self._settings.service}"
            raise ForeignConfiguration(
                f"MutatingWebhookConfiguration {name} belongs to another webhook, and was not changed: none of its "
                f"entries calls the Service {service}.",
                expected=f"an entry with the Service {service}, or the label {NAME_LABEL}={NAME}",
                next_step="install the webhook under another name, and set --webhook-configuration and --service-name",
            )
        return configuration

    def _own_entries(self, configuration: dict[str, Any]) -> list[int]:
        """Return which entries call this webhook: those of its Service, and all Services of a configuration that
        podrole's manifests made."""
        labelled = (configuration["metadata"].get("labels") or {}).get(NAME_LABEL) == NAME
        services = [
            (webhook.get("clientConfig") or {}).get("service") or {} for webhook in configuration.get("webhooks") or ()
        ]
        return [
            position
            for position, service in enumerate(services)
            if (service and labelled)
            or (service.get("namespace"), service.get("name")) == (self._namespace, self._settings.service)
        ]

    async def _publish(self, configuration: dict[str, Any], bundle: bytes) -> None:
        """Put ``bundle`` into this webhook's entries of the webhook configuration."""
        encoded = base64.b64encode(bundle).decode()
        webhooks = configuration.get("webhooks") or ()
        wrong = [
            position
            for position in self._own_entries(configuration)
            if webhooks[position]["clientConfig"].get("caBundle") != encoded
        ]
        if not wrong:
            return
        version = configuration["metadata"].get("resourceVersion")
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            *[{"op": "add", "path": f"/webhooks/{p}/clientConfig/caBundle", "value": encoded} for p in wrong],
        ]
        try:
            await self._client.send("PATCH", self._configuration_path, patch, content_type=JSON_PATCH)
        except APIRefusal as refusal:
            if refusal.status not in (409, 422):  # it changed meanwhile, and is checked again
                raise
        else:
            _log.info("MutatingWebhookConfiguration %s has the current caBundle", self._settings.webhook_configuration)
