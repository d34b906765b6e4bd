"""A policy, validated and compiled: immutable, and cheap to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from podrole.iam.conditions import Condition
from podrole.iam.elements import ActionElement, ResourceElement
from podrole.iam.principal import Grant, PrincipalElement
from podrole.iam.request import Facts

CURRENT_VERSION = "2012-10-17"
OLD_VERSION = "2008-10-17"


class Effect(StrEnum):
    """What a statement that applies does."""

    ALLOW = "Allow"
    DENY = "Deny"


class PolicyKind(StrEnum):
    """What a policy is attached to, which settles its grammar and its part in a decision."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    SESSION = "session"
    BOUNDARY = "boundary"
    SCP = "scp"
    RCP = "rcp"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``index`` counts from 0; ``path`` is its JSON path."""

    index: int
    path: str
    sid: str
    effect: Effect
    actions: ActionElement
    resources: ResourceElement | None
    """``None`` where the kind of policy has no such element, or a resource policy leaves it out: its own resource."""
    principal: PrincipalElement | None
    """``None`` where the kind of policy has no such element: whoever it is attached to."""
    conditions: tuple[Condition, ...]

    def applies(self, facts: Facts) -> bool:
        """Say whether every element means the request. The order is the order of cost."""
        if not self.actions.matches(facts):
            return False
        if self.resources is not None and not self.resources.matches(facts):
            return False
        if self.principal is not None and self.principal.grant(facts) is Grant.NONE:
            return False
        for condition in self.conditions:  # noqa: SIM110  # all() over a generator costs as much again
            if not condition.holds(facts):
                return False
        return True

    @property
    def reference(self) -> str:
        """The statement's Sid with its place, as a person looks for it."""
        return f"{self.sid} ({self.path})" if self.sid else self.path


class Policy:
    """A compiled policy. ``text`` is the document as it was given."""

    __slots__ = ("_by_service", "_others", "id", "kind", "statements", "text", "version")

    def __init__(
        self, kind: PolicyKind, version: str, identifier: str, statements: Sequence[Statement], text: str
    ) -> None:
        self.kind = kind
        self.version = version
        self.id = identifier
        self.statements = tuple(statements)
        self.text = text
        # A look at the service spares asking every statement; which of those found applies, only the statement says.
        named = {service for statement in statements for service in statement.actions.services or ()}
        self._others = _by_effect([one for one in statements if one.actions.services is None])
        self._by_service = {
            service: _by_effect(
                [one for one in statements if one.actions.services is None or service in one.actions.services]
            )
            for service in named
        }

    def denying(self, facts: Facts) -> Statement | None:
        """Return the first Deny that applies."""
        for statement in self._by_service.get(facts.service, self._others)[0]:
            if statement.applies(facts):
                return statement
        return None

    def allowing(self, facts: Facts) -> Statement | None:
        """Return the first Allow that applies. It is no grant while a Deny applies too."""
        for statement in self._by_service.get(facts.service, self._others)[1]:
            if statement.applies(facts):
                return statement
        return None

    def granting(self, facts: Facts) -> tuple[Grant, Statement | None]:
        """Return how far the Allows carry that apply, by the principals they name, and the one that carries
        farthest."""
        best, by = Grant.NONE, None
        for statement in self._by_service.get(facts.service, self._others)[1]:
            if statement.principal is not None and statement.applies(facts):
                grant = statement.principal.grant(facts)
                if grant > best:
                    best, by = grant, statement
        return best, by


_ByEffect = tuple[tuple[Statement, ...], tuple[Statement, ...]]


def _by_effect(statements: Sequence[Statement]) -> _ByEffect:
    denies = tuple(one for one in statements if one.effect is Effect.DENY)
    return denies, tuple(one for one in statements if one.effect is Effect.ALLOW)
