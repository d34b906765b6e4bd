"""Deployments: one ReplicaSet for each template, replaced step by step.

``kubectl rollout restart`` and ``undo`` are changes of the template, made by kubectl; this controller only sees those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, controller_of, find, its_controller, itself
from podrole.cluster.controllers.deployment_status import is_complete, progress_due, status_of
from podrole.cluster.controllers.rollout import (
    HASH_LABEL,
    Replicas,
    limits,
    next_sizes,
    rescaled,
    surge_of,
    template_hash,
    without_hash,
)
from podrole.cluster.controllers.workloads import number_in, owned, owner_reference
from podrole.cluster.core.client import Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.pods import is_finished

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        "deployment.kubernetes.io/revision-history",
        DESIRED,
        MAXIMUM,
    }
)


class DeploymentController(Controller):
    """Rolls a Deployment's template out and keeps its history."""

    name = "deployment-controller"
    reconciles = "deployments.apps"

    def watched(self) -> Mapping[str, KeysOf]:
        return {
            "deployments.apps": itself,
            "replicasets.apps": its_controller("Deployment"),
            "pods": _deployment_of_gone,
        }

    async def reconcile(self, key: Key) -> float | None:
        deployment = await find(self.client, "deployments.apps", key)
        if deployment is None:
            return None
        selector = deployment["spec"]["selector"]
        sets = await owned(self.client, "replicasets.apps", deployment, selector)
        new = _of_template(deployment, sets)
        created, revision = False, ""
        if deployment["metadata"].get("deletionTimestamp"):
            pass
        elif deployment["spec"].get("paused") or _is_rescaled(deployment, sets):
            await self._rescale(deployment, new, sets)  # even while it is paused
        else:
            if new is None:
                new = await self._create(deployment, sets)
                created = True
            revision = await self._number(deployment, new, sets)
            await self._roll(deployment, new, sets)
        sets = await owned(self.client, "replicasets.apps", deployment, selector)
        new = _of_template(deployment, sets)
        await self._report(deployment, new, sets, created=created, revision=revision)
        await self._tidy(deployment, new, sets)
        deployment = await find(self.client, "deployments.apps", key) or deployment
        return progress_due(deployment)

    async def _create(self, deployment: Object, sets: list[Object]) -> Object:
        metadata, spec = deployment["metadata"], deployment["spec"]
        collisions = (deployment.get("status") or {}).get("collisionCount") or 0
        label = {HASH_LABEL: template_hash(spec["template"], collisions)}
        template = without_hash(spec["template"])
        labels = (template["metadata"].get("labels") or {}) | label
        selector = spec["selector"] | {"matchLabels": (spec["selector"].get("matchLabels") or {}) | label}
        body: Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{label[HASH_LABEL]}",
                "labels": labels,
                "annotations": _annotations(deployment) | {REVISION: str(_latest(sets) + 1)} | _sizes(deployment),
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": self._first_size(deployment, sets),
                "selector": selector,
                "template": template | {"metadata": template["metadata"] | {"labels": labels}},
            },
        }
        if spec.get("minReadySeconds"):
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        try:
            made = await self.client.create("replicasets.apps", metadata["namespace"], body)
        except StatusError as problem:
            if (
                problem.reason == "AlreadyExists"
            ):  # another template has the same hash: count the collision; the next hash differs
                patch = {"status": {"collisionCount": collisions + 1}}
                await self.client.merge_patch(
                    "deployments.apps", metadata["namespace"], metadata["name"], patch, subresource="status"
                )
            raise
        if body["spec"]["replicas"]:
            self._record_scaling(deployment, made, 0, body["spec"]["replicas"])
        return made

    async def _number(self, deployment: Object, new: Object, sets: list[Object]) -> str:
        """Give the present template's ReplicaSet, new or old, the highest revision, and return the revision."""
        namespace = deployment["metadata"]["namespace"]
        others = [each for each in sets if each["metadata"]["uid"] != new["metadata"]["uid"]]
        revision = str(max(_revision(new), _latest(others) + 1))
        wanted = _annotations(deployment) | {REVISION: revision}
        annotations = new["metadata"].get("annotations") or {}
        if not wanted.items() <= annotations.items():
            patch = {"metadata": {"annotations": wanted}}
            await self.client.merge_patch("replicasets.apps", namespace, new["metadata"]["name"], patch)
        return revision

    def _first_size(self, deployment: Object, sets: list[Object]) -> int:
        replicas, surge, unavailable = deployment["spec"].get("replicas", 1), *limits(deployment)
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            return 0 if sets else replicas
        sizes = next_sizes(replicas, surge, unavailable, Replicas("", 0), [_figures(each) for each in sets])
        return sizes.get("", 0)

    async def _roll(self, deployment: Object, new: Object, sets: list[Object]) -> None:
        replicas = deployment["spec"].get("replicas", 1)
        old = [each for each in sets if each["metadata"]["uid"] != new["metadata"]["uid"]]
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            for each in old:
                await self._scale(deployment, each, 0)
            if not await self._any_pod_of(old):
                await self._scale(deployment, new, replicas)
            return
        surge, unavailable = limits(deployment)
        sizes = next_sizes(replicas, surge, unavailable, _figures(new), [_figures(each) for each in old])
        for each in (new, *old):
            if (size := sizes.get(each["metadata"]["name"])) is not None:
                await self._scale(deployment, each, size)

    async def _rescale(self, deployment: Object, new: Object | None, sets: list[Object]) -> None:
        old = [each for each in sets if each is not new]
        figures = _figures(new) if new is not None else None
        sizes = rescaled(
            deployment["spec"].get("replicas", 1), surge_of(deployment), figures, [_figures(each) for each in old]
        )
        for each in sets:
            if (size := sizes.get(each["metadata"]["name"])) is not None:
                await self._scale(deployment, each, size)

    async def _any_pod_of(self, sets: list[Object]) -> bool:
        for each in sets:
            pods = await owned(self.client, "pods", each, each["spec"]["selector"])
            if any(not is_finished(pod) for pod in pods):
                return True
        return False

    async def _scale(self, deployment: Object, replica_set: Object, size: int) -> None:
        before, metadata = replica_set["spec"].get("replicas", 1), replica_set["metadata"]
        if before == size and _sizes(deployment).items() <= (metadata.get("annotations") or {}).items():
            return
        about = {"uid": metadata["uid"], "annotations": _sizes(deployment)}
        patch = {"metadata": about, "spec": {"replicas": size}}
        await self.client.merge_patch("replicasets.apps", metadata["namespace"], metadata["name"], patch)
        if before != size:
            self._record_scaling(deployment, replica_set, before, size)

    def _record_scaling(self, deployment: Object, replica_set: Object, before: int, size: int) -> None:
        direction, name = "up" if size > before else "down", replica_set["metadata"]["name"]
        text = f"Scaled {direction} replica set {name} from {before} to {size}"
        self.recorder.record(deployment, "Normal", "ScalingReplicaSet", text)

    async def _report(
        self, deployment: Object, new: Object | None, sets: list[Object], *, created: bool, revision: str
    ) -> None:
        """Write the status, and with it the revision, as kube-controller-manager does."""
        status = status_of(deployment, new, sets, created=created, now=self.time.now())
        old = deployment.get("status") or {}
        metadata = deployment["metadata"]
        written = not revision or (metadata.get("annotations") or {}).get(REVISION) == revision
        if status != old or not written:
            about = {"uid": metadata["uid"]} | ({} if written else {"annotations": {REVISION: revision}})
            patch = {"metadata": about, "status": dict.fromkeys(old) | status}
            await self.client.merge_patch(
                "deployments.apps", metadata["namespace"], metadata["name"], patch, subresource="status"
            )

    async def _tidy(self, deployment: Object, new: Object | None, sets: list[Object]) -> None:
        """Delete old revisions beyond the history's limit, once the rollout is complete."""
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        if new is None or not is_complete(deployment, new, sets):
            return
        old = [each for each in sets if each is not new and not each["spec"].get("replicas")]
        empty = [each for each in old if not (each.get("status") or {}).get("replicas")]
        for each in sorted(empty, key=_revision)[: max(0, len(empty) - limit)]:
            metadata = each["metadata"]
            await self.client.delete("replicasets.apps", metadata["namespace"], metadata["name"], uid=metadata["uid"])


