"""Link 6 for a service account with an EKS Pod Identity association: the role trusts EKS."""

from __future__ import annotations

import json
from dataclasses import replace

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import HypotheticalDirectory, ask_eks_auth
from podrole.doctor.remedies.changes import ByHand, CreateRole, Remedy, SetTrustPolicy
from podrole.doctor.remedies.restart import rerun_ended_pods
from podrole.doctor.remedies.trust_policy import evidence_of
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, holds, unknown
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.sts.denial import Denial
from podrole.sts.pod_identity import AUDIENCE

LINK = Link.TRUST
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": AUDIENCE},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}


def check(facts: ChainFacts) -> LinkVerdict:
    """Check that the association's role trusts EKS Pod Identity for the pod."""
    association, role, issuer = facts.association, facts.role.role, facts.issuer.url
    if association is None:
        return unknown(LINK, "The association could not be read.")
    if isinstance(role, UnknownFact):
        return unknown(LINK, role.what)
    if role is None:
        return broken(LINK, _no_role(facts, association))
    if isinstance(issuer, UnknownFact):
        return unknown(LINK, issuer.what)
    outcome = read(lambda: ask_eks_auth(association, issuer, _pod(facts), facts.account, facts.at))
    if isinstance(outcome, UnknownFact):
        return unknown(LINK, outcome.what)
    if isinstance(outcome, Denial):
        return broken(LINK, _refused(facts, association, issuer, role, outcome))
    behind = f"; its target role {association.target_role_arn} is not checked" if association.target_role_arn else ""
    return holds(LINK, f"{role.arn} trusts EKS Pod Identity{behind}")


def _pod(facts: ChainFacts) -> str:
    pods = facts.known_pods
    return facts.target.pod or (pods[0].name if pods else "podrole-doctor")


def _no_role(facts: ChainFacts, association: EKSAssociation) -> Finding:
    named = parse_arn(association.role_arn)
    path = "/" + named.resource.removeprefix("role/").removesuffix(named.name)
    return Finding(
        "PR601",
        f"The EKS Pod Identity association names role {association.role_arn}, which does not exist.",
        About("Role", "", association.role_arn),
        Remedy("create the role", (CreateRole(named.name, path, _document([STATEMENT])), *rerun_ended_pods(facts))),
        expected="a role with this ARN",
        got="no such role",
    )


def _refused(facts: ChainFacts, association: EKSAssociation, issuer: str, role: Role, denial: Denial) -> Finding:
    nearest = next(iter(evidence_of(denial)), None)
    failure = nearest.failures[0] if nearest is not None and nearest.failures else None
    return Finding(
        "PR619",
        f"Role {role.name} does not trust EKS Pod Identity: {denial.why}",
        About("Role", "", role.arn, ("Statement",)),
        _trusting(facts, association, issuer, role),
        expected=f"sts:AssumeRole and sts:TagSession for {AUDIENCE}",
        got=denial.got if failure is None else f"{failure.element}: {', '.join(failure.expected)}",
        evidence=denial.explanation(),
    )


def _trusting(facts: ChainFacts, association: EKSAssociation, issuer: str, role: Role) -> Remedy:
    """Return the trust policy with a statement for EKS added, or that statement alone: the first that is granted."""
    try:
        found = json.loads(role.trust_policy).get("Statement", [])
    except (ValueError, AttributeError):
        found = []
    kept = found if isinstance(found, list) else [found]
    for document in (_document([*kept, STATEMENT]), _document([STATEMENT])):
        hypothetical = HypotheticalDirectory(facts.account, replaced_role=replace(role, trust_policy=document))
        if not isinstance(ask_eks_auth(association, issuer, _pod(facts), hypothetical, facts.at), Denial):
            return Remedy("trust EKS Pod Identity", (SetTrustPolicy(role.arn, document), *rerun_ended_pods(facts)))
    return Remedy("trust EKS Pod Identity", (ByHand(f"add a statement such as {json.dumps(STATEMENT)}"),))


def _document(statements: list[object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
