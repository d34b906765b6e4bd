"""Files for ``podrole check``: a service account, its Deployment, its role, and what is found in them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from podrole.doctor.files.check import FileCheck, check
from podrole.doctor.files.reading import CheckOptions

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
ROLE = "arn:aws:iam::111122223333:role/web-reader"
KEY = "eks.amazonaws.com/role-arn"
Object = dict[str, Any]


def account(name: str = "web", **annotations: str) -> Object:
    noted = annotations.get("all") or {KEY: ROLE}
    metadata = {"name": name, "namespace": "shop", "annotations": noted}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def pod_spec(**container: Any) -> Object:
    main = {"name": "main", "image": "amazon/aws-cli:2.15.0", **container}
    return {"serviceAccountName": "web", "containers": [main]}


def deployment(**container: Any) -> Object:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec(**container)}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


def trust(condition: Object | None = None, **elements: Any) -> Object:
    claims = {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": "system:serviceaccount:shop:web"}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition if condition is not None else {"StringEquals": claims},
        **elements,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def plan(document: Object, *more: Object, name: str = "web-reader") -> Object:
    role = {"name": name, "path": "/", "assume_role_policy": json.dumps(document)}
    resources = [{"type": "aws_iam_role", "address": "aws_iam_role.web", "values": role}, *more]
    return {"format_version": "1.2", "planned_values": {"root_module": {"child_modules": [{"resources": resources}]}}}


def template(document: Object | str) -> Object:
    return {
        "Resources": {
            "Provider": {
                "Type": "AWS::IAM::OIDCProvider",
                "Properties": {"Url": f"https://{ISSUER}", "ClientIdList": ["sts.amazonaws.com"]},
            },
            "Web": {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": "web-reader", "AssumeRolePolicyDocument": document},
            },
        }
    }


def write(folder: Path, **files: Any) -> None:
    """Write files; a ``__`` in a name is its dot."""
    for name, content in files.items():
        path = folder / name.replace("__", ".").replace("_", "-")
        if isinstance(content, str):
            path.write_text(content)
        elif path.suffix == ".json":
            path.write_text(json.dumps(content, indent=2))
        else:
            documents = content if isinstance(content, list) else [content]
            path.write_text(yaml.safe_dump_all(documents, sort_keys=False))


def look(*paths: Path, **options: Any) -> FileCheck:
    return asyncio.run(check(list(paths), CheckOptions(**options)))


def codes(checked: FileCheck) -> list[str]:
    return [one.finding.code for one in checked.findings]


def line_of(path: Path, part: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if part in line)


def apply(checked: FileCheck) -> None:
    """Apply the edits of the first finding."""
    for edit in checked.findings[0].edits:
        raw = edit.path.read_text()
        is_json = edit.path.suffix == ".json"
        documents = [json.loads(raw)] if is_json else list(yaml.safe_load_all(raw))
        patch = jsonpatch.JsonPatch([dict(one) for one in edit.operations])
        documents[edit.index] = patch.apply(documents[edit.index])
        edit.path.write_text(json.dumps(documents[0]) if is_json else yaml.safe_dump_all(documents, sort_keys=False))


def claims(**changed: str) -> Object:
    given = {"aud": "sts.amazonaws.com", "sub": "system:serviceaccount:shop:web", **changed}
    return {f"{ISSUER}:{name}": value for name, value in given.items()}


TRUST_FAULTS = {
    "PR602": {"StringEquals": claims(sub="system:serviceaccount:shop:*")},
    "PR603": {"StringEquals": claims(sub="system:serviceaccount:shop:website")},
    "PR604": {"StringEquals": claims(sub="shop:web")},
    "PR605": {"StringEquals": {f"https://{name}": value for name, value in claims().items()}},
    "PR606": {"StringEquals": claims(sub="sts.amazonaws.com", aud="system:serviceaccount:shop:web")},
    "PR617": {"StringEquals": {**claims(), f"{ISSUER}:namespace": "shop"}},
    "PR618": {"StringEquals": claims(aud="vault")},
}
