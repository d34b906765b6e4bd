"""Link 4: AWS can read the issuer's documents, and the tokens have an audience that the provider accepts."""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from podrole.base.events import Event
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.issuer import IssuerFacts
from podrole.doctor.remedies.changes import Annotate, ByHand, Change, PublishDocument, Remedy
from podrole.doctor.remedies.restart import recreate_pods
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, Severity, holds, unknown, verdict_from
from podrole.doctor.sources.sources import ExchangeAnswer
from podrole.doctor.unknown import UnknownFact
from podrole.oidc.discovery import discovery_url
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.jwks import Keys
from podrole.oidc.verify import STS_TIME_RULES
from podrole.webhook.identity.binding import Identity

LINK = Link.ISSUER
STS_AUDIENCE = "sts.amazonaws.com"
_INSIDE = (".svc", ".local", ".internal", ".localdomain", ".localhost", ".lan", ".home.arpa")
_WRONG_CONTENT = frozenset(
    {
        KeysFault.MALFORMED,
        KeysFault.NO_KEYS,
        KeysFault.TOO_MANY_KEYS,
        KeysFault.TOO_LARGE,
        KeysFault.PRIVATE_KEY,
        KeysFault.NOT_HTTPS,
    }
)


def check(facts: ChainFacts) -> LinkVerdict:
    """Check that AWS can verify the cluster's tokens, and that their audience is right."""
    identity = facts.identity
    if identity is not None and identity.method == "container_credentials":
        return holds(LINK, "EKS Pod Identity verifies the cluster's tokens itself")
    issuer = facts.issuer
    findings = [*_audience(facts, identity), *_times(facts)]
    if isinstance(issuer.url, UnknownFact):
        if findings:
            return verdict_from(LINK, "", findings)
        return unknown(LINK, f"The cluster's issuer could not be read: {issuer.url.what}")
    inside = address(issuer.url)
    if inside is not None:
        return verdict_from(LINK, "", [inside, *findings])
    published = issuer.published
    if isinstance(published, UnknownFact):
        if findings:
            return verdict_from(LINK, "", findings)
        return unknown(LINK, f"The issuer's documents could not be fetched from here: {published.what}")
    if isinstance(published, KeysUnavailable) and published.fault is KeysFault.NOT_FROM_HERE:
        return _from_elsewhere(facts, issuer.url, published, findings)
    if isinstance(published, KeysUnavailable):
        return verdict_from(LINK, "", [documents(issuer, issuer.url, published), *findings])
    missing = missing_key(issuer, issuer.url, published, _key_of_live_token(facts))
    findings = [*missing, *findings]
    return verdict_from(LINK, f"{issuer.url} publishes its documents and the cluster's keys", findings)


def _from_elsewhere(facts: ChainFacts, url: str, why: KeysUnavailable, findings: list[Finding]) -> LinkVerdict:
    """Return what is known of an issuer that this machine does not reach: AWS may reach it, which a real exchange
    shows."""
    if findings:
        return verdict_from(LINK, "", findings)
    if facts.live is not None and isinstance(facts.live.exchange, ExchangeAnswer):
        return holds(LINK, f"AWS verified a real token of {url}, which this machine does not reach")
    try_it = "" if facts.live is not None else "; --live tries a real exchange"
    return unknown(LINK, f"The issuer's documents could not be checked from here: {why.what}{try_it}")


def about(url: str) -> About:
    """Return the issuer as the object of a finding."""
    return About("Issuer", "", url)


# PR401


