"""Pods that have to be created again, so that they get what a repair gives them."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection
from podrole.doctor.facts.pods import containers
from podrole.doctor.remedies.changes import Change, Operation, Restart
from podrole.doctor.sources.cluster import Object
from podrole.webhook.patch.injection_plan import InjectionPlan


def recreate_pods(facts: ChainFacts) -> tuple[Change, ...]:
    """Return how the examined pods are created again, without what the present binding injected into them."""
    changes: list[Change] = []
    for pod in facts.known_pods:
        if pod.exists:
            identity = facts.binding.identity
            plan = None if identity is None else PodInjection.of(pod.manifest, identity, facts.settings).plan
            changes.append(Restart(pod.workload, () if plan is None else without_identity(pod.manifest, plan)))
    return tuple(changes)


def rerun_ended_pods(facts: ChainFacts) -> tuple[Change, ...]:
    """Return how ended pods without a controller are run again, with the same identity."""
    return tuple(
        Restart(pod.workload)
        for pod in facts.known_pods
        if pod.workload.kind == "Pod" and pod.manifest.get("status", {}).get("phase") in ("Failed", "Succeeded")
    )


def without_identity(manifest: Object, plan: InjectionPlan) -> tuple[Operation, ...]:
    """Return the JSON Patch that removes the injected parts of a pod, so that the webhook injects them again."""
    operations: list[Operation] = []
    names = {name for name, _ in plan.credentials}
    for kind, position, container in containers(manifest):
        path = f"/spec/{kind}/{position}"
        for member, is_ours in (
            ("env", lambda variable: variable.get("name") in names),
            ("volumeMounts", lambda mount: mount.get("name") == plan.volume_name),
        ):
            entries = list(enumerate(container.get(member) or ()))
            operations += [
                {"op": "remove", "path": f"{path}/{member}/{index}"}
                for index, entry in reversed(entries)
                if is_ours(entry)
            ]
    volumes = list(enumerate((manifest.get("spec") or {}).get("volumes") or ()))
    operations += [
        {"op": "remove", "path": f"/spec/volumes/{index}"}
        for index, volume in reversed(volumes)
        if volume.get("name") == plan.volume_name
    ]
    return tuple(operations)
