"""Images whose SDK is known to be too old for web identity tokens.

The least versions are AWS's (EKS User Guide, "Use IRSA with the AWS SDK"). An image is known by its repository; one
that is not in this table, or whose tag is no version, may be anything, and nothing is said of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutdatedImage:
    """An image that cannot take a web identity token. ``least`` is the first version of it that can."""

    name: str
    found: str
    least: str


# Repository (its end) → what it is, and the first version that takes a web identity token.
_LEAST: dict[str, tuple[str, Version]] = {
    "aws-cli": ("the aws CLI", (1, 16, 232)),
    "awscli": ("the aws CLI", (1, 16, 232)),
    "cluster-autoscaler": ("cluster-autoscaler", (1, 14, 5)),
    "external-dns": ("external-dns", (0, 5, 17)),
    "cert-manager-controller": ("cert-manager", (0, 11, 0)),
    "aws-alb-ingress-controller": ("the ALB ingress controller", (1, 1, 3)),
    "velero-plugin-for-aws": ("Velero's AWS plugin", (1, 0, 0)),
}
_TAG = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-.+].*)?")


def outdated(image: str) -> OutdatedImage | None:
    """Say whether an image is one whose SDK is known to be too old."""
    repository, _, tag = image.partition("@")[0].rpartition(":")
    if "/" in tag:  # a port, and no tag
        return None
    known = _LEAST.get(repository.rpartition("/")[2])
    version = _TAG.fullmatch(tag)
    if known is None or version is None:
        return None
    name, least = known
    if tuple(map(int, version.groups())) >= least:
        return None
    return OutdatedImage(name, tag, ".".join(map(str, least)))
