"""The fifth station: who executes a call, and where its decision is made.

Calls to STS, IAM, EKS, EKS Auth, Organizations and the policy simulator are podrole's own: they are authorized and
answered on the event loop, without waiting for the services. Every other call is authorized and executed in one job of
the services' thread, so that the decision and the effect see the same state.

An operation on the account's records is worked out on the newest records, which include changes that are being written.
So it is authorized twice while there are any: on what is on disk, because a change gives nobody a right before it is
acknowledged, and on the newest records, because a name may already mean another user there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import replace

from podrole.account.directory import AccountDirectory
from podrole.account.identities import IdentityDirectory
from podrole.account.store import AccountStore
from podrole.aws.access_denied import Refusals
from podrole.aws.account_facts import AccountFacts
from podrole.aws.authenticate import is_unsigned_operation
from podrole.aws.authorize import authorize, require_no_lockout, unsigned
from podrole.aws.caller import Caller
from podrole.aws.documents import check_documents
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import AuthorizedCall, Facts, Services
from podrole.aws.operations.decode_message import MessageDecoder
from podrole.aws.operations.eks import EKS
from podrole.aws.operations.eks_auth import EKSAuth
from podrole.aws.operations.iam import IAM
from podrole.aws.operations.organizations import Organizations
from podrole.aws.operations.pod_identity_associations import PodIdentityAssociations
from podrole.aws.operations.simulate import Simulation
from podrole.aws.operations.sts import STS
from podrole.aws.protocol.call import IdentifiedCall, call_for
from podrole.aws.protocol.cbor import PROTOCOL, cbor_answer
from podrole.aws.protocol.parameters import operation_of
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.resolve import resolve
from podrole.aws.services.registry import rules_of
from podrole.aws.services.rules import Delivering

Handler = Callable[[IdentifiedCall, Caller], Awaitable[HTTPResponse]]
OwnOperations = Mapping[tuple[str, str], Handler]
"""The operations that podrole answers itself, by service and operation; ``*`` are all others of the service."""

_ALL = "*"
_OF_RECORDS = frozenset({"eks", "iam", "organizations"})
"""The services whose operations work on the account's records."""


def own_operations(sts: STS, eks: EKS, iam: IAM, organizations: Organizations) -> OwnOperations:
    """Return the operations on podrole's own records, and those of STS."""
    return {
        ("sts", "AssumeRole"): sts.assume_role,
        ("sts", "AssumeRoleWithWebIdentity"): sts.assume_role_with_web_identity,
        ("sts", "GetAccessKeyInfo"): sts.get_access_key_info,
        ("sts", "GetCallerIdentity"): sts.get_caller_identity,
        ("sts", "GetFederationToken"): sts.get_federation_token,
        ("sts", "GetSessionToken"): sts.get_session_token,
        ("sts", _ALL): _not_served,
        ("eks", _ALL): eks.answer,
        ("iam", _ALL): iam.answer,
        ("organizations", _ALL): organizations.answer,
    }


async def _not_served(call: IdentifiedCall, _: Caller) -> HTTPResponse:
    raise AWSError("NotImplemented", 501, f"podrole's local AWS does not serve {call.action}.")


def pod_identity_operations(associations: PodIdentityAssociations, eks_auth: EKSAuth) -> OwnOperations:
    """Return the operations of EKS Pod Identity."""
    return {
        ("eks", "CreatePodIdentityAssociation"): associations.create,
        ("eks", "DeletePodIdentityAssociation"): associations.delete,
        ("eks", "DescribePodIdentityAssociation"): associations.describe,
        ("eks", "ListPodIdentityAssociations"): associations.list,
        ("eks", "UpdatePodIdentityAssociation"): associations.update,
        ("eks-auth", "AssumeRoleForPodIdentity"): eks_auth.assume_role_for_pod_identity,
    }


def policy_operations(simulation: Simulation, decoder: MessageDecoder) -> OwnOperations:
    """Return the operations that podrole's own policy engine answers."""
    return {
        ("iam", "GetContextKeysForCustomPolicy"): simulation.get_context_keys_for_custom_policy,
        ("iam", "GetContextKeysForPrincipalPolicy"): simulation.get_context_keys_for_principal_policy,
        ("iam", "SimulateCustomPolicy"): simulation.simulate_custom_policy,
        ("iam", "SimulatePrincipalPolicy"): simulation.simulate_principal_policy,
        ("sts", "DecodeAuthorizationMessage"): decoder.decode_authorization_message,
    }


