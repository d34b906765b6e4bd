"""``podrole issuer init``, ``publish`` and ``rotate`` over a static site and two API servers."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from podrole.cli.issuer.places import AWSView, IssuerOptions
from podrole.cli.issuer.publish_commands import add_publish_commands
from podrole.cli.issuer.rotating import rotate_promote
from podrole.cli.sources import SourceOptions
from podrole.issuer.errors import StepRefused
from podrole.issuer.key_files import new_key_file, public_key_file
from podrole.oidc.discovery import fetch_keys
from podrole.oidc.fetch import Fetcher
from podrole.oidc.keys import SigningKey
from podrole.oidc.token import parse_token
from support.fake_api_server import FakeAPIServer, static_site
from support.keys import rsa_key

HOST = "oidc.example.com"
ISSUER = f"https://{HOST}"
COMPARED_WITH_NOTHING = "This machine's clock was compared with no other."
DONE, NOT_DONE, BAD_INPUT, PENDING = 0, 1, 2, 3


class Cluster:
    """Two API servers, a folder for the documents, and the commands."""

    def __init__(self, servers: list[FakeAPIServer], directory: Path) -> None:
        self.servers = servers
        self.directory = directory
        self.site = directory / "the site"
        self.kubeconfig = directory / "kubeconfig"
        user = {"name": "u", "user": {"token": "t"}}
        cluster = {"name": "c", "cluster": {"server": servers[0].url}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        config = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
        self.kubeconfig.write_text(json.dumps(config))

    def __call__(self, *words: str, code: int = DONE) -> str:
        app = typer.Typer()
        add_publish_commands(app)
        done = CliRunner().invoke(app, [*words, "--to", f"dir:{self.site}"])
        assert done.exit_code == code, done.output
        return done.output

    def asking(self, *words: str, code: int = DONE) -> str:
        """Run a command that asks the API servers."""
        servers = [word for one in self.servers for word in ("--server", one.url)]
        return self(*words, "--cluster", "prod", "--kubeconfig", str(self.kubeconfig), *servers, code=code)

    def states(self) -> dict[str, str]:
        return {one["kid"]: one["state"] for one in json.loads(self("rotate", "status", "--json"))["keys"]}

    def promote(self, fetcher: Fetcher) -> int:
        options = IssuerOptions(
            f"dir:{self.site}",
            SourceOptions(self.directory, kubeconfig=self.kubeconfig),
            tuple(one.url for one in self.servers),
        )
        return rotate_promote("prod", 0, options, AWSView(fetcher), as_json=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    old = rsa_key()
    servers = [FakeAPIServer(ISSUER, [old], old) for _ in range(2)]
    with servers[0].serving(), servers[1].serving():
        yield Cluster(servers, tmp_path)


def verifies(token: str, fetcher: Fetcher) -> bool:
    """Whether STS finds the token's key."""
    return parse_token(token).kid in asyncio.run(fetch_keys(ISSUER, thumbprints=(), fetcher=fetcher))


