"""The errors of connecting to a Kubernetes API and asking it.

::

    KubeError
    ├── KubeconfigProblem       no kubeconfig or service account was found, or it cannot be used
    ├── APIUnavailable          the Kubernetes API did not answer: connection, TLS, timeout
    └── APIRefusal              the Kubernetes API answered with a Status that is not a success
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class KubeError(PodroleError):
    """The root of this package's errors."""

    code = "kube"


class KubeconfigProblem(KubeError):
    """No kubeconfig or service account was found, or it cannot be used."""

    code = "kubeconfig-problem"


class APIUnavailable(KubeError):
    """The Kubernetes API did not answer: connection, TLS or timeout."""

    code = "api-unavailable"


class APIRefusal(KubeError):
    """The Kubernetes API refused a request. ``status`` is the HTTP status, ``reason`` that of the Status object."""

    code = "api-refusal"

    def __init__(self, what: str, *, status: int, reason: str = "") -> None:
        super().__init__(what, got=f"HTTP {status} {reason}".rstrip())
        self.status = status
        self.reason = reason
