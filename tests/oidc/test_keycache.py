"""Keys are remembered, and looked for again with measure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from podrole.oidc import keycache
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import Fetcher
from podrole.oidc.issuer import discovery_document
from podrole.oidc.keycache import FRESH_SECONDS, STALE_SECONDS, KeyCache
from podrole.oidc.keys import SigningKey, jwks
from support.clock import Turned
from support.issuer import ISSUER, FakeIssuer


def fetches(issuer: FakeIssuer) -> int:
    return sum(path.endswith("/keys") for path in issuer.asked)


async def test_a_known_key_is_fetched_once(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned())
    for _ in range(3):
        assert await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    assert fetches(issuer) == 1


def test_the_limits_that_bound_what_a_flood_costs() -> None:
    assert (keycache.COOL_DOWN_SECONDS, keycache.MAX_WAITING, keycache.MAX_ISSUERS) == (5, 256, 256)


@pytest.mark.parametrize(("age", "fetched"), [(300, 1), (301, 2)])
async def test_keys_are_fresh_for_five_minutes(issuer: FakeIssuer, age: int, fetched: int) -> None:
    clock = Turned()
    cache = KeyCache(issuer.fetcher(), clock)
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    clock.now += age
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    assert fetches(issuer) == fetched


@pytest.mark.parametrize(("age", "served"), [(3_600, True), (3_601, False)])
async def test_keys_of_an_issuer_that_is_down_serve_for_an_hour(issuer: FakeIssuer, age: int, served: bool) -> None:
    clock = Turned()
    cache = KeyCache(issuer.fetcher(), clock)
    kid = issuer.keys[0].kid
    await cache.keys(ISSUER, kid, issuer.thumbprints)
    issuer.status = 503
    clock.now += age
    for _ in range(2):
        if served:
            assert await cache.keys(ISSUER, kid, issuer.thumbprints)
        else:
            with pytest.raises(KeysUnavailable):
                await cache.keys(ISSUER, kid, issuer.thumbprints)


async def test_many_who_wait_share_one_fetch(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned())
    kid = issuer.keys[0].kid
    await asyncio.gather(*(cache.keys(ISSUER, kid, issuer.thumbprints) for _ in range(50)))
    assert fetches(issuer) == 1


async def test_a_new_key_of_the_issuer_is_found_at_once(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned())
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    issuer.keys.append(SigningKey.generate("ES256"))
    assert await cache.keys(ISSUER, issuer.keys[1].kid, issuer.thumbprints)
    assert fetches(issuer) == 2


async def test_a_key_published_while_a_fetch_is_under_way_is_found(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned(), cool_down=0.05)
    new = SigningKey.generate("ES256")
    issuer.delay = asyncio.Event()
    first = asyncio.create_task(cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints))
    await issuer.first_asked.wait()
    second = asyncio.create_task(cache.keys(ISSUER, new.kid, issuer.thumbprints))
    await asyncio.sleep(0)
    issuer.delay.set()
    await first
    issuer.keys.append(new)
    assert await second


@dataclass(frozen=True, slots=True)
class GatedFetcher(Fetcher):
    """Answers for an issuer once the gate opens; the fetch ends in the same turn of the event loop."""

    gate: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def get(self, url: str, thumbprints: Sequence[str]) -> bytes:
        if url.endswith("/openid-configuration"):
            return json.dumps(discovery_document(ISSUER, f"{ISSUER}/keys", ["RS256"])).encode()
        await asyncio.shield(self.gate)
        return json.dumps(jwks([SigningKey.generate("ES256").verification_key])).encode()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("turns", range(8))
async def test_a_request_that_comes_just_when_a_fetch_ends_is_answered(turns: int) -> None:
    fetcher = GatedFetcher()
    cache = KeyCache(fetcher, Turned(), cool_down=0)
    first = asyncio.create_task(cache.keys(ISSUER, "made up", []))

    async def later() -> None:
        await fetcher.gate
        for _ in range(turns):
            await asyncio.sleep(0)
        await cache.keys(ISSUER, "also made up", [])

    second = asyncio.create_task(later())
    await asyncio.sleep(0.01)
    fetcher.gate.set_result(None)
    for request in (first, second):
        with pytest.raises(KeysUnavailable):
            await request


async def test_a_flood_of_made_up_names_costs_the_issuer_one_fetch_in_a_cool_down(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned(), cool_down=0.1)
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    loop = asyncio.get_running_loop()
    start = loop.time()
    for wave in range(2):
        forged = (cache.keys(ISSUER, f"made up {wave} {number}", issuer.thumbprints) for number in range(100))
        outcomes = await asyncio.gather(*forged, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {KeysUnavailable}
    assert fetches(issuer) - 1 <= 1 + (loop.time() - start) / 0.1


async def test_a_rotation_during_a_flood_fails_no_good_token(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned(), cool_down=0.1)
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    with pytest.raises(KeysUnavailable):
        await cache.keys(ISSUER, "made up", issuer.thumbprints)
    issuer.keys.append(SigningKey.generate("ES256"))
    flood = [asyncio.create_task(cache.keys(ISSUER, f"made up {n}", issuer.thumbprints)) for n in range(50)]
    assert await cache.keys(ISSUER, issuer.keys[1].kid, issuer.thumbprints)
    await asyncio.gather(*flood, return_exceptions=True)


async def test_those_who_wait_out_a_cool_down_are_limited(issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycache, "MAX_WAITING", 3)
    cache = KeyCache(issuer.fetcher(), Turned(), cool_down=30)
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    with pytest.raises(KeysUnavailable):
        await cache.keys(ISSUER, "made up", issuer.thumbprints)
    waiting = [asyncio.create_task(cache.keys(ISSUER, f"made up {n}", issuer.thumbprints)) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(KeysUnavailable) as raised:
        await cache.keys(ISSUER, "one too many", issuer.thumbprints)
    assert raised.value.fault is KeysFault.UNKNOWN_KEY
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_keys_are_fetched_anew_when_they_are_no_longer_fresh(issuer: FakeIssuer) -> None:
    clock = Turned()
    cache = KeyCache(issuer.fetcher(), clock)
    withdrawn = issuer.keys[0].kid
    await cache.keys(ISSUER, withdrawn, issuer.thumbprints)
    issuer.keys[0] = SigningKey.generate("ES256")
    clock.now += FRESH_SECONDS + 1
    with pytest.raises(KeysUnavailable) as raised:
        await cache.keys(ISSUER, withdrawn, issuer.thumbprints)
    assert raised.value.fault is KeysFault.UNKNOWN_KEY
    assert issuer.keys[0].kid in (raised.value.expected or "")


async def test_good_keys_outlive_an_issuer_that_is_down_but_not_for_ever(issuer: FakeIssuer) -> None:
    clock = Turned()
    cache = KeyCache(issuer.fetcher(), clock, cool_down=60)
    kid = issuer.keys[0].kid
    await cache.keys(ISSUER, kid, issuer.thumbprints)
    issuer.status = 503
    clock.now += FRESH_SECONDS + 1
    for _ in range(3):
        assert await cache.keys(ISSUER, kid, issuer.thumbprints)
    assert len(issuer.asked) == 3, "one failed try, then the cool-down"
    clock.now += STALE_SECONDS
    with pytest.raises(KeysUnavailable) as raised:
        await cache.keys(ISSUER, kid, issuer.thumbprints)
    assert raised.value.fault is KeysFault.STATUS


async def test_keys_fetched_under_other_thumbprints_are_not_used(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned())
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    with pytest.raises(KeysUnavailable) as raised:
        await cache.keys(ISSUER, issuer.keys[0].kid, ["0" * 40])
    assert raised.value.fault is KeysFault.THUMBPRINT


async def test_the_issuers_remembered_are_limited(issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycache, "MAX_ISSUERS", 2)
    cache = KeyCache(issuer.fetcher(), Turned())
    kid = issuer.keys[0].kid
    for extra in ("1", "2", "3"):
        await cache.keys(ISSUER, kid, [*issuer.thumbprints, extra * 40])
    await cache.keys(ISSUER, kid, [*issuer.thumbprints, "3" * 40])
    assert fetches(issuer) == 3
    await cache.keys(ISSUER, kid, [*issuer.thumbprints, "1" * 40])
    assert fetches(issuer) == 4
