"""A local AWS on loopback with a cluster's issuer beside it, in a thread, for tests that use real clients."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from xml.etree import ElementTree

import boto3
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from podrole.account.directory import AccountDirectory
from podrole.account.iam.records import RoleRecord
from podrole.account.opening import Account, open_account
from podrole.account.store import AccountStore
from podrole.aws.eks.node_role import NODE
from podrole.aws.eks.pod_identity_agent import PodIdentityAgent
from podrole.aws.emulator import MotoServices
from podrole.aws.endpoint import Endpoint
from podrole.aws.interfaces import Facts
from podrole.aws.operations.eks import ClusterInfo
from podrole.base import front
from podrole.base.certificates import Authority, server_context
from podrole.base.events import Event, EventLog
from podrole.base.named_certificates import NamedCertificates
from podrole.base.partitions import endpoint_domain
from podrole.base.proxy import Rules
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.oidc.issuer import mint
from podrole.oidc.keycache import KeyCache
from podrole.oidc.keys import SigningKey
from podrole.sts.credentials import Vault, access_key_id
from support.issuer import HOST, ISSUER, FakeIssuer
from support.journal import FaultyJournal

ACCOUNT = "111122223333"
REGION = "us-east-1"
ADMIN_KEY, ADMIN_SECRET = "AKIAQ2YKXS5XEXAMPLE7", "administrator/secret/of/the/tests/000000"
PREFIX = ISSUER.removeprefix("https://")
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{PREFIX}"
SUBJECT = "system:serviceaccount:shop:inventory"
READER = f"arn:aws:iam::{ACCOUNT}:role/reader"
OWN = frozenset({"eks", "eks-auth", "iam", "organizations", "sts"})
"""The services that are podrole's own."""
FETCH_SECONDS = 60.0
"""How long the issuer may take: more than STS allows, because the machine may be busy."""

_KEY_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")

T = TypeVar("T")


