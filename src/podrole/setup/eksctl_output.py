"""Writes eksctl's ClusterConfig, which ``eksctl_file`` reads back: eksctl's members, in eksctl's order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import yaml

from podrole.cluster.wire.yaml_loader import KubernetesLoader
from podrole.setup.eksctl_file import API_VERSION, KIND
from podrole.setup.names import ATTACHED_POLICY
from podrole.setup.wanted import ExistingRole, WantedAssociation, WantedRole, WantedServiceAccount, WantedSetup
from podrole.setup.well_known_policies import WELL_KNOWN_NAMES, well_known_of_inline

_SPECIAL = re.compile("[\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_NOT_IN_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


class ConfigFormat(StrEnum):
    """The notations of a file."""

    YAML = "yaml"
    JSON = "json"


def cluster_config_text(setup: WantedSetup, notation: ConfigFormat = ConfigFormat.YAML) -> str:
    """Return the file that wants this set-up.

    It does not hold what eksctl's file has no member for: ``override``, and inline policies other than those of
    ``attachPolicy`` and the well-known ones. The tags of an association that makes its role stand for both.
    """
    config = cluster_config(setup)
    if notation is ConfigFormat.YAML:
        return yaml.dump(
            config, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=float("inf")
        )
    text = json.dumps(config, ensure_ascii=False, indent=2)
    # JSON may hold these characters as they are, YAML may not; apply reads JSON as the YAML that it is.
    return _NOT_IN_YAML.sub(lambda character: f"\\u{ord(character.group()):04x}", text) + "\n"


def cluster_config(setup: WantedSetup) -> dict[str, Any]:
    """Return the ClusterConfig as JSON-able data."""
    iam = {
        "withOIDC": setup.provider,
        "serviceAccounts": [_service_account(account) for account in setup.service_accounts],
        "podIdentityAssociations": [_association(association) for association in setup.associations],
    }
    return _present(
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": _present({"name": setup.cluster, "region": setup.region}),
            "iam": _present(iam),
        }
    )


def _service_account(wanted: WantedServiceAccount) -> dict[str, Any]:
    metadata = {
        "name": wanted.account.name,
        "namespace": wanted.account.namespace,
        "labels": dict(wanted.labels),
        "annotations": dict(wanted.annotations),
    }
    role = wanted.role
    members: dict[str, Any] = {"metadata": _present(metadata)}
    if isinstance(role, ExistingRole):
        return {**members, "attachRoleARN": role.arn}
    members |= {
        "attachPolicyARNs": list(role.managed),
        "wellKnownPolicies": _well_known(role),
        "attachPolicy": _attached(role),
        "permissionsBoundary": role.boundary,
        "roleName": role.name,
        "roleOnly": wanted.role_only,
        "tags": dict(role.tags),
        "subjectPattern": wanted.subject_pattern,
    }
    return _present(members, keep="attachPolicyARNs" if _is_bare(role) else None)


def _association(wanted: WantedAssociation) -> dict[str, Any]:
    role = wanted.role
    made = role if isinstance(role, WantedRole) else WantedRole()
    members = {
        "namespace": wanted.account.namespace,
        "serviceAccountName": wanted.account.name,
        "roleARN": role.arn if isinstance(role, ExistingRole) else None,
        "createServiceAccount": wanted.create_service_account,
        "roleName": made.name,
        "permissionsBoundaryARN": made.boundary,
        "permissionPolicyARNs": list(made.managed),
        "permissionPolicy": _attached(made),
        "wellKnownPolicies": _well_known(made),
        "tags": dict(wanted.tags),
        "targetRoleARN": wanted.target_role_arn,
        "disableSessionTags": wanted.disable_session_tags,
        "policy": wanted.session_policy,
    }
    return _present(members, keep="permissionPolicyARNs" if made is role and _is_bare(made) else None)


def _well_known(role: WantedRole) -> dict[str, bool]:
    names = {well_known_of_inline(inline_name) for inline_name in role.inline}
    return {name: True for name in WELL_KNOWN_NAMES if name in names}


def _attached(role: WantedRole) -> Any:
    return json.loads(role.inline[ATTACHED_POLICY]) if ATTACHED_POLICY in role.inline else None


def _is_bare(role: WantedRole) -> bool:
    """Say whether a role has no permissions: an empty list says so, because no member at all is an error."""
    return not role.managed and not role.inline


def _present(members: Mapping[str, Any], keep: str | None = None) -> dict[str, Any]:
    """Leave out what is absent, empty or false, but for one member."""
    return {name: value for name, value in members.items() if name == keep or value not in (None, False, [], {})}


class _Dumper(yaml.SafeDumper):
    """Writes each value out, without aliases, and text with special characters on one line."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Return the node of a text."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _SPECIAL.search(text) else None)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


_Dumper.add_representer(str, _Dumper.represent_text)
# Quote each text that a reader of YAML would take for something else, Kubernetes' readers as well as PyYAML.
for _first, _resolvers in KubernetesLoader.yaml_implicit_resolvers.items():
    for _tag, _form in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _form, [_first])
