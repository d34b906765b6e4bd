"""One issuer examined as STS would: its URL, server, documents and keys, and a token if there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from podrole.base.clock import Clock
from podrole.doctor.facts.issuer import ClusterIssuer, IssuerFacts, fetch_published_keys, read_issuer
from podrole.doctor.links.issuer import check as documents
from podrole.doctor.links.issuer import served, token
from podrole.doctor.links.provider import thumbprint
from podrole.doctor.report.findings import Finding, Link, LinkVerdict, Severity, unknown, verdict_from
from podrole.doctor.token_check import NO_ACCOUNT, SingleProviderDirectory, TokenCheck, check_token
from podrole.doctor.unknown import UnknownFact
from podrole.iam.directory import OIDCProvider
from podrole.oidc.discovery import TIMEOUT_SECONDS, discovery_url
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import Fetcher, thumbprint_of
from podrole.oidc.https import Answer
from podrole.oidc.jwks import Keys
from podrole.oidc.keys import VerificationKey
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import Denial, Step
from podrole.sts.web_identity import keys_denial

AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, slots=True)
class IssuerCheck:
    """What was found. ``chain`` are the served certificates, ``thumbprint`` is the last one's, None if no server
    answered; ``needs_thumbprint`` says whether STS trusts the server only by it."""

    url: str
    verdict: LinkVerdict
    keys: Keys = field(default_factory=dict)
    chain: tuple[bytes, ...] = ()
    needs_thumbprint: bool = False
    token: TokenCheck | None = None
    denial: Denial | None = None
    """STS's answer, if it would refuse; None also if that is not known."""

    @property
    def thumbprint(self) -> str | None:
        """The thumbprint that IAM stores for a provider that is created without one."""
        return thumbprint_of(self.chain[-1]) if self.chain else None


async def check_issuer(
    cluster: ClusterIssuer,
    fetcher: Fetcher,
    clock: Clock,
    *,
    thumbprints: tuple[str, ...] = (),
    token_text: str | None = None,
) -> IssuerCheck:
    """Fetch an issuer's documents as STS does and judge them. ``thumbprints`` are those of a provider, if it has some.

    A URL that AWS cannot reach by its form is not fetched.
    """
    if isinstance(cluster.url, UnknownFact):
        return IssuerCheck("", unknown(Link.ISSUER, f"The cluster's issuer could not be read: {cluster.url.what}"))
    url = cluster.url
    inside = documents.address(url)
    findings = served.url_form(url) if inside is None else [inside]
    if any(finding.severity is Severity.FAULT for finding in findings):
        return IssuerCheck(url, verdict_from(Link.ISSUER, "", findings))
    recording = RecordingFetcher(fetcher.resolve, fetcher.trust)
    provider = OIDCProvider("", url, (AUDIENCE,), thumbprints) if thumbprints else None
    issuer = await read_issuer(cluster, provider, lambda name, trusted: fetch_published_keys(name, trusted, recording))
    chain = await _chain(url, fetcher)
    findings += served.certificates(url, chain) if chain else []
    findings += [] if provider is None else thumbprint(issuer, provider)
    findings += served.content_types(url, recording.content_types)
    return await _judged(issuer, url, findings, chain, clock, token_text)


async def _judged(
    issuer: IssuerFacts, url: str, findings: list[Finding], chain: tuple[bytes, ...], clock: Clock, text: str | None
) -> IssuerCheck:
    published = issuer.published
    assert not isinstance(published, UnknownFact)  # noqa: S101 - they were fetched
    if isinstance(published, KeysUnavailable) and published.fault is KeysFault.NOT_FROM_HERE:
        return IssuerCheck(url, unknown(Link.ISSUER, published.what, *findings))
    keys = issuer.distrust or published  # as STS has them
    checked = None if text is None else await _token(text, url, keys, clock)
    denial = None if checked is None else checked.denial
    at_the_keys = denial is None or denial.step is Step.KEYS
    if denial is None and isinstance(keys, KeysUnavailable):
        denial = keys_denial(keys)
    elif denial is not None and not (at_the_keys and isinstance(keys, KeysUnavailable)):
        findings.append(token.refused_token(denial, url))
    if isinstance(published, KeysUnavailable):
        findings.insert(0, documents.documents(issuer, url, published))
        published = {}
    elif checked is None or checked.denial is None or not at_the_keys or isinstance(keys, KeysUnavailable):
        findings += documents.missing_key(issuer, url, published)  # otherwise the token's finding says it
    verdict = verdict_from(Link.ISSUER, f"AWS can read {url} and verify its tokens", findings)
    return IssuerCheck(url, verdict, published, chain, issuer.thumbprint is not None, checked, denial)


async def _token(text: str, url: str, keys: Keys | KeysUnavailable, clock: Clock) -> TokenCheck:
    at = Circumstances(now=clock(), source_ip="0.0.0.0", region="us-east-1", secure_transport=True)  # noqa: S104 - unknown
    return await check_token(text, SingleProviderDirectory(url, AUDIENCE), FetchedKeys(keys), at, account=NO_ACCOUNT)


async def _chain(url: str, fetcher: Fetcher) -> tuple[bytes, ...]:
    """Return the served certificates; () if the server does not answer, which the documents' finding says."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return tuple(await fetcher.served_chain(discovery_url(url)))
    except (KeysUnavailable, TimeoutError):
        return ()


@dataclass(frozen=True, slots=True)
class RecordingFetcher(Fetcher):
    """A Fetcher that keeps the Content-Type of each document, by its URL."""

    content_types: dict[str, str | None] = field(default_factory=dict)

    async def answer(self, url: str, thumbprints: Sequence[str]) -> Answer:
        """See Fetcher."""
        answer = await Fetcher.answer(self, url, thumbprints)
        self.content_types[url] = answer.content_type
        return answer


class FetchedKeys:
    """A KeySource: the keys that were fetched a moment ago, or why there are none."""

    def __init__(self, keys: Keys | KeysUnavailable) -> None:
        self._keys = keys

    async def keys(self, issuer: str, kid: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:  # noqa: ARG002 - the Protocol's
        """See KeySource."""
        if isinstance(self._keys, KeysUnavailable):
            raise self._keys
        if kid not in self._keys:
            raise KeysUnavailable(
                KeysFault.UNKNOWN_KEY,
                f"The issuer {issuer} publishes no key with the token's key id.",
                got=repr(kid),
                expected="one of " + ", ".join(map(repr, sorted(self._keys))),
            )
        return self._keys[kid]
