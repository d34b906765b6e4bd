"""A user's signing certificates. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSigningCertificate.html."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, limit_exceeded, no_such_entity
from podrole.account.iam.operations.credential_status import status, wanted_status
from podrole.account.iam.records import SigningCertificateRecord, UserRecord
from podrole.account.iam.request import IAMRequest, Output, time

MOST_CERTIFICATES = 2
"""Of each user (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def upload_signing_certificate(request: IAMRequest) -> Output:
    """UploadSigningCertificate."""
    user, body = request.user(), request.input["CertificateBody"]
    certificate_id = certificate_fingerprint(body)[:24].upper()
    present = request.state.owned(SigningCertificateRecord, user)
    if request.state.get(SigningCertificateRecord, certificate_id) is not None:
        raise AccountError("DuplicateCertificate", 409, f"Certificate {certificate_id} is a duplicate.")
    if len(present) >= MOST_CERTIFICATES:
        raise limit_exceeded("CertificatesPerUser", MOST_CERTIFICATES)
    certificate = SigningCertificateRecord(id=certificate_id, user_id=user.id, body=body, created_at=request.now)
    request.put(certificate)
    return {"Certificate": _shown_certificate(certificate, user)}


def certificate_fingerprint(body: str) -> str:
    """Return the SHA-256 of a PEM certificate. Raises AccountError for one that cannot be read."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        return x509.load_pem_x509_certificate(body.encode()).fingerprint(hashes.SHA256()).hex()
    except ValueError:
        raise AccountError("MalformedCertificate", 400, "The certificate is malformed.") from None


def _shown_certificate(certificate: SigningCertificateRecord, user: UserRecord) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "CertificateId": certificate.id,
        "CertificateBody": certificate.body,
        "Status": status(certificate.active),
        "UploadDate": time(certificate.created_at),
    }


def _user_certificate(request: IAMRequest) -> SigningCertificateRecord:
    certificate_id = request.input["CertificateId"]
    certificate = request.state.get(SigningCertificateRecord, certificate_id)
    if certificate is None or certificate.user_id != request.user().id:
        raise no_such_entity(f"The Certificate with id {certificate_id} cannot be found.")
    return certificate


def list_signing_certificates(request: IAMRequest) -> Output:
    """ListSigningCertificates."""
    user = request.user()
    certificates = sorted(request.state.owned(SigningCertificateRecord, user), key=lambda certificate: certificate.id)
    return request.page(
        "Certificates",
        certificates,
        lambda certificate: certificate.id,
        lambda certificate: _shown_certificate(certificate, user),
    )


def update_signing_certificate(request: IAMRequest) -> Output:
    """UpdateSigningCertificate."""
    request.put(replace(_user_certificate(request), active=wanted_status(request)))
    return {}


def delete_signing_certificate(request: IAMRequest) -> Output:
    """DeleteSigningCertificate."""
    request.delete(_user_certificate(request))
    return {}
