"""What the checks of a container share: places in it, and how its variables are removed."""

from __future__ import annotations

from collections.abc import Iterable

from podrole.doctor.facts.containers import ContainerFacts, EnvironmentVariable
from podrole.doctor.remedies.changes import Change, RemoveKey, Restart, SetEnvironment
from podrole.doctor.report.findings import About


def present(container: ContainerFacts, names: Iterable[str]) -> list[EnvironmentVariable]:
    """Return those of the named variables that the container has."""
    return [container.variables[name] for name in names if name in container.variables]


def unset(container: ContainerFacts, variables: Iterable[EnvironmentVariable]) -> tuple[Change, ...]:
    """Return the changes that remove variables from the container and from every ConfigMap and Secret that it includes:
    its own variables hide those."""
    own: dict[str, str | None] = {}
    changes: list[Change] = []
    set_here = {str(entry.get("name", "")) for entry in container.manifest.get("env") or ()}
    for variable in variables:
        if variable.name in set_here:
            own[variable.name] = None
        for kind, name, key in container.included(variable.name):
            changes.append(RemoveKey(kind, container.pod.workload.namespace, name, key))
    if own:
        return (*changes, SetEnvironment(container.pod.workload, container.name, own))
    return (*changes, Restart(container.pod.workload))


def listed(variables: Iterable[EnvironmentVariable]) -> str:
    """Return the names of variables, with the ConfigMap or Secret that each comes from."""
    return ", ".join(
        variable.name
        if variable.source is None
        else f"{variable.name} (from {variable.source[0]} {variable.source[1]})"
        for variable in variables
    )


def about(container: ContainerFacts, *path: str | int) -> About:
    """Return a place in a container, as its workload's manifest has it."""
    workload = container.pod.workload
    place = (*workload.template, "spec", container.kind, container.position, *path)
    return About(workload.kind, workload.namespace, workload.name, place)


def sentence(container: ContainerFacts) -> str:
    """Return the container's name as the beginning of a sentence."""
    text = str(container)
    return text[0].upper() + text[1:]
