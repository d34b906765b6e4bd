"""What is examined: a service account, and the pod that was asked about."""

from __future__ import annotations

from dataclasses import dataclass

from podrole.kube.subjects import subject_of


@dataclass(frozen=True, slots=True)
class DoctorTarget:
    """A service account, and the pod if a pod was asked about."""

    namespace: str
    service_account: str
    pod: str | None = None

    @property
    def subject(self) -> str:
        """The ``sub`` of the service account's tokens."""
        return subject_of(self.namespace, self.service_account)

    def __str__(self) -> str:
        if self.pod is not None:
            return f"{self.namespace}/{self.pod}"
        return f"{self.namespace}/serviceaccount/{self.service_account}"
