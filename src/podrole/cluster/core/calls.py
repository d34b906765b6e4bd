"""A request after routing: its user, resource, object and options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from podrole.cluster.core.errors import bad_request, invalid, invalid_object, not_supported
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.users import User

Object = dict[str, Any]
Validation = Literal["Strict", "Warn", "Ignore"]

_MAX_MANAGER = 128


@dataclass(slots=True)
class Call:
    """One request. ``agent`` is the client program; it is the field manager if ``field_manager`` is empty.

    ``validation``: how unknown fields are treated. ``warnings`` are returned as headers.
    """

    resource: Resource
    namespace: str
    user: User
    agent: str
    name: str = ""
    subresource: str = ""
    dry_run: bool = False
    field_manager: str = ""
    force: bool | None = None
    validation: Validation = "Warn"
    validation_given: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def manager(self) -> str:
        """The name under which this write's fields are managed."""
        return self.field_manager or self.agent[:_MAX_MANAGER] or "unknown"

    def options(self, kind: Literal["CreateOptions", "UpdateOptions", "PatchOptions", "DeleteOptions"]) -> Object:
        """Return the options as a webhook sees them."""
        options: Object = {"kind": kind, "apiVersion": "meta.k8s.io/v1"}
        if self.dry_run:
            options["dryRun"] = ["All"]
        if kind == "PatchOptions" and self.force is not None:
            options["force"] = self.force
        if self.field_manager:
            options["fieldManager"] = self.field_manager
        if self.validation_given:
            options["fieldValidation"] = self.validation
        return options


def check_write_options(
    kind: Literal["CreateOptions", "UpdateOptions", "PatchOptions"],
    *,
    dry_run: list[str],
    validation: str,
    field_manager: str,
) -> None:
    """Refuse invalid options of a write (apimachinery ``meta/v1/validation``). Raises StatusError (422)."""
    errors = []
    if dry_run and dry_run != ["All"]:
        errors.append(not_supported("dryRun", dry_run, ("All",)))
    if validation not in ("", "Strict", "Warn", "Ignore"):
        errors.append(not_supported("fieldValidation", validation, ("", "Ignore", "Strict", "Warn")))
    if len(field_manager) > _MAX_MANAGER:
        errors.append(invalid("fieldManager", field_manager, "may not be more than 128 bytes"))
    elif not field_manager.isprintable():
        errors.append(invalid("fieldManager", field_manager, "should only contain printable characters"))
    if errors:
        raise invalid_object("meta.k8s.io", kind, "", errors)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The options of a list or a watch (ListOptions, meta/v1). None, 0 and '' mean that the client did not set it."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    send_initial_events: bool | None = None
    allow_bookmarks: bool = False
    timeout_seconds: int = 0


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The options of a deletion (DeleteOptions, meta/v1)."""

    grace_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    propagation: Literal["Background", "Foreground", "Orphan"] | None = None
    dry_run: bool = False


def parse_revision(text: str) -> int:
    """Read a resourceVersion, 0 for none. Raises StatusError (400)."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise bad_request(f"Invalid value for resourceVersion: {text!r}")
    return int(text)
