"""Keeps the webhook's own certificate: the Secret, what this replica serves, and the caBundle that API servers trust.

Every replica runs one. They agree through the API server alone: a Secret is written on the version that was read, and a
write that comes too late reads again.
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
from podrole.webhook.settings import SelfSignedSettings
from podrole.webhook.tls.self_signed import Material, first_material, next_material, read_material, service_names

LOOK_SECONDS = 10.0
"""How often the Secret and the webhook configuration are looked at. Much shorter than SPREAD_SECONDS, on which it
rests that every replica has seen a new authority before anything is signed by it."""

JSON_PATCH = "application/json-patch+json"

_log = logging.getLogger(__name__)


class CertificateKeeper:
    """Looks after the certificate that ``context`` serves."""

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
        """Return once there is a certificate to serve, however long the API server takes."""
        failures = 0
        while self.material is None:
            try:
                await self.look()
            except KubeError as problem:
                failures += 1
                if failures in (1, 10) or failures % 100 == 0:
                    _log.warning("there is no certificate to serve yet: %s", problem.what)
                await asyncio.sleep(BackOff().wait(failures))

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.7, 1))  # noqa: S311 - spread, not secrecy
            try:
                await self.look()
            except KubeError as problem:
                _log.warning("the certificate could not be looked after: %s", problem.what)

    async def look(self) -> None:
        """Take the Secret one step further if it has to go one, serve what it holds, and have API servers trust it.

        Raises KubeError where the API server does not let it.
        """
        material = await self._agree()
        if material != self.material:
            load_pem_pair(self._context, material.certificate, material.key)
            self.material = material
            _log.info("the certificate of Secret %s/%s is served", self._namespace, self._settings.secret)
        await self._publish(material.bundle)

    async def _agree(self) -> Material:
        """Return what all replicas serve from now on."""
        while True:
            secret = await self._read_secret()
            found = read_material((secret or {}).get("data"))
            if found is None:
                # The Secret is gone or damaged: what this replica holds is still trusted.
                wanted: Material | None = self.material or first_material(self._names, self._clock())
            else:
                wanted = next_material(found, self._names, self._clock())
            if wanted is None:
                assert found is not None  # noqa: S101 - a next step is missing only where something is there
                return found
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
        """Write the Secret on the version that was read; return False where another replica was first."""
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

    async def _publish(self, bundle: bytes) -> None:
        """Have every entry of the webhook configuration trust ``bundle``."""
        try:
            configuration = await self._client.get(self._configuration_path, dict[str, Any], accept=JSON)
        except APIRefusal as refusal:
            if refusal.status == 404:
                _log.info("there is no MutatingWebhookConfiguration %s yet", self._settings.webhook_configuration)
                return
            raise
        encoded = base64.b64encode(bundle).decode()
        wrong = [
            position
            for position, webhook in enumerate(configuration.get("webhooks") or ())
            if (webhook.get("clientConfig") or {}).get("caBundle") != encoded
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
            if refusal.status not in (409, 422):  # it changed meanwhile, and is looked at again
                raise
        else:
            _log.info("MutatingWebhookConfiguration %s trusts it now", self._settings.webhook_configuration)
