"""Trust policies that trust more than one service account: found by asking STS's function about strangers.

A stranger is a service account that does not exist: what is granted to it is granted to every one of its kind.
"""

from __future__ import annotations

from dataclasses import replace

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import (
    ExchangeEvaluation,
    ExchangeQuestion,
    HypotheticalDirectory,
    ask_sts,
    expected_provider,
    of_stranger,
)
from podrole.doctor.remedies.changes import ByHand, Remedy, SetTrustPolicy
from podrole.doctor.remedies.trust_policy import narrowed_trust_policy
from podrole.doctor.remedies.trust_proof import TrustProof, example_of
from podrole.doctor.report.findings import About, Finding, Severity
from podrole.doctor.unknown import UnknownFact
from podrole.iam.directory import OIDCProvider, Role
from podrole.iam.document import compile_policy
from podrole.iam.nearest_condition import vacuous
from podrole.iam.patterns import has_wildcard
from podrole.iam.policy import Effect, Policy, PolicyKind
from podrole.iam.principal import Principal, PrincipalType
from podrole.iam.request import Facts, Request
from podrole.kube.subjects import PREFIX
from podrole.sts.web_identity import ACTION, Granted

_SHARED = ("token.actions.githubusercontent.com", "gitlab.com", "accounts.google.com", "app.terraform.io")


def trust_excess(facts: ChainFacts, role: Role, evaluation: ExchangeEvaluation) -> tuple[Finding, ...]:
    """Return what trusts more than this service account. ``role`` trusts it, by ``evaluation``."""
    question = evaluation.question
    policy = compile_policy(role.trust_policy, PolicyKind.TRUST)  # STS has compiled it for this evaluation
    provider = expected_provider(question)
    hypothetical = HypotheticalDirectory(facts.account, provider, role)
    findings: list[Finding] = []
    remedy = _naming_users(facts, role, question)
    if _may_be_open(policy, question):
        if _granted(of_stranger(question), hypothetical):
            findings.append(_anybody(role, policy, question, remedy))
        else:
            findings += _other_namespaces(role, policy, question, hypothetical, remedy)
    findings += _other_clusters(role, policy, question, facts, remedy)
    return tuple(findings)


def _naming_users(facts: ChainFacts, role: Role, question: ExchangeQuestion) -> Remedy:
    """Return the trust policy that names the service accounts that have the role, and no other."""
    users = facts.users
    what = "name the service accounts that need the role in the trust policy"
    key = f"{question.issuer.removeprefix('https://')}:sub"
    by_hand = Remedy(
        what, (ByHand(f"StringEquals on {key}, with their subjects system:serviceaccount:NAMESPACE:NAME"),)
    )
    if isinstance(users, UnknownFact):
        return by_hand
    document = narrowed_trust_policy(role, question, facts.account, users | {question.subject})
    if document is None:
        return by_hand
    named = ", ".join(sorted(subject.removeprefix(PREFIX) for subject in users | {question.subject}))
    return Remedy(
        f"name the service accounts that have the role in the trust policy: {named}",
        (SetTrustPolicy(role.arn, document),),
    )


def _without_other_clusters(
    facts: ChainFacts, role: Role, question: ExchangeQuestion, issuers: list[str], remedy: Remedy
) -> Remedy:
    """Return a remedy that takes nothing from other clusters: those that the account knows may use the role."""
    proof = TrustProof(role, question, facts.account, frozenset())
    working = [
        issuer
        for issuer in issuers
        if proof.works(expected_provider(replace(question, issuer=f"https://{issuer}")).arn)
    ]
    if not working:
        return Remedy(f"{remedy.what}, of this cluster only", remedy.changes)
    return Remedy(
        "trust this cluster only, unless several clusters should have the role",
        (ByHand(f"remove from the trust policy what trusts {', '.join(working)}"),),
    )


def _granted(question: ExchangeQuestion, hypothetical: HypotheticalDirectory) -> bool:
    return isinstance(ask_sts(question, hypothetical), Granted)


def _may_be_open(policy: Policy, question: ExchangeQuestion) -> bool:
    """Say whether strangers are worth asking about: a policy that names every subject in full trusts no other."""
    key = f"{question.issuer.removeprefix('https://')}:sub".lower()
    for statement in policy.statements:
        if statement.effect is not Effect.ALLOW:
            continue
        named = [
            condition
            for condition in statement.conditions
            if condition.key.lower() == key
            and condition.base == "StringEquals"
            and not condition.if_exists
            and condition.qualifier is None
        ]
        if not named:
            return True
    return False


