"""The cluster as a token issuer: the documents that it has, and those that AWS would fetch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from podrole.doctor.sources.cluster import Object
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact, read_async
from podrole.iam.directory import OIDCProvider
from podrole.oidc.discovery import fetch_keys
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import Fetcher
from podrole.oidc.jwks import Keys


@dataclass(frozen=True, slots=True)
class ClusterIssuer:
    """The issuer as the cluster itself names it: its URL, the ids of its keys, and its two documents.

    ``documents`` (discovery document, JWK Set) is None if the cluster does not show them.
    """

    url: str | UnknownFact
    keys: frozenset[str] | UnknownFact
    documents: tuple[Object, Object] | None = None


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The keys that an issuer's documents lead to, fetched as STS fetches them, or why there are none.

    ``thumbprint`` is that of the last certificate that the server sent, if no authority of the system vouches for it.
    """

    keys: Keys | KeysUnavailable
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class IssuerFacts:
    """The cluster's issuer, and what it publishes.

    ``distrust`` is why the provider's own thumbprints do not match the served certificate; ``published`` is then what
    was fetched with the served thumbprint trusted, so that the documents are judged apart from the certificate.
    """

    url: str | UnknownFact
    own_keys: frozenset[str] | UnknownFact
    published: Keys | KeysUnavailable | UnknownFact
    thumbprint: str | None = None
    distrust: KeysUnavailable | None = None
    own_documents: tuple[Object, Object] | None = None


Publications = Callable[[str, tuple[str, ...]], Awaitable[PublishedKeys]]
"""Fetches an issuer's keys, trusting these thumbprints."""


async def read_cluster_issuer(sources: Sources) -> ClusterIssuer:
    """Read the cluster's issuer, or take the one that the user named."""
    if sources.issuer is not None:
        return ClusterIssuer(
            sources.issuer, UnknownFact("The cluster's keys are not read, because the issuer was named.")
        )
    document = await read_async(sources.cluster.discovery_document())
    if isinstance(document, UnknownFact):
        return ClusterIssuer(document, document)
    url = str(document.get("issuer", ""))
    key_set = await read_async(sources.cluster.keys())
    if isinstance(key_set, UnknownFact):
        return ClusterIssuer(url, key_set)
    ids = frozenset(str(key.get("kid", "")) for key in key_set.get("keys", ()))
    return ClusterIssuer(url, ids, (document, key_set))


async def read_issuer(
    cluster: ClusterIssuer, provider: OIDCProvider | UnknownFact | None, published_by: Publications | None
) -> IssuerFacts:
    """Fetch the issuer's documents as STS would, trusting the provider's thumbprints.

    If those do not match the served certificate, fetch them again, trusting the served one. ``published_by`` is None
    if nothing should be fetched.
    """
    if isinstance(cluster.url, UnknownFact):
        return _facts(cluster, UnknownFact("The issuer is not known."))
    if published_by is None:
        return _facts(cluster, UnknownFact("The issuer's documents are not fetched when files are checked."))
    trusted = provider.thumbprints if isinstance(provider, OIDCProvider) else ()
    published = await published_by(cluster.url, trusted)
    if published.thumbprint is None:
        return _facts(cluster, published.keys)
    distrust = published.keys if provider is not None and isinstance(published.keys, KeysUnavailable) else None
    retried = await published_by(cluster.url, (published.thumbprint,))
    return _facts(cluster, retried.keys, published.thumbprint, distrust)


def _facts(
    cluster: ClusterIssuer,
    published: Keys | KeysUnavailable | UnknownFact,
    thumbprint: str | None = None,
    distrust: KeysUnavailable | None = None,
) -> IssuerFacts:
    return IssuerFacts(cluster.url, cluster.keys, published, thumbprint, distrust, cluster.documents)


async def fetch_published_keys(issuer: str, thumbprints: tuple[str, ...], fetcher: Fetcher) -> PublishedKeys:
    """Fetch the issuer's keys. A time-out is tried a second time: one slow answer is not a fault of the issuer."""
    try:
        try:
            return PublishedKeys(await fetch_keys(issuer, thumbprints=thumbprints, fetcher=fetcher))
        except KeysUnavailable as why:
            if why.fault is not KeysFault.TIMEOUT:
                raise
        return PublishedKeys(await fetch_keys(issuer, thumbprints=thumbprints, fetcher=fetcher))
    except KeysUnavailable as why:
        return PublishedKeys(why, why.thumbprint)