def trust_policy(**condition: Any) -> dict[str, Any]:
    """The trust policy of the walkthrough; ``condition`` replaces its condition."""
    equals = {"StringEquals": {f"{PREFIX}:sub": SUBJECT, f"{PREFIX}:aud": "sts.amazonaws.com"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER_ARN},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition or equals,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def policy(*statements: dict[str, Any]) -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """An Allow for an identity policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust_of(principal: str | list[str], action: str | list[str] = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    """An Allow for a trust policy that names AWS principals."""
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **more}


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, int, str]:
    """Return code, status and message of the error that a boto3 call ends with."""
    try:
        answer = call(**arguments)
    except ClientError as problem:
        response = problem.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]
    raise AssertionError(f"it was not refused: {answer}")


@dataclass
class LocalAWS:
    """A running endpoint. ``offset`` moves its clock (seconds)."""

    port: int
    issuer: FakeIssuer
    events: EventLog
    vault: Vault
    loop: asyncio.AbstractEventLoop
    store: AccountStore = field(init=False)
    journal: FaultyJournal | None = None
    endpoint: Endpoint | None = None
    keys: KeyCache | None = None
    agent_url: str = ""
    offset: float = 0.0
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30))
    _clients: dict[Any, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def services(self) -> MotoServices:
        """The services behind the endpoint."""
        assert self.endpoint is not None
        if self.endpoint.services is None:
            pytest.skip("needs the extra services")
        return self.endpoint.services

    @property
    def facts(self) -> Facts:
        """The facts of the account's records."""
        assert self.endpoint is not None
        return self.endpoint.facts

    @property
    def directory(self) -> AccountDirectory:
        """The account, as decisions read it."""
        return AccountDirectory(self.store)

    def now(self) -> float:
        return time.time() + self.offset

    def client(self, service: str, credentials: dict[str, str] | None = None, **config: Any) -> Any:
        """Return a boto3 client, the administrator's by default. ``config`` is botocore's, with ``region_name``."""
        if service not in OWN and self.endpoint is not None and self.endpoint.services is None:
            pytest.skip("needs the extra services")
        given = credentials or {"AccessKeyId": ADMIN_KEY, "SecretAccessKey": ADMIN_SECRET}
        name = (service, *(given.get(part) for part in _KEY_PARTS), tuple(config.items()))
        if name not in self._clients:
            self._clients[name] = self._new_client(service, given, dict(config))
        return self._clients[name]

    def _new_client(self, service: str, given: dict[str, str], config: dict[str, Any]) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=config.pop("region_name", REGION),
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def reset(self) -> None:
        """Begin a test: an empty account, an issuer that behaves, a clock that is right."""
        self.offset = 0.0
        self.issuer.behave()
        self.run(self._reset)
        self._close_clients()

    async def _reset(self) -> None:
        if self.endpoint is not None and self.keys is not None:
            self.keys.fetch_limit = FETCH_SECONDS
            await self.store.clear()
            if self.endpoint.services is not None:
                await self.endpoint.services.clear()
            await self.endpoint.open_account()
            self.keys.forget()
            self.events.clear()

    def close(self) -> None:
        """Close every connection that a test opened."""
        for client in self._clients.values():
            client.close()
        self.http.close()

    def _close_clients(self) -> None:
        for name, client in list(self._clients.items()):
            if name[1] != ADMIN_KEY:  # the administrator's serve every test
                client.close()
                del self._clients[name]

    def token(self, **claims: Any) -> str:
        """Mint a pod's token; a claim of None is left out."""
        now = int(self.now())
        payload = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "aud": ["sts.amazonaws.com"],
            "iat": now,
            "nbf": now,
            "exp": now + 3_600,
            **claims,
        }
        return mint({name: value for name, value in payload.items() if value is not None}, self.issuer.keys[-1])

    def exchange(self, token: str | None = None, **parameters: str) -> httpx2.Response:
        """Send AssumeRoleWithWebIdentity as raw HTTP."""
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": READER,
            "RoleSessionName": "web",
            "WebIdentityToken": token if token is not None else self.token(),
            **parameters,
        }
        return self.post(urlencode(form))

    def post(self, body: str | bytes, **headers: str) -> httpx2.Response:
        """Send a form, unsigned."""
        given = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self.http.post(self.url, content=body, headers=given)

    def credentials(self, token: str | None = None, role: str = READER, **parameters: Any) -> dict[str, str]:
        """Exchange a token for credentials, by boto3."""
        answer = self.client("sts").assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="web", WebIdentityToken=token or self.token(), **parameters
        )
        return dict(answer["Credentials"])

    def last_event(self) -> Event:
        return next(iter(self.events.recent()))

    def set_up_role(self, trust: dict[str, Any] | None = None, name: str = "reader", **more: Any) -> None:
        """Make the provider, if it is not there, and a role that trusts it."""
        iam = self.client("iam")
        if not iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            iam.create_open_id_connect_provider(
                Url=ISSUER, ClientIDList=["sts.amazonaws.com"], ThumbprintList=self.issuer.thumbprints
            )
        document = json.dumps(trust or trust_policy())
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)

    def user(self, name: str, *statements: dict[str, Any], **more: Any) -> dict[str, str]:
        """Make a user with an inline policy of these statements, and return its access key."""
        iam = self.client("iam")
        iam.create_user(UserName=name, **more)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return dict(iam.create_access_key(UserName=name)["AccessKey"])

    def role(self, name: str, trust: dict[str, Any], *statements: dict[str, Any], **more: Any) -> str:
        """Make a role with a trust statement and an inline policy, and return its ARN."""
        iam = self.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust), **more)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return str(made["Role"]["Arn"])

    def administrator_of(self, account: str) -> dict[str, str]:
        """Open another account beside the world's own, and return the key of its administrator."""
        key_id = access_key_id("AKIA", account, os.urandom(5))
        opened = Account(account, REGION, key_id, "secret-of-another-administrator-of-this-one")
        self.run(lambda: open_account(self.store, opened, NODE))
        return {"AccessKeyId": opened.admin_key_id, "SecretAccessKey": opened.admin_secret}

    def store_trust(self, document: object, name: str = "reader", account: str = ACCOUNT) -> None:
        """Put a trust policy into the account around IAM's own checks, as one that was stored before there were any."""
        text = document if isinstance(document, str) else json.dumps(document)

        async def put() -> None:
            state = self.store.newest_iam(account, "aws")
            role = state.named(RoleRecord, name)
            assert role is not None
            changed = dataclasses.replace(role, trust_policy=text, trusted_ids={})
            await self.store.transact(lambda transaction: transaction.put(state, changed))

        self.run(put)

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine in the endpoint's loop."""

        async def call() -> T:
            return await function()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(30)


