"""Creating a container: image, configuration, and the attempts until both are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from podrole.cluster.node.containers.backoff import Backoff
from podrole.cluster.node.containers.config import container_config
from podrole.cluster.node.containers.report import ContainerReport, EnclosingPod
from podrole.cluster.node.containers.states import Waiting
from podrole.cluster.node.content.pull_secrets import logins_for, references_of
from podrole.cluster.node.content.volumes_on_disk import find
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.errors import ContainerProblem, ImageProblem, MountProblem
from podrole.cluster.node.image_names import ImageReference, parse_image
from podrole.cluster.node.runtime import ContainerConfig, CreatedContainer, RegistryLogin

PULL_ERROR_SECONDS = 2.0
"""How long ErrImagePull shows before ImagePullBackOff does."""
CONFIG_RETRY_SECONDS = 10.0


class Creation:
    """Creates containers from one spec.

    ``pause`` waits until a moment (epoch seconds) and returns False if the container is stopped meanwhile.
    """

    def __init__(
        self,
        context: NodeContext,
        pod: EnclosingPod,
        report: ContainerReport,
        pause: Callable[[float], Awaitable[bool]],
    ) -> None:
        self._context = context
        self._pod = pod
        self._report = report
        self._pause = pause

    async def create(self) -> tuple[ContainerConfig, CreatedContainer] | None:
        """Create a container; where that fails show why, wait and try again. None if it was stopped meanwhile."""
        backoff = Backoff()
        recorded = False
        going_on = True
        while going_on:
            try:
                image = parse_image(self._report.spec["image"])
                policy = self._report.spec.get("imagePullPolicy") or "IfNotPresent"
                pulled = await self._context.runtime.pull(image, policy, await self._logins(image))
                if not recorded:
                    recorded = True
                    self._report.image_id = pulled.image_id
                    self._report.record("Normal", "Pulled", pulled.message)
                user = self._pod.sandbox.user_of(self._report.spec, image)
                await self._pod.volumes.allow_reading(self._pod.with_address(), user)
                config = await container_config(self._context, self._pod, self._report.spec, image)
                return config, await self._pod.sandbox.create(config)
            except ImageProblem as problem:
                going_on = await self._pull_back_off(problem, backoff)
            except ContainerProblem as problem:
                going_on = await self._fail(problem.reason, problem.what)
            except OSError as problem:
                going_on = await self._fail("CreateContainerError", str(problem))
        return None

    async def _logins(self, image: ImageReference) -> list[RegistryLogin]:
        """Return the logins of the image's registry. Missing secrets are an event, as with the kubelet."""
        pod = self._pod.with_address()
        references = list(references_of(pod))
        try:
            secrets = await find(self._context.client, pod["metadata"]["namespace"], references)
        except MountProblem as problem:
            raise ImageProblem(f"the imagePullSecrets could not be read: {problem.what}") from problem
        if missing := [name for (_, name), secret in secrets.items() if secret is None]:
            self._report.record(
                "Warning",
                "FailedToRetrieveImagePullSecret",
                f"Unable to retrieve some image pull secrets ({', '.join(missing)}); "
                "attempting to pull the image may not succeed.",
            )
        return logins_for(image, [secret for secret in secrets.values() if secret is not None])

    async def _fail(self, reason: str, message: str) -> bool:
        self._report.record("Warning", "Failed", f"Error: {message}")
        self._report.set_state(Waiting(reason, message))
        return await self._pause(self._context.time.now() + CONFIG_RETRY_SECONDS)

    async def _pull_back_off(self, problem: ImageProblem, backoff: Backoff) -> bool:
        report, image, now = self._report, self._report.spec["image"], self._context.time.now()
        if problem.reason == "ErrImagePull":
            report.record("Warning", "Failed", f'Failed to pull image "{image}": {problem.what}')
        else:
            report.record("Warning", "InspectFailed", problem.what)
        report.record("Warning", "Failed", f"Error: {problem.reason}")
        report.set_state(Waiting(problem.reason, problem.what))
        backoff.attempted(now)
        next_attempt = now + backoff.delay(now)
        if problem.reason == "ErrImagePull":
            if not await self._pause(min(now + PULL_ERROR_SECONDS, next_attempt)):
                return False
            message = f'Back-off pulling image "{image}"'
            report.record("Normal", "BackOff", message)
            report.record("Warning", "Failed", "Error: ImagePullBackOff")
            report.set_state(Waiting("ImagePullBackOff", f"{message}: ErrImagePull: {problem.what}"))
        return await self._pause(next_attempt)
