"""A world for tests: a local AWS and a cluster in a process of their own, ended with this process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from podrole.testing import environment
from podrole.testing.administrator import Administrator
from podrole.testing.calls import Call, Refusal, call_of
from podrole.testing.clock import Clock
from podrole.testing.errors import WorldFailed
from podrole.testing.identity import Identity
from podrole.testing.pod import ClusterPod, Pod, ProcessPod
from podrole.testing.process import WorldProcess

Policy = str | Mapping[str, Any]
"""An ARN, a document, or its text."""
EXPLAIN_SECONDS = 30


class World:
    """A local AWS that verifies and authorizes as AWS does, and a cluster whose pods get their identities from it.

    A context manager, ``with`` or ``async with``. Entering it starts a process, which keeps nothing and ends with this
    one. ``settings`` are those of ``podrole up``: ``account``, ``region``, and the ports.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._process: WorldProcess | None = None
        self._started: list[ProcessPod] = []

    def start(self) -> None:
        """Start it and wait until it answers. Raises WorldFailed, or InvalidArrangement for an impossible setting."""
        self._process = WorldProcess(self._settings)
        self.description: Mapping[str, Any] = self._process.description
        self.administrator = Administrator(self.description)
        self.clock = Clock(lambda seconds, refresh: self._ask("advance", seconds=seconds, refresh=refresh))

    def stop(self) -> None:
        """Stop it; what was in it is gone."""
        self._stop_pods()
        if self._process is not None:
            self.clock.reset()
            self._process.stop()
            self._process = None

    def reset(self) -> None:
        """Lead the account, the services and the cluster back to their beginning, and the clock to real time."""
        self._stop_pods()
        self._ask("reset")
        self.clock.reset()

    @property
    def directory(self) -> str:
        """Its directory, as ``--dir`` of podrole's commands takes it."""
        return str(self.description["directory"])

    @property
    def kubeconfig(self) -> str:
        """The file with the administrator's access to the cluster."""
        return str(self.description["kubeconfig"])

    @property
    def issuer(self) -> str:
        """The cluster's OIDC issuer as a trust policy names it: its URL without ``https://``."""
        return str(self.description["issuer"]).removeprefix("https://")

    @property
    def administrator_environment(self) -> dict[str, str]:
        """The environment of a process that acts as the administrator of both: for ``aws``, ``kubectl``, Helm."""
        described = self.description
        keys = described["administrator"]
        own = {
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            "AWS_REGION": described["region"],
            "KUBECONFIG": self.kubeconfig,
            "PODROLE_DIR": self.directory,
        }
        return environment.of_pod({**described["environment"], **own})

    def identity(
        self,
        namespace: str,
        account: str,
        *,
        allow: Sequence[str] = (),
        policies: Sequence[Policy] = (),
        trust: Policy | None = None,
        method: Literal["irsa", "pod-identity"] = "irsa",
        boundary: Policy | None = None,
    ) -> Identity:
        """Make a service account with a role of its own, and the identity of one of its pods.

        ``allow`` are entries like ``s3:PutObject on arn:aws:s3:::reports/*``; without a resource an entry means every
        resource. ``policies`` are managed policies by ARN, or documents. ``trust`` is the trust policy, by default one
        that trusts exactly this service account. Raises InvalidArrangement for an action that AWS does not
        have, and for what AWS would refuse.
        """
        __tracebackhide__ = True
        made = self._ask(
            "identity",
            namespace=namespace,
            account=account,
            allow=list(allow),
            policies=list(policies),
            trust=trust,
            method=method,
            boundary=boundary,
        )
        return Identity(namespace, account, made)

    def run_pod(
        self,
        identity: Identity,
        command: Sequence[str],
        *,
        in_cluster: bool = False,
        image: str = "python",
        variables: Mapping[str, str] | None = None,
    ) -> Pod:
        """Start a program with an identity: as a process of this machine, or as a pod of the cluster.

        A pod of the cluster is a process, too; ``image`` is what its manifest says. It goes by real time.
        """
        __tracebackhide__ = True
        more = dict(variables or {})
        if in_cluster:
            namespace = identity.namespace
            name = self._ask(
                "pod",
                namespace=namespace,
                account=identity.account,
                image=image,
                command=list(command),
                environment=more,
            )
            return ClusterPod(
                namespace,
                name,
                lambda seconds: self._ask("pod state", namespace=namespace, name=name, wait_seconds=seconds),
            )
        pod = ProcessPod(command, {**identity.process_environment(), **more})
        self._started.append(pod)
        return pod

    @property
    def calls(self) -> Sequence[Call]:
        """The AWS calls since the start or the last reset, oldest first; at most the last 1,000."""
        return [call_of(event) for event in self._ask("calls")["calls"]]

    def refusal(self, match: str | None = None) -> Refusal:
        """Return a context in which AWS must refuse a call.

        ``match`` is a regular expression that must be found in the call: its action, resource, caller, code and reason.
        The error that the refusal causes ends the context and goes no further. Raises NotRefused at the context's end
        if no such call was refused.
        """
        return Refusal(lambda: self.calls, match)

    def explain(self, call: Call) -> str:
        """Return what ``podrole explain`` says of a call, without its next command: the world may be gone by then."""
        command = [sys.executable, "-m", "podrole", "explain", call.id, "--dir", self.directory]
        done = subprocess.run(command, capture_output=True, text=True, timeout=EXPLAIN_SECONDS, check=False)
        return (done.stdout or done.stderr).partition("\n\nnext: ")[0].strip()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _ask(self, request: str, **arguments: Any) -> Any:
        __tracebackhide__ = True
        if self._process is None:
            raise WorldFailed("The world is not running.", next_step="use it as a context: with World() as world")
        return self._process.ask(request, **arguments)

    def _stop_pods(self) -> None:
        while self._started:
            self._started.pop().stop()
