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
        data: dict[str, Any] = {"shell": self.shell(), "pipeline": [list(stage) for stage in self.stages]}
        return data if self.stdin is None else {**data, "stdin": self.stdin}


def commands_of(changes: Iterable[Change], tools: Tools) -> list[Command]:
    """Return the commands in the order in which they must be run. Changes that no command makes are left out."""
    commands: list[Command] = []
    for step in changes:
        make = _MAKERS.get(type(step))
        if make is not None:
            commands.extend(command for command in make(step, tools) if command not in commands)
    return commands


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


def _annotate(annotation: change.Annotate, tools: Tools) -> list[Command]:
    words = (
        "annotate",
        annotation.kind.lower(),
        annotation.name,
        *_at(annotation.namespace),
        "--overwrite",
        *_pairs(annotation.annotations),
    )
    return [_kubectl(tools, *words)]


def _label(label: change.Label, tools: Tools) -> list[Command]:
    words = ("label", label.kind.lower(), label.name, *_at(label.namespace), "--overwrite", *_pairs(label.labels))
    return [_kubectl(tools, *words)]


def _replace_pod(workload: Workload, tools: Tools, *between: tuple[str, ...]) -> Command:
    """Return how a pod without a controller is replaced, changed by ``between``: a running pod's spec is immutable."""
    get = (*tools.kubectl, "get", "pod", workload.name, *_at(workload.namespace), "--output", "json")
    return Command((get, *between, (*tools.kubectl, "replace", "--force", "--filename", "-")))


_LOCALLY = ("--local", "--filename", "-", "--output", "json")


def _set_environment(setting: change.SetEnvironment, tools: Tools) -> list[Command]:
    words = ("--containers", setting.container, *_pairs(setting.variables))
    if setting.workload.kind == "Pod":
        return [_replace_pod(setting.workload, tools, (*tools.kubectl, "set", "env", *_LOCALLY, *words))]
    return [_kubectl(tools, "set", "env", *_of(setting.workload), *words)]


def _patch_pods(patch: change.PatchPods, tools: Tools) -> list[Command]:
    workload = patch.workload
    if workload.kind == "Pod":
        return [_replace_pod(workload, tools, _patch_locally(patch.operations, tools))]
    operations = [_moved(operation, workload.template) for operation in patch.operations]
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


def _restart(restart: change.Restart, tools: Tools) -> list[Command]:
    workload = restart.workload
    if workload.kind == "Pod":
        return [
            _replace_pod(workload, tools, *([_patch_locally(restart.operations, tools)] if restart.operations else []))
        ]
    if workload.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return [_kubectl(tools, "rollout", "restart", *_of(workload))]
    if workload.kind == "CronJob":
        name = f"{workload.name[:45]}-again"
        return [_kubectl(tools, "create", "job", name, *_at(workload.namespace), "--from", f"cronjob/{workload.name}")]
    return []


def _patch(object_patch: change.PatchObject, tools: Tools) -> list[Command]:
    patch = _json([dict(operation) for operation in object_patch.operations])
    words = (
        "patch",
        object_patch.kind.lower(),
        object_patch.name,
        *_at(object_patch.namespace),
        "--type",
        "json",
        "--patch",
        patch,
    )
    return [_kubectl(tools, *words)]


def _apply(applied: change.Apply, tools: Tools) -> list[Command]:
    manifest = applied.manifest
    metadata = manifest.get("metadata", {})
    if manifest.get("kind") == "ServiceAccount" and set(metadata) <= {"name", "namespace"}:
        return [_kubectl(tools, "create", "serviceaccount", metadata["name"], *_at(metadata.get("namespace", "")))]
    return [_kubectl(tools, "apply", "--filename", "-", stdin=json.dumps(manifest, indent=2))]


def _remove_key(removal: change.RemoveKey, tools: Tools) -> list[Command]:
    operations = ({"op": "remove", "path": f"/data/{removal.key}"},)
    return _patch(change.PatchObject(removal.kind, removal.namespace, removal.name, operations), tools)


def _set_trust_policy(policy: change.SetTrustPolicy, tools: Tools) -> list[Command]:
    name = parse_arn(policy.role_arn).name
    words = ("iam", "update-assume-role-policy", "--role-name", name, "--policy-document", _compact(policy.document))
    return [_aws(tools, *words)]


def _create_role(role: change.CreateRole, tools: Tools) -> list[Command]:
    path = () if role.path == "/" else ("--path", role.path)
    document = _compact(role.trust_policy)
    return [
        _aws(tools, "iam", "create-role", "--role-name", role.name, *path, "--assume-role-policy-document", document)
    ]


def _create_provider(provider: change.CreateProvider, tools: Tools) -> list[Command]:
    thumbprints = ("--thumbprint-list", *provider.thumbprints) if provider.thumbprints else ()
    words = ("--url", provider.issuer, "--client-id-list", *provider.client_ids, *thumbprints)
    return [_aws(tools, "iam", "create-open-id-connect-provider", *words)]


def _add_client_id(client: change.AddClientID, tools: Tools) -> list[Command]:
    words = ("--open-id-connect-provider-arn", client.provider_arn, "--client-id", client.client_id)
    return [_aws(tools, "iam", "add-client-id-to-open-id-connect-provider", *words)]


def _set_thumbprints(provider: change.SetThumbprints, tools: Tools) -> list[Command]:
    words = ("--open-id-connect-provider-arn", provider.provider_arn, "--thumbprint-list", *provider.thumbprints)
    return [_aws(tools, "iam", "update-open-id-connect-provider-thumbprint", *words)]


def _put_role_policy(policy: change.PutRolePolicy, tools: Tools) -> list[Command]:
    words = ("--role-name", policy.role_name, "--policy-name", policy.policy_name, "--policy-document")
    return [_aws(tools, "iam", "put-role-policy", *words, _compact(policy.document))]


def _set_managed_policy(policy: change.SetManagedPolicy, tools: Tools) -> list[Command]:
    words = ("--policy-arn", policy.arn, "--set-as-default", "--policy-document", _compact(policy.document))
    return [_aws(tools, "iam", "create-policy-version", *words)]


def _pipeline(pipeline: change.Pipeline, _: Tools) -> list[Command]:
    return [Command(pipeline.commands)]


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
