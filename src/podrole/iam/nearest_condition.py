"""The nearest miss of a condition, and why a condition holds though its key is absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from podrole.iam.conditions import Condition
from podrole.iam.nearest import OLD_VERSION_HINT, Hint, Near, difference, similar_to
from podrole.iam.patterns import glob, has_wildcard
from podrole.iam.policy import OLD_VERSION, Policy
from podrole.iam.request import Facts
from podrole.iam.undecided import undecided_condition
from podrole.iam.unknown import UNKNOWN
from podrole.iam.values import parse_address, parse_network
from podrole.iam.variables import parts, without_value
from podrole.kube.subjects import split_subject


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
    values = condition.found(facts)
    miss = _Miss(condition, facts, policy, None if values is UNKNOWN else values)
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
    return OLD_VERSION_HINT if miss.old_version and any("${" in value for value in miss.expected) else ""


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


def _arn_in_key(miss: _Miss) -> str:
    _, provider, key = miss.condition.key.rpartition("oidc-provider/")
    if miss.found is None and provider and key.lower() in miss.facts.context:
        return f"the key has the provider's ARN; a condition key begins with the issuer alone: {key}"
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
    others = [key.rpartition(":")[0] for key in miss.facts.request.keys if key.lower().endswith(f":{claim.lower()}")]
    return f"the key is of the issuer {issuer}, the token is of {others[0]}" if others else ""


def _misspelt_key(miss: _Miss) -> str:
    if miss.found is not None:
        return ""
    similar = similar_to(miss.condition.key.lower(), list(miss.facts.context))
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
    if any(glob(value).matches(twin_value) for value in miss.expected for twin_value in twin):
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
            return f"differs only in the service account: {difference(wanted.name, asked.name)}"
        if same_name and not same_namespace:
            return f"differs only in the namespace: {difference(wanted.namespace, asked.namespace)}"
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
    (Near.ARN_IN_KEY, _arn_in_key),
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
