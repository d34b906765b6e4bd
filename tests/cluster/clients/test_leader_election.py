"""Leader election by Lease with the official Python client: one candidate leads, another takes over, nobody shares."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kubernetes
import pytest
from kubernetes.leaderelection import leaderelection
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from support.cluster import Clock

Elect = Callable[[str], Any]
LEASE_SECONDS = 15


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The candidates' clock."""
    clock = Clock()
    monkeypatch.setattr(leaderelection, "time", SimpleNamespace(time=clock))
    return clock


@pytest.fixture
def candidate(kubeconfig: Path, namespace: str, now: Clock) -> Elect:
    kubernetes.config.load_kube_config(str(kubeconfig))

    def make(name: str) -> Any:
        lock = LeaseLock("leader", namespace, name)
        return leaderelection.LeaderElection(Config(lock, LEASE_SECONDS, 10, 2, lambda: None, lambda: None))

    return make


@pytest.fixture
def holder(namespace: str) -> Callable[[], str]:
    return lambda: str(
        kubernetes.client.CoordinationV1Api().read_namespaced_lease("leader", namespace).spec.holder_identity
    )


def test_a_second_candidate_takes_over_when_the_first_one_is_silent(
    candidate: Elect, now: Clock, holder: Callable[[], str]
) -> None:
    one, two = candidate("one"), candidate("two")
    assert (one.try_acquire_or_renew(), two.try_acquire_or_renew(), holder()) == (True, False, "one")
    now.now += LEASE_SECONDS - 1
    assert (one.try_acquire_or_renew(), two.try_acquire_or_renew(), holder()) == (True, False, "one")
    now.now += LEASE_SECONDS + 1
    assert (two.try_acquire_or_renew(), holder()) == (True, "two")
    assert (one.try_acquire_or_renew(), two.try_acquire_or_renew(), holder()) == (False, True, "two")


def test_of_two_that_read_the_same_lease_one_can_write_it(
    candidate: Elect, holder: Callable[[], str], namespace: str
) -> None:
    first = candidate("first")
    assert first.try_acquire_or_renew()
    locks = [LeaseLock("leader", namespace, name) for name in ("one", "two")]
    records = [lock.get("leader", namespace)[1] for lock in locks]
    for record, lock in zip(records, locks, strict=True):
        record.holder_identity = lock.identity
    results = [lock.update("leader", namespace, record) for lock, record in zip(locks, records, strict=True)]
    assert (results, holder()) == ([True, False], "one")
    with pytest.raises(kubernetes.client.ApiException) as refused:
        kubernetes.client.CoordinationV1Api().replace_namespaced_lease("leader", namespace, locks[1].lease_reference)
    assert refused.value.status == 409
    assert "the object has been modified; please apply your changes to the latest version" in refused.value.body


def test_of_many_at_once_one_leads(candidate: Elect, now: Clock, holder: Callable[[], str]) -> None:
    candidates = [candidate(f"c{number}") for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(2):  # the lease is made, then it has run out
            led = list(pool.map(lambda one: one.try_acquire_or_renew(), candidates))
            assert led.count(True) == 1
            assert holder() == candidates[led.index(True)].election_config.lock.identity
            list(pool.map(lambda one: one.try_acquire_or_renew(), candidates))
            now.now += LEASE_SECONDS + 1
