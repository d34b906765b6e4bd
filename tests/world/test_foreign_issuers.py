"""A world serves an issuer's folder or finds its host on this machine, and checks what AWS checks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from podrole.base.certificates import Authority, thumbprint
from podrole.issuer.publishing import KEYS, RECORD, IssuerPublisher
from podrole.issuer.record import IssuerRecord
from podrole.issuer.rotation import publish
from podrole.issuer.store import FolderStore
from podrole.oidc.issuer import mint
from podrole.oidc.keys import jwks
from podrole.world.errors import BadSetting
from podrole.world.foreign_issuers import IssuerListener, read_foreign_issuers
from podrole.world.parts import issuer_resolver
from podrole.world.settings import WorldSettings
from support.fake_api_server import tls_site
from support.keys import rsa_key
from support.world import RunningWorld, running_world

SERVED, MAPPED, MISNAMED = (f"https://{name}.example.com/prod" for name in ("served", "mapped", "misnamed"))
KEY = rsa_key()
JWK = jwks([KEY.verification_key])["keys"][0]


def site(folder: Path, issuer: str) -> Path:
    """Publish an issuer in a folder."""
    publisher = IssuerPublisher(FolderStore(folder), time.time)
    publisher.create(IssuerRecord(issuer))
    publisher.change(lambda record, now: publish(record, "prod", {KEY.kid: JWK}, now))
    return folder


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer_map", "oidc.example.com"),
        ("issuer_map", "=127.0.0.1:8443"),
        ("issuer_map", "oidc.example.com="),
        ("issuer_map", "oidc.example.com=192.0.2.1:8443"),
        ("issuer_map", "oidc.example.com=localhost:8443"),
        ("issuer_map", "oidc.example.com=127.0.0.1:99999"),
        ("issuer_map", "oidc.example.com=127.0.0.1:8443/path"),
        ("issuer_map", "OIDC.example.com=127.0.0.1:8443"),
        ("issuer_map", "sts.amazonaws.com=127.0.0.1:8443"),
        ("issuer_map", "sts.amazonaws.com.=127.0.0.1:8443"),
        ("issuer_map", "oidc.example.com=127.0.0.1:0"),
        ("issuer_map", "oidc.example.com=me@127.0.0.1:8443"),
        ("issuer_map", "oidc.example.com=127.0.0.1:8443?x"),
        ("issuer_map", "oidc.example.com=127.0.0.1:8443#x"),
        ("issuer_map", "https://oidc.example.com=127.0.0.1:8443"),
        ("issuer_map", "oidc.example.com/prod=127.0.0.1:8443"),
        ("issuer_map", "oidc.example.com:443=127.0.0.1:8443"),
        ("issuer_map", "*.example.com=127.0.0.1:8443"),
        ("issuer_map", " oidc.example.com=127.0.0.1:8443"),
        ("serve_issuer", "s3://bucket"),
        ("serve_issuer", "./site"),
        ("serve_issuer", "dir:/nowhere"),
        ("service_account_issuer", "http://oidc.example.com"),
        ("service_account_issuer", "https://oidc.example.com:8443"),
        ("service_account_key_file", "/nowhere"),
    ],
)
def test_setting_that_cannot_be_right_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match="--" + name.replace("_", "-")):
        read_foreign_issuers(WorldSettings(**{name: (value,)}))  # type: ignore[arg-type]


def test_host_that_is_served_and_mapped_is_refused(tmp_path: Path) -> None:
    folder = site(tmp_path, SERVED)
    with pytest.raises(BadSetting, match="is in --issuer-map and in --serve-issuer"):
        read_foreign_issuers(
            WorldSettings(serve_issuer=(f"dir:{folder}",), issuer_map=("served.example.com=127.0.0.1:1",))
        )


def test_host_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"--issuer-map names a.example.com twice"):
        read_foreign_issuers(WorldSettings(issuer_map=("a.example.com=127.0.0.1:1", "a.example.com=127.0.0.1:2")))
    folders = tuple(f"dir:{site(tmp_path / name, SERVED)}" for name in "ab")
    with pytest.raises(BadSetting, match=f"--serve-issuer names {SERVED} twice"):
        read_foreign_issuers(WorldSettings(serve_issuer=folders))


def test_folder_of_an_aws_name_is_refused(tmp_path: Path) -> None:
    folder = site(tmp_path, "https://bucket.s3.us-east-1.amazonaws.com/prod")
    with pytest.raises(BadSetting, match="for which the local AWS answers"):
        read_foreign_issuers(WorldSettings(serve_issuer=(f"dir:{folder}",)))


def test_file_without_a_private_key_does_not_sign(tmp_path: Path) -> None:
    (tmp_path / "sa.key").write_text("nothing")
    with pytest.raises(BadSetting, match="--service-account-signing-key-file"):
        read_foreign_issuers(WorldSettings(service_account_signing_key_file=str(tmp_path / "sa.key")))


def test_keys_of_files_are_read(tmp_path: Path) -> None:
    from podrole.issuer.key_files import new_key_file

    kid, _ = new_key_file(tmp_path / "sa.key")
    found = read_foreign_issuers(
        WorldSettings(
            service_account_signing_key_file=str(tmp_path / "sa.key"),
            service_account_key_file=(str(tmp_path / "sa.pub"),),
        )
    )
    assert found.changes_cluster
    assert found.signing is not None
    assert [found.signing.kid, *(one.kid for one in found.verifying)] == [kid, kid]


def test_names_lead_to_their_places_on_the_https_port_only() -> None:
    resolve = issuer_resolver({"oidc.example.com": ("127.0.0.1", 1)}, 4566)
    assert resolve("oidc.example.com", 443) == ("127.0.0.1", 1)
    assert resolve("bucket.s3.us-east-1.amazonaws.com", 443) == ("127.0.0.1", 4566)
    assert resolve("oidc.example.com", 8443) == ("oidc.example.com", 8443)
    assert resolve("other.example.com", 443) == ("other.example.com", 443)


@pytest.mark.parametrize(
    ("method", "host", "path", "status"),
    [
        ("GET", "served.example.com", f"/prod/{KEYS}", 200),
        ("GET", "served.example.com:443", f"/prod/{KEYS}", 200),
        ("GET", "served.example.com", f"/{KEYS}", 404),
        ("GET", "served.example.com", f"/prod/{RECORD}", 404),
        ("GET", "served.example.com", f"/prod/x/../{KEYS}", 404),
        ("POST", "served.example.com", f"/prod/{KEYS}", 405),
        ("GET", "other.example.com", f"/prod/{KEYS}", 299),
    ],
)
async def test_only_the_two_documents_of_a_folder_are_served(
    tmp_path: Path, method: str, host: str, path: str, status: int
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def own(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299})

    async def receive() -> Any:
        raise AssertionError

    served = read_foreign_issuers(WorldSettings(serve_issuer=(f"dir:{site(tmp_path, SERVED)}",))).served
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", host.encode())]}
    await IssuerListener(own, served)(scope, receive, send)
    assert sent[0]["status"] == status
    if status == 200:
        (tmp_path / KEYS).unlink()
        os.mkfifo(tmp_path / KEYS)
        await IssuerListener(own, served)(scope, receive, send)
        assert sent[2]["status"] == 500, "what cannot be read is an error of the server, and keeps nobody waiting"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    place = tmp_path_factory.mktemp("issuers")
    folders = {issuer: site(place / str(number), issuer) for number, issuer in enumerate((SERVED, MAPPED, MISNAMED))}
    authority = Authority.create("an authority of its own", now=time.time())
    with (
        tls_site(folders[MAPPED].parent / "1", "mapped.example.com", authority, "/prod") as mapped,
        tls_site(folders[MISNAMED].parent / "2", "another.example.com", authority, "/prod") as misnamed,
        running_world(
            place,
            *("--serve-issuer", f"dir:{folders[SERVED]}"),
            *("--issuer-map", f"mapped.example.com=127.0.0.1:{mapped}"),
            *("--issuer-map", f"misnamed.example.com=127.0.0.1:{misnamed}"),
        ) as running,
    ):
        running.environment["FOREIGN_THUMBPRINT"] = thumbprint(authority.certificate_pem)
        yield running


def exchanged(world: RunningWorld, issuer: str, thumbprints: list[str]) -> str:
    """Register an issuer and exchange a token of it; return the code of a refusal."""
    iam, host = world.client("iam"), issuer.removeprefix("https://")
    given = {"ThumbprintList": thumbprints} if thumbprints else {}
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"], **given)
    subject = "system:serviceaccount:default:app"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host}:sub": subject}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = f"role-{len(iam.list_roles()['Roles'])}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]
    now = int(time.time())
    claims = {"iss": issuer, "sub": subject, "aud": ["sts.amazonaws.com"], "iat": now, "exp": now + 600}
    try:
        world.client("sts").assume_role_with_web_identity(
            RoleArn=role["Arn"], RoleSessionName="test", WebIdentityToken=mint(claims, KEY)
        )
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    finally:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["OpenIDConnectProviderArn"])
    return "done"


def test_token_of_a_served_folder_is_exchanged(world: RunningWorld) -> None:
    assert exchanged(world, SERVED, []) == "done"


def test_token_of_a_mapped_host_is_exchanged_with_its_thumbprint_only(world: RunningWorld) -> None:
    assert exchanged(world, MAPPED, [world.environment["FOREIGN_THUMBPRINT"]]) == "done"
    assert exchanged(world, MAPPED, []) == "done", "IAM stores the thumbprint itself"
    assert exchanged(world, MAPPED, ["0" * 40]) == "InvalidIdentityToken"


def test_mapped_host_with_a_certificate_of_another_name_is_refused(world: RunningWorld) -> None:
    assert exchanged(world, MISNAMED, [world.environment["FOREIGN_THUMBPRINT"]]) == "InvalidIdentityToken"
