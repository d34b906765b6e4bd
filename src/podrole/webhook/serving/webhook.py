"""The running webhook: it watches the sources and files, and answers reviews."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import socket
import ssl
from typing import Any, Self

import msgspec

from podrole.base.serving import KEEP_ALIVE_SECONDS, listening
from podrole.base.tasks import BackgroundTasks, TaskFailure
from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import Connection
from podrole.kube.errors import KubeError
from podrole.webhook.admission.handler import AdmissionHandler
from podrole.webhook.compat import resolver_for
from podrole.webhook.metrics import Metrics, MetricsSnapshot
from podrole.webhook.scan import scan_cluster
from podrole.webhook.serving.app import MetricsApp, WebhookApp
from podrole.webhook.serving.owner_events import OwnerEvents
from podrole.webhook.settings import WebhookSettings
from podrole.webhook.sources.identity_cache import IdentityCache
from podrole.webhook.strict.handler import StrictAdmissionHandler
from podrole.webhook.tls.serving_certificate import ServingCertificate

FILES_SECONDS = 1.0
"""How often the certificate and the list of EKS Pod Identity are checked, with four ``stat`` calls."""

GRACE_SECONDS = 10.0
"""How long a review may take after the stop: the default timeout of the API server."""

EXCHANGE_SECONDS = 30.0
"""How long a review may take from its first byte to the last byte of the answer: the longest timeout of an API
server."""

_log = logging.getLogger(__name__)


class Webhook:
    """The webhook in the caller's event loop, on sockets that the caller has bound. It closes them at the end.

    It serves as soon as the context is open, but reviews should be sent when it is ``ready``. ``certificate`` is
    checked for changes every second. ``scans`` allows scans of running pods, which the settings must also enable.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        connection: Connection,
        *,
        sock: socket.socket,
        tls: ssl.SSLContext,
        metrics_sock: socket.socket | None = None,
        certificate: ServingCertificate | None = None,
        scans: bool = True,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Raises BadSettings or KubeconfigProblem if the settings cannot work."""
        self.metrics = Metrics()
        self.stopping = False
        self.background = BackgroundTasks("the webhook")
        """The tasks that follow the sources, watch the files and so on. One that fails makes the webhook unhealthy."""
        self._settings = settings
        self._sock = sock
        self._tls = tls
        self._metrics_sock = metrics_sock
        self._certificate = certificate
        self._scans = scans and settings.serving.scan_interval > 0
        self._grace_seconds = grace_seconds
        self._client = KubernetesClient(connection, user_agent=WEBHOOK)
        strict = settings.compat == "strict"
        ask: Any = "first" if not strict else "last" if settings.sources.lookup_limit > 0 else "never"
        resolver = resolver_for(settings.compat, settings.injection)
        self.identities = IdentityCache(self._client, resolver, settings.sources, ask=ask)
        self._events = OwnerEvents(self._client, self.metrics) if settings.events and not strict else None
        self._stack = contextlib.AsyncExitStack()

    @property
    def healthy(self) -> bool:
        """Whether no background task has failed. An unhealthy webhook still answers, but must be replaced."""
        return self.background.failure is None

    async def failed(self) -> TaskFailure:
        """Wait until a background task fails. Returns at once if one has failed already."""
        return await self.background.failed()

    @property
    def ready(self) -> bool:
        """Whether every source has been read and the webhook is not stopping."""
        return self.identities.synced and not self.stopping

    async def wait_ready(self) -> None:
        """Wait until every source has been read."""
        await self.identities.wait_synced()

    async def __aenter__(self) -> Self:
        """Start everything. If a part cannot start, the others are stopped again."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._client.close)
            stack.push_async_callback(self.background.aclose)
            self.identities.start(self.background)
            self.background.run_forever("the watch of files", self._watch_files())
            if self._events is not None:
                self.background.run_forever("the writer of Events", self._events.run())
            if self._scans:
                self.background.run_forever("the scan of running pods", self._scan())
            if self._metrics_sock is not None:
                metrics_app = MetricsApp(self, debugging=self._settings.serving.debugging_handlers)
                await stack.enter_async_context(
                    listening(metrics_app, self._metrics_sock, grace_seconds=1, exchange_seconds=EXCHANGE_SECONDS)
                )
            await stack.enter_async_context(
                listening(
                    self._app(),
                    self._sock,
                    tls=self._tls,
                    grace_seconds=self._grace_seconds,
                    keep_alive_seconds=KEEP_ALIVE_SECONDS,
                    exchange_seconds=EXCHANGE_SECONDS,
                )
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish the reviews that have begun, then stop everything."""
        self.stopping = True
        await self._stack.aclose()

    async def snapshot(self) -> MetricsSnapshot:
        """Return all counts so far."""
        held = len(self.identities.service_accounts)
        if held:
            self.metrics.set(1, "pod_identity_webhook_used")
        self.metrics.set(held, "podrole_webhook_service_accounts")
        self.metrics.set(self.identities.synced, "podrole_webhook_synced")
        self.metrics.set(self.identities.connected, "podrole_webhook_connected")
        return self.metrics.snapshot()

    async def cache(self) -> bytes:
        """Return the cached service accounts as JSON by ``namespace/name``, in the EKS webhook's format."""
        injection = self._settings.injection
        entries = {
            key: {
                "RoleARN": binding.role_arn or "",
                "Audience": injection.token_audience if binding.audience is None else binding.audience,
                "UseRegionalSTS": (
                    injection.sts_regional_endpoint if binding.regional_sts is None else binding.regional_sts
                ),
                "TokenExpiration": binding.token_expiration or injection.token_expiration,
            }
            for key, binding in sorted(self.identities.service_accounts.snapshot().items())
        }
        return msgspec.json.format(msgspec.json.encode(entries), indent=1)

    async def clear(self) -> None:
        """Empty the cache and read all service accounts again."""
        await self.identities.service_accounts.start_over()

    def _app(self) -> WebhookApp:
        settings, strict = self._settings, self._settings.compat == "strict"
        if strict:
            handler: AdmissionHandler | StrictAdmissionHandler = StrictAdmissionHandler(
                self.identities, settings.injection, self.metrics
            )
        elif self._events is not None:
            handler = AdmissionHandler(
                self.identities, settings.injection, self.metrics, report_warnings=self._events.report_warnings
            )
        else:
            handler = AdmissionHandler(self.identities, settings.injection, self.metrics)
        return WebhookApp(
            handler,
            self.metrics,
            self,
            max_body_bytes=settings.serving.max_body_bytes,
            max_held_bytes=settings.serving.max_held_bytes,
            strict=strict,
            debugging=settings.serving.debugging_handlers,
        )

    async def _scan(self) -> None:
        await self.identities.wait_synced()
        while True:
            try:
                findings = await scan_cluster(self._client, self.identities, self._settings.injection)
            except KubeError as problem:
                _log.warning("running pods were not scanned: %s", problem.what)
            else:
                counts: dict[tuple[str, str], float] = collections.defaultdict(float)
                for finding in findings:
                    counts[finding.namespace, finding.reason] += 1
                self.metrics.replace("podrole_webhook_pods_without_identity", counts)
            await asyncio.sleep(self._settings.serving.scan_interval)

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(FILES_SECONDS)
            self.identities.refresh_files()
            if self._certificate is not None:
                self._certificate.refresh()
