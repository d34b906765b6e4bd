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
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError
from podrole.iam.policy import PolicyKind
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
    if association.target_role_arn is not None:
        return _target(facts, association, association.target_role_arn, issuer, role)
    return holds(LINK, f"{role.arn} trusts EKS Pod Identity")


def _target(facts: ChainFacts, association: EKSAssociation, arn: str, issuer: str, role: Role) -> LinkVerdict:
    """Check that the role may go on to the target role. One of another account cannot be read."""
    if parse_arn(arn).account != parse_arn(role.arn).account:
        return unknown(LINK, f"The target role {arn} was not checked: it is in another account.")
    try:
        outcome = read(lambda: ask_eks_auth(association, issuer, _pod(facts), facts.account, facts.at, to_target=True))
    except PolicyError as problem:
        return unknown(
            LINK, f"The target role {arn} was not checked: a policy of {role.name} is invalid. {problem.what}"
        )
    if isinstance(outcome, UnknownFact):
        return unknown(LINK, f"The target role {arn} was not checked: {outcome.what}")
    if isinstance(outcome, Denial):
        return broken(LINK, _target_refused(facts, arn, role, outcome))
    return holds(LINK, f"{role.arn} trusts EKS Pod Identity, and {arn} lets it in")


def _target_refused(facts: ChainFacts, arn: str, role: Role, denial: Denial) -> Finding:
    advice = f"allow sts:AssumeRole and sts:TagSession in the policies of {role.arn} and in the trust policy of {arn}"
    return Finding(
        "PR620",
        f"Role {role.name} cannot go on to the target role {arn}: {denial.why}",
        About("Role", "", arn, ("Statement",)),
        Remedy("let the role assume the target role", (ByHand(advice), *rerun_ended_pods(facts))),
        expected="sts:AssumeRole and sts:TagSession",
        got=denial.got,
        evidence=denial.explanation(),
    )


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
        element = json.loads(role.trust_policy).get("Statement", [])
    except (ValueError, AttributeError):
        element = []
    kept = element if isinstance(element, list) else [element]
    candidates = [_document([*kept, STATEMENT])] if kept else [_document([STATEMENT])]
    if _is_malformed(role.trust_policy):  # it trusts no caller, so that nothing is taken from one
        candidates.append(_document([STATEMENT]))
    for document in candidates:
        hypothetical = HypotheticalDirectory(facts.account, replaced_role=replace(role, trust_policy=document))
        if not isinstance(ask_eks_auth(association, issuer, _pod(facts), hypothetical, facts.at), Denial):
            return Remedy("trust EKS Pod Identity", (SetTrustPolicy(role.arn, document), *rerun_ended_pods(facts)))
    return Remedy("trust EKS Pod Identity", (ByHand(f"add a statement such as {json.dumps(STATEMENT)}"),))


def _is_malformed(document: str) -> bool:
    try:
        compile_policy(document, PolicyKind.TRUST)
    except PolicyError:
        return True
    return False


def _document(statements: list[object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
