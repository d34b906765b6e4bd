"""The nearest miss: one sentence on why an element that almost fits does not.

Nothing here decides. Each function is asked about an element that the matchers have already refused, and looks for what
a person most likely meant; where it finds nothing it stays silent.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from podrole.iam.arn import ARN, parse_arn
from podrole.iam.conditions import Condition
from podrole.iam.elements import ARNPattern
from podrole.iam.errors import InvalidARN
from podrole.iam.patterns import glob, has_wildcard
from podrole.iam.policy import CURRENT_VERSION, OLD_VERSION, Policy, Statement
from podrole.iam.principal import Principal, PrincipalType
from podrole.iam.request import NO_RESOURCE, Facts
from podrole.iam.undecided import undecided_condition, undecided_resource
from podrole.iam.unknown import UNKNOWN
from podrole.iam.values import parse_address, parse_network
from podrole.iam.variables import parts, without_value
from podrole.kube.subjects import split_subject

_ARN_PARTS = ("prefix", "partition", "service", "region", "account", "resource")
_OLD_VERSION_HINT = f"Version {OLD_VERSION} leaves ${{…}} as literal text; variables need Version {CURRENT_VERSION}"
_SIMILAR = 0.75
_LONGEST = 300
"""Comparing for likeness takes time by the square of the length; names are shorter than this."""
_MOST = 200


class Near(StrEnum):
    """What was probably meant, by a name that does not change."""

    ACTION_LISTED_BY_NOT_ACTION = "listed-by-not-action"
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
    OLD_VERSION = "old-version"
    SCHEME_IN_KEY = "scheme-in-key"
    PORT_IN_KEY = "port-in-key"
    SLASH_IN_KEY = "slash-in-key"
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


# Action


def action_hint(statement: Statement, facts: Facts) -> Hint | None:
    """Say what the statement's actions miss."""
    asked = f"{facts.service}:{facts.name}"
    listed = [action.lower() for action in statement.actions.actions]
    if statement.actions.negated:
        return Hint(Near.ACTION_LISTED_BY_NOT_ACTION, "NotAction lists this action")
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
    similar = _similar(asked, [action for action in listed if action.startswith(f"{facts.service}:")])
    if not similar:
        return None
    written = statement.actions.actions[listed.index(similar)]
    return Hint(Near.ACTION_MISSPELT, f"{written} is spelt almost as {facts.request.action}")


# Resource


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
        return Hint(Near.OLD_VERSION, _OLD_VERSION_HINT)
    return _first(Near.RESOURCE, (_resource_miss(text, facts, variables) for text in element.resources))


def _resource_miss(text: str, facts: Facts, variables: bool) -> str:
    if never := ARNPattern(text, variables=variables).never:
        return f"{text} matches nothing: {never}"
    if missing := without_value(parts(text, wildcards=True, variables=variables), facts):
        return f"{', '.join(missing)} has no value in this request"
    if facts.resource.startswith(f"{text}/"):
        return f"{text} does not cover what lies in it; that is {text}/*"
    if text == f"{facts.resource}/*":
        return f"{text} covers what lies in it, not the thing itself; that is {facts.resource}"
    pattern, found = text.split(":", 5), facts.resource_parts
    if len(pattern) < 6 or not found:
        return ""
    differ = [index for index in range(6) if not glob(pattern[index]).matches(found[index])]
    if len(differ) != 1:
        return ""
    index = differ[0]
    if pattern[index].lower() == found[index].lower():
        return f"differs only in case: {_against(pattern[index], found[index])}"
    part = _ARN_PARTS[index]
    return f"differs only in the {part}: {_against(pattern[index], found[index])}" if part != "resource" else ""


def _against(policy: str, request: str) -> str:
    return f"the policy has {policy!r}, the request {request!r}"


# Principal


def principal_hint(statement: Statement, facts: Facts) -> Hint | None:
    """Say what the statement's principals miss."""
    element, caller = statement.principal, facts.principal
    if element is None or element.negated:
        return None
    if caller.type is PrincipalType.WEB_IDENTITY:
        return _provider_hint(element.federated, caller, bool(element.arns or element.accounts or element.every_aws))
    if caller.type is PrincipalType.SERVICE:
        return _service_hint(element.services, caller)
    if caller.type is PrincipalType.ANONYMOUS:
        return Hint(Near.PRINCIPAL_TYPE, 'the request is not signed: only "*" means everyone')
    if element.arns or element.accounts or element.ids:
        return _account_hint(sorted(element.arns), element.accounts, caller)
    kinds = [name for name, held in (("Federated", element.federated), ("Service", element.services)) if held]
    if not kinds:
        return None
    return Hint(Near.PRINCIPAL_TYPE, f"the caller is of AWS, the statement names only {' and '.join(kinds)}")


