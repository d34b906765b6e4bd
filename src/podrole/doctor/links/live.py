"""Link 8: a real token of the cluster, exchanged with the real STS, and the identity that results.

Token and credentials are dropped: the token is valid for ten minutes and never shown, the credentials are used for one
call.
"""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, holds, unknown
from podrole.doctor.unknown import UnknownFact
from podrole.iam.arn import assumed_role_arn, parse_arn

LINK = Link.LIVE


def check(facts: ChainFacts) -> LinkVerdict | None:
    """Report the result of the real exchange; None if none was requested."""
    live = facts.live
    if live is None:
        return None
    target = facts.target
    about = About("ServiceAccount", target.namespace, target.service_account)
    if isinstance(live.token, UnknownFact):
        return broken(
            LINK,
            Finding(
                "PR801",
                f"The cluster does not issue a token for service account {target.namespace}/{target.service_account}: "
                f"{live.token.what}",
                about,
                Remedy(
                    "check that the service account exists, and that you are allowed to create serviceaccounts/token",
                    (ByHand(live.token.next_step or "kubectl auth can-i create serviceaccounts/token"),),
                ),
                got=live.token.got,
            ),
        )
    if facts.binding.is_by_agent:
        return unknown(
            LINK,
            "The cluster issued a token. EKS exchanges only the token of a running pod, so the exchange was not tried.",
        )
    if live.exchange is None:
        return unknown(LINK, "The cluster issued a token, but there is no role or no STS to exchange it with.")
    if isinstance(live.exchange, UnknownFact):
        return broken(
            LINK,
            Finding(
                "PR802",
                f"STS rejects a real token of the service account: {live.exchange.what}",
                about,
                Remedy("repair the broken link above", ()),
                expected="credentials",
                got=live.exchange.got,
            ),
        )
    return _check_identity(facts, live.identity)


def _check_identity(facts: ChainFacts, identity: str | UnknownFact | None) -> LinkVerdict:
    arn = facts.binding.role_arn or ""
    about = About("Role", "", arn)
    if identity is None:
        return unknown(LINK, "STS gave credentials; GetCallerIdentity was not called.")
    if isinstance(identity, UnknownFact):
        what = f"STS gave credentials, but GetCallerIdentity rejects them: {identity.what}"
        remedy = Remedy("check clock, region and endpoint")
        return broken(LINK, Finding("PR803", what, about, remedy, got=identity.got))
    expected = assumed_role_arn(arn, "x").rpartition("/")[0]
    if identity.rpartition("/")[0] != expected:
        finding = Finding(
            "PR803",
            "The credentials belong to another role.",
            about,
            Remedy("check which role STS has under this ARN"),
            expected=f"{expected}/…",
            got=identity,
        )
        return broken(LINK, finding)
    return holds(LINK, f"a real token became {identity}, a session of {parse_arn(arn).name}")
