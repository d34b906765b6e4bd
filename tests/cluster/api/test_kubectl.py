"""The real kubectl, beyond its recording: what people do with it all day prints what they expect."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any

import pytest

from podrole.cluster.kinds.registry import BY_NAME

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: c
        image: busybox
        env: [{name: A, value: "VALUE"}]
        ports: [{containerPort: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "VALUE"}
"""


@pytest.fixture
def run(kubectl: Any, request: pytest.FixtureRequest) -> Any:
    """Run kubectl in a namespace of the test's own."""
    namespace = request.node.name.replace("_", "-")[:60].strip("-")
    assert kubectl.shell(f"kubectl create namespace {namespace}").returncode == 0

    def run(arguments: str, stdin: str | None = None) -> Any:
        return kubectl.shell(f"kubectl -n {namespace} {arguments}", stdin)

    return run


def test_what_is_applied_again_is_unchanged(run: Any) -> None:
    one, two = WEB.replace("VALUE", "1"), WEB.replace("VALUE", "2")
    assert run("apply -f -", one).stdout == "deployment.apps/web created\nconfigmap/settings created\n"
    assert run("apply -f -", one).stdout == "deployment.apps/web unchanged\nconfigmap/settings unchanged\n"
    difference = run("diff -f -", two)
    assert difference.returncode == 1
    assert '-          value: "1"\n+          value: "2"\n' in difference.stdout
    assert run("apply -f -", two).stdout == "deployment.apps/web configured\nconfigmap/settings configured\n"
    assert run("diff -f -", two).returncode == 0


def test_a_field_dropped_from_a_file_is_dropped_from_the_object(run: Any) -> None:
    run("apply -f -", WEB.replace("VALUE", "1"))
    without = WEB.replace('        env: [{name: A, value: "VALUE"}]\n', "")
    run("apply -f -", without.replace("VALUE", "1"))
    assert (
        "env" not in run("get deployment web -o yaml").stdout.split("last-applied-configuration")[1].split("spec:")[1]
    )


def test_appliers_that_disagree_are_told_so(run: Any) -> None:
    one, two = WEB.replace("VALUE", "1"), WEB.replace("VALUE", "2")
    assert run("apply --server-side -f -", one).returncode == 0
    refused = run("apply --server-side --field-manager=other -f -", two)
    assert refused.returncode == 1
    assert (
        'Apply failed with 1 conflict: conflict with "kubectl": '
        '.spec.template.spec.containers[name="c"].env[name="A"].value\n'
    ) in refused.stderr
    assert run("apply --server-side --field-manager=other --force-conflicts -f -", two).returncode == 0
    assert run("get cm settings -o jsonpath={.data.a}").stdout == "2"


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("create configmap c --from-literal=a=b", "configmap/c created"),
        ("create secret generic s --from-literal=a=b", "secret/s created"),
        ("create secret docker-registry r --docker-username=u --docker-password=p", "secret/r created"),
        ("create serviceaccount a", "serviceaccount/a created"),
        ("create service clusterip v --tcp=80:8080", "service/v created"),
        ("create service externalname e --external-name=e.example", "service/e created"),
        ("create deployment d --image=i --replicas=2 --port=80", "deployment.apps/d created"),
        ("create job j --image=i -- date", "job.batch/j created"),
        ("create cronjob k --image=i --schedule='* * * * *' -- date", "cronjob.batch/k created"),
        ("run p --image=i --env=A=b --labels=x=y --port=80", "pod/p created"),
    ],
)
def test_every_imperative_create_is_understood(kubectl: Any, command: str, printed: str) -> None:
    kubectl.shell("kubectl create namespace imperative; kubectl -n imperative create serviceaccount default")
    ran = kubectl.shell(f"kubectl -n imperative {command}")
    assert ran.stdout.strip() == printed, ran.stderr


def test_a_job_is_made_from_a_cron_job(run: Any) -> None:
    run("create cronjob k --image=i --schedule='* * * * *' -- date")
    assert run("create job now --from=cronjob/k").stdout == "job.batch/now created\n"
    assert run("get job now -o jsonpath={.metadata.ownerReferences[0].name}").stdout == "k"


def test_set_scale_and_edit_change_what_they_say(run: Any, kubectl: Any) -> None:
    run("apply -f -", WEB.replace("VALUE", "1"))
    for command in ("set env deploy/web B=2", "set image deploy/web c=busybox:2", "scale deploy/web --replicas=3"):
        assert run(command).returncode == 0
    spec = json.loads(run("get deploy web -o json").stdout)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert (spec["replicas"], container["image"]) == (3, "busybox:2")
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    editor = "KUBE_EDITOR=\"sed -i 's/  a: .*/  a: edited/'\""
    edited = kubectl.shell(f"{editor} kubectl -n test-set-scale-and-edit-change-what-they-say edit cm settings")
    assert edited.stdout == "configmap/settings edited\n"
    assert run("get cm settings -o jsonpath={.data.a}").stdout == "edited"
    replaced = run("get cm settings -o yaml | sed 's/  a: .*/  a: replaced/' | kubectl replace -f -")
    assert replaced.stdout == "configmap/settings replaced\n"
    assert run("get cm settings -o jsonpath={.data.a}").stdout == "replaced"


