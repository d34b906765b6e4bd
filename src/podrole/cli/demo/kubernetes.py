"""The walkthrough's requests to the cluster: with kubectl, or with the Kubernetes API if there is no kubectl."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from typing import Any, Protocol

from podrole.cli.demo.shell import CommandOutcome, Shell

WAIT_SECONDS = 60
IMAGE = "amazon/aws-cli"


class Kubernetes(Protocol):
    """The operations of the steps. Each shows its command and returns the outcome."""

    def create_namespace(self, name: str) -> CommandOutcome: ...

    def run_pod(self, namespace: str, name: str, service_account: str | None, *arguments: str) -> CommandOutcome:
        """Create a pod of the aws CLI's image that runs once."""
        ...

    def wait_for(self, namespace: str, pod: str, phase: str) -> CommandOutcome: ...

    def logs(self, namespace: str, pod: str) -> CommandOutcome: ...

    def pod(self, namespace: str, name: str, *point_at: str) -> CommandOutcome:
        """Show the whole pod; of a long output only the beginning and the lines with one of ``point_at``."""
        ...

    def phase_and_exit_code(self, namespace: str, pod: str) -> CommandOutcome: ...

    def issuer_documents(self) -> CommandOutcome: ...

    def apply_service_account(self, manifest: Mapping[str, Any], file: str, /) -> CommandOutcome:
        """Create the service account of ``manifest``, which ``file`` holds too."""
        ...

    def annotate_service_account(self, namespace: str, name: str, key: str, value: str) -> CommandOutcome: ...

    def describe_service_account(self, namespace: str, name: str) -> CommandOutcome: ...

    def create_service_account(self, namespace: str, name: str) -> CommandOutcome: ...


class Kubectl:
    """The real kubectl."""

    def __init__(self, shell: Shell, pull_policy: str | None = None) -> None:
        self._shell = shell
        self._pull_policy = pull_policy

    def create_namespace(self, name: str) -> CommandOutcome:
        return self._run("create", "namespace", name)

    def run_pod(self, namespace: str, name: str, service_account: str | None, *arguments: str) -> CommandOutcome:
        overrides = []
        if service_account is not None:
            overrides = ["--overrides", json.dumps({"spec": {"serviceAccountName": service_account}})]
        policy = [] if self._pull_policy is None else ["--image-pull-policy", self._pull_policy]
        words = ["run", name, "--namespace", namespace, "--image", IMAGE, *policy, "--restart", "Never", *overrides]
        return self._run(*words, "--", *arguments)

    def wait_for(self, namespace: str, pod: str, phase: str) -> CommandOutcome:
        condition = f"--for=jsonpath={{.status.phase}}={phase}"
        return self._run("wait", f"pod/{pod}", "--namespace", namespace, condition, f"--timeout={WAIT_SECONDS}s")

    def logs(self, namespace: str, pod: str) -> CommandOutcome:
        return self._run("logs", pod, "--namespace", namespace, point_at=("InstanceId",))

    def pod(self, namespace: str, name: str, *point_at: str) -> CommandOutcome:
        return self._run("get", "pod", name, "--namespace", namespace, "--output", "yaml", point_at=point_at)

    def phase_and_exit_code(self, namespace: str, pod: str) -> CommandOutcome:
        path = "{.status.phase} {.status.containerStatuses[0].state.terminated.exitCode}"
        return self._run("get", "pod", pod, "--namespace", namespace, "--output", f"jsonpath={path}")

    def issuer_documents(self) -> CommandOutcome:
        document = self._run("get", "--raw", "/.well-known/openid-configuration")
        keys = self._run("get", "--raw", "/openid/v1/jwks")
        return CommandOutcome(
            keys.command, document.exit_code or keys.exit_code, document.stdout + "\n" + keys.stdout, ""
        )

    def apply_service_account(self, _manifest: Mapping[str, Any], file: str, /) -> CommandOutcome:
        return self._run("apply", "--filename", file)

    def annotate_service_account(self, namespace: str, name: str, key: str, value: str) -> CommandOutcome:
        return self._run("annotate", "serviceaccount", name, "--namespace", namespace, f"{key}={value}")

    def describe_service_account(self, namespace: str, name: str) -> CommandOutcome:
        return self._run("describe", "serviceaccount", name, "--namespace", namespace)

    def create_service_account(self, namespace: str, name: str) -> CommandOutcome:
        return self._run("create", "serviceaccount", name, "--namespace", namespace)

    def _run(self, *words: str, point_at: tuple[str, ...] = ()) -> CommandOutcome:
        return self._shell.run(["kubectl", *words], point_at=point_at)


