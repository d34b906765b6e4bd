"""A chart with the kinds and features of the charts of AWS controllers is installed, upgraded and uninstalled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "charts/operator"
Helm = Callable[..., str]

RBAC = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}
ROLES = {"Role", "RoleBinding"}
HOOKS = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
USED = {
    "aws-load-balancer-controller": RBAC | ROLES | HOOKS | {"Deployment", "Service", "Secret", "IngressClass"},
    "aws-ebs-csi-driver": RBAC
    | ROLES
    | {"Deployment", "DaemonSet", "CSIDriver", "StorageClass", "PodDisruptionBudget", "ConfigMap"},
    "aws-efs-csi-driver": RBAC | {"RoleBinding", "Deployment", "DaemonSet", "CSIDriver"},
    "external-dns": RBAC | {"Deployment", "Service", "CustomResourceDefinition"},
    "cluster-autoscaler": RBAC | ROLES | {"Deployment", "Service", "PodDisruptionBudget"},
    "karpenter": RBAC | ROLES | {"Deployment", "Service", "PodDisruptionBudget", "CustomResourceDefinition"},
    "external-secrets": RBAC
    | ROLES
    | {"Deployment", "Service", "Secret", "ValidatingWebhookConfiguration", "CustomResourceDefinition"},
    "aws-for-fluent-bit": RBAC | {"DaemonSet", "Service", "ConfigMap"},
    "cert-manager": RBAC | ROLES | HOOKS | {"Deployment", "Service", "Job", "CustomResourceDefinition"},
}
"""The kinds in each chart, as of August 2026."""
FEATURES = {
    "several versions (aws-load-balancer-controller, external-secrets)": "storage: false",
    "CEL rules (karpenter, aws-load-balancer-controller, external-secrets, cert-manager)": "x-kubernetes-validations",
    "transition rules (karpenter)": "oldSelf",
    "find in CEL (karpenter)": ".find(",
    "pattern": "pattern:",
    "formats": "format: date-time",
    "list maps (cert-manager, external-secrets)": "x-kubernetes-list-map-keys",
    "atomic maps (all)": "x-kubernetes-map-type: atomic",
    "int-or-string (karpenter)": "x-kubernetes-int-or-string",
    "unknown fields (cert-manager, external-secrets)": "x-kubernetes-preserve-unknown-fields",
    "the scale subresource (karpenter)": "scale:",
    "hooks (cert-manager)": "helm.sh/hook",
    "aggregated roles (cert-manager, karpenter, external-secrets)": "aggregate-to-view",
    "a role for the service account (all)": "eks.amazonaws.com/role-arn",
}


def test_the_chart_has_every_kind_and_feature_of_the_table(helm: Helm) -> None:
    text = helm("template", "op", str(CHART), "--include-crds")
    kinds = {one["kind"] for one in yaml.safe_load_all(text) if one} - {"Bucket"}
    assert kinds == set().union(*USED.values())
    assert [feature for feature, needle in FEATURES.items() if needle not in text] == []


def test_the_chart_is_installed_upgraded_and_uninstalled(helm: Helm, get: Callable[[str], Any], kubectl: Any) -> None:
    bucket = "/apis/operator.example/{{}}/{}/buckets/op-first"
    v1, v1alpha1 = (bucket.format("{}").replace("{}", version, 1) for version in ("v1", "v1alpha1"))
    assert "STATUS: deployed" in helm("install", "op", str(CHART), "--wait", "--timeout", "30s")
    account = get("/api/v1/{}/serviceaccounts/op")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith(":role/operator")
    made = get(v1)
    assert (made["apiVersion"], get(v1alpha1)["apiVersion"]) == ("operator.example/v1", "operator.example/v1alpha1")
    assert (made["spec"]["copies"], made["spec"]["rules"]) == (1, [{"name": "old", "days": 30}])

    # The pods are only reported to run: nothing listens, and the failurePolicy decides.
    namespace = account["metadata"]["namespace"]
    label = f"kubectl -n {namespace} label --overwrite bucket.v1alpha1.operator.example/op-first a="
    for policy, succeeds in (("Fail", False), ("Ignore", True)):
        operation = json.dumps([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": policy}])
        patched = kubectl.shell(
            f"kubectl patch validatingwebhookconfiguration op-validating --type json -p '{operation}'"
        )
        assert patched.returncode == 0, patched.stderr
        labelled = kubectl.shell(
            label + policy
        )  # as v1alpha1: the webhooks name v1, and their matchPolicy is Equivalent
        assert (labelled.returncode == 0) is succeeds
        assert ('failed calling webhook "validating.operator.example"' in labelled.stderr) is not succeeds
    scaled = kubectl.shell(f"kubectl -n {namespace} scale bucket/op-first --replicas 3")
    assert scaled.returncode == 0, scaled.stderr
    assert get(v1)["spec"]["copies"] == 3

    helm("upgrade", "op", str(CHART), "--wait", "--timeout", "30s", "--set", "replicas=1")
    assert get("/apis/apps/v1/{}/deployments/op")["spec"]["replicas"] == 1
    for change, message in (
        ({"region": "eu-west-1"}, "a bucket does not move"),
        ({"owner": "me"}, "specify one of key and owner"),
        ({"tags": {"aws/x": "y"}}, "aws is a prefix of AWS's own tags"),
        ({"key": "x" * 65}, "at most 64 chars long"),
        ({"until": "soon"}, "must be of type date-time"),
    ):
        patch = json.dumps({"spec": change})
        answer = kubectl.shell(f"kubectl -n {namespace} patch bucket op-first --type merge -p '{patch}'")
        assert message in answer.stderr

    helm("uninstall", "op", "--wait", "--timeout", "30s")
    assert get(v1) is None
    assert get("/apis/apps/v1/{}/deployments/op") is None
    assert kubectl.shell("kubectl get crd buckets.operator.example").returncode == 0  # Helm leaves what is in crds/
