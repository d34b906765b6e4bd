"""The Action and Resource elements of a statement, and their opposites, compiled.

Source: AWS, "IAM JSON policy elements: Action", "… NotAction", "… Resource", "… NotResource".
"""

from __future__ import annotations

from collections.abc import Sequence

from podrole.iam.patterns import Glob, GlobSet, Token, glob, overlap, tokens
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN, Truth
from podrole.iam.variables import Part, PartlyUnknown, expand, fixed, parts

EVERYTHING = "*"


class ActionElement:
    """Action or NotAction. Service and name match without regard to case; only the name may hold wildcards."""

    __slots__ = ("_by_service", "_everywhere", "actions", "negated")

    def __init__(self, actions: Sequence[str], *, negated: bool = False) -> None:
        self.actions = tuple(actions)
        self.negated = negated
        names: dict[str, list[Glob]] = {}
        for action in actions:
            service, _, name = action.lower().partition(":")
            names.setdefault(service, []).append(glob(EVERYTHING if action == EVERYTHING else name))
        everywhere = names.pop(EVERYTHING, None)  # "*" and "*:Get*" speak of every service
        self._everywhere = None if everywhere is None else GlobSet(everywhere)
        self._by_service = {service: GlobSet(globs) for service, globs in names.items()}

    @property
    def services(self) -> frozenset[str] | None:
        """The services whose actions the element can match; ``None`` is any."""
        return None if self.negated or self._everywhere is not None else frozenset(self._by_service)

    def matches(self, facts: Facts) -> bool:
        """Say whether the statement speaks of the action asked for."""
        names = self._by_service.get(facts.service)
        hit = names is not None and names.matches(facts.name)
        if not hit and self._everywhere is not None:
            hit = self._everywhere.matches(facts.name)
        return hit is not self.negated


class ResourceElement:
    """Resource or NotResource.

    An ARN pattern is compared part by part: a wildcard does not cross one of the first five colons, except that a
    pattern of fewer than six parts that ends in ``*`` covers whatever follows. Case counts. A request without a
    resource (``*``) is matched by ``*`` alone: a particular ARN says nothing about it, neither in an Allow nor in a
    Deny.

    An ARN with a variable that has no value matches nothing. Under NotResource, where that would let everything
    through, the answer is unknown instead, as it is for a variable whose value is unknown.
    """

    __slots__ = ("_everything", "_patterns", "_variables", "_whole", "negated", "resources")

    def __init__(self, resources: Sequence[str], *, variables: bool, negated: bool = False) -> None:
        self.resources = tuple(resources)
        self.negated = negated
        self._variables = variables
        self._everything = EVERYTHING in resources
        patterns = [ARNPattern(text, variables=variables) for text in resources]
        self._whole = GlobSet(pattern.whole for pattern in patterns if pattern.whole is not None)
        self._patterns = tuple(pattern for pattern in patterns if pattern.whole is None)

    def matches(self, facts: Facts) -> Truth:
        """Say whether the statement speaks of the resource asked for."""
        if self._everything:
            return not self.negated
        if self._whole.matches(facts.resource):
            return not self.negated
        undecided = False
        found = facts.resource_parts
        for pattern in self._patterns:
            answer = pattern.matches(found, facts)
            if answer is True:
                return not self.negated
            if answer is UNKNOWN or (self.negated and pattern.is_null(facts)):
                undecided = True
        return UNKNOWN if undecided else self.negated

    def covers(self, facts: Facts) -> bool:
        """Say whether the statement speaks of all that a partly known resource can be."""
        return not self._touches(facts) if self.negated else self._covers(facts)

    def touches(self, facts: Facts) -> bool:
        """Say whether the statement speaks of anything that a partly known resource can be."""
        return not self._covers(facts) if self.negated else self._touches(facts)

    def _covers(self, facts: Facts) -> bool:
        if self._everything:
            return True
        # A pattern that fits one strange character and many in the place of what is not known fits whatever stands
        # there.
        for unknown in ("\uffff", "\uffff" * _LONG):
            text = facts.resource.replace("*", unknown)
            found = text.split(":", 5) if text.count(":") >= 5 else []
            if not self._whole.matches(text) and not any(one.matches(found, facts) is True for one in self._patterns):
                return False
        return True

    def _touches(self, facts: Facts) -> bool:
        asked = facts.resource_parts or ["*", "*", "*", "*", "*", "*"]
        found = [tokens(part.replace("?", "*")) for part in asked]
        patterns = [ARNPattern(text, variables=self._variables) for text in self.resources]
        return any(pattern.touches(found, facts) or (self.negated and pattern.is_null(facts)) for pattern in patterns)


_LONG = 300
"""More characters than a policy's question marks ask for anywhere."""


class ARNPattern:
    """One ARN of a Resource element.

    ``whole`` is set where the ARN as a whole can be compared: without wildcards, or with nothing but a ``*`` at the end
    of its last part. ``never`` says why a pattern that cannot match anything cannot.
    """

    __slots__ = ("_head", "_misplaced", "_tail", "_variables", "never", "text", "whole")

    def __init__(self, text: str, *, variables: bool) -> None:
        found = text.split(":", 5)
        self.text = text
        self._variables = variables
        self.whole: Glob | None = None
        self.never = ""
        self._tail: tuple[Part, ...] | Glob | None = None  # None: whatever follows
        self._misplaced = variables and any("${" in part for part in found[:5])
        if self._misplaced:
            self.never = "a policy variable can stand only after the fifth colon of an ARN"
        elif len(found) < 6:
            if not text.endswith("*"):
                self.never = "an ARN has six parts"
        else:
            tail = parts(found[5], wildcards=True, variables=variables)
            tokens = fixed(tail)
            self._tail = tail if tokens is None else Glob(tokens)
            one = glob(text)
            if "${" not in text and (one.exact is not None or one.prefix is not None):
                self.whole = one
        heads = ((index, glob(part)) for index, part in enumerate(found[:5]))
        self._head = tuple((index, one) for index, one in heads if one.prefix != "")  # "*" needs no look

    def is_null(self, facts: Facts) -> bool:
        """Say whether a variable in it has no value, or stands where none can."""
        return self._misplaced or (isinstance(self._tail, tuple) and expand(self._tail, facts) is None)

    def matches(self, found: Sequence[str], facts: Facts) -> Truth:
        """Compare with the six parts of the resource asked for, none where it is no ARN."""
        if self.never or not found:
            return False
        for index, one in self._head:
            if not one.matches(found[index]):
                return False
        tail = self._tail
        if tail is None:
            return True
        if isinstance(tail, Glob):
            return tail.matches(found[5])
        expanded = expand(tail, facts)
        if expanded is None or not Glob(expanded).matches(found[5]):
            return False
        return UNKNOWN if isinstance(expanded, PartlyUnknown) else True

    def touches(self, found: Sequence[Sequence[Token]], facts: Facts) -> bool:
        """Say whether an ARN can have these six parts, each a pattern, and fit."""
        if self.never:
            return False
        head = self.text.split(":", 5)
        if not all(overlap(tokens(part), other) for part, other in zip(head[:5], found[:5], strict=False)):
            return False
        if len(head) < 6:
            return True
        tail = expand(parts(head[5], wildcards=True, variables=self._variables), facts)
        return tail is not None and overlap(tail, found[5])
