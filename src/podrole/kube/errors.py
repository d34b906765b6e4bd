"""What can go wrong between this program and a Kubernetes API.

::

    KubeError
    ├── KubeconfigProblem       no way to reach a Kubernetes API was found, or its description is unusable
    ├── APIUnavailable          the Kubernetes API did not answer: connection, TLS, timeout
    └── APIRefusal              the Kubernetes API answered with a Status that is not a success
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class KubeError(PodroleError):
    """The root of this package's errors."""

    code = "kube"


class KubeconfigProblem(KubeError):
    """No way to reach a Kubernetes API was found, or its description is unusable."""

    code = "kubeconfig-problem"


class APIUnavailable(KubeError):
    """The Kubernetes API gave no answer."""

    code = "api-unavailable"


class APIRefusal(KubeError):
    """The Kubernetes API answered, and not with a success. ``status`` is the HTTP status, ``reason`` the Status's."""

    code = "api-refusal"

    def __init__(self, what: str, *, status: int, reason: str = "") -> None:
        super().__init__(what, got=f"HTTP {status} {reason}".rstrip())
        self.status = status
        self.reason = reason
