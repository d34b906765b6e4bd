"""Rebuilds a lost record from what is published and what a cluster's API servers show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.key_files import PublicJWK, keys_of_cluster
from podrole.issuer.record import IssuerKey, IssuerRecord, KeyState


def rebuilt(
    record: IssuerRecord, cluster: str, keys: Mapping[str, PublicJWK], signing: frozenset[str], now: float
) -> IssuerRecord:
    """Return the record with keys of unknown history as a cluster's.

    Those that its API servers sign with are ``signing``. Every other one counts as ``retired`` at this moment: it stays
    until the longest token that it may have signed has expired, and ``start`` makes it the next key if it was that.
    Keys that the record knows keep their state. A key that another cluster has, and this one signs with, becomes
    both's: it stays for as long as one of them needs it.
    """
    known = {(key.kid, key.cluster) for key in record.keys if key.state is not KeyState.GONE}
    of_any = {kid for kid, _ in known}
    for kid, jwk in keys.items():
        if kid in signing and (kid, cluster) not in known:
            record = record.with_key(IssuerKey(kid, jwk, cluster, KeyState.SIGNING, now))
        elif kid not in of_any:
            record = record.with_key(IssuerKey(kid, jwk, cluster, KeyState.RETIRED, now))
    return record


def usable_keys(entries: Iterable[Mapping[str, Any]], where: str) -> dict[str, PublicJWK]:
    """Return the published keys with which a token could be verified, by their ids. Others stay as they are."""
    usable: dict[str, PublicJWK] = {}
    for entry in entries:
        try:
            usable |= keys_of_cluster({"keys": [dict(entry)]}, where)
        except (InvalidIssuer, KeyError):
            continue
    return usable
