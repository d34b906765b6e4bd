"""A pod's volumes on disk: made before its containers start, kept up to date while they run.

The files lie in ``volumes/<name>`` in the pod's directory; a runtime gives them to containers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.timing import Time
from podrole.cluster.node.content.atomic_files import write_volume
from podrole.cluster.node.content.environment import Reference, expand
from podrole.cluster.node.content.host_paths import prepare_host_path
from podrole.cluster.node.content.sub_paths import prepare_sub_path
from podrole.cluster.node.content.volumes import (
    MAX_JITTER_SECONDS,
    WRITTEN,
    TokenWanted,
    files_of,
    kind_of,
    references_of,
    refresh_due,
    token_access,
    tokens_of,
)
from podrole.cluster.node.directories import is_plain_name
from podrole.cluster.node.errors import MountProblem
from podrole.cluster.node.runtime import Mount, normalise

RESYNC_SECONDS = 60.0
"""How often ConfigMaps, Secrets and labels in volumes are read again; the kubelet's period is about the same."""
TOKEN_RETRY_SECONDS = 10.0


class VolumeProblem(MountProblem):
    """A volume that cannot be made (yet): the text of the kubelet's FailedMount event."""

    def __init__(self, volume: str, why: str) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {why}')


class PodVolumes:
    """The volumes of one pod. Where ``set_up`` raises VolumeProblem, what was there before stays."""

    def __init__(
        self,
        directory: Path,
        client: ClusterClient,
        time: Time,
        *,
        node_resources: Mapping[str, str],
        randomness: Callable[[], float],
        host_paths: Sequence[str] = (),
    ) -> None:
        """``host_paths`` are the folders of this machine that a hostPath volume may be in."""
        self._directory = directory
        self._client = client
        self._time = time
        self._node_resources = node_resources
        self._randomness = randomness
        self._host_paths = host_paths
        self._located: dict[str, Path] = {}
        self._readers: set[int | None] = set()
        self._tokens: dict[str, str] = {}
        self._due: dict[str, float] = {}

    async def set_up(self, pod: Object) -> None:
        """Make every volume of ``pod``, or bring it up to date. Tokens that are not due stay.

        A volume that fails does not keep the others from being made. Raises the first VolumeProblem.
        """
        problems: list[VolumeProblem] = []
        for volume in pod["spec"].get("volumes") or ():
            name = volume["name"]
            try:
                await self._set_up(pod, volume)
            except MountProblem as problem:
                problems.append(VolumeProblem(name, problem.what))
            except OSError as problem:
                problems.append(VolumeProblem(name, str(problem)))
        if problems:
            raise problems[0]

    async def allow_reading(self, pod: Object, user: int | None) -> None:
        """Let a container's user read the pod's tokens; None for one that is not known. Raises as ``set_up`` does."""
        before = token_access(self._readers, os.geteuid())
        self._readers.add(user)
        if token_access(self._readers, os.geteuid()) != before:
            await self.set_up(pod)

    def next_refresh(self, pod: Object) -> float | None:
        """Return when ``set_up`` is to be called again (epoch seconds); None if nothing in the pod can change."""
        volumes = pod["spec"].get("volumes") or ()
        if not any(volume.get(kind) for volume in volumes for kind in WRITTEN):
            return None
        now = self._time.now()
        return max(now + 1.0, min([now + RESYNC_SECONDS, *self._due.values()]))

    def mounts_of(
        self, pod: Object, container: Mapping[str, Any], directory: Path, environment: Mapping[str, str]
    ) -> list[Mount]:
        """Return a container's volume mounts; ``directory`` is that of this run of it. Raises MountProblem, OSError."""
        kinds = {volume["name"]: kind_of(volume) for volume in pod["spec"].get("volumes") or ()}
        mounts = []
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            if mount["name"] not in kinds:
                raise MountProblem(f'volume "{mount["name"]}" not found in pod')
            target = self._located.get(mount["name"]) or self._volume(mount["name"])
            is_written = kinds[mount["name"]] in WRITTEN
            sub_path = expand(mount.get("subPathExpr") or "", environment) or mount.get("subPath") or ""
            if sub_path:
                copy = directory / "subpaths" / str(index) if is_written else None
                mount_of = f'volumeMount "{mount["name"]}" of container "{container["name"]}"'
                target = prepare_sub_path(target, sub_path, copy, mount_of)
            # As by the kubelet, what the node writes is for the container to read only.
            read_only = is_written or bool(mount.get("readOnly"))
            mounts.append(Mount(normalise(mount["mountPath"]), str(target), read_only))
        return mounts

    def _volume(self, name: str) -> Path:
        if not is_plain_name(name):  # the API refuses such names, too
            raise MountProblem(f"volume name {name!r} is not a DNS label")
        return self._directory / "volumes" / name

    async def _set_up(self, pod: Object, volume: Mapping[str, Any]) -> None:
        directory = self._volume(volume["name"])
        kind = kind_of(volume)
        if kind == "emptyDir":
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o777)  # for any user of a container, as the kubelet has it; the pod's directory is private
            return
        if kind == "hostPath":
            self._located[volume["name"]] = prepare_host_path(volume["hostPath"], self._host_paths)
            return
        objects = await find(self._client, pod["metadata"]["namespace"], references_of(volume))
        for wanted in tokens_of(volume):
            await self._token(pod, wanted)
        access = token_access(self._readers, os.geteuid())
        files = files_of(volume, pod, objects, self._tokens, node_resources=self._node_resources, access=access)
        write_volume(directory, files, now=self._time.now())

    async def _token(self, pod: Object, wanted: TokenWanted) -> None:
        now = self._time.now()
        if now < self._due.get(wanted.key, 0.0):
            return
        metadata = pod["metadata"]
        reference = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {
            "audiences": [wanted.audience] if wanted.audience else [],
            "expirationSeconds": wanted.seconds,
            "boundObjectRef": reference,
        }
        account = pod["spec"].get("serviceAccountName") or "default"
        try:
            answer = await self._client.create_token(metadata["namespace"], account, spec)
        except StatusError as problem:
            self._due[wanted.key] = now + TOKEN_RETRY_SECONDS if wanted.key in self._tokens else 0.0
            raise MountProblem(f"failed to fetch token: {problem.what}") from problem
        status = answer["status"]
        self._tokens[wanted.key] = status["token"]
        expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        self._due[wanted.key] = refresh_due(now, expires, jitter=self._randomness() * MAX_JITTER_SECONDS)


async def find(
    client: ClusterClient, namespace: str, references: Iterable[Reference]
) -> dict[Reference, Object | None]:
    """Get the objects that ``references`` name; None for each that does not exist. Raises MountProblem."""
    objects: dict[Reference, Object | None] = {}
    for resource, name in dict.fromkeys(references):
        try:
            objects[resource, name] = await client.get(resource, namespace, name)
        except StatusError as problem:
            if problem.reason != "NotFound":
                raise MountProblem(problem.what) from problem
            objects[resource, name] = None
    return objects