# PR651, PR612


def _anybody(role: Role, policy: Policy, question: ExchangeQuestion, remedy: Remedy) -> Finding:
    vain = _in_vain(policy, question)
    if vain:
        return Finding(
            "PR612",
            f"Any pod of the cluster can take role {role.name}: {vain}.",
            About("Role", "", role.arn, ("Statement",)),
            remedy,
            expected=f"a condition on {question.issuer.removeprefix('https://')}:sub",
            got="a condition that every token meets",
            severity=Severity.RISK,
        )
    return Finding(
        "PR651",
        f"Any pod of the cluster can take role {role.name}: no condition restricts the subject.",
        About("Role", "", role.arn, ("Statement",)),
        remedy,
        expected=f"StringEquals on {question.issuer.removeprefix('https://')}:sub",
        got="no such condition, or one that every subject meets",
        severity=Severity.RISK,
    )


def _in_vain(policy: Policy, question: ExchangeQuestion) -> str:
    """Return, in words, a condition that is met only because its key is absent."""
    prefix = question.issuer.removeprefix("https://")
    context = {f"{prefix}:sub": question.subject, f"{prefix}:aud": question.audience}
    principal = Principal(PrincipalType.WEB_IDENTITY, arn=expected_provider(question).arn)
    facts = Facts(Request(principal, ACTION, question.role_arn, "", context))
    for statement in policy.statements:
        if statement.effect is Effect.ALLOW and statement.speaks_of_action(facts):
            for condition in statement.conditions:
                note = vacuous(condition, facts)
                if note:
                    return note
    return ""


# PR652


def _other_namespaces(
    role: Role, policy: Policy, question: ExchangeQuestion, hypothetical: HypotheticalDirectory, remedy: Remedy
) -> list[Finding]:
    """Ask STS's function about a subject of another namespace, for each value with a wildcard in the namespace."""
    for value in _subjects(policy, question):
        parts = value.split(":")
        namespace = parts[2] if len(parts) > 2 else value
        if not has_wildcard(namespace):
            continue
        stranger = example_of(value)
        other = replace(question, subject=stranger) if stranger.count(":") == 3 else of_stranger(question)
        if _granted(other, hypothetical):
            return [
                Finding(
                    "PR652",
                    f"Pods of other namespaces can take role {role.name}: a wildcard stands for the namespace.",
                    About("Role", "", role.arn, ("Statement",)),
                    remedy,
                    expected="a namespace by its name",
                    got=value,
                    severity=Severity.RISK,
                )
            ]
    return []


def _subjects(policy: Policy, question: ExchangeQuestion) -> list[str]:
    key = f"{question.issuer.removeprefix('https://')}:sub".lower()
    return [
        value
        for statement in policy.statements
        if statement.effect is Effect.ALLOW
        for condition in statement.conditions
        if condition.key.lower() == key and condition.base == "StringLike"
        for value in condition.values
    ]


# PR653


def _other_clusters(
    role: Role, policy: Policy, question: ExchangeQuestion, facts: ChainFacts, remedy: Remedy
) -> list[Finding]:
    """Ask STS's function about the same subject, from every other issuer that the trust policy names."""
    mine = expected_provider(question)
    others: list[str] = []
    for arn in sorted(
        {named for statement in policy.statements if statement.principal for named in statement.principal.federated}
    ):
        issuer = arn.partition(":oidc-provider/")[2]
        if not issuer or arn == mine.arn or issuer.startswith(_SHARED):
            continue
        other = replace(question, issuer=f"https://{issuer}")
        hypothetical = HypotheticalDirectory(
            facts.account, OIDCProvider(arn, other.issuer, (question.audience,), ()), role
        )
        if _granted(other, hypothetical):
            others.append(issuer)
    if not others:
        return []
    return [
        Finding(
            "PR653",
            f"Pods of {len(others)} other cluster{'s' if len(others) > 1 else ''} can take role {role.name}: a service "
            "account with this name there is enough.",
            About("Role", "", role.arn, ("Statement",)),
            _without_other_clusters(facts, role, question, others, remedy),
            expected=f"only {question.issuer.removeprefix('https://')}",
            got=", ".join(others),
            severity=Severity.RISK,
        )
    ]
