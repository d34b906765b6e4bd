"""The target that a user names: ``NAMESPACE/POD`` or ``NAMESPACE/serviceaccount/NAME``."""

from __future__ import annotations

import re

from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.pods import newest, service_account_of
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.similarity import nearest
from podrole.doctor.sources.cluster import Cluster, Object

# The end of a pod's name that a ReplicaSet or a Job appended, and before it the end that a Deployment appended.
_APPENDED = re.compile(r"(?:-[a-z0-9]{5,10})?-[a-z0-9]{5}$")


async def find_target(text: str, cluster: Cluster) -> DoctorTarget:
    """Read ``NAMESPACE/POD`` or ``NAMESPACE/serviceaccount/NAME``.

    A pod's name may be without the end that its controller appended, or be the name of a pod that its controller has
    replaced: the newest such pod is returned. Raises BadTarget, or SourceError if the pods cannot be read.
    """
    parts = text.split("/")
    if len(parts) == 3 and parts[1].lower() in ("serviceaccount", "serviceaccounts", "sa") and all(parts):
        return DoctorTarget(parts[0], parts[2])
    if len(parts) == 3 and parts[1].lower() in ("pod", "pods", "po"):
        parts = [parts[0], parts[2]]
    if len(parts) != 2 or not all(parts):
        raise BadTarget(
            "The target is neither a pod nor a service account.",
            got=repr(text),
            expected="NAMESPACE/POD or NAMESPACE/serviceaccount/NAME",
        )
    namespace, name = parts
    pod = await cluster.get("pods", namespace, name)
    if pod is None:
        pods = await cluster.list("pods", namespace)
        # Only controllers append to names.
        owned = [each for each in pods if each["metadata"].get("ownerReferences")]
        prefixes = (f"{name}-", *(f"{name[: match.start()]}-" for match in _APPENDED.finditer(name)))
        candidates = ([each for each in owned if each["metadata"]["name"].startswith(prefix)] for prefix in prefixes)
        pod = newest(next(filter(None, candidates), []))
        if pod is None:
            raise await _no_such_pod(cluster, namespace, name, pods)
    return DoctorTarget(namespace, service_account_of(pod), pod["metadata"]["name"])


async def _no_such_pod(cluster: Cluster, namespace: str, name: str, pods: list[Object]) -> BadTarget:
    names = [pod["metadata"]["name"] for pod in pods]
    similar = nearest(name, names)
    step = f"did you mean {namespace}/{similar}?" if similar else "name another pod"
    if await cluster.get("namespaces", "", namespace) is None:
        namespaces = [each["metadata"]["name"] for each in await cluster.list("namespaces")]
        return BadTarget(f"There is no namespace {namespace}.", expected="one of " + ", ".join(sorted(namespaces)[:20]))
    account = await cluster.get("serviceaccounts", namespace, name)
    if account is not None:
        step = f"to examine the service account with this name: {namespace}/serviceaccount/{name}"
    return BadTarget(
        f"There is no pod {namespace}/{name}.",
        expected="one of " + ", ".join(sorted(names)[:10]) if names else None,
        got=None if names else "no pods in this namespace",
        next_step=step,
    )
