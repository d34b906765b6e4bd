"""Which fields the protobuf messages have: numbers and types as k8s.io/api's ``generated.proto`` assigns them.

One line for each message: ``number name:type`` and marks. No type is a string; ``int``, ``bool``, ``bytes`` (base64 in
JSON) are scalars, anything with a dot is another message. ``[]`` repeats, ``{}`` is a map from strings, ``*`` is a
pointer in Go (its zero is a value; other zeros stand for nothing), ``=`` is written into the object around it.

A message with no fields here is read as empty: the statuses, which a create ignores anyway. A message that is not here
at all is refused by name rather than dropped.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

_TABLE: Mapping[str, str] = {
    "meta.ObjectMeta": (
        "1 name, 2 generateName, 3 namespace, 4 selfLink, 5 uid, 6 resourceVersion, 7 generation:int, "
        "8 creationTimestamp:meta.Time, 9 deletionTimestamp:meta.Time, 10 deletionGracePeriodSeconds:int*, "
        "11 labels{}, 12 annotations{}, 13 ownerReferences:meta.OwnerReference[], 14 finalizers[], "
        "17 managedFields:meta.ManagedFieldsEntry[]"
    ),
    "meta.OwnerReference": "1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller:bool*, 7 blockOwnerDeletion:bool*",
    "meta.ManagedFieldsEntry": (
        "1 manager, 2 operation, 3 apiVersion, 4 time:meta.Time, 6 fieldsType, 7 fieldsV1:meta.FieldsV1, 8 subresource"
    ),
    "meta.LabelSelector": "1 matchLabels{}, 2 matchExpressions:meta.LabelSelectorRequirement[]",
    "meta.LabelSelectorRequirement": "1 key, 2 operator, 3 values[]",
    "meta.DeleteOptions": (
        "1 gracePeriodSeconds:int*, 2 preconditions:meta.Preconditions, 3 orphanDependents:bool*, "
        "4 propagationPolicy, 5 dryRun[], 6 ignoreStoreReadErrorWithClusterBreakingPotential:bool*"
    ),
    "meta.Preconditions": "1 uid, 2 resourceVersion",
    "core.Namespace": "1 metadata:meta.ObjectMeta, 2 spec:core.NamespaceSpec, 3 status:core.NamespaceStatus",
    "core.NamespaceSpec": "1 finalizers[]",
    "core.ServiceAccount": (
        "1 metadata:meta.ObjectMeta, 2 secrets:core.ObjectReference[], "
        "3 imagePullSecrets:core.LocalObjectReference[], 4 automountServiceAccountToken:bool*"
    ),
    "core.ObjectReference": "1 kind, 2 namespace, 3 name, 4 uid, 5 apiVersion, 6 resourceVersion, 7 fieldPath",
    "core.LocalObjectReference": "1 name",
    "core.ConfigMap": "1 metadata:meta.ObjectMeta, 2 data{}, 3 binaryData:bytes{}, 4 immutable:bool*",
    "core.Secret": "1 metadata:meta.ObjectMeta, 2 data:bytes{}, 3 type, 4 stringData{}, 5 immutable:bool*",
    "core.Event": (
        "1 metadata:meta.ObjectMeta, 2 involvedObject:core.ObjectReference, 3 reason, 4 message, "
        "5 source:core.EventSource, 6 firstTimestamp:meta.Time, 7 lastTimestamp:meta.Time, 8 count:int, "
        "9 type, 10 eventTime:meta.MicroTime, 11 series:core.EventSeries, 12 action, "
        "13 related:core.ObjectReference, 14 reportingComponent, 15 reportingInstance"
    ),
    "core.EventSource": "1 component, 2 host",
    "core.EventSeries": "1 count:int, 2 lastObservedTime:meta.MicroTime",
    "core.PodTemplateSpec": "1 metadata:meta.ObjectMeta, 2 spec:core.PodSpec",
    "core.PodSpec": (
        "1 volumes:core.Volume[], 2 containers:core.Container[], 3 restartPolicy, "
        "4 terminationGracePeriodSeconds:int*, 5 activeDeadlineSeconds:int*, 6 dnsPolicy, 7 nodeSelector{}, "
        "8 serviceAccountName, 9 serviceAccount, 10 nodeName, 11 hostNetwork:bool, 12 hostPID:bool, "
        "13 hostIPC:bool, 14 securityContext:core.PodSecurityContext, "
        "15 imagePullSecrets:core.LocalObjectReference[], 16 hostname, 17 subdomain, "
        "18 affinity:core.Affinity, 19 schedulerName, 20 initContainers:core.Container[], "
        "21 automountServiceAccountToken:bool*, 22 tolerations:core.Toleration[], "
        "23 hostAliases:core.HostAlias[], 24 priorityClassName, 25 priority:int*, "
        "26 dnsConfig:core.PodDNSConfig, 27 shareProcessNamespace:bool*, "
        "28 readinessGates:core.PodReadinessGate[], 29 runtimeClassName, 30 enableServiceLinks:bool*, "
        "31 preemptionPolicy, 32 overhead:res.Quantity{}, "
        "33 topologySpreadConstraints:core.TopologySpreadConstraint[], "
        "34 ephemeralContainers:core.EphemeralContainer[], 35 setHostnameAsFQDN:bool*, 36 os:core.PodOS, "
        "37 hostUsers:bool*, 38 schedulingGates:core.PodSchedulingGate[], "
        "39 resourceClaims:core.PodResourceClaim[], 40 resources:core.ResourceRequirements, "
        "41 hostnameOverride, 43 schedulingGroup:core.PodSchedulingGroup"
    ),
    "core.Container": (
        "1 name, 2 image, 3 command[], 4 args[], 5 workingDir, 6 ports:core.ContainerPort[], "
        "7 env:core.EnvVar[], 8 resources:core.ResourceRequirements, 9 volumeMounts:core.VolumeMount[], "
        "10 livenessProbe:core.Probe, 11 readinessProbe:core.Probe, 12 lifecycle:core.Lifecycle, "
        "13 terminationMessagePath, 14 imagePullPolicy, 15 securityContext:core.SecurityContext, "
        "16 stdin:bool, 17 stdinOnce:bool, 18 tty:bool, 19 envFrom:core.EnvFromSource[], "
        "20 terminationMessagePolicy, 21 volumeDevices:core.VolumeDevice[], 22 startupProbe:core.Probe, "
        "23 resizePolicy:core.ContainerResizePolicy[], 24 restartPolicy, "
        "25 restartPolicyRules:core.ContainerRestartRule[]"
    ),
    "core.EnvVar": "1 name, 2 value, 3 valueFrom:core.EnvVarSource",
    "core.EnvVarSource": (
        "1 fieldRef:core.ObjectFieldSelector, 2 resourceFieldRef:core.ResourceFieldSelector, "
        "3 configMapKeyRef:core.ConfigMapKeySelector, 4 secretKeyRef:core.SecretKeySelector, "
        "5 fileKeyRef:core.FileKeySelector"
    ),
    "core.ContainerPort": "1 name, 2 hostPort:int, 3 containerPort:int*, 4 protocol, 5 hostIP",
    "core.VolumeMount": (
        "1 name, 2 readOnly:bool, 3 mountPath, 4 subPath, 5 mountPropagation, 6 subPathExpr, 7 recursiveReadOnly"
    ),
    "core.ResourceRequirements": ("1 limits:res.Quantity{}, 2 requests:res.Quantity{}, 3 claims:core.ResourceClaim[]"),
    "core.Volume": "1 name, 2 volumeSource:core.VolumeSource=",
    "core.VolumeSource": (
        "1 hostPath:core.HostPathVolumeSource, 2 emptyDir:core.EmptyDirVolumeSource, "
        "3 gcePersistentDisk:core.GCEPersistentDiskVolumeSource, "
        "4 awsElasticBlockStore:core.AWSElasticBlockStoreVolumeSource, 5 gitRepo:core.GitRepoVolumeSource, "
        "6 secret:core.SecretVolumeSource, 7 nfs:core.NFSVolumeSource, 8 iscsi:core.ISCSIVolumeSource, "
        "9 glusterfs:core.GlusterfsVolumeSource, "
        "10 persistentVolumeClaim:core.PersistentVolumeClaimVolumeSource, 11 rbd:core.RBDVolumeSource, "
        "12 flexVolume:core.FlexVolumeSource, 13 cinder:core.CinderVolumeSource, "
        "14 cephfs:core.CephFSVolumeSource, 15 flocker:core.FlockerVolumeSource, "
        "16 downwardAPI:core.DownwardAPIVolumeSource, 17 fc:core.FCVolumeSource, "
        "18 azureFile:core.AzureFileVolumeSource, 19 configMap:core.ConfigMapVolumeSource, "
        "20 vsphereVolume:core.VsphereVirtualDiskVolumeSource, 21 quobyte:core.QuobyteVolumeSource, "
        "22 azureDisk:core.AzureDiskVolumeSource, "
        "23 photonPersistentDisk:core.PhotonPersistentDiskVolumeSource, "
        "24 portworxVolume:core.PortworxVolumeSource, 25 scaleIO:core.ScaleIOVolumeSource, "
        "26 projected:core.ProjectedVolumeSource, 27 storageos:core.StorageOSVolumeSource, "
        "28 csi:core.CSIVolumeSource, 29 ephemeral:core.EphemeralVolumeSource, "
        "30 image:core.ImageVolumeSource"
    ),
    "core.ProjectedVolumeSource": "1 sources:core.VolumeProjection[], 2 defaultMode:int*",
    "core.VolumeProjection": (
        "1 secret:core.SecretProjection, 2 downwardAPI:core.DownwardAPIProjection, "
        "3 configMap:core.ConfigMapProjection, 4 serviceAccountToken:core.ServiceAccountTokenProjection, "
        "5 clusterTrustBundle:core.ClusterTrustBundleProjection, "
        "6 podCertificate:core.PodCertificateProjection"
    ),
    "core.ServiceAccountTokenProjection": "1 audience, 2 expirationSeconds:int*, 3 path",
    "core.NamespaceStatus": "",
    "core.ServiceStatus": "",
    "core.ObjectFieldSelector": "1 apiVersion, 2 fieldPath",
    "core.ResourceFieldSelector": "1 containerName, 2 resource, 3 divisor:res.Quantity",
    "core.ConfigMapKeySelector": "1 localObjectReference:core.LocalObjectReference=, 2 key, 3 optional:bool*",
    "core.SecretKeySelector": "1 localObjectReference:core.LocalObjectReference=, 2 key, 3 optional:bool*",
    "core.EnvFromSource": "1 prefix, 2 configMapRef:core.ConfigMapEnvSource, 3 secretRef:core.SecretEnvSource",
    "core.ConfigMapEnvSource": "1 localObjectReference:core.LocalObjectReference=, 2 optional:bool*",
    "core.SecretEnvSource": "1 localObjectReference:core.LocalObjectReference=, 2 optional:bool*",
    "core.KeyToPath": "1 key, 2 path, 3 mode:int*",
    "core.SecretVolumeSource": "1 secretName, 2 items:core.KeyToPath[], 3 defaultMode:int*, 4 optional:bool*",
    "core.ConfigMapVolumeSource": (
        "1 localObjectReference:core.LocalObjectReference=, 2 items:core.KeyToPath[], 3 defaultMode:int*, "
        "4 optional:bool*"
    ),
    "core.SecretProjection": (
        "1 localObjectReference:core.LocalObjectReference=, 2 items:core.KeyToPath[], 4 optional:bool*"
    ),
    "core.ConfigMapProjection": (
        "1 localObjectReference:core.LocalObjectReference=, 2 items:core.KeyToPath[], 4 optional:bool*"
    ),
    "core.DownwardAPIProjection": "1 items:core.DownwardAPIVolumeFile[]",
    "core.DownwardAPIVolumeSource": "1 items:core.DownwardAPIVolumeFile[], 2 defaultMode:int*",
    "core.DownwardAPIVolumeFile": (
        "1 path, 2 fieldRef:core.ObjectFieldSelector, 3 resourceFieldRef:core.ResourceFieldSelector, 4 mode:int*"
    ),
    "core.EmptyDirVolumeSource": "1 medium, 2 sizeLimit:res.Quantity",
    "core.HostPathVolumeSource": "1 path, 2 type*",
    "core.Toleration": "1 key, 2 operator, 3 value, 4 effect, 5 tolerationSeconds:int*",
    "core.Capabilities": "1 add[], 2 drop[]",
    "core.SeccompProfile": "1 type, 2 localhostProfile*",
    "core.SecurityContext": (
        "1 capabilities:core.Capabilities, 2 privileged:bool*, 3 seLinuxOptions:core.SELinuxOptions, "
        "4 runAsUser:int*, 5 runAsNonRoot:bool*, 6 readOnlyRootFilesystem:bool*, "
        "7 allowPrivilegeEscalation:bool*, 8 runAsGroup:int*, 9 procMount*, "
        "10 windowsOptions:core.WindowsSecurityContextOptions, 11 seccompProfile:core.SeccompProfile, "
        "12 appArmorProfile:core.AppArmorProfile"
    ),
    "core.PodSecurityContext": (
        "1 seLinuxOptions:core.SELinuxOptions, 2 runAsUser:int*, 3 runAsNonRoot:bool*, "
        "4 supplementalGroups:int[], 5 fsGroup:int*, 6 runAsGroup:int*, 7 sysctls:core.Sysctl[], "
        "8 windowsOptions:core.WindowsSecurityContextOptions, 9 fsGroupChangePolicy*, "
        "10 seccompProfile:core.SeccompProfile, 11 appArmorProfile:core.AppArmorProfile, "
        "12 supplementalGroupsPolicy*, 13 seLinuxChangePolicy*"
    ),
    "core.Probe": (
        "1 handler:core.ProbeHandler=, 2 initialDelaySeconds:int, 3 timeoutSeconds:int, 4 periodSeconds:int, "
        "5 successThreshold:int, 6 failureThreshold:int, 7 terminationGracePeriodSeconds:int*"
    ),
    "core.ProbeHandler": (
        "1 exec:core.ExecAction, 2 httpGet:core.HTTPGetAction, 3 tcpSocket:core.TCPSocketAction, 4 grpc:core.GRPCAction"
    ),
    "core.ExecAction": "1 command[]",
    "core.HTTPGetAction": "1 path, 2 port:intstr.IntOrString, 3 host, 4 scheme, 5 httpHeaders:core.HTTPHeader[]",
    "core.HTTPHeader": "1 name, 2 value",
    "core.TCPSocketAction": "1 port:intstr.IntOrString, 2 host",
    "core.Service": "1 metadata:meta.ObjectMeta, 2 spec:core.ServiceSpec, 3 status:core.ServiceStatus",
    "core.ServiceSpec": (
        "1 ports:core.ServicePort[], 2 selector{}, 3 clusterIP, 4 type, 5 externalIPs[], 7 sessionAffinity, "
        "8 loadBalancerIP, 9 loadBalancerSourceRanges[], 10 externalName, 11 externalTrafficPolicy, "
        "12 healthCheckNodePort:int, 13 publishNotReadyAddresses:bool, "
        "14 sessionAffinityConfig:core.SessionAffinityConfig, 17 ipFamilyPolicy*, 18 clusterIPs[], "
        "19 ipFamilies[], 20 allocateLoadBalancerNodePorts:bool*, 21 loadBalancerClass*, "
        "22 internalTrafficPolicy*, 23 trafficDistribution*"
    ),
    "core.ServicePort": (
        "1 name, 2 protocol, 3 port:int, 4 targetPort:intstr.IntOrString, 5 nodePort:int, 6 appProtocol*"
    ),
    "apps.Deployment": "1 metadata:meta.ObjectMeta, 2 spec:apps.DeploymentSpec, 3 status:apps.DeploymentStatus",
    "apps.DeploymentSpec": (
        "1 replicas:int*, 2 selector:meta.LabelSelector, 3 template:core.PodTemplateSpec, "
        "4 strategy:apps.DeploymentStrategy, 5 minReadySeconds:int, 6 revisionHistoryLimit:int*, "
        "7 paused:bool, 9 progressDeadlineSeconds:int*"
    ),
    "apps.DeploymentStrategy": "1 type, 2 rollingUpdate:apps.RollingUpdateDeployment",
    "apps.RollingUpdateDeployment": "1 maxUnavailable:intstr.IntOrString, 2 maxSurge:intstr.IntOrString",
    "apps.DeploymentStatus": "",
    "batch.Job": "1 metadata:meta.ObjectMeta, 2 spec:batch.JobSpec, 3 status:batch.JobStatus",
    "batch.JobSpec": (
        "1 parallelism:int*, 2 completions:int*, 3 activeDeadlineSeconds:int*, 4 selector:meta.LabelSelector, "
        "5 manualSelector:bool*, 6 template:core.PodTemplateSpec, 7 backoffLimit:int*, "
        "8 ttlSecondsAfterFinished:int*, 9 completionMode, 10 suspend:bool*, "
        "11 podFailurePolicy:batch.PodFailurePolicy, 12 backoffLimitPerIndex:int*, 13 maxFailedIndexes:int*, "
        "14 podReplacementPolicy, 15 managedBy, 16 successPolicy:batch.SuccessPolicy"
    ),
    "batch.JobStatus": "",
    "batch.CronJobStatus": "",
    "batch.CronJob": "1 metadata:meta.ObjectMeta, 2 spec:batch.CronJobSpec, 3 status:batch.CronJobStatus",
    "batch.CronJobSpec": (
        "1 schedule, 2 startingDeadlineSeconds:int*, 3 concurrencyPolicy, 4 suspend:bool*, "
        "5 jobTemplate:batch.JobTemplateSpec, 6 successfulJobsHistoryLimit:int*, "
        "7 failedJobsHistoryLimit:int*, 8 timeZone*"
    ),
    "batch.JobTemplateSpec": "1 metadata:meta.ObjectMeta, 2 spec:batch.JobSpec",
    # Its status is the server's to write.
    "policy.PodDisruptionBudget": "1 metadata:meta.ObjectMeta, 2 spec:policy.PodDisruptionBudgetSpec",
    "policy.PodDisruptionBudgetSpec": "1 minAvailable:intstr.IntOrString, 2 selector:meta.LabelSelector, "
    "3 maxUnavailable:intstr.IntOrString, 4 unhealthyPodEvictionPolicy",
    "policy.Eviction": "1 metadata:meta.ObjectMeta, 2 deleteOptions:meta.DeleteOptions",
    "rbac.PolicyRule": "1 verbs[], 2 apiGroups[], 3 resources[], 4 resourceNames[], 5 nonResourceURLs[]",
    "rbac.AggregationRule": "1 clusterRoleSelectors:meta.LabelSelector[]",
    "rbac.Subject": "1 kind, 2 apiGroup, 3 name, 4 namespace",
    "rbac.RoleRef": "1 apiGroup, 2 kind, 3 name",
    "rbac.Role": "1 metadata:meta.ObjectMeta, 2 rules:rbac.PolicyRule[]",
    "rbac.ClusterRole": (
        "1 metadata:meta.ObjectMeta, 2 rules:rbac.PolicyRule[], 3 aggregationRule:rbac.AggregationRule"
    ),
    "rbac.RoleBinding": "1 metadata:meta.ObjectMeta, 2 subjects:rbac.Subject[], 3 roleRef:rbac.RoleRef",
    "rbac.ClusterRoleBinding": "1 metadata:meta.ObjectMeta, 2 subjects:rbac.Subject[], 3 roleRef:rbac.RoleRef",
    "authn.TokenRequest": (
        "1 metadata:meta.ObjectMeta, 2 spec:authn.TokenRequestSpec, 3 status:authn.TokenRequestStatus"
    ),
    "authn.TokenRequestSpec": ("1 audiences[], 3 boundObjectRef:authn.BoundObjectReference, 4 expirationSeconds:int*"),
    "authn.BoundObjectReference": "1 kind, 2 apiVersion, 3 name, 4 uid",
    "authn.TokenReview": ("1 metadata:meta.ObjectMeta, 2 spec:authn.TokenReviewSpec, 3 status:authn.TokenReviewStatus"),
    "authn.TokenReviewSpec": "1 token, 2 audiences[]",
    "authn.SelfSubjectReview": "1 metadata:meta.ObjectMeta, 2 status:authn.SelfSubjectReviewStatus",
    "authn.TokenRequestStatus": "",
    "authn.TokenReviewStatus": "",
    "authn.SelfSubjectReviewStatus": "",
    "authz.SelfSubjectAccessReview": (
        "1 metadata:meta.ObjectMeta, 2 spec:authz.SelfSubjectAccessReviewSpec, 3 status:authz.SubjectAccessReviewStatus"
    ),
    "authz.SelfSubjectAccessReviewSpec": (
        "1 resourceAttributes:authz.ResourceAttributes, 2 nonResourceAttributes:authz.NonResourceAttributes"
    ),
    "authz.ResourceAttributes": (
        "1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, 7 name, "
        "8 fieldSelector:authz.FieldSelectorAttributes, 9 labelSelector:authz.LabelSelectorAttributes"
    ),
    "authz.NonResourceAttributes": "1 path, 2 verb",
    "authz.SelfSubjectRulesReview": (
        "1 metadata:meta.ObjectMeta, 2 spec:authz.SelfSubjectRulesReviewSpec, 3 status:authz.SubjectRulesReviewStatus"
    ),
    "authz.SelfSubjectRulesReviewSpec": "1 namespace",
    "authz.SubjectAccessReviewStatus": "",
    "authz.SubjectRulesReviewStatus": "",
}

_GROUPS = {
    "core": "v1",
    "apps": "apps/v1",
    "batch": "batch/v1",
    "authn": "authentication.k8s.io/v1",
    "authz": "authorization.k8s.io/v1",
    "policy": "policy/v1",
    "rbac": "rbac.authorization.k8s.io/v1",
}

KINDS: Mapping[tuple[str, str], str] = {
    (_GROUPS[package], kind): f"{package}.{kind}"
    for package, kinds in {
        "core": ("ConfigMap", "Event", "Namespace", "Secret", "Service", "ServiceAccount"),
        "apps": ("Deployment",),
        "batch": ("CronJob", "Job"),
        "authn": ("SelfSubjectReview", "TokenRequest", "TokenReview"),
        "authz": ("SelfSubjectAccessReview", "SelfSubjectRulesReview"),
        "policy": ("Eviction", "PodDisruptionBudget"),
        "rbac": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    }.items()
    for kind in kinds
}
"""The kinds that may be sent as a body, by apiVersion and kind."""


def message_name(api_version: str, kind: str) -> str | None:
    """Return the message that a body of this kind is, None for one that is not decoded here."""
    # DeleteOptions are of every group: typed clients write the one of what they delete.
    return "meta.DeleteOptions" if kind == "DeleteOptions" else KINDS.get((api_version, kind))


@dataclass(frozen=True, slots=True)
class ProtoField:
    """One field of a message."""

    name: str
    type: str
    repeated: bool = False
    map: bool = False
    pointer: bool = False
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message type by its field numbers."""

    fields: Mapping[int, ProtoField]


_FIELD = re.compile(r"(\d+) (\w+)(?::([\w.]+))?(\[\]|\{\})?(\*?)(=?)")


@functools.cache
def message(name: str) -> Message | None:
    """Return the message of that name, None for one that is not decoded here."""
    row = _TABLE.get(name)
    if row is None:
        return None
    fields = {}
    for entry in row.split(", ") if row else ():
        match = _FIELD.fullmatch(entry)
        if match is None:
            raise ValueError(f"a field of {name} is not in the notation: {entry!r}")
        number, field, kind, plural, pointer, inline = match.groups()
        fields[int(number)] = ProtoField(
            field,
            kind or "",
            repeated=plural == "[]",
            map=plural == "{}",
            pointer=bool(pointer),
            inline=bool(inline),
        )
    return Message(fields)
