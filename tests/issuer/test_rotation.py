"""At every instant of any rotation, also an interrupted or aborted one, the key of every unexpired token is in what AWS
reads through a cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podrole.issuer import rotation
from podrole.issuer.errors import InvalidIssuer, StepRefused
from podrole.issuer.record import IssuerRecord, KeyState, from_json, jwk_set, to_json
from podrole.issuer.rotation import SeenServer
from podrole.oidc.keys import SigningKey, jwks
from support.examples import examples

ISSUER = "https://oidc.example.com/prod"
KEYS = [SigningKey.generate("ES256") for _ in range(4)]
JWKS = {key.kid: jwks([key.verification_key])["keys"][0] for key in KEYS}
OLD, NEW, THIRD, FOURTH = (key.kid for key in KEYS)
EMPTY = IssuerRecord(ISSUER, cache_seconds=100, longest_token_seconds=1_000)
PUBLISHED = rotation.publish(EMPTY, "prod", {OLD: JWKS[OLD]}, 0)


def seen(*signing: str, accepts: tuple[str, ...] = (OLD, NEW)) -> dict[str, SeenServer]:
    return {f"server-{index}": SeenServer(frozenset(accepts), kid) for index, kid in enumerate(signing)}


def started(now: float = 10) -> IssuerRecord:
    return rotation.start(PUBLISHED, "prod", NEW, JWKS[NEW], now)


def promoted(now: float = 200) -> IssuerRecord:
    return rotation.promote(started(), "prod", seen(NEW, NEW), frozenset({OLD, NEW}), now)


def states(record: IssuerRecord) -> dict[str, str]:
    return {one.kid: one.state.value for one in record.keys}


def test_the_whole_rotation() -> None:
    assert states(started()) == {OLD: "signing", NEW: "next"}
    assert states(promoted()) == {OLD: "retired", NEW: "signing"}
    done = rotation.finish(promoted(), "prod", seen(NEW, NEW), 1_200)
    assert states(done) == {OLD: "gone", NEW: "signing"}
    assert states(rotation.forget_gone(done)) == {NEW: "signing"}


REFUSED: dict[str, tuple[Callable[[], IssuerRecord], str]] = {
    "a start during a rotation": (lambda: rotation.start(started(), "prod", THIRD, JWKS[THIRD], 20), "under way"),
    "a finish while a server signs with a key that nobody knows": (
        lambda: rotation.finish(promoted(), "prod", seen(NEW, THIRD), 1_200),
        "server-1 signs with a key that is not published",
    ),
    "a promotion while a cache may be old": (
        lambda: rotation.promote(started(), "prod", seen(NEW), frozenset({OLD, NEW}), 109),
        "A cache may still serve",
    ),
    "a promotion that AWS does not see": (
        lambda: rotation.promote(started(), "prod", seen(NEW), frozenset({OLD}), 200),
        "AWS would not find the new key",
    ),
    "a promotion that a server does not accept": (
        lambda: rotation.promote(started(), "prod", seen(OLD, accepts=(OLD,)), frozenset({OLD, NEW}), 200),
        "server-0 does not accept",
    ),
    "a promotion before all servers have switched": (
        lambda: rotation.promote(started(), "prod", seen(NEW, OLD), frozenset({OLD, NEW}), 200),
        "server-1 still signs with another key. All is ready",
    ),
    "a promotion without servers": (
        lambda: rotation.promote(started(), "prod", {}, frozenset({OLD, NEW}), 200),
        "No API server",
    ),
    "a finish too early": (lambda: rotation.finish(promoted(), "prod", seen(NEW), 1_199), "may still be valid"),
    "a finish while a server signs with the old key": (
        lambda: rotation.finish(promoted(), "prod", seen(NEW, OLD), 5_000),
        "signs with the retired key",
    ),
    "an abort while a server signs with the new key": (
        lambda: rotation.abort(started(), "prod", seen(OLD, NEW), 200),
        "signs with the new key",
    ),
}


STEPS_OF_A_CLUSTER: dict[str, Callable[[IssuerRecord, str], IssuerRecord]] = {
    "start": lambda record, cluster: rotation.start(record, cluster, NEW, JWKS[NEW], 1),
    "promote": lambda record, cluster: rotation.promote(record, cluster, seen(OLD), frozenset({OLD}), 1),
    "finish": lambda record, cluster: rotation.finish(record, cluster, seen(OLD), 1),
    "abort": lambda record, cluster: rotation.abort(record, cluster, seen(OLD), 1),
}


@pytest.mark.parametrize("step", STEPS_OF_A_CLUSTER.values(), ids=STEPS_OF_A_CLUSTER)
def test_cluster_without_keys_is_refused_with_the_names_that_are_known(
    step: Callable[[IssuerRecord, str], IssuerRecord],
) -> None:
    with pytest.raises(InvalidIssuer, match="Cluster prdo has no key") as mistyped:
        step(PUBLISHED, "prdo")
    assert mistyped.value.expected == "--cluster prod"
    with pytest.raises(InvalidIssuer) as unpublished:
        step(EMPTY, "prod")
    assert unpublished.value.next_step == "podrole issuer publish --cluster prod --from-cluster"


@pytest.mark.parametrize(
    ("cache", "expected"), [(1, "1 s"), (100, "100 s"), (210, "4 min"), (7_100, "119 min"), (7_201, "3 h")]
)
def test_step_that_comes_too_early_says_in_which_time_to_repeat_it(cache: int, expected: str) -> None:
    record = rotation.start(replace(PUBLISHED, cache_seconds=cache), "prod", NEW, JWKS[NEW], 10)
    with pytest.raises(StepRefused) as refused:
        rotation.promote(record, "prod", seen(NEW), frozenset({OLD, NEW}), 10)
    assert refused.value.next_step == f"run this again in {expected}"


@pytest.mark.parametrize(("step", "expected"), REFUSED.values(), ids=REFUSED)
def test_step_that_would_lose_a_token_is_refused(step: Callable[[], IssuerRecord], expected: str) -> None:
    with pytest.raises(StepRefused) as refused:
        step()
    assert expected in refused.value.what


@pytest.mark.parametrize(
    ("step", "record"),
    [
        (lambda one: rotation.publish(one, "prod", {OLD: JWKS[OLD]}, 99), PUBLISHED),
        (lambda one: rotation.start(one, "prod", NEW, JWKS[NEW], 99), started()),
        (lambda one: rotation.promote(one, "prod", seen(NEW), frozenset({NEW}), 999), promoted()),
        (
            lambda one: rotation.finish(one, "prod", seen(NEW), 9_999),
            rotation.finish(promoted(), "prod", seen(NEW), 1_200),
        ),
        (lambda one: rotation.abort(one, "prod", seen(OLD), 99), rotation.abort(started(), "prod", seen(OLD), 20)),
        (lambda one: rotation.abort(one, "prod", seen(NEW), 999), rotation.abort(promoted(), "prod", seen(NEW), 300)),
        (lambda one: rotation.abort(one, "prod", seen(OLD), 999), PUBLISHED),
    ],
)
def test_step_that_was_done_changes_nothing_more(
    step: Callable[[IssuerRecord], IssuerRecord], record: IssuerRecord
) -> None:
    assert step(record) == record


def test_start_before_the_finish_keeps_every_retired_key_until_its_own_time() -> None:
    both = rotation.start(promoted(200), "prod", THIRD, JWKS[THIRD], 300)
    done = rotation.promote(both, "prod", seen(THIRD, accepts=(OLD, NEW, THIRD)), frozenset({THIRD}), 500)
    assert states(done) == {OLD: "retired", NEW: "retired", THIRD: "signing"}
    assert states(rotation.finish(done, "prod", seen(THIRD), 1_200)) == {OLD: "gone", NEW: "retired", THIRD: "signing"}
    assert states(rotation.abort(done, "prod", seen(THIRD), 600))[NEW] == "returning"


def test_key_whose_last_expiry_is_known_leaves_at_that_time() -> None:
    old = replace(promoted().of("prod", KeyState.RETIRED)[0], expires=700.0)
    record = from_json(to_json(promoted().with_key(old)))
    with pytest.raises(StepRefused):
        rotation.finish(record, "prod", seen(NEW), 699)
    assert states(rotation.finish(record, "prod", seen(NEW), 700))[OLD] == "gone"


def test_retired_key_that_a_server_was_seen_to_sign_with_stays_for_its_last_tokens() -> None:
    back = seen(NEW, OLD)
    with pytest.raises(StepRefused, match="server-1 signs with the retired key"):
        rotation.finish(promoted(200), "prod", back, 1_100)
    record = rotation.noticed(promoted(200), "prod", back, 1_100)
    with pytest.raises(StepRefused, match="may still be valid"):
        rotation.finish(record, "prod", seen(NEW, NEW), 2_099)
    assert states(rotation.finish(record, "prod", seen(NEW, NEW), 2_100)) == {OLD: "gone", NEW: "signing"}
    assert rotation.noticed(promoted(200), "prod", seen(NEW, NEW), 1_100) == promoted(200)


def test_abort_after_the_promotion_leads_back_without_waiting() -> None:
    back = rotation.abort(promoted(), "prod", seen(NEW), 300)
    assert states(back) == {OLD: "returning", NEW: "signing"}
    done = rotation.promote(back, "prod", seen(OLD), frozenset({OLD, NEW}), 301)
    assert states(done) == {OLD: "signing", NEW: "retired"}


def test_clusters_of_one_issuer_rotate_by_themselves() -> None:
    shared = rotation.publish(started(), "test", {THIRD: JWKS[THIRD]}, 0)
    both = rotation.start(shared, "test", FOURTH, JWKS[FOURTH], 20)
    assert {one.kid for one in both.published} == {OLD, NEW, THIRD, FOURTH}
    assert states(rotation.abort(both, "test", {}, 30))[NEW] == "next"


SLOW = replace(PUBLISHED, cache_seconds=1_000, longest_token_seconds=10_000)


@dataclass
class Simulated:
    """A cluster of two API servers, its issuer behind a cache, and an operator who does what the messages say."""

    record: IssuerRecord = SLOW
    now: int = 0
    signs: list[str] = field(default_factory=lambda: [OLD, OLD])
    ready: set[str] = field(default_factory=set)
    served: list[tuple[float, frozenset[str]]] = field(default_factory=lambda: [(-10_000, frozenset({OLD}))])
    tokens: list[tuple[float, str]] = field(default_factory=list)

    def write(self, record: IssuerRecord, survived: int) -> None:
        """Write in the order of the command: all keys, the record, the keys without those that are gone, the record
        without them; or only the first ``survived`` of these."""
        before, after = ({one.kid for one in each.published} for each in (self.record, record))
        objects: list[Callable[[], None]] = [
            lambda: self.served.append((self.now, frozenset(before | after))),
            lambda: setattr(self, "record", record),
            lambda: self.served.append((self.now, frozenset(after))),
            lambda: setattr(self, "record", rotation.forget_gone(record)),
        ]
        for write in objects[:survived]:
            write()

    def servers(self) -> dict[str, SeenServer]:
        accepts = frozenset(one.kid for one in self.record.keys)
        return {f"server-{index}": SeenServer(accepts, kid) for index, kid in enumerate(self.signs)}

    def oldest_served(self) -> list[frozenset[str]]:
        """Return every set that a cache may serve now."""
        begin = self.now - self.record.cache_seconds
        current = [index for index, (since, _) in enumerate(self.served) if since <= begin]
        return [kids for _, kids in self.served[current[-1] if current else 0 :]]

    def step(self, name: str, survived: int) -> None:
        if name in ("start", "abort"):
            self.ready.clear()  # what was said of an earlier rotation does not hold for this one
        try:
            if name == "start":
                fresh = next((kid for kid in JWKS if kid not in {one.kid for one in self.record.keys}), None)
                if fresh is not None:
                    self.write(rotation.start(self.record, "prod", fresh, JWKS[fresh], self.now), survived)
            elif name == "promote":
                served = self.served[-1][1]
                self.write(rotation.promote(self.record, "prod", self.servers(), served, self.now), survived)
            elif name == "finish":
                self.write(rotation.finish(self.record, "prod", self.servers(), self.now), survived)
            elif name == "abort":
                self.write(rotation.abort(self.record, "prod", self.servers(), self.now), survived)
        except StepRefused as refused:
            if "All is ready" in refused.what and refused.expected:
                self.ready.add(refused.expected)

    def switch(self, server: int) -> None:
        """Switch a server to the coming key once podrole said so, or back to the signing one."""
        coming = self.record.of("prod", KeyState.NEXT, KeyState.RETURNING)
        if coming and coming[0].kid in self.ready and self.signs[server] != coming[0].kid:
            self.signs[server] = coming[0].kid
        elif signing := self.record.of("prod", KeyState.SIGNING):
            self.signs[server] = signing[0].kid

    def check(self) -> None:
        for kid in self.signs:
            self.tokens.append((self.now, kid))
        self.tokens = [one for one in self.tokens if one[0] + self.record.longest_token_seconds > self.now]
        for issued, kid in self.tokens:
            for kids in self.oldest_served():
                assert kid in kids, f"the token of {issued} cannot be verified at {self.now}"


Action = tuple[str, int]
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.sampled_from(["start", "promote", "finish", "abort"]), st.integers(0, 4)),
    st.tuples(st.just("switch"), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 100, 500, 1_000])),
)
PARTS: list[list[Action]] = [
    [("start", 4), ("wait", 100), ("promote", 4)],
    [("switch", 0), ("switch", 1), ("promote", 4)],
    [("start", 4), ("wait", 100), ("promote", 4), ("switch", 0), ("switch", 1), ("promote", 4)],
    [("start", 4), ("wait", 1), ("promote", 4), ("switch", 0), ("switch", 1), ("promote", 4)],
    [("wait", 1_000), ("finish", 4)],
    [("wait", 500), ("finish", 4)],
    [("abort", 4), ("promote", 4), ("switch", 0), ("switch", 1), ("promote", 4)],
]
"""What leads on: alone, single actions seldom come so far."""
RUNS = st.lists(st.one_of(st.sampled_from(PARTS), ACTIONS.map(lambda one: [one])), max_size=16).map(
    lambda parts: [action for part in parts for action in part]
)


@settings(max_examples=examples(300))
@given(RUNS)
def test_no_token_is_lost_whatever_happens_when(actions: list[Action]) -> None:
    world = Simulated()
    for name, value in actions:
        if name == "switch":
            world.switch(value)
        elif name == "wait":
            for _ in range(10):
                world.now += value
                world.check()
        else:
            world.step(name, value)
        world.check()
        if world.record.published:
            jwk_set(world.record)
