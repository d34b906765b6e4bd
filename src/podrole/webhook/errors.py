"""Errors in the set-up or the environment of the webhook.

::

    WebhookError
    ├── BadFlag                 an unknown or malformed flag, or one that no longer has a meaning
    ├── BadSettings             settings that contradict each other or name an unusable file
    ├── ForeignConfiguration    the MutatingWebhookConfiguration belongs to another webhook (tls.certificate_keeper)
    ├── LookupFailed            a service account could not be read in time (sources.service_account_cache)
    └── WorkerKeepsEnding       a worker process ended again and again (serving.supervisor)

A pod that gets no identity is not an error but a ``Mutation`` that says why.
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class WebhookError(PodroleError):
    """The root of this package's errors."""

    code = "webhook"


class BadFlag(WebhookError):
    """An unknown or malformed command-line flag, or one that no longer has a meaning."""

    code = "bad-flag"


class BadSettings(WebhookError):
    """Settings that contradict each other or name an unusable file."""

    code = "bad-settings"


class ForeignConfiguration(WebhookError):
    """The MutatingWebhookConfiguration whose ``caBundle`` should be kept belongs to another webhook."""

    code = "foreign-configuration"
