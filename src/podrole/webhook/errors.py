"""What can be wrong with the webhook's set-up or surroundings.

::

    WebhookError
    ├── BadFlag                 a command-line flag that is unknown, malformed or no longer has a meaning
    ├── BadSettings             settings that contradict each other, or name a file that cannot be used
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
    """A command-line flag that is unknown, malformed, or no longer has a meaning."""

    code = "bad-flag"


class BadSettings(WebhookError):
    """Settings that contradict each other, or name a file that cannot be used."""

    code = "bad-settings"
