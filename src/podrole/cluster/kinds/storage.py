"""Volumes, claims, and the kinds of storage drivers: kept; no volume is made."""

from __future__ import annotations

from typing import Any

from podrole.cluster.core.errors import FieldError, forbidden, required
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.plain import plain_kind, text_at, value_at
from podrole.cluster.tables.layout import Column

_CORE, _STORAGE = "io.k8s.api.core.v1", "io.k8s.api.storage.v1"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _default_claim(claim: Object) -> None:
    claim["spec"].setdefault("volumeMode", "Filesystem")


def _default_volume(volume: Object) -> None:
    volume["spec"].setdefault("persistentVolumeReclaimPolicy", "Retain")
    volume["spec"].setdefault("volumeMode", "Filesystem")


def _default_class(storage_class: Object) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def _default_driver(driver: Object) -> None:
    spec = driver["spec"]
    spec.setdefault("attachRequired", True)
    spec.setdefault("podInfoOnMount", False)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    spec.setdefault("storageCapacity", False)
    spec.setdefault("volumeLifecycleModes", ["Persistent"])
    spec.setdefault("requiresRepublish", False)
    spec.setdefault("seLinuxMount", False)


def _validate_claim(claim: Object) -> list[FieldError]:
    spec = claim["spec"]
    errors = [] if spec.get("accessModes") else [required("spec.accessModes", "at least 1 access mode is required")]
    if not (spec.get("resources", {}).get("requests") or {}).get("storage"):
        errors.append(required("spec.resources[storage]"))
    return errors


def _validate_claim_update(new: Object, old: Object) -> list[FieldError]:
    # What may change is what is asked for, and the volume once.
    def rest(claim: Object) -> Object:
        return {key: value for key, value in claim["spec"].items() if key not in ("resources", "volumeName")}

    bound = old["spec"].get("volumeName")
    if rest(new) != rest(old) or (bound and new["spec"].get("volumeName") != bound):
        return [forbidden("spec", "spec is immutable after creation except resources.requests for bound claims")]
    return []


def _validate_class(storage_class: Object) -> list[FieldError]:
    return [] if storage_class["provisioner"] else [required("provisioner")]


def _modes(of: Any) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in of or ())


def _claim_phase(claim: Object) -> str:
    going = claim["metadata"].get("deletionTimestamp")
    return "Terminating" if going else str(claim.get("status", {}).get("phase", ""))


