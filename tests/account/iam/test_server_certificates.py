"""Server certificates: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import pytest

from support.complete import key_and_certificate
from support.iam_account import IAM, Before, Given, Refusal, exists, no_such

PRIVATE, CERTIFICATE, PUBLIC = key_and_certificate()
OTHER_PRIVATE, OTHER_CERTIFICATE, _ = key_and_certificate(1)

WEB = {"ServerCertificateName": "web", "CertificateBody": CERTIFICATE, "PrivateKey": PRIVATE}
REFUSED: dict[str, Refusal] = {
    "a server certificate's name": (
        [("UploadServerCertificate", WEB)],
        "UploadServerCertificate",
        {"ServerCertificateName": "WEB", "CertificateBody": OTHER_CERTIFICATE, "PrivateKey": OTHER_PRIVATE},
        exists("The Server Certificate with name WEB already exists."),
    ),
    "no server certificate": (
        [],
        "GetServerCertificate",
        {"ServerCertificateName": "x"},
        no_such("The Server Certificate with name x cannot be found."),
    ),
    "a key of another certificate": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "x", "CertificateBody": CERTIFICATE, "PrivateKey": OTHER_PRIVATE},
        ("KeyPairMismatch", 400, "The public key in certificate does not match the private key."),
    ),
    "no certificate": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "x", "CertificateBody": "x", "PrivateKey": PRIVATE},
        ("MalformedCertificate", 400, "Unable to parse certificate."),
    ),
    "no key": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "x", "CertificateBody": CERTIFICATE, "PrivateKey": "x"},
        ("MalformedCertificate", 400, "Unable to parse key. It must be PEM without a password."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


def test_a_certificate_is_shown_renamed_and_deleted(iam: IAM) -> None:
    metadata = iam("UploadServerCertificate", **WEB)["ServerCertificateMetadata"]
    assert metadata["Path"] == "/"
    shown = iam("GetServerCertificate", ServerCertificateName="web")["ServerCertificate"]
    assert shown == {"ServerCertificateMetadata": metadata, "CertificateBody": CERTIFICATE}
    iam("UpdateServerCertificate", ServerCertificateName="web", NewServerCertificateName="WEB", NewPath="/team/")
    iam("UploadServerCertificate", **{**WEB, "ServerCertificateName": "app", "CertificateChain": CERTIFICATE})
    assert iam.listed("ListServerCertificates", "ServerCertificateName") == ["app", "WEB"]
    assert iam.listed("ListServerCertificates", "ServerCertificateName", PathPrefix="/team/") == ["WEB"]
    app = iam("GetServerCertificate", ServerCertificateName="app")["ServerCertificate"]
    assert app["CertificateChain"] == CERTIFICATE
    taken = exists("The Server Certificate with name App already exists.")
    renaming = {"ServerCertificateName": "WEB", "NewServerCertificateName": "App"}
    assert iam.refused("UpdateServerCertificate", **renaming) == taken
    iam("DeleteServerCertificate", ServerCertificateName="WEB")
    assert iam.listed("ListServerCertificates", "ServerCertificateName") == ["app"]
