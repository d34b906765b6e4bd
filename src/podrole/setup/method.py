"""The two ways in which a service account gets a role."""

from __future__ import annotations

from enum import StrEnum


class Method(StrEnum):
    """``irsa``: an annotation, a token and STS. ``pod-identity``: an EKS association."""

    IRSA = "irsa"
    POD_IDENTITY = "pod-identity"