def refusal(answer: httpx2.Response) -> tuple[int, str, str]:
    """Return status, code and message of a query service's error, having made sure that it is well-formed."""
    root = ElementTree.fromstring(answer.text)
    kind = "Sender" if answer.status_code < 500 else "Receiver"
    assert _text(root, "Type") == kind
    assert _text(root, "RequestId") == answer.headers["x-amzn-requestid"]
    assert answer.headers["content-type"] == "text/xml"
    return answer.status_code, _text(root, "Code"), _text(root, "Message")


def _text(root: ElementTree.Element, name: str) -> str:
    found = root.find(f".//{{*}}{name}")
    return "" if found is None else found.text or ""


@contextlib.contextmanager
def local_aws(
    signing_key: SigningKey, authority: Authority, directory: Path | None = None, *, services: bool = True
) -> Iterator[LocalAWS]:
    """Run an endpoint and an issuer until the context ends. In a directory, it goes on where it ended."""
    started: list[LocalAWS] = []
    failed: list[BaseException] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        issuer = FakeIssuer(authority, [signing_key])
        issuer_socket, socket = bind(0, name="issuer", option=""), bind(0, name="aws", option="")
        issuer.port = issuer_socket.getsockname()[1]
        aws = LocalAWS(socket.getsockname()[1], issuer, EventLog(), Vault(bytes(range(32))), asyncio.get_running_loop())
        journal = aws.journal = FaultyJournal(directory / "journal.sqlite") if directory is not None else None
        aws.store = AccountStore(aws.now, os.urandom, journal)
        aws.keys = KeyCache(issuer.fetcher(), aws.now, cool_down=0.2, fetch_limit=FETCH_SECONDS)
        aws.endpoint = endpoint = Endpoint(
            Account(ACCOUNT, REGION, ADMIN_KEY, ADMIN_SECRET),
            ClusterInfo(
                name="podrole",
                arn=f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/podrole",
                endpoint="https://127.0.0.1:6443",
                certificate_authority=authority.certificate_pem,
                issuer=ISSUER,
                version="1.36",
                created_at=time.time(),
            ),
            store=aws.store,
            vault=aws.vault,
            keys=aws.keys,
            events=aws.events,
            clock=aws.now,
            services=services,
            saved_services=directory / "services.json.gz" if directory is not None else None,
        )
        agent_socket = bind(0, name="agent", option="")
        aws.agent_url = f"http://{LOOPBACK}:{agent_socket.getsockname()[1]}"
        agent = PodIdentityAgent(aws.url, "podrole", REGION, endpoint.node_credentials, aws.now)
        rules = Rules(lambda name: endpoint_domain(name) is not None, internet=False)
        names = NamedCertificates(authority, [LOOPBACK], rules.is_ours, time.time)
        tls = server_context(authority.issue([HOST], now=time.time()))
        tls.sni_callback = issuer.choose_certificate
        async with (
            listening(issuer, issuer_socket, tls=tls, grace_seconds=0),
            listening(endpoint, socket, grace_seconds=0, protocol=front.protocol(front.Front(names.context, rules))),
            listening(agent, agent_socket, grace_seconds=0),
            contextlib.aclosing(agent),
        ):
            await endpoint.open_account()
            started.append(aws)
            ready.set()
            await asyncio.to_thread(stop.wait)
            if issuer.delay is not None:
                issuer.delay.set()
        await endpoint.close()
        if journal is not None:
            journal.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as problem:  # noqa: BLE001 - handed to the test's thread
            failed.append(problem)
            ready.set()

    thread = threading.Thread(target=run, name="local aws")
    thread.start()
    ready.wait(60)
    try:
        if failed:
            raise failed[0]
        yield started[0]
    finally:
        for running in started:
            running.close()
        stop.set()
        thread.join(60)
    if failed:
        raise failed[0]
