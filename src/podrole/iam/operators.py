"""The condition operators: what each compares, and how.

A *comparison* holds the policy's values, compiled, and answers for one value of the request whether any of them fits.
Negation, missing keys and sets of values are not its affair: see :mod:`podrole.iam.conditions`.

Source: AWS, "IAM JSON policy elements: Condition operators". AWS leaves open what a value of the wrong type does.
Here a malformed value in the policy fits nothing, and a negated operator does not hold by it either; a malformed
value in the request makes the condition false, except for the String operators, to which every text is well-formed.
A policy variable whose value is unknown may fit or not: see :mod:`podrole.iam.unknown`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from podrole.iam.patterns import Glob, GlobSet
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN, Truth
from podrole.iam.values import parse_address, parse_binary, parse_boolean, parse_network, parse_number, parse_time
from podrole.iam.variables import Part, PartlyUnknown, expand, fixed, parts

Order = Callable[[Decimal, Decimal], bool]


class Comparison(Protocol):
    """The values of one key under one operator, compiled."""

    malformed: bool
    """Whether a value of the policy is not of the operator's type."""

    def fits(self, value: str, facts: Facts) -> Truth | None:
        """Say whether any of the policy's values fits; ``None`` where ``value`` is not of the operator's type."""


class Texts:
    """The String operators: equal, equal but for case, or like a pattern."""

    malformed = False

    def __init__(self, values: Sequence[str], *, variables: bool, like: bool, fold: bool) -> None:
        patterns = [parts(value.lower() if fold else value, wildcards=like, variables=variables) for value in values]
        self._fold = fold
        self._fixed = GlobSet(Glob(tokens) for pattern in patterns if (tokens := fixed(pattern)) is not None)
        self._varying = [pattern for pattern in patterns if fixed(pattern) is None]

    def fits(self, value: str, facts: Facts) -> Truth | None:
        """Compare the whole text."""
        if self._fold:
            value = value.lower()
        if self._fixed.matches(value):
            return True
        result: Truth = False
        for pattern in self._varying:
            expanded = expand(pattern, facts)
            if expanded is None:
                continue
            partly_unknown = isinstance(expanded, PartlyUnknown)
            if self._fold:
                expanded = [token.lower() if isinstance(token, str) else token for token in expanded]
            if Glob(expanded).matches(value):
                if not partly_unknown:
                    return True
                result = UNKNOWN
        return result


class ARNs:
    """ArnEquals and ArnLike, which are the same: part by part, a wildcard never crossing one of the first five colons.

    Nor does a variable: where the policy writes all five colons itself, a colon in a value (a tag that the caller
    chose) is text within its part. Only a pattern with fewer colons of its own takes them from its variables.
    """

    def __init__(self, values: Sequence[str], *, variables: bool) -> None:
        patterns = [parts(value, wildcards=True, variables=variables) for value in values]
        split = [_split(pattern) for pattern in patterns if fixed(pattern) is not None]
        self._fixed = [_looked_at(globs) for pattern_parts in split if (globs := _globs(pattern_parts)) is not None]
        self.malformed = len(self._fixed) < len(split)
        self._varying = [(pattern, _split(pattern)) for pattern in patterns if fixed(pattern) is None]

    def fits(self, value: str, facts: Facts) -> Truth | None:
        """Compare an ARN of six parts."""
        arn_parts = value.split(":", 5)
        if len(arn_parts) < 6:
            return None
        for pattern in self._fixed:
            if _all_match(pattern, arn_parts):
                return True
        if not self._varying:
            return False
        answers = [self._fits_varying(whole, split, arn_parts, facts) for whole, split in self._varying]
        if True in answers:
            return True
        return UNKNOWN if UNKNOWN in answers else None if None in answers else False

    @staticmethod
    def _fits_varying(
        whole: Sequence[Part], split: Sequence[Sequence[Part]], arn_parts: Sequence[str], facts: Facts
    ) -> Truth | None:
        """Compare with one pattern that has variables; ``None`` where their values make it no ARN."""
        if len(split) < 6:
            expanded = expand(whole, facts)
            if expanded is None:
                return False
            if isinstance(expanded, PartlyUnknown):
                return UNKNOWN  # the value may hold the colons that are missing
            globs = _globs(_split(expanded))
            return None if globs is None else _all_match(_looked_at(globs), arn_parts)
        values = [expand(part, facts) for part in split]
        globs = [Glob(part) for part in values if part is not None]
        if len(globs) < len(values) or not _all_match(_looked_at(globs), arn_parts):
            return False
        return UNKNOWN if any(isinstance(part, PartlyUnknown) for part in values) else True


class Ordered:
    """The Numeric and Date operators."""

    def __init__(self, values: Sequence[str], read: Callable[[str], Decimal | None], order: Order) -> None:
        parsed = [read(value) for value in values]
        self._values = [value for value in parsed if value is not None]
        self.malformed = len(self._values) < len(parsed)
        self._read = read
        self._order = order

    def fits(self, value: str, facts: Facts) -> bool | None:  # noqa: ARG002  # the protocol's
        """Compare by order, the request's value on the left."""
        asked = self._read(value)
        if asked is None:
            return None
        order = self._order
        return True in [order(asked, limit) for limit in self._values]


