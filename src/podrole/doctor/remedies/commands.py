"""Changes as commands of kubectl and aws.

Each command contains all it needs, so that it does the same in every shell that uses the same cluster and account.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.doctor.remedies import changes as change
from podrole.doctor.remedies.changes import Change, Operation
from podrole.doctor.sources.cluster import Workload
from podrole.doctor.sources.sources import Tools
from podrole.iam.arn import parse_arn


@dataclass(frozen=True, slots=True)
class Command:
    """One command line: a program with its arguments, or a pipeline of several."""

    stages: tuple[tuple[str, ...], ...]
    stdin: str | None = field(default=None)

    def shell(self) -> str:
        """Return the line for a POSIX shell."""
        line = " | ".join(map(shlex.join, self.stages))
        return line if self.stdin is None else f"{line} <<'EOF'\n{self.stdin.rstrip()}\nEOF"

    def to_dict(self) -> dict[str, Any]:
        """Return the command as JSON-able data."""
        found: dict[str, Any] = {"shell": self.shell(), "pipeline": [list(stage) for stage in self.stages]}
        return found if self.stdin is None else {**found, "stdin": self.stdin}


def commands_of(changes: Iterable[Change], tools: Tools) -> list[Command]:
    """Return the commands in the order in which they must be run. Changes that no command makes are left out."""
    found: list[Command] = []
    for one in changes:
        make = _MAKERS.get(type(one))
        if make is not None:
            found.extend(command for command in make(one, tools) if command not in found)
    return found


def _kubectl(tools: Tools, *words: str, stdin: str | None = None) -> Command:
    return Command(((*tools.kubectl, *words),), stdin)


def _aws(tools: Tools, *words: str) -> Command:
    return Command(((*tools.aws, *words),))


def _at(namespace: str) -> tuple[str, ...]:
    return ("--namespace", namespace) if namespace else ()


def _of(workload: Workload) -> tuple[str, ...]:
    return (f"{workload.kind.lower()}/{workload.name}", *_at(workload.namespace))


def _pairs(values: Mapping[str, str | None], sign: str = "=") -> list[str]:
    return [f"{key}-" if value is None else f"{key}{sign}{value}" for key, value in values.items()]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _annotate(one: change.Annotate, tools: Tools) -> list[Command]:
    words = ("annotate", one.kind.lower(), one.name, *_at(one.namespace), "--overwrite", *_pairs(one.annotations))
    return [_kubectl(tools, *words)]


def _label(one: change.Label, tools: Tools) -> list[Command]:
    words = ("label", one.kind.lower(), one.name, *_at(one.namespace), "--overwrite", *_pairs(one.labels))
    return [_kubectl(tools, *words)]


def _replace_pod(workload: Workload, tools: Tools, *between: tuple[str, ...]) -> Command:
    """Return how a pod without a controller is replaced, changed by ``between``: a running pod's spec is immutable."""
    get = (*tools.kubectl, "get", "pod", workload.name, *_at(workload.namespace), "--output", "json")
    return Command((get, *between, (*tools.kubectl, "replace", "--force", "--filename", "-")))


_LOCALLY = ("--local", "--filename", "-", "--output", "json")


def _set_environment(one: change.SetEnvironment, tools: Tools) -> list[Command]:
    words = ("--containers", one.container, *_pairs(one.variables))
    if one.workload.kind == "Pod":
        return [_replace_pod(one.workload, tools, (*tools.kubectl, "set", "env", *_LOCALLY, *words))]
    return [_kubectl(tools, "set", "env", *_of(one.workload), *words)]


def _patch_pods(one: change.PatchPods, tools: Tools) -> list[Command]:
    workload = one.workload
    if workload.kind == "Pod":
        return [_replace_pod(workload, tools, _patch_locally(one.operations, tools))]
    operations = [_moved(operation, workload.template) for operation in one.operations]
    return [_kubectl(tools, "patch", *_of(workload), "--type", "json", "--patch", _json(operations))]


def _patch_locally(operations: Iterable[Operation], tools: Tools) -> tuple[str, ...]:
    return (
        *tools.kubectl,
        "patch",
        *_LOCALLY,
        "--type",
        "json",
        "--patch",
        _json([dict(operation) for operation in operations]),
    )


def _moved(operation: Operation, template: tuple[str, ...]) -> dict[str, Any]:
    prefix = "".join(f"/{part}" for part in template)
    return {**operation, "path": prefix + operation["path"]}


