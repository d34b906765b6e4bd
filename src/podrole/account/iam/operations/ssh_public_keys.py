"""A user's SSH public keys. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSSHPublicKey.html."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, limit_exceeded, no_such_entity
from podrole.account.iam.operations.credential_status import status, wanted_status
from podrole.account.iam.records import SSHKeyRecord, UserRecord
from podrole.account.iam.request import IAMRequest, Output, time

MOST_SSH_KEYS = 5
"""Of each user (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def upload_ssh_public_key(request: IAMRequest) -> Output:
    """UploadSSHPublicKey."""
    user = request.user()
    present = request.state.owned(SSHKeyRecord, user)
    body, fingerprint = _ssh_key(request.input["SSHPublicKeyBody"])
    if any(key.body == body for key in present):
        raise AccountError("DuplicateSSHPublicKey", 400, "The SSH public key is already associated with the user.")
    if len(present) >= MOST_SSH_KEYS:
        raise limit_exceeded("SSHPublicKeysPerUser", MOST_SSH_KEYS)
    key = SSHKeyRecord(
        id=request.new_id("APKA"), user_id=user.id, body=body, fingerprint=fingerprint, created_at=request.now
    )
    request.put(key)
    return {"SSHPublicKey": _shown_ssh_key(key, user, key.body)}


def _ssh_key(text: str) -> tuple[str, str]:
    """Return an RSA public key as PEM, and the MD5 fingerprint of its SSH form. Raises AccountError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    invalid = AccountError("InvalidPublicKey", 400, "The public key is not valid.")
    try:
        data = text.encode()
        load = serialization.load_ssh_public_key if text.startswith("ssh-") else serialization.load_pem_public_key
        key = load(data)
    except (ValueError, UnsupportedAlgorithm):
        raise invalid from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2_048:
        raise invalid
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    digest = hashlib.md5(base64.b64decode(_openssh(pem).split()[1]), usedforsecurity=False).hexdigest()
    return pem, ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _openssh(pem: str) -> str:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_public_key(pem.encode())
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _shown_ssh_key(key: SSHKeyRecord, user: UserRecord, body: str) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "SSHPublicKeyId": key.id,
        "Fingerprint": key.fingerprint,
        "SSHPublicKeyBody": body,
        "Status": status(key.active),
        "UploadDate": time(key.created_at),
    }


def _user_ssh_key(request: IAMRequest) -> SSHKeyRecord:
    key_id = request.input["SSHPublicKeyId"]
    key = request.state.get(SSHKeyRecord, key_id)
    if key is None or key.user_id != request.user().id:
        raise no_such_entity(f"The Public Key with id {key_id} cannot be found.")
    return key


def get_ssh_public_key(request: IAMRequest) -> Output:
    """GetSSHPublicKey, as ``PEM`` or in the form of OpenSSH."""
    key, encoding = _user_ssh_key(request), request.input["Encoding"]
    body = key.body if encoding == "PEM" else _openssh(key.body)
    return {"SSHPublicKey": _shown_ssh_key(key, request.user(), body)}


def list_ssh_public_keys(request: IAMRequest) -> Output:
    """ListSSHPublicKeys."""
    user = request.user()
    keys = sorted(request.state.owned(SSHKeyRecord, user), key=lambda key: key.id)
    return request.page(
        "SSHPublicKeys",
        keys,
        lambda key: key.id,
        lambda key: {
            "UserName": user.name,
            "SSHPublicKeyId": key.id,
            "Status": status(key.active),
            "UploadDate": time(key.created_at),
        },
    )


def update_ssh_public_key(request: IAMRequest) -> Output:
    """UpdateSSHPublicKey."""
    request.put(replace(_user_ssh_key(request), active=wanted_status(request)))
    return {}


def delete_ssh_public_key(request: IAMRequest) -> Output:
    """DeleteSSHPublicKey."""
    request.delete(_user_ssh_key(request))
    return {}
