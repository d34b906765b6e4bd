"""For which service account a trust policy is evaluated that no service account of the files names.

If the policy names a subject in full, it is that one. If it has patterns only, it is one that a pattern matches: what
holds for it holds for all that the pattern matches. Such a subject is made up, so no finding shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import Finding, Severity
from podrole.doctor.sources.manifests import UNKNOWN_NAMESPACE
from podrole.iam.patterns import glob, has_wildcard
from podrole.kube.subjects import Subject, find_subjects, parse_subject

_PROVIDER = ":oidc-provider/"
_ANY = Subject("podrole-doctor", "podrole-doctor")
_ANY_IN_WORDS = Subject("NAMESPACE", "NAME")


@dataclass(frozen=True, slots=True)
class Probe:
    """A subject; ``is_named`` says whether the policy names it, ``pattern`` is the one that it was made up for."""

    subject: Subject
    is_named: bool
    pattern: str = ""


def probe_of(document: str) -> Probe:
    """Return the service account for which a trust policy is evaluated."""
    named = find_subjects(document)
    if named:
        return Probe(named[0], is_named=True)
    for value in _values_of_sub(document):
        made = _example_of(value) if has_wildcard(value) else None
        if made is not None:
            return Probe(made, is_named=False, pattern=value)
    return Probe(_ANY, is_named=False)


def issuers_in(document: str) -> list[str]:
    """Return the issuers of the providers that a trust policy's principals name, each once."""
    issuers: dict[str, None] = {}
    for statement in _statements(document):
        principal = statement.get("Principal")
        named = principal.get("Federated") if isinstance(principal, dict) else None
        for arn in named if isinstance(named, list) else [named]:
            if isinstance(arn, str) and _PROVIDER in arn:
                issuers[f"https://{arn.partition(_PROVIDER)[2]}"] = None
    return list(issuers)


def without_probe(finding: Finding, probe: Probe) -> Finding:
    """Return a finding without the subject that was made up: the repair is for service accounts that a person knows."""

    def told(text: str | None) -> str | None:
        return None if text is None else _told(text, probe.subject)

    what = _told(finding.what, probe.subject)
    if "StringLike" in finding.remedy.what:
        repair = f"use StringLike to trust all that {probe.pattern} matches, or name the service accounts"
    elif finding.severity is Severity.RISK:
        repair = "name the service accounts that should have the role in the trust policy"
    elif str(probe.subject) in finding.remedy.what:
        repair = "correct this for the service accounts that should have the role"
    else:
        repair = finding.remedy.what
    by_hand = ByHand("podrole check proposes the change if it reads the service account's manifest too")
    got = told(finding.got)
    return replace(
        finding,
        what=what,
        expected=told(finding.expected),
        got=f"the subject of a pod's token, {got}" if got == str(_ANY_IN_WORDS) else got,
        remedy=Remedy(repair, (by_hand,)),
        evidence={},
    )


def without_namespace(finding: Finding) -> Finding:
    """Return a finding without the namespace that stands for one that is not known."""

    def told(text: str | None) -> str | None:
        return (
            None if text is None else text.replace(f"{UNKNOWN_NAMESPACE}/", "").replace(UNKNOWN_NAMESPACE, "NAMESPACE")
        )

    remedy = replace(finding.remedy, what=str(told(finding.remedy.what)))
    return replace(
        finding, what=str(told(finding.what)), expected=told(finding.expected), got=told(finding.got), remedy=remedy
    )


def _told(text: str, made_up: Subject) -> str:
    return (
        text.replace(str(made_up), str(_ANY_IN_WORDS))
        .replace(repr(made_up.namespace), repr(_ANY_IN_WORDS.namespace))
        .replace(repr(made_up.name), repr(_ANY_IN_WORDS.name))
    )


def _example_of(pattern: str) -> Subject | None:
    """Return a service account that a pattern matches, None if there is none."""
    for stars in ("podrole-doctor", "podrole-doctor:podrole-doctor", f"{_ANY}"):
        made = parse_subject(pattern.replace("*", stars).replace("?", "x"))
        if made is not None:
            return made
    return _ANY if glob(pattern).matches(str(_ANY)) else None


def _values_of_sub(document: str) -> Iterator[str]:
    for statement in _statements(document):
        conditions = statement.get("Condition")
        for keys in conditions.values() if isinstance(conditions, dict) else ():
            for key, values in keys.items() if isinstance(keys, dict) else ():
                if key.lower().endswith(":sub"):
                    yield from (
                        value for value in (values if isinstance(values, list) else [values]) if type(value) is str
                    )


def _statements(document: str) -> list[dict[str, Any]]:
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        return []
    element = parsed.get("Statement") if isinstance(parsed, dict) else None
    listed = element if isinstance(element, list) else [element]
    return [statement for statement in listed if isinstance(statement, dict)]
