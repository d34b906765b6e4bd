"""What the engine is asked for: a pod's sandbox and its containers, from their specs. All pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.errors import ConfigProblem, SandboxProblem
from podrole.cluster.node.runtime import ContainerConfig, Mount
from podrole.cluster.node.runtimes.container.resolv_conf import PodDNS
from podrole.kube.quantity import in_units_of

WORLD_LABEL = "dev.podrole.world"
POD_LABEL = "dev.podrole.pod"
CONTAINER_LABEL = "dev.podrole.container"

CAPABILITIES = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),  # up to here the engines' defaults
        *("IPC_LOCK", "NET_ADMIN", "NET_BROADCAST", "SYS_NICE"),
    )
)
"""What a container may add: nothing that leads out of it."""

_NO_LOG = {"Type": "none", "Config": {}}  # the node keeps the logs
_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


@dataclass(frozen=True, slots=True)
class PodDefaults:
    """What every pod of a world gets. ``environment`` has variables that the container's own override; ``files`` are
    mounted into every container; ``hosts`` are names and their addresses. ``dns`` resolves the names of Services;
    without it pods have what the engine gives them."""

    world: str
    environment: Mapping[str, str]
    files: Sequence[Mount]
    hosts: Mapping[str, str]
    dns: PodDNS | None = None


def sandbox_body(pod: Object, image: str, network: str, defaults: PodDefaults) -> dict[str, Any]:
    """Return what makes a pod's sandbox. Raises SandboxProblem for a pod that wants this machine's own namespaces."""
    spec = pod["spec"]
    for field in _HOST_NAMESPACES:
        if spec.get(field):
            raise SandboxProblem(f"{field} is not supported: a pod would be in the namespaces of this machine")
    aliases = [
        f"{name}:{entry['ip']}" for entry in spec.get("hostAliases") or () for name in entry.get("hostnames") or ()
    ]
    hosts = [f"{name}:{address}" for name, address in defaults.hosts.items()]
    sysctls = {each["name"]: each["value"] for each in (spec.get("securityContext") or {}).get("sysctls") or ()}
    return {
        "Image": image,
        "Hostname": hostname(pod),
        "Labels": labels(pod, defaults.world),
        "StopTimeout": 0,
        "HostConfig": {
            "NetworkMode": network,
            "IpcMode": "shareable",
            "ExtraHosts": [*hosts, *aliases],
            "LogConfig": _NO_LOG,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Sysctls": sysctls,
        },
    }


def service_host_body(image: str, network: str, defaults: PodDefaults) -> dict[str, Any]:
    """Return what makes the container that holds the addresses of Services: it is like a sandbox, of no pod."""
    return {
        "Image": image,
        "Labels": {WORLD_LABEL: defaults.world},
        "StopTimeout": 0,
        "HostConfig": {
            "NetworkMode": network,
            "LogConfig": _NO_LOG,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
        },
    }


def container_body(
    config: ContainerConfig,
    pod: Object,
    image: str,
    sandbox: str,
    defaults: PodDefaults,
    *,
    own_hostname: bool,
) -> dict[str, Any]:
    """Return what makes a container. ``own_hostname`` says that the engine does not take over that of the sandbox.

    Raises ConfigProblem for what a container may not have here.
    """
    security = config.spec.get("securityContext") or {}
    if security.get("privileged"):
        raise ConfigProblem("privileged containers are not run here: nothing would keep one out of this machine")
    environment = {"HOSTNAME": hostname(pod), **defaults.environment, **config.environment}
    own_paths = {mount.path for mount in config.mounts}
    mounts = [*(mount for mount in defaults.files if mount.path not in own_paths), *config.mounts]
    body: dict[str, Any] = {
        "Image": image,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": _user(security, pod),
        "Tty": config.terminal,
        "OpenStdin": config.stdin,
        "StdinOnce": False,
        "AttachStdin": config.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": {**labels(pod, defaults.world), CONTAINER_LABEL: config.name},
        "StopTimeout": 0,
        "HostConfig": {
            "NetworkMode": f"container:{sandbox}",
            "IpcMode": f"container:{sandbox}",
            "LogConfig": _NO_LOG,
            "Mounts": [
                {"Type": "bind", "Source": mount.target, "Target": mount.path, "ReadOnly": mount.read_only}
                for mount in mounts
            ],
            "ReadonlyRootfs": bool(security.get("readOnlyRootFilesystem")),
            "SecurityOpt": list(_security_options(security)),
            "GroupAdd": list(_groups(pod)),
            **_capabilities(security),
            **_limits(config.spec),
        },
    }
    if config.command:
        body["Entrypoint"] = list(config.command)
    if config.args:
        body["Cmd"] = list(config.args)
    elif config.command:
        body["Cmd"] = []
    if config.working_directory:
        body["WorkingDir"] = config.working_directory
    if own_hostname:
        body["Hostname"] = hostname(pod)
    return body


def user_of(security: Sequence[Mapping[str, Any]], image_user: str) -> int | None:
    """Return the uid that a container runs as; None if only the image's own files could tell.

    ``security`` are the securityContexts of the container and of its pod, which count in this order.
    """
    for context in security:
        if context.get("runAsUser") is not None:
            return int(context["runAsUser"])
    name = image_user.partition(":")[0]
    if name in {"", "root"}:
        return 0
    return int(name) if name.isdecimal() else None


def check_not_root(security: Sequence[Mapping[str, Any]], user: int | None) -> None:
    """Raise ConfigProblem, worded as the kubelet does, for a container that must not run as root."""
    wanted = next((each["runAsNonRoot"] for each in security if each.get("runAsNonRoot") is not None), False)
    if not wanted:
        return
    if user == 0:
        raise ConfigProblem("container has runAsNonRoot and image will run as root")
    if user is None:
        raise ConfigProblem("container has runAsNonRoot and image has non-numeric user, cannot verify user is non-root")


def hostname(pod: Object) -> str:
    """Return a pod's host name, as the kubelet makes it."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def labels(pod: Object, world: str) -> dict[str, str]:
    """Return the labels by which an engine's objects are known to be of a world and a pod."""
    metadata = pod["metadata"]
    return {WORLD_LABEL: world, POD_LABEL: f"{metadata['namespace']}/{metadata['name']}"}