def test_labels_and_annotations_are_kept_from_being_overwritten_by_kubectl(run: Any) -> None:
    run("create configmap c")
    assert run("label cm c a=1").stdout == "configmap/c labeled\n"
    assert "already has a value (1), and --overwrite is false" in run("label cm c a=2").stderr
    assert run("label cm c a=2 --overwrite").returncode == 0
    assert run("label cm c a-").stdout == "configmap/c unlabeled\n"


def test_deleting_waits_until_the_object_is_gone(run: Any, served: Any, http: Any, request: Any) -> None:
    run("create configmap c")
    run("""patch cm c --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}'""")
    assert run("delete cm c --timeout=1s").returncode == 1
    assert run("delete cm c --wait=false").stdout.startswith('configmap "c" deleted')
    run("""patch cm c --type=merge -p '{"metadata":{"finalizers":null}}'""")
    assert run("wait --for=delete cm/c --timeout=5s").returncode == 0
    assert "NotFound" in run("get cm c").stderr


def test_waiting_sees_the_change(run: Any, kubectl: Any, served: Any) -> None:
    run("create serviceaccount default")
    run("run p --image=i")
    namespace = "test-waiting-sees-the-change"
    command = ("-n", namespace, "wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    with kubectl.start(*command, stdout=subprocess.PIPE) as waiting:
        pause = threading.Event()
        for _ in range(500):
            if served.cluster.store.watchers(BY_NAME["pods"]):
                break
            pause.wait(0.02)
        status = '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'
        run(f"patch pod p --subresource=status --type=merge -p '{status}'")
        assert waiting.communicate(timeout=20)[0] == "pod/p condition met\n"


def test_explain_knows_the_fields(kubectl: Any) -> None:
    text = kubectl.shell("kubectl explain deployment.spec.strategy.rollingUpdate").stdout
    assert "FIELD: rollingUpdate <RollingUpdateDeployment>" in text
    assert "maxSurge\t<IntOrString>" in text
    assert "error: field" in kubectl.shell("kubectl explain pod.spec.nothing").stderr


def test_descriptions_of_every_kind_can_be_had(run: Any) -> None:
    run("apply -f -", WEB.replace("VALUE", "1"))
    run("create secret generic s --from-literal=a=b")
    run("create job j --image=i -- date")
    run("create service clusterip v --tcp=80")
    for kind in ("deploy/web", "cm/settings", "secret/s", "job/j", "svc/v"):
        described = run(f"describe {kind}")
        assert (described.returncode, described.stderr) == (0, ""), kind
    assert "Status:       Active" in run("describe ns default").stdout


def test_a_kind_that_is_not_here_is_named(kubectl: Any) -> None:
    assert 'the server doesn\'t have a resource type "podtemplates"' in kubectl.shell("kubectl get podtemplates").stderr


def test_an_impersonated_user_is_authorized_as_that_user(kubectl: Any) -> None:
    assert kubectl.shell("kubectl auth can-i get pods --as=system:serviceaccount:default:default").stdout == "no\n"
    refused = kubectl.shell("kubectl get pods --as=jane").stderr
    assert refused == (
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in '
        'the namespace "default"\n'
    )


def test_a_pods_own_token_is_no_administrators(served: Any, kubectl: Any) -> None:
    kubectl.shell("kubectl create serviceaccount caller")
    token = kubectl.shell("kubectl create token caller").stdout.strip()
    refused = kubectl.shell(f"KUBECONFIG=/dev/null kubectl --server={served.url} --insecure-skip-tls-verify "
                            f"--token={token} get secrets")  # fmt: skip
    assert 'User "system:serviceaccount:default:caller" cannot list resource "secrets"' in refused.stderr


def test_a_list_is_applied_as_kubectl_prints_one(run: Any) -> None:
    run("create configmap a --from-literal=k=1")
    run("create serviceaccount b")
    printed = run("get configmap/a serviceaccount/b -o yaml").stdout
    assert "kind: List\n" in printed
    run("delete configmap/a serviceaccount/b")
    applied = run("apply -f -", printed)
    assert applied.stdout == "configmap/a created\nserviceaccount/b created\n", applied.stderr
    wrong = run("apply -f -", printed.replace("  data:", "  dada:"))
    assert 'strict decoding error: unknown field "dada"' in wrong.stderr


def test_a_disruption_budget_is_created_from_the_command_line(run: Any) -> None:
    created = run("create poddisruptionbudget web --selector=app=web --min-available=50%")
    assert created.stdout == "poddisruptionbudget.policy/web created\n", created.stderr
    spec = json.loads(run("get pdb web -o json").stdout)["spec"]
    assert spec == {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}
