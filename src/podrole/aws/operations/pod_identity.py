"""EKS Pod Identity: the associations of service accounts with roles, and the exchange of a pod's token.

``podrole.sts.pod_identity`` decides about a token. Source:
https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html and the pages beside it.
"""

from __future__ import annotations

import dataclasses
import secrets
import string
import uuid
from collections.abc import Mapping
from typing import Any

from podrole.account.associations import MAX_OF_A_CLUSTER, Associations, Stored
from podrole.account.identities import IdentityDirectory
from podrole.aws.authorize import circumstances
from podrole.aws.caller import Caller, caller_of_session
from podrole.aws.errors import AWSError
from podrole.aws.operations.eks import EKS, ClusterInfo, page_of
from podrole.aws.operations.sts import denial_error
from podrole.aws.policies import policies_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.validation import message, violations
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.iam.document import parse_policy
from podrole.iam.errors import InvalidARN, PolicyError
from podrole.iam.policy import PolicyKind
from podrole.kube.names import is_label, is_subdomain
from podrole.kube.subjects import subject_of
from podrole.oidc.key_source import KeySource
from podrole.sts.credentials import Vault
from podrole.sts.denial import Denial
from podrole.sts.pod_identity import (
    ACTIONS,
    AUDIENCE,
    SERVICE,
    Association,
    assume_role_for_pod_identity,
)
from podrole.sts.session import Session
from podrole.sts.trust import Candidate, trusts

_ID_LETTERS = string.ascii_lowercase + string.digits
# A label, and a subdomain: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.
_SAME = ("namespace", "serviceAccount", "roleArn", "disableSessionTags", "targetRoleArn", "policy", "tags")