def _of_template(deployment: Object, sets: list[Object]) -> Object | None:
    """Return the ReplicaSet of the Deployment's present template."""
    template = without_hash(deployment["spec"]["template"])
    return next((each for each in sets if without_hash(each["spec"]["template"]) == template), None)


def _annotations(deployment: Object) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in NOT_COPIED}


def _revision(replica_set: Object) -> int:
    return number_in(replica_set, REVISION) or 0


def _latest(sets: list[Object]) -> int:
    return max((_revision(each) for each in sets), default=0)


def _figures(replica_set: Object) -> Replicas:
    status = replica_set.get("status") or {}
    return Replicas(
        replica_set["metadata"]["name"],
        replica_set["spec"].get("replicas", 1),
        status.get("availableReplicas", 0),
        number_in(replica_set, DESIRED) or 0,
        number_in(replica_set, MAXIMUM) or 0,
    )


def _sizes(deployment: Object) -> dict[str, str]:
    """Return what a ReplicaSet remembers of the Deployment that it was scaled for."""
    replicas = deployment["spec"].get("replicas", 1)
    return {DESIRED: str(replicas), MAXIMUM: str(replicas + surge_of(deployment))}


def _is_rescaled(deployment: Object, sets: list[Object]) -> bool:
    """Whether the Deployment was scaled since its ReplicaSets were."""
    wanted = str(deployment["spec"].get("replicas", 1))
    remembered = [
        (each["metadata"].get("annotations") or {}).get(DESIRED, wanted)
        for each in sets
        if each["spec"].get("replicas")
    ]
    return any(each != wanted for each in remembered)


def _deployment_of_gone(event: WatchEvent) -> Iterable[Key]:
    """Return the key of a deleted pod's Deployment: strategy Recreate waits for that, and no ReplicaSet changes."""
    metadata = event.object["metadata"]
    replica_set = controller_of(event.object, "ReplicaSet")
    template = (metadata.get("labels") or {}).get(HASH_LABEL)
    if event.type != "DELETED" or replica_set is None or not template:
        return []
    return [(metadata["namespace"], replica_set["name"].removesuffix(f"-{template}"))]
