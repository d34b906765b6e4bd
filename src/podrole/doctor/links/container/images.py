"""Images whose SDK is known to be too old for web identity tokens.

The minimum versions are AWS's (EKS User Guide, "Use IRSA with the AWS SDK"). Images are recognized by their repository.
Nothing is reported about an image that is not in this table, or whose tag is not a version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutdatedImage:
    """An image that does not support web identity tokens. ``least`` is its first version that does."""

    name: str
    found: str
    least: str


# The last part of the repository → its name, and the first version that supports web identity tokens.
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
    """Return why an image is known to be too old, None if it is not."""
    repository, _, tag = image.partition("@")[0].rpartition(":")
    if "/" in tag:  # a port, not a tag
        return None
    known = _LEAST.get(repository.rpartition("/")[2])
    version = _TAG.fullmatch(tag)
    if known is None or version is None:
        return None
    name, least = known
    if tuple(map(int, version.groups())) >= least:
        return None
    return OutdatedImage(name, tag, ".".join(map(str, least)))
