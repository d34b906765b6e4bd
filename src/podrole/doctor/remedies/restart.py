"""Pods that have to be made once more, so that they get what a repair gives them."""

from __future__ import annotations

from podrole.doctor.errors import CannotTell
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.injection import PodInjection, without_identity
from podrole.doctor.remedies.changes import Change, Restart


def recreate_pods(case: ChainFacts) -> tuple[Change, ...]:
    """Return how the pods looked at are made anew, without what they were given by the binding as it was."""
    if isinstance(case.pods, CannotTell):
        return ()
    found: list[Change] = []
    for one in case.pods:
        if one.pod.get("metadata", {}).get("uid"):
            identity = case.binding.identity
            offer = None if identity is None else PodInjection.of(one.pod, identity, case.settings).offer
            operations = () if offer is None else without_identity(one.pod, offer)
            found.append(Restart(one.workload, operations))
    return tuple(found)


def rerun_ended_pods(case: ChainFacts) -> tuple[Change, ...]:
    """Return how pods that gave up are run once more, with what they were given."""
    pods = () if isinstance(case.pods, CannotTell) else case.pods
    return tuple(
        Restart(one.workload)
        for one in pods
        if one.workload.kind == "Pod" and one.pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
    )