def _restart(one: change.Restart, tools: Tools) -> list[Command]:
    workload = one.workload
    if workload.kind == "Pod":
        return [_replace_pod(workload, tools, *([_patch_locally(one.operations, tools)] if one.operations else []))]
    if workload.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return [_kubectl(tools, "rollout", "restart", *_of(workload))]
    if workload.kind == "CronJob":
        name = f"{workload.name[:45]}-again"
        return [_kubectl(tools, "create", "job", name, *_at(workload.namespace), "--from", f"cronjob/{workload.name}")]
    return []


def _patch(one: change.PatchObject, tools: Tools) -> list[Command]:
    patch = _json([dict(operation) for operation in one.operations])
    words = ("patch", one.kind.lower(), one.name, *_at(one.namespace), "--type", "json", "--patch", patch)
    return [_kubectl(tools, *words)]


def _apply(one: change.Apply, tools: Tools) -> list[Command]:
    manifest = one.manifest
    metadata = manifest.get("metadata", {})
    if manifest.get("kind") == "ServiceAccount" and set(metadata) <= {"name", "namespace"}:
        return [_kubectl(tools, "create", "serviceaccount", metadata["name"], *_at(metadata.get("namespace", "")))]
    return [_kubectl(tools, "apply", "--filename", "-", stdin=json.dumps(manifest, indent=2))]


def _remove_key(one: change.RemoveKey, tools: Tools) -> list[Command]:
    operations = ({"op": "remove", "path": f"/data/{one.key}"},)
    return _patch(change.PatchObject(one.kind, one.namespace, one.name, operations), tools)


def _set_trust_policy(one: change.SetTrustPolicy, tools: Tools) -> list[Command]:
    name = parse_arn(one.role_arn).name
    words = ("iam", "update-assume-role-policy", "--role-name", name, "--policy-document", _compact(one.document))
    return [_aws(tools, *words)]


def _create_role(one: change.CreateRole, tools: Tools) -> list[Command]:
    path = () if one.path == "/" else ("--path", one.path)
    document = _compact(one.trust_policy)
    return [
        _aws(tools, "iam", "create-role", "--role-name", one.name, *path, "--assume-role-policy-document", document)
    ]


def _create_provider(one: change.CreateProvider, tools: Tools) -> list[Command]:
    thumbprints = ("--thumbprint-list", *one.thumbprints) if one.thumbprints else ()
    words = ("--url", one.issuer, "--client-id-list", *one.client_ids, *thumbprints)
    return [_aws(tools, "iam", "create-open-id-connect-provider", *words)]


def _add_client_id(one: change.AddClientID, tools: Tools) -> list[Command]:
    words = ("--open-id-connect-provider-arn", one.provider_arn, "--client-id", one.client_id)
    return [_aws(tools, "iam", "add-client-id-to-open-id-connect-provider", *words)]


def _set_thumbprints(one: change.SetThumbprints, tools: Tools) -> list[Command]:
    words = ("--open-id-connect-provider-arn", one.provider_arn, "--thumbprint-list", *one.thumbprints)
    return [_aws(tools, "iam", "update-open-id-connect-provider-thumbprint", *words)]


def _put_role_policy(one: change.PutRolePolicy, tools: Tools) -> list[Command]:
    words = ("--role-name", one.role_name, "--policy-name", one.policy_name, "--policy-document")
    return [_aws(tools, "iam", "put-role-policy", *words, _compact(one.document))]


def _set_managed_policy(one: change.SetManagedPolicy, tools: Tools) -> list[Command]:
    words = ("--policy-arn", one.arn, "--set-as-default", "--policy-document", _compact(one.document))
    return [_aws(tools, "iam", "create-policy-version", *words)]


def _pipeline(one: change.Pipeline, _: Tools) -> list[Command]:
    return [Command(one.commands)]


def _compact(document: str) -> str:
    return _json(json.loads(document))


_MAKERS: Mapping[type, Callable[[Any, Tools], list[Command]]] = {
    change.Annotate: _annotate,
    change.Label: _label,
    change.SetEnvironment: _set_environment,
    change.PatchPods: _patch_pods,
    change.Restart: _restart,
    change.PatchObject: _patch,
    change.Apply: _apply,
    change.RemoveKey: _remove_key,
    change.SetTrustPolicy: _set_trust_policy,
    change.CreateRole: _create_role,
    change.CreateProvider: _create_provider,
    change.AddClientID: _add_client_id,
    change.SetThumbprints: _set_thumbprints,
    change.PutRolePolicy: _put_role_policy,
    change.SetManagedPolicy: _set_managed_policy,
    change.Pipeline: _pipeline,
}
