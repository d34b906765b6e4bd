"""The rotation of a cluster's signing key, as a state machine over the issuer's record.

::

    publish ─► signing ──start──► signing + next ──promote──► signing (new) + retired ──finish──► signing (new)
                                    │                            │
                                    └────────── abort ───────────┘   leads back: the old key signs

The invariant: at every instant the key of every unexpired token is in what AWS reads, also through a cache. So a key
signs only when every cache has had time to fetch it, and a key that may have signed goes only when its longest token
has expired. podrole never edits a node: it looks at what each API server accepts and signs with.

Each step is a pure function of the record, the time and what was seen; the same step twice changes nothing more.

Sources: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (the flags
``--service-account-key-file``, ``--service-account-signing-key-file``), and the order of
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from podrole.base.clock import rfc3339
from podrole.issuer.errors import InvalidIssuer, StepRefused
from podrole.issuer.record import COMING, LEAVING, IssuerKey, IssuerRecord, KeyState


@dataclass(frozen=True, slots=True)
class SeenServer:
    """What one API server showed: the ids of the keys it accepts, and of the key that signed a new token."""

    accepts: frozenset[str]
    signs_with: str


Servers = Mapping[str, SeenServer]
"""Every API server of the cluster, by its address."""


def publish(record: IssuerRecord, cluster: str, keys: Mapping[str, Mapping[str, str]], now: float) -> IssuerRecord:
    """Add keys that a cluster signs with already, by their ids. A key that is there keeps its state."""
    known = {key.kid for key in record.keys if key.cluster == cluster and key.state is not KeyState.GONE}
    for kid, jwk in keys.items():
        if kid not in known:
            record = record.with_key(IssuerKey(kid, jwk, cluster, KeyState.SIGNING, now))
    return record


def start(record: IssuerRecord, cluster: str, kid: str, jwk: Mapping[str, str], now: float) -> IssuerRecord:
    """Add the next key. Raises StepRefused if another key is on its way. Retired keys stay."""
    known = next((key for key in record.keys if key.cluster == cluster and key.kid == kid), None)
    if known is not None and known.state in (*COMING, KeyState.SIGNING):
        return record
    under_way = record.of(cluster, *COMING)
    if under_way:
        raise StepRefused(
            f"A rotation of cluster {cluster} is under way.",
            got=f"key {under_way[0].kid} is {under_way[0].state.value}",
            next_step="podrole issuer rotate status; then promote or abort",
        )
    require_cluster(record, cluster)
    return record.with_key(IssuerKey(kid, jwk, cluster, KeyState.NEXT, now))


def require_cluster(record: IssuerRecord, cluster: str) -> None:
    """Raise InvalidIssuer if no key of a cluster is published: its name may be mistyped."""
    if record.of(cluster, *(state for state in KeyState if state is not KeyState.GONE)):
        return
    others = sorted({key.cluster for key in record.keys})
    publish_first = f"podrole issuer publish --cluster {cluster} --from-cluster"
    raise InvalidIssuer(
        f"Cluster {cluster} has no key at this issuer.",
        expected=f"--cluster {' or '.join(others)}" if others else None,
        next_step=f"correct --cluster; for another cluster: {publish_first}" if others else publish_first,
    )


def promote(record: IssuerRecord, cluster: str, servers: Servers, served: frozenset[str], now: float) -> IssuerRecord:
    """Make the next key the signing one, once every API server signs with it.

    ``served`` are the ids of the keys that AWS reads now. Raises StepRefused while a cache may still serve the old
    keys, while an API server does not accept the new key, and while one still signs with the old key: the message says
    what to change on which server. Raises InvalidIssuer if the cluster is unknown.
    """
    require_cluster(record, cluster)
    coming = record.of(cluster, *COMING)
    if not coming:
        return record
    new = coming[0]
    _require_visible(record, new, served, now)
    for address, seen in sorted(servers.items()):
        if new.kid not in seen.accepts:
            raise StepRefused(
                f"The API server at {address} does not accept the new key yet.",
                got=f"it accepts {', '.join(sorted(seen.accepts)) or 'no key'}",
                expected=new.kid,
                next_step="add the new public key with --service-account-key-file on that server, then run this again",
            )
    if not servers:
        raise StepRefused("No API server was asked.", expected="every API server of the cluster")
    for address, seen in sorted(servers.items()):
        if seen.signs_with != new.kid:
            raise StepRefused(
                f"The API server at {address} still signs with another key. All is ready: switch it now.",
                got=seen.signs_with,
                expected=new.kid,
                next_step="set --service-account-signing-key-file to the new key on that server, then run this again",
            )
    for old in record.of(cluster, KeyState.SIGNING):
        record = record.with_key(replace(old, state=KeyState.RETIRED, since=now))
    return record.with_key(replace(new, state=KeyState.SIGNING, since=now))


def noticed(record: IssuerRecord, cluster: str, servers: Servers, now: float) -> IssuerRecord:
    """Return the record after a look at the API servers: a retired key that one still signs with retires only now."""
    signing = {seen.signs_with for seen in servers.values()}
    for key in record.of(cluster, *LEAVING):
        if key.kid in signing:
            record = record.with_key(replace(key, since=now, expires=None))
    return record


def finish(record: IssuerRecord, cluster: str, servers: Servers, now: float) -> IssuerRecord:
    """Take those of the retired keys out whose longest token has expired.

    Raises StepRefused if tokens of every retired key may still be valid, and while an API server signs with one, or
    with a key that AWS does not find. What was seen has to be ``noticed`` before. Raises InvalidIssuer if the cluster
    is unknown.
    """
    require_cluster(record, cluster)
    leaving = record.of(cluster, *LEAVING)
    published = {key.kid for key in record.published}
    for key in leaving:
        signing = [address for address, seen in sorted(servers.items()) if seen.signs_with == key.kid]
        if signing:
            raise StepRefused(
                f"The API server at {signing[0]} signs with the retired key.",
                got=key.kid,
                next_step="set --service-account-signing-key-file to the new key on that server, or "
                f"podrole issuer rotate abort --cluster {cluster}; the old key stays until the tokens of now have "
                "expired",
            )
    for address, seen in sorted(servers.items()):
        if seen.signs_with not in published:
            raise StepRefused(
                f"The API server at {address} signs with a key that is not published: AWS refuses its tokens.",
                got=seen.signs_with,
                next_step=f"podrole issuer publish --cluster {cluster} --from-cluster, with every --server",
            )
    expired = expired_keys(record, cluster, now)
    if leaving and not expired:
        first = min(leaving, key=record.last_expiry)
        end = record.last_expiry(first)
        raise StepRefused(
            "Tokens of the retired key may still be valid.",
            got=f"{first.kid} signed until {rfc3339(first.since)}",
            expected=f"finish after {rfc3339(end)}",
            next_step=f"run this again in {_span(end - now)}",
        )
    for key in expired:
        record = record.with_key(replace(key, state=KeyState.GONE, since=now))
    return record


def expired_keys(record: IssuerRecord, cluster: str, now: float) -> tuple[IssuerKey, ...]:
    """Return the retired keys of a cluster whose longest token has expired."""
    return tuple(key for key in record.of(cluster, *LEAVING) if now >= record.last_expiry(key))


def abort(record: IssuerRecord, cluster: str, servers: Servers, now: float) -> IssuerRecord:
    """Return to the old key.

    Before the promotion the next key is withdrawn: it may have signed if an API server was switched already. After it
    the old key is the next one, and ``promote`` returns to it. Raises StepRefused while an API server signs with the
    key that would be withdrawn, and InvalidIssuer if the cluster is unknown.
    """
    require_cluster(record, cluster)
    for key in record.of(cluster, KeyState.NEXT):
        for address, seen in sorted(servers.items()):
            if seen.signs_with == key.kid:
                raise StepRefused(
                    f"The API server at {address} signs with the new key.",
                    got=key.kid,
                    next_step=f"to go on: podrole issuer rotate promote --cluster {cluster}; to go back: set "
                    "--service-account-signing-key-file to the old key on that server, then run this again",
                )
        return record.with_key(replace(key, state=KeyState.WITHDRAWN, since=now))
    retired = record.of(cluster, KeyState.RETIRED)
    if not retired or record.of(cluster, KeyState.RETURNING):
        return record
    last = max(retired, key=lambda key: key.since)
    # It has been published all the time, so no cache has to be waited for.
    return record.with_key(replace(last, state=KeyState.RETURNING, since=now - record.cache_seconds))


def forget_gone(record: IssuerRecord) -> IssuerRecord:
    """Return the record without the keys that the documents no longer hold."""
    return replace(record, keys=tuple(key for key in record.keys if key.state is not KeyState.GONE))


def _span(seconds: float) -> str:
    """Write how long to wait, rounded up: in seconds, minutes or hours."""
    for unit, size in (("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{math.ceil(seconds / size)} {unit}"
    return f"{max(1, math.ceil(seconds))} s"


def _require_visible(record: IssuerRecord, new: IssuerKey, served: frozenset[str], now: float) -> None:
    ready = new.since + record.cache_seconds
    if now < ready:
        raise StepRefused(
            "A cache may still serve the keys without the new one.",
            got=f"published at {rfc3339(new.since)}",
            expected=f"promote after {rfc3339(ready)}",
            next_step=f"run this again in {_span(ready - now)}",
        )
    if new.kid not in served:
        raise StepRefused(
            "AWS would not find the new key: the published keys do not hold it.",
            got=", ".join(sorted(served)) or "no key",
            expected=new.kid,
            next_step=f"look at {record.issuer}/.well-known/openid-configuration and what serves it",
        )
