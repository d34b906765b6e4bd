"""Reviews go on arriving while an API server hangs; what else may happen is in ``test_reliability_on_the_cluster``."""

from __future__ import annotations

from podrole.webhook.settings import SourceSettings, WebhookSettings
from support.api_server import APIServer, until
from support.load import under_reviews
from support.webhook import ARN
from support.webhook_client import serving


async def test_through_an_api_server_that_takes_connections_and_never_answers() -> None:
    """What was seen last counts, after the limit for a look-up."""
    settings = WebhookSettings(sources=SourceSettings(lookup_limit=0.1))
    async with APIServer() as api:
        api.service_account("demo", "sa", role_arn=ARN)
        async with (
            serving(api, settings) as client,
            under_reviews(lambda: str(client.http.base_url).rstrip("/")) as load,
        ):
            api.silent = True
            api.end_watches()
            await until(lambda: not client.webhook.identities.connected)
            await load.some_more()
            await api.stop()  # what hangs is let go
            api.silent = False
            await api.start()
            await until(lambda: client.webhook.identities.connected, seconds=10)
