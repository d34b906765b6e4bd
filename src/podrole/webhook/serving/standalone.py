"""The webhook as a process: sockets, certificate, signals, and workers if one core is not enough."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import AsyncIterator

from podrole.base import open_files
from podrole.base.event_loop import run_loop
from podrole.base.serving import bind
from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.kube.connection import find_connection
from podrole.webhook.logs import configure_logging
from podrole.webhook.serving.signals import Signals
from podrole.webhook.serving.webhook import Webhook
from podrole.webhook.settings import WebhookSettings
from podrole.webhook.sources.instance_metadata import with_account_of_host
from podrole.webhook.tls.serving_certificate import ServingCertificate, server_context

_log = logging.getLogger(__name__)


def run(settings: WebhookSettings, *, ask_host_for_account: bool = False) -> int:
    """Serve until SIGTERM or SIGINT, or until a background task fails. Return the exit code.

    After the first signal the webhook is not ready any more, then it accepts no new connections, then it finishes the
    reviews that have begun. A second signal ends the process at once, with code 1. Raises PodroleError if the webhook
    cannot start.
    """
    configure_logging(settings.verbosity)
    open_files.allow_many()
    if ask_host_for_account:
        settings = run_loop(with_account_of_host(settings))
    serving = settings.serving
    with contextlib.ExitStack() as stack:
        sock = bind(serving.port, name="the webhook", option="--port", address=serving.address)
        stack.callback(sock.close)
        metrics_sock = bind(serving.metrics_port, name="the metrics", option="--metrics-port", address=serving.address)
        stack.callback(metrics_sock.close)
        ports = sock.getsockname()[1], metrics_sock.getsockname()[1]
        _log.info("reviews on port %d over TLS, metrics on port %d", *ports)
        if serving.workers > 1:
            # Imported here, because one process does not need the supervisor.
            from podrole.webhook.serving.supervisor import supervise

            return run_loop(supervise(settings, sock, metrics_sock))
        return run_loop(serve(settings, sock, metrics_sock))


async def serve(settings: WebhookSettings, sock: socket.socket, metrics_sock: socket.socket) -> int:
    """Serve in this process until it is stopped. Return the exit code. Raises PodroleError if it cannot start."""
    signals = Signals()
    async with open_webhook(settings, sock, metrics_sock, scans=True) as webhook:
        return await until_stopped(webhook, settings, signals)


@contextlib.asynccontextmanager
async def open_webhook(
    settings: WebhookSettings, sock: socket.socket, metrics_sock: socket.socket | None, *, scans: bool
) -> AsyncIterator[Webhook]:
    """Open a webhook with these settings. Of several workers only one ``scans``. Raises PodroleError."""
    tls = server_context(settings.serving)
    connection = find_connection(kubeconfig=settings.sources.kubeconfig, server=settings.sources.kube_api)
    async with contextlib.AsyncExitStack() as stack:
        certificate = keeper = None
        if settings.self_signed is None:
            certificate = ServingCertificate(tls, settings.serving.tls_cert, settings.serving.tls_key)
        else:
            # Imported here, because it loads cryptography, which the rest does not need.
            from podrole.webhook.tls.certificate_keeper import CertificateKeeper

            client = KubernetesClient(connection, user_agent=WEBHOOK)
            stack.push_async_callback(client.close)
            keeper = CertificateKeeper(client, settings.self_signed, settings.sources.namespace, tls)
            await keeper.start()
        webhook = Webhook(
            settings, connection, sock=sock, tls=tls, metrics_sock=metrics_sock, certificate=certificate, scans=scans
        )
        await stack.enter_async_context(webhook)
        if keeper is not None:
            webhook.background.run_forever("the certificate keeper", keeper.run())
        webhook.background.run("the settings of the garbage collector", _freeze_when_ready(webhook))
        yield webhook


async def _freeze_when_ready(webhook: Webhook) -> None:
    """Exempt what lives as long as the process from garbage collection, which would delay reviews."""
    await webhook.wait_ready()
    gc.collect()
    gc.freeze()


async def until_stopped(
    webhook: Webhook, settings: WebhookSettings, signals: Signals, *others: asyncio.Task[None]
) -> int:
    """Wait for a signal, a failed background task or the end of one of ``others``; return the exit code.

    Before it returns, clients have ``shutdown_delay`` to find another replica, unless the user pressed Ctrl-C or one of
    ``others`` has ended.
    """
    signals.serving = True
    ends = [asyncio.create_task(signals.wait()), asyncio.create_task(webhook.failed())]
    await asyncio.wait([*ends, *others], return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    webhook.stopping = True
    if signals.may_wait and not any(other.done() for other in others):
        await asyncio.sleep(settings.serving.shutdown_delay)
    return 0 if webhook.healthy else 1
