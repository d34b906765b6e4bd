"""The fourth station: podrole's own operations, and moto for everything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from podrole.aws.caller import Caller
from podrole.aws.emulator.moto import Moto
from podrole.aws.errors import AWSError
from podrole.aws.operations.decode_message import MessageDecoder
from podrole.aws.operations.eks import EKS
from podrole.aws.operations.iam import IAM
from podrole.aws.operations.pod_identity import PodIdentity
from podrole.aws.operations.simulate import Simulation
from podrole.aws.operations.sts import STS
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.cbor import PROTOCOL, cbor_answer
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.s3_deleted_objects import nothing_deleted, with_refused_keys

Handler = Callable[[IdentifiedCall, Caller], Awaitable[HTTPResponse]]
_ANY = "*"


def own_operations(sts: STS, eks: EKS) -> Mapping[tuple[str, str], Handler]:
    """Return the operations that moto never sees, by service and name."""
    return {
        ("sts", "AssumeRole"): sts.assume_role,
        ("sts", "AssumeRoleWithWebIdentity"): sts.assume_role_with_web_identity,
        ("sts", "GetAccessKeyInfo"): sts.get_access_key_info,
        ("sts", "GetCallerIdentity"): sts.get_caller_identity,
        ("sts", "GetFederationToken"): sts.get_federation_token,
        ("sts", "GetSessionToken"): sts.get_session_token,
        ("eks", "CreateCluster"): eks.create_cluster,
        ("eks", "DescribeCluster"): eks.describe_cluster,
        ("eks", "ListClusters"): eks.list_clusters,
        ("eks", "ListFargateProfiles"): eks.on_nothing,
        ("eks", "ListNodegroups"): eks.on_nothing,
        **{("eks", name): eks.unless_own for name in _OF_MOTOS_CLUSTERS},
    }


_OF_MOTOS_CLUSTERS = (
    "CreateFargateProfile",
    "CreateNodegroup",
    "DeleteCluster",
    "DeleteFargateProfile",
    "DeleteNodegroup",
    "UpdateClusterConfig",
    "UpdateNodegroupConfig",
)


def pod_identity_operations(pods: PodIdentity) -> Mapping[tuple[str, str], Handler]:
    """Return the operations of EKS Pod Identity."""
    return {
        ("eks", "CreatePodIdentityAssociation"): pods.create,
        ("eks", "DeletePodIdentityAssociation"): pods.delete,
        ("eks", "DescribePodIdentityAssociation"): pods.describe,
        ("eks", "ListPodIdentityAssociations"): pods.list,
        ("eks", "ListTagsForResource"): pods.tags,
        ("eks", "TagResource"): pods.tags,
        ("eks", "UntagResource"): pods.tags,
        ("eks", "UpdatePodIdentityAssociation"): pods.update,
        ("eks-auth", "AssumeRoleForPodIdentity"): pods.assume_role,
    }


def iam_operations(iam: IAM) -> Mapping[tuple[str, str], Handler]:
    """Return who answers every operation of IAM that nobody else does."""
    return {("iam", _ANY): iam.serve}


def policy_operations(simulation: Simulation, decoder: MessageDecoder) -> Mapping[tuple[str, str], Handler]:
    """Return the operations that podrole's own policy engine answers."""
    return {
        ("iam", "GetContextKeysForCustomPolicy"): simulation.get_context_keys_for_custom_policy,
        ("iam", "GetContextKeysForPrincipalPolicy"): simulation.get_context_keys_for_principal_policy,
        ("iam", "SimulateCustomPolicy"): simulation.simulate_custom_policy,
        ("iam", "SimulatePrincipalPolicy"): simulation.simulate_principal_policy,
        ("sts", "DecodeAuthorizationMessage"): decoder.decode_authorization_message,
    }


async def serve(
    call: IdentifiedCall, caller: Caller, own: Mapping[tuple[str, str], Handler], moto: Moto, account: str
) -> HTTPResponse:
    """Answer an authorized call. Raises AWSError."""
    name = call.service.name
    handler = own.get((name, call.operation)) or own.get((name, _ANY))
    if handler is not None:
        return await handler(call, caller)
    if name == "sts":
        # moto would hand out credentials that stand for nothing here.
        raise AWSError("NotImplemented", 501, f"podrole's local AWS does not serve sts:{call.operation}.")
    if call.refused_keys and not parameters(call)["Delete"]["Objects"]:
        return nothing_deleted(call)
    answer = await moto.serve(call, call.account or caller.account or account)
    if call.protocol == PROTOCOL:
        return cbor_answer(operation_of(call), answer)
    return with_refused_keys(call, answer) if call.refused_keys else answer
