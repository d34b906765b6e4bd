"""Kinds that are kept and shown: the real kubectl applies, gets, explains, describes and deletes each."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

CLAIM = "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: gp3}"
METRICS = "[{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]"
SCALER = f"{{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}, maxReplicas: 3, metrics: {METRICS}}}"
PATH = "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}"
VOLUME = "{capacity: {storage: 1Gi}, accessModes: [ReadWriteMany], csi: {driver: efs.csi.aws.com, volumeHandle: fs-1}}"
LIMITS = '{limits: [{type: Container, default: {cpu: "1"}}]}'

CASES = [
    (
        "v1",
        "PersistentVolumeClaim",
        f"spec: {CLAIM}",
        "STATUS VOLUME CAPACITY",
        "Pending gp3 <unset>",
        "podrole makes and binds no volumes",
    ),
    (
        "v1",
        "PersistentVolume",
        f"spec: {VOLUME}",
        "RECLAIM POLICY",
        "1Gi RWX Retain Pending",
        "podrole binds no volumes",
    ),
    (
        "v1",
        "ResourceQuota",
        'spec: {hard: {requests.cpu: "1"}}',
        "REQUEST LIMIT",
        "requests.cpu: ?/1",
        "does not enforce resource quotas",
    ),
    ("apps/v1", "ControllerRevision", "revision: 3\ndata: {spec: {a: 1}}", "CONTROLLER REVISION AGE", "a <none> 3", ""),
    ("v1", "LimitRange", f"spec: {LIMITS}", "NAME AGE", "a", "does not enforce limit ranges"),
    (
        "v1",
        "Endpoints",
        "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80, protocol: TCP}]}]",
        "ENDPOINTS",
        "10.0.0.1:80",
        "",
    ),
    (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        (
            "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {}}]\n"
            'ports: [{name: "", port: 80, protocol: TCP}]'
        ),
        "ADDRESSTYPE PORTS",
        "IPv4 80 10.0.0.1",
        "",
    ),
    (
        "networking.k8s.io/v1",
        "Ingress",
        f"spec: {{ingressClassName: alb, rules: [{{host: a.example, http: {{paths: [{PATH}]}}}}]}}",
        "CLASS HOSTS",
        "alb a.example 80",
        "",
    ),
    (
        "networking.k8s.io/v1",
        "IngressClass",
        "spec: {controller: ingress.k8s.aws/alb}",
        "CONTROLLER",
        "ingress.k8s.aws/alb <none>",
        "",
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "spec: {podSelector: {matchLabels: {app: web}}}",
        "POD-SELECTOR",
        "app=web",
        "does not enforce network policies",
    ),
    (
        "storage.k8s.io/v1",
        "StorageClass",
        "provisioner: ebs.csi.aws.com",
        "PROVISIONER",
        "ebs.csi.aws.com Delete Immediate false",
        "",
    ),
    (
        "storage.k8s.io/v1",
        "CSIDriver",
        "spec: {attachRequired: false, tokenRequests: [{audience: sts.amazonaws.com}]}",
        "ATTACHREQUIRED",
        "false false false sts.amazonaws.com false Persistent",
        "",
    ),
    ("storage.k8s.io/v1", "CSINode", "spec: {drivers: [{name: ebs.csi.aws.com, nodeID: i-1}]}", "DRIVERS", "a 1", ""),
    (
        "storage.k8s.io/v1",
        "VolumeAttachment",
        "spec: {attacher: ebs.csi.aws.com, nodeName: node, source: {persistentVolumeName: pv}}",
        "ATTACHER PV NODE",
        "ebs.csi.aws.com pv node false",
        "",
    ),
    ("coordination.k8s.io/v1", "Lease", "spec: {holderIdentity: me, leaseDurationSeconds: 15}", "HOLDER", "me", ""),
    ("scheduling.k8s.io/v1", "PriorityClass", "value: 1000", "VALUE GLOBAL-DEFAULT", "1000 false", "preempts no pod"),
    ("node.k8s.io/v1", "RuntimeClass", "handler: runc", "HANDLER", "runc", "one runtime"),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        f"spec: {SCALER}",
        "REFERENCE TARGETS",
        "Deployment/web cpu: <unknown>/70% 1 3 0",
        "scales nothing",
    ),
]


def words(text: str) -> str:
    return " ".join(text.split())


SAMPLE = ("Ingress", "Lease", "PersistentVolumeClaim")
"""What ``make test`` tries with kubectl; ``make soak`` tries all."""


@pytest.mark.parametrize(
    ("version", "kind", "rest", "heading", "row", "warning"),
    [pytest.param(*one, id=one[1], marks=() if one[1] in SAMPLE else pytest.mark.soak) for one in CASES],
)
def test_kubectl_handles_a_kind_that_is_kept(
    kubectl: Any, version: str, kind: str, rest: str, heading: str, row: str, warning: str
) -> None:
    manifest = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{rest}\n"
    applied = kubectl.shell("kubectl apply -f -", manifest)
    assert applied.stdout.endswith("/a created\n"), applied.stderr
    assert warning in applied.stderr
    assert bool(applied.stderr) == bool(warning), applied.stderr
    assert kubectl.shell("kubectl apply -f -", manifest).stdout.endswith("/a unchanged\n")
    assert kubectl.shell("kubectl apply --server-side --force-conflicts -f -", manifest).returncode == 0
    shown = kubectl.shell(f"kubectl get {kind} a").stdout
    assert heading in words(shown), shown
    assert row in words(shown), shown
    described = kubectl.shell(f"kubectl describe {kind} a")
    assert "Name:" in described.stdout, described.stderr
    assert f"KIND:       {kind}" in kubectl.shell(f"kubectl explain {kind}").stdout
    assert kubectl.shell(f"kubectl label {kind} a b=c").stdout.endswith("/a labeled\n")
    assert kubectl.shell(f"kubectl delete {kind} a").returncode == 0
    assert "NotFound" in kubectl.shell(f"kubectl get {kind} a").stderr


SECONDS = {"leaseDurationSeconds": 0}
PRIORITY = "/apis/scheduling.k8s.io/v1/priorityclasses"
NAMESPACED = "/apis/{}/v1/namespaces/default/{}"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (NAMESPACED.format("coordination.k8s.io", "leases"), {"spec": SECONDS}, "must be greater than 0"),
        (
            NAMESPACED.format("coordination.k8s.io", "leases"),
            {"spec": {"leaseTransitions": -1}},
            "greater than or equal to 0",
        ),
        (NAMESPACED.format("networking.k8s.io", "ingresses"), {"spec": {}}, "either `defaultBackend` or `rules`"),
        (
            NAMESPACED.format("networking.k8s.io", "ingresses"),
            {"spec": {"rules": [{"http": {"paths": [{"backend": {}}]}}]}},
            "spec.rules[0].http.paths[0].pathType",
        ),
        (NAMESPACED.format("apps", "controllerrevisions"), {"revision": 1}, "data: Required value: data is mandatory"),
        (NAMESPACED.format("apps", "controllerrevisions"), {"data": {}, "revision": -1}, "greater than or equal to 0"),
        (
            "/apis/apiregistration.k8s.io/v1/apiservices",
            {"spec": {"group": "a.example", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}},
            "metadata.name: Invalid value",
        ),
        ("/apis/networking.k8s.io/v1/ingressclasses", {"spec": {}}, "spec.controller: Required"),
        ("/apis/storage.k8s.io/v1/storageclasses", {}, "provisioner: Required"),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            {"spec": {"resources": {"requests": {"storage": "1Gi"}}}},
            "accessModes",
        ),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            {"spec": {"accessModes": ["ReadWriteOnce"]}},
            "spec.resources[storage]",
        ),
        (PRIORITY, {"value": 1_000_000_001}, "maximum allowed value"),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "maxReplicas": 0}},
            "must be greater than 0",
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "maxReplicas": 1, "minReplicas": 2}},
            "greater than or equal to `minReplicas`",
        ),
    ],
)
def test_an_invalid_object_is_refused(http: httpx2.Client, path: str, body: dict[str, Any], message: str) -> None:
    answer = http.post(path, json={"metadata": {"name": "wrong"}, **body})
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_the_names_of_the_systems_priority_classes_are_reserved(http: httpx2.Client) -> None:
    answer = http.post(PRIORITY, json={"metadata": {"name": "system-mine"}, "value": 1})
    assert "reserved for system use" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "body", "patch", "message"),
    [
        (PRIORITY, {"value": 1}, {"value": 2}, "may not be changed"),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
            {"spec": {"accessModes": ["ReadWriteMany"]}},
            "spec is immutable after creation",
        ),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                    "volumeName": "a",
                }
            },
            {"spec": {"volumeName": "b"}},
            "spec is immutable after creation",
        ),
        (
            "/apis/apps/v1/namespaces/default/statefulsets",
            {
                "spec": {
                    "selector": {"matchLabels": {"a": "b"}},
                    "serviceName": "a",
                    "template": {
                        "metadata": {"labels": {"a": "b"}},
                        "spec": {"containers": [{"name": "c", "image": "i"}]},
                    },
                }
            },
            {"spec": {"serviceName": "b"}},
            "updates to statefulset spec for fields other than",
        ),
    ],
)
def test_a_field_that_is_immutable_stays(
    http: httpx2.Client, path: str, body: dict[str, Any], patch: dict[str, Any], message: str
) -> None:
    assert http.post(path, json={"metadata": {"name": "kept"}, **body}).status_code == 201
    answer = http.patch(f"{path}/kept", json=patch, headers={"Content-Type": "application/merge-patch+json"})
    assert message in answer.json()["message"]
    assert http.delete(f"{path}/kept").status_code == 200


def test_the_apis_of_the_server_are_listed(kubectl: Any) -> None:
    shown = kubectl.shell("kubectl get apiservices").stdout
    assert "NAME SERVICE AVAILABLE AGE" in words(shown)
    assert {"v1.", "v1.apps", "v2.autoscaling"} <= set(shown.split())
