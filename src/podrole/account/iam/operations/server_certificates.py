"""Server certificates. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadServerCertificate.html."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError
from podrole.account.iam.operations import shown
from podrole.account.iam.records import ServerCertificateRecord
from podrole.account.iam.request import IAMRequest, Output, new_tags, time


def upload_server_certificate(request: IAMRequest) -> Output:
    """UploadServerCertificate: certificate and key must belong together. The key is not kept: no answer shows it."""
    parameters = request.input
    name = parameters["ServerCertificateName"]
    request.require_new_name(ServerCertificateRecord, name, f"The Server Certificate with name {name} already exists.")
    request.require_room(ServerCertificateRecord)
    certificate = ServerCertificateRecord(
        id=request.new_id("ASCA"),
        name=name,
        path=parameters.get("Path", "/"),
        created_at=request.now,
        tags=new_tags(parameters.get("Tags"), {}, "TagsPerServerCertificate"),
        body=parameters["CertificateBody"],
        chain=parameters.get("CertificateChain"),
        expires_at=_expiry(parameters["CertificateBody"], parameters["PrivateKey"]),
    )
    request.put(certificate)
    return {"ServerCertificateMetadata": _metadata(request, certificate)} | shown.tags(certificate.tags)


def _expiry(body: str, private_key: str) -> float:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        certificate = x509.load_pem_x509_certificate(body.encode())
    except ValueError:
        raise AccountError("MalformedCertificate", 400, "Unable to parse certificate.") from None
    try:
        key = serialization.load_pem_private_key(private_key.encode(), None)
    except (TypeError, ValueError):
        raise AccountError(
            "MalformedCertificate", 400, "Unable to parse key. It must be PEM without a password."
        ) from None
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise AccountError("KeyPairMismatch", 400, "The public key in certificate does not match the private key.")
    return certificate.not_valid_after_utc.timestamp()


def _metadata(request: IAMRequest, certificate: ServerCertificateRecord) -> dict[str, Any]:
    return {
        "Path": certificate.path,
        "ServerCertificateName": certificate.name,
        "ServerCertificateId": certificate.id,
        "Arn": request.state.arn(certificate),
        "UploadDate": time(certificate.created_at),
        "Expiration": time(certificate.expires_at),
    }


def find_server_certificate(request: IAMRequest) -> ServerCertificateRecord:
    """Return the certificate that the request names. Raises AccountError."""
    return request.named(ServerCertificateRecord, "ServerCertificateName", "The Server Certificate with name")


def get_server_certificate(request: IAMRequest) -> Output:
    """GetServerCertificate."""
    certificate = find_server_certificate(request)
    output: dict[str, Any] = {
        "ServerCertificateMetadata": _metadata(request, certificate),
        "CertificateBody": certificate.body,
    }
    if certificate.chain is not None:
        output["CertificateChain"] = certificate.chain
    return {"ServerCertificate": output | shown.tags(certificate.tags)}


def list_server_certificates(request: IAMRequest) -> Output:
    """ListServerCertificates."""
    prefix = request.input.get("PathPrefix", "/")
    certificates = [
        certificate
        for certificate in request.state.records(ServerCertificateRecord)
        if certificate.path.startswith(prefix)
    ]
    return request.page(
        "ServerCertificateMetadataList",
        certificates,
        lambda certificate: certificate.name.lower(),
        lambda certificate: _metadata(request, certificate),
    )


def update_server_certificate(request: IAMRequest) -> Output:
    """UpdateServerCertificate: another name or path."""
    certificate, parameters = find_server_certificate(request), request.input
    name = parameters.get("NewServerCertificateName", certificate.name)
    message = f"The Server Certificate with name {name} already exists."
    request.require_new_name(ServerCertificateRecord, name, message, unless=certificate)
    request.put(replace(certificate, name=name, path=parameters.get("NewPath", certificate.path)))
    return {}


def delete_server_certificate(request: IAMRequest) -> Output:
    """DeleteServerCertificate."""
    request.delete(find_server_certificate(request))
    return {}
