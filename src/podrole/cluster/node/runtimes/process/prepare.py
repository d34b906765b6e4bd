"""From a container's spec to what is executed: its variables, directories and command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.content.environment import environment_of, expand, references_of
from podrole.cluster.node.content.pod_volumes import PodVolumes, find, make_container_directory
from podrole.cluster.node.errors import ConfigProblem, MountProblem
from podrole.cluster.node.host import Host
from podrole.cluster.node.runtimes.process.archive_names import keep_member_names
from podrole.cluster.node.runtimes.process.images import LocalImage
from podrole.cluster.node.runtimes.process.paths import Mount, PathRule, normalise

DEFAULT_TERMINATION_LOG = "/dev/termination-log"
OWN_DIRECTORIES = {"/root": "home", "/tmp": "tmp"}  # noqa: S108 - the container's, not the machine's
"""What every container has for itself: these paths are rewritten as if they were mounted."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a process of the container gets."""

    command: list[str]
    environment: dict[str, str]
    directory: Path
    rule: PathRule
    image: LocalImage
    termination_log: Path
    own_uid: str
    pods: Path

    def translate(self, command: Sequence[str]) -> list[str]:
        """Return a command to be run inside the container with its paths rewritten. Raises ConfigProblem."""
        for word in command:
            _refuse_other_pods(word, "the command", self.own_uid, self.pods)
        rewritten = [self.rule.rewrite(word) for word in command]
        return self.image.command_line(keep_member_names(command, rewritten, self.rule), [])


async def prepare(host: Host, pod: Object, spec: Mapping[str, Any], image: LocalImage, volumes: PodVolumes) -> Prepared:
    """Make the container's directories and work out its environment and command.

    Raises ConfigProblem or MountProblem. The environment is a minimal one, then the node's, then the image's, then the
    container's own.
    """
    uid, namespace = pod["metadata"]["uid"], pod["metadata"]["namespace"]
    try:
        found = await find(host.client, namespace, references_of(spec))
    except MountProblem as problem:
        raise ConfigProblem(problem.what) from problem
    asked = environment_of(pod, spec, found, node_resources=host.resources)
    own = make_container_directory(host.pods / uid, spec["name"])
    try:
        mounts = volumes.mounts_of(pod, spec, own, asked)
    except OSError as problem:
        raise MountProblem(str(problem)) from problem
    termination_log = own / "termination-log"
    taken = {mount.path for mount in mounts}
    implied = [Mount(path, str(own / name)) for path, name in OWN_DIRECTORIES.items()]
    implied.append(
        Mount(normalise(spec.get("terminationMessagePath") or DEFAULT_TERMINATION_LOG), str(termination_log))
    )
    rule = PathRule([*mounts, *(mount for mount in implied if mount.path not in taken)])

    words = [expand(word, asked) for word in spec.get("command") or ()]
    arguments = [expand(word, asked) for word in spec.get("args") or ()]
    for name, text in [*asked.items(), *(("the command", word) for word in [*words, *arguments])]:
        _refuse_other_pods(text, name, uid, host.pods)
    environment = {
        "PATH": host.images.path(),
        "LANG": "C.UTF-8",
        "HOSTNAME": pod["metadata"]["name"],
        "TMPDIR": str(own / "tmp"),
        **host.settings.environment,
        **{name: rule.rewrite(value) for name, value in {**image.environment, **asked}.items()},
    }
    # A home outside the pod would be the person's, with the person's credentials in it.
    environment["HOME"] = rule.locate(asked.get("HOME") or "/root") or str(own / "home")
    command = image.command_line([rule.rewrite(word) for word in words], [rule.rewrite(word) for word in arguments])
    if not command:
        raise ConfigProblem("no command specified")
    directory = _working_directory(spec, rule, own)
    return Prepared(command, environment, directory, rule, image, termination_log, uid, host.pods)


def _working_directory(spec: Mapping[str, Any], rule: PathRule, own: Path) -> Path:
    wanted = spec.get("workingDir")
    if not wanted:
        return own / "work"
    located = rule.locate(wanted)
    directory = own / "work" / normalise(wanted).lstrip("/") if located is None else Path(located)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise MountProblem(f"the working directory {wanted} cannot be made: {problem.strerror}") from problem
    return directory


def _refuse_other_pods(text: str, where: str, own_uid: str, pods: Path) -> None:
    """Raise ConfigProblem for a text that names another pod's directory: no pod has business there."""
    prefix = f"{pods}/"
    position = text.find(prefix)
    while position >= 0:
        rest = text[position + len(prefix) :]
        if not (rest == own_uid or rest.startswith(f"{own_uid}/")) or "/.." in rest:
            raise ConfigProblem(f"{where} leads to the directory of another pod")
        position = text.find(prefix, position + 1)
