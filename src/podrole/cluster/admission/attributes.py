"""A request as admission sees it, and the trace that admission leaves.

https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from podrole.cluster.core.resources import Resource
from podrole.cluster.core.users import User

Object = dict[str, Any]
Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


@dataclass(slots=True)
class WebhookTrace:
    """What one webhook did, or why it was not called.

    ``patch`` are the JSON Patch operations that it asked for. ``milliseconds`` is how long the call took.
    """

    configuration: str
    webhook: str
    outcome: Literal["mutated", "unchanged", "allowed", "not called", "denied", "failed", "failed open"]
    why: str = ""
    round: int = 0
    patch: list[Any] | None = None
    milliseconds: float | None = None

    def as_dict(self) -> Object:
        """Return the parts that say something, for the event log."""
        trace: Object = {"configuration": self.configuration, "webhook": self.webhook, "outcome": self.outcome}
        if self.why:
            trace["why"] = self.why
        if self.round:
            trace["round"] = self.round
        if self.patch is not None:
            trace["patch"] = self.patch
        if self.milliseconds is not None:
            trace["milliseconds"] = round(self.milliseconds, 1)
        return trace


@dataclass(slots=True)
class AdmissionAttributes:
    """The request. Plugins replace ``object``; they never change what the store holds.

    ``options`` is the CreateOptions, UpdateOptions or DeleteOptions that a webhook is shown.
    """

    operation: Operation
    resource: Resource
    namespace: str
    name: str
    user: User
    object: Object | None
    old: Object | None = None
    subresource: str = ""
    dry_run: bool = False
    options: Object | None = None
    warnings: list[str] = field(default_factory=list)
    trace: list[WebhookTrace] = field(default_factory=list)
    audit: dict[str, str] = field(default_factory=dict)
