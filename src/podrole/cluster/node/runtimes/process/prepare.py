"""What is executed for a container: its variables, directories and command line, from its configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from podrole.cluster.node.errors import ConfigProblem, MountProblem
from podrole.cluster.node.runtime import ContainerConfig, Mount, normalise
from podrole.cluster.node.runtimes.process import own_programs
from podrole.cluster.node.runtimes.process.archive_names import keep_member_names
from podrole.cluster.node.runtimes.process.images import Images
from podrole.cluster.node.runtimes.process.local_image import LocalImage
from podrole.cluster.node.runtimes.process.paths import PathRule

OWN_DIRECTORIES = {"/root": "home", "/tmp": "tmp"}  # noqa: S108 - the container's, not the machine's
"""What every container has for itself: these paths are rewritten as if they were mounted."""

_SEPARATOR = r"/(?:\.?/)*"


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine as the processes of a pod find it.

    ``pods`` is the directory of all pods' directories; ``environment`` has variables for every process.
    """

    hostname: str
    uid: str
    pods: Path
    images: Images
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a process of the container gets."""

    command: list[str]
    environment: dict[str, str]
    directory: Path
    rule: PathRule
    image: LocalImage
    machine: Machine

    def translate(self, command: Sequence[str]) -> list[str]:
        """Return a command to be run inside the container with its paths rewritten. Raises ConfigProblem."""
        for word in command:
            _refuse_other_pods(word, "the command", self.machine)
        rewritten = [self.rule.rewrite(word) for word in command]
        return self.image.command_line(keep_member_names(command, rewritten, self.rule), [])


def prepare(config: ContainerConfig, machine: Machine) -> Prepared:
    """Make the container's directories and work out its environment and command.

    The environment is a minimal one, then the machine's, then the image's, then the container's own. Raises
    ConfigProblem, MountProblem, ImageProblem or OSError.
    """
    for name in ("home", "tmp", "work"):
        (config.directory / name).mkdir()
    image = machine.images.resolve(config.image)
    rule = _rule(config, image)
    for name, text in config.environment.items():
        _refuse_other_pods(text, name, machine)
    for word in (*config.command, *config.args):
        _refuse_other_pods(word, "the command", machine)
    environment = {
        "PATH": machine.images.path(),
        "LANG": "C.UTF-8",
        "HOSTNAME": machine.hostname,
        "TMPDIR": str(config.directory / "tmp"),
        **machine.environment,
        **{name: rule.rewrite(value) for name, value in {**image.environment, **config.environment}.items()},
    }
    if image.folder is not None and "PATH" not in config.environment:
        environment["PATH"] = ":".join([*image.first_on_path, environment["PATH"]])
    if image.virtual_environment:
        environment.setdefault("VIRTUAL_ENV", image.virtual_environment)
    # A home outside the pod would be that of the user who runs podrole, with the user's credentials in it.
    environment["HOME"] = rule.locate(config.environment.get("HOME") or "/root") or str(config.directory / "home")
    command = [rule.rewrite(word) for word in config.command]
    directory = _working_directory(config, image, rule)
    if image.folder is not None:
        words = (tuple(map(rule.rewrite, image.entrypoint)), tuple(map(rule.rewrite, image.command)))
        image = replace(image, entrypoint=words[0], command=words[1])
    line = image.command_line(command, [rule.rewrite(word) for word in config.args])
    if image.folder is not None:
        line = own_programs.found(line, environment["PATH"], image, directory)
    if not line:
        raise ConfigProblem("no command specified")
    return Prepared(line, environment, directory, rule, image, machine)


def _rule(config: ContainerConfig, image: LocalImage) -> PathRule:
    mounts = {mount.path: mount for mount in config.mounts}
    if "/" in mounts:
        raise MountProblem(
            f'container {config.name} cannot have the mountPath "/" here: it would stand for every file of this machine'
        )
    implied = {path: Mount(path, str(config.directory / name)) for path, name in OWN_DIRECTORIES.items()}
    of_image = {mount.path: mount for mount in image.mounts}
    return PathRule((of_image | implied | mounts).values())


def _working_directory(config: ContainerConfig, image: LocalImage, rule: PathRule) -> Path:
    path, own = config.working_directory or image.working_directory, config.directory / "work"
    if not path:
        return image.folder or own
    located = rule.locate(path)
    directory = own / normalise(path).lstrip("/") if located is None else Path(located)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise MountProblem(f"the working directory {path} cannot be made: {problem.strerror}") from problem
    return directory


def _refuse_other_pods(text: str, where: str, machine: Machine) -> None:
    """Raise ConfigProblem for a text that names another pod's directory, also with ``//`` or ``/./`` in its path."""
    own = machine.uid
    for pods in {str(machine.pods), str(machine.pods.resolve())}:
        for match in re.finditer(_SEPARATOR.join(map(re.escape, [*pods.split("/"), ""])), text):
            rest = text[match.end() :]
            if not (rest == own or rest.startswith(f"{own}/")) or "/.." in rest:
                raise ConfigProblem(f"{where} leads to the directory of another pod")
