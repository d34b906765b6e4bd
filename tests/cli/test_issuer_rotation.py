"""While an issuer's key or URL changes, no exchange fails: behind a CDN that serves old documents, with two API servers
that are switched one after the other, and whatever write a command is killed at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from podrole.iam.directory import OIDCProvider
from podrole.oidc.fetch import Fetcher
from podrole.oidc.keycache import KeyCache
from podrole.oidc.keys import SigningKey, jwks
from podrole.oidc.token import parse_token
from podrole.sts.circumstances import Circumstances
from podrole.sts.web_identity import Granted, assume_role_with_web_identity
from support.cdn import CDN
from support.fake_api_server import FakeAPIServer
from support.issuer_commands import IssuerCommands
from support.keys import rsa_key
from support.sts import ACCOUNT, ROLE_ARN, Accounts, a_role, allow

HOST, OTHER = "oidc.example.com", "other.example.com"
CACHE, LONGEST = 600, 1_800
SUBJECT = "system:serviceaccount:default:default"


class Clock:
    """A clock that the test turns."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def _account() -> Accounts:
    providers = [
        OIDCProvider(f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}", f"https://{host}", ("sts.amazonaws.com",), ())
        for host in (HOST, OTHER)
    ]
    trust = [
        allow(
            "sts:AssumeRoleWithWebIdentity",
            Principal={"Federated": one.arn},
            Condition={"StringEquals": {f"{one.issuer.removeprefix('https://')}:sub": SUBJECT}},
        )
        for one in providers
    ]
    return Accounts([a_role(*trust)], providers)


