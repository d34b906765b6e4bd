"""The pods of a service account: their manifests, what makes them, and what their environment takes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from podrole.cluster.node.content.environment import Reference, references_of
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.cluster import Cluster, Object, Workload
from podrole.doctor.unknown import UnknownFact, read_async

MOST_PODS = 5
"""How many pods of a service account are examined: the newest of each workload."""
CONTAINER_LISTS = ("containers", "initContainers")
_MOST_OWNERS = 2  # a pod's ReplicaSet, and its Deployment
_OWNERS = {
    "ReplicaSet": "replicasets.apps",
    "Job": "jobs.batch",
    "ReplicationController": "replicationcontrollers",
}


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod, its workload, and the ConfigMaps and Secrets that its environment takes in whole.

    ``references`` holds the names of their keys, never a value; None for an object that does not exist.
    """

    manifest: Object
    workload: Workload
    references: Mapping[Reference, frozenset[str] | UnknownFact | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The pod's name, or the name of its workload if the pod has none yet."""
        metadata = self.manifest.get("metadata", {})
        return str(metadata.get("name") or metadata.get("generateName") or self.workload.name)

    @property
    def exists(self) -> bool:
        """Whether the cluster has this pod: a manifest of a pod to come has no uid."""
        return bool(self.manifest.get("metadata", {}).get("uid"))


async def read_pods(cluster: Cluster, target: DoctorTarget, *, follow_owners: bool) -> tuple[PodFacts, ...]:
    """Return the target's pod, or the newest pod of each workload of the service account. Raises SourceError.

    ``follow_owners`` says whether a pod's ReplicaSet is read to find its Deployment: one more call for each pod.
    """
    if target.pod is not None:
        pod = await cluster.get("pods", target.namespace, target.pod)
        manifests = [pod] if pod is not None else []
    else:
        listed = await cluster.list("pods", target.namespace)
        of_account = [pod for pod in listed if service_account_of(pod) == target.service_account]
        manifests = [pod for pod in of_account if "deletionTimestamp" not in pod["metadata"]]
    depth = _MOST_OWNERS if follow_owners else 0
    pods = [
        PodFacts(manifest, await workload_of(manifest, cluster, depth), await _references(manifest, cluster))
        for manifest in manifests
    ]
    return tuple(_newest_of_each_workload(pods))


def containers(manifest: Object) -> Iterator[tuple[str, int, Object]]:
    """Yield a pod's containers, each with the name of its list and its position in that list."""
    spec = manifest.get("spec") or {}
    for kind in CONTAINER_LISTS:
        for position, container in enumerate(spec.get(kind) or ()):
            if isinstance(container, dict):
                yield kind, position, container


def service_account_of(pod: Object) -> str:
    """Return the name of the service account that a pod runs under."""
    spec = pod.get("spec") or {}
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


def session_name_of(pods: tuple[PodFacts, ...] | UnknownFact) -> str:
    """Return the session name that the first pod sets; empty if its SDK generates one."""
    if isinstance(pods, UnknownFact) or not pods:
        return ""
    for container in pods[0].manifest.get("spec", {}).get("containers", ()):
        for variable in container.get("env") or ():
            value = variable.get("value")
            if variable.get("name") == "AWS_ROLE_SESSION_NAME" and value and "$(" not in value:
                return str(value)
    return ""


def newest(pods: Iterable[Object]) -> Object | None:
    """Return the pod that was created last; one that is being deleted only if there is no other."""
    return max(pods, key=_age, default=None)


def _age(pod: Object) -> tuple[bool, str]:
    """Order pods: those that are being deleted first, then the oldest first."""
    metadata = pod["metadata"]
    return "deletionTimestamp" not in metadata, str(metadata.get("creationTimestamp", ""))


async def workload_of(pod: Object, cluster: Cluster, depth: int = _MOST_OWNERS) -> Workload:
    """Return what makes the pod: its controller, or the controller's own; the pod itself if it has none."""
    metadata = pod.get("metadata", {})
    namespace = str(metadata.get("namespace", ""))
    workload = Workload(str(pod.get("kind", "Pod")), namespace, str(metadata.get("name", "")))
    item: Object | UnknownFact | None = pod
    for _ in range(depth + 1):
        owners = item.get("metadata", {}).get("ownerReferences") or () if isinstance(item, dict) else ()
        owner = next((reference for reference in owners if reference.get("controller")), None)
        if owner is None:
            return workload
        workload = Workload(owner["kind"], namespace, owner["name"])
        resource = _OWNERS.get(owner["kind"])
        if resource is None or not depth:
            return workload
        item = await read_async(cluster.get(resource, namespace, owner["name"]))
    return workload


def _newest_of_each_workload(pods: list[PodFacts]) -> list[PodFacts]:
    """Return the newest pod of each workload: its other pods come from the same template."""
    by_workload: dict[Workload, PodFacts] = {}
    for pod in sorted(pods, key=lambda each: _age(each.manifest)):
        by_workload[pod.workload] = pod
    return list(by_workload.values())[-MOST_PODS:]


async def _references(pod: Object, cluster: Cluster) -> Mapping[Reference, frozenset[str] | UnknownFact | None]:
    """Return the keys of the ConfigMaps and Secrets that a pod's environment takes in whole."""
    keys: dict[Reference, frozenset[str] | UnknownFact | None] = {}
    namespace = str(pod.get("metadata", {}).get("namespace", ""))
    for _, _, container in containers(pod):
        for reference in references_of({"envFrom": container.get("envFrom")}):
            if reference not in keys:
                keys[reference] = await read_async(_keys_of(cluster, reference, namespace))
    return keys


async def _keys_of(cluster: Cluster, reference: Reference, namespace: str) -> frozenset[str] | None:
    resource, name = reference
    item = await cluster.get(resource, namespace, name)
    if item is None:
        return None
    return frozenset(item.get("data") or {}) | frozenset(item.get("binaryData") or {})
