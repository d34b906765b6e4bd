"""Link 4, with a cluster whose issuer is served by a test server, and other faults that no world can have."""

from __future__ import annotations

import errno
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.events import Event
from podrole.base.serving import bind, listening
from podrole.doctor.chain import Diagnosis, diagnose
from podrole.doctor.errors import SourceError
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.live import LiveFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.remedies.changes import ByHand, PublishDocument, Remedy
from podrole.doctor.report.findings import Finding, Link, LinkState, LinkVerdict, Severity
from podrole.doctor.sources.cluster import IssuedToken, Object
from podrole.doctor.sources.documents import FileDocument
from podrole.doctor.sources.files import FilesAccount
from podrole.doctor.sources.items import Origin, PolicyFile, ProviderFile, RoleFile
from podrole.doctor.sources.manifests import Manifests
from podrole.doctor.sources.sources import EnvironmentFacts, ExchangeAnswer, Sources
from podrole.iam.directory import OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.policy import PolicyKind
from podrole.oidc.fetch import Fetcher
from podrole.oidc.issuer import discovery_document, mint
from podrole.oidc.keys import SigningKey, jwks
from podrole.webhook.settings import InjectionSettings
from support.issuer import HOST, ISSUER, FakeIssuer

ROLE = "arn:aws:iam::111122223333:role/web"
ANSWER = ExchangeAnswer("provider", None, {})
ACCOUNT = {"kind": "ServiceAccount", "metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}}


class Cluster(Manifests):
    """Manifests of a cluster that shows its issuer and its keys."""

    def __init__(self, documents: list[FileDocument], key: SigningKey, issuer: str = ISSUER) -> None:
        super().__init__(documents, "shop")
        self.issuer, self.key = issuer, key

    async def discovery_document(self) -> Object:
        return dict(discovery_document(self.issuer, f"{self.issuer}/openid/v1/jwks", ["RS256"]))

    async def keys(self) -> Object:
        return dict(jwks([self.key.verification_key]))


class Account(FilesAccount):
    """An account of files with thumbprints for its provider and policies for its role."""

    thumbprints: tuple[str, ...] = ()
    policies: tuple[PolicyText, ...] = ()

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        found = super().oidc_provider(account, issuer, partition)
        return None if found is None else replace(found, thumbprints=self.thumbprints)

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        return PrincipalPolicies(self.policies)


def documents(*values: Object) -> list[FileDocument]:
    named = {"apiVersion": "v1"}
    return [
        FileDocument(
            Path("app.yaml"), index, {**named, **one, "metadata": {"name": "web", **one["metadata"]}}, lambda _: 1
        )
        for index, one in enumerate(values)
    ]


def trust(issuer: str = ISSUER) -> str:
    prefix = issuer.removeprefix("https://")
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{prefix}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{prefix}:sub": "system:serviceaccount:shop:web", f"{prefix}:aud": "sts.amazonaws.com"}
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def account(text: str, issuer: str = ISSUER) -> Account:
    origin = Origin(documents(ACCOUNT)[0])
    role = RoleFile("web", "/", PolicyFile(text, PolicyKind.TRUST, origin, "web"), origin)
    provider = ProviderFile(issuer, ("sts.amazonaws.com",), origin)
    return Account([role], [provider], (), "111122223333")


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate("RS256")


@pytest.fixture
async def issuer(key: SigningKey) -> AsyncIterator[FakeIssuer]:
    authority = Authority.create("test authority", now=time.time())
    fake = FakeIssuer(authority, [key])
    sock = bind(0, name="the issuer", option="--port")
    fake.port = sock.getsockname()[1]
    async with listening(fake, sock, tls=server_context(authority.issue([HOST], now=time.time())), grace_seconds=0):
        yield fake


@pytest.fixture
def sources(issuer: FakeIssuer, key: SigningKey) -> Sources:
    known = account(trust())
    known.thumbprints = tuple(issuer.thumbprints)
    return Sources(
        cluster=Cluster(documents(ACCOUNT), key),
        account=known,
        fetcher=issuer.fetcher(),
        settings=InjectionSettings(),
        environment=EnvironmentFacts(region="us-east-1"),
    )


async def gathered(sources: Sources) -> ChainFacts:
    gatherer = Gatherer(sources)
    try:
        return await gatherer.facts(DoctorTarget("shop", "web"))
    finally:
        await gatherer.close()


async def examined(sources: Sources) -> Diagnosis:
    return diagnose(await gathered(sources))


def only(diagnosis: Diagnosis, code: str) -> Finding:
    assert [one.code for one in (*diagnosis.faults, *diagnosis.risks)] == [code]
    return (*diagnosis.faults, *diagnosis.risks)[0]


def publish(issuer: FakeIssuer, remedy: Remedy) -> None:
    """Serve the documents of a remedy at the addresses that it names."""
    assert remedy.automatic
    for change in remedy.changes:
        assert isinstance(change, PublishDocument)
        if urlsplit(change.url).path.endswith("openid-configuration"):
            issuer.document = json.loads(change.content)
        else:
            issuer.key_set = json.loads(change.content)


async def test_issuer_with_the_clusters_documents_holds(sources: Sources) -> None:
    found = await examined(sources)
    assert (found.faults, found.risks) == ((), ())
    # Files have no webhook registration: that link is unknown, and no other.
    assert [one.link.title for one in found.verdicts if one.state is LinkState.UNKNOWN] == ["injection"]


async def test_wrong_issuer_in_the_discovery_document_is_found_and_repaired(
    sources: Sources, issuer: FakeIssuer
) -> None:
    issuer.document = discovery_document(f"{ISSUER}/", f"{ISSUER}/keys", ["RS256"])
    found = only(await examined(sources), "PR403")
    assert found.got is not None
    assert found.got.strip("'\"").endswith(f"{ISSUER}/")
    publish(issuer, found.remedy)
    assert (await examined(sources)).faults == ()


async def test_unpublished_rotated_keys_are_found_and_repaired(sources: Sources, issuer: FakeIssuer) -> None:
    issuer.keys = [SigningKey.generate("ES256")]
    found = only(await examined(sources), "PR404")
    assert found.severity is Severity.FAULT
    publish(issuer, found.remedy)
    assert (await examined(sources)).faults == ()


@pytest.mark.parametrize("body", [b"no json", {"keys": []}, {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}])
async def test_invalid_documents_are_found_and_repaired(sources: Sources, issuer: FakeIssuer, body: Any) -> None:
    issuer.key_set = body
    found = only(await examined(sources), "PR408")
    publish(issuer, found.remedy)
    assert (await examined(sources)).faults == ()


@pytest.mark.parametrize("url", ["https://a:b/c", "https://[a/b", "https://:443", "a b", "", "https://h:99999/x"])
async def test_issuer_that_is_not_a_url_is_found(sources: Sources, key: SigningKey, url: str) -> None:
    away = replace(sources, cluster=Cluster(documents(ACCOUNT), key, url))
    assert "PR401" in [one.code for one in (await examined(away)).faults]


@pytest.mark.parametrize("problem", [socket.gaierror(-2, "unknown"), OSError(errno.EHOSTUNREACH, "no route")])
async def test_issuer_that_this_machine_does_not_reach_could_not_be_checked(
    sources: Sources, key: SigningKey, problem: OSError
) -> None:
    def fail(host: str, port: int) -> tuple[str, int]:
        raise problem

    away = replace(sources, fetcher=Fetcher(resolve=fail), cluster=IssuingCluster(documents(ACCOUNT), key))
    found = await examined(away)
    assert found.faults == ()
    verdict = next(one for one in found.verdicts if one.link is Link.ISSUER)
    assert verdict.state is LinkState.UNKNOWN
    assert "--live" in verdict.why
    gatherer = Gatherer(replace(away, sts=FakeSTS("arn:aws:sts::111122223333:assumed-role/web/a")))
    live = diagnose(await gatherer.facts(DoctorTarget("shop", "web"), live=True))
    await gatherer.close()
    assert next(one for one in live.verdicts if one.link is Link.ISSUER).state is LinkState.HOLDS


async def test_unreachable_issuer_is_found(sources: Sources, issuer: FakeIssuer) -> None:
    issuer.down = True
    assert "cannot be fetched" in only(await examined(sources), "PR402").what
    issuer.down = False
    issuer.status = 500
    only(await examined(sources), "PR402")
    issuer.behave()
    assert (await examined(sources)).faults == ()


async def test_untrusted_certificate_is_reported_apart_from_the_documents(sources: Sources, issuer: FakeIssuer) -> None:
    assert isinstance(sources.account, Account)
    sources.account.thumbprints = ("0" * 40,)
    assert only(await examined(sources), "PR503").expected == f"thumbprint {issuer.thumbprints[0]}"


async def test_publicly_trusted_certificate_needs_no_thumbprint(sources: Sources, issuer: FakeIssuer) -> None:
    assert isinstance(sources.account, Account)
    sources.account.thumbprints = ()
    pem = issuer.authority.certificate_pem.decode()
    trusting = replace(sources, fetcher=issuer.fetcher(lambda: ssl.create_default_context(cadata=pem)))
    assert (await examined(trusting)).faults == ()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://issuer.example.com", "not an https address"),
        ("https://issuer.example.com:8443", "port 8443"),
        ("https://kubernetes.default.svc.cluster.local", "only inside the cluster's network"),
        ("https://10.0.0.1", "only inside the cluster's network"),
        ("https://localhost", "only inside the cluster's network"),
        ("kubernetes/serviceaccount", "not an https address"),
    ],
)
async def test_issuer_that_aws_cannot_reach_is_found(sources: Sources, key: SigningKey, url: str, why: str) -> None:
    inside = replace(sources, cluster=Cluster(documents(ACCOUNT), key, url), account=account(trust(url), url))
    diagnosis = await examined(inside)
    found = next(one for one in diagnosis.faults if one.code == "PR401")
    assert why in found.what
    assert "--service-account-issuer=" in str(found.remedy.changes)


