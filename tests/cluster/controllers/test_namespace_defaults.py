"""What every namespace has."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("controllers")


async def test_every_namespace_gets_its_default_service_account(cluster: Any) -> None:
    await cluster.until("serviceaccounts", "default", "default", bool)
    await cluster.create("namespaces", None, {"metadata": {"name": "shop"}})
    await cluster.until("serviceaccounts", "shop", "default", bool)


async def test_deleted_default_service_account_is_recreated(cluster: Any) -> None:
    first = await cluster.until("serviceaccounts", "default", "default", bool)
    await cluster.delete("serviceaccounts", "default", "default")
    uid = first["metadata"]["uid"]
    await cluster.until("serviceaccounts", "default", "default", lambda account: account["metadata"]["uid"] != uid)


async def test_every_namespace_gets_the_clusters_certificate(cluster: Any) -> None:
    published = await cluster.until("configmaps", "default", "kube-root-ca.crt", bool)
    assert published["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    assert "kubernetes.io/description" in published["metadata"]["annotations"]


async def test_changed_certificate_is_restored(cluster: Any) -> None:
    published = await cluster.until("configmaps", "default", "kube-root-ca.crt", bool)
    await cluster.merge_patch("configmaps", "default", "kube-root-ca.crt", {"data": {"ca.crt": "another", "more": "x"}})
    await cluster.until("configmaps", "default", "kube-root-ca.crt", lambda found: found["data"] == published["data"])
