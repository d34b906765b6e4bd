"""Roles, policies, providers and service accounts of Terraform: ``terraform show -json`` of a plan or a state, and the
state's own file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podrole.doctor.sources.documents import FileDocument, Where
from podrole.doctor.sources.items import (
    Item,
    Origin,
    PassedOver,
    ProviderFile,
    RoleFile,
    as_policy,
    issuer_of,
    optional,
)
from podrole.iam.storing import StoredAs

Object = dict[str, Any]
_SERVICE_ACCOUNTS = frozenset({"kubernetes_service_account", "kubernetes_default_service_account"})
# Each of these names may end in _v1.
_NOT_READ = frozenset(
    {
        "aws_eks_pod_identity_association",
        "helm_release",
        "kubernetes_annotations",
        "kubernetes_config_map",
        "kubernetes_cron_job",
        "kubernetes_daemon_set",
        "kubernetes_daemonset",
        "kubernetes_deployment",
        "kubernetes_job",
        "kubernetes_pod",
        "kubernetes_stateful_set",
    }
)


def read_terraform(document: FileDocument) -> Iterator[Item] | None:
    """Return the roles, policies and providers of a plan or a state, None if the document is neither."""
    resources = _resources(document)
    return None if resources is None else _items(resources)


def kubernetes_objects(document: FileDocument) -> Iterator[tuple[Object, Origin]]:
    """Yield the Kubernetes objects that a plan or a state has: service accounts, and manifests as they are."""
    for kind, _, values, place in _resources(document) or ():
        if kind == "kubernetes_manifest" and isinstance(values.get("manifest"), dict):
            yield values["manifest"], place.at("manifest")
        elif kind.removesuffix("_v1") in _SERVICE_ACCOUNTS:
            listed = values.get("metadata")
            metadata = listed[0] if isinstance(listed, list) and listed else None
            if isinstance(metadata, dict):
                kept = {key: metadata[key] for key in ("name", "namespace", "annotations") if metadata.get(key)}
                yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": kept}, place


_Resource = tuple[str, str, Mapping[str, Any], Origin]


def _resources(document: FileDocument) -> Iterator[_Resource] | None:
    value = document.value
    if not isinstance(value, dict):
        return None
    for member in ("planned_values", "values"):
        shown = value.get(member)
        if isinstance(shown, dict) and "root_module" in shown:
            return _of_modules(document, shown.get("root_module"), (member, "root_module"))
    if "terraform_version" in value and isinstance(value.get("resources"), list):
        return _of_state_file(document, value["resources"])
    return None


def _of_modules(document: FileDocument, root: Any, place: Where) -> Iterator[_Resource]:
    modules: list[tuple[Any, Where]] = [(root, place)]
    while modules:
        module, where = modules.pop()
        if not isinstance(module, dict):
            continue
        for position, resource in enumerate(_list(module.get("resources"))):
            values = resource.get("values") if isinstance(resource, dict) else None
            if isinstance(values, dict) and resource.get("mode") != "data":
                origin = Origin(document, (*where, "resources", position, "values"), generated=True)
                yield str(resource.get("type", "")), str(resource.get("address", "")), values, origin
        modules += [(m, (*where, "child_modules", i)) for i, m in enumerate(_list(module.get("child_modules")))]


def _of_state_file(document: FileDocument, resources: list[Any]) -> Iterator[_Resource]:
    for position, resource in enumerate(resources):
        if not isinstance(resource, dict) or resource.get("mode") == "data":
            continue
        address = ".".join(str(resource[key]) for key in ("module", "type", "name") if resource.get(key))
        for number, instance in enumerate(_list(resource.get("instances"))):
            values = instance.get("attributes") if isinstance(instance, dict) else None
            if isinstance(values, dict):
                where: Where = ("resources", position, "instances", number, "attributes")
                yield str(resource.get("type", "")), address, values, Origin(document, where, generated=True)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _items(resources: Iterator[_Resource]) -> Iterator[Item]:
    for kind, address, values, place in resources:
        match kind:
            case "aws_iam_role":
                trust = as_policy(
                    values.get("assume_role_policy"), StoredAs.TRUST, place.at("assume_role_policy"), address
                )
                yield RoleFile(str(values.get("name") or ""), str(values.get("path") or "/"), trust, place)
                for position, inline in enumerate(_list(values.get("inline_policy"))):
                    policy = inline.get("policy") if isinstance(inline, dict) else None
                    where = place.at("inline_policy", position, "policy")
                    yield from optional(as_policy(policy, StoredAs.INLINE, where, address))
            case "aws_iam_policy" | "aws_iam_role_policy":
                stored_as = StoredAs.MANAGED if kind == "aws_iam_policy" else StoredAs.INLINE
                yield from optional(as_policy(values.get("policy"), stored_as, place.at("policy"), address))
            case "aws_iam_openid_connect_provider" if isinstance(values.get("url"), str):
                ids = _list(values.get("client_id_list"))
                yield ProviderFile(issuer_of(values["url"]), tuple(map(str, ids)), place)
            case _ if kind.removesuffix("_v1") in _NOT_READ:
                yield PassedOver(address or kind, place)