class NewestRecords:
    """The accounts with the changes that are being written, as a decision sees them."""

    def __init__(self, store: AccountStore) -> None:
        self.store = store
        self.directory: IdentityDirectory = AccountDirectory(store.newest)
        self.facts: Facts = AccountFacts(store.newest)


class Server:
    """Authorizes calls, and has them executed. ``account`` is where calls act that no account signed.

    ``directory`` and ``facts`` show what is on disk, ``newest`` what is being written as well.

    ``services`` is None if the services are not installed: a call to them is refused, and the refusal says so.
    """

    def __init__(
        self,
        own: OwnOperations,
        services: Services | None,
        directory: IdentityDirectory,
        facts: Facts,
        newest: NewestRecords,
        refusals: Refusals,
        account: str,
    ) -> None:
        self._own = own
        self._services = services
        self._directory = directory
        self._facts = facts
        self._newest = newest
        self._refusals = refusals
        self._account = account

    async def serve(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authenticated call. Raises AWSError."""
        service = call.service.name
        own = self._own.get((service, call.operation)) or self._own.get((service, _ALL))
        if own is not None:
            self._authorized(call, caller, self._facts)
            if service in _OF_RECORDS:
                await self._authorized_on_the_newest(call, caller)
            return await own(call, caller)
        if self._services is None:
            self._authorized(call, caller, self._facts)
            raise AWSError(
                "NotImplemented",
                501,
                f"podrole's local AWS serves {call.action} only with its services: pip install 'podrole[services]'.",
            )
        answer = await self._services.serve(lambda facts: self._decide(call, caller, facts))
        answer = rules_of(service).answer(call, answer)
        return cbor_answer(operation_of(call), answer) if call.protocol == PROTOCOL else answer

    def _authorized(self, call: IdentifiedCall, caller: Caller, facts: Facts) -> AuthorizedCall | HTTPResponse:
        if is_unsigned_operation(call):
            return unsigned(call)
        return authorize(call, caller, self._directory, facts, self._refusals)

    async def _authorized_on_the_newest(self, call: IdentifiedCall, caller: Caller) -> None:
        """Authorize a call on the records that it will work on. Await nothing between this and the operation."""
        newest = self._newest
        while newest.store.is_writing:
            try:
                authorize(call, caller, newest.directory, newest.facts, self._refusals)
            except AWSError:
                if await newest.store.newest_is_kept():
                    raise
            else:
                return

    def _decide(self, call: IdentifiedCall, caller: Caller, facts: Facts) -> AuthorizedCall | HTTPResponse:
        """Resolve and authorize a call, and check what it would store. Runs in the services' thread, just before the
        effect."""
        call.refused = ()  # what is decided again begins again
        rules_of(call.service.name).before(call, facts)
        resolve(call, caller, facts)
        authorized = self._authorized(call, caller, facts)
        if not isinstance(authorized, AuthorizedCall):
            return authorized
        account = authorized.account or caller.account or self._account
        stored = check_documents(call, account, authorized.resource, facts)
        if stored is not None and call.service.name == "kms":
            require_no_lockout(call, caller, self._directory, facts, stored)
        rules_of(call.service.name).require_destinations(Delivering(call, account, facts, self._directory))

        def further(service: str, operation: str, call_input: Mapping[str, Any]) -> AuthorizedCall:
            inner = call_for(call, service, operation, call_input)
            try:
                outcome = self._decide(inner, caller, facts)
            except AWSError as refusal:
                if all(
                    (inner.action, str(refusal)) != (refused_call.action, str(other))
                    for refused_call, other in call.refused
                ):
                    call.refused = (*call.refused, (inner, refusal))  # a stack tries several times
                raise
            if not isinstance(outcome, AuthorizedCall):
                raise TypeError(f"{service}:{operation} is refused in part")
            return outcome

        return replace(authorized, account=account, stored=stored, further=further)
