"""The endpoint: an ASGI application that takes each request through the stations.

identify → authenticate → authorize → serve → record → response. An AWSError that a station raises is the answer. Any
other exception is a fault of podrole: the client gets AWS's InternalFailure, and the log says where it happened,
without anything that the client sent.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import random
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from podrole.account.directory import AccountDirectory
from podrole.account.opening import Account, open_account
from podrole.account.store import AccountStore
from podrole.aws.access_denied import Refusals
from podrole.aws.account_facts import AccountFacts
from podrole.aws.authenticate import authenticate
from podrole.aws.caller import Caller
from podrole.aws.eks.cluster_tokens import ClusterTokens, Identity
from podrole.aws.eks.node_role import NODE, node_credentials
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError, internal_failure
from podrole.aws.foreign_keys import ForeignKeys
from podrole.aws.interfaces import Facts
from podrole.aws.key_uses import KeyUses
from podrole.aws.operations.decode_message import MessageDecoder
from podrole.aws.operations.eks import EKS, ClusterInfo
from podrole.aws.operations.eks_auth import EKSAuth
from podrole.aws.operations.iam import IAM, name_the_caller
from podrole.aws.operations.organizations import Organizations
from podrole.aws.operations.pod_identity_associations import PodIdentityAssociations
from podrole.aws.operations.simulate import Simulation
from podrole.aws.operations.sts import STS, denial_error
from podrole.aws.protocol.bodies import off_loop, too_large
from podrole.aws.protocol.call import IdentifiedCall, ReceivedRequest, UnidentifiedRequest
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.parameters import read_large_input
from podrole.aws.protocol.render import error_response
from podrole.aws.protocol.wire import HTTPResponse, read_request
from podrole.aws.record import record, record_unidentified
from podrole.aws.serve import NewestRecords, Server, own_operations, pod_identity_operations, policy_operations
from podrole.base.asgi import JSON, BodyTooLarge, ClientDisconnected, Receive, Scope, Send, send_response
from podrole.base.clock import Clock
from podrole.base.events import EventLog
from podrole.iam.directory import Role
from podrole.oidc.key_source import Issuers
from podrole.sts.credentials import Credentials, Vault
from podrole.sts.limits import session_denial

if TYPE_CHECKING:
    from podrole.aws.emulator import MotoServices

_log = logging.getLogger(__name__)
HEALTH_PATH = "/_podrole/health"
"""Answers without a signature. No bucket can have that name."""


class Endpoint:
    """The local AWS. Calls wait until the account is open.

    ``administrator_id`` is the unique id of the account's first user, empty until the account is open.
    """

    def __init__(
        self,
        account: Account,
        cluster: ClusterInfo,
        *,
        store: AccountStore,
        vault: Vault,
        keys: Issuers,
        events: EventLog,
        clock: Clock,
        signature_clock: Clock | None = None,
        services: bool = True,
        saved_services: Path | None = None,
        deliver_anywhere: bool = False,
    ) -> None:
        """``signature_clock`` tells how old a signature is, if clients do not live by ``clock``. ``services`` says
        whether services other than podrole's own are simulated, ``saved_services`` where their state is kept; without
        that file it ends with the process. ``deliver_anywhere`` lets them send HTTP requests to every host; otherwise
        to loopback only."""
        self._account = account
        self._vault = vault
        self._events = events
        self._clock = clock
        self._signature_clock = signature_clock or clock
        self._store = store
        self.services = (
            _simulated_services(store, clock, saved_services, deliver_anywhere=deliver_anywhere) if services else None
        )
        self.directory = AccountDirectory(store)
        self.facts: Facts = AccountFacts(store)
        self._uses = KeyUses()
        self._foreign_keys = ForeignKeys()
        messages = EncodedMessages(vault.secret_of("encoded authorization messages"))
        self._tokens = ClusterTokens(self.directory, vault, cluster.name, clock, self._signature_clock)
        eks = EKS(cluster, store)
        iam = IAM(store, keys, self._uses)
        associations = PodIdentityAssociations(eks, store, self.directory)
        eks_auth = EKSAuth(cluster, eks, store, self.directory, keys, vault)
        own = {
            **own_operations(STS(self.directory, keys, vault, account.region), eks, iam, Organizations(store)),
            **pod_identity_operations(associations, eks_auth),
            **policy_operations(Simulation(self.directory, self.facts), MessageDecoder(messages)),
        }
        self._server = Server(
            own, self.services, self.directory, self.facts, NewestRecords(store), Refusals(messages), account.id
        )
        self.administrator_id = ""
        self._ready = asyncio.Event()

    async def open_account(self) -> None:
        """Create the account with its administrator unless it exists. Then answer calls, and restore the services.

        Calls to podrole's own operations do not wait until the services have been restored.
        """
        self.administrator_id = await open_account(self._store, self._account, NODE)
        self._ready.set()
        if self.services is not None:
            await self.services.open()

    async def close(self) -> None:
        """End the services. Their state is saved if it is kept."""
        if self.services is not None:
            await self.services.close()

    def cluster_identity(self, token: str) -> Identity | None:
        """Return the identity that a token of ``aws eks get-token`` proves, None for an invalid token."""
        return self._tokens.identity_of(token) if self._ready.is_set() else None

    def node_credentials(self) -> Credentials | None:
        """Return credentials for the cluster's node, None if its role has been deleted."""
        account = self._account
        if not self._ready.is_set():
            return None
        return node_credentials(self.directory, self._vault, account.id, account.partition, self._clock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. A request whose body breaks off is neither served nor recorded."""
        if scope["path"] == HEALTH_PATH:
            response = HTTPResponse(200, [JSON], b'{"status":"ok"}')
        else:
            try:
                response = await self._answer(scope, receive)
            except ClientDisconnected:
                return
        await send_response(scope, send, response.status, response.body, response.headers)

    async def _answer(self, scope: Scope, receive: Receive) -> HTTPResponse:
        request_id = _request_id()
        now = self._clock()
        try:
            http = await read_request(scope, receive)
        except BodyTooLarge:
            return error_response(too_large(), None, "query", request_id)
        request = ReceivedRequest(request_id, http, now)
        try:
            call = await off_loop(http, lambda: identify(request))
        except UnidentifiedRequest as error:
            record_unidentified(self._events, request, error)
            return error_response(error, error.service, error.protocol, request_id)
        except Exception as problem:  # noqa: BLE001 - the last resort: an answer instead of a dropped connection
            failure = UnidentifiedRequest(_failure("a request", problem), None, "query")
            record_unidentified(self._events, request, failure)
            return error_response(failure, failure.service, failure.protocol, request_id)
        outcome: HTTPResponse | AWSError
        try:
            outcome = await self._through_the_stations(call, now)
        except AWSError as error:
            self._foreign_keys.note(error)
            outcome = error
        except Exception as problem:  # noqa: BLE001 - the last resort: an answer instead of a dropped connection
            outcome = _failure(f"a call to {call.action}", problem)
        record(self._events, call, outcome)
        if isinstance(outcome, AWSError):
            return error_response(outcome, call.service, call.protocol, request_id)
        return outcome

    async def _through_the_stations(self, call: IdentifiedCall, now: float) -> HTTPResponse:
        if not self._ready.is_set():
            await self._ready.wait()
        signed_now = self._signature_clock()
        caller = await off_loop(
            call.http, lambda: authenticate(call, self.directory, self._vault, now, signed_now=signed_now)
        )
        call.principal = str(caller.principal)
        if caller.session is None and caller.access_key_id is not None:
            self._uses.note(caller.access_key_id, now, call.service.signing, call.region)
        elif isinstance(caller.entity, Role):
            self._uses.note(caller.entity.id, now, call.service.signing, call.region)
        refuse_by_session(call, caller)
        await read_large_input(call)
        name_the_caller(call, caller)
        return await self._server.serve(call, caller)


def _simulated_services(
    store: AccountStore, clock: Clock, saved: Path | None, *, deliver_anywhere: bool
) -> MotoServices | None:
    """Return the services, None if they are not installed (the extra ``services``)."""
    if importlib.util.find_spec("moto") is None:
        return None
    from podrole.aws.emulator import MotoServices

    return MotoServices(store, clock, saved, deliver_anywhere=deliver_anywhere)


def _request_id() -> str:
    """Return a UUID of version 4, quicker than uuid.UUID does. It names a request, it guards nothing."""
    bits = random.getrandbits(128)
    digits = f"{bits & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _failure(what: str, problem: Exception) -> AWSError:
    """Log a fault of podrole's own: where it happened, not its message, which may repeat a token of the client."""
    frames = traceback.extract_tb(problem.__traceback__)
    places = " < ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
    _log.error("%s failed: %s at %s", what, type(problem).__name__, places)
    return internal_failure()


def refuse_by_session(call: IdentifiedCall, caller: Caller) -> None:
    """Refuse the operations that a kind of temporary credentials may never call, whatever the policies say.

    Raises AWSError.
    """
    denial = session_denial(call.service.name, call.operation, caller.session)
    if denial is not None:
        raise denial_error(denial)
