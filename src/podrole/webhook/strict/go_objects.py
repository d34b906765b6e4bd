"""The Go structs through which the EKS webhook reads and writes a pod (``k8s.io/api/core/v1``).

Each is a table of its JSON fields in their order; a type in a tuple has no ``omitempty``.
"""

from __future__ import annotations

from podrole.webhook.strict.go_types import (
    BOOL,
    INT32,
    INT64,
    INT_OR_STRING,
    QUANTITY,
    STRING,
    GoType,
    map_of,
    pointer,
    slice_of,
    struct,
)

_LOCAL_REFERENCE = struct("v1.LocalObjectReference", name=STRING, optional=pointer(BOOL))
_KEY_SELECTOR = struct("v1.KeySelector", name=STRING, key=(STRING,), optional=pointer(BOOL))
_ENV_VAR_SOURCE = struct(
    "v1.EnvVarSource",
    fieldRef=pointer(struct("v1.ObjectFieldSelector", apiVersion=STRING, fieldPath=(STRING,))),
    resourceFieldRef=pointer(
        struct("v1.ResourceFieldSelector", containerName=STRING, resource=(STRING,), divisor=QUANTITY)
    ),
    configMapKeyRef=pointer(_KEY_SELECTOR),
    secretKeyRef=pointer(_KEY_SELECTOR),
    fileKeyRef=pointer(
        struct("v1.FileKeySelector", volumeName=(STRING,), path=(STRING,), key=(STRING,), optional=pointer(BOOL))
    ),
)
_ENV_VAR = struct("v1.EnvVar", name=(STRING,), value=STRING, valueFrom=pointer(_ENV_VAR_SOURCE))
_ENV_FROM = struct(
    "v1.EnvFromSource",
    prefix=STRING,
    configMapRef=pointer(_LOCAL_REFERENCE),
    secretRef=pointer(_LOCAL_REFERENCE),
)
_PORT = struct("v1.ContainerPort", name=STRING, hostPort=INT32, containerPort=(INT32,), protocol=STRING, hostIP=STRING)
_RESOURCES = struct(
    "v1.ResourceRequirements",
    limits=map_of(QUANTITY),
    requests=map_of(QUANTITY),
    claims=slice_of(struct("v1.ResourceClaim", name=(STRING,), request=STRING)),
)
_EXEC = struct("v1.ExecAction", command=slice_of(STRING))
_HTTP_GET = struct(
    "v1.HTTPGetAction",
    path=STRING,
    port=(INT_OR_STRING,),
    host=STRING,
    scheme=STRING,
    httpHeaders=slice_of(struct("v1.HTTPHeader", name=(STRING,), value=(STRING,))),
)
_TCP_SOCKET = struct("v1.TCPSocketAction", port=(INT_OR_STRING,), host=STRING)
_PROBE = struct(
    "v1.Probe",
    exec=pointer(_EXEC),
    httpGet=pointer(_HTTP_GET),
    tcpSocket=pointer(_TCP_SOCKET),
    grpc=pointer(struct("v1.GRPCAction", port=(INT32,), service=(pointer(STRING),))),
    initialDelaySeconds=INT32,
    timeoutSeconds=INT32,
    periodSeconds=INT32,
    successThreshold=INT32,
    failureThreshold=INT32,
    terminationGracePeriodSeconds=pointer(INT64),
)
_LIFECYCLE_HANDLER = struct(
    "v1.LifecycleHandler",
    exec=pointer(_EXEC),
    httpGet=pointer(_HTTP_GET),
    tcpSocket=pointer(_TCP_SOCKET),
    sleep=pointer(struct("v1.SleepAction", seconds=(INT64,))),
)
_PROFILE: dict[str, GoType | tuple[GoType]] = {"type": (STRING,), "localhostProfile": pointer(STRING)}
_SECURITY_CONTEXT = struct(
    "v1.SecurityContext",
    capabilities=pointer(struct("v1.Capabilities", add=slice_of(STRING), drop=slice_of(STRING))),
    privileged=pointer(BOOL),
    seLinuxOptions=pointer(struct("v1.SELinuxOptions", user=STRING, role=STRING, type=STRING, level=STRING)),
    windowsOptions=pointer(
        struct(
            "v1.WindowsSecurityContextOptions",
            gmsaCredentialSpecName=pointer(STRING),
            gmsaCredentialSpec=pointer(STRING),
            runAsUserName=pointer(STRING),
            hostProcess=pointer(BOOL),
        )
    ),
    runAsUser=pointer(INT64),
    runAsGroup=pointer(INT64),
    runAsNonRoot=pointer(BOOL),
    readOnlyRootFilesystem=pointer(BOOL),
    allowPrivilegeEscalation=pointer(BOOL),
    procMount=pointer(STRING),
    seccompProfile=pointer(struct("v1.SeccompProfile", **_PROFILE)),
    appArmorProfile=pointer(struct("v1.AppArmorProfile", **_PROFILE)),
)
CONTAINER = struct(
    "v1.Container",
    name=(STRING,),
    image=STRING,
    command=slice_of(STRING),
    args=slice_of(STRING),
    workingDir=STRING,
    ports=slice_of(_PORT),
    envFrom=slice_of(_ENV_FROM),
    env=slice_of(_ENV_VAR),
    resources=_RESOURCES,
    resizePolicy=slice_of(struct("v1.ContainerResizePolicy", resourceName=(STRING,), restartPolicy=(STRING,))),
    restartPolicy=pointer(STRING),
    restartPolicyRules=slice_of(
        struct(
            "v1.ContainerRestartRule",
            action=STRING,
            exitCodes=pointer(struct("v1.ContainerRestartRuleOnExitCodes", operator=(STRING,), values=slice_of(INT32))),
        )
    ),
    volumeMounts=slice_of(
        struct(
            "v1.VolumeMount",
            name=(STRING,),
            readOnly=BOOL,
            recursiveReadOnly=pointer(STRING),
            mountPath=(STRING,),
            subPath=STRING,
            mountPropagation=pointer(STRING),
            subPathExpr=STRING,
        )
    ),
    volumeDevices=slice_of(struct("v1.VolumeDevice", name=(STRING,), devicePath=(STRING,))),
    livenessProbe=pointer(_PROBE),
    readinessProbe=pointer(_PROBE),
    startupProbe=pointer(_PROBE),
    lifecycle=pointer(
        struct(
            "v1.Lifecycle",
            postStart=pointer(_LIFECYCLE_HANDLER),
            preStop=pointer(_LIFECYCLE_HANDLER),
            stopSignal=pointer(STRING),
        )
    ),
    terminationMessagePath=STRING,
    terminationMessagePolicy=STRING,
    imagePullPolicy=STRING,
    securityContext=pointer(_SECURITY_CONTEXT),
    stdin=BOOL,
    stdinOnce=BOOL,
    tty=BOOL,
)

# Of the pod itself only what the webhook reads: an error elsewhere in the pod is not noticed here.
POD = struct(
    "v1.Pod",
    metadata=struct(
        "v1.ObjectMeta",
        name=STRING,
        generateName=STRING,
        namespace=STRING,
        labels=map_of(STRING),
        annotations=map_of(STRING),
    ),
    spec=struct(
        "v1.PodSpec",
        volumes=slice_of(struct("v1.Volume", name=(STRING,))),
        initContainers=slice_of(CONTAINER),
        containers=slice_of(CONTAINER),
        nodeSelector=map_of(STRING),
        serviceAccountName=STRING,
    ),
)
