"""Reading the Principal and NotPrincipal elements of a document.

Source: AWS, "AWS JSON policy elements: Principal". That a user or role exists is for the caller to check, and so is the
replacement of its ARN by its unique id; of an identity provider it is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.base.partitions import PARTITIONS
from podrole.iam.arn import is_account_id, parse_arn
from podrole.iam.errors import InvalidARN
from podrole.iam.grammar import Grammar
from podrole.iam.jsontext import Path
from podrole.iam.patterns import has_wildcard
from podrole.iam.principal_element import PrincipalElement

_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")
_UNIQUE_ID = re.compile(r"(?:AROA|AIDA)[A-Z0-9]{12,124}")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+")
_CANONICAL_USER = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PrincipalFault:
    """What is wrong with a principal. ``path`` is relative to the element."""

    name: str
    path: Path
    got: Any
    expected: str
    details: Mapping[str, str] = field(default_factory=dict)


def read_principals(
    value: Any, grammar: Grammar, partitions: Collection[str] = PARTITIONS, *, negated: bool, denies: bool
) -> tuple[PrincipalElement | None, list[PrincipalFault]]:
    """Compile the element's value, or say what is wrong with it. ``partitions`` are those that ARNs may be of."""
    if value == "*":
        if "star" in grammar.texts:
            return None, [PrincipalFault("star", (), value, "particular principals")]
        return PrincipalElement(negated=negated, denies=denies, everyone=True, every_aws=False), []
    if grammar.only_everyone:
        return None, [PrincipalFault("principal", (), value, '"*", and a condition on who is meant')]
    if not isinstance(value, dict):
        return None, [PrincipalFault("principal-type", (), value, f"an object of {', '.join(_TYPES)}")]
    forms: dict[str, set[str]] = {kind: set() for kind in (*_TYPES, "account", "id")}
    faults: list[PrincipalFault] = []
    for kind, names in value.items():
        if kind not in _TYPES:
            faults.append(PrincipalFault("syntax", (kind,), kind, f"one of {', '.join(_TYPES)}"))
            continue
        for index, name in enumerate(names if isinstance(names, list) else [names]):
            path = (kind, index) if isinstance(names, list) else (kind,)
            if isinstance(name, str):
                place, form, fault = _read(kind, name, path, grammar, partitions)
                forms[place].add(form)
                faults.extend(fault)
            else:
                faults.append(PrincipalFault("syntax", path, name, "a string or a list of strings"))
    if not faults and not any(forms.values()):
        faults.append(PrincipalFault("principal-empty", (), value, "at least one principal"))
    element = PrincipalElement(
        negated=negated,
        denies=denies,
        everyone=False,
        every_aws="*" in forms["AWS"],
        accounts=frozenset(forms["account"]),
        arns=frozenset(forms["AWS"] - {"*"}),
        ids=frozenset(forms["id"]),
        services=frozenset(forms["Service"]),
        federated=frozenset(forms["Federated"]),
        canonical_users=frozenset(forms["CanonicalUser"]),
    )
    return element, faults


def _read(
    kind: str, name: str, path: Path, grammar: Grammar, partitions: Collection[str]
) -> tuple[str, str, list[PrincipalFault]]:
    """Return where a principal belongs, in which form, and what is wrong with it."""
    if kind == "AWS":
        return _read_aws(name, path, partitions)
    if kind == "Federated":
        good = _DOMAIN.fullmatch(name) is not None or _is_provider(name, partitions)
        expected = "the ARN of an identity provider, or a domain name as accounts.google.com"
        return kind, name, [] if good else [PrincipalFault("federated", path, name, expected)]
    if kind == "Service":
        good = _DOMAIN.fullmatch(name) is not None
        fault = PrincipalFault("principal", path, name, "a service as ec2.amazonaws.com", {"type": "SERVICE"})
        return kind, name, [] if good else [fault]
    good = grammar.canonical_user and _CANONICAL_USER.fullmatch(name) is not None
    fault = PrincipalFault(
        "principal", path, name, "64 hexadecimal digits, in an S3 policy", {"type": "CANONICAL_USER"}
    )
    return kind, name, [] if good else [fault]


def _read_aws(name: str, path: Path, partitions: Collection[str]) -> tuple[str, str, list[PrincipalFault]]:
    if name == "*":
        return "AWS", name, []
    if is_account_id(name):
        return "account", name, []
    if _UNIQUE_ID.fullmatch(name):
        return "id", name, []
    try:
        arn = parse_arn(name)
    except InvalidARN:
        arn = None
    if arn is not None and arn.partition in partitions and not has_wildcard(name):
        if arn.is_account_root:
            return "account", arn.account, []
        if arn.is_role or arn.is_user or arn.is_assumed_role or arn.is_federated_user:
            return "AWS", name, []
    expected = "*, an account id, or the ARN of an account's root, a user, a role, a role session or a federated user"
    return "AWS", name, [PrincipalFault("principal", path, name, expected, {"type": "AWS"})]


def _is_provider(name: str, partitions: Collection[str]) -> bool:
    try:
        arn = parse_arn(name)
    except InvalidARN:
        return False
    return arn.partition in partitions and (arn.is_oidc_provider or arn.is_saml_provider)