class PodIdentity:
    """The operations of EKS and EKS Auth for EKS Pod Identity."""

    def __init__(
        self,
        cluster: ClusterInfo,
        eks: EKS,
        associations: Associations,
        directory: IdentityDirectory,
        keys: KeySource,
        vault: Vault,
    ) -> None:
        self._cluster = cluster
        self._eks = eks
        self._associations = associations
        self._directory = directory
        self._keys = keys
        self._vault = vault

    async def create(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Create an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html
        """
        place = await self._place(call, caller)
        given = self._checked(call, caller)
        cluster, namespace, account = given["clusterName"], given["namespace"], given["serviceAccount"]
        existing = self._associations.find(place, namespace, account)
        if existing is not None:
            if existing.request_token and existing.request_token == _request_token(given):
                return _answer(call, existing)
            raise AWSError("ResourceInUseException", 409, f"Association already exists: {existing.association.id}")
        if len(self._associations.of(place)) >= MAX_OF_A_CLUSTER:
            raise AWSError(
                "ResourceLimitExceededException",
                400,
                f"The cluster {cluster} has the maximum number of {MAX_OF_A_CLUSTER} pod identity associations.",
            )
        made = "a-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(17))
        arn = f"arn:{caller.principal.arn.split(':')[1]}:eks:{call.region}:{caller.account}"
        stored = Stored(
            Association(made, f"{arn}:podidentityassociation/{cluster}/{made}", given["roleArn"]),
            cluster,
            namespace,
            account,
            call.received_at,
            call.received_at,
            given.get("tags", {}),
            _request_token(given),
        )
        stored = _with(stored, given)
        self._associations.put(place, stored)
        return _answer(call, stored)

    async def update(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Change the role, target role, session tags or policy of an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdatePodIdentityAssociation.html
        """
        place = await self._place(call, caller)
        stored = await self._stored(call, caller)
        given = self._checked(call, caller, stored)
        stored = dataclasses.replace(_with(stored, given), modified_at=call.received_at)
        self._associations.put(place, stored)
        return _answer(call, stored)

    async def describe(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribePodIdentityAssociation.html
        """
        return _answer(call, await self._stored(call, caller))

    async def delete(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Delete an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_DeletePodIdentityAssociation.html
        """
        stored = await self._stored(call, caller)
        self._associations.remove(await self._place(call, caller), stored.association.id)
        return _answer(call, stored)

    async def list(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return a page of the associations of a cluster. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_ListPodIdentityAssociations.html
        """
        given = parameters(call)
        place = await self._place(call, caller)
        found = [
            stored.summary()
            for stored in self._associations.of(place)
            if given.get("namespace") in (None, stored.namespace)
            and given.get("serviceAccount") in (None, stored.service_account)
        ]
        page, following = page_of(found, call)
        return json_response({"associations": page} | ({"nextToken": following} if following else {}), call.id)

    def concerns_tags(self, call: IdentifiedCall, caller: Caller) -> bool:
        """Return whether a call about tags is about an association, or lists those of the embedded cluster."""
        arn = parameters(call).get("resourceArn")
        lists_own = call.operation == "ListTagsForResource" and arn == self._cluster.arn
        return lists_own or self._tagged(call, caller) is not None

    async def tags(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """TagResource, UntagResource and ListTagsForResource of an association; the embedded cluster has no tags."""
        given = parameters(call)
        tagged = self._tagged(call, caller)
        if tagged is None:
            return json_response({"tags": {}}, call.id)
        place, stored = tagged
        tags = dict(stored.tags)
        if call.operation == "ListTagsForResource":
            return json_response({"tags": tags}, call.id)
        if call.operation == "TagResource":
            tags.update(given["tags"])
        else:
            tags = {key: value for key, value in tags.items() if key not in given["tagKeys"]}
        self._associations.retag(place, stored, tags)
        return json_response({}, call.id)

    def _tagged(self, call: IdentifiedCall, caller: Caller) -> tuple[tuple[str, str, str], Stored] | None:
        arn = str(parameters(call).get("resourceArn", ""))
        parts = arn.split("/")
        place = (caller.account, call.region, parts[1] if len(parts) == 3 else "")
        stored = self._associations.get(place, parts[-1])
        return None if stored is None or stored.association.arn != arn else (place, stored)

    async def assume_role(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Exchange a pod's token for credentials of the associated role. Raises AWSError for a denial.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
        """
        given = self._valid(call)
        name = given["clusterName"]
        if not self._eks.is_own(call, caller, name):
            raise _no_cluster(name)
        at = circumstances(call)
        place = await self._place(call, caller)

        def association_of(namespace: str, service_account: str) -> Association | None:
            stored = self._associations.find(place, namespace, service_account)
            return None if stored is None else stored.association

        def candidate_of(session: Session, role: Role) -> Candidate:
            assumed = caller_of_session(session, role, "")
            context = {**at.context_keys(), **assumed.context_keys()}
            return Candidate(assumed.principal, context, policies_of(assumed, self._directory))

        outcome = await assume_role_for_pod_identity(
            given["token"],
            self._cluster.for_pods(),
            association_of,
            self._directory,
            self._keys,
            at,
            candidate_of=candidate_of,
            new_id=lambda: str(uuid.uuid4()),
        )
        if isinstance(outcome, Denial):
            raise denial_error(outcome)
        session, pod, association = outcome.session, outcome.pod, outcome.association
        call.explanation = {
            "subject": subject_of(pod.namespace, pod.service_account),
            "pod": pod.name,
            "association": association.id,
            "session": session.arn,
        }
        made = self._vault.issue(session)
        answer = {
            "subject": {"namespace": pod.namespace, "serviceAccount": pod.service_account},
            "audience": AUDIENCE,
            "podIdentityAssociation": {"associationArn": association.arn, "associationId": association.id},
            "assumedRoleUser": {"arn": session.arn, "assumeRoleId": session.id},
            "credentials": {
                "accessKeyId": made.access_key_id,
                "secretAccessKey": made.secret_access_key,
                "sessionToken": made.session_token,
                "expiration": made.expires_at,
            },
        }
        return json_response(answer, call.id)

    async def _place(self, call: IdentifiedCall, caller: Caller) -> tuple[str, str, str]:
        """Return the key of the cluster's associations. Raises AWSError if the cluster does not exist."""
        name = parameters(call).get("clusterName", "")
        if not await self._eks.exists(call, caller, name):
            raise _no_cluster(name)
        return caller.account, call.region, name

    async def _stored(self, call: IdentifiedCall, caller: Caller) -> Stored:
        wanted = parameters(call)["associationId"]
        found = self._associations.get(await self._place(call, caller), wanted)
        if found is None:
            raise AWSError(
                "ResourceNotFoundException", 404, f"The specified associationId {wanted} could not be found."
            )
        return found

    def _valid(self, call: IdentifiedCall) -> Mapping[str, Any]:
        given = parameters(call)
        found = violations(given, operation_of(call).input_shape)
        if found:
            raise _invalid(message(found))
        return given

    def _checked(self, call: IdentifiedCall, caller: Caller, before: Stored | None = None) -> Mapping[str, Any]:
        """Return the parameters if the association that they describe is valid. Raises AWSError.

        ``before`` is the association to change, None to create one.
        """
        given = self._valid(call)
        if before is None:
            _require(is_label(given["namespace"]), f"{given['namespace']} is not a valid namespace name.")
            _require(
                is_subdomain(given["serviceAccount"]),
                f"{given['serviceAccount']} is not a valid service account name.",
            )
        if given.get("roleArn") is not None:
            self._check_role(given["roleArn"], caller)
        target = given.get("targetRoleArn")
        if target:
            _require(_is_role(target), f"{target} is not a valid role ARN.")
        if given.get("policy"):
            tags_are_off = given.get("disableSessionTags", before is not None and not before.association.session_tags)
            _require(tags_are_off, "A policy can only be specified when disableSessionTags is true.")
            _check_policy(given["policy"])
        elif before is not None and before.association.policy is not None and given.get("policy") is None:
            _require(
                given.get("disableSessionTags", True),
                "Session tags cannot be enabled for an association that has a policy.",
            )
        return given

    def _check_role(self, arn: str, caller: Caller) -> None:
        _require(_is_role(arn), f"{arn} is not a valid role ARN.")
        _require(arn.split(":")[4] == caller.account, "Role provided in the request is not in the cluster's account.")
        role = self._directory.role(arn)
        if role is None:
            raise _invalid("Role provided in the request does not exist.")
        _require(trusts(role, SERVICE, ACTIONS), "Trust policy of the role provided is invalid")


def _with(stored: Stored, given: Mapping[str, Any]) -> Stored:
    """Return the association with the changes in ``given``. An empty text removes a target role or a policy."""
    changes: dict[str, Any] = {}
    if given.get("roleArn") is not None:
        changes["role_arn"] = given["roleArn"]
    if given.get("disableSessionTags") is not None:
        changes["session_tags"] = not given["disableSessionTags"]
    if given.get("targetRoleArn") is not None:
        target = given["targetRoleArn"] or None
        changes["target_role_arn"] = target
        changes["external_id"] = stored.association.external_id or secrets.token_hex(16) if target else None
    if given.get("policy") is not None:
        changes["policy"] = given["policy"] or None
    return dataclasses.replace(stored, association=dataclasses.replace(stored.association, **changes))


def _request_token(given: Mapping[str, Any]) -> str | None:
    """Return what identifies a repeated request: its client token and its parameters. None without a token."""
    token = given.get("clientRequestToken")
    return None if token is None else repr((token, *(given.get(name) for name in _SAME)))


def _check_policy(document: str) -> None:
    try:
        parse_policy(document, PolicyKind.SESSION)
    except PolicyError as fault:
        raise AWSError(
            "InvalidParameterException", 400, f"The policy is invalid: {fault.message}", why=str(fault)
        ) from fault


def _is_role(arn: str) -> bool:
    try:
        return parse_arn(arn).is_role
    except InvalidARN:
        return False


def _require(holds: object, text: str) -> None:
    if not holds:
        raise _invalid(text)


def _invalid(text: str) -> AWSError:
    return AWSError("InvalidParameterException", 400, text)


def _no_cluster(name: str) -> AWSError:
    return AWSError("ResourceNotFoundException", 404, f"No cluster found for name: {name}.")


def _answer(call: IdentifiedCall, stored: Stored) -> HTTPResponse:
    return json_response({"association": stored.described()}, call.id)
