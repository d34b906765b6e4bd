"""The nearest miss: one sentence on why an element that almost fits does not.

Nothing here decides. Each function is asked about an element that the matchers have already refused, and looks for what
a person most likely meant; where it finds nothing it stays silent. Actions and resources are here, principals in
:mod:`podrole.iam.nearest_principal`, conditions in :mod:`podrole.iam.nearest_condition`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from podrole.iam.actions.reference import service
from podrole.iam.elements import ARNPattern, ResourceElement
from podrole.iam.patterns import glob
from podrole.iam.policy import CURRENT_VERSION, OLD_VERSION, Policy, Statement
from podrole.iam.request import NO_RESOURCE, Facts
from podrole.iam.undecided import undecided_resource
from podrole.iam.variables import parts, without_value

_ARN_PARTS = ("prefix", "partition", "service", "region", "account", "resource")
OLD_VERSION_HINT = f"Version {OLD_VERSION} leaves ${{…}} as literal text; variables need Version {CURRENT_VERSION}"
_NO_WILDCARD = "the service of an action takes no wildcard"
_SIMILAR = 0.75
_LONGEST = 300
"""Comparing for likeness takes time by the square of the length; names are shorter than this."""
_MOST = 200


class Near(StrEnum):
    """What was probably meant, by a name that does not change."""

    ACTION_LISTED_BY_NOT_ACTION = "listed-by-not-action"
    ACTION_OF_ANY_SERVICE = "action-of-any-service"
    ACTION_OF_OTHER_CALLERS = "action-of-other-callers"
    ACTION_BESIDE = "action-beside"
    ACTION_MISSPELT = "action-misspelt"
    RESOURCE = "resource"
    PRINCIPAL_TYPE = "principal-type"
    PRINCIPAL_ACCOUNT = "principal-account"
    PRINCIPAL_SPELLING = "principal-spelling"
    PRINCIPAL_WILDCARD = "principal-wildcard"
    OTHER_PROVIDER = "other-provider"
    OTHER_PRINCIPAL = "other-principal"
    PRINCIPAL_DELETED = "principal-deleted"
    OLD_VERSION = "old-version"
    SCHEME_IN_KEY = "scheme-in-key"
    PORT_IN_KEY = "port-in-key"
    SLASH_IN_KEY = "slash-in-key"
    ARN_IN_KEY = "arn-in-key"
    NO_SUCH_KEY = "no-such-key"
    OTHER_ISSUER = "other-issuer"
    KEY_MISSPELT = "key-misspelt"
    SEVERAL_VALUES = "several-values"
    VARIABLE_WITHOUT_VALUE = "variable-without-value"
    UNKNOWN_VALUE = "unknown-value"
    MALFORMED = "malformed"
    LITERAL_WILDCARD = "literal-wildcard"
    SWAPPED_CLAIMS = "swapped-claims"
    OTHER_SERVICE_ACCOUNT = "other-service-account"
    SUBJECT_FORM = "subject-form"
    ALMOST_EQUAL = "almost-equal"
    SESSION_FOR_ROLE = "session-for-role"
    ADDRESS_FAMILY = "address-family"


class Hint(NamedTuple):
    """The nearest miss, and the sentence that says it."""

    near: Near
    text: str


def action_hint(statement: Statement, facts: Facts) -> Hint | None:
    """Say what the statement's actions miss."""
    asked = f"{facts.service}:{facts.name}"
    listed = [action.lower() for action in statement.actions.actions]
    if statement.actions.is_undecided(facts):
        return Hint(Near.ACTION_OF_ANY_SERVICE, f"{_NO_WILDCARD}, so it is unknown what NotAction leaves out")
    if statement.actions.negated:
        return Hint(Near.ACTION_LISTED_BY_NOT_ACTION, "NotAction lists this action")
    if any(entry.startswith("*:") and glob(entry[2:]).matches(facts.name) for entry in listed):
        return Hint(Near.ACTION_OF_ANY_SERVICE, f"{_NO_WILDCARD}; write {facts.service}:…")
    if asked == "sts:assumerolewithwebidentity" and "sts:assumerole" in listed:
        return Hint(
            Near.ACTION_OF_OTHER_CALLERS,
            "a web identity comes by sts:AssumeRoleWithWebIdentity; sts:AssumeRole is for users, roles and services",
        )
    if asked == "sts:assumerole" and "sts:assumerolewithwebidentity" in listed:
        return Hint(
            Near.ACTION_OF_OTHER_CALLERS,
            "sts:AssumeRoleWithWebIdentity is for tokens; this caller signs and needs sts:AssumeRole",
        )
    if asked in ("sts:tagsession", "sts:setsourceidentity"):
        return Hint(
            Near.ACTION_BESIDE,
            f"the session asks for {facts.request.action}, which has to be allowed beside the assumption itself",
        )
    similar = similar_to(asked, [action for action in listed if action.startswith(f"{facts.service}:")])
    if not similar:
        return None
    written = statement.actions.actions[listed.index(similar)]
    known = service(facts.service)
    if known is not None and known.action(written.partition(":")[2]) is not None:
        return None  # another action, and no misspelling
    return Hint(Near.ACTION_MISSPELT, f"{written} looks like a misspelling of {facts.request.action}")


