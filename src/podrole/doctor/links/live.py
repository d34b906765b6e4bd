"""Link 8: a real token of the cluster, exchanged with the real STS, and the identity that comes of it.

What was made is thrown away: the token is good for ten minutes and never shown, the credentials are used for one call.
"""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, broken, holds, unknown
from podrole.doctor.unknown import Unknown
from podrole.iam.arn import assumed_role_arn, parse_arn

LINK = Link.LIVE


def check(facts: ChainFacts) -> LinkVerdict | None:
    """Say what came of the real try; None where none was asked for."""
    live = facts.live
    if live is None:
        return None
    target = facts.target
    about = About("ServiceAccount", target.namespace, target.service_account)
    if isinstance(live.token, Unknown):
        return broken(
            LINK,
            Finding(
                "PR801",
                f"The cluster gives no token for service account {target.namespace}/{target.service_account}: "
                f"{live.token.what}",
                about,
                Remedy(
                    "see that the service account exists, and that you may create serviceaccounts/token",
                    (ByHand(live.token.next_step or "kubectl auth can-i create serviceaccounts/token"),),
                ),
                got=live.token.got,
            ),
        )
    if live.exchange is None:
        return unknown(LINK, "A token was had; there is no role, or no way to STS, to try it with.")
    if isinstance(live.exchange, Unknown):
        return broken(
            LINK,
            Finding(
                "PR802",
                f"STS refuses a real token of the service account: {live.exchange.what}",
                about,
                Remedy("repair the link above that is broken, or see podrole explain last", ()),
                expected="credentials",
                got=live.exchange.got,
            ),
        )
    return _whose(facts, live.identity)


def _whose(facts: ChainFacts, identity: str | Unknown | None) -> LinkVerdict:
    arn = facts.binding.role_arn or ""
    if not isinstance(identity, str):
        why = identity.what if identity is not None else "nobody was asked"
        finding = Finding(
            "PR803",
            f"The credentials were given, and GetCallerIdentity does not take them: {why}",
            About("Role", "", arn),
            Remedy("see that clock, region and endpoint are right", ()),
        )
        return broken(LINK, finding)
    expected = assumed_role_arn(arn, "x").rpartition("/")[0]
    if identity.rpartition("/")[0] != expected:
        finding = Finding(
            "PR803",
            "The credentials are of another role.",
            About("Role", "", arn),
            Remedy("see which role STS knows by this ARN", ()),
            expected=f"{expected}/…",
            got=identity,
        )
        return broken(LINK, finding)
    return holds(LINK, f"a real token became {identity}, a session of {parse_arn(arn).name}")