def _service_hint(services: frozenset[str], caller: Principal) -> Hint | None:
    if not services:
        return Hint(Near.PRINCIPAL_TYPE, "the caller is a service: it matches only Service")
    similar = _similar(caller.arn, sorted(services))
    return Hint(Near.OTHER_PRINCIPAL, f"the caller is {caller.arn}, not {similar}") if similar else None


def _provider_hint(providers: frozenset[str], caller: Principal, names_aws: bool) -> Hint:
    if not providers:
        never = ", never AWS" if names_aws else ""
        return Hint(Near.PRINCIPAL_TYPE, f"a web identity matches only Federated{never}")
    for provider in sorted(providers):
        mine, theirs = caller.arn.split(":", 5), provider.split(":", 5)
        if len(mine) == len(theirs) == 6 and mine[5] == theirs[5] and mine[4] != theirs[4]:
            return Hint(
                Near.PRINCIPAL_ACCOUNT, f"the same provider in another account: {theirs[4]} instead of {mine[4]}"
            )
        if provider.rstrip("/") == caller.arn.rstrip("/"):
            return Hint(Near.PRINCIPAL_SPELLING, "differs only in the slash at its end")
        if provider.lower() == caller.arn.lower():
            return Hint(Near.PRINCIPAL_SPELLING, "differs only in case")
        if has_wildcard(provider):
            return Hint(
                Near.PRINCIPAL_WILDCARD,
                "a wildcard in Federated is an ordinary character; name the provider's whole ARN",
            )
    return Hint(Near.OTHER_PROVIDER, "the token was validated by another provider")


def _account_hint(arns: list[str], accounts: frozenset[str], caller: Principal) -> Hint | None:
    try:
        mine = parse_arn(caller.role_arn or caller.arn)
    except InvalidARN:  # nobody checked it before; a hint must not be what fails
        return None
    hint = _first(Near.OTHER_PRINCIPAL, (_entity_hint(parse_arn(text), mine, caller) for text in arns))
    if hint is None and not arns and any(caller.account != account for account in accounts):
        return Hint(Near.PRINCIPAL_ACCOUNT, f"the caller is of account {caller.account}")
    return hint


def _entity_hint(named: ARN, mine: ARN, caller: Principal) -> str:
    if named.is_assumed_role:
        if str(named).rpartition("/")[0] == caller.arn.rpartition("/")[0]:
            return f"another session of the role; naming the role, {mine}, means all its sessions"
        return ""
    if str(named).lower() == str(mine).lower():
        return f"differs only in case: {_against(str(named), str(mine))}"
    if named.resource == mine.resource:
        return f"the same name in another account: {_against(named.account, mine.account)}"
    if named.name != mine.name or named.account != mine.account:
        return ""
    if named.resource_type != mine.resource_type:
        return f"that is the {named.resource_type} of this name, the caller is the {mine.resource_type}"
    return f"the same name under another path: {_against(named.resource, mine.resource)}"


# Condition


@dataclass(frozen=True, slots=True)
class _Miss:
    """A condition that does not hold, with what the rules below look at."""

    condition: Condition
    facts: Facts
    policy: Policy
    found: tuple[str, ...] | None

    @property
    def expected(self) -> tuple[str, ...]:
        return self.condition.values

    @property
    def one(self) -> str:
        """The request's value, where it has one."""
        return self.found[0] if self.found and len(self.found) == 1 else ""

    @property
    def old_version(self) -> bool:
        return self.policy.version == OLD_VERSION

    @property
    def positive(self) -> bool:
        return not self.condition.negated


def condition_hint(condition: Condition, facts: Facts, policy: Policy) -> Hint | None:
    """Say what the condition misses."""
    if undecided := undecided_condition(condition, facts):
        return Hint(Near.UNKNOWN_VALUE, undecided)
    found = condition.found(facts)
    miss = _Miss(condition, facts, policy, None if found is UNKNOWN else found)
    return next((Hint(near, text) for near, rule in _RULES if (text := rule(miss))), None)


