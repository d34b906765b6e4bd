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
from support import garbage
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
    issuer.asked.clear()
    clock.now += age
    for _ in range(2):
        if served:
            assert await cache.keys(ISSUER, kid, issuer.thumbprints)
            assert len(issuer.asked) == 1, "one failed try, then the cool-down"
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


async def test_the_certificate_of_an_issuer_must_be_served_in_time() -> None:
    class Hanging(Fetcher):
        async def served_thumbprint(self, url: str) -> str:
            await asyncio.Event().wait()
            return url

    with pytest.raises(KeysUnavailable) as raised:
        await KeyCache(Hanging(), Turned(), fetch_limit=0).served_thumbprint(ISSUER)
    assert raised.value.fault is KeysFault.TIMEOUT


async def test_keys_that_were_forgotten_are_fetched(issuer: FakeIssuer) -> None:
    cache = KeyCache(issuer.fetcher(), Turned())
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    cache.forget()
    assert await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    assert fetches(issuer) == 2


@pytest.mark.parametrize("cancelled", [False, True], ids=["fails", "is cancelled at the end of the process"])
async def test_nothing_is_reported_of_a_fetch_for_which_nobody_waits(cancelled: bool) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    fetcher = GatedFetcher()
    others = asyncio.all_tasks()
    request = asyncio.create_task(KeyCache(fetcher, Turned()).keys(ISSUER, "k", []))
    await asyncio.sleep(0)
    (fetch,) = asyncio.all_tasks() - others - {request}
    await asyncio.sleep(0)
    request.cancel()
    if cancelled:
        fetch.cancel()
    else:
        fetcher.gate.set_exception(KeysUnavailable(KeysFault.STATUS, "down"))
    await asyncio.wait([request, fetch])
    await asyncio.sleep(0)
    del fetch, request
    garbage.collect()
    assert not reported


@dataclass(frozen=True, slots=True)
class QuickFetcher(Fetcher):
    """Answers at once with one key, and remembers what it was asked."""

    asked: list[str] = field(default_factory=list)
    key: SigningKey = field(default_factory=lambda: SigningKey.generate("ES256"))

    async def get(self, url: str, thumbprints: Sequence[str]) -> bytes:
        self.asked.append(url)
        if url.endswith("/openid-configuration"):
            return json.dumps(discovery_document(ISSUER, f"{ISSUER}/keys", ["ES256"])).encode()
        return json.dumps(jwks([self.key.verification_key])).encode()


class CoolingCache(KeyCache):
    """A cache with a cool-down of 30 seconds. The event loop's clock stands at ``now``, and who sleeps goes on when a
    test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, most_waiting: int) -> None:
        self.fetcher = QuickFetcher()
        super().__init__(self.fetcher, Turned(), cool_down=30)
        self.now = 1_000.0
        self.sleeping: list[asyncio.Event] = []
        self.pause = asyncio.sleep
        monkeypatch.setattr(keycache, "MAX_WAITING", most_waiting)
        monkeypatch.setattr(keycache.asyncio, "sleep", self._sleep)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)

    @classmethod
    async def after_an_unknown_key(cls, monkeypatch: pytest.MonkeyPatch, *, most_waiting: int) -> CoolingCache:
        """Return a cache that has just fetched its keys a second time, for a key that is not there."""
        cache = cls(monkeypatch, most_waiting=most_waiting)
        await cache.ask(cache.fetcher.key.kid)
        assert await cache.refused("made up")
        return cache

    async def _sleep(self, _seconds: float) -> None:
        self.sleeping.append(asyncio.Event())
        await self.sleeping[-1].wait()

    @property
    def fetches(self) -> int:
        return len(self.fetcher.asked) // 2

    async def ask(self, kid: str) -> asyncio.Task[object]:
        """Ask for a key; return once the request waits or is answered."""
        task: asyncio.Task[object] = asyncio.create_task(self.keys(ISSUER, kid, []))
        for _ in range(20):
            await self.pause(0)
        return task

    async def refused(self, kid: str) -> bool:
        """Say whether a key is refused at once."""
        task = await self.ask(kid)
        return task.done() and isinstance(task.exception(), KeysUnavailable)


async def test_only_a_cool_down_makes_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = await CoolingCache.after_an_unknown_key(monkeypatch, most_waiting=0)
    assert cache.fetches == 2, "nothing had to be waited for"
    cache.now += 29
    assert await cache.refused("made up")
    assert cache.fetches == 2, "nobody may wait"
    cache.now += 1
    assert await cache.refused("made up")
    assert cache.fetches == 3


async def test_stale_keys_are_tried_again_when_the_cool_down_ends(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    # The present time: a timer that starts while it stands still may not end hours later on a machine just started.
    moment = loop.time()
    monkeypatch.setattr(loop, "time", lambda: moment)
    clock = Turned()
    cache = KeyCache(issuer.fetcher(), clock, cool_down=0)
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    issuer.status = 503
    issuer.asked.clear()
    clock.now += FRESH_SECONDS + 1
    for _ in range(2):
        assert await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    assert len(issuer.asked) == 2


async def test_a_fetch_under_way_is_joined_without_waiting(issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycache, "MAX_WAITING", 0)
    cache = KeyCache(issuer.fetcher(), Turned(), cool_down=30)
    await cache.keys(ISSUER, issuer.keys[0].kid, issuer.thumbprints)
    issuer.delay = asyncio.Event()
    issuer.first_asked.clear()
    first = asyncio.create_task(cache.keys(ISSUER, "made up", issuer.thumbprints))
    await issuer.first_asked.wait()
    issuer.keys.append(SigningKey.generate("ES256"))
    second = asyncio.create_task(cache.keys(ISSUER, issuer.keys[1].kid, issuer.thumbprints))
    await asyncio.sleep(0)
    issuer.delay.set()
    assert await second
    assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], KeysUnavailable)


async def test_who_has_waited_makes_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = await CoolingCache.after_an_unknown_key(monkeypatch, most_waiting=1)
    for wave in range(3):
        waiting = await cache.ask("made up")
        assert len(cache.sleeping) == wave + 1
        assert await cache.refused("one too many")
        assert not waiting.done()
        cache.now += 30
        cache.sleeping[-1].set()
        with pytest.raises(KeysUnavailable):
            await waiting


async def test_one_fetch_serves_all_who_waited_even_if_some_go_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = await CoolingCache.after_an_unknown_key(monkeypatch, most_waiting=2)
    waiting = [await cache.ask(f"made up {number}") for number in range(2)]
    cache.now += 30
    for task, sleeping in zip(waiting, cache.sleeping, strict=True):
        sleeping.set()
        with pytest.raises(KeysUnavailable):
            await task
    assert cache.fetches == 3


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


async def test_stale_keys_are_fetched_again(issuer: FakeIssuer) -> None:
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
    for extra in ("1", "2", "1", "2", "3"):
        await cache.keys(ISSUER, kid, [*issuer.thumbprints, extra * 40])
    await cache.keys(ISSUER, kid, [*issuer.thumbprints, "3" * 40])
    assert fetches(issuer) == 3
    await cache.keys(ISSUER, kid, [*issuer.thumbprints, "1" * 40])
    assert fetches(issuer) == 4
