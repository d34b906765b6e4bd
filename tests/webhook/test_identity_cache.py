"""Identities follow the API server, through changes, outages and restarts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.base.tasks import BackgroundTasks
from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.kube.reflector import PAGE_SIZE, BackOff
from podrole.webhook.compat import resolver_for
from podrole.webhook.errors import BadSettings
from podrole.webhook.identity.binding import Identity
from podrole.webhook.settings import InjectionSettings, SourceSettings
from podrole.webhook.sources.identity_cache import UNKNOWN, IdentityCache
from podrole.webhook.sources.service_account_cache import LookupFailed
from support.api_server import APIServer, until
from support.webhook import ARN

OTHER = "arn:aws:iam::111122223333:role/other"
QUICK = BackOff(first=0.01, longest=0.05)


@pytest.fixture
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        yield server


@contextlib.asynccontextmanager
async def following(
    api: APIServer, *, compat: Any = "podrole", wait: bool = True, **settings: Any
) -> AsyncIterator[IdentityCache]:
    client = KubernetesClient(api.connection, user_agent=WEBHOOK)
    resolver = resolver_for(compat, InjectionSettings())
    identities = IdentityCache(
        client, resolver, SourceSettings(**settings), ask="never" if compat == "strict" else "first", back_off=QUICK
    )
    async with BackgroundTasks("the test") as background:
        identities.start(background)
        if wait:
            await asyncio.wait_for(identities.wait_synced(), 5)
            await until(lambda: identities.connected)
        yield identities
    await client.close()


def role(identities: IdentityCache, namespace: str, name: str) -> str | None:
    """The role that was seen last."""
    identity = identities.held(namespace, name)
    return identity.role_arn if identity is not None else None


async def test_existing_service_accounts_are_cached(api: APIServer) -> None:
    api.service_account("demo", "sa", role_arn=ARN)
    api.service_account("demo", "plain")
    async with following(api) as identities:
        assert role(identities, "demo", "sa") == ARN
        assert identities.known("demo", "plain") is None
        assert identities.known("demo", "absent") is UNKNOWN
        assert len(identities.service_accounts) == 2


async def test_changes_are_followed(api: APIServer) -> None:
    async with following(api) as identities:
        api.service_account("demo", "sa", role_arn=ARN)
        await until(lambda: role(identities, "demo", "sa") == ARN)
        api.service_account("demo", "sa", role_arn=OTHER)
        await until(lambda: role(identities, "demo", "sa") == OTHER)
        api.service_account("demo", "sa")
        await until(lambda: identities.known("demo", "sa") is None)
        api.remove("serviceaccounts", "demo", "sa")
        await until(lambda: identities.known("demo", "sa") is UNKNOWN)
        assert identities.service_accounts.reflector.lists == 1


async def test_lists_come_in_pages(api: APIServer) -> None:
    for number in range(PAGE_SIZE + 5):
        api.service_account("demo", f"sa-{number}", role_arn=ARN)
    async with following(api) as identities:
        assert len(identities.service_accounts) == PAGE_SIZE + 5
        assert api.asked("continue=") == 1


async def test_only_metadata_is_asked_for(api: APIServer) -> None:
    async with following(api):
        assert api.asked("limit=1000") == 1
        assert api.asked("allowWatchBookmarks=true") == 1


async def test_a_watch_that_ends_goes_on_where_it_was(api: APIServer) -> None:
    async with following(api) as identities:
        api.end_watches()
        await until(lambda: api.watches() == 0)
        api.service_account("demo", "sa", role_arn=ARN)
        await until(lambda: role(identities, "demo", "sa") == ARN)
        assert identities.service_accounts.reflector.lists == 1


async def test_a_forgotten_version_leads_to_a_new_list(api: APIServer) -> None:
    api.service_account("demo", "old", role_arn=ARN)
    async with following(api) as identities:
        api.end_watches()
        await until(lambda: api.watches() == 0)
        api.remove("serviceaccounts", "demo", "old")
        api.service_account("demo", "new", role_arn=ARN)
        api.forget_history()
        await until(lambda: role(identities, "demo", "new") == ARN)
        assert identities.known("demo", "old") is UNKNOWN
        assert identities.service_accounts.reflector.lists >= 2


async def test_through_an_outage_what_was_seen_stays_in_use(api: APIServer) -> None:
    api.service_account("demo", "sa", role_arn=ARN)
    async with following(api) as identities:
        await api.stop()
        await until(lambda: not identities.connected)
        assert role(identities, "demo", "sa") == ARN
        assert identities.synced
        api.service_account("demo", "meanwhile", role_arn=OTHER)
        await api.start()
        await until(lambda: role(identities, "demo", "meanwhile") == OTHER)
        assert role(identities, "demo", "sa") == ARN


async def test_it_starts_before_the_api_server_does(api: APIServer) -> None:
    api.service_account("demo", "sa", role_arn=ARN)
    await api.stop()
    async with following(api, wait=False) as identities:
        await asyncio.sleep(0)
        assert not identities.synced
        await api.start()
        await asyncio.wait_for(identities.wait_synced(), 5)
        assert role(identities, "demo", "sa") == ARN


async def test_an_outage_is_told_once(api: APIServer, caplog: pytest.LogCaptureFixture) -> None:
    async with following(api) as identities:
        with caplog.at_level(logging.WARNING, "podrole.webhook"):
            api.refuse_with = 503
            api.end_watches()
            requests = len(api.requests)
            await until(lambda: len(api.requests) > requests + 3)
        assert 1 <= len(caplog.records) < 3
        assert "HTTP 503" in caplog.text
        assert "the-webhooks-own-token" not in caplog.text
        api.refuse_with = None
        await until(lambda: identities.connected)


async def test_a_service_account_that_is_not_held_is_asked_for(api: APIServer) -> None:
    async with following(api) as identities:
        api.end_watches()
        await until(lambda: api.watches() == 0)
        api.refuse_with = 503  # the watch does not come back
        await until(lambda: not identities.connected)
        api.service_account("demo", "sa", role_arn=ARN)
        api.refuse_with = None
        identity, exists = await identities.find("demo", "sa")
        assert exists
        assert identity is not None
        assert identity.role_arn == ARN


async def test_cached_accounts_are_looked_up_while_the_watch_is_interrupted(api: APIServer) -> None:
    api.service_account("demo", "sa")
    api.service_account("demo", "gone", role_arn=ARN)
    async with following(api) as identities:
        reflector = identities.service_accounts.reflector
        reflector._back_off = BackOff(first=60, longest=60)  # the watch does not come back by itself
        api.end_watches()
        await until(lambda: not reflector.connected)
        api.service_account("demo", "sa", role_arn=ARN)
        api.remove("serviceaccounts", "demo", "gone")
        assert identities.known("demo", "sa") is UNKNOWN
        identity, exists = await identities.find("demo", "sa")
        assert exists
        assert identity is not None
        assert identity.role_arn == ARN
        assert await identities.find("demo", "gone") == (None, False)


async def test_where_nobody_tells_what_is_held_counts(api: APIServer) -> None:
    now = [100.0]
    api.service_account("demo", "sa", role_arn=ARN)
    async with following(api, lookup_limit=0.05) as identities:
        identities.service_accounts._now = lambda: now[0]  # turn the clock
        api.silent = True
        api.end_watches()
        await until(lambda: not identities.connected)
        for _ in range(3):
            identity, exists = await identities.find("demo", "sa")
            assert exists
            assert identity is not None
            assert identity.role_arn == ARN
        assert api.asked("/serviceaccounts/sa") == 1  # and not again at once
        await until(lambda: not identities.service_accounts._asking)
        now[0] += 5.1
        await identities.find("demo", "sa")
        assert api.asked("/serviceaccounts/sa") == 2


async def test_a_review_is_a_sign_that_the_api_server_is_back(api: APIServer) -> None:
    async with following(api) as identities:
        reflector = identities.service_accounts.reflector
        reflector._back_off = BackOff(first=0.01, longest=60)
        reflector._failures = 20  # it has waited long, and would wait long again
        await api.stop()
        await until(lambda: reflector._failures > 20)
        await api.start()
        await identities.find("demo", "anybody")
        await until(lambda: reflector.connected)


async def test_reviews_that_wait_for_the_same_ask_once(api: APIServer) -> None:
    async with following(api) as identities:
        found = await asyncio.gather(*[identities.find("demo", "nobody") for _ in range(20)])
        assert found == [(None, False)] * 20
        assert api.asked("/serviceaccounts/nobody") == 1


async def test_what_does_not_exist_is_not_asked_for_again_at_once(api: APIServer) -> None:
    now = [100.0]
    async with following(api) as identities:
        identities.service_accounts._now = lambda: now[0]  # turn the clock
        await identities.find("demo", "nobody")
        await identities.find("demo", "nobody")
        assert api.asked("/serviceaccounts/nobody") == 1
        now[0] += 1.1
        await identities.find("demo", "nobody")
        assert api.asked("/serviceaccounts/nobody") == 2


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("../secrets", "a"),
        ("demo", "a/b?c"),
        ("demo", ".."),
        ("demo", "x" * 254),
        ("demo", "sa\n"),
        ("", "sa"),
        ("demo", ""),
    ],
)
async def test_a_name_that_no_service_account_has_is_not_asked_for(api: APIServer, namespace: str, name: str) -> None:
    async with following(api) as identities:
        assert await identities.find(namespace, name) == (None, False)
        assert api.asked("/serviceaccounts/") == 0


async def test_a_look_up_has_a_time_limit(api: APIServer) -> None:
    async with following(api, lookup_limit=0.05) as identities:
        api.silent = True
        with pytest.raises(LookupFailed, match=r"demo/sa could not be read within 0.05 s"):
            await identities.find("demo", "sa")


@pytest.mark.parametrize("code", [403, 500])
async def test_a_refusal_is_not_an_absence(api: APIServer, code: int) -> None:
    async with following(api) as identities:
        api.refuse_with = code
        with pytest.raises(LookupFailed, match="could not be read"):
            await identities.find("demo", "sa")


async def test_strict_takes_what_it_does_not_hold_for_absent(api: APIServer) -> None:
    async with following(api, compat="strict") as identities:
        assert identities.known("demo", "sa") is UNKNOWN
        assert await identities.find("demo", "sa") == (None, False)
        assert api.asked("/serviceaccounts/sa") == 0


async def test_the_config_map_is_followed(api: APIServer) -> None:
    api.service_account("demo", "sa")
    api.config_map("eks", "pod-identity-webhook", {"demo/sa": {"RoleARN": ARN}})
    api.config_map("eks", "another", {"demo/sa": {"RoleARN": OTHER}})
    api.config_map("demo", "pod-identity-webhook", {"demo/sa": {"RoleARN": OTHER}})
    async with following(api, watch_config_map=True) as identities:
        assert role(identities, "demo", "sa") == ARN
        api.config_map("eks", "pod-identity-webhook", {"d*/sa": {"RoleARN": OTHER}})
        await until(lambda: role(identities, "demo", "sa") == OTHER)
        api.remove("configmaps", "eks", "pod-identity-webhook")
        await until(lambda: identities.known("demo", "sa") is None)


async def test_a_config_map_that_cannot_be_read_leaves_the_old_one(
    api: APIServer, caplog: pytest.LogCaptureFixture
) -> None:
    api.service_account("demo", "sa")
    api.config_map("eks", "pod-identity-webhook", {"demo/sa": {"RoleARN": ARN}})
    async with following(api, watch_config_map=True) as identities:
        api.config_map("eks", "pod-identity-webhook", "{")
        await until(lambda: "is not JSON" in caplog.text)
        assert role(identities, "demo", "sa") == ARN


async def test_a_config_map_deleted_during_an_outage_is_gone(api: APIServer) -> None:
    api.service_account("demo", "sa")
    api.config_map("eks", "pod-identity-webhook", {"demo/sa": {"RoleARN": ARN}})
    async with following(api, watch_config_map=True) as identities:
        await api.stop()
        api.remove("configmaps", "eks", "pod-identity-webhook")
        api.forget_history()
        await api.start()
        await until(lambda: identities.known("demo", "sa") is None)


async def test_strict_keeps_a_deleted_config_map(api: APIServer) -> None:
    api.config_map("eks", "pod-identity-webhook", {"demo/sa": {"RoleARN": ARN}})
    async with following(api, compat="strict", watch_config_map=True) as identities:
        before = identities.known("demo", "sa")
        assert isinstance(before, Identity)
        api.remove("configmaps", "eks", "pod-identity-webhook")
        api.config_map("eks", "pod-identity-webhook-2", {})  # comes through the same watch
        api.service_account("demo", "marker", role_arn=OTHER)
        await until(lambda: role(identities, "demo", "marker") == OTHER)
        assert identities.known("demo", "sa") == before


async def test_without_the_config_map_nothing_is_decided_that_it_could_change(api: APIServer) -> None:
    api.service_account("demo", "sa", role_arn=ARN)
    api.refuse_with = 403
    async with following(api, wait=False, watch_config_map=True, lookup_limit=0.05) as identities:
        assert identities.known("demo", "sa") is UNKNOWN
        with pytest.raises(LookupFailed):
            await identities.find("demo", "sa")


def write(path: Path, *pairs: tuple[str, str]) -> None:
    entries = [{"namespace": namespace, "serviceAccount": name} for namespace, name in pairs]
    path.write_text(json.dumps({"identities": entries}))


async def test_the_list_of_eks_pod_identity_is_read_again_when_it_changes(api: APIServer, tmp_path: Path) -> None:
    path = tmp_path / "identities.json"
    api.service_account("demo", "sa", role_arn=ARN)
    async with following(api, container_credentials_config=str(path)) as identities:
        assert role(identities, "demo", "sa") == ARN
        write(path, ("demo", "sa"))
        identities.refresh_files()
        identity = identities.known("demo", "sa")
        assert isinstance(identity, Identity)
        assert identity.method == "container_credentials"
        path.write_text("{")
        identities.refresh_files()
        assert identities.known("demo", "sa") == identity  # what cannot be read changes nothing
        path.unlink()
        identities.refresh_files()
        assert role(identities, "demo", "sa") == ARN


async def test_a_mounted_config_map_swaps_its_data_directory(api: APIServer, tmp_path: Path) -> None:
    for version in ("first", "second"):
        (tmp_path / version).mkdir()
    write(tmp_path / "first" / "identities.json")
    write(tmp_path / "second" / "identities.json", ("demo", "sa"))
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "identities.json").symlink_to(Path("..data") / "identities.json")
    api.service_account("demo", "sa")
    async with following(api, container_credentials_config=str(tmp_path / "identities.json")) as identities:
        assert identities.known("demo", "sa") is None
        (tmp_path / "..new").symlink_to("second")
        (tmp_path / "..new").replace(tmp_path / "..data")  # as kubelet does it
        identities.refresh_files()
        assert isinstance(identities.known("demo", "sa"), Identity)


async def test_a_list_in_a_missing_directory_is_refused(api: APIServer, tmp_path: Path) -> None:
    client = KubernetesClient(api.connection, user_agent=WEBHOOK)
    settings = SourceSettings(container_credentials_config=str(tmp_path / "nowhere" / "identities.json"))
    with pytest.raises(BadSettings, match="the directory does not exist"):
        IdentityCache(client, resolver_for("podrole", InjectionSettings()), settings)
    await client.close()


async def test_start_over_lists_again(api: APIServer) -> None:
    api.service_account("demo", "sa", role_arn=ARN)
    async with following(api) as identities:
        await identities.service_accounts.start_over()
        assert role(identities, "demo", "sa") == ARN
        assert identities.service_accounts.reflector.lists == 2
