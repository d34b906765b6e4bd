"""A pod's volumes on disk: made before its containers start, kept fresh while they run.

Everything of a pod lies in one directory that only its owner may enter: ``volumes/<name>`` and, for each container,
``containers/<name>`` with its home, temporary and working directories.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.timing import Time
from podrole.cluster.node.content.atomic_files import write_volume
from podrole.cluster.node.content.environment import Reference, expand
from podrole.cluster.node.content.volumes import (
    MAX_JITTER_SECONDS,
    WRITTEN,
    TokenWanted,
    files_of,
    kind_of,
    references_of,
    refresh_due,
    tokens_of,
)
from podrole.cluster.node.errors import MountProblem
from podrole.cluster.node.runtimes.process.paths import Mount, normalise

RESYNC_SECONDS = 60.0
"""How often ConfigMaps, Secrets and labels in volumes are looked at again; the kubelet's period is about the same."""
TOKEN_RETRY_SECONDS = 10.0


class VolumeProblem(MountProblem):
    """A volume that cannot be made (yet): the text of the kubelet's FailedMount event."""

    def __init__(self, volume: str, why: str) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {why}')


class PodVolumes:
    """The volumes of one pod. ``set_up`` and ``refresh`` raise VolumeProblem; what was there before then stays."""

    def __init__(
        self,
        directory: Path,
        client: ClusterClient,
        time: Time,
        *,
        node_resources: Mapping[str, str],
        randomness: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._client = client
        self._time = time
        self._node_resources = node_resources
        self._randomness = randomness
        self._tokens: dict[str, str] = {}
        self._due: dict[str, float] = {}

    async def set_up(self, pod: Object) -> None:
        """Make every volume of ``pod``, or bring it up to date. Tokens that are not due stay.

        A volume that fails does not keep the others from being made.
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

    def next_refresh(self, pod: Object) -> float | None:
        """Return when ``set_up`` is to be called again (epoch seconds); None if nothing in the pod can change."""
        volumes = pod["spec"].get("volumes") or ()
        if not any(volume.get(kind) for volume in volumes for kind in WRITTEN):
            return None
        now = self._time.now()
        return max(now + 1.0, min([now + RESYNC_SECONDS, *self._due.values()]))

    def mounts_of(
        self, pod: Object, container: Mapping[str, Any], own: Path, environment: Mapping[str, str]
    ) -> list[Mount]:
        """Return a container's volume mounts; ``own`` is its directory. Raises MountProblem."""
        kinds = {volume["name"]: kind_of(volume) for volume in pod["spec"].get("volumes") or ()}
        mounts = []
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            path = normalise(mount["mountPath"])
            if path == "/":
                raise MountProblem(
                    f'mountPath "{mount["mountPath"]}" of container {container["name"]} is not possible here: '
                    "it would stand for every file of this machine"
                )
            if mount["name"] not in kinds:
                raise MountProblem(f'volume "{mount["name"]}" not found in pod')
            target = self._volume(mount["name"])
            sub_path = expand(mount.get("subPathExpr") or "", environment) or mount.get("subPath") or ""
            if sub_path:
                written = kinds[mount["name"]] in WRITTEN
                copy = own / "subpaths" / str(index) if written else None
                target = _sub_path(
                    target, sub_path, copy, f'volumeMount "{mount["name"]}" of container "{container["name"]}"'
                )
            mounts.append(Mount(path, str(target)))
        return mounts

    def _volume(self, name: str) -> Path:
        if "/" in name or name in {"", ".", ".."}:  # the API refuses such names too
            raise MountProblem(f"volume name {name!r} is not a DNS label")
        return self._directory / "volumes" / name

    async def _set_up(self, pod: Object, volume: Mapping[str, Any]) -> None:
        directory = self._volume(volume["name"])
        if kind_of(volume) == "emptyDir":
            directory.mkdir(parents=True, exist_ok=True)
            return
        found = await find(self._client, pod["metadata"]["namespace"], references_of(volume))
        for wanted in tokens_of(volume):
            await self._token(pod, wanted)
        files = files_of(volume, pod, found, self._tokens, node_resources=self._node_resources)
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


async def find(client: ClusterClient, namespace: str, references: Any) -> dict[Reference, Object | None]:
    """Get the objects that ``references`` (an iterable of Reference) name; None for each that is not there."""
    found: dict[Reference, Object | None] = {}
    for resource, name in dict.fromkeys(references):
        try:
            found[resource, name] = await client.get(resource, namespace, name)
        except StatusError as problem:
            if problem.reason != "NotFound":
                raise MountProblem(problem.what) from problem
            found[resource, name] = None
    return found


def make_container_directory(pod_directory: Path, name: str) -> Path:
    """Return a fresh directory for a container, as a new container has a fresh file system."""
    if "/" in name or name in {"", ".", ".."}:  # the API refuses such names too
        raise MountProblem(f"container name {name!r} is not a DNS label")
    own = pod_directory / "containers" / name
    remove_tree(own)
    for inside in ("home", "tmp", "work"):
        (own / inside).mkdir(parents=True)
    (own / "termination-log").touch(mode=0o600)
    return own


def remove_tree(directory: Path) -> None:
    """Delete a directory and all in it, following no symlink, even where a process took away the permission to."""
    if not directory.exists():
        return
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        for folder, _, _ in os.walk(directory):
            with contextlib.suppress(OSError):
                Path(folder).chmod(0o700)
        shutil.rmtree(directory, ignore_errors=True)


def _sub_path(volume: Path, sub_path: str, copy: Path | None, whose: str) -> Path:
    """Return where a subPath lies. It may not leave its volume, not even by a symlink that a process planted.

    Of a volume that is replaced as a whole (``copy``) a subPath is the content at start, as with a bind mount.
    """
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise MountProblem(f"failed to prepare subPath for {whose}: {sub_path!r} must be relative and without '..'")
    root = volume.resolve()
    inside = (volume / sub_path).resolve()
    if not inside.is_relative_to(root):
        raise MountProblem(f"failed to prepare subPath for {whose}: {sub_path!r} leads out of the volume")
    if copy is None:
        if not inside.exists():
            inside.mkdir(parents=True)
        return inside
    if inside.is_dir():
        shutil.copytree(inside, copy, symlinks=True)
    elif inside.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(inside, copy)
    else:
        copy.mkdir(parents=True)
    return copy
