"""The configuration of a container for a runtime: variables, mounts and command line, from its spec."""

from __future__ import annotations

import secrets
from typing import Any

from podrole.cluster.core.errors import StatusError
from podrole.cluster.node.containers.report import EnclosingPod
from podrole.cluster.node.containers.run import TERMINATION_LOG
from podrole.cluster.node.content.environment import environment_of, expand, references_of
from podrole.cluster.node.content.service_links import service_links
from podrole.cluster.node.content.volumes_on_disk import find
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.directories import make_container_directory
from podrole.cluster.node.errors import ConfigProblem, MountProblem
from podrole.cluster.node.image_names import ImageReference
from podrole.cluster.node.runtime import ContainerConfig, Mount, normalise

DEFAULT_TERMINATION_LOG = "/dev/termination-log"


async def container_config(
    context: NodeContext, pod: EnclosingPod, spec: dict[str, Any], image: ImageReference
) -> ContainerConfig:
    """Make the directory of one run of a container and work out its configuration. Raises ContainerProblem, OSError."""
    obj = pod.with_address()
    try:
        objects = await find(context.client, obj["metadata"]["namespace"], references_of(spec))
    except MountProblem as problem:
        raise ConfigProblem(problem.what) from problem
    try:
        services = await context.client.list("services", obj["metadata"]["namespace"])
    except StatusError as problem:
        raise ConfigProblem(f"the services of the namespace could not be read: {problem.message}") from problem
    links = service_links(obj, services)
    environment = environment_of(obj, spec, objects, node_resources=context.resources, services=links)
    directory = make_container_directory(context.directory.pod(obj), spec["name"])
    try:
        mounts = pod.volumes.mounts_of(obj, spec, directory, environment)
    except OSError as problem:
        raise MountProblem(str(problem)) from problem
    termination_log = directory / TERMINATION_LOG
    termination_log.touch()
    termination_log.chmod(0o666)  # any user of the container may write it; the directory is private
    path = normalise(spec.get("terminationMessagePath") or DEFAULT_TERMINATION_LOG)
    if path not in {mount.path for mount in mounts}:
        mounts.append(Mount(path, str(termination_log)))
    return ContainerConfig(
        name=spec["name"],
        identity=secrets.token_hex(32),
        image=image,
        command=[expand(word, environment) for word in spec.get("command") or ()],
        args=[expand(word, environment) for word in spec.get("args") or ()],
        environment=environment,
        mounts=mounts,
        working_directory=spec.get("workingDir") or "",
        stdin=bool(spec.get("stdin")),
        terminal=bool(spec.get("tty")),
        directory=directory,
        spec=spec,
    )
