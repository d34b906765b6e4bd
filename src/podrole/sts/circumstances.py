"""What is known of a call beside its parameters: the condition keys that every request has."""

from __future__ import annotations

import msgspec

from podrole.base.clock import rfc3339


class Circumstances(msgspec.Struct, frozen=True):
    """When, from where and how a request came. ``now`` is epoch seconds."""

    now: float
    source_ip: str
    region: str
    secure_transport: bool
    user_agent: str = ""
    referer: str = ""

    def context_keys(self) -> dict[str, str | list[str]]:
        """Return the global keys of the request itself
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""
        keys: dict[str, str | list[str]] = {
            "aws:CurrentTime": rfc3339(self.now),
            "aws:EpochTime": str(int(self.now)),
            "aws:RequestedRegion": self.region,
            "aws:SecureTransport": "true" if self.secure_transport else "false",
            "aws:SourceIp": self.source_ip,
        }
        if self.user_agent:
            keys["aws:UserAgent"] = self.user_agent
        if self.referer:
            keys["aws:referer"] = self.referer
        return keys
