"""A webhook that is reached through a Service is judged by what answers for it and by what the API server did."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.base.events import Event
from podrole.cluster.admission.caller import WebhookCaller
from podrole.doctor.errors import SourceError
from podrole.doctor.facts.webhook import WebhookProbe, read_webhook
from podrole.doctor.sources.cluster import Object
from podrole.doctor.sources.manifests import Manifests
from podrole.doctor.sources.missing import MissingAccount
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact
from podrole.webhook.settings import InjectionSettings

NAME = "pod-identity-webhook"
SERVICE = {"metadata": {"name": NAME, "namespace": "hooks"}, "spec": {"selector": {"app": "hook"}}}
HOOK = {
    "metadata": {"name": NAME},
    "webhooks": [{"name": "hook.example.com", "clientConfig": {"service": {"namespace": "hooks", "name": NAME}}}],
}
SLICE = {
    "metadata": {"name": "a", "labels": {"kubernetes.io/service-name": NAME}},
    "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
}
OTHER_SLICE = {**SLICE, "metadata": {"name": "b", "labels": {"kubernetes.io/service-name": "other"}}}
NOT_READY = {**SLICE, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]}
ENDPOINTS = {"metadata": {"name": NAME}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}
POD = {
    "metadata": {"name": "hook-1", "labels": {"app": "hook"}},
    "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
}
SLICES, DENIED = "endpointslices.discovery.k8s.io", "denied"


class Cluster(Manifests):
    """A cluster with these objects; reading a resource that is DENIED is not allowed."""

    def __init__(self, objects: dict[str, Any]) -> None:
        super().__init__([], "hooks")
        self.objects = {"mutatingwebhookconfigurations.admissionregistration.k8s.io": [HOOK], **objects}

    async def list(self, resource: str, namespace: str = "") -> list[Object]:
        found = self.objects.get(resource, [])
        if found == DENIED:
            raise SourceError(f"{resource} may not be listed")
        return list(found)

    async def get(self, resource: str, namespace: str, name: str) -> Object | None:
        return next((one for one in await self.list(resource) if one["metadata"]["name"] == name), None)


async def probed(objects: dict[str, Any], *log: Event) -> WebhookProbe | UnknownFact:
    caller = WebhookCaller(lambda _namespace, _name, _port: None)
    sources = Sources(
        Cluster(objects), MissingAccount(UnknownFact("none")), settings=InjectionSettings(), log=lambda: log
    )
    found = await read_webhook(sources, caller, "shop")
    await caller.close()
    return next(iter(found.probes.values()))


# What a cluster shows, and whether the webhook is: reached, unknown, or what is wrong.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no service": ({}, "service"),
    "nothing behind the service": ({"services": [SERVICE]}, "no endpoints"),
    "a slice": ({"services": [SERVICE], SLICES: [SLICE]}, "unknown"),
    "a slice of another service": ({"services": [SERVICE], SLICES: [OTHER_SLICE]}, "no endpoints"),
    "a slice that is not ready": ({"services": [SERVICE], SLICES: [NOT_READY]}, "no endpoints"),
    "endpoints": ({"services": [SERVICE], "endpoints": [ENDPOINTS]}, "unknown"),
    "a ready pod": ({"services": [SERVICE], "pods": [POD]}, "unknown"),
    "a pod that is not ready": ({"services": [SERVICE], "pods": [{**POD, "status": {}}]}, "no endpoints"),
    "slices may not be listed": ({"services": [SERVICE], SLICES: DENIED}, "unknown"),
    "slices may not be listed, but a pod is ready": ({"services": [SERVICE], SLICES: DENIED, "pods": [POD]}, "unknown"),
    "services may not be read": ({"services": DENIED}, "unknown"),
}


@pytest.mark.parametrize("case", CASES)
async def test_webhook_is_unreachable_only_if_nothing_answers_for_its_service(case: str) -> None:
    objects, expected = CASES[case]
    found = await probed(objects)
    if expected == "unknown":
        assert isinstance(found, UnknownFact)
    else:
        assert isinstance(found, WebhookProbe)
        assert expected in found.problem


def admission(outcome: str, why: str = "") -> Event:
    trace = {"configuration": NAME, "webhook": "hook.example.com", "outcome": outcome, "why": why}
    explained = {"webhooks": [trace]}
    return Event("1", 0.0, "admission", who="a", what="CREATE pods", outcome="allowed", explanation=explained)


@pytest.mark.parametrize(
    ("outcomes", "problem"),
    [
        (["mutated"], ""),
        (["unchanged", "failed"], ""),
        (["not called", "failed open"], "refused"),
        (["failed"], "refused"),
    ],
)
async def test_the_api_servers_last_call_counts(outcomes: list[str], problem: str) -> None:
    found = await probed({}, *(admission(one, "refused") for one in outcomes))
    assert found == WebhookProbe(problem)