@dataclass
class Poller:
    """Exchanges tokens all the time, in a thread: new ones of each API server, and the oldest of each key and issuer
    that have not expired. So does each API server check them."""

    clock: Clock
    servers: list[FakeAPIServer]
    accepted: dict[str, list[str]]
    """The issuers that each API server accepts, by its URL."""
    fetcher: Fetcher
    failures: list[str] = field(default_factory=list)
    exchanges: int = 0
    _tokens: dict[tuple[str, str, int], tuple[float, str]] = field(default_factory=dict)
    _rounds: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _end: bool = False

    def round(self) -> None:
        """Wait until all tokens have been exchanged once more, at the clock's time."""
        with self._changed:
            wanted = self._rounds + 2  # the round under way may have begun before
            assert self._changed.wait_for(lambda: self._rounds >= wanted or self.failures, 60)
        assert not self.failures, self.failures

    def turn(self, seconds: float, step: float = CACHE / 2) -> None:
        """Turn the clock in steps that are shorter than what the CDN keeps."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            self.round()

    @contextlib.contextmanager
    def polling(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._poll()))
        thread.start()
        try:
            yield
        finally:
            self._end = True
            thread.join()

    async def _poll(self) -> None:
        keys = KeyCache(self.fetcher, self.clock, cool_down=0)
        while not self._end and not self.failures:
            now = self.clock()
            for server in self.servers:
                token = server.token()
                name = (server.issuer, parse_token(token).kid, int(now) // LONGEST)
                self._tokens.setdefault(name, (now + server.lifetime, token))
                await self._exchange(keys, token, now)
            for expires, token in list(self._tokens.values()):
                if expires > now:
                    await self._exchange(keys, token, now)
            with self._changed:
                self._rounds += 1
                self._changed.notify_all()

    async def _exchange(self, keys: KeyCache, token: str, now: float) -> None:
        keys.forget()  # STS fetches: what an earlier fetch found must not hide what is served now
        parameters = {"RoleArn": ROLE_ARN, "RoleSessionName": "web", "WebIdentityToken": token}
        at = Circumstances(now, "192.0.2.7", "us-east-1", secure_transport=True)
        outcome = await assume_role_with_web_identity(parameters, _account(), keys, at)
        self.exchanges += 1
        parsed = parse_token(token)
        if not isinstance(outcome, Granted):
            self.failures.append(f"at {now}: key {parsed.kid}: {outcome.code} {outcome.message}")
        for server in self.servers:
            if parsed.kid not in {key.kid for key in server.keys}:
                self.failures.append(f"at {now}: the API server does not accept the key {parsed.kid}")
            if parsed.payload["iss"] not in self.accepted[server.url]:
                self.failures.append(f"at {now}: the API server does not accept the issuer {parsed.payload['iss']}")


@dataclass
class Stage:
    """Two API servers, two folders behind a CDN, the poller, and the commands."""

    clock: Clock
    cdn: CDN
    servers: list[FakeAPIServer]
    poller: Poller
    run: IssuerCommands
    place: Path

    def words(self, *words: str, host: str = HOST) -> tuple[str, ...]:
        return (*words, "--to", f"dir:{self.cdn.folders[host]}")

    def asking(self, *words: str, host: str = HOST) -> tuple[str, ...]:
        servers = [word for one in self.servers for word in ("--server", one.url)]
        config = ("--kubeconfig", str(self.place / "kubeconfig"))
        return self.words(*words, "--cluster", "prod", *config, *servers, host=host)

    def init(self, host: str) -> tuple[str, ...]:
        times = ("--cache", f"{CACHE}s", "--longest-token", f"{LONGEST}s", "--approve")
        return self.words("init", "--issuer", f"https://{host}", *times, host=host)

    def published(self) -> None:
        """Publish the first key, and wait until every edge serves it."""
        self.run.done(*self.init(HOST))
        self.run.done(*self.asking("publish", "--from-cluster"))
        self.clock.now += CACHE

    def start(self) -> tuple[tuple[str, ...], Path]:
        file = self.place / "new.key"
        return self.words("rotate", "start", "--cluster", "prod", "--key", str(file)), file


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    clock, old = Clock(), rsa_key()
    servers = [FakeAPIServer(f"https://{HOST}", [old], old, lifetime=LONGEST, clock=clock) for _ in range(2)]
    folders = {host: tmp_path / host for host in (HOST, OTHER)}
    with CDN(folders, clock, CACHE).serving() as cdn, servers[0].serving(), servers[1].serving():
        authority = tmp_path / "authority.pem"
        authority.write_bytes(cdn.authority.certificate_pem)
        user = {"name": "u", "user": {"token": "t"}}
        cluster = {"name": "c", "cluster": {"server": servers[0].url}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        config = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        trust = _trust(cdn)
        fetcher = Fetcher(resolve=lambda _host, _port: ("127.0.0.1", cdn.port), trust=lambda: trust)
        accepted = {one.url: [f"https://{HOST}"] for one in servers}
        poller = Poller(clock, servers, accepted, fetcher)
        polls = [False]
        run = IssuerCommands(cdn.port, authority, clock, lambda: poller.turn(7) if polls[0] else None)
        with contextlib.closing(run):
            made = Stage(clock, cdn, servers, poller, run, tmp_path)
            made.published()
            polls[0] = True
            with poller.polling():
                yield made
            assert poller.failures == []


def _trust(cdn: CDN) -> object:
    import ssl

    return ssl.create_default_context(cadata=cdn.authority.certificate_pem.decode())


MOMENTS = ["written", pytest.param("writing", marks=pytest.mark.soak)]


@pytest.mark.parametrize("when", MOMENTS)
def test_no_exchange_fails_while_the_key_changes(stage: Stage, when: str) -> None:
    old = stage.servers[0].signing
    start, file = stage.start()
    assert stage.run.killed_everywhere(*start, when=when) >= 3
    new = SigningKey.from_pem(file.read_bytes())
    promote, finish = stage.asking("rotate", "promote"), stage.asking("rotate", "finish")
    assert "A cache may still serve" in stage.run.refused(*promote)
    stage.poller.turn(CACHE)
    for server in stage.servers:
        assert "does not accept the new key yet" in stage.run.refused(*promote)
        server.keys = [old, new]
    for server in stage.servers:
        assert "All is ready: switch it now." in stage.run.refused(*promote)
        server.signing = new
        stage.poller.round()
    assert stage.run.killed_everywhere(*promote, when=when) >= 1
    assert "may still be valid" in stage.run.refused(*finish)
    stage.poller.turn(LONGEST)
    assert stage.run.killed_everywhere(*finish, when=when) >= 3
    for server in stage.servers:
        server.keys = [new]
    stage.poller.turn(CACHE)
    assert old.kid not in (stage.cdn.folders[HOST] / "openid/v1/jwks").read_text()
    assert stage.poller.exchanges > 100


@pytest.mark.soak
def test_no_exchange_fails_while_a_rotation_is_aborted(stage: Stage) -> None:
    old, when = stage.servers[0].signing, "written"
    start, file = stage.start()
    stage.run.done(*start)
    new = SigningKey.from_pem(file.read_bytes())
    stage.poller.turn(CACHE)
    for server in stage.servers:
        server.keys = [old, new]
    stage.servers[0].signing = new
    stage.poller.round()
    abort, promote = stage.asking("rotate", "abort"), stage.asking("rotate", "promote")
    assert "signs with the new key" in stage.run.refused(*abort)
    stage.servers[1].signing = new
    stage.run.done(*promote)
    assert stage.run.killed_everywhere(*abort, when=when) >= 1
    for server in stage.servers:
        server.signing = old
        stage.poller.round()
    assert stage.run.killed_everywhere(*promote, when=when) >= 1
    stage.poller.turn(LONGEST)
    assert stage.run.killed_everywhere(*stage.asking("rotate", "finish"), when=when) >= 3
    stage.poller.turn(CACHE)


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.soak
def test_no_exchange_fails_while_the_url_changes(stage: Stage, when: str) -> None:
    """The old issuer stays second until the last of its tokens has expired."""
    old, new = f"https://{HOST}", f"https://{OTHER}"
    assert stage.run.killed_everywhere(*stage.init(OTHER), when=when) >= 2
    publish = stage.asking("publish", "--from-cluster", host=OTHER)
    assert stage.run.killed_everywhere(*publish, when=when) >= 2
    stage.poller.turn(CACHE)
    flags = ("flags", "--distro", "kubeadm", "--issuer", new, "--old-issuer", old)
    for more in (("--prepare",), ()):
        printed = yaml.safe_load(stage.run.done(*flags, *more))["apiServer"]["extraArgs"]
        issuers = [one["value"] for one in printed if one["name"] == "service-account-issuer"]
        for server in stage.servers:
            server.issuer, stage.poller.accepted[server.url] = issuers[0], issuers
            stage.poller.round()
    assert stage.servers[0].issuer == new
    stage.poller.turn(LONGEST)
    for server in stage.servers:
        stage.poller.accepted[server.url] = [new]
    stage.poller.turn(CACHE)


@pytest.mark.parametrize("change", ["the key signs too early", "the old key goes too early"])
@pytest.mark.soak
def test_step_of_an_operator_that_comes_too_early_is_seen_as_failed_exchanges(stage: Stage, change: str) -> None:
    """What the other tests rely on: the poller notices."""
    start, file = stage.start()
    stage.run.done(*start)
    new = SigningKey.from_pem(file.read_bytes())
    for server in stage.servers:
        server.keys = [server.signing, new]
    if change == "the key signs too early":
        stage.servers[1].signing = new
    else:
        (stage.cdn.folders[HOST] / "openid/v1/jwks").write_text(json.dumps(jwks([new.verification_key])))
    with pytest.raises(AssertionError, match="InvalidIdentityToken"):
        stage.poller.turn(CACHE)
    stage.poller.failures.clear()


def test_cdn_that_serves_the_old_keys_for_longer_than_was_said_stops_the_promotion(stage: Stage) -> None:
    start, file = stage.start()
    stage.cdn.stuck = True
    stage.run.done(*start)
    new = SigningKey.from_pem(file.read_bytes())
    stage.poller.turn(CACHE + 60)
    for server in stage.servers:
        server.keys = [server.signing, new]
    said = stage.run.refused(*stage.asking("rotate", "promote"))
    assert "AWS would not find the new key" in said
    stage.cdn.stuck = False
    assert "All is ready: switch it now." in stage.run.refused(*stage.asking("rotate", "promote"))


def test_network_that_fails_in_the_middle_changes_nothing(stage: Stage) -> None:
    start, file = stage.start()
    stage.run.done(*start)
    new = SigningKey.from_pem(file.read_bytes())
    stage.poller.turn(CACHE)
    for server in stage.servers:
        server.keys, server.signing = [server.signing, new], new
    stage.poller.round()
    promote, finish, abort = (stage.asking("rotate", word) for word in ("promote", "finish", "abort"))
    record = (stage.cdn.folders[HOST] / "podrole-issuer.json").read_bytes()
    dead = ("--server", "http://127.0.0.1:9")
    for words in (promote, finish, abort):
        assert "127.0.0.1:9" in stage.run.refused(*words, *dead)
    assert (stage.cdn.folders[HOST] / "podrole-issuer.json").read_bytes() == record
    stage.run.done(*promote)
