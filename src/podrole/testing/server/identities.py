"""Makes the identities of tests: a role with its trust, a service account, and a pod that has both.

The pod is one of the cluster, so the webhook decides what it gets; it is only simulated: the test process takes its
place. Its volumes are written as the node writes them, and its token is bound to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from podrole.account.errors import AccountError
from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.base.clock import Clock
from podrole.base.files import make_private_directory
from podrole.base.partitions import partition_of
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.timing import SystemTime
from podrole.cluster.core.users import ADMINISTRATOR, User
from podrole.cluster.node.content.environment import environment_of
from podrole.cluster.node.content.volumes_on_disk import PodVolumes
from podrole.cluster.node.runtimes.process.paths import PathRule
from podrole.cluster.node.scheduling.decision import SIMULATE
from podrole.cluster.node.settings import NodeSettings
from podrole.iam.errors import PolicyError
from podrole.kube.names import is_label, is_subdomain
from podrole.setup.ownership import ROLE_ARN
from podrole.setup.trust import AUDIENCE, Trust, new_trust_policy
from podrole.setup.wanted import MAX_ROLE_NAME, ServiceAccountName, SetupPlace
from podrole.testing.server.errors import RefusedByAWS, RequestRefused
from podrole.testing.server.permissions import policy_of
from podrole.world.proxy import BUNDLES
from podrole.world.world import World

INJECTION_SECONDS = 20.0
RETRY_SECONDS = 0.02
_ROLE, _CREDENTIALS = _OF_METHODS = ("AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
"""The variables by which a pod knows its identity, one for each method."""
Policy = str | Mapping[str, Any]


class IdentityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An identity as a test wants it. A policy is an ARN, a document, or its text."""

    namespace: str
    account: str
    allow: Sequence[str] = ()
    policies: Sequence[str | dict[str, Any]] = ()
    trust: str | dict[str, Any] | None = None
    boundary: str | dict[str, Any] | None = None
    method: str = "irsa"


@dataclass(frozen=True, slots=True)
class _Made:
    pod: Object
    volumes: PodVolumes


