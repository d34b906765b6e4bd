"""What can be wrong with the webhook's set-up or surroundings.

::

    WebhookError
    ├── BadFlag                 a command-line flag that is unknown, malformed or no longer has a meaning
    ├── BadSettings             settings that contradict each other, or name a file that cannot be used
    ├── KubeconfigProblem       no way to reach a Kubernetes API was found, or its description is unusable
    ├── APIUnavailable          the Kubernetes API did not answer: connection, TLS, timeout
    └── APIRefusal              the Kubernetes API answered with a Status that is not a success

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


class KubeconfigProblem(WebhookError):
    """No way to reach a Kubernetes API was found, or its description is unusable."""

    code = "kubeconfig-problem"


class APIUnavailable(WebhookError):
    """The Kubernetes API gave no answer."""

    code = "api-unavailable"


class APIRefusal(WebhookError):
    """The Kubernetes API answered, and not with a success. ``status`` is the HTTP status, ``reason`` the Status's."""

    code = "api-refusal"

    def __init__(self, what: str, *, status: int, reason: str = "") -> None:
        super().__init__(what, got=f"HTTP {status} {reason}".rstrip())
        self.status = status
        self.reason = reason
