"""kubectl with pods that really run: logs, exec, attach, cp, rollouts, jobs; and hundreds of simulated pods."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.cluster import Kubectl

Run = Callable[..., str]

TWO = """
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two}}
spec:
  containers:
  - {name: one, image: busybox, command: [sh, -c, "echo first; echo second; exec sleep 100"]}
  - {name: other, image: busybox, command: [sh, -c, "echo elsewhere; exec sleep 100"]}
"""


@pytest.fixture
def run(kubectl: Kubectl, namespace: str) -> Run:
    """Run kubectl in the test's namespace; ``code`` is the exit code that is expected."""

    def run(arguments: str, stdin: str | None = None, code: int = 0) -> str:
        done = kubectl.shell(f"kubectl -n {namespace} {arguments}", stdin)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_logs(run: Run) -> None:
    run("apply -f -", TWO)
    run("wait --for=condition=Ready pod/two --timeout=20s")
    assert set(run("logs two").splitlines()) == {'Defaulted container "one" out of: one, other', "first", "second"}
    assert run("logs two -c other") == "elsewhere\n"
    assert run("logs two -c one --tail=1") == "second\n"
    assert run("logs two -c one --since=1h --limit-bytes=6") == "first\n"
    assert sorted(run("logs two --all-containers").splitlines()) == ["elsewhere", "first", "second"]
    assert sorted(run("logs -l app=two --all-containers --prefix").splitlines()) == [
        "[pod/two/one] first",
        "[pod/two/one] second",
        "[pod/two/other] elsewhere",
    ]
    assert "previous terminated container" in run("logs two -c one --previous", code=1)
    assert "container nope is not valid for pod two" in run("logs two -c nope", code=1)


def test_a_followed_log_ends_with_its_container(run: Run) -> None:
    run("run talks --image=busybox --restart=Never -- sh -c 'for n in 1 2 3; do echo $n; sleep 0.1; done'")
    run("wait --for=jsonpath='{.status.phase}'=Running pod/talks --timeout=20s")
    assert run("logs -f talks") == "1\n2\n3\n"


def test_exec_and_cp(run: Run, tmp_path: Path) -> None:
    run("apply -f -", TWO)
    run("wait --for=condition=Ready pod/two --timeout=20s")
    assert run("exec two -c one -- sh -c 'echo out; echo err >&2; exit 7'", code=7).splitlines()[:1] == ["out"]
    assert run("exec -i two -c other -- cat", "through\n") == "through\n"
    assert "executable file not found" in run("exec two -c one -- nothing-like-it", code=1)
    (tmp_path / "there").write_text("copied\n")
    run(f"cp {tmp_path}/there two:/tmp/there -c one")
    run(f"cp two:/tmp/there {tmp_path}/back -c one")
    assert (tmp_path / "back").read_text() == "copied\n"


def test_a_command_in_a_pod_of_its_own(run: Run) -> None:
    printed = run("run once --image=busybox --rm -i --restart=Never --quiet -- cat", "hello\n")
    assert printed == "hello\n"


def test_a_rollout_is_watched_restarted_and_undone(run: Run) -> None:
    run("create deployment web --image=busybox --replicas=2 -- sleep 100")
    assert run("rollout status deploy/web --timeout=30s").endswith('deployment "web" successfully rolled out\n')
    before = run("get pods -l app=web -o name").split()
    run("rollout restart deploy/web")
    run("rollout status deploy/web --timeout=30s")
    run(f"wait --for=delete {' '.join(before)} --timeout=30s")
    assert len(run("get pods -l app=web -o name").split()) == 2
    run("set image deploy/web busybox=alpine")
    run("rollout status deploy/web --timeout=30s")
    assert [line.split()[0] for line in run("rollout history deploy/web").splitlines()[2:] if line] == ["1", "2", "3"]
    run("rollout undo deploy/web --to-revision=2")
    run("rollout status deploy/web --timeout=30s")
    assert run("get deploy web -o jsonpath='{.spec.template.spec.containers[0].image}'") == "busybox"


def test_crashing_pod_is_shown_by_kubectl(run: Run) -> None:
    run("run crash --image=busybox -- sh -c 'echo oops; exit 3'")
    run("wait --for=jsonpath='{.status.containerStatuses[0].restartCount}'=1 pod/crash --timeout=20s")
    assert run("logs crash --previous") == "oops\n"
    run("wait --for=jsonpath='{.status.containerStatuses[0].state.waiting.reason}'=CrashLoopBackOff pod/crash "
        "--timeout=20s")  # fmt: skip
    assert "CrashLoopBackOff" in run("get pod crash")
    described = run("describe pod crash")
    assert "Exit Code:    3" in described
    assert "Back-off restarting failed container crash in pod crash_" in described


def test_missing_objects_have_the_messages_of_kubernetes(run: Run) -> None:
    run("apply -f -", TWO)
    run("wait --for=condition=Ready pod/two --timeout=20s")
    assert "ephemeral containers are disabled" in run("debug two --image=busybox", code=1)
    assert "Metrics API not available" in run("top pods", code=1)


def test_hundreds_of_pods_in_several_namespaces(kubectl: Kubectl) -> None:
    names = [f"many-{number}" for number in range(4)]
    objects: list[Any] = []
    for name in names:
        template = {
            "metadata": {"labels": {"app": "web"}, "annotations": {"podrole.dev/simulate": "true"}},
            "spec": {"containers": [{"name": "c", "image": "example.com/anything"}]},
        }
        spec = {"replicas": 75, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        metadata = {"name": "web", "namespace": name}
        objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    applied = kubectl.shell("kubectl apply -f -", everything)
    assert applied.returncode == 0, applied.stderr
    for name in names:
        waited = kubectl.shell(f"kubectl rollout status deploy/web -n {name} --timeout=60s")
        assert waited.returncode == 0, waited.stderr
    listed = kubectl.shell("kubectl get pods -A -l app=web --no-headers").stdout.splitlines()
    assert len([line for line in listed if "many-" in line and " Running " in line]) == 300
    gone = kubectl.shell(f"kubectl delete ns {' '.join(names)} --timeout=60s")
    assert gone.returncode == 0, gone.stderr
    assert "many-" not in kubectl.shell("kubectl get pods -A").stdout