def address(url: str) -> Finding | None:
    """Return a finding if the issuer's address shows that AWS cannot reach it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # brackets that do not match
        parts, host = urlsplit(""), ""
    why = ""
    if parts.scheme != "https" or not host:
        why = "it is not an https address"
    elif ":" in parts.netloc.rpartition("@")[2].rpartition("]")[2]:
        port = parts.netloc.rpartition(":")[2]
        why = f"it has port {port}, and IAM accepts no provider with a port"
    elif _is_inside(host):
        why = f"{host} is known only inside the cluster's network"
    if not why:
        return None
    flags = "--service-account-issuer=https://… --service-account-jwks-uri=https://…/keys"
    return Finding(
        "PR401",
        f"The cluster's issuer cannot be an identity provider of AWS: {why}.",
        about(url),
        Remedy(
            "give the API server an issuer that AWS can reach, first in the list, followed by the old one",
            (
                ByHand(
                    f"kube-apiserver {flags} --service-account-issuer={url}, then publish the issuer's two documents "
                    "there"
                ),
            ),
        ),
        expected="https://, a public host name, no port",
        got=repr(url),
    )


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_INSIDE)


# PR402, PR403, PR408


def documents(issuer: IssuerFacts, url: str, why: KeysUnavailable) -> Finding:
    """Return the finding for documents that AWS cannot fetch or does not accept."""
    code, what = "PR402", f"The documents of issuer {url} cannot be fetched: {why.what}"
    if why.fault is KeysFault.OTHER_ISSUER:
        code, what = (
            "PR403",
            "The issuer's discovery document names another issuer; AWS compares the two character by character.",
        )
    elif why.fault in _WRONG_CONTENT:
        code, what = "PR408", f"AWS does not accept the issuer's documents: {why.what}"
    return Finding(
        code,
        what,
        about(url),
        Remedy("publish the cluster's own documents at the issuer's address", publishing(issuer, url)),
        expected=why.expected,
        got=why.got,
        evidence={"fault": why.fault.value},
    )


def publishing(issuer: IssuerFacts, url: str) -> tuple[Change, ...]:
    """Return the two documents that must be served at ``url``; by hand if the cluster did not show them."""
    if issuer.own_documents is None:
        return (
            ByHand(
                f"publish the cluster's discovery document and keys under {url}; kubectl get --raw prints both. For "
                "an issuer that podrole issuer init made: podrole issuer publish --cluster CLUSTER --to PLACE "
                "--from-cluster"
            ),
        )
    document, keys = issuer.own_documents
    base = url.removesuffix("/")
    jwks_uri = str(document.get("jwks_uri", ""))
    if not jwks_uri.startswith(f"{base}/"):
        jwks_uri = f"{base}/keys"
    public = {**document, "issuer": url, "jwks_uri": jwks_uri}
    return (
        PublishDocument(discovery_url(url), json.dumps(public, indent=2)),
        PublishDocument(jwks_uri, json.dumps(keys, indent=2)),
    )


# PR404


def missing_key(issuer: IssuerFacts, url: str, published: Keys, used: str | None = None) -> list[Finding]:
    """Return a finding if keys of the cluster are not published; ``used`` is the id of the key that signed a token."""
    names = set(published)
    if used is not None:
        missing = set() if used in names else {used}
        of = "the token"
    elif isinstance(issuer.own_keys, UnknownFact):
        return []
    else:
        missing = set(issuer.own_keys) - names
        of = "the cluster"
    if not missing:
        return []
    # The API server lists all its keys and signs with one of them; only a token shows which.
    some_are_there = (
        used is None and not isinstance(issuer.own_keys, UnknownFact) and bool(set(issuer.own_keys) & names)
    )
    return [
        Finding(
            "PR404",
            f"The issuer does not publish {'all keys' if some_are_there else 'the key'} of {of}.",
            about(url),
            Remedy("publish the cluster's own keys at the issuer's address", publishing(issuer, url)),
            expected="key " + ", ".join(sorted(map(repr, missing))),
            got="keys " + ", ".join(sorted(map(repr, names))),
            severity=Severity.RISK if some_are_there else Severity.FAULT,
        )
    ]


def _key_of_live_token(facts: ChainFacts) -> str | None:
    if facts.live is None or isinstance(facts.live.token, UnknownFact):
        return None
    kid = facts.live.token.get("header", {}).get("kid", "")
    return str(kid) or None


# PR405


def _audience(facts: ChainFacts, identity: Identity | None) -> list[Finding]:
    evaluation = facts.role.evaluation
    if identity is None or isinstance(evaluation, UnknownFact) or evaluation.audience is None:
        return []
    if identity.audience == facts.settings.token_audience:
        return []  # the provider does not accept the usual audience: link 5 reports it
    target = facts.target
    key = f"{facts.settings.annotation_prefix}/audience"
    change = Annotate("ServiceAccount", target.namespace, target.service_account, {key: None})
    return [
        Finding(
            "PR405",
            f"The tokens of service account {target.namespace}/{target.service_account} have an audience that the "
            "identity "
            "provider does not accept.",
            About("ServiceAccount", target.namespace, target.service_account, ("metadata", "annotations", key)),
            Remedy("remove the audience annotation", (change, *recreate_pods(facts))),
            expected=evaluation.audience.expected,
            got=evaluation.audience.got,
            evidence=evaluation.audience.explanation(),
        )
    ]


# PR406, PR407


def _times(facts: ChainFacts) -> list[Finding]:
    """Return findings about clocks that differ (by a new token), and about expired tokens (by the event log)."""
    findings: list[Finding] = []
    skew = None if facts.live is None else facts.live.skew
    if skew is not None and abs(skew) > STS_TIME_RULES.future_leeway:
        direction = "ahead of" if skew > 0 else "behind"
        findings.append(
            Finding(
                "PR407",
                f"The cluster's clock is {abs(skew):.0f} s {direction} AWS's.",
                About("Cluster", "", "clock"),
                Remedy(
                    "correct the clock of the control plane's machines", (ByHand("chronyc makestep, or timedatectl"),)
                ),
                expected=f"at most {STS_TIME_RULES.future_leeway} s apart",
                got=f"{skew:+.0f} s",
            )
        )
    expired = _expired(facts)
    if expired is not None and not findings:
        findings.append(expired)
    return findings


def _expired(facts: ChainFacts) -> Finding | None:
    event = _last_exchange(facts)
    if event is None or event.code != "ExpiredTokenException":
        return None
    return Finding(
        "PR406",
        "A pod of this service account sent an expired token: it reads a copy of the token file, or keeps an old "
        "token.",
        About("Pod", facts.target.namespace, facts.target.pod or ""),
        Remedy(
            "read the token from AWS_WEB_IDENTITY_TOKEN_FILE for each exchange, as SDKs do; a new pod gets a new token",
            recreate_pods(facts),
        ),
        expected="the token that the kubelet last wrote",
        got=event.why,
        evidence={"request": event.id},
    )


def _last_exchange(facts: ChainFacts) -> Event | None:
    """Return the last exchange of a token of this service account in the event log."""
    for event in facts.log:
        if event.probe or event.kind != "aws" or event.what != "sts:AssumeRoleWithWebIdentity" or not event.explanation:
            continue
        claims = event.explanation.get("token", {}).get("claims", {})
        if facts.target.subject in (claims.get("sub"), event.explanation.get("subject")):
            return event
    return None
