"""Running pods that lack their identity are found."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from podrole.kube.errors import APIRefusal
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.scan import PodFinding, scan, scan_now
from podrole.webhook.settings import ServingSettings, SourceSettings, WebhookSettings
from support.api_server import APIServer, until
from support.webhook import ARN, DEFAULTS, identity_of, injection, patched
from support.webhook_client import serving

OTHER = "arn:aws:iam::111122223333:role/other"


class Known:
    """Service account demo/sa has this identity, and no other has one."""

    def __init__(self, identity: Identity | None) -> None:
        self.identity = identity

    def held(self, namespace: str, name: str, /) -> Identity | None:
        return self.identity if (namespace, name) == ("demo", "sa") else None


def pod_of(account: str = "sa", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "demo", **metadata},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app"}, {"name": "proxy"}]},
        "status": {"phase": "Running"},
    }


def admitted(pod: dict[str, Any], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """The pod as the webhook let it in."""
    identity = identity_of({"role-arn": ARN, **(annotations or {})})
    assert identity is not None
    return patched(pod, mutate(read_pod(pod), identity, DEFAULTS).operations)


def findings(pod: dict[str, Any], annotations: dict[str, str] | None = None) -> list[PodFinding]:
    return list(scan([read_pod(pod)], Known(identity_of({"role-arn": ARN, **(annotations or {})})), DEFAULTS))


def test_a_pod_as_it_should_be_is_no_finding() -> None:
    assert findings(admitted(pod_of())) == []


def test_a_pod_that_was_let_in_without_its_identity() -> None:
    owners = [{"kind": "Node", "name": "n"}, {"kind": "ReplicaSet", "name": "web-7d9f", "controller": True}]
    assert findings(pod_of(ownerReferences=owners)) == [
        PodFinding("demo", "web", "sa", "without-identity", "without identity: app, proxy", "ReplicaSet/web-7d9f")
    ]


def test_owner_of_a_pod_is_the_deployment_that_recreates_it() -> None:
    owners = [{"kind": "ReplicaSet", "name": "web-7d9f", "controller": True}]
    for template, owner in (("7d9f", "Deployment/web"), ("other", "ReplicaSet/web-7d9f")):
        (finding,) = findings(pod_of(ownerReferences=owners, labels={"pod-template-hash": template}))
        assert finding.owner == owner


def test_a_container_that_was_added_later() -> None:
    pod = admitted(pod_of())
    pod["spec"]["containers"].append({"name": "late"})
    assert [finding.detail for finding in findings(pod)] == ["without identity: late"]


def test_a_pod_with_an_old_role_is_found() -> None:
    assert findings(admitted(pod_of()), {"role-arn": OTHER}) == [
        PodFinding("demo", "web", "sa", "other-role", f"its role is {ARN}, but the binding names {OTHER}")
    ]


def test_a_pod_with_an_old_audience_is_found() -> None:
    assert findings(admitted(pod_of()), {"audience": "new"}) == [
        PodFinding(
            "demo", "web", "sa", "other-audience", "its token is for 'sts.amazonaws.com', but the binding names 'new'"
        )
    ]


@pytest.mark.parametrize(
    "pod",
    [
        pod_of("unbound"),
        pod_of(labels={"eks.amazonaws.com/skip-pod-identity-webhook": "x"}),
        pod_of(annotations={"eks.amazonaws.com/skip-containers": "app,proxy"}),
        pod_of(deletionTimestamp="2026-01-01T00:00:00Z"),
        {**pod_of(), "status": {"phase": "Succeeded"}},
        {**pod_of(), "status": {"phase": "Failed"}},
        {**pod_of(), "spec": None},
        {**pod_of(), "metadata": None},
    ],
)
def test_pods_that_lack_nothing_they_should_have(pod: dict[str, Any]) -> None:
    assert findings(pod) == []


def test_an_identity_of_the_containers_own_is_meant() -> None:
    pod = pod_of()
    own = [{"name": "AWS_ROLE_ARN", "value": OTHER}, {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/my/token"}]
    for container in pod["spec"]["containers"]:
        container["env"] = own
    assert findings(pod) == []


def test_a_flag_that_was_set_since_is_no_lack() -> None:
    settings = injection(aws_default_region="eu-west-1")
    assert list(scan([read_pod(admitted(pod_of()))], Known(identity_of({"role-arn": ARN}, settings)), settings)) == []


def test_eks_pod_identity_is_looked_for_too() -> None:
    identity = identity_of({}, pod_identity=True)
    assert identity is not None
    pod = pod_of()
    known = Known(identity)
    assert [finding.reason for finding in scan([read_pod(pod)], known, DEFAULTS)] == ["without-identity"]
    pod = patched(pod, mutate(read_pod(pod), identity, DEFAULTS).operations)
    assert list(scan([read_pod(pod)], known, DEFAULTS)) == []


async def test_a_server_that_scans_shows_the_number_of_pods() -> None:
    settings = WebhookSettings(serving=ServingSettings(scan_interval=0.01))
    async with APIServer() as api:
        api.service_account("demo", "sa", role_arn=ARN)
        for number in range(3):
            api.put("pods", "demo", f"p-{number}", spec={"serviceAccountName": "sa", "containers": [{"name": "app"}]})
        async with serving(api, settings) as client:
            values = client.webhook.metrics.values
            key = ("podrole_webhook_pods_without_identity", "demo", "without-identity")
            await until(lambda: values.get(key) == 3)
            api.remove("pods", "demo", "p-0")
            await until(lambda: values.get(key) == 2)
            api.refuse_with = 403  # it goes on when it may again
            api.remove("pods", "demo", "p-1")
            api.refuse_with = None
            await until(lambda: values.get(key) == 1)


async def test_a_scan_by_itself_reads_all_sources_first() -> None:
    settings = WebhookSettings(sources=SourceSettings(watch_config_map=True))
    async with APIServer() as api:
        api.service_account("demo", "sa", role_arn=ARN)
        api.service_account("demo", "mapped")
        api.config_map("eks", "pod-identity-webhook", {"demo/mapped": {"RoleARN": ARN}})
        for number, account in enumerate(["sa", "mapped", "plain"] * 300):
            spec = {"serviceAccountName": account, "containers": [{"name": "app"}]}
            api.put("pods", "demo", f"p-{number:03}", spec=spec)
        found = await scan_now(settings, api.connection)
        assert {finding.service_account for finding in found} == {"sa", "mapped"}
        assert len(found) == 600
        assert api.asked("/api/v1/pods?limit=500&continue=500") == 1


async def test_a_scan_by_itself_gives_up_where_nothing_can_be_read() -> None:
    async with APIServer() as api:
        api.refuse_with = 403
        with pytest.raises(APIRefusal, match="refused GET /api/v1/serviceaccounts"):
            await scan_now(WebhookSettings(), api.connection)


async def test_a_server_scans_only_where_it_is_told_to() -> None:
    async with APIServer() as api, serving(api, dataclasses.replace(WebhookSettings())):
        assert api.asked("/api/v1/pods") == 0
