"""A running world in which tests break one thing after another, and run the doctor's remedies.

Tests create their objects with boto3 and the Kubernetes API, which is quick. Remedies are run as the doctor prints
them, with the real kubectl and the real aws.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from podrole.cli.diagnosis import to_dict
from podrole.cli.sources import SourceOptions, open_sources
from podrole.doctor.chain import Diagnosis, diagnose
from podrole.doctor.facts.chain import DesiredCall
from podrole.doctor.facts.find_target import find_target
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.remedies.commands import Command, commands_of
from podrole.doctor.report.findings import Finding
from podrole.doctor.sources.sources import Tools
from support.world import LIMIT_SECONDS, RunningWorld

Object = dict[str, Any]
NAMESPACE = "faults"
ROLE_ARN = "eks.amazonaws.com/role-arn"


@dataclass
class BrokenWorld:
    """A running world with clients for tests."""

    running: RunningWorld
    namespace: str = NAMESPACE
    _http: httpx2.Client | None = None
    _boto: dict[str, Any] = field(default_factory=dict)

    # Clients

    @property
    def account(self) -> str:
        return str(self.running.description["account"])

    @property
    def issuer(self) -> str:
        return str(self.running.description["issuer"])

    @property
    def prefix(self) -> str:
        """The beginning of condition keys."""
        return self.issuer.removeprefix("https://")

    @property
    def provider_arn(self) -> str:
        return f"arn:aws:iam::{self.account}:oidc-provider/{self.prefix}"

    @property
    def directory(self) -> Path:
        return self.running.directory / ".podrole"

    @property
    def iam(self) -> Any:
        return self.boto("iam")

    def boto(self, service: str) -> Any:
        """Return a boto3 client, the administrator's."""
        if service not in self._boto:
            self._boto[service] = self.running.client(service)
        return self._boto[service]

    @property
    def http(self) -> httpx2.Client:
        """The Kubernetes API, as the administrator."""
        if self._http is None:
            config = json.loads((self.directory / "kubeconfig").read_text())
            trust = ssl.create_default_context(cafile=self.directory / "ca.crt")
            token = config["users"][0]["user"]["token"]
            self._http = httpx2.Client(
                base_url=config["clusters"][0]["cluster"]["server"],
                verify=trust,
                headers={"authorization": f"Bearer {token}"},
                timeout=30,
            )
        return self._http

    def close(self) -> None:
        for client in self._boto.values():
            client.close()
        if self._http is not None:
            self._http.close()

    # Kubernetes

    def call(self, method: str, path: str, body: Any = None, *, patch: str = "merge") -> Any:
        """Call the Kubernetes API and return its answer, which must be a success."""
        content_type = f"application/{patch}-patch+json" if method == "PATCH" else "application/json"
        content = None if body is None else json.dumps(body)
        answer = self.http.request(method, path, content=content, headers={"content-type": content_type})
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json()

    def of(self, plural: str, name: str = "", namespace: str | None = None) -> str:
        """Return a path in the namespace."""
        return f"/api/v1/namespaces/{namespace or self.namespace}/{plural}" + (f"/{name}" if name else "")

    def create_namespace(self, name: str, **labels: str) -> None:
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})

    def service_account(self, name: str, annotations: dict[str, str] | None = None, **more: Any) -> None:
        metadata = {"name": name, "annotations": annotations or {}}
        self.call("POST", self.of("serviceaccounts"), {"metadata": metadata, **more})

    def pod(self, name: str, account: str | None = None, **more: Any) -> None:
        """Create a pod that calls GetCallerIdentity if ``open`` was called before: its answer before the repair is not
        tested, and the aws CLI is slow. ``more`` goes into its only container, into its spec (``pod_…``) or into its
        metadata (``meta_…``)."""
        container: Object = {"name": "main", "image": "amazon/aws-cli"}
        container["command"] = ["sh", "-c", self._whoami]
        spec: Object = {"restartPolicy": "Never", "containers": [container]}
        metadata: Object = {"name": name}
        for key, value in more.items():
            part, _, member = key.partition("_")
            {"pod": spec, "meta": metadata}.get(part, container)[member if part in ("pod", "meta") else key] = value
        if account is not None:
            spec["serviceAccountName"] = account
        self.call("POST", self.of("pods"), {"metadata": metadata, "spec": spec})

    @property
    def _gate(self) -> Path:
        return self.running.directory / "open"  # not in the world's directory, which isolated pods do not see

    @property
    def _whoami(self) -> str:
        return f"test -e {shlex.quote(str(self._gate))} && exec aws sts get-caller-identity --query Arn --output text"

    def open(self) -> None:
        """From now on pods run their commands."""
        self._gate.touch()

    def shut(self) -> None:
        """From now on pods fail at once."""
        self._gate.unlink(missing_ok=True)

    def copy(self, name: str, copy: str) -> None:
        """Create a copy of a pod under another name."""
        made = self.call("GET", self.of("pods", name))
        kept = {key: made["metadata"][key] for key in ("labels", "annotations") if key in made["metadata"]}
        self.call("POST", self.of("pods"), {"metadata": {"name": copy, **kept}, "spec": made["spec"]})

    def phase(self, pod: str) -> str:
        return str(self.call("GET", self.of("pods", pod)).get("status", {}).get("phase", ""))

    def wait_until_ended(self, pods: list[str]) -> dict[str, str]:
        """Wait until pods have succeeded or failed; return their phases."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            listed = self.call("GET", self.of("pods"))["items"]
            phases = {one["metadata"]["name"]: one.get("status", {}).get("phase", "") for one in listed}
            if all(phases.get(pod) in ("Succeeded", "Failed") for pod in pods) or time.monotonic() > deadline:
                return {pod: phases.get(pod, "") for pod in pods}
            time.sleep(0.1)  # a watch would not be quicker; the end is awaited, not a time

    def logs(self, pod: str) -> str:
        return self.http.get(self.of("pods", pod) + "/log").text

    # AWS

    def trust(self, name: str, **elements: Any) -> Object:
        """Return the trust policy that trusts service account ``name``; ``elements`` replace those of its statement."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{self.prefix}:sub": f"system:serviceaccount:{self.namespace}:{name}",
                    f"{self.prefix}:aud": "sts.amazonaws.com",
                }
            },
            **elements,
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    def arn(self, role: str) -> str:
        return f"arn:aws:iam::{self.account}:role/{role}"

    def role(self, name: str, trust: Object | None = None, **more: Any) -> str:
        document = json.dumps(self.trust(name) if trust is None else trust)
        return str(self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"])

    def provider(self, **more: Any) -> None:
        given = {
            "Url": self.issuer,
            "ClientIDList": ["sts.amazonaws.com"],
            "ThumbprintList": [self.running.description["thumbprint"]],
            **more,
        }
        self.iam.create_open_id_connect_provider(**given)

    # The doctor

    def examine(self, target: str, *, can: DesiredCall | None = None, live: bool = False) -> Diagnosis:
        """Examine a target with the doctor, in this process."""

        async def look() -> Diagnosis:
            async with open_sources(SourceOptions(directory=self.directory)) as sources:
                gatherer = Gatherer(sources, desired_call=can)
                try:
                    facts = await gatherer.facts(await find_target(target, sources.cluster), live=live)
                    found = diagnose(facts)
                    json.dumps(to_dict(found, sources))  # every diagnosis can be printed as JSON
                    return found
                finally:
                    await gatherer.close()

        return asyncio.run(look())

    def examine_pod(self, name: str, **more: Any) -> Diagnosis:
        return self.examine(f"{self.namespace}/{name}", **more)

    # Remedies

    def repair(self, finding: Finding) -> str:
        """Run the commands of a finding's remedy, as they are printed. Returns them."""
        tools_commands = commands_of(finding.remedy.changes, Tools())
        assert finding.remedy.automatic, f"{finding.code}: {finding.remedy}"
        assert tools_commands, finding.remedy
        for command in tools_commands:
            self.run(command)
        return "\n".join(command.shell() for command in tools_commands)

    def run(self, command: Command) -> str:
        """Run one command line in a shell with the world's environment."""
        done = subprocess.run(
            ["sh", "-c", command.shell()],
            cwd=self.running.directory,
            env=self.running.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command.shell()}\n{done.stdout}{done.stderr}"
        assert "rror" not in done.stderr, f"{command.shell()}\n{done.stderr}"
        return done.stdout
