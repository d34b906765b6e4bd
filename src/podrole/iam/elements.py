"""The Action and Resource elements of a statement, and their opposites, compiled.

Source: AWS, "IAM JSON policy elements: Action", "… NotAction", "… Resource", "… NotResource".
"""

from __future__ import annotations

from collections.abc import Sequence

from podrole.iam.patterns import Glob, GlobSet, glob
from podrole.iam.request import Facts
from podrole.iam.variables import Part, expand, fixed, parts

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
    """

    __slots__ = ("_everything", "_patterns", "_whole", "negated", "resources")

    def __init__(self, resources: Sequence[str], *, variables: bool, negated: bool = False) -> None:
        self.resources = tuple(resources)
        self.negated = negated
        self._everything = EVERYTHING in resources
        patterns = [ARNPattern(text, variables=variables) for text in resources if text != EVERYTHING]
        self._whole = GlobSet(pattern.whole for pattern in patterns if pattern.whole is not None)
        self._patterns = tuple(pattern for pattern in patterns if pattern.whole is None)

    def matches(self, facts: Facts) -> bool:
        """Say whether the statement speaks of the resource asked for."""
        if self._everything:
            return not self.negated
        hit = self._whole.matches(facts.resource)
        if not hit and self._patterns:
            found = facts.resource_parts
            for pattern in self._patterns:
                if pattern.matches(found, facts):
                    hit = True
                    break
        return hit is not self.negated


class ARNPattern:
    """One ARN of a Resource element.

    ``whole`` is set where the ARN as a whole can be compared: without wildcards, or with nothing but a ``*`` at the end
    of its last part. ``never`` says why a pattern that cannot match anything cannot.
    """

    __slots__ = ("_head", "_tail", "never", "text", "whole")

    def __init__(self, text: str, *, variables: bool) -> None:
        found = text.split(":", 5)
        self.text = text
        self.whole: Glob | None = None
        self.never = ""
        self._tail: tuple[Part, ...] | Glob | None = None  # None: whatever follows
        if variables and any("${" in part for part in found[:5]):
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

    def matches(self, found: Sequence[str], facts: Facts) -> bool:
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
        return expanded is not None and Glob(expanded).matches(found[5])