def resource_hint(statement: Statement, facts: Facts, policy: Policy) -> Hint | None:
    """Say what the statement's resources miss."""
    element = statement.resources
    if element is None:
        return None
    variables = policy.version == CURRENT_VERSION
    if undecided := undecided_resource(element, facts):
        return Hint(Near.UNKNOWN_VALUE, undecided)
    if element.negated:
        return Hint(Near.RESOURCE, "NotResource lists this resource")
    if facts.resource == NO_RESOURCE:
        return Hint(Near.RESOURCE, 'this action takes no resource: only "Resource": "*" speaks of it')
    if not variables and any("${" in text for text in element.resources):
        return Hint(Near.OLD_VERSION, OLD_VERSION_HINT)
    return first_hint(Near.RESOURCE, (_resource_miss(text, facts, variables, element) for text in element.resources))


def _resource_miss(text: str, facts: Facts, variables: bool, element: ResourceElement) -> str:
    if never := ARNPattern(text, variables=variables, completes=element.completes).never:
        return f"{text} matches nothing: {never}"
    if missing := without_value(parts(text, wildcards=True, variables=variables), facts):
        return f"{', '.join(missing)} has no value in this request"
    if facts.resource.startswith(f"{text}/"):
        return f"{text} does not cover what lies in it; that is {text}/*"
    if text == f"{facts.resource}/*":
        return f"{text} covers what lies in it, not the thing itself; that is {facts.resource}"
    pattern, resource_parts = text.split(":", 5), facts.resource_parts
    if len(pattern) < 6 or not resource_parts:
        return ""
    differ = [index for index in range(6) if not glob(pattern[index]).matches(resource_parts[index])]
    if len(differ) != 1:
        return ""
    index = differ[0]
    if pattern[index].lower() == resource_parts[index].lower():
        return f"differs only in case: {difference(pattern[index], resource_parts[index])}"
    part = _ARN_PARTS[index]
    return (
        f"differs only in the {part}: {difference(pattern[index], resource_parts[index])}" if part != "resource" else ""
    )


def difference(policy: str, request: str) -> str:
    """Say what the policy has and what the request has."""
    return f"the policy has {policy!r}, the request {request!r}"


def first_hint(near: Near, texts: Iterable[str]) -> Hint | None:
    """Return a hint of the first text that is not empty."""
    return next((Hint(near, text) for text in texts if text), None)


def similar_to(word: str, others: list[str]) -> str:
    """Return the word that is most like another one; empty if none is similar."""
    if len(word) > _LONGEST:
        return ""
    candidates = [other for other in others if other != word and len(other) <= _LONGEST]
    similar = difflib.get_close_matches(word, candidates[:_MOST], n=1, cutoff=_SIMILAR)
    return similar[0] if similar else ""
