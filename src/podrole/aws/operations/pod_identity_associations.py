"""The associations of EKS Pod Identity, each of a service account with a role.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html and the pages beside it.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Mapping
from typing import Any

from podrole.account.eks.records import MOST_ASSOCIATIONS, AssociationRecord
from podrole.account.eks.request import EKSRequest
from podrole.account.errors import AccountError
from podrole.account.identities import IdentityDirectory
from podrole.account.store import AccountStore
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.operations.eks import EKS, no_cluster, page_of, valid_input
from podrole.aws.operations.refusable import run_refusable
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN, PolicyError
from podrole.iam.storing import StoredAs, check_storable
from podrole.kube.names import is_label, is_subdomain
from podrole.sts.pod_identity import ACTIONS, SERVICE, Association
from podrole.sts.trust import trusts

_ID_LETTERS = string.ascii_lowercase + string.digits
# A label, and a subdomain: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.
_SAME = ("namespace", "serviceAccount", "roleArn", "disableSessionTags", "targetRoleArn", "policy", "tags")


class PodIdentityAssociations:
    """The operations of EKS on associations."""

    def __init__(self, eks: EKS, store: AccountStore, directory: IdentityDirectory) -> None:
        self._eks = eks
        self._store = store
        self._directory = directory

    async def create(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Create an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html
        """
        self._require_cluster(call, caller)
        call_input = self._checked(call, caller)

        def create(request: EKSRequest) -> AssociationRecord:
            cluster, namespace, account = (
                call_input["clusterName"],
                call_input["namespace"],
                call_input["serviceAccount"],
            )
            existing = request.state.association_of(cluster, namespace, account)
            if existing is not None:
                if existing.request_token and existing.request_token == _request_token(call_input):
                    return existing
                raise AccountError("ResourceInUseException", 409, f"Association already exists: {existing.id}")
            if len(request.state.associations(cluster)) >= MOST_ASSOCIATIONS:
                raise AccountError(
                    "ResourceLimitExceededException",
                    400,
                    f"The cluster {cluster} has the maximum number of {MOST_ASSOCIATIONS} pod identity associations.",
                )
            made = "a-" + "".join(_ID_LETTERS[byte % len(_ID_LETTERS)] for byte in request.transaction.random(17))
            record = AssociationRecord(
                id=made,
                association=Association(
                    made, request.arn("podidentityassociation", cluster, made), call_input["roleArn"]
                ),
                cluster=cluster,
                namespace=namespace,
                service_account=account,
                created_at=call.received_at,
                modified_at=call.received_at,
                tags=call_input.get("tags", {}),
                request_token=_request_token(call_input),
            )
            record = _with(record, call_input)
            request.put(record)
            return record

        return _answer(call, await self._run(create, call, caller))

    async def update(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Change the role, target role, session tags or policy of an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdatePodIdentityAssociation.html
        """
        call_input = self._checked(call, caller, self._stored(call, caller))

        def update(request: EKSRequest) -> AssociationRecord:
            record = dataclasses.replace(_with(_found(request, call_input), call_input), modified_at=call.received_at)
            request.put(record)
            return record

        return _answer(call, await self._run(update, call, caller))

    async def describe(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribePodIdentityAssociation.html
        """
        return _answer(call, self._stored(call, caller))

    async def delete(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Delete an association. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_DeletePodIdentityAssociation.html
        """
        self._stored(call, caller)
        call_input = parameters(call)

        def delete(request: EKSRequest) -> AssociationRecord:
            record = _found(request, call_input)
            request.transaction.delete(request.state, record)
            return record

        return _answer(call, await self._run(delete, call, caller))

    async def list(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return a page of the associations of a cluster. Raises AWSError.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_ListPodIdentityAssociations.html
        """
        self._require_cluster(call, caller)
        call_input = parameters(call)
        associations = self._store.eks(caller.account, call.region).associations(call_input["clusterName"])
        listed = [
            record.summary()
            for record in associations
            if call_input.get("namespace") in (None, record.namespace)
            and call_input.get("serviceAccount") in (None, record.service_account)
        ]
        page, following = page_of(listed, call)
        return json_response({"associations": page} | ({"nextToken": following} if following else {}), call.id)

    async def _run(
        self, operation: Callable[[EKSRequest], AssociationRecord], call: IdentifiedCall, caller: Caller
    ) -> AssociationRecord:
        call_input = parameters(call)
        running = self._store.run_eks(operation, call_input, account=caller.account, region=call.region)
        return await run_refusable(call, running)

    def _require_cluster(self, call: IdentifiedCall, caller: Caller) -> None:
        """Raise AWSError if the cluster that a call names does not exist."""
        name = parameters(call).get("clusterName", "")
        if not self._eks.exists(call, caller, name):
            raise no_cluster(name)

    def _stored(self, call: IdentifiedCall, caller: Caller) -> AssociationRecord:
        self._require_cluster(call, caller)
        call_input = parameters(call)
        record = self._store.eks(caller.account, call.region).get(AssociationRecord, call_input["associationId"])
        if record is None or record.cluster != call_input["clusterName"]:
            raise AWSError("ResourceNotFoundException", 404, _missing(call_input["associationId"]))
        return record

    def _checked(
        self, call: IdentifiedCall, caller: Caller, before: AssociationRecord | None = None
    ) -> Mapping[str, Any]:
        """Return the parameters if the association that they describe is valid. Raises AWSError.

        ``before`` is the association to change, None to create one.
        """
        call_input = valid_input(call)
        if before is None:
            _require(is_label(call_input["namespace"]), f"{call_input['namespace']} is not a valid namespace name.")
            _require(
                is_subdomain(call_input["serviceAccount"]),
                f"{call_input['serviceAccount']} is not a valid service account name.",
            )
        if call_input.get("roleArn") is not None:
            self._check_role(call_input["roleArn"], caller)
        target = call_input.get("targetRoleArn")
        if target:
            _require(_is_role(target), f"{target} is not a valid role ARN.")
        if call_input.get("policy"):
            tags_are_off = call_input.get(
                "disableSessionTags", before is not None and not before.association.session_tags
            )
            _require(tags_are_off, "A policy can only be specified when disableSessionTags is true.")
            _check_policy(call_input["policy"], caller)
        elif before is not None and before.association.policy is not None and call_input.get("policy") is None:
            _require(
                call_input.get("disableSessionTags", True),
                "Session tags cannot be enabled for an association that has a policy.",
            )
        return call_input

    def _check_role(self, arn: str, caller: Caller) -> None:
        _require(_is_role(arn), f"{arn} is not a valid role ARN.")
        _require(arn.split(":")[4] == caller.account, "Role provided in the request is not in the cluster's account.")
        role = self._directory.role(arn)
        if role is None:
            raise _invalid("Role provided in the request does not exist.")
        _require(trusts(role, SERVICE, ACTIONS), "Trust policy of the role provided is invalid")


def _found(request: EKSRequest, call_input: Mapping[str, Any]) -> AssociationRecord:
    record = request.state.get(AssociationRecord, call_input["associationId"])
    if record is None or record.cluster != call_input["clusterName"]:
        raise AccountError("ResourceNotFoundException", 404, _missing(call_input["associationId"]))
    return record


def _missing(association_id: str) -> str:
    return f"The specified associationId {association_id} could not be found."


def _with(stored: AssociationRecord, call_input: Mapping[str, Any]) -> AssociationRecord:
    """Return the association with the changes in ``call_input``. An empty text removes a target role or a policy.

    The external ID that the target role sees has the form that EKS documents
    (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html).
    """
    changes: dict[str, Any] = {}
    if call_input.get("roleArn") is not None:
        changes["role_arn"] = call_input["roleArn"]
    if call_input.get("disableSessionTags") is not None:
        changes["session_tags"] = not call_input["disableSessionTags"]
    if call_input.get("targetRoleArn") is not None:
        target = call_input["targetRoleArn"] or None
        changes["target_role_arn"] = target
        region, account = stored.association.arn.split(":")[3:5]
        external = f"{region}/{account}/{stored.cluster}/{stored.namespace}/{stored.service_account}"
        changes["external_id"] = external if target else None
    if call_input.get("policy") is not None:
        changes["policy"] = call_input["policy"] or None
    return dataclasses.replace(stored, association=dataclasses.replace(stored.association, **changes))


def _request_token(call_input: Mapping[str, Any]) -> str | None:
    """Return what identifies a repeated request: its client token and its parameters. None without a token."""
    token = call_input.get("clientRequestToken")
    return None if token is None else repr((token, *(call_input.get(name) for name in _SAME)))


def _check_policy(document: str, caller: Caller) -> None:
    try:
        check_storable(document, StoredAs.SESSION, caller.principal.arn.split(":")[1])
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


def _answer(call: IdentifiedCall, stored: AssociationRecord) -> HTTPResponse:
    return json_response({"association": stored.described()}, call.id)
