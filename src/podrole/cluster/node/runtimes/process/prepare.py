"""What is executed for a container: its variables, directories and command line, from its configuration.

In an isolated container everything is where the container expects it. Otherwise paths are rewritten: ``paths.py``.
"""

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
from podrole.cluster.node.runtimes.process.local_image import SYSTEM_PATH, LocalImage
from podrole.cluster.node.runtimes.process.own_python import make_environment
from podrole.cluster.node.runtimes.process.paths import PathRule
from podrole.cluster.node.runtimes.process.view import (
    OWN_DIRECTORIES,
    PROGRAMS_PATH,
    PYTHON_PATH,
    Hiding,
    View,
    view_of,
)

_SEPARATOR = r"/(?:\.?/)*"
_OF_PYTHON = ("python", "python3", "pip", "pip3")


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine as the processes of a pod find it.

    ``pods`` is the directory of all pods' directories; ``environment`` has variables for every process. ``hiding`` is
    what isolated processes do not see, None if they are not isolated.
    """

    hostname: str
    uid: str
    pods: Path
    images: Images
    environment: Mapping[str, str]
    hiding: Hiding | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a process of the container gets.

    ``directory`` is where it starts, unless ``view`` says it; an isolated container has no ``rule``.
    """

    command: list[str]
    environment: dict[str, str]
    directory: Path
    image: LocalImage
    machine: Machine
    rule: PathRule | None
    view: View | None = None

    def translate(self, command: Sequence[str]) -> list[str]:
        """Return a command to be run inside the container with its paths rewritten. Raises ConfigProblem."""
        if self.rule is None:
            return self.image.command_line(list(command), [])
        for word in command:
            _refuse_other_pods(word, "the command", self.machine)
        rewritten = [self.rule.rewrite(word) for word in command]
        return self.image.command_line(keep_member_names(command, rewritten, self.rule), [])


def prepare(config: ContainerConfig, machine: Machine) -> Prepared:
    """Make the container's directories and work out its environment and command.

    The environment is a minimal one, then the machine's, then the image's, then the container's own. Raises
    ConfigProblem, MountProblem, ImageProblem or OSError.
    """
    image = machine.images.resolve(config.image)
    isolated = machine.hiding is not None
    image, programs = _make_programs(config.directory, image, isolated=isolated)
    environment = {
        "PATH": ":".join([*programs, *image.path, SYSTEM_PATH]),
        "LANG": "C.UTF-8",
        "HOSTNAME": machine.hostname,
    }
    if machine.hiding is not None:
        prepared = _isolated(config, machine, machine.hiding, image, environment)
    else:
        prepared = _rewritten(config, machine, image, environment)
    if not prepared.command:
        raise ConfigProblem("no command specified")
    return prepared


def _isolated(
    config: ContainerConfig, machine: Machine, hiding: Hiding, image: LocalImage, environment: Mapping[str, str]
) -> Prepared:
    _make_directories(config.directory, "home", "tmp", "work", "root")
    (config.directory / "tmp").chmod(0o1777)
    tools = {PYTHON_PATH: config.directory / "python", PROGRAMS_PATH: config.directory / "programs"}
    more = [Mount(path, str(target)) for path, target in tools.items() if target.exists()]
    directory = config.working_directory or image.working_directory or str(image.folder or "")
    inside = replace(config, working_directory=directory)
    view = view_of(inside, machine.pods, hiding, [*more, *_of_folder(image)], image.needs)
    variables = {"HOME": "/root", **environment, **machine.environment, **image.environment, **config.environment}
    variables["HOME"] = variables["HOME"] or "/root"
    _add_folder(variables, config, image)
    rule = PathRule(image.mounts)  # a program is named by its place in the folder, where it can be looked for
    words = [tuple(map(rule.rewrite, part)) for part in (image.entrypoint, image.command)]
    image = replace(image, entrypoint=words[0], command=words[1])
    command = image.command_line([rule.rewrite(word) for word in config.command], list(config.args))
    if image.folder is not None:
        where = rule.locate(directory) or str(image.folder)
        command = own_programs.found(command, variables["PATH"], image, Path(where))
    return Prepared(command, variables, config.directory, image, machine, None, view)


def _rewritten(
    config: ContainerConfig, machine: Machine, image: LocalImage, environment: Mapping[str, str]
) -> Prepared:
    _make_directories(config.directory, "home", "tmp", "work")
    rule = _rule(config, image)
    for name, text in config.environment.items():
        _refuse_other_pods(text, name, machine)
    for word in (*config.command, *config.args):
        _refuse_other_pods(word, "the command", machine)
    variables = {
        **environment,
        "TMPDIR": str(config.directory / "tmp"),
        **machine.environment,
        **{name: rule.rewrite(value) for name, value in {**image.environment, **config.environment}.items()},
    }
    _add_folder(variables, config, image)
    # A home outside the pod would be that of the user who runs podrole, with the user's credentials in it.
    variables["HOME"] = rule.locate(config.environment.get("HOME") or "/root") or str(config.directory / "home")
    command = [rule.rewrite(word) for word in config.command]
    directory = _working_directory(config, image, rule)
    if image.folder is not None:
        words = (tuple(map(rule.rewrite, image.entrypoint)), tuple(map(rule.rewrite, image.command)))
        image = replace(image, entrypoint=words[0], command=words[1])
    line = image.command_line(command, [rule.rewrite(word) for word in config.args])
    if image.folder is not None:
        line = own_programs.found(line, variables["PATH"], image, directory)
    return Prepared(line, variables, directory, image, machine, rule)


def _add_folder(variables: dict[str, str], config: ContainerConfig, image: LocalImage) -> None:
    """Add the variables by which the programs of a folder that stands for an image are found."""
    if image.folder is not None and "PATH" not in config.environment:
        variables["PATH"] = ":".join([*image.first_on_path, variables["PATH"]])
    if image.virtual_environment:
        variables.setdefault("VIRTUAL_ENV", image.virtual_environment)


def _of_folder(image: LocalImage) -> list[Mount]:
    """Return the mounts of a folder that stands for an image: itself at its own path, and what COPY takes from it."""
    if image.folder is None:
        return []
    real = [Mount(mount.path, str(Path(mount.target).resolve())) for mount in image.mounts]
    return [Mount(normalise(str(image.folder)), str(image.folder.resolve())), *real]


def _make_programs(directory: Path, image: LocalImage, *, isolated: bool) -> tuple[LocalImage, list[str]]:
    """Make what the image adds to the machine's programs; return the image bound to it, and directories for PATH."""
    path = []
    if image.own_python is not None:
        make_environment(directory / "python", image.own_python)
        programs = f"{PYTHON_PATH if isolated else directory / 'python'}/bin"
        path.append(programs)
        image = image.with_programs({name: (f"{programs}/{name}",) for name in _OF_PYTHON})
    if image.links:
        own = directory / "programs"
        own.mkdir()
        for name, target in image.links.items():
            (own / name).symlink_to(target)
        path.append(PROGRAMS_PATH if isolated else str(own))
    return image, path


def _make_directories(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).mkdir()


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
