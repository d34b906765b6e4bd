"""A pod compared with what the webhook's own ``mutate`` would inject into it now."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from podrole.doctor.facts.pods import containers
from podrole.doctor.sources.cluster import Object
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import CREDENTIALS, InjectionPlan, plan_injection
from podrole.webhook.patch.mutation import Mutation, mutate
from podrole.webhook.patch.pod import Pod, read_pod, runs_on_windows, token_in
from podrole.webhook.settings import InjectionSettings


@dataclass(frozen=True, slots=True)
class PodInjection:
    """A pod with the webhook's mutation of it."""

    manifest: Object
    pod: Pod
    plan: InjectionPlan
    mutation: Mutation

    @classmethod
    def of(cls, manifest: Object, identity: Identity, settings: InjectionSettings) -> PodInjection:
        """Compare a pod. Raises msgspec.ValidationError if the manifest is not a pod."""
        pod = read_pod(manifest)
        windows = pod.spec is not None and runs_on_windows(pod.spec)
        return cls(manifest, pod, plan_injection(identity, settings, windows), mutate(pod, identity, settings))

    @property
    def containers_without_identity(self) -> list[str]:
        """The containers that do not have the identity's variables: the webhook would add them."""
        role = CREDENTIALS[self.mutation.identity.method][0]
        return [container.name for container in self.mutation.containers if role in container.added]

    @property
    def has_own_volume(self) -> bool:
        """Whether the pod has another volume, without the token, under the name of the token's volume."""
        volumes = () if self.pod.spec is None else self.pod.spec.volumes or ()
        return any(
            volume.name == self.plan.volume_name and token_in(volume, self.plan.token_path) is None
            for volume in volumes
            if volume is not None
        )

    @property
    def has_parts(self) -> bool:
        """Whether the pod has part of what the webhook injects: the volume, a mount of it, or a variable."""
        spec = self.manifest.get("spec", {})
        volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
        mounts = {
            mount.get("name")
            for _, _, container in containers(self.manifest)
            for mount in container.get("volumeMounts") or ()
        }
        injected_names = {name for name, value in self.plan.credentials if value}
        variables = {entry.get("name") for _, _, each in containers(self.manifest) for entry in each.get("env") or ()}
        return self.plan.volume_name in volumes | mounts or bool(injected_names & variables)


def value_of(container: Object, name: str) -> str | None:
    """Return a variable's value in a container's environment; None if it is not set, or set from another object."""
    for variable in container.get("env") or ():
        if isinstance(variable, dict) and variable.get("name") == name:
            value = variable.get("value")
            return None if value is None else str(value)
    return None


def is_set(container: Object, name: str) -> bool:
    """Say whether a container's environment has a variable, whatever its value comes from."""
    return any(isinstance(entry, dict) and entry.get("name") == name for entry in container.get("env") or ())


def reads_own_token(pod: Pod, container: Object, path: str) -> str | None:
    """Return the audience of the projected token that a container has at ``path``; None if there is no token."""
    spec = pod.spec
    volumes = {} if spec is None else {entry.name: entry for entry in spec.volumes or () if entry is not None}
    for mount in container.get("volumeMounts") or ():
        directory = posixpath.normpath(str(mount.get("mountPath") or "/"))
        volume = volumes.get(mount.get("name"))
        if volume is not None and path.startswith(f"{directory}/"):
            token = token_in(volume, path[len(directory) + 1 :])
            if token is not None:
                return token.audience or ""
    return None
