"""Link 1: the pod's service account exists and is bound to a role."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.links.service_account.candidate_roles import trusting_roles
from podrole.doctor.links.service_account.common import KIND, about, annotated, name_of
from podrole.doctor.links.service_account.role_annotation import check_role_annotation
from podrole.doctor.links.service_account.unbound import check_unbound
from podrole.doctor.remedies.changes import Annotate, Apply, Change, Remedy
from podrole.doctor.remedies.restart import recreate_pods
from podrole.doctor.report.findings import Finding, Link, LinkVerdict, Severity, broken, holds, unknown
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import UnknownFact
from podrole.webhook.identity.binding import Identity

LINK = Link.SERVICE_ACCOUNT


def check(facts: ChainFacts) -> LinkVerdict:
    """Check that the service account exists and is bound to a role."""
    account = facts.service_account.manifest
    if isinstance(account, UnknownFact):
        return unknown(LINK, f"The service account could not be read: {account.what}")
    if account is None:
        return broken(LINK, _missing(facts))
    identity = facts.binding.identity
    other_bindings = facts.rules.unknown
    if identity is None and facts.binding.mistake is None and other_bindings is not None:
        return unknown(
            LINK,
            f"{name_of(facts.target).capitalize()} has no role annotation; whether something else binds it to a role "
            f"is unknown: {other_bindings.what}",
        )
    if identity is None:
        return broken(LINK, check_unbound(facts))
    faults = _not_understood(facts, identity)
    if identity.method == "container_credentials":
        return holds(LINK, f"{name_of(facts.target)} has an EKS Pod Identity association", *faults)
    wrong = check_role_annotation(facts, identity)
    if wrong is not None:
        return broken(LINK, wrong, *faults)
    return holds(LINK, f"{identity.source} name {identity.role_arn}", *faults)


# PR101


def _missing(facts: ChainFacts) -> Finding:
    target = facts.target
    names = (
        []
        if isinstance(facts.service_account.neighbours, UnknownFact)
        else [neighbour["metadata"]["name"] for neighbour in facts.service_account.neighbours]
    )
    meant = nearest(target.service_account, names)
    metadata = {"namespace": target.namespace, "name": target.service_account}
    create: tuple[Change, ...] = (Apply({"apiVersion": "v1", "kind": KIND, "metadata": metadata}),)
    candidates = trusting_roles(facts)
    what = "create the service account"
    if len(candidates) == 1:
        create = (*create, annotated(facts, candidates[0].arn), *recreate_pods(facts))
        what = f"create the service account and annotate it with the role that trusts it, {candidates[0].name}"
    return Finding(
        "PR101",
        f"There is no {name_of(target)}.",
        about(facts),
        Remedy(what, create),
        expected=f"a service account with this name (did you mean {meant}?)" if meant else "a service account",
        got="no service account" if not names else "the service accounts " + ", ".join(sorted(names)[:10]),
    )


# PR110


def _not_understood(facts: ChainFacts, identity: Identity) -> list[Finding]:
    findings = []
    for warning in identity.warnings:
        key = warning.annotation
        remedy = Remedy("correct the value in the ConfigMap")
        if key is not None:
            remove = Annotate(KIND, facts.target.namespace, facts.target.service_account, {key: None})
            remedy = Remedy("correct the value, or remove the annotation", (remove,))
        findings.append(
            Finding(
                "PR110",
                f"{warning.text[0].upper()}{warning.text[1:]}.",
                about(facts) if key is None else about(facts, "metadata", "annotations", key),
                remedy,
                severity=Severity.RISK,
            )
        )
    return findings