class Exactly:
    """Bool and BinaryEquals: equal after reading both sides."""

    def __init__(self, values: Sequence[str], read: Callable[[str], bool | bytes | None]) -> None:
        self._values = frozenset(read(value) for value in values)
        self.malformed = None in self._values
        self._read = read

    def fits(self, value: str, facts: Facts) -> bool | None:  # noqa: ARG002  # the protocol's
        """Compare what both sides say."""
        asked = self._read(value)
        return None if asked is None else asked in self._values


class Addresses:
    """IpAddress: the address lies in the block. A block of IPv4 holds no IPv6 address, and the other way round."""

    def __init__(self, values: Sequence[str]) -> None:
        parsed = [parse_network(value) for value in values]
        self._networks = [network for network in parsed if network is not None]
        self.malformed = None in parsed

    def fits(self, value: str, facts: Facts) -> bool | None:  # noqa: ARG002  # the protocol's
        """Look for the address in the blocks."""
        address = parse_address(value)
        if address is None:
            return None
        version, number = address
        return True in [
            version == network_version and number & mask == network for network_version, network, mask in self._networks
        ]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator as the documentation names it, without set qualifier and IfExists."""

    name: str
    build: Callable[[Sequence[str], bool], Comparison]
    """Compile the policy's values; the flag says whether policy variables are in force."""
    negated: bool = False


def _texts(*, like: bool = False, fold: bool = False) -> Callable[[Sequence[str], bool], Comparison]:
    return lambda values, variables: Texts(values, variables=variables, like=like, fold=fold)


def _ordered(read: Callable[[str], Decimal | None], order: Order) -> Callable[[Sequence[str], bool], Comparison]:
    return lambda values, _: Ordered(values, read, order)


def _arns(values: Sequence[str], variables: bool) -> Comparison:
    return ARNs(values, variables=variables)


_ORDERS: tuple[tuple[str, Order], ...] = (
    ("Equals", operator.eq),
    ("LessThan", operator.lt),
    ("LessThanEquals", operator.le),
    ("GreaterThan", operator.gt),
    ("GreaterThanEquals", operator.ge),
)

OPERATORS: dict[str, Operator] = {
    condition_operator.name: condition_operator
    for condition_operator in (
        Operator("StringEquals", _texts()),
        Operator("StringNotEquals", _texts(), negated=True),
        Operator("StringEqualsIgnoreCase", _texts(fold=True)),
        Operator("StringNotEqualsIgnoreCase", _texts(fold=True), negated=True),
        Operator("StringLike", _texts(like=True)),
        Operator("StringNotLike", _texts(like=True), negated=True),
        *(Operator(f"Numeric{name}", _ordered(parse_number, order)) for name, order in _ORDERS),
        Operator("NumericNotEquals", _ordered(parse_number, operator.eq), negated=True),
        *(Operator(f"Date{name}", _ordered(parse_time, order)) for name, order in _ORDERS),
        Operator("DateNotEquals", _ordered(parse_time, operator.eq), negated=True),
        Operator("Bool", lambda values, _: Exactly(values, parse_boolean)),
        Operator("BinaryEquals", lambda values, _: Exactly(values, parse_binary)),
        Operator("IpAddress", lambda values, _: Addresses(values)),
        Operator("NotIpAddress", lambda values, _: Addresses(values), negated=True),
        Operator("ArnEquals", _arns),
        Operator("ArnLike", _arns),
        Operator("ArnNotEquals", _arns, negated=True),
        Operator("ArnNotLike", _arns, negated=True),
    )
}
"""Every operator but ``Null``, which compares nothing."""


def _split(pattern: Sequence[Part]) -> list[list[Part]]:
    """Cut a pattern at its first five colons: six parts, or fewer where colons are missing."""
    arn_parts: list[list[Part]] = [[]]
    for part in pattern:
        if isinstance(part, str):
            first, *others = part.split(":", 6 - len(arn_parts))
            arn_parts[-1].append(first)
            arn_parts.extend([other] for other in others)
        else:
            arn_parts[-1].append(part)
    return arn_parts


def _globs(split: Sequence[Sequence[Part]]) -> list[Glob] | None:
    """Compile six parts without variables; ``None`` where there are not six."""
    tokens = [fixed_part for part in split if (fixed_part := fixed(part)) is not None]
    return [Glob(token) for token in tokens] if len(tokens) == 6 else None


_ARNParts = list[tuple[int, Glob]]


def _looked_at(globs: Sequence[Glob]) -> _ARNParts:
    """Number the parts and leave out those that are a lone star, and so anything."""
    return [(index, part_glob) for index, part_glob in enumerate(globs) if part_glob.prefix != ""]


def _all_match(pattern: _ARNParts, arn_parts: Sequence[str]) -> bool:
    for index, part_glob in pattern:  # noqa: SIM110  # all() over a generator costs as much again
        if not part_glob.matches(arn_parts[index]):
            return False
    return True
