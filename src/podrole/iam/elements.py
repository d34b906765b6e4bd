"""The Action and Resource elements of a statement, and their opposites, compiled.

Source: AWS, "IAM JSON policy elements: Action", "… NotAction", "… Resource", "… NotResource".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from podrole.iam.actions.reference import types_of_resources
from podrole.iam.patterns import Glob, GlobSet, Token, glob, has_wildcard, overlap, tokens
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN, Truth
from podrole.iam.variables import Part, PartlyUnknown, expand, fixed, parts

EVERYTHING = "*"
_EVERY_ACTION = frozenset({EVERYTHING, "*:*"})


class ActionElement:
    """Action or NotAction. Service and name match without regard to case; only the name may hold wildcards.

    AWS takes no wildcard for the service: ``*:Get*`` matches nothing. ``*`` and ``*:*`` match every action.
    """

    __slots__ = ("_by_service", "_everything", "_of_any_service", "actions", "negated")

    def __init__(self, actions: Sequence[str], *, negated: bool = False) -> None:
        self.actions = tuple(actions)
        self.negated = negated
        names: dict[str, list[Glob]] = {}
        for action in actions:
            service, _, name = action.lower().partition(":")
            names.setdefault(service, []).append(glob(name))
        self._everything = not _EVERY_ACTION.isdisjoint(actions)
        self._of_any_service = GlobSet(names.pop(EVERYTHING, ()))
        self._by_service = {service: GlobSet(globs) for service, globs in names.items()}

    @property
    def services(self) -> frozenset[str] | None:
        """The services whose actions the element can match; ``None`` is any."""
        return None if self.negated or self._everything else frozenset(self._by_service)

    def matches(self, facts: Facts) -> bool:
        """Say whether the statement speaks of the action asked for."""
        names = self._by_service.get(facts.service)
        hit = self._everything or (names is not None and names.matches(facts.name))
        return hit is not self.negated

    def is_undecided(self, facts: Facts) -> bool:
        """Say whether a NotAction speaks of the action only because an entry with a wildcard for the service does not
        match."""
        return self.negated and self.matches(facts) and self._of_any_service.matches(facts.name)


class ResourceElement:
    """Resource or NotResource.

    An ARN pattern is compared part by part: a wildcard does not cross one of the first five colons. Case counts. With
    ``completes`` an ARN of fewer than six parts has ``*`` for each missing one, as in an identity-based policy;
    otherwise such an ARN covers whatever follows if it ends in ``*``, and matches nothing if it does not. A request
    without a resource (``*``) is matched by ``*`` alone: a particular ARN says nothing about it, neither in an Allow
    nor in a Deny.

    An ARN with a variable that has no value, or with a wildcard for the service, matches nothing. Under NotResource,
    where that would let everything through, the answer is unknown instead, as it is for a variable whose value is
    unknown, and for a wildcard that stands in the type of the resource.
    """

    __slots__ = ("_everything", "_variables", "_whole", "completes", "negated", "patterns", "resources")

    def __init__(
        self, resources: Sequence[str], *, variables: bool, negated: bool = False, completes: bool = False
    ) -> None:
        self.resources = tuple(resources)
        self.negated = negated
        self.completes = completes
        self._variables = variables
        self._everything = EVERYTHING in resources
        patterns = [self._pattern(text) for text in resources]
        self._whole = GlobSet(pattern.whole for pattern in patterns if pattern.whole is not None)
        self.patterns = tuple(pattern for pattern in patterns if pattern.whole is None)

    def _pattern(self, text: str) -> ARNPattern:
        return ARNPattern(text, variables=self._variables, completes=self.completes)

    def matches(self, facts: Facts) -> Truth:
        """Say whether the statement speaks of the resource asked for."""
        if self._everything:
            return not self.negated
        if self._whole.matches(facts.resource):
            return not self.negated
        undecided = False
        for pattern in self.patterns:
            answer = pattern.matches(facts.resource_parts, facts)
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
            arn_parts = text.split(":", 5) if text.count(":") >= 5 else []
            if not self._whole.matches(text) and not any(
                pattern.matches(arn_parts, facts) is True for pattern in self.patterns
            ):
                return False
        return True

    def _touches(self, facts: Facts) -> bool:
        if self._everything:
            return True
        asked = facts.resource_parts or ["*", "*", "*", "*", "*", "*"]
        asked_tokens = [tokens(part.replace("?", "*")) for part in asked]
        patterns = [self._pattern(text) for text in self.resources]
        return any(
            pattern.touches(asked_tokens, facts) or (self.negated and pattern.is_null(facts)) for pattern in patterns
        )


_TYPE_WITH_WILDCARD = re.compile(r"(?=[^/:]*[*?])[^/:]*[/:](?=.*[^*?/:])")
"""A wildcard in the type of a resource, in front of something definite. ``*/*`` only says that there is a type."""


def _has_type(arn_parts: Sequence[str]) -> bool:
    """Say whether an ARN begins its last part with a type of resource, as the service's documentation has it.

    AWS documents that a wildcard cannot stand in the type, and uses such ARNs in its own policies
    (``arn:aws:ec2:*:*:security-group*/*`` in ROSAInstallerPolicy): whether one matches is not known.
    """
    return re.split("[/:]", arn_parts[5])[0] in types_of_resources(arn_parts[2])


_LONG = 300
"""More characters than a policy's question marks ask for anywhere."""


