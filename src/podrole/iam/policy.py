"""A policy, validated and compiled: immutable, and cheap to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from podrole.iam.conditions import Condition
from podrole.iam.elements import ActionElement, ResourceElement
from podrole.iam.principal_element import Grant, PrincipalElement
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN, Truth

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
    """``None`` if the kind of policy has no such element: then it means whom the policy is attached to."""
    conditions: tuple[Condition, ...]

    def applies(self, facts: Facts) -> bool:
        """Say whether every element means the request."""
        return self.speaks_of_action(facts) and self.applies_beyond_action(facts)

    def speaks_of_action(self, facts: Facts) -> bool:
        """Say whether the action element means the request. An undecided one lets a Deny apply, and an Allow not."""
        actions = self.actions
        return actions.matches(facts) and (self.effect is Effect.DENY or not actions.is_undecided(facts))

    def applies_beyond_action(self, facts: Facts) -> bool:
        """Say whether every element but the action means the request. The order is the order of cost.

        An element whose answer is unknown lets a Deny apply, and an Allow not.
        """
        resources = self.resources
        if resources is not None:
            answer = self.means_resource(facts) if facts.partial else resources.matches(facts)
            if answer is False or (answer is UNKNOWN and not self.accepts(answer, facts)):
                return False
        if self.principal is not None and self.principal.grant(facts) is Grant.NONE:
            return False
        for condition in self.conditions:
            answer = condition.holds(facts)
            if answer is False or (answer is UNKNOWN and not self.accepts(answer, facts)):
                return False
        return True

    def accepts(self, answer: Truth, facts: Facts) -> bool:
        """Say whether the statement can apply if one of its elements gives this answer: a Deny needs that it is not
        false, an Allow that it is true; the other way round where the request is read in the caller's favor."""
        return answer is True or (answer is UNKNOWN and (self.effect is Effect.DENY) is not facts.in_favor)

    def means_resource(self, facts: Facts) -> Truth:
        """Say whether the Resource element means the request's: all that it can be for an Allow, any for a Deny."""
        if self.resources is None:
            return True
        if not facts.partial:
            return self.resources.matches(facts)
        return self.resources.covers(facts) if self.effect is Effect.ALLOW else self.resources.touches(facts)

    @property
    def reference(self) -> str:
        """The statement's Sid with its place, as a person looks for it."""
        return f"{self.sid} ({self.path})" if self.sid else self.path


class Policy:
    """A compiled policy. ``text`` is the document as it was given."""

    __slots__ = ("_by_action", "_by_service", "_others", "id", "kind", "statements", "text", "version")

    def __init__(
        self, kind: PolicyKind, version: str, identifier: str, statements: Sequence[Statement], text: str
    ) -> None:
        self.kind = kind
        self.version = version
        self.id = identifier
        self.statements = tuple(statements)
        self.text = text
        # A look at the service spares asking every statement; which of those found speaks of the action, it says
        # itself.
        named = {service for statement in statements for service in statement.actions.services or ()}
        self._others = tuple(statement for statement in statements if statement.actions.services is None)
        self._by_service = {
            service: tuple(
                statement
                for statement in statements
                if statement.actions.services is None or service in statement.actions.services
            )
            for service in named
        }
        self._by_action: dict[str, _ByEffect] = {}

    def denying(self, facts: Facts) -> Statement | None:
        """Return the first Deny that applies."""
        for statement in self._about(facts)[0]:
            if statement.applies_beyond_action(facts):
                return statement
        return None

    def allowing(self, facts: Facts) -> Statement | None:
        """Return the first Allow that applies. It grants nothing if a Deny applies too."""
        for statement in self._about(facts)[1]:
            if statement.applies_beyond_action(facts):
                return statement
        return None

    def granting(self, facts: Facts) -> tuple[Grant, Statement | None]:
        """Return how far the Allows carry that apply, by the principals they name, and the one that carries
        farthest."""
        best, by = Grant.NONE, None
        for statement in self._about(facts)[1]:
            if statement.principal is not None and statement.applies_beyond_action(facts):
                grant = statement.principal.grant(facts)
                if grant > best:
                    best, by = grant, statement
        return best, by

    def _about(self, facts: Facts) -> _ByEffect:
        """Return the statements that speak of the action: Denys and Allows. It depends on nothing else, so it is
        kept."""
        by_effect = self._by_action.get(facts.action)
        if by_effect is None:
            speaking = [
                statement
                for statement in self._by_service.get(facts.service, self._others)
                if statement.speaks_of_action(facts)
            ]
            by_effect = (
                tuple(statement for statement in speaking if statement.effect is Effect.DENY),
                tuple(statement for statement in speaking if statement.effect is Effect.ALLOW),
            )
            if len(self._by_action) >= _MOST_ACTIONS:  # no caller fills the memory with names that do not exist
                self._by_action.clear()
            self._by_action[facts.action] = by_effect
        return by_effect


_ByEffect = tuple[tuple[Statement, ...], tuple[Statement, ...]]
_MOST_ACTIONS = 512