def vacuous(condition: Condition, facts: Facts) -> str:
    """Say that a condition holds only because its key is not there; empty where it holds for a reason."""
    if condition.found(facts) is not None or condition.base == "Null":
        return ""
    if condition.if_exists:
        why = "IfExists"
    elif condition.qualifier is not None:
        why = condition.qualifier.value
    else:
        why = "a negated operator"
    return f"{condition.operator} holds because the request has no {condition.key}: {why} is true of an absent key"


def _old_version(miss: _Miss) -> str:
    return _OLD_VERSION_HINT if miss.old_version and any("${" in value for value in miss.expected) else ""


def _spelt_with_scheme(miss: _Miss) -> str:
    key = miss.condition.key
    if miss.found is None and "://" in key:
        return (
            f"the key is spelt with {key.partition('://')[0]}://; IAM leaves the scheme out: {key.partition('://')[2]}"
        )
    return ""


def _port_in_key(miss: _Miss) -> str:
    issuer, _, claim = miss.condition.key.rpartition(":")
    host, slash, path = issuer.partition("/")
    name, colon, port = host.partition(":")
    key = f"{name}{slash}{path}:{claim}"
    if miss.found is None and colon and port.isdigit() and key.lower() in miss.facts.context:
        return f"the key is spelt with port {port}; IAM's providers have none: {key}"
    return ""


def _slash_before_claim(miss: _Miss) -> str:
    issuer, colon, claim = miss.condition.key.rpartition(":")
    key = f"{issuer.rstrip('/')}:{claim}"
    if miss.found is None and colon and issuer.endswith("/") and key.lower() in miss.facts.context:
        return f"the issuer has no slash at its end: {key}"
    return ""


def _no_token_key(miss: _Miss) -> str:
    issuer, _, claim = miss.condition.key.rpartition(":")
    prefix = f"{issuer}:".lower()
    if miss.found is not None or f"{prefix}sub" not in miss.facts.context:
        return ""
    offered = [key.removeprefix(prefix) for key in miss.facts.context if key.startswith(prefix)]
    return f"{claim} is not among the condition keys of this token: {', '.join(offered)}"


def _other_issuer(miss: _Miss) -> str:
    issuer, _, claim = miss.condition.key.rpartition(":")
    if miss.found is not None or claim.lower() not in ("aud", "sub") or issuer.lower() in ("aws", "sts", ""):
        return ""
    others = [key.rpartition(":")[0] for key in miss.facts.request.context if key.lower().endswith(f":{claim.lower()}")]
    return f"the key is of the issuer {issuer}, the token is of {others[0]}" if others else ""


def _misspelt_key(miss: _Miss) -> str:
    if miss.found is not None:
        return ""
    similar = _similar(miss.condition.key.lower(), list(miss.facts.context))
    return f"the request has {similar}, not {miss.condition.key}" if similar else ""


def _several_values(miss: _Miss) -> str:
    if miss.condition.qualifier is None and miss.found and len(miss.found) > 1:
        return f"the key has {len(miss.found)} values; it takes ForAnyValue: or ForAllValues: before the operator"
    return ""


def _without_variable(miss: _Miss) -> str:
    if miss.old_version or not miss.condition.base.startswith(("String", "Arn")):
        return ""
    for value in miss.expected:
        missing = without_value(parts(value, wildcards=False, variables=True), miss.facts)
        if missing:
            return f"{', '.join(missing)} has no value in this request"
    return ""


def _malformed(miss: _Miss) -> str:
    kind = next((word for start, word in _KINDS if start in miss.condition.base), "")
    if miss.condition.has_malformed_values:
        return f"a value of the policy is not {kind}"
    if miss.one and miss.condition.cannot_read(miss.one, miss.facts):
        return f"the request's value is not {kind}"
    return ""


_KINDS = (
    ("Numeric", "a number"),
    ("Date", "a date"),
    ("IpAddress", "an address or CIDR block"),
    ("Arn", "an ARN of six parts"),
    ("Bool", "true or false"),
    ("Binary", "base64"),
)


def _literal_wildcard(miss: _Miss) -> str:
    if not (miss.one and miss.positive and miss.condition.base.startswith("StringEquals")):
        return ""
    if any(has_wildcard(value) and glob(value).matches(miss.one) for value in miss.expected):
        return f"{miss.condition.base} compares `*` and `?` literally; use StringLike"
    return ""


