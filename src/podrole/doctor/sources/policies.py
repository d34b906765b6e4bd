"""The roles, policies and providers that files hold: policy documents, Terraform plans and states, CloudFormation
templates, and custom resources.

Values that are known only after deployment (an account's number, an attribute of a future resource) stay unknown, and
what depends on them is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from podrole.doctor.sources.cloudformation import read_template
from podrole.doctor.sources.custom_resources import read_custom_resource
from podrole.doctor.sources.documents import FileDocument
from podrole.doctor.sources.items import Item, Origin, PolicyFile, RoleFile
from podrole.doctor.sources.terraform import read_terraform
from podrole.iam.storing import StoredAs

_TRUST_NAME = re.compile(r"(?:^|[-_.])(?:assume[-_]?role|trust)(?:[-_.]?policy)?(?:$|[-_.])", re.IGNORECASE)


def read_policies(
    document: FileDocument, account: str, region: str = "", parameters: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Item]:
    """Yield the roles, policies and providers of a document. ``account``, ``region`` and ``parameters`` are those of a
    template's deployment, empty if they are not known."""
    value = document.value
    if not isinstance(value, dict):
        return
    if "Statement" in value:
        yield from _policy_document(document, value)
        return
    for items in (
        read_terraform(document),
        read_template(document, account, region, parameters),
        read_custom_resource(document),
    ):
        if items is not None:
            yield from items
            return


# A policy document by itself


def _policy_document(document: FileDocument, value: Mapping[str, Any]) -> Iterator[Item]:
    statements = value["Statement"] if isinstance(value["Statement"], list) else [value["Statement"]]
    trusts = any(
        isinstance(statement, dict) and ("Principal" in statement or "NotPrincipal" in statement)
        for statement in statements
    )
    assumes = any(
        "sts:Assume" in json.dumps(statement.get("Action", ""))
        for statement in statements
        if isinstance(statement, dict)
    )
    stem = document.path.stem
    origin = Origin(document)
    text = document.text or json.dumps(value)  # as it came: what is given twice is given once in the value
    if trusts and assumes:
        trust = PolicyFile(text, StoredAs.TRUST, origin, str(document.path))
        yield RoleFile(_TRUST_NAME.sub("", stem) or document.path.parent.name, "", trust, origin)
    elif not trusts:  # policies of resources are not checked
        yield PolicyFile(text, StoredAs.INLINE, origin, str(document.path))
