"""What makes an object invalid, in the server's own words: a table of faults."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.kube.names import label, label_value, qualified_name, subdomain

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (subdomain, ["a", "a.b", "a-b.c1", "0"], ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a b", "ä"]),
        (label, ["a", "a-b", "0"], ["", "a.b", "A", "-a", "a-"]),
        (label_value, ["", "a", "A.b_c-1"], ["-a", "a-", "a b", "a/b", "a" * 64]),
        (qualified_name, ["a", "A.b_c", "example.com/a"], ["", "/a", "a/", "a/b/c", "-a", "Ex.com/a", "a" * 64]),
    ],
)
def test_names_have_their_forms(rule: Any, good: list[str], bad: list[str]) -> None:
    assert [one for one in good if rule(one)] == []
    assert [one for one in bad if not rule(one)] == []


def test_a_name_that_is_too_long_is_said_to_be() -> None:
    assert subdomain("a" * 254) == ["must be no more than 253 characters"]
    assert label("a" * 64) == ["must be no more than 63 characters"]


def container(**more: Any) -> dict[str, Any]:
    return {"name": "c", "image": "i", **more}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.containers: Required value"),
        ({"containers": [{"image": "i"}]}, "spec.containers[0].name: Required value"),
        ({"containers": [{"name": "c"}]}, "spec.containers[0].image: Required value"),
        (
            {"containers": [container(name="C")]},
            'spec.containers[0].name: Invalid value: "C": a lowercase RFC 1123 label',
        ),
        ({"containers": [container(), container()]}, 'spec.containers[1].name: Duplicate value: "c"'),
        (
            {"containers": [container()], "initContainers": [container()]},
            'spec.initContainers[0].name: Duplicate value: "c"',
        ),
        (
            {"containers": [container(image=" i")]},
            'spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace',
        ),
        (
            {"containers": [container(imagePullPolicy="Perhaps")]},
            (
                'spec.containers[0].imagePullPolicy: Unsupported value: "Perhaps": supported values: "Always", '
                '"IfNotPresent", "Never"'
            ),
        ),
        (
            {"containers": [container(ports=[{"containerPort": 70000}])]},
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            {"containers": [container(ports=[{"containerPort": 1, "protocol": "X"}])]},
            'spec.containers[0].ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            {"containers": [container(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}])]},
            'spec.containers[0].ports[1].name: Duplicate value: "a"',
        ),
        ({"containers": [container(env=[{"value": "x"}])]}, "spec.containers[0].env[0].name: Required value"),
        (
            {"containers": [container(env=[{"name": "a=b"}])]},
            'spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist',
        ),
        (
            {
                "containers": [
                    container(
                        env=[{"name": "a", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
                    )
                ]
            },
            'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ),
        (
            {"containers": [container(env=[{"name": "a", "valueFrom": {}}])]},
            'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`',
        ),
        (
            {"containers": [container(env=[{"name": "a", "valueFrom": {"secretKeyRef": {"name": "s"}}}])]},
            "spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value",
        ),
        (
            {"containers": [container(env=[{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}])]},
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.x"',
        ),
        (
            {"containers": [container(envFrom=[{}])]},
            'spec.containers[0].envFrom[0]: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        ),
        (
            {"containers": [container(volumeMounts=[{"name": "x", "mountPath": "/x"}])]},
            'spec.containers[0].volumeMounts[0].name: Not found: "x"',
        ),
        (
            {"containers": [container(volumeMounts=[{"name": "v"}])], "volumes": [{"name": "v"}]},
            "spec.containers[0].volumeMounts[0].mountPath: Required value",
        ),
        (
            {
                "containers": [container(volumeMounts=[{"name": "v", "mountPath": "/x"}] * 2)],
                "volumes": [{"name": "v"}],
            },
            'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
        ),
        (
            {
                "containers": [container(volumeMounts=[{"name": "v", "mountPath": "/x", "subPath": "../y"}])],
                "volumes": [{"name": "v"}],
            },
            "spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../y\": must not contain '..'",
        ),
        (
            {"containers": [container(resources={"limits": {"cpu": "-1"}})]},
            'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        ({"containers": [container()], "volumes": [{}]}, "spec.volumes[0].name: Required value"),
        ({"containers": [container()], "volumes": [{"name": "v"}] * 2}, 'spec.volumes[1].name: Duplicate value: "v"'),
        (
            {"containers": [container()], "volumes": [{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]},
            "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type",
        ),
        (
            {"containers": [container()], "volumes": [{"name": "v", "secret": {}}]},
            "spec.volumes[0].secret.secretName: Required value",
        ),
        (
            {"containers": [container()], "volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 1000}}]},
            "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal)",
        ),
        (
            {
                "containers": [container()],
                "volumes": [
                    {
                        "name": "v",
                        "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 5}}]},
                    }
                ],
            },
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not "
                "specify a duration less than 10 minutes"
            ),
        ),
        (
            {
                "containers": [container()],
                "volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "../t"}}]}}],
            },
            'spec.volumes[0].projected.sources[0].serviceAccountToken.path: Invalid value: "../t": must not contain',
        ),
        (
            {
                "containers": [container()],
                "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "/etc"}]}}],
            },
            'spec.volumes[0].configMap.items[0].path: Invalid value: "/etc": must be a relative path',
        ),
        (
            {"containers": [container()], "dnsPolicy": "X"},
            (
                'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirst", "ClusterFirstWithHostNet", '
                '"Default", "None"'
            ),
        ),
        (
            {"containers": [container()], "activeDeadlineSeconds": 0},
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        (
            {"containers": [container()], "terminationGracePeriodSeconds": -1},
            "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
    ],
)
async def test_a_pod_with_a_fault_is_invalid(admin: ClusterClient, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(StatusError) as raised:
        await admin.create("pods", "default", {"metadata": {"name": "p"}, "spec": spec})
    assert (raised.value.http_status, raised.value.reason) == (422, "Invalid")
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("resource", "body", "message"),
    [
        ("configmaps", {"metadata": {"name": "A"}}, f'metadata.name: Invalid value: "A": {SUBDOMAIN}'),
        ("configmaps", {"metadata": {"generateName": "A-"}}, 'metadata.generateName: Invalid value: "A-"'),
        ("namespaces", {"metadata": {"name": "a.b"}}, "a lowercase RFC 1123 label must consist of"),
        (
            "services",
            {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 1}]}},
            "a DNS-1035 label must consist of",
        ),
        ("services", {"metadata": {"name": "s"}}, "spec.ports: Required value"),
        (
            "services",
            {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 0}]}},
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        ("configmaps", {"metadata": {"name": "m", "labels": {"a b": "c"}}}, 'metadata.labels: Invalid value: "a b"'),
        ("configmaps", {"metadata": {"name": "m", "labels": {"a": "b c"}}}, 'metadata.labels: Invalid value: "b c"'),
        ("configmaps", {"metadata": {"name": "m", "annotations": {"a b": ""}}}, "metadata.annotations: Invalid value"),
        (
            "configmaps",
            {"metadata": {"name": "m", "annotations": {"a": "x" * 300_000}}},
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        ("configmaps", {"metadata": {"name": "m", "finalizers": ["-"]}}, "metadata.finalizers[0]: Invalid value"),
        (
            "configmaps",
            {"metadata": {"name": "m", "ownerReferences": [{"kind": "K", "name": "n", "apiVersion": "v1"}]}},
            "metadata.ownerReferences[0].uid: Invalid value",
        ),
        (
            "configmaps",
            {
                "metadata": {
                    "name": "m",
                    "ownerReferences": [
                        {"kind": "K", "name": n, "apiVersion": "v1", "uid": n, "controller": True} for n in ("x", "y")
                    ],
                }
            },
            "Only one reference can have Controller set to true",
        ),
        (
            "configmaps",
            {"metadata": {"name": "m"}, "data": {"a b": ""}},
            'data[a b]: Invalid value: "a b": a valid config',
        ),
        ("configmaps", {"metadata": {"name": "m"}, "data": {"..": ""}}, "must not be '..'"),
        (
            "configmaps",
            {"metadata": {"name": "m"}, "data": {"a": ""}, "binaryData": {"a": ""}},
            'data[a]: Invalid value: "a": duplicate of key present in binaryData',
        ),
        (
            "configmaps",
            {"metadata": {"name": "m"}, "data": {"a": "x" * 1_100_000}},
            "Too long: may not be more than 1048576",
        ),
        (
            "secrets",
            {"metadata": {"name": "s"}, "type": "kubernetes.io/tls"},
            "[data[tls.crt]: Required value, data[tls.key]: Required value]",
        ),
        (
            "secrets",
            {"metadata": {"name": "s"}, "type": "kubernetes.io/service-account-token"},
            "metadata.annotations[kubernetes.io/service-account.name]: Required value",
        ),
        (
            "events",
            {"metadata": {"name": "e"}, "involvedObject": {"namespace": "other"}},
            'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
        ),
        ("deployments.apps", {"metadata": {"name": "d"}}, "spec.selector: Required value"),
        (
            "deployments.apps",
            {"metadata": {"name": "d"}, "spec": {"selector": {}, "template": {}}},
            "empty selector is invalid for deployment",
        ),
        (
            "deployments.apps",
            {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "replicas": -1}},
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "deployments.apps",
            {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}}},
            "`selector` does not match template `labels`",
        ),
        (
            "deployments.apps",
            {"metadata": {"name": "d"}, "spec": {"strategy": {"type": "X"}}},
            'spec.strategy.type: Unsupported value: "X": supported values: "Recreate", "RollingUpdate"',
        ),
        (
            "deployments.apps",
            {
                "metadata": {"name": "d"},
                "spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}},
            },
            "may not be 0 when `maxSurge` is 0",
        ),
        (
            "deployments.apps",
            {"metadata": {"name": "d"}, "spec": {"strategy": {"rollingUpdate": {"maxSurge": "lots"}}}},
            "a valid percent string must be a numeric string followed by an ending '%'",
        ),
        (
            "jobs.batch",
            {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [container()]}}}},
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        ("cronjobs.batch", {"metadata": {"name": "c"}, "spec": {}}, "spec.schedule: Required value"),
        (
            "cronjobs.batch",
            {"metadata": {"name": "c"}, "spec": {"schedule": "* *"}},
            "expected exactly 5 fields, found 2",
        ),
        ("cronjobs.batch", {"metadata": {"name": "c" * 53}}, "must be no more than 52 characters"),
    ],
)
async def test_an_object_with_a_fault_is_invalid(
    admin: ClusterClient, resource: str, body: dict[str, Any], message: str
) -> None:
    namespace = None if resource == "namespaces" else "default"
    with pytest.raises(StatusError) as raised:
        await admin.create(resource, namespace, body)
    assert (raised.value.http_status, raised.value.reason) == (422, "Invalid")
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
    ],
)
async def test_a_pod_is_given_its_quality_of_service(
    admin: ClusterClient, containers: list[dict[str, Any]], expected: str
) -> None:
    spec = {"containers": [container(name=f"c{i}", resources=one) for i, one in enumerate(containers)]}
    made = await admin.create("pods", "default", {"metadata": {"name": "p"}, "spec": spec})
    assert made["status"]["qosClass"] == expected


async def test_a_pod_is_filled_in_as_kube_apiserver_does(admin: ClusterClient) -> None:
    spec = {
        "containers": [
            {
                "name": "c",
                "image": "i:1",
                "ports": [{"containerPort": 1}],
                "env": [{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "livenessProbe": {"httpGet": {"port": 1}},
                "resources": {"limits": {"cpu": "1"}},
            }
        ],
        "volumes": [
            {"name": "e"},
            {"name": "s", "secret": {"secretName": "s"}},
            {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {"name": "h", "hostPath": {"path": "/x"}},
        ],
        "automountServiceAccountToken": False,
    }
    made = (await admin.create("pods", "default", {"metadata": {"name": "p"}, "spec": spec}))["spec"]
    assert made["containers"] == [
        {
            "name": "c",
            "image": "i:1",
            "ports": [{"containerPort": 1, "protocol": "TCP"}],
            "env": [{"name": "E", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
            "livenessProbe": {
                "httpGet": {"port": 1, "path": "/", "scheme": "HTTP"},
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "successThreshold": 1,
                "failureThreshold": 3,
            },
            "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
    ]
    assert made["volumes"] == [
        {"name": "e", "emptyDir": {}},
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 420}},
        {
            "name": "p",
            "projected": {
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                "defaultMode": 420,
            },
        },
        {"name": "h", "hostPath": {"path": "/x", "type": ""}},
    ]
    assert made["enableServiceLinks"] is True
