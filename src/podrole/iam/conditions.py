"""One key of a Condition element: negation, sets of values, and what a key does that is absent or unknown.

==========================  ============================  ==================
form                        on an absent key              on an unknown key
==========================  ============================  ==================
positive operator           false                         unknown
negated operator            **true**                      unknown
any with ``IfExists``       **true**                      unknown
``Null``: true, false       true, false                   unknown
``ForAllValues:`` anything  **true**, also on an          unknown
                            empty set
``ForAnyValue:`` anything   false, unless with            unknown
                            ``IfExists``
==========================  ============================  ==================

Source: AWS, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context keys". AWS
does not say what ``ForAnyValue:…IfExists`` does on a missing key; here ``IfExists`` decides. What follows from a
condition that is unknown: :mod:`podrole.iam.unknown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from podrole.iam.operators import OPERATORS, Comparison
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN, Truth, UnknownValue, all_of, any_of
from podrole.iam.values import parse_boolean

IF_EXISTS: Final = "IfExists"
NULL: Final = "Null"


class Qualifier(StrEnum):
    """The set operators."""

    FOR_ALL_VALUES = "ForAllValues"
    FOR_ANY_VALUE = "ForAnyValue"


class UnknownOperator(ValueError):
    """A condition operator that IAM does not know."""


class Condition:
    """One operator, one key and the policy's values. All conditions of a statement must hold.

    ``operator`` and ``key`` are as written. Raises :class:`UnknownOperator` at construction.
    """

    __slots__ = (
        "_can_hold",
        "_comparison",
        "_key",
        "_wanted",
        "_when_missing",
        "_when_present",
        "base",
        "if_exists",
        "key",
        "negated",
        "operator",
        "qualifier",
        "values",
    )

    def __init__(self, operator: str, key: str, values: Sequence[str], *, variables: bool) -> None:
        self.operator = operator
        self.key = key
        self.values = tuple(values)
        self._key = key.lower()
        self.qualifier, self.base, self.if_exists = read_operator(operator)
        self._comparison: Comparison | None = None
        self.negated = False
        if self.base == NULL:
            wanted = {parse_boolean(value) for value in values}
            self._when_missing, self._when_present = True in wanted, False in wanted
            return
        known = OPERATORS[self.base]
        self.negated = known.negated
        self._comparison = known.build(self.values, variables)
        # The operator holds for a value that fits any of the policy's, or, negated, for one that fits none of them.
        self._wanted = not known.negated
        self._can_hold = not (known.negated and self._comparison.malformed)
        self._when_missing = self.if_exists or (
            self.negated if self.qualifier is None else self.qualifier is Qualifier.FOR_ALL_VALUES
        )

    def found(self, facts: Facts) -> tuple[str, ...] | UnknownValue | None:
        """Return the request's values of the key, ``None`` if the request does not have the key."""
        return facts.values_of(self._key)

    def holds(self, facts: Facts) -> Truth:
        """Say whether the condition is met."""
        request_values = facts.values_of(self._key)
        if request_values is None:
            return self._when_missing
        if request_values is UNKNOWN:
            return UNKNOWN
        comparison = self._comparison
        if comparison is None:  # Null, which compares nothing
            return self._when_present
        if self.qualifier is None:
            # Several values under an operator for one: AWS matches neither the operator nor its opposite.
            if len(request_values) != 1:
                return False
            fits = comparison.fits(request_values[0], facts)
            if fits is self._wanted:
                return self._can_hold
            return UNKNOWN if fits is UNKNOWN and self._can_hold else False
        answers = [comparison.fits(value, facts) for value in request_values]
        for_all = self.qualifier is Qualifier.FOR_ALL_VALUES
        if not any(request_values):  # a set of nothing but empty strings is a null set
            return for_all
        if not self._can_hold:
            return False
        if UNKNOWN in answers:
            truths = [UNKNOWN if answer is UNKNOWN else answer is self._wanted for answer in answers]
            return all_of(truths) if for_all else any_of(truths)
        return answers.count(self._wanted) == len(answers) if for_all else self._wanted in answers

    @property
    def has_malformed_values(self) -> bool:
        """Whether a value of the policy is not of the operator's type."""
        return self._comparison is not None and self._comparison.malformed

    def cannot_read(self, value: str, facts: Facts) -> bool:
        """Say whether a value of the request is not of the operator's type."""
        return self._comparison is not None and self._comparison.fits(value, facts) is None


def read_operator(text: str) -> tuple[Qualifier | None, str, bool]:
    """Take an operator apart into set qualifier, name and IfExists.

    Names are compared as documented, case and all. ``Null`` takes neither qualifier nor IfExists. Raises
    :class:`UnknownOperator`.
    """
    prefix, colon, rest = text.rpartition(":")
    base = rest.removesuffix(IF_EXISTS)
    known = base in OPERATORS or (base == NULL == text)
    if not known or (colon and prefix not in set(Qualifier)):
        raise UnknownOperator(text)
    return Qualifier(prefix) if colon else None, base, rest != base
