"""The serving certificate follows its files."""

from __future__ import annotations

import logging
import shutil
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509

from podrole.base.certificates import Authority, Certificate
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.webhook.errors import BadSettings
from podrole.webhook.files import fingerprint
from podrole.webhook.settings import ServingSettings
from podrole.webhook.tls.cipher_suites import openssl_ciphers
from podrole.webhook.tls.serving_certificate import ServingCertificate, server_context

AUTHORITY = Authority.create("test", now=time.time())


def issue(name: str) -> Certificate:
    return AUTHORITY.issue([name, LOOPBACK], now=time.time())


def write(directory: Path, certificate: Certificate) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "tls.crt").write_bytes(certificate.chain_pem)
    (directory / "tls.key").write_bytes(certificate.key_pem)


def serving(directory: Path) -> ServingCertificate:
    context = server_context(ServingSettings())
    return ServingCertificate(context, directory / "tls.crt", directory / "tls.key")


async def shown(certificate: ServingCertificate) -> str:
    """The common name that a new connection is shown."""

    async def app(scope: object, receive: object, send: object) -> None: ...

    import asyncio

    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    trust = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
    async with listening(app, sock, tls=certificate.context, grace_seconds=1):
        _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=trust)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
    (name,) = x509.load_der_x509_certificate(der).subject
    return str(name.value)


async def test_a_new_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    write(tmp_path, issue("first"))
    certificate = serving(tmp_path)
    assert await shown(certificate) == "first"
    assert certificate.refresh() is False
    write(tmp_path, issue("second"))
    assert certificate.refresh() is True
    assert await shown(certificate) == "second"


async def test_a_pair_that_does_not_fit_leaves_the_old_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, issue("first"))
    certificate = serving(tmp_path)
    second = issue("second")
    (tmp_path / "tls.crt").write_bytes(second.chain_pem)  # its key is still to come
    with caplog.at_level(logging.WARNING):
        assert certificate.refresh() is False
        assert certificate.refresh() is False
    assert len(caplog.records) == 1
    assert await shown(certificate) == "first"
    (tmp_path / "tls.key").write_bytes(second.key_pem)
    assert certificate.refresh() is True
    assert await shown(certificate) == "second"


async def test_files_that_are_gone_leave_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, issue("first"))
    certificate = serving(tmp_path)
    (tmp_path / "tls.crt").unlink()
    assert certificate.refresh() is False
    assert await shown(certificate) == "first"


async def test_a_mounted_secret_swaps_its_data_directory(tmp_path: Path) -> None:
    write(tmp_path / "1", issue("first"))
    write(tmp_path / "2", issue("second"))
    (tmp_path / "..data").symlink_to("1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(Path("..data") / name)
    certificate = serving(tmp_path)
    (tmp_path / "..new").symlink_to("2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    shutil.rmtree(tmp_path / "1")
    assert certificate.refresh() is True
    assert await shown(certificate) == "second"


@pytest.mark.parametrize("content", [b"", b"no PEM", None])
def test_a_start_without_a_usable_certificate_is_refused(tmp_path: Path, content: bytes | None) -> None:
    write(tmp_path, issue("first"))
    if content is None:
        (tmp_path / "tls.key").unlink()
    else:
        (tmp_path / "tls.key").write_bytes(content)
    with pytest.raises(BadSettings, match="cannot be used") as raised:
        serving(tmp_path)
    assert "--self-signed" in (raised.value.next_step or "")


def test_an_encrypted_key_does_not_ask_for_its_password(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate = issue("first")
    write(tmp_path, certificate)
    key = serialization.load_pem_private_key(certificate.key_pem, None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    )
    (tmp_path / "tls.key").write_bytes(encrypted)
    with pytest.raises(BadSettings):
        serving(tmp_path)


def test_versions_and_suites() -> None:
    assert server_context(ServingSettings()).minimum_version == ssl.TLSVersion.TLSv1_2
    context = server_context(
        ServingSettings(tls_min_version="1.3", tls_cipher_suites=("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",))
    )
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    of_tls12 = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert of_tls12 == {"ECDHE-RSA-AES256-GCM-SHA384"}


def test_unsupported_cipher_suites_are_refused() -> None:
    with pytest.raises(BadSettings, match="none of the cipher suites"):
        server_context(ServingSettings(tls_cipher_suites=("TLS_RSA_WITH_RC4_128_SHA",)))


def test_suites_without_effect_are_left_out() -> None:
    suites = ("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305")
    assert openssl_ciphers(suites) == "ECDHE-RSA-CHACHA20-POLY1305"


def test_no_file_has_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "none") is None