class Identities:
    """The identities of one world since its last reset."""

    def __init__(self, world: World, directory: Path, clock: Clock) -> None:
        self._world = world
        self._directory = directory
        self._time = SystemTime(clock)
        self._cluster: ClusterClient = world.cluster.client(ADMINISTRATOR, "podrole")
        settings = NodeSettings()
        self._kubelet = world.cluster.client(User(f"system:node:{settings.name}", groups=("system:nodes",)), "kubelet")
        described = world.description
        self._place = SetupPlace(
            described.cluster,
            described.issuer,
            described.account,
            partition_of(described.region),
            described.region,
            f"arn:{partition_of(described.region)}:eks:{described.region}:{described.account}:cluster/{described.cluster}",
        )
        self._made: list[_Made] = []
        self._eks: Any = None
        self.own_calls: set[str] = set()
        """The ids of the AWS calls by which identities were made."""

    def forget(self) -> None:
        """Begin again: the world was reset."""
        self._made.clear()

    async def refresh(self) -> None:
        """Renew the tokens that are due, as the node does."""
        for made in self._made:
            await made.volumes.set_up(made.pod)

    async def make(self, wanted: IdentityRequest) -> dict[str, Any]:
        """Make a role, a service account and a pod; return the role's ARN and the variables of the pod.

        Raises RequestRefused or RefusedByAWS.
        """
        _check(wanted)
        allowed = policy_of(wanted.allow) if wanted.allow else None
        owner = ServiceAccountName(wanted.namespace, wanted.account)
        role = await self._make_role(wanted, owner, allowed)
        await self._make_namespace(wanted.namespace)
        annotations = {ROLE_ARN: role} if wanted.method == "irsa" else {}
        await self._make_service_account(owner, annotations)
        if wanted.method == "pod-identity":
            await self._associate(owner, role)
        if wanted.method == "irsa":
            expected = {_ROLE: role}
        else:
            expected = {_CREDENTIALS: self._world.description.pod_identity_url}
        pod = await self._make_pod(owner, expected)
        return {"role_arn": role, "pod": pod["metadata"]["name"], "environment": await self._environment(pod)}

    async def _make_role(self, wanted: IdentityRequest, owner: ServiceAccountName, allowed: str | None) -> str:
        name = _role_name(owner)
        request: dict[str, Any] = {"RoleName": name, "AssumeRolePolicyDocument": _text(self._trust(wanted, owner))}
        if wanted.boundary is not None:
            request["PermissionsBoundary"] = await self._managed(f"{name}-boundary"[-128:], wanted.boundary)
        if wanted.method == "irsa":
            await self._make_provider()
        await self._iam("CreateRole", request)
        if allowed is not None:
            await self._put(name, "allow", allowed)
        for number, policy in enumerate(wanted.policies, 1):
            if isinstance(policy, str) and policy.startswith("arn:"):
                await self._iam("AttachRolePolicy", {"RoleName": name, "PolicyArn": policy})
            else:
                await self._put(name, f"policy-{number}", _text(policy))
        return self._place.role_arn(name)

    def _trust(self, wanted: IdentityRequest, owner: ServiceAccountName) -> Policy:
        if wanted.trust is not None:
            return wanted.trust
        if wanted.method == "irsa":
            return new_trust_policy(Trust(web_identity=frozenset({owner})), self._place)
        return new_trust_policy(Trust(pod_identity=frozenset({owner})), self._place)

    async def _managed(self, name: str, policy: str | dict[str, Any]) -> str:
        if isinstance(policy, str) and policy.startswith("arn:"):
            return policy
        made = await self._iam("CreatePolicy", {"PolicyName": name, "PolicyDocument": _text(policy)})
        return str(made["Policy"]["Arn"])

    async def _put(self, role: str, name: str, document: str) -> None:
        await self._iam("PutRolePolicy", {"RoleName": role, "PolicyName": name, "PolicyDocument": document})

    async def _make_provider(self) -> None:
        request = {
            "Url": self._place.issuer,
            "ClientIDList": [AUDIENCE],
            "ThumbprintList": [self._world.description.thumbprint],
        }
        try:
            await self._iam("CreateOpenIDConnectProvider", request)
        except RefusedByAWS as refused:
            if refused.aws_code != "EntityAlreadyExists":
                raise

    async def _iam(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        place = self._place
        try:
            return await self._world.accounts.run(
                OPERATIONS[operation], parameters, account=place.account, partition=place.partition
            )
        except AccountError as problem:
            raise RefusedByAWS(operation, problem.aws_code, problem.what) from problem
        except PolicyError as problem:
            raise RefusedByAWS(operation, problem.aws_code, problem.message, got=problem.got) from problem

    async def _make_namespace(self, name: str) -> None:
        try:
            await self._cluster.create("namespaces", None, {"metadata": {"name": name}})
        except StatusError as problem:
            if problem.reason != "AlreadyExists":
                raise

    async def _make_service_account(self, owner: ServiceAccountName, annotations: Mapping[str, str]) -> None:
        body = {"metadata": {"name": owner.name, "annotations": dict(annotations)}}
        try:
            await self._cluster.create("serviceaccounts", owner.namespace, body)
        except StatusError as problem:
            if problem.reason != "AlreadyExists":
                raise
            patch = {"metadata": {"annotations": dict(annotations)}}
            await self._cluster.merge_patch("serviceaccounts", owner.namespace, owner.name, patch)

    async def _associate(self, owner: ServiceAccountName, role: str) -> None:
        request = {
            "clusterName": self._place.cluster,
            "namespace": owner.namespace,
            "serviceAccount": owner.name,
            "roleArn": role,
        }
        from botocore.exceptions import ClientError  # with its client, a tenth of the start; few tests need it

        try:
            made = await asyncio.to_thread(lambda: self._client().create_pod_identity_association(**request))
        except ClientError as problem:
            error = problem.response["Error"]
            raise RefusedByAWS("CreatePodIdentityAssociation", error["Code"], error["Message"]) from problem
        self.own_calls.add(made["ResponseMetadata"]["RequestId"])

    def _client(self) -> Any:
        if self._eks is None:
            import botocore.client
            import botocore.session

            directory, described = self._world.directory, self._world.description
            key_id, secret = directory.admin_credentials()
            session = botocore.session.Session()
            self._eks = session.create_client(
                "eks",
                region_name=described.region,
                endpoint_url=described.aws_url,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                config=botocore.client.Config(proxies={}, retries={"total_max_attempts": 1}),
            )
        return self._eks

    async def _make_pod(self, owner: ServiceAccountName, expected: Mapping[str, str]) -> Object:
        """Make a pod until the webhook has given it the expected variables.

        The webhook learns of service accounts by a watch. On a busy machine a pod may come before them, and is then let
        through without an identity, as on a real cluster.
        """
        body = {
            "metadata": {"generateName": f"{owner.name[:50]}-", "annotations": {SIMULATE: "true"}},
            "spec": {"serviceAccountName": owner.name, "containers": [{"name": "test", "image": "test"}]},
        }
        async with asyncio.timeout(INJECTION_SECONDS):
            while True:
                pod = await self._cluster.create("pods", owner.namespace, body)
                own = environment_of(pod, pod["spec"]["containers"][0], {}, node_resources={})
                if {name: value for name, value in own.items() if name in _OF_METHODS} == expected:
                    return pod
                await self._cluster.delete("pods", owner.namespace, pod["metadata"]["name"], grace_seconds=0)
                await asyncio.sleep(RETRY_SECONDS)

    async def _environment(self, pod: Object) -> dict[str, str]:
        directory = self._directory / "pods" / pod["metadata"]["uid"]
        make_private_directory(directory)
        volumes = PodVolumes(directory, self._kubelet, self._time, node_resources={}, randomness=random.random)
        await volumes.set_up(pod)
        self._made.append(_Made(pod, volumes))
        container = pod["spec"]["containers"][0]
        own = environment_of(pod, container, {}, node_resources={})
        rule = PathRule(volumes.mounts_of(pod, container, directory, own))
        # The world's authority alone: clients would read those of the system for each connection, and reach nobody.
        trusted = dict.fromkeys(BUNDLES, str(self._world.directory.authority))
        rewritten = {name: rule.rewrite(value) for name, value in own.items()}
        return {**self._world.environment, **trusted, **rewritten}


def _check(wanted: IdentityRequest) -> None:
    if not is_label(wanted.namespace):
        raise RequestRefused("The namespace is not one that Kubernetes takes.", got=repr(wanted.namespace))
    if not is_subdomain(wanted.account):
        raise RequestRefused("The service account's name is not one that Kubernetes takes.", got=repr(wanted.account))
    if wanted.method not in ("irsa", "pod-identity"):
        raise RequestRefused("There is no such method.", got=repr(wanted.method), expected="'irsa' or 'pod-identity'")


def _role_name(owner: ServiceAccountName) -> str:
    name = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", f"{owner.namespace}-{owner.name}")
    if len(name) <= MAX_ROLE_NAME:
        return name
    return f"{name[: MAX_ROLE_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _text(policy: Policy) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)
