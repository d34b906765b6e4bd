"""What can go wrong on the node.

::

    NodeError
    ├── NodeBusy               another podrole runs pods in the same directory
    ├── SandboxProblem         the runtime cannot prepare a pod
    └── ContainerProblem       keeps a container from being started; ``reason`` is the waiting reason that kubectl shows
        ├── ImageProblem       ErrImagePull, InvalidImageName
        ├── ConfigProblem      CreateContainerConfigError: a missing ConfigMap, Secret or key
        ├── MountProblem       a volume or mount that cannot be made
        └── StartProblem       the program cannot be executed (StartError, exit code 128)

Logs, exec and attach raise ``podrole.cluster.core.errors.StatusError`` instead, which the client gets as the answer.
"""

from __future__ import annotations

from podrole.base.errors import PodroleError


class NodeError(PodroleError):
    """The root of the node's errors."""

    code = "node"


class NodeBusy(NodeError):
    """Another podrole runs pods in the same directory."""

    code = "node-busy"


class SandboxProblem(NodeError):
    """The runtime cannot prepare a pod."""

    code = "sandbox"


class ContainerProblem(NodeError):
    """A container cannot be started. ``reason`` is the waiting reason that kubectl shows."""

    code = "container-problem"

    def __init__(self, what: str, *, reason: str, next_step: str | None = None) -> None:
        super().__init__(what, next_step=next_step)
        self.reason = reason


class ImageProblem(ContainerProblem):
    """An image that this node cannot run."""

    code = "image"

    def __init__(self, what: str, *, reason: str = "ErrImagePull") -> None:
        super().__init__(what, reason=reason)


class ConfigProblem(ContainerProblem):
    """A ConfigMap, Secret, key or field that the container's environment needs is not there."""

    code = "container-config"

    def __init__(self, what: str) -> None:
        super().__init__(what, reason="CreateContainerConfigError")


class MountProblem(ContainerProblem):
    """A volume or a mount that cannot be made."""

    code = "mount"

    def __init__(self, what: str) -> None:
        super().__init__(what, reason="CreateContainerConfigError")


class StartProblem(ContainerProblem):
    """The program cannot be executed."""

    code = "start"

    def __init__(self, what: str) -> None:
        super().__init__(what, reason="StartError")
