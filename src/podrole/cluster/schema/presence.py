"""What kube-apiserver writes for a field that is not set, which OpenAPI does not say.

A Go API type writes a struct that is not a pointer even if it is empty (``status: {}``), writes null for a time that is
not a pointer, and leaves out the zero of an optional number or bool unless the field is a pointer. Here are the types
for which it matters, from k8s.io/api; the rest follows from ``required``.
"""

from __future__ import annotations

from collections.abc import Mapping

EMBEDDED: Mapping[str, tuple[str, ...]] = {
    "Namespace": ("spec", "status"),
    "Node": ("spec", "status"),
    "NodeStatus": ("daemonEndpoints", "nodeInfo"),
    "NodeDaemonEndpoints": ("kubeletEndpoint",),
    "Pod": ("spec", "status"),
    "PodTemplateSpec": ("metadata", "spec"),
    "Container": ("resources",),
    "EphemeralContainer": ("resources",),
    "ContainerStatus": ("state", "lastState"),
    "Service": ("spec", "status"),
    "ServiceStatus": ("loadBalancer",),
    "Event": ("involvedObject", "source"),
    "Deployment": ("spec", "status"),
    "DeploymentSpec": ("strategy", "template"),
    "ReplicaSet": ("spec", "status"),
    "ReplicaSetSpec": ("template",),
    "Job": ("spec", "status"),
    "JobSpec": ("template",),
    "CronJob": ("spec", "status"),
    "CronJobSpec": ("jobTemplate",),
    "JobTemplateSpec": ("metadata", "spec"),
    "MutatingWebhook": ("clientConfig",),
    "ValidatingWebhook": ("clientConfig",),
    "TokenRequest": ("spec", "status"),
    "TokenReview": ("spec", "status"),
    "TokenReviewStatus": ("user",),
    "SelfSubjectReview": ("status",),
    "SelfSubjectReviewStatus": ("userInfo",),
    "SelfSubjectAccessReview": ("spec", "status"),
    "LocalSubjectAccessReview": ("spec", "status"),
    "SubjectAccessReview": ("spec", "status"),
    "SelfSubjectRulesReview": ("spec", "status"),
    "Scale": ("spec", "status"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
}
"""Structs that are always written; every kind's ``metadata`` is one as well."""

NULLS: Mapping[str, tuple[str, ...]] = {
    "PodCondition": ("lastProbeTime", "lastTransitionTime"),
    "NodeCondition": ("lastHeartbeatTime", "lastTransitionTime"),
    "NamespaceCondition": ("lastTransitionTime",),
    "DeploymentCondition": ("lastUpdateTime", "lastTransitionTime"),
    "ReplicaSetCondition": ("lastTransitionTime",),
    "JobCondition": ("lastProbeTime", "lastTransitionTime"),
    "ContainerStateRunning": ("startedAt",),
    "ContainerStateTerminated": ("startedAt", "finishedAt"),
    "Event": ("firstTimestamp", "lastTimestamp", "eventTime"),
    "Role": ("rules",),
    "ClusterRole": ("rules",),
    "PolicyRule": ("verbs",),
}
"""Times and lists that are null rather than absent."""

_READ_ONLY_SOURCES = (
    "AWSElasticBlockStoreVolumeSource",
    "CSIVolumeSource",
    "CephFSVolumeSource",
    "CinderVolumeSource",
    "FCVolumeSource",
    "FlexVolumeSource",
    "GCEPersistentDiskVolumeSource",
    "GlusterfsVolumeSource",
    "ISCSIVolumeSource",
    "NFSVolumeSource",
    "PersistentVolumeClaimVolumeSource",
    "QuobyteVolumeSource",
    "RBDVolumeSource",
    "ScaleIOVolumeSource",
    "StorageOSVolumeSource",
)

DROPPED_ZEROS: Mapping[str, tuple[str, ...]] = {
    "ObjectMeta": ("generation",),
    "PodSpec": ("hostNetwork", "hostPID", "hostIPC"),
    "PodStatus": ("observedGeneration",),
    "PodCondition": ("observedGeneration",),
    "Container": ("stdin", "stdinOnce", "tty"),
    "EphemeralContainer": ("stdin", "stdinOnce", "tty"),
    "ContainerPort": ("hostPort",),
    "ContainerStateTerminated": ("signal",),
    "VolumeMount": ("readOnly",),
    "Probe": ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"),
    **dict.fromkeys(_READ_ONLY_SOURCES, ("readOnly",)),
    "NodeSpec": ("unschedulable",),
    "ServiceSpec": ("publishNotReadyAddresses", "healthCheckNodePort"),
    "ServicePort": ("nodePort",),
    "Event": ("count",),
    "EventSeries": ("count",),
    "DeploymentSpec": ("minReadySeconds", "paused"),
    "DeploymentStatus": (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
    ),
    "ReplicaSetSpec": ("minReadySeconds",),
    "ReplicaSetStatus": ("observedGeneration", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"),
    "JobStatus": ("active", "succeeded", "failed"),
    "TokenReviewStatus": ("authenticated",),
    "SubjectAccessReviewStatus": ("denied",),
}
"""Optional numbers and bools that are not pointers: their zero is left out."""

KEY_DEFAULTS: Mapping[str, str] = {"protocol": "TCP"}
"""What a list's key field stands for where an item leaves it out (ports of containers and services)."""
