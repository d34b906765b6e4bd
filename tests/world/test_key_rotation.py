"""The world's keys: at every moment, also after a kill at any write, every unexpired token's key is published."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podrole.base.files import FileProblem
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.kinds.registry import BY_NAME
from podrole.issuer.record import IssuerRecord, KeyState
from podrole.oidc.keys import SigningKey
from podrole.oidc.token import parse_token
from podrole.world.cluster_keys import RecordedKeys
from podrole.world.key_rotation import KeyRotation
from podrole.world.state import WorldDirectory
from support.cluster import ISSUER, Clock, make_cluster

DAY = 86_400


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make EC keys: a hundred RSA keys take a minute."""
    generate = SigningKey.generate
    monkeypatch.setattr(SigningKey, "generate", lambda _algorithm="ES256": generate("ES256"))


class Killed(BaseException):
    """The process ends."""


class Directory(WorldDirectory):
    """A world's directory whose process is killed before or after its write number ``survived``."""

    survived, before, is_full = 1_000_000, True, False

    def keep_signing_keys(self, keys: Sequence[SigningKey], record: IssuerRecord) -> None:
        if self.is_full:
            raise FileProblem("The file secrets.json cannot be written: no space.")
        self.survived -= 1
        if self.survived < 0 and self.before:
            raise Killed
        super().keep_signing_keys(keys, record)
        if self.survived < 0:
            raise Killed


class Started:
    """A world's cluster and its keys, started from a directory."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.directory = Directory(path)
        secrets = self.directory.secrets(now=clock(), key_id=lambda: "AKIAEXAMPLE")
        self.keys = RecordedKeys(self.directory, ISSUER, secrets.signing_keys, secrets.key_record, clock())
        self.cluster: Cluster = make_cluster(keys=self.keys.in_order, clock=clock)
        self.keys.follow(self.cluster.tokens)
        self._rotation = KeyRotation(self.keys, self.cluster.tokens, clock)

    async def rotate(self) -> Any:
        return await self._rotation(b'{"published_seconds": 0}')

    async def token(self, seconds: int) -> str:
        client = self.cluster.client(ADMINISTRATOR)
        with contextlib.suppress(StatusError):
            await client.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        account = self.cluster.store.get(BY_NAME["serviceaccounts"], "default", "default")
        assert account is not None
        return self.cluster.tokens.mint(account, ["sts.amazonaws.com"], seconds=seconds)

    def published(self) -> list[str]:
        return [key.kid for key in self.cluster.tokens.accepted]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / ".podrole"
    place.mkdir(mode=0o700)
    return place


async def test_key_leaves_when_the_last_of_its_tokens_has_expired(path: Path, clock: Clock) -> None:
    world = Started(path, clock)
    kid = parse_token(await world.token(10 * DAY)).kid
    for _ in range(12):
        clock.now += DAY / 2
        await world.rotate()
        assert kid in world.published()
    clock.now += 5 * DAY
    assert kid in (await world.rotate())["dropped"]
    assert kid not in world.published()


async def test_rotation_goes_on_though_the_clock_was_set_back(path: Path, clock: Clock) -> None:
    world = Started(path, clock)
    world.directory.survived = 1
    with pytest.raises(Killed):
        await world.rotate()
    clock.now -= DAY
    world = Started(path, clock)
    before = world.keys.signing.kid
    assert len(world.published()) == 2
    assert (await world.rotate())["signing"] != before
    assert len(world.published()) == 2


async def test_key_that_signed_nothing_leaves_at_the_next_rotation(path: Path, clock: Clock) -> None:
    world = Started(path, clock)
    first = world.published()
    assert (await world.rotate())["dropped"] == []
    assert (await world.rotate())["dropped"] == first


async def test_rotation_that_would_pass_the_limit_of_aws_is_refused(path: Path, clock: Clock) -> None:
    world = Started(path, clock)
    for _ in range(99):
        await world.token(DAY)
        await world.rotate()
    await world.token(DAY)
    before = world.published()
    assert len(before) == 100
    with pytest.raises(StatusError, match=r"101 EC keys would be published, and AWS reads at most 100") as refused:
        await world.rotate()
    assert refused.value.http_status == 409
    assert world.published() == before == Started(path, clock).published()
    clock.now += DAY + 7_200
    assert len((await world.rotate())["dropped"]) == 99


async def test_keys_of_an_earlier_podrole_stay_because_their_tokens_are_not_known(path: Path, clock: Clock) -> None:
    world = Started(path, clock)
    await world.rotate()
    stored = json.loads(world.directory.secrets_file.read_bytes())
    more = SigningKey.generate("ES256")
    stored["signing_keys"].append(more.to_pem().decode())
    del stored["key_record"]
    world.directory.secrets_file.write_bytes(msgspec.json.encode(stored))
    again = Started(path, clock)
    assert again.published()[0] == world.published()[0]
    clock.now += 365 * DAY
    assert (await again.rotate())["dropped"] == []
    assert more.kid in again.published()


async def test_token_is_not_signed_if_its_expiry_cannot_be_kept(path: Path, clock: Clock) -> None:
    world = Started(path, clock)
    await world.token(DAY)
    world.directory.is_full = True
    with pytest.raises(StatusError, match="cannot be written"):
        await world.token(2 * DAY)
    await world.token(DAY // 2)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("survived", range(6))
async def test_kill_at_any_write_loses_no_token(path: Path, clock: Clock, survived: int, before: bool) -> None:
    world = Started(path, clock)
    world.directory.survived, world.directory.before = survived, before
    tokens: list[tuple[float, str]] = []
    with contextlib.suppress(Killed):
        for _ in range(3):
            tokens.append((clock() + DAY, parse_token(await world.token(DAY)).kid))
            clock.now += DAY / 2 + 10_000
            await world.rotate()
    restarted = Started(path, clock)
    assert {kid for expiry, kid in tokens if expiry > clock()} <= set(restarted.published())
    assert [one.kid for one in restarted.keys.record.keys if one.state is KeyState.SIGNING] == restarted.published()[:1]
    await restarted.token(DAY)
    await restarted.rotate()
    assert {kid for expiry, kid in tokens if expiry > clock()} <= set(restarted.published())