async def test_issuer_with_a_public_name_is_accepted(sources: Sources) -> None:
    assert not [one for one in (await examined(sources)).faults if one.code == "PR401"]


async def test_expired_token_is_found_in_the_event_log(sources: Sources) -> None:
    expired = Event(
        "id", 1.0, "aws", "anonymous", "sts:AssumeRoleWithWebIdentity", "refused", code="ExpiredTokenException",
        why="The token has expired.", explanation={"token": {"claims": {"sub": "system:serviceaccount:shop:web"}}},
    )  # fmt: skip
    found = only(await examined(replace(sources, log=lambda: [expired])), "PR406")
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in found.remedy.what
    since = Event(
        "id", 2.0, "aws", ROLE, "sts:AssumeRoleWithWebIdentity", "allowed",
        explanation={"subject": "system:serviceaccount:shop:web"},
    )  # fmt: skip
    assert (await examined(replace(sources, log=lambda: [since, expired]))).faults == ()


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_clock_difference_is_found_by_a_real_exchange(sources: Sources, key: SigningKey, skew: float) -> None:
    facts = await gathered(sources)
    shown = {"header": {"kid": key.verification_key.kid}, "claims": {}}
    identity = "arn:aws:sts::111122223333:assumed-role/web/x"
    tried = replace(facts, live=LiveFacts(shown, ANSWER, identity, skew=skew))
    found = only(diagnose(tried), "PR407")
    assert ("ahead of" if skew > 0 else "behind") in found.what
    assert diagnose(replace(tried, live=LiveFacts(shown, ANSWER, identity, skew=1.0))).faults == ()


