"""A pod's identity, taken by this process."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from podrole.testing import environment
from podrole.testing.errors import InvalidArrangement

_entered: list[tuple[Identity, contextlib.ExitStack]] = []
"""The contexts that this process is in, the innermost last. A process has one environment for all its threads."""


class Identity:
    """The identity of a pod: a service account with a role, made by ``World.identity``.

    Inside its context this process has the pod's environment, so that every AWS SDK finds the role as it does in a pod.
    """

    def __init__(self, namespace: str, account: str, made: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.account = account
        self.role_arn: str = made["role_arn"]
        self.pod: str = made["pod"]
        """The name of the pod whose place this process takes."""
        self.environment: Mapping[str, str] = made["environment"]
        """The variables that the pod has."""
        self._session: Any = None

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command with the pod's environment to its end; ``options`` are those of ``subprocess.run``."""
        run_options: dict[str, Any] = {"text": True, "capture_output": True, "check": False, **options}
        return subprocess.run(command, env=self.process_environment(), **run_options)  # noqa: PLW1510 - it is in run_options

    def process_environment(self) -> dict[str, str]:
        """Return the whole environment of a process that takes the pod's place."""
        return environment.of_pod(self.environment)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(environment.replaced(self.process_environment()))
            stack.enter_context(environment.default_session(self._session))
            stack.enter_context(environment.shared_data())
            _entered.append((self, stack.pop_all()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the environment back. Raises InvalidArrangement if another identity, entered later, is still in use."""
        places = [index for index, (identity, _) in enumerate(_entered) if identity is self]
        if not places:
            return  # an outer context ended before
        place = places[-1]
        later = [identity for identity, _ in _entered[place + 1 :]]
        if not later:
            self._session = environment.current_session()  # with its credentials, as the pod's process would keep it
        leave(place)
        if later:
            raise InvalidArrangement(
                f"The context of {self._name} ended before that of {later[-1]._name}, which was entered later: their "
                "environments were mixed up.",
                expected="contexts that nest: all threads and tasks of a process have one environment",
                next_step="run one of them as a process: podrole_pod, or the method run of its identity",
            )

    @property
    def _name(self) -> str:
        return f"{self.namespace}/{self.account}"

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, problem, trace)


def entered() -> int:
    """Return how many contexts this process is in."""
    return len(_entered)


def leave(count: int) -> None:
    """Leave all contexts but the first ``count``, those too that a test did not leave."""
    while len(_entered) > count:
        _entered.pop()[1].close()
