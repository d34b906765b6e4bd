"""The question put to the evaluator, and what the matchers read of it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import msgspec

from podrole.iam.errors import InvalidRequest
from podrole.iam.principal import Principal
from podrole.iam.unknown import UNKNOWN, UnknownValue

NO_RESOURCE = "*"
"""What a request names as its resource where the action has no resource-level permissions."""


class Request(msgspec.Struct, frozen=True):
    """May ``principal`` do ``action`` on ``resource``?

    ``action`` is one action with its service prefix (``ec2:DescribeInstances``). ``resource`` is an ARN, or ``*`` for
    an action without resource-level permissions. ``resource_account`` is the account that owns the resource; empty,
    it is the account in the resource's ARN, and where there is none, the caller's own. ``context`` holds the
    condition keys of the request, in any case; a key that is not there is absent, nothing is filled in. An empty list
    is an absent key. ``further`` holds condition keys too; it is read only if a policy asks about a key that
    ``context`` lacks. No key may be in both.

    ``unknown`` holds the keys whose value is not known, in lower case (:class:`podrole.iam.unknown.UnknownKeys`). It is
    asked only about keys that neither of them has.

    With ``partial`` the resource is one that could not be told exactly: the ARN has a ``*`` where it may be anything.
    An Allow then counts only where it covers all that the resource can be, and a Deny where it means anything of it.
    Without ``partial`` an asterisk is an asterisk: AWS itself asks about ``…:instance/*`` before there is an instance.

    (A Struct, as the principal is: one is made for every request, in an eighth of the time that a frozen dataclass
    takes.)
    """

    principal: Principal
    action: str
    resource: str
    resource_account: str = ""
    context: Mapping[str, str | Sequence[str]] = msgspec.field(default_factory=dict)
    partial: bool = False
    unknown: Container[str] = frozenset()
    further: Mapping[str, str | Sequence[str]] = msgspec.field(default_factory=dict)

    @property
    def keys(self) -> dict[str, str | Sequence[str]]:
        """All condition keys, as they were given."""
        return {**self.context, **self.further}


class Facts:
    """A request as the matchers read it; what costs time is worked out when it is first asked for."""

    __slots__ = (
        "_context",
        "_is_complete",
        "_parts",
        "action",
        "has_boundary",
        "in_favor",
        "name",
        "partial",
        "principal",
        "request",
        "resource",
        "service",
        "unknown",
    )

    def __init__(self, request: Request, *, has_boundary: bool = False, in_favor: bool = False) -> None:
        """Raise :class:`InvalidRequest` for an action that is no ``service:Name``.

        ``in_favor`` reads what is unknown in the caller's favor (podrole.iam.possible).
        """
        self.action = request.action.lower()
        service, _, name = self.action.partition(":")
        if not service or not name or ":" in name or "*" in name or "?" in name:
            raise InvalidRequest(
                "The action asked for is not one action.",
                got=repr(request.action),
                expected="service:Name, without wildcards",
            )
        self.request = request
        self.principal = request.principal
        self.service = service
        self.name = name
        self.resource = request.resource
        self.partial = request.partial
        self.unknown = request.unknown
        self.has_boundary = has_boundary
        self.in_favor = in_favor
        self._context: dict[str, tuple[str, ...]] | None = None
        self._is_complete = False
        self._parts: list[str] | None = None

    @property
    def context(self) -> dict[str, tuple[str, ...]]:
        """All condition keys in lower case. Raises :class:`InvalidRequest` for a value that is not text."""
        if self._is_complete and self._context is not None:
            return self._context
        normalised = {} if self._context is None else self._context
        if self._context is None:
            _normalise(self.request.context, normalised)
        _normalise(self.request.further, normalised)
        self._context, self._is_complete = normalised, True
        return normalised

    def values_of(self, key: str) -> tuple[str, ...] | UnknownValue | None:
        """Return the values of a key, given in lower case; ``None`` if it is absent.

        Raises :class:`InvalidRequest` as ``context``.
        """
        context = self._context
        if context is None:
            context = {}
            _normalise(self.request.context, context)
            self._context = context
        values = context.get(key)
        if values is None and not self._is_complete:
            values = self.context.get(key)
        if values is None and key in self.unknown:
            return UNKNOWN
        return values

    @property
    def resource_parts(self) -> list[str]:
        """The resource's six parts; empty for ``*`` and for anything that is not an ARN."""
        parts = self._parts
        if parts is None:
            parts = self.resource.split(":", 5)
            self._parts = parts = parts if len(parts) == 6 else []
        return parts


def _normalise(context: Mapping[str, str | Sequence[str]], normalised: dict[str, tuple[str, ...]]) -> None:
    """Add the keys to those found. Raises InvalidRequest."""
    for key, value in context.items():
        if not isinstance(key, str):
            raise InvalidRequest("A condition key is not text.", got=type(key).__name__, expected="a string")
        folded = key.lower()
        if isinstance(value, str) and folded not in normalised:  # nearly always
            normalised[folded] = (value,)
            continue
        values: list[str] = []
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if not isinstance(item, str):
                raise InvalidRequest(
                    f"The condition key {key} has a value that is not text.",
                    got=type(item).__name__,
                    expected="a string or a list of strings",
                )
            values.append(item)
        if values:
            # Two keys that differ only in case are one key with both values: a tag "Team" beside a tag "team".
            normalised[folded] = (*normalised.get(folded, ()), *values)