async def test_credentials_of_another_role_are_found(sources: Sources) -> None:
    facts = await gathered(sources)
    other = "arn:aws:sts::111122223333:assumed-role/other/x"
    tried = replace(facts, live=LiveFacts({}, ANSWER, other))
    assert only(diagnose(tried), "PR803").got == other


class IssuingCluster(Cluster):
    """A cluster that issues tokens and admits pods as they are."""

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IssuedToken:
        claims = {"iss": self.issuer, "aud": [audience], "sub": f"system:serviceaccount:{namespace}:{service_account}"}
        now = int(time.time())
        return IssuedToken(mint({**claims, "iat": now, "exp": now + 600}, self.key))

    async def admit(self, pod: Object) -> Object:
        return pod


class FakeSTS:
    """An STS that exchanges every token; ``identity`` is what GetCallerIdentity answers, None if it is denied."""

    def __init__(self, identity: str | None) -> None:
        self.identity = identity

    def assume(self, role_arn: str, token: str, session_name: str) -> ExchangeAnswer:
        return ANSWER

    def caller_arn(self, answer: ExchangeAnswer) -> str:
        if self.identity is None:
            raise SourceError("InvalidClientTokenId: The security token included in the request is invalid.")
        return self.identity


async def tried(sources: Sources, key: SigningKey, identity: str | None) -> LinkVerdict:
    """Return the verdict of the live exchange with an STS that answers ``identity``."""
    gatherer = Gatherer(replace(sources, cluster=IssuingCluster(documents(ACCOUNT), key), sts=FakeSTS(identity)))
    try:
        return diagnose(await gatherer.facts(DoctorTarget("shop", "web"), live=True)).verdicts[-1]
    finally:
        await gatherer.close()


