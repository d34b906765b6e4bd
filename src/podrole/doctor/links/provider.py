"""Link 5: the role's account has an identity provider for the cluster's issuer, and it accepts the tokens."""

from __future__ import annotations

import re

from podrole.base.partitions import eks_issuer_region
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeEvaluation, expected_provider
from podrole.doctor.facts.issuer import IssuerFacts
from podrole.doctor.remedies.changes import (
    AddClientID,
    ByHand,
    Change,
    CreateProvider,
    Remedy,
    SetThumbprints,
)
from podrole.doctor.remedies.restart import rerun_ended_pods
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, holds, unknown
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import OIDCProvider
from podrole.sts.denial import Denial

LINK = Link.PROVIDER
MOST_THUMBPRINTS = 5
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProviderThumbprint.html"""


def check(facts: ChainFacts) -> LinkVerdict:
    """Check that the provider exists and accepts the tokens of the service account."""
    identity = facts.identity
    if identity is not None and identity.method == "container_credentials":
        return holds(LINK, "EKS Pod Identity needs no identity provider")
    evaluation = facts.role.evaluation
    if isinstance(evaluation, UnknownFact):
        return unknown(LINK, evaluation.what)
    if evaluation.provider is not None:
        return broken(LINK, _missing(facts, evaluation, evaluation.provider))
    provider = facts.role.provider
    if provider is None or isinstance(provider, UnknownFact):  # STS's function found it a moment ago
        return unknown(LINK, "The provider could not be read.")
    findings = [*_audience(facts, evaluation, provider), *_thumbprint(facts, provider)]
    if findings:
        return broken(LINK, *findings)
    return holds(LINK, f"{provider.arn} accepts tokens for {', '.join(provider.client_ids)}")


def _about(arn: str) -> About:
    return About("Provider", "", arn)


# PR501, PR504, PR505


def _missing(facts: ChainFacts, evaluation: ExchangeEvaluation, denial: Denial) -> Finding:
    question = evaluation.question
    wanted = expected_provider(question)
    owner = parse_arn(question.role_arn).account
    listed = _listed(facts) if owner == facts.account.id else None
    others = listed or ()
    thumbprints = () if facts.issuer.thumbprint is None else (facts.issuer.thumbprint,)
    create = CreateProvider(question.issuer, (question.audience,), thumbprints)
    shared = {"expected": wanted.arn, "evidence": denial.explanation()}
    spelt = next((provider for provider in others if _plain(provider.issuer) == _plain(question.issuer)), None)
    if spelt is not None:
        return Finding(
            "PR505",
            f"Account {owner} has a provider whose URL is almost the cluster's issuer; AWS compares character by "
            "character.",
            _about(spelt.arn),
            Remedy(
                f"create a provider with the exact URL; if nothing uses the other, {spelt.arn}, delete it",
                (create, *rerun_ended_pods(facts)),
            ),
            got=spelt.arn,
            **shared,  # type: ignore[arg-type]
        )
    before = _of_the_cluster_before(facts, question.issuer, others)
    if before is not None:
        return Finding(
            "PR504",
            f"Account {owner} has no provider for this cluster. The role trusts the provider of another cluster, "
            "perhaps "
            "of one that was recreated.",
            _about(wanted.arn),
            Remedy("create the provider for this cluster's issuer", (create, *rerun_ended_pods(facts))),
            got=before,
            **shared,  # type: ignore[arg-type]
        )
    return Finding(
        "PR501",
        f"The role's account, {owner}, has no identity provider for the cluster's issuer.",
        _about(wanted.arn),
        Remedy("create the provider", (create, *rerun_ended_pods(facts))),
        got="no such provider"
        if listed is None
        else ", ".join(provider.arn for provider in listed) or "no provider at all",
        **shared,  # type: ignore[arg-type]
    )


def _listed(facts: ChainFacts) -> tuple[OIDCProvider, ...] | None:
    """Return the account's providers, None if they cannot be listed."""
    listed = read(facts.account.oidc_providers)
    return None if isinstance(listed, UnknownFact) else tuple(listed)


def _plain(issuer: str) -> str:
    """Return an issuer without the parts that are often wrong: scheme, port, a slash at the end, upper case."""
    text = re.sub(r"^https?://", "", issuer.lower()).rstrip("/")
    host, slash, path = text.partition("/")
    return host.partition(":")[0] + slash + path


def _of_the_cluster_before(facts: ChainFacts, issuer: str, others: tuple[OIDCProvider, ...]) -> str | None:
    """Return the provider of another EKS cluster that the role's trust policy names."""
    role = facts.role.role
    if role is None or isinstance(role, UnknownFact) or eks_issuer_region(issuer) is None:
        return None
    for other in others:
        if eks_issuer_region(other.issuer) and other.arn in role.trust_policy:
            return other.arn
    named = re.search(
        r"oidc-provider/(oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/id/[0-9A-F]{32})", role.trust_policy
    )
    if named is not None and f"https://{named[1]}" != issuer:
        return f"{named[1]}, which the role trusts and the account does not have"
    return None


# PR502


def _audience(facts: ChainFacts, evaluation: ExchangeEvaluation, provider: OIDCProvider) -> list[Finding]:
    denial, audience = evaluation.audience, evaluation.question.audience
    if denial is None or (facts.identity is not None and audience != facts.settings.token_audience):
        return []  # an audience that an annotation sets: link 4 reports it
    return [
        Finding(
            "PR502",
            f"The provider does not accept tokens with audience {audience!r}.",
            _about(provider.arn),
            Remedy("add the client id", (AddClientID(provider.arn, audience), *rerun_ended_pods(facts))),
            expected=f"client id {audience!r}",
            got=", ".join(map(repr, provider.client_ids)) or "no client id",
            evidence=denial.explanation(),
        )
    ]


# PR503


def _thumbprint(facts: ChainFacts, provider: OIDCProvider) -> list[Finding]:
    return thumbprint(facts.issuer, provider, rerun_ended_pods(facts))


def thumbprint(issuer: IssuerFacts, provider: OIDCProvider, afterwards: tuple[Change, ...] = ()) -> list[Finding]:
    """Return a finding if the served certificate is not one that the provider's thumbprints let STS trust.

    A provider without an ARN is one that the user described.
    """
    distrust = issuer.distrust
    if distrust is None:
        return []
    served = issuer.thumbprint
    change: Change = ByHand("add the thumbprint of the last certificate that the issuer's server sends")
    if served is not None and provider.arn:
        kept = [known for known in provider.thumbprints if known != served]
        change = SetThumbprints(provider.arn, (served, *kept)[:MOST_THUMBPRINTS])
    return [
        Finding(
            "PR503",
            "No public certificate authority signed the issuer's certificate, and the provider lists another "
            "thumbprint.",
            _about(provider.arn or provider.issuer),
            Remedy("add the certificate's thumbprint to the provider", (change, *afterwards)),
            expected=f"thumbprint {served}" if served else distrust.expected,
            got=", ".join(provider.thumbprints) or "no thumbprint",
            evidence={"fault": distrust.fault.value},
        )
    ]
