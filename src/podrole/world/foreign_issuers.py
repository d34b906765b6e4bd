"""The issuers of other places that a world uses: what ``podrole up`` is told of them, read and checked.

The flags of the cluster are kube-apiserver's, so what works here works there
(https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/). Where an issuer's host leads
changes nothing of what AWS checks: its server must have a certificate for the issuer's own name, from an authority that
the system trusts or whose thumbprint the provider lists, as at IAM.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm

from podrole.base.asgi import JSON, TEXT, Receive, Scope, Send, send_response
from podrole.base.partitions import eks_issuer_region
from podrole.iam.provider_url import provider_url_fault
from podrole.issuer.errors import InvalidIssuer, IssuerError
from podrole.issuer.key_files import public_key_file
from podrole.issuer.publishing import DISCOVERY, KEYS, check_issuer
from podrole.issuer.store import FolderStore, split_location
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.keys import SigningKey, VerificationKey
from podrole.world.errors import BadSetting
from podrole.world.proxy import is_aws_name
from podrole.world.settings import WorldSettings

Address = tuple[str, int]
_App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ServedIssuer:
    """A folder whose documents the world serves under their issuer's URL."""

    url: str
    folder: FolderStore

    @property
    def host(self) -> str:
        """The host of the URL."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class ForeignIssuers:
    """What a world is told of issuers and keys. All empty: the cluster has an EKS issuer of its own.

    ``issuers``: the first signs, all are accepted. ``places``: where hosts lead, on this machine. ``signing`` signs in
    place of the world's key; ``verifying`` are accepted, too.
    """

    issuers: tuple[str, ...]
    served: tuple[ServedIssuer, ...]
    places: Mapping[str, Address]
    signing: SigningKey | None
    verifying: tuple[VerificationKey, ...]

    @property
    def changes_cluster(self) -> bool:
        """Whether the cluster's issuer or keys are others than the world's own."""
        return bool(self.issuers or self.signing or self.verifying)


def read_foreign_issuers(settings: WorldSettings) -> ForeignIssuers:
    """Read what the settings name. Raises BadSetting."""
    for url in settings.service_account_issuer:
        if eks_issuer_region(url) is None:  # the world's own may be one of several
            _check_issuer("--service-account-issuer", url)
    served = tuple(_served(text) for text in settings.serve_issuer)
    mapped = [_place(text) for text in settings.issuer_map]
    places = dict(mapped)
    for option, names in (
        ("--issuer-map", [name for name, _ in mapped]),
        ("--serve-issuer", [issuer.url for issuer in served]),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BadSetting(f"{option} names {twice} twice.", expected="each once")
    for issuer in served:
        if issuer.host in places:
            raise BadSetting(f"{issuer.host} is in --issuer-map and in --serve-issuer.", expected="one of the two")
    file = settings.service_account_signing_key_file
    return ForeignIssuers(
        settings.service_account_issuer,
        served,
        places,
        None if file is None else _signing_key(Path(file)),
        tuple(key for text in settings.service_account_key_file for key in _verification_keys(Path(text))),
    )


def _check_issuer(option: str, url: str) -> None:
    try:
        check_issuer(url)
    except InvalidIssuer as problem:
        raise BadSetting(f"{option}: {problem.what}", got=problem.got, expected=problem.expected) from None


def _served(text: str) -> ServedIssuer:
    try:
        kind, place = split_location(text)
    except InvalidIssuer:
        kind, place = "", ""
    if kind != "dir":
        raise BadSetting("--serve-issuer is not a folder.", got=repr(text), expected="dir:FOLDER")
    folder = FolderStore(Path(place).absolute())
    try:
        stored = folder.read(DISCOVERY)
        url = "" if stored is None else str(json.loads(stored.content)["issuer"])
    except (ValueError, KeyError, TypeError):
        url = ""
    if not url:
        raise BadSetting(
            f"--serve-issuer: {folder.what} has no discovery document that names its issuer.",
            expected=DISCOVERY,
            next_step=f"podrole issuer init --to {text} --issuer https://HOST/PATH --approve",
        )
    _check_issuer("--serve-issuer", url)
    served = ServedIssuer(url, folder)
    _refuse_aws("--serve-issuer", served.host)
    return served


def _place(text: str) -> tuple[str, Address]:
    """Read HOST=ADDRESS[:PORT], an IPv6 address in brackets."""
    host, _, place = text.partition("=")
    try:
        parts = urlsplit(f"//{place}")
        address = ipaddress.ip_address(parts.hostname or "")
        port = 443 if parts.port is None else parts.port
    except ValueError:
        address, port = None, 0
    is_name = "/" not in host and host == host.lower() and provider_url_fault(f"https://{host}") is None
    if not is_name or address is None or not address.is_loopback or not port or "@" in place or parts.netloc != place:
        raise BadSetting(
            "--issuer-map does not lead a host to this machine.",
            got=repr(text),
            expected="HOST=127.0.0.1:PORT or HOST=[::1]:PORT",
            next_step="a host elsewhere is found by its name in DNS, without --issuer-map",
        )
    _refuse_aws("--issuer-map", host)
    return host, (str(address), port)


def _refuse_aws(option: str, host: str) -> None:
    if is_aws_name(host):
        raise BadSetting(
            f"{option}: {host} is a name of AWS, for which the local AWS answers.",
            next_step="publish it in the local AWS: podrole issuer init --to s3://BUCKET --name NAME --public-bucket",
        )


def _signing_key(file: Path) -> SigningKey:
    try:
        return SigningKey.from_pem(file.read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise BadSetting(
            f"--service-account-signing-key-file: {file} is not a private key that can be read.",
            got=type(problem).__name__,
            expected="an RSA or EC key in PEM, without a password",
        ) from None


def _verification_keys(file: Path) -> tuple[VerificationKey, ...]:
    try:
        keys = public_key_file(file)
    except InvalidIssuer as problem:
        raise BadSetting(
            f"--service-account-key-file: {problem.what}", got=problem.got, next_step=problem.next_step
        ) from None
    parsed = parse_jwks({"keys": [dict(jwk) for jwk in keys.values()]}, where=str(file))
    return tuple(parsed[kid][0] for kid in keys)


class IssuerListener:
    """The ASGI application of the issuer's listener: the cluster's own documents, and those of served folders under
    their hosts. Of a folder only the two documents are served."""

    def __init__(self, own: _App, served: tuple[ServedIssuer, ...]) -> None:
        self._own = own
        self._hosts = {issuer.host for issuer in served}
        self._documents = {
            (issuer.host, f"{urlsplit(issuer.url).path}/{document}"): (issuer.folder, document)
            for issuer in served
            for document in (DISCOVERY, KEYS)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        host = next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"), "")
        host = host.lower().removesuffix(":443")
        if host not in self._hosts:
            await self._own(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            await send_response(scope, send, 405, b"method not allowed\n", [(b"allow", b"GET, HEAD")])
            return
        folder, document = self._documents.get((host, scope["path"]), (None, ""))
        try:
            stored = None if folder is None else folder.read(document)
        except IssuerError as problem:
            await send_response(scope, send, 500, f"{problem.what}\n".encode(), [TEXT])
            return
        if stored is None:
            await send_response(scope, send, 404, b"404 page not found\n", [TEXT])
        else:
            await send_response(scope, send, 200, stored.content, [JSON])