async def test_real_exchange_checks_the_identity_of_the_credentials(sources: Sources, key: SigningKey) -> None:
    assert (await tried(sources, key, "arn:aws:sts::111122223333:assumed-role/web/x")).state is LinkState.HOLDS
    verdict = await tried(sources, key, "arn:aws:sts::111122223333:assumed-role/other/x")
    assert [one.code for one in verdict.findings] == ["PR803"]


async def test_credentials_that_aws_rejects_are_found(sources: Sources, key: SigningKey) -> None:
    verdict = await tried(sources, key, None)
    assert [one.code for one in verdict.findings] == ["PR803"]
    assert "InvalidClientTokenId" in verdict.why


async def test_malformed_trust_policy_is_repaired(sources: Sources) -> None:
    broken = account('{"Statement": [{"Effect": "Permit"}]}')
    broken.thumbprints = sources.account.thumbprints  # type: ignore[union-attr]
    found = only(await examined(replace(sources, account=broken)), "PR615")
    assert found.remedy.automatic
    written = account(found.remedy.changes[0].document)  # type: ignore[union-attr]
    written.thumbprints = broken.thumbprints
    assert (await examined(replace(sources, account=written))).faults == ()


async def test_denial_by_a_resource_policy_names_the_missing_statement(sources: Sources) -> None:
    session = "arn:aws:sts::111122223333:assumed-role/web/x"
    began = Event(
        "a", 1.0, "aws", session, "sts:AssumeRoleWithWebIdentity", "allowed", on=ROLE,
        explanation={"subject": "system:serviceaccount:shop:web"},
    )  # fmt: skip
    denied = {"action": "s3:GetObject", "resource": "arn:aws:s3:::theirs/a", "decided_by": "resource"}
    refused = Event("b", 2.0, "aws", session, "s3:GetObject", "refused", why="No policy.", explanation=denied)
    found = only(await examined(replace(sources, log=lambda: [refused, began])), "PR705")
    assert isinstance(found.remedy.changes[0], ByHand)
    assert '"Resource": "arn:aws:s3:::theirs/a"' in found.remedy.changes[0].text


async def test_container_that_can_use_the_nodes_role_is_a_risk(sources: Sources, key: SigningKey) -> None:
    container = {"name": "main", "image": "busybox"}
    made = {
        "kind": "Pod",
        "metadata": {"uid": "1", "annotations": {"eks.amazonaws.com/skip-containers": "main"}},
        "spec": {"serviceAccountName": "web", "containers": [container]},
    }
    found = await examined(replace(sources, cluster=Cluster(documents(ACCOUNT, made), key)))
    assert [one.code for one in found.risks] == ["PR209", "PR304"]
    container["env"] = [{"name": "AWS_EC2_METADATA_DISABLED", "value": "true"}]  # type: ignore[assignment]
    found = await examined(replace(sources, cluster=Cluster(documents(ACCOUNT, made), key)))
    assert [one.code for one in found.risks] == ["PR209"], "the pod's author declined the identity"