class ARNPattern:
    """One ARN of a Resource element.

    ``whole`` is set where the ARN as a whole can be compared: without wildcards, or with nothing but a ``*`` at the end
    of its last part. ``never`` says why a pattern that cannot match anything cannot.
    """

    __slots__ = ("_head", "_parts", "_tail", "_variables", "never", "text", "type_has_wildcard", "whole")

    def __init__(self, text: str, *, variables: bool, completes: bool = False) -> None:
        whole = text + f":{EVERYTHING}" * (5 - text.count(":")) if completes else text
        arn_parts = whole.split(":", 5)
        self.text = text
        self._parts = arn_parts
        self._variables = variables
        self.whole: Glob | None = None
        self.never = ""
        self.type_has_wildcard = _TYPE_WITH_WILDCARD.match(":".join(arn_parts[5:])) is not None
        self._tail: tuple[Part, ...] | Glob | None = None  # None: whatever follows
        if variables and any("${" in part for part in arn_parts[:5]):
            self.never = "a policy variable can stand only after the fifth colon of an ARN"
        elif has_wildcard(":".join(arn_parts[2:3])):
            self.never = "the service of an ARN takes no wildcard"
        elif len(arn_parts) < 6:
            if not text.endswith("*"):
                self.never = "an ARN has six parts"
        else:
            tail = parts(arn_parts[5], wildcards=True, variables=variables)
            tokens = fixed(tail)
            self._tail = tail if tokens is None else Glob(tokens)
            if "${" not in whole and not has_wildcard(whole.rstrip("*")):
                self.whole = glob(whole)
        heads = ((index, glob(part)) for index, part in enumerate(arn_parts[:5]))
        self._head = tuple((index, head) for index, head in heads if head.prefix != "")  # "*" needs no look

    def is_null(self, facts: Facts) -> bool:
        """Say whether it can match nothing, or a variable in it has no value."""
        return bool(self.never) or (isinstance(self._tail, tuple) and expand(self._tail, facts) is None)

    def matches(self, arn_parts: Sequence[str], facts: Facts) -> Truth:
        """Compare with the six parts of the resource asked for, none where it is no ARN."""
        if self.never or not arn_parts:
            return False
        for index, head in self._head:
            if not head.matches(arn_parts[index]):
                return False
        tail = self._tail
        if tail is None:
            return True
        if isinstance(tail, Glob):
            answer: Truth = tail.matches(arn_parts[5])
        else:
            expanded = expand(tail, facts)
            if expanded is None or not Glob(expanded).matches(arn_parts[5]):
                return False
            answer = UNKNOWN if isinstance(expanded, PartlyUnknown) else True
        if self.type_has_wildcard and answer is True and _has_type(arn_parts):
            return UNKNOWN
        return answer

    def touches(self, asked_tokens: Sequence[Sequence[Token]], facts: Facts) -> bool:
        """Say whether an ARN can have these six parts, each a pattern, and fit."""
        if self.never:
            return False
        head = self._parts
        if not all(overlap(tokens(part), other) for part, other in zip(head[:5], asked_tokens, strict=False)):
            return False
        if len(head) < 6:
            return True
        tail = expand(parts(head[5], wildcards=True, variables=self._variables), facts)
        return tail is not None and overlap(tail, asked_tokens[5])