class API:
    """The Kubernetes API over HTTPS, for a machine without kubectl. It shows the requests."""

    def __init__(self, shell: Shell, kubeconfig: Mapping[str, Any], pull_policy: str | None = None) -> None:
        import base64

        import httpx2

        cluster = kubeconfig["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        token = kubeconfig["users"][0]["user"]["token"]
        self._shell = shell
        self._pull_policy = pull_policy
        self._server = cluster["server"]
        self._http = httpx2.Client(
            base_url=self._server,
            verify=ssl.create_default_context(cadata=authority),
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
        )

    def create_namespace(self, name: str) -> CommandOutcome:
        return self._send("POST", "/api/v1/namespaces", _named("Namespace", name))

    def run_pod(self, namespace: str, name: str, service_account: str | None, *arguments: str) -> CommandOutcome:
        container = {"name": name, "image": IMAGE, "args": list(arguments)}
        if self._pull_policy is not None:
            container["imagePullPolicy"] = self._pull_policy
        spec: dict[str, Any] = {"containers": [container], "restartPolicy": "Never"}
        if service_account is not None:
            spec["serviceAccountName"] = service_account
        return self._send("POST", f"/api/v1/namespaces/{namespace}/pods", {**_named("Pod", name), "spec": spec})

    def wait_for(self, namespace: str, pod: str, phase: str) -> CommandOutcome:
        path, deadline = f"/api/v1/namespaces/{namespace}/pods/{pod}", time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if self._http.get(path).json()["status"].get("phase") == phase:
                return self._shell.note(f"GET {path} until its phase is {phase}", f"{phase}\n")
            time.sleep(0.1)
        return self._shell.note(f"GET {path} until its phase is {phase}", "it is not\n", exit_code=1)

    def logs(self, namespace: str, pod: str) -> CommandOutcome:
        return self._send("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", point_at=("InstanceId",))

    def pod(self, namespace: str, name: str, *point_at: str) -> CommandOutcome:
        return self._send("GET", f"/api/v1/namespaces/{namespace}/pods/{name}", point_at=point_at)

    def phase_and_exit_code(self, namespace: str, pod: str) -> CommandOutcome:
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
        status = self._http.get(path).json()["status"]
        exit_code = status["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        return self._shell.note(f"GET {path}", f"{status['phase']} {exit_code}\n")

    def issuer_documents(self) -> CommandOutcome:
        document = self._send("GET", "/.well-known/openid-configuration")
        keys = self._send("GET", "/openid/v1/jwks")
        return CommandOutcome(
            keys.command, document.exit_code or keys.exit_code, document.stdout + "\n" + keys.stdout, ""
        )

    def apply_service_account(self, manifest: Mapping[str, Any], _file: str, /) -> CommandOutcome:
        namespace = manifest["metadata"]["namespace"]
        return self._send("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", manifest)

    def annotate_service_account(self, namespace: str, name: str, key: str, value: str) -> CommandOutcome:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        return self._send("PATCH", path, {"metadata": {"annotations": {key: value}}})

    def describe_service_account(self, namespace: str, name: str) -> CommandOutcome:
        return self._send("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")

    def create_service_account(self, namespace: str, name: str) -> CommandOutcome:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        return self._send("POST", path, _named("ServiceAccount", name))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _send(self, method: str, path: str, body: Any = None, *, point_at: tuple[str, ...] = ()) -> CommandOutcome:
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        content = None if body is None else json.dumps(body)
        answer = self._http.request(method, path, content=content, headers={"content-type": content_type})
        try:
            text = json.dumps(answer.json(), indent=2) + "\n"
        except ValueError:
            text = answer.text
        shown = f"{method} {self._server}{path}" + (f" {content}" if content else "")
        return self._shell.note(shown, text, exit_code=0 if answer.is_success else 1, point_at=point_at)


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
