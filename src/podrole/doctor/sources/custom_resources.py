"""Roles, policies, providers and service accounts of eksctl, AWS Controllers for Kubernetes (ACK), and Crossplane."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.doctor.sources.documents import FileDocument
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
_ROLE_ARN = "eks.amazonaws.com/role-arn"
_CROSSPLANE = ("iam.aws.crossplane.io", "iam.aws.upbound.io", "iam.aws.m.upbound.io")
_TRUST = ("assumeRolePolicy", "assumeRolePolicyDocument")
_POLICY = ("policy", "document", "policyDocument")


def read_custom_resource(document: FileDocument) -> Iterator[Item] | None:
    """Return what an object of one of these tools holds, None for any other document."""
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return None
    group = str(value.get("apiVersion", "")).partition("/")[0]
    origin = Origin(document)
    if group == "eksctl.io" and value["kind"] == "ClusterConfig":
        return _of_eksctl(value, origin)
    spec = value.get("spec")
    if group == "iam.services.k8s.aws" and isinstance(spec, dict):
        return _of_controller(value, spec, origin.at("spec"), str(spec.get("name") or _name_of(value)))
    inside = spec.get("forProvider") if isinstance(spec, dict) else None
    if group in _CROSSPLANE and isinstance(inside, dict):
        return _of_controller(value, inside, origin.at("spec", "forProvider"), _external_name(value))
    return None


def service_accounts(document: FileDocument) -> Iterator[tuple[Object, Origin]]:
    """Yield the service accounts of an eksctl ClusterConfig that have a role of the user's own. eksctl creates the
    roles of the others, with their trust policies."""
    value = document.value
    if not isinstance(value, dict) or not str(value.get("apiVersion", "")).startswith("eksctl.io/"):
        return
    for entry, origin in _service_accounts(value, Origin(document)):
        metadata = entry.get("metadata")
        if isinstance(metadata, dict) and isinstance(entry.get("attachRoleARN"), str):
            noted = metadata.get("annotations")
            annotations = {**(noted if isinstance(noted, dict) else {}), _ROLE_ARN: entry["attachRoleARN"]}
            made = {**metadata, "annotations": annotations}
            at = Origin(origin.document, origin.where, generated=True)
            yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": made}, at


def _service_accounts(value: Mapping[str, Any], origin: Origin) -> Iterator[tuple[Object, Origin]]:
    iam = value.get("iam")
    listed = iam.get("serviceAccounts") if isinstance(iam, dict) else None
    for position, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            yield entry, origin.at("iam", "serviceAccounts", position)


def _of_eksctl(value: Mapping[str, Any], origin: Origin) -> Iterator[Item]:
    for entry, place in _service_accounts(value, origin):
        name = _name_of(entry)
        yield from optional(as_policy(entry.get("attachPolicy"), StoredAs.INLINE, place.at("attachPolicy"), name))
    iam = value.get("iam")
    if isinstance(iam, dict) and iam.get("podIdentityAssociations"):
        yield PassedOver("podIdentityAssociations", origin.at("iam", "podIdentityAssociations"))


def _of_controller(value: Mapping[str, Any], spec: Mapping[str, Any], place: Origin, name: str) -> Iterator[Item]:
    match value["kind"]:
        case "Role":
            trust, at = _document(spec, _TRUST, place)
            path = spec.get("path") if isinstance(spec.get("path"), str) else "/"
            yield RoleFile(name, str(path), as_policy(trust, StoredAs.TRUST, at, name), place)
            inline = spec.get("inlinePolicies")  # ACK: by name
            for key, text in inline.items() if isinstance(inline, dict) else ():
                yield from optional(as_policy(text, StoredAs.INLINE, place.at("inlinePolicies", key), name))
            listed = spec.get("inlinePolicy")  # Crossplane: a list
            for position, entry in enumerate(listed if isinstance(listed, list) else []):
                text = entry.get("policy") if isinstance(entry, dict) else None
                where = place.at("inlinePolicy", position, "policy")
                yield from optional(as_policy(text, StoredAs.INLINE, where, name))
        case "Policy" | "RolePolicy":
            text, at = _document(spec, _POLICY, place)
            stored_as = StoredAs.MANAGED if value["kind"] == "Policy" else StoredAs.INLINE
            yield from optional(as_policy(text, stored_as, at, name))
        case "OpenIDConnectProvider" if isinstance(spec.get("url"), str):
            client_ids = next((spec[key] for key in ("clientIDs", "clientIdList", "clientIDList") if key in spec), ())
            yield ProviderFile(issuer_of(spec["url"]), tuple(map(str, client_ids or ())), place)


def _document(spec: Mapping[str, Any], names: tuple[str, ...], place: Origin) -> tuple[Any, Origin]:
    name = next((candidate for candidate in names if spec.get(candidate)), names[0])
    value = spec.get(name)
    if isinstance(value, list):  # Crossplane's references: known only in the cluster
        return None, place.at(name)
    return (json.dumps(value) if isinstance(value, dict) else value), place.at(name)


def _name_of(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


def _external_name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    noted = metadata.get("annotations") if isinstance(metadata, dict) else None
    named = noted.get("crossplane.io/external-name") if isinstance(noted, dict) else None
    return str(named or _name_of(value))