def _user(security: Mapping[str, Any], pod: Object) -> str:
    of_pod = pod["spec"].get("securityContext") or {}
    user = security.get("runAsUser", of_pod.get("runAsUser"))
    group = security.get("runAsGroup", of_pod.get("runAsGroup"))
    if user is None:
        return ""
    return str(user) if group is None else f"{user}:{group}"


def _groups(pod: Object) -> Iterator[str]:
    of_pod = pod["spec"].get("securityContext") or {}
    yield from map(str, of_pod.get("supplementalGroups") or ())
    if of_pod.get("fsGroup") is not None:
        yield str(of_pod["fsGroup"])


def _security_options(security: Mapping[str, Any]) -> Iterator[str]:
    yield "label=disable"  # SELinux would keep a container from the files of its volumes
    if security.get("allowPrivilegeEscalation") is False:
        yield "no-new-privileges"


def _capabilities(security: Mapping[str, Any]) -> dict[str, list[str]]:
    wanted = security.get("capabilities") or {}
    added = [str(name).removeprefix("CAP_") for name in wanted.get("add") or ()]
    if refused := [name for name in added if name not in CAPABILITIES]:
        raise ConfigProblem(
            f"the capability {refused[0]} is not given here: with it a container could leave its confines"
        )
    return {"CapAdd": added, "CapDrop": [str(name) for name in wanted.get("drop") or ()]}


def _limits(spec: Mapping[str, Any]) -> dict[str, int]:
    limits = (spec.get("resources") or {}).get("limits") or {}
    try:
        result = {}
        if memory := limits.get("memory"):
            result["Memory"] = in_units_of(str(memory), "1")
        if cpu := limits.get("cpu"):
            result["NanoCpus"] = in_units_of(str(cpu), "1n")
    except ValueError as problem:
        raise ConfigProblem(str(problem)) from problem
    return result
