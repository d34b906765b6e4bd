"""EKS Auth: a pod's token is exchanged for credentials of the associated role. ``podrole.sts.pod_identity`` decides."""

from __future__ import annotations

import uuid

from podrole.account.identities import IdentityDirectory
from podrole.account.store import AccountStore
from podrole.aws.call_context import circumstances
from podrole.aws.caller import Caller, caller_of_session
from podrole.aws.operations.eks import EKS, ClusterInfo, no_cluster, valid_input
from podrole.aws.operations.sts import denial_error
from podrole.aws.policies import policies_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.render import json_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.directory import Role
from podrole.kube.subjects import subject_of
from podrole.oidc.key_source import KeySource
from podrole.sts.credentials import Vault
from podrole.sts.denial import Denial
from podrole.sts.pod_identity import AUDIENCE, Association, assume_role_for_pod_identity
from podrole.sts.session import Session
from podrole.sts.trust import Candidate


class EKSAuth:
    """The operation of EKS Auth."""

    def __init__(
        self,
        cluster: ClusterInfo,
        eks: EKS,
        store: AccountStore,
        directory: IdentityDirectory,
        keys: KeySource,
        vault: Vault,
    ) -> None:
        self._cluster = cluster
        self._eks = eks
        self._store = store
        self._directory = directory
        self._keys = keys
        self._vault = vault

    async def assume_role_for_pod_identity(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Exchange a pod's token for credentials of the associated role. Raises AWSError for a denial.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
        """
        call_input = valid_input(call)
        name = call_input["clusterName"]
        if not self._eks.is_own(call, caller, name):
            raise no_cluster(name)
        at = circumstances(call)
        state = self._store.eks(caller.account, call.region)

        def association_of(namespace: str, service_account: str) -> Association | None:
            record = state.association_of(name, namespace, service_account)
            return None if record is None else record.association

        def candidate_of(session: Session, role: Role) -> Candidate:
            assumed = caller_of_session(session, role, "")
            context = {**at.context_keys(), **assumed.context_keys()}
            return Candidate(assumed.principal, context, policies_of(assumed, self._directory))

        outcome = await assume_role_for_pod_identity(
            call_input["token"],
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