def _volume_claim(volume: Object) -> str:
    claim = volume["spec"].get("claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _class_name(storage_class: Object) -> str:
    name: str = storage_class["metadata"]["name"]
    default = storage_class["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true"
    return f"{name} (default)" if default else name


def _audiences(driver: Object) -> str:
    return ",".join(each.get("audience", "") for each in driver["spec"].get("tokenRequests") or ()) or "<unset>"


def _spec(of: str, field: str) -> str:
    return f"{of}Spec.{field}"


_CLAIM, _VOLUME, _CLASS = f"{_CORE}.PersistentVolumeClaim", f"{_CORE}.PersistentVolume", f"{_STORAGE}.StorageClass"
_DRIVER, _ATTACHMENT = f"{_STORAGE}.CSIDriver", f"{_STORAGE}.VolumeAttachment"
_ATTRIBUTES_CLASS = text_at("spec", "volumeAttributesClassName", default="<unset>")
_VOLUME_MODE = text_at("spec", "volumeMode", default="<unset>")

PERSISTENT_VOLUME_CLAIM = plain_kind(
    _CLAIM,
    "",
    "persistentvolumeclaims",
    (
        (Column("Status", f"{_CLAIM}Status.phase"), _claim_phase),
        (Column("Volume", _spec(_CLAIM, "volumeName")), value_at("spec", "volumeName")),
        (Column("Capacity", f"{_CLAIM}Status.capacity"), value_at("status", "capacity", "storage")),
        (
            Column("Access Modes", f"{_CLAIM}Status.accessModes"),
            lambda claim: _modes(claim.get("status", {}).get("accessModes")),
        ),
        (Column("StorageClass", _spec(_CLAIM, "storageClassName")), value_at("spec", "storageClassName")),
        (Column("VolumeAttributesClass", _spec(_CLAIM, "volumeAttributesClassName")), _ATTRIBUTES_CLASS),
    ),
    wide=((Column("VolumeMode", _spec(_CLAIM, "volumeMode"), wide=True), _VOLUME_MODE),),
    short_names=("pvc",),
    status={"phase": "Pending"},
    default=_default_claim,
    validate=_validate_claim,
    validate_update=_validate_claim_update,
    not_enforced="podrole makes and binds no volumes: the claim stays Pending, and no pod that mounts it starts",
)

PERSISTENT_VOLUME = plain_kind(
    _VOLUME,
    "",
    "persistentvolumes",
    (
        (Column("Capacity", _spec(_VOLUME, "capacity")), value_at("spec", "capacity", "storage")),
        (
            Column("Access Modes", _spec(_VOLUME, "accessModes")),
            lambda volume: _modes(volume["spec"].get("accessModes")),
        ),
        (
            Column("Reclaim Policy", _spec(_VOLUME, "persistentVolumeReclaimPolicy")),
            value_at("spec", "persistentVolumeReclaimPolicy"),
        ),
        (Column("Status", f"{_VOLUME}Status.phase"), _claim_phase),
        (Column("Claim", _spec(_VOLUME, "claimRef")), _volume_claim),
        (Column("StorageClass", _spec(_VOLUME, "storageClassName")), value_at("spec", "storageClassName")),
        (Column("VolumeAttributesClass", _spec(_VOLUME, "volumeAttributesClassName")), _ATTRIBUTES_CLASS),
        (Column("Reason", f"{_VOLUME}Status.reason"), value_at("status", "reason")),
    ),
    wide=((Column("VolumeMode", _spec(_VOLUME, "volumeMode"), wide=True), _VOLUME_MODE),),
    namespaced=False,
    short_names=("pv",),
    status={"phase": "Pending"},
    default=_default_volume,
    not_enforced="podrole binds no volumes: the volume stays Pending, and no claim gets it",
)

STORAGE_CLASS = plain_kind(
    _CLASS,
    "storage.k8s.io",
    "storageclasses",
    (
        (Column("Provisioner", f"{_CLASS}.provisioner"), value_at("provisioner")),
        (Column("ReclaimPolicy", f"{_CLASS}.reclaimPolicy"), value_at("reclaimPolicy")),
        (Column("VolumeBindingMode", f"{_CLASS}.volumeBindingMode"), value_at("volumeBindingMode")),
        (
            Column("AllowVolumeExpansion", f"{_CLASS}.allowVolumeExpansion"),
            text_at("allowVolumeExpansion", default="false"),
        ),
    ),
    namespaced=False,
    short_names=("sc",),
    default=_default_class,
    validate=_validate_class,
    name=_class_name,
)

CSI_DRIVER = plain_kind(
    _DRIVER,
    "storage.k8s.io",
    "csidrivers",
    (
        (
            Column("AttachRequired", _spec(_DRIVER, "attachRequired"), type="boolean"),
            value_at("spec", "attachRequired"),
        ),
        (
            Column("PodInfoOnMount", _spec(_DRIVER, "podInfoOnMount"), type="boolean"),
            value_at("spec", "podInfoOnMount"),
        ),
        (
            Column("StorageCapacity", _spec(_DRIVER, "storageCapacity"), type="boolean"),
            value_at("spec", "storageCapacity"),
        ),
        (Column("TokenRequests", _spec(_DRIVER, "tokenRequests")), _audiences),
        (
            Column("RequiresRepublish", _spec(_DRIVER, "requiresRepublish"), type="boolean"),
            value_at("spec", "requiresRepublish"),
        ),
        (
            Column("Modes", _spec(_DRIVER, "volumeLifecycleModes")),
            lambda driver: ",".join(driver["spec"].get("volumeLifecycleModes") or ()) or "<none>",
        ),
    ),
    namespaced=False,
    default=_default_driver,
)

CSI_NODE = plain_kind(
    f"{_STORAGE}.CSINode",
    "storage.k8s.io",
    "csinodes",
    (
        (
            Column("Drivers", f"{_STORAGE}.CSINodeSpec.drivers", type="integer"),
            lambda node: len(node["spec"].get("drivers") or ()),
        ),
    ),
    namespaced=False,
)

VOLUME_ATTACHMENT = plain_kind(
    _ATTACHMENT,
    "storage.k8s.io",
    "volumeattachments",
    (
        (Column("Attacher", _spec(_ATTACHMENT, "attacher")), value_at("spec", "attacher")),
        (
            Column("PV", f"{_STORAGE}.VolumeAttachmentSource.persistentVolumeName"),
            value_at("spec", "source", "persistentVolumeName"),
        ),
        (Column("Node", _spec(_ATTACHMENT, "nodeName")), value_at("spec", "nodeName")),
        (Column("Attached", f"{_ATTACHMENT}Status.attached", type="boolean"), value_at("status", "attached")),
    ),
    namespaced=False,
    status={"attached": False},
)

STORAGE: tuple[Kind, ...] = (
    PERSISTENT_VOLUME_CLAIM,
    PERSISTENT_VOLUME,
    CSI_DRIVER,
    CSI_NODE,
    STORAGE_CLASS,
    VOLUME_ATTACHMENT,
)
