"""The fourth station: who executes a call, and where its decision is made.

Calls to STS, EKS Auth, the policy simulator and the embedded cluster are podrole's own: they are authorized and
answered on the event loop, without waiting for the services. Every other call is authorized and executed in one job of
the services' thread, so that the decision and the effect see the same state.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from podrole.aws.access_denied import Refusals
from podrole.aws.authenticate import is_unsigned_operation
from podrole.aws.authorize import authorize, unsigned
from podrole.aws.caller import Caller
from podrole.aws.documents import check_documents
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import AuthorizedCall, Facts, Services
from podrole.aws.operations.decode_message import MessageDecoder
from podrole.aws.operations.eks import EKS
from podrole.aws.operations.iam import iam_answer
from podrole.aws.operations.oidc_providers import find_thumbprint, needs_thumbprint, provider_answer
from podrole.aws.operations.pod_identity import PodIdentity
from podrole.aws.operations.simulate import Simulation
from podrole.aws.operations.sts import STS
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.cbor import PROTOCOL, cbor_answer
from podrole.aws.protocol.parameters import operation_of
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.registry import rules_of
from podrole.oidc.key_source import Issuers

Handler = Callable[[IdentifiedCall, Caller], Awaitable[HTTPResponse]]


class OwnOperation(NamedTuple):
    """An operation that podrole answers itself: always, or only for the calls that it ``concerns``."""

    answer: Handler
    concerns: Callable[[IdentifiedCall, Caller], bool] = lambda *_: True


OwnOperations = Mapping[tuple[str, str], OwnOperation]
"""By service and operation."""


def own_operations(sts: STS, eks: EKS) -> OwnOperations:
    """Return the operations of STS, and of EKS on the embedded cluster."""
    return {
        ("sts", "AssumeRole"): OwnOperation(sts.assume_role),
        ("sts", "AssumeRoleWithWebIdentity"): OwnOperation(sts.assume_role_with_web_identity),
        ("sts", "GetAccessKeyInfo"): OwnOperation(sts.get_access_key_info),
        ("sts", "GetCallerIdentity"): OwnOperation(sts.get_caller_identity),
        ("sts", "GetFederationToken"): OwnOperation(sts.get_federation_token),
        ("sts", "GetSessionToken"): OwnOperation(sts.get_session_token),
        ("eks", "CreateCluster"): OwnOperation(eks.create_cluster, eks.concerns_own),
        ("eks", "DescribeCluster"): OwnOperation(eks.describe_cluster, eks.concerns_own),
        ("eks", "ListClusters"): OwnOperation(eks.list_clusters),
        ("eks", "ListFargateProfiles"): OwnOperation(eks.list_nothing, eks.concerns_own),
        ("eks", "ListNodegroups"): OwnOperation(eks.list_nothing, eks.concerns_own),
        **{("eks", name): OwnOperation(eks.refuse_change, eks.concerns_own) for name in _CHANGING_A_CLUSTER},
    }


_CHANGING_A_CLUSTER = (
    "CreateFargateProfile",
    "CreateNodegroup",
    "DeleteCluster",
    "DeleteFargateProfile",
    "DeleteNodegroup",
    "UpdateClusterConfig",
    "UpdateNodegroupConfig",
)


def pod_identity_operations(pods: PodIdentity) -> OwnOperations:
    """Return the operations of EKS Pod Identity."""
    return {
        ("eks", "CreatePodIdentityAssociation"): OwnOperation(pods.create),
        ("eks", "DeletePodIdentityAssociation"): OwnOperation(pods.delete),
        ("eks", "DescribePodIdentityAssociation"): OwnOperation(pods.describe),
        ("eks", "ListPodIdentityAssociations"): OwnOperation(pods.list),
        ("eks", "ListTagsForResource"): OwnOperation(pods.tags, pods.concerns_tags),
        ("eks", "TagResource"): OwnOperation(pods.tags, pods.concerns_tags),
        ("eks", "UntagResource"): OwnOperation(pods.tags, pods.concerns_tags),
        ("eks", "UpdatePodIdentityAssociation"): OwnOperation(pods.update),
        ("eks-auth", "AssumeRoleForPodIdentity"): OwnOperation(pods.assume_role),
    }


def policy_operations(simulation: Simulation, decoder: MessageDecoder) -> OwnOperations:
    """Return the operations that podrole's own policy engine answers."""
    return {
        ("iam", "GetContextKeysForCustomPolicy"): OwnOperation(simulation.get_context_keys_for_custom_policy),
        ("iam", "GetContextKeysForPrincipalPolicy"): OwnOperation(simulation.get_context_keys_for_principal_policy),
        ("iam", "SimulateCustomPolicy"): OwnOperation(simulation.simulate_custom_policy),
        ("iam", "SimulatePrincipalPolicy"): OwnOperation(simulation.simulate_principal_policy),
        ("sts", "DecodeAuthorizationMessage"): OwnOperation(decoder.decode_authorization_message),
    }


class Server:
    """Authorizes calls, and has them executed. ``account`` is where calls act that no account signed."""

    def __init__(self, own: OwnOperations, services: Services, refusals: Refusals, keys: Issuers, account: str) -> None:
        self._own = own
        self._services = services
        self._refusals = refusals
        self._keys = keys
        self._account = account

    async def serve(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authenticated call. Raises AWSError."""
        own = self._own.get((call.service.name, call.operation))
        if own is not None and own.concerns(call, caller):
            self._authorized(call, caller, self._services.identity_facts)
            return await own.answer(call, caller)
        if call.service.name == "sts":
            # moto would hand out credentials that mean nothing here.
            self._authorized(call, caller, self._services.identity_facts)
            raise AWSError("NotImplemented", 501, f"podrole's local AWS does not serve sts:{call.operation}.")
        if call.service.name == "iam" and needs_thumbprint(call):
            await self._services.ask(lambda facts: self._decide(call, caller, facts))  # before anything is fetched
            await find_thumbprint(call, self._keys)
        answer = await self._services.serve(lambda facts: self._decide(call, caller, facts))
        return cbor_answer(operation_of(call), answer) if call.protocol == PROTOCOL else answer

    def _authorized(self, call: IdentifiedCall, caller: Caller, facts: Facts) -> AuthorizedCall | HTTPResponse:
        if is_unsigned_operation(call):
            return unsigned(call)
        return authorize(call, caller, self._services.directory, facts, self._refusals)

    def _decide(self, call: IdentifiedCall, caller: Caller, facts: Facts) -> AuthorizedCall | HTTPResponse:
        """Authorize a call and check what it would store. Runs in the services' thread, just before the effect."""
        rules_of(call.service.name).before(call, facts)
        authorized = self._authorized(call, caller, facts)
        if not isinstance(authorized, AuthorizedCall):
            return authorized
        account = authorized.account or caller.account or self._account
        stored = check_documents(call, account, authorized.resource, facts)
        authorized = dataclasses.replace(authorized, account=account, stored=stored)
        return self._by_rules_of_iam(authorized, caller, facts) if call.service.name == "iam" else authorized

    @staticmethod
    def _by_rules_of_iam(authorized: AuthorizedCall, caller: Caller, facts: Facts) -> AuthorizedCall | HTTPResponse:
        call = authorized.call
        identities = facts.identities(caller.account, caller.principal.arn.split(":")[1])
        if "OpenIDConnectProvider" not in call.operation:
            return iam_answer(call, identities) or authorized
        answer = provider_answer(call, caller, identities)
        if isinstance(answer, HTTPResponse):
            return answer
        return authorized if answer is None else dataclasses.replace(authorized, finish=answer)