def _swapped_claims(miss: _Miss) -> str:
    issuer, _, claim = miss.condition.key.rpartition(":")
    other = {"aud": "sub", "sub": "aud"}.get(claim.lower())
    if other is None or not miss.one or not miss.positive:
        return ""
    twin = miss.facts.context.get(f"{issuer}:{other}".lower(), ())
    if any(glob(value).matches(one) for value in miss.expected for one in twin):
        return f"aud and sub are swapped: that value is the token's {other}"
    return ""


def _service_account(miss: _Miss) -> str:
    asked = split_subject(miss.one)
    if asked is None or not miss.positive:
        return ""
    for value in miss.expected:
        wanted = split_subject(value)
        if wanted is None:
            continue
        same_namespace = _same(wanted.namespace, asked.namespace)
        same_name = _same(wanted.name, asked.name)
        if same_namespace and not same_name:
            return f"differs only in the service account: {_against(wanted.name, asked.name)}"
        if same_name and not same_namespace:
            return f"differs only in the namespace: {_against(wanted.namespace, asked.namespace)}"
    return ""


def _subject_form(miss: _Miss) -> str:
    if not miss.positive or not split_subject(miss.one):
        return ""
    if not any(split_subject(value) for value in miss.expected):
        return "the subject of a pod's token is system:serviceaccount:NAMESPACE:NAME"
    return ""


def _same(pattern: str, text: str) -> bool:
    return glob(pattern).matches(text)


def _almost_equal(miss: _Miss) -> str:
    if not miss.one or not miss.positive or "IgnoreCase" in miss.condition.base:
        return ""
    for value in miss.expected:
        if value.lower() == miss.one.lower() and value != miss.one:
            return f"differs only in case, and {miss.condition.base} is case-sensitive"
        if value.strip() == miss.one.strip() and value != miss.one:
            return "differs only in white space at an end"
        if value.rstrip("/") == miss.one.rstrip("/") and value != miss.one:
            return "differs only in the slash at its end"
        if value.removeprefix("https://") == miss.one.removeprefix("https://") and value != miss.one:
            return "differs only in the https:// before it"
    return ""


def _session_for_role(miss: _Miss) -> str:
    if miss.condition.key.lower() != "aws:principalarn" or not miss.positive:
        return ""
    if any(":assumed-role/" in value for value in miss.expected) and ":role/" in miss.one:
        return f"aws:PrincipalArn of a role session is the role's ARN: {miss.one}"
    return ""


def _other_family(miss: _Miss) -> str:
    asked = parse_address(miss.one) if miss.condition.base == "IpAddress" else None
    networks = [parse_network(value) for value in miss.expected] if asked else []
    if asked and networks and all(network is not None and network[0] != asked[0] for network in networks):
        return f"the request came over IPv{asked[0]}, the policy lists only IPv{10 - asked[0]}"
    return ""


_RULES: tuple[tuple[Near, Callable[[_Miss], str]], ...] = (
    (Near.OLD_VERSION, _old_version),
    (Near.SCHEME_IN_KEY, _spelt_with_scheme),
    (Near.PORT_IN_KEY, _port_in_key),
    (Near.SLASH_IN_KEY, _slash_before_claim),
    (Near.NO_SUCH_KEY, _no_token_key),
    (Near.OTHER_ISSUER, _other_issuer),
    (Near.KEY_MISSPELT, _misspelt_key),
    (Near.SEVERAL_VALUES, _several_values),
    (Near.VARIABLE_WITHOUT_VALUE, _without_variable),
    (Near.MALFORMED, _malformed),
    (Near.LITERAL_WILDCARD, _literal_wildcard),
    (Near.SWAPPED_CLAIMS, _swapped_claims),
    (Near.OTHER_SERVICE_ACCOUNT, _service_account),
    (Near.SUBJECT_FORM, _subject_form),
    (Near.ALMOST_EQUAL, _almost_equal),
    (Near.SESSION_FOR_ROLE, _session_for_role),
    (Near.ADDRESS_FAMILY, _other_family),
)


def _first(near: Near, texts: Iterable[str]) -> Hint | None:
    return next((Hint(near, text) for text in texts if text), None)


def _similar(word: str, others: list[str]) -> str:
    if len(word) > _LONGEST:
        return ""
    candidates = [other for other in others if other != word and len(other) <= _LONGEST]
    found = difflib.get_close_matches(word, candidates[:_MOST], n=1, cutoff=_SIMILAR)
    return found[0] if found else ""