def test_whole_rotation_with_two_api_servers_loses_no_token(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s", "--longest-token", "0s")
    cluster.asking("publish", "--from-cluster")
    tokens = [cluster.servers[0].token()]
    old, file = cluster.servers[0].signing, cluster.directory / "new.key"
    with static_site(cluster.site, HOST) as fetcher:

        def check() -> None:
            tokens.extend(one.token() for one in cluster.servers)
            assert all(verifies(token, fetcher) for token in tokens)

        check()
        assert "accept the new key" in cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
        new = SigningKey.from_pem(file.read_bytes())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.with_suffix(".pub").read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
        assert cluster.states() == {old.kid: "signing", new.kid: "next"}
        cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
        check()
        with pytest.raises(StepRefused, match="does not accept the new key"):
            cluster.promote(fetcher)
        for server in cluster.servers:
            server.keys = [old, new]
        with pytest.raises(StepRefused, match="still signs with another key"):
            cluster.promote(fetcher)
        for server in cluster.servers:
            server.signing = new
            check()
        assert cluster.promote(fetcher) == DONE
        assert cluster.states() == {old.kid: "retired", new.kid: "signing"}
        check()
        cluster.asking("rotate", "finish")
        assert cluster.states() == {new.kid: "signing"}
        assert verifies(cluster.servers[0].token(), fetcher)
        assert not verifies(tokens[0], fetcher), "its key went when its longest token had expired"


def test_finish_too_early_says_how_long_to_wait(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    cluster.asking("publish", "--from-cluster")
    old, file = cluster.servers[0].signing, cluster.directory / "new.key"
    cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    new = SigningKey.from_pem(file.read_bytes())
    for server in cluster.servers:
        server.keys, server.signing = [old, new], new
    with static_site(cluster.site, HOST) as fetcher:
        cluster.promote(fetcher)
    assert "Tokens of the retired key may still be valid." in cluster.asking("rotate", "finish", code=NOT_DONE)
    cluster.asking("rotate", "abort")
    assert cluster.states()[old.kid] == "returning"


def test_retired_key_that_a_server_signed_with_again_stays_for_the_longest_token(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s", "--longest-token", "1s")
    cluster.asking("publish", "--from-cluster")
    old, file = cluster.servers[0].signing, cluster.directory / "new.key"
    cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    new = SigningKey.from_pem(file.read_bytes())
    for server in cluster.servers:
        server.keys, server.signing = [old, new], new
    with static_site(cluster.site, HOST) as fetcher:
        cluster.promote(fetcher)
    record = cluster.site / "podrole-issuer.json"
    early = json.loads(record.read_bytes())
    for one in early["keys"]:
        one["since"] = 1_000
    record.write_text(json.dumps(early))
    cluster.servers[1].signing = old
    assert "signs with the retired key" in cluster.asking("rotate", "finish", code=NOT_DONE)
    since = {one["kid"]: one["since"] for one in json.loads(record.read_bytes())["keys"]}
    assert since[old.kid] > 1_000
    assert since[new.kid] == 1_000


@pytest.mark.parametrize(("ahead", "told"), [(-3_600, "ahead of"), (3_600, "behind")])
@pytest.mark.parametrize("step", ["finish", "abort"])
def test_step_is_refused_while_the_clocks_differ(cluster: Cluster, step: str, ahead: int, told: str) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    cluster.asking("publish", "--from-cluster")
    cluster.servers[1].clock = lambda: time.time() + ahead
    refused = cluster.asking("rotate", step, code=NOT_DONE)
    assert f"clock is {told} the clock of the API server at {cluster.servers[1].url}" in refused


@pytest.mark.parametrize(("ahead", "told"), [(-3_600, "ahead of"), (3_600, "behind")])
def test_key_is_neither_published_nor_made_while_the_clocks_differ(cluster: Cluster, ahead: int, told: str) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    clock = f"clock is {told} the clock of the API server at {cluster.servers[1].url}"
    cluster.servers[1].clock = lambda: time.time() + ahead
    assert clock in cluster.asking("publish", "--from-cluster", code=NOT_DONE)
    assert cluster.states() == {}
    cluster.servers[1].clock = time.time
    cluster.asking("publish", "--from-cluster")
    cluster.servers[1].clock = lambda: time.time() + ahead
    file = cluster.directory / "new.key"
    assert clock in cluster.asking("rotate", "start", "--key", str(file), code=NOT_DONE)
    assert not file.exists()
    assert list(cluster.states().values()) == ["signing"]


def test_clock_is_compared_with_the_cluster_that_kubectl_uses(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    cluster.asking("publish", "--from-cluster")
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    cluster.servers[0].clock = lambda: time.time() + 3_600
    start = ("rotate", "start", "--cluster", "prod", "--key", str(cluster.directory / "new.key"))
    assert "clock is behind the clock of the API server at" in cluster(*start, code=NOT_DONE)
    cluster.servers[0].clock = time.time
    assert COMPARED_WITH_NOTHING not in cluster(*start)


def test_start_says_that_nothing_was_there_to_compare_the_clock_with(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    public = cluster.directory / "sa.pub"
    new_key_file(public.with_suffix(".key"))
    monkeypatch.setenv("HOME", str(cluster.directory))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert COMPARED_WITH_NOTHING in cluster("publish", "--cluster", "prod", "--key", str(public))
    start = ("rotate", "start", "--cluster", "prod", "--key", str(cluster.directory / "new.key"))
    assert COMPARED_WITH_NOTHING in cluster(*start)
    kept = json.loads(cluster.kubeconfig.read_text())
    kept["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    cluster.kubeconfig.write_text(json.dumps(kept))
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    assert COMPARED_WITH_NOTHING in cluster(*start)


def test_promotion_waits_for_what_a_cache_serves(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "10m")
    cluster.asking("publish", "--from-cluster")
    cluster("rotate", "start", "--cluster", "prod", "--key", str(cluster.directory / "new.key"))
    with static_site(cluster.site, HOST) as fetcher, pytest.raises(StepRefused, match="A cache may still serve"):
        cluster.promote(fetcher)
    assert "may sign from" in cluster("rotate", "status")


def test_each_step_ends_with_the_next_command_which_can_be_copied(cluster: Cluster) -> None:
    to = f"--to 'dir:{cluster.site}'"
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    assert f"podrole issuer publish --cluster CLUSTER --from-cluster {to}\n" in cluster("rotate", "status")
    assert f"  podrole issuer verify {ISSUER}\n" in cluster.asking("publish", "--from-cluster")
    start = f"podrole issuer rotate start --cluster prod --key NEW.key {to}\n"
    assert start in cluster("rotate", "status")
    file = cluster.directory / "new.key"
    said = cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    assert said.endswith(f"\n  podrole issuer rotate promote --cluster prod {to}\n")
    new = SigningKey.from_pem(file.read_bytes())
    for server in cluster.servers:
        server.keys, server.signing = [*server.keys, new], new
    with static_site(cluster.site, HOST) as fetcher:
        cluster.promote(fetcher)
    finish = f", take the retired key out:\n  podrole issuer rotate finish --cluster prod {to}\n"
    assert finish in cluster("rotate", "status")
    # A repeated start does not begin the rotation again.
    assert finish in cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    servers = " ".join(f"--server {one.url}" for one in cluster.servers)
    returned = cluster.asking("rotate", "abort")
    assert "sign with the old key again (--service-account-signing-key-file)" in returned
    assert f"rotate promote --cluster prod {to} " in returned
    assert returned.endswith(f" {servers}\n")


@pytest.mark.parametrize(
    ("mode", "risk"), [(0o600, ""), (0o400, ""), (0o640, "0640"), (0o644, "0644"), (0o660, "0660")]
)
def test_private_key_that_others_can_read_is_named_as_a_risk(cluster: Cluster, mode: int, risk: str) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    cluster.asking("publish", "--from-cluster")
    file = cluster.directory / "a key"
    file.write_bytes(SigningKey.generate("ES256").to_pem())
    file.chmod(mode)
    said = cluster.asking("rotate", "start", "--key", str(file))
    assert ("Risk: " in said) is bool(risk)
    if risk:
        assert f"(mode {risk})" in said
        assert f"chmod 600 '{file}'" in said


def test_next_steps_of_a_refusal_can_be_copied(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    cluster.asking("publish", "--from-cluster")
    file = cluster.directory / "new.key"
    cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    to = f"--to 'dir:{cluster.site}'"
    status = cluster.asking("rotate", "start", "--key", str(cluster.directory / "third.key"), code=NOT_DONE)
    assert f"next:     podrole issuer rotate status {to}; then promote or abort\n" in status
    cluster.servers[0].signing = SigningKey.from_pem(file.read_bytes())
    asked = (
        f"{to} --kubeconfig {cluster.kubeconfig} --server {cluster.servers[0].url} --server {cluster.servers[1].url}"
    )
    refused = cluster.asking("rotate", "abort", code=NOT_DONE)
    assert f"to go on: podrole issuer rotate promote --cluster prod {asked}; to go back" in refused
    (cluster.site / "podrole-issuer.json").unlink()
    lost = cluster("rotate", "status", code=BAD_INPUT)
    assert f"next:     podrole issuer init {to} as the first time" in lost
    assert f"podrole issuer publish --cluster CLUSTER --from-cluster --rebuild {to}\n" in lost


def test_key_that_another_cluster_has_is_told(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    assert "also a key of" not in cluster.asking("publish", "--from-cluster")
    public = cluster.directory / "own.pub"
    new_key_file(public.with_suffix(".key"))
    assert "also a key of" not in cluster("publish", "--cluster", "staging", "--key", str(public))
    said = cluster("publish", "--cluster", "other", "--key", str(public))
    (kid,) = public_key_file(public)
    assert f"Key {kid} is also a key of cluster staging: check --cluster." in said


def test_start_for_a_mistyped_cluster_makes_no_private_key(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    file = cluster.directory / "new.key"
    said = cluster("rotate", "start", "--cluster", "prod", "--key", str(file), code=BAD_INPUT)
    assert f"next:     podrole issuer publish --cluster prod --from-cluster --to 'dir:{cluster.site}'\n" in said
    assert not file.exists()


@pytest.mark.parametrize("words", [("promote", "--wait", "30m"), ("finish",), ("abort",)])
def test_mistyped_cluster_is_refused_at_once(cluster: Cluster, words: tuple[str, ...]) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    cluster.asking("publish", "--from-cluster")
    said = cluster("rotate", *words, "--cluster", "prdo", "--kubeconfig", str(cluster.kubeconfig), code=BAD_INPUT)
    assert "Cluster prdo has no key at this issuer." in said
    assert "expected: --cluster prod" in said


def test_issuer_that_cannot_be_fetched_is_not_promoted(cluster: Cluster, tmp_path: Path) -> None:
    cluster("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    cluster.asking("publish", "--from-cluster")
    cluster("rotate", "start", "--cluster", "prod", "--key", str(cluster.directory / "new.key"))
    (tmp_path / "empty").mkdir()
    with static_site(tmp_path / "empty", HOST) as fetcher, pytest.raises(StepRefused, match="AWS could not read"):
        cluster.promote(fetcher)


def test_public_key_file_is_published_and_a_private_one_refused(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    key = cluster.directory / "sa.key"
    key.write_bytes(rsa_key(1).to_pem())
    refused = cluster("publish", "--cluster", "prod", "--key", str(key), code=BAD_INPUT)
    assert "holds a private key" in refused
    assert "openssl pkey -in" in refused
    assert "BEGIN" not in refused
    assert not (cluster.site / "openid/v1/jwks").exists()


@pytest.mark.parametrize("server", ["https://127.0.0.1:1", "127.0.0.1:6443", "ftp://x"])
def test_credentials_are_not_sent_to_an_address_of_another_kind(cluster: Cluster, server: str) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    words = ("publish", "--cluster", "prod", "--from-cluster", "--kubeconfig", str(cluster.kubeconfig))
    assert "--server is not the address of an API server" in cluster(*words, "--server", server, code=BAD_INPUT)


def test_private_key_is_not_written_where_its_public_key_goes(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    cluster.asking("publish", "--from-cluster")
    file = cluster.directory / "sa.pub"
    refused = cluster("rotate", "start", "--cluster", "prod", "--key", str(file), code=BAD_INPUT)
    assert "--key" in refused
    assert not file.exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("init", "--issuer", "http://oidc.example.com"), "it does not begin with https://"),
        (("init", "--issuer", ISSUER, "--cache", "soon"), "is not a duration"),
        (("init", "--issuer", ISSUER, "--cache", "9999999999h"), "is too long"),
        (("init", "--issuer", f"{ISSUER}/../x"), "a segment of dots"),
        (("publish", "--cluster", "prod"), "Name the keys."),
        (("publish", "--cluster", "prod", "--rebuild"), "expected --from-cluster"),
        (("publish", "--cluster", "A B", "--from-cluster"), "is not a cluster's name"),
        (("rotate", "status"), "There is no issuer in"),
    ],
)
def test_bad_input_is_told(cluster: Cluster, words: tuple[str, ...], expected: str) -> None:
    assert expected in " ".join(cluster(*words, code=BAD_INPUT).replace("│", " ").split())


def test_second_issuer_in_one_place_is_refused(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    cluster("init", "--approve", "--issuer", ISSUER)
    assert "holds another issuer" in cluster(
        "init", "--approve", "--issuer", "https://other.example.com", code=BAD_INPUT
    )


@pytest.mark.parametrize(("option", "kept"), [("--cache", "1h"), ("--longest-token", "24h")])
def test_times_of_an_issuer_that_is_there_are_not_changed_in_silence(cluster: Cluster, option: str, kept: str) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    before = (cluster.site / "podrole-issuer.json").read_bytes()
    cluster("init", "--approve", "--issuer", ISSUER, option, kept)
    refused = cluster("init", "--approve", "--issuer", ISSUER, option, "1s", code=BAD_INPUT)
    assert f"The issuer is there with another {option}, which stays." in refused
    assert (cluster.site / "podrole-issuer.json").read_bytes() == before


def test_what_somebody_wrote_into_the_documents_does_not_reach_the_terminal(cluster: Cluster) -> None:
    document = cluster.site / ".well-known/openid-configuration"
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps({"issuer": "\x1b[2J"}))
    assert "\x1b" not in cluster("init", "--issuer", ISSUER, code=NOT_DONE)


def test_init_shows_what_it_would_write_and_writes_with_approval(cluster: Cluster) -> None:
    shown = cluster("init", "--issuer", ISSUER, code=PENDING)
    assert "create .well-known/openid-configuration" in shown
    assert not list(cluster.site.glob("*"))
    cluster("init", "--issuer", ISSUER, "--approve")
    assert "Nothing to change." in cluster("init", "--issuer", ISSUER)


def test_lost_record_is_rebuilt_and_the_rotation_goes_on(cluster: Cluster) -> None:
    init = ("init", "--approve", "--issuer", ISSUER, "--cache", "0s")
    cluster(*init)
    cluster.asking("publish", "--from-cluster")
    old, file = cluster.servers[0].signing, cluster.directory / "new.key"
    cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    new = SigningKey.from_pem(file.read_bytes())
    (cluster.site / "podrole-issuer.json").unlink()
    assert "--rebuild" in cluster("rotate", "status", code=BAD_INPUT)
    assert "podrole issuer publish --cluster CLUSTER --from-cluster --rebuild --to 'dir:" in cluster(*init)
    said = cluster.asking("publish", "--from-cluster", "--rebuild")
    assert f"Not shown by the cluster, kept for the longest token: {new.kid}." in said
    assert cluster.states() == {old.kid: "signing", new.kid: "retired"}
    assert "Tokens of the retired key may still be valid." in cluster.asking("rotate", "finish", code=NOT_DONE)
    cluster("rotate", "start", "--cluster", "prod", "--key", str(file))
    assert cluster.states() == {old.kid: "signing", new.kid: "next"}
    for server in cluster.servers:
        server.keys, server.signing = [old, new], new
    with static_site(cluster.site, HOST) as fetcher:
        assert cluster.promote(fetcher) == DONE
    assert cluster.states() == {old.kid: "retired", new.kid: "signing"}


def test_rebuilding_keeps_what_the_record_knows(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    other = cluster.directory / "other.pub"
    new_key_file(other.with_suffix(".key"))
    cluster("publish", "--cluster", "staging", "--key", str(other))
    before = cluster.states()
    cluster.asking("publish", "--from-cluster", "--rebuild")
    assert cluster.states() == before | {cluster.servers[0].signing.kid: "signing"}


def test_nothing_private_is_published(cluster: Cluster) -> None:
    cluster("init", "--approve", "--issuer", ISSUER)
    cluster.asking("publish", "--from-cluster")
    cluster("rotate", "start", "--cluster", "prod", "--key", str(cluster.directory / "new.key"))
    members: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            members.update(value)
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(one)

    for file in cluster.site.rglob("*"):
        if file.is_file() and file.stat().st_size:
            assert b"PRIVATE" not in file.read_bytes()
            walk(json.loads(file.read_bytes()))
    assert not members & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
