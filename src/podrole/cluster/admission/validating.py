"""ValidatingAdmissionWebhook: all registered webhooks at once, on the object as it would be stored.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import asyncio

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.dispatch import WebhookDispatcher


class ValidatingWebhooks:
    """Calls the webhooks that ValidatingWebhookConfigurations register."""

    def __init__(self, dispatch: WebhookDispatcher) -> None:
        self._dispatch = dispatch

    async def validate(self, request: AdmissionAttributes) -> bool:
        """Ask all that match and return whether other requests may have been served meanwhile.

        Raises StatusError: the first one's in their order.
        """
        labels = self._dispatch.namespace_labels(request)
        registered = self._dispatch.registered()
        hooks = [hook for hook in registered if await self._dispatch.is_called(hook, request, labels)]
        if not hooks:
            return bool(registered)
        answers = await asyncio.gather(*(self._dispatch.ask(hook, request) for hook in hooks), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return bool(registered)
