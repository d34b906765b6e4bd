"""What a user proves itself with: access keys, a console password, MFA devices, SSH keys and signing certificates.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html and its siblings.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import string
import struct
from dataclasses import replace
from typing import Any

from podrole.account.errors import (
    AccountError,
    already_exists,
    delete_conflict,
    limit_exceeded,
    no_such_entity,
    validation_error,
)
from podrole.account.iam.operations import shown
from podrole.account.iam.records import (
    AccessKeyRecord,
    MFADeviceRecord,
    Password,
    PasswordPolicy,
    SigningCertificateRecord,
    SSHKeyRecord,
    UserRecord,
)
from podrole.account.iam.request import IAMRequest, Output, new_tags, time
from podrole.account.ids import secret_key
from podrole.sts.credentials import access_key_id

MOST_KEYS, MOST_SSH_KEYS, MOST_CERTIFICATES, MOST_DEVICES = 2, 5, 2, 8
"""Of each user (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


# Access keys


def create_access_key(request: IAMRequest) -> Output:
    """CreateAccessKey: the secret is shown this once."""
    user = request.user()
    if len(request.state.owned(AccessKeyRecord, user)) >= MOST_KEYS:
        raise limit_exceeded("AccessKeysPerUser", MOST_KEYS)
    key = AccessKeyRecord(
        id=access_key_id("AKIA", request.state.account, request.random(5)),
        user_id=user.id,
        secret=secret_key(request.random),
        created_at=request.now,
    )
    request.put(key)
    return {"AccessKey": {**_key(key, user), "SecretAccessKey": key.secret}}


def _key(key: AccessKeyRecord, user: UserRecord) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "AccessKeyId": key.id,
        "Status": _status(key.active),
        "CreateDate": time(key.created_at),
    }


def _status(active: bool) -> str:
    return "Active" if active else "Inactive"


def _wanted_status(request: IAMRequest) -> bool:
    """Return whether ``Status`` is Active. Raises AccountError for a status that only AWS sets."""
    status = request.input["Status"]
    if status == "Expired":
        raise validation_error("Status must be Active or Inactive.")
    return bool(status == "Active")


def list_access_keys(request: IAMRequest) -> Output:
    """ListAccessKeys."""
    user = request.user()
    keys = sorted(request.state.owned(AccessKeyRecord, user), key=lambda key: key.id)
    return request.page("AccessKeyMetadata", keys, lambda key: key.id, lambda key: _key(key, user))


def _user_key(request: IAMRequest) -> AccessKeyRecord:
    key_id, user = request.input["AccessKeyId"], request.user()
    key = request.state.get(AccessKeyRecord, key_id)
    if key is None or key.user_id != user.id:
        raise no_such_entity(f"The Access Key with id {key_id} cannot be found.")
    return key


def update_access_key(request: IAMRequest) -> Output:
    """UpdateAccessKey."""
    request.put(replace(_user_key(request), active=_wanted_status(request)))
    return {}


def delete_access_key(request: IAMRequest) -> Output:
    """DeleteAccessKey."""
    request.delete(_user_key(request))
    return {}


# Console passwords


def create_login_profile(request: IAMRequest) -> Output:
    """CreateLoginProfile."""
    user, given = request.user(), request.input
    if user.password is not None:
        raise already_exists(f"Login Profile for user {user.name} already exists.")
    text = given.get("Password")
    if text is None:
        raise validation_error("Password must be specified.")
    password = _password(request, text, reset_required=given.get("PasswordResetRequired", False))
    request.put(replace(user, password=password))
    return {"LoginProfile": _login_profile(user, password)}


def get_login_profile(request: IAMRequest) -> Output:
    """GetLoginProfile."""
    user = request.user()
    return {"LoginProfile": _login_profile(user, _present_password(user))}


def _login_profile(user: UserRecord, password: Password) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "CreateDate": time(password.created_at),
        "PasswordResetRequired": password.reset_required,
    }


def _present_password(user: UserRecord) -> Password:
    if user.password is None:
        raise no_such_entity(f"Login Profile for User {user.name} cannot be found.")
    return user.password


def update_login_profile(request: IAMRequest) -> Output:
    """UpdateLoginProfile."""
    user, given = request.user(), request.input
    present = _present_password(user)
    reset = given.get("PasswordResetRequired", present.reset_required)
    if "Password" in given:
        new = replace(_password(request, given["Password"], reset_required=reset), created_at=present.created_at)
    else:
        new = replace(present, reset_required=reset)
    request.put(replace(user, password=new))
    return {}


def delete_login_profile(request: IAMRequest) -> Output:
    """DeleteLoginProfile."""
    user = request.user()
    _present_password(user)
    request.put(replace(user, password=None))
    return {}


def change_password(request: IAMRequest) -> Output:
    """ChangePassword: a user changes its own. The password policy's ``AllowUsersToChangePassword`` grants permission
    in the console; here IAM policies have granted it."""
    user = request.state.get(UserRecord, request.user_id)
    if user is None:
        raise AccountError("InvalidUserType", 400, "Only IAM Users can change their own password")
    present = user.password
    if present is None or not hmac.compare_digest(_hash(request.input["OldPassword"], present.salt), present.hash):
        raise AccountError("InvalidInput", 400, "The old password was incorrect.")
    new = _password(request, request.input["NewPassword"], reset_required=False)
    request.put(replace(user, password=replace(new, created_at=present.created_at)))
    return {}


def _password(request: IAMRequest, text: str, *, reset_required: bool) -> Password:
    policy = request.state.settings.password_policy
    problem = _password_problem(text, policy) if policy is not None else _default_problem(text)
    if problem:
        raise AccountError("PasswordPolicyViolation", 400, problem)
    salt = request.random(16)
    return Password(_hash(text, salt), salt, request.now, request.now, reset_required)


_CHARACTERS = {
    "uppercase letter": string.ascii_uppercase,
    "lowercase letter": string.ascii_lowercase,
    "number": string.digits,
    "symbol": "!@#$%^&*()_+-=[]{}|'",
}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html."""
_DEFAULT_LENGTH, _DEFAULT_MIX = 8, 3


def _kinds(text: str) -> set[str]:
    return {kind for kind, characters in _CHARACTERS.items() if not set(text).isdisjoint(characters)}


def _default_problem(text: str) -> str:
    """Return what is wrong with a password in an account without a policy of its own."""
    if len(text) < _DEFAULT_LENGTH or len(_kinds(text)) < _DEFAULT_MIX:
        return "Password does not conform to the account password policy."
    return ""


def _password_problem(text: str, policy: PasswordPolicy) -> str:
    if len(text) < policy.minimum_length:
        return f"Password should have a minimum length of {policy.minimum_length}"
    required = {
        "uppercase letter": policy.uppercase,
        "lowercase letter": policy.lowercase,
        "number": policy.numbers,
        "symbol": policy.symbols,
    }
    missing = [kind for kind, needed in required.items() if needed and kind not in _kinds(text)]
    return f"Password should have at least one {missing[0]}" if missing else ""


def _hash(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, n=2**14, r=8, p=1)


# MFA devices


def create_virtual_mfa_device(request: IAMRequest) -> Output:
    """CreateVirtualMFADevice: the seed is shown this once, not as a picture."""
    given, state = request.input, request.state
    path, name = given.get("Path", "/"), given["VirtualMFADeviceName"]
    serial = f"arn:{state.partition}:iam::{state.account}:mfa{path}{name}"
    if state.get(MFADeviceRecord, serial) is not None:
        raise already_exists("MFADevice entity at the same path and name already exists.")
    device = MFADeviceRecord(
        id=serial,
        name=name,
        path=path,
        seed=base64.b32encode(request.random(40)).decode(),
        created_at=request.now,
        tags=new_tags(given.get("Tags"), {}, "TagsPerMFADevice"),
    )
    request.put(device)
    shown_device = {"SerialNumber": serial, "Base32StringSeed": device.seed.encode()} | shown.tags(device.tags)
    return {"VirtualMFADevice": shown_device}


def find_mfa_device(request: IAMRequest) -> MFADeviceRecord:
    """Return the device that ``SerialNumber`` names. Raises AccountError."""
    serial = request.input["SerialNumber"]
    device = request.state.get(MFADeviceRecord, serial)
    if device is None:
        raise no_such_entity(f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return device


def enable_mfa_device(request: IAMRequest) -> Output:
    """EnableMFADevice: two codes in a row prove that the user has the device (RFC 6238)."""
    user, device = request.user(), find_mfa_device(request)
    if device.user_id is not None:
        raise already_exists(f"MFA Device {device.id} is already in use.")
    if len(request.state.owned(MFADeviceRecord, user)) >= MOST_DEVICES:
        raise limit_exceeded("MFADevicesPerUser", MOST_DEVICES)
    _check_codes(request, device)
    request.put(replace(device, user_id=user.id, enabled_at=request.now))
    return {}


def resync_mfa_device(request: IAMRequest) -> Output:
    """ResyncMFADevice: the clock here is never off, so the codes are checked and nothing changes."""
    user, device = request.user(), find_mfa_device(request)
    if device.user_id != user.id:
        raise no_such_entity(f"MFA Device {device.id} does not exist for user {user.name}.")
    _check_codes(request, device)
    return {}


_STEP_SECONDS = 30
_STEPS_AROUND = 10
"""How far a device's clock may be off: five minutes."""


def _check_codes(request: IAMRequest, device: MFADeviceRecord) -> None:
    codes = (request.input["AuthenticationCode1"], request.input["AuthenticationCode2"])
    step = int(request.now) // _STEP_SECONDS
    for start in range(step - _STEPS_AROUND, step + _STEPS_AROUND):
        if (_code(device.seed, start), _code(device.seed, start + 1)) == codes:
            return
    raise AccountError("InvalidAuthenticationCode", 403, "Authentication code for device is not valid.")


def _code(seed: str, step: int) -> str:
    """Return a time-based one-time password (RFC 6238 4, RFC 4226 5.3)."""
    digest = hmac.digest(base64.b32decode(seed), struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def deactivate_mfa_device(request: IAMRequest) -> Output:
    """DeactivateMFADevice."""
    device = find_mfa_device(request)
    if device.user_id is None or ("UserName" in request.input and device.user_id != request.user().id):
        raise no_such_entity(f"MFA Device {device.id} is not in use by that user.")
    request.put(replace(device, user_id=None, enabled_at=None))
    return {}


def delete_virtual_mfa_device(request: IAMRequest) -> Output:
    """DeleteVirtualMFADevice."""
    device = find_mfa_device(request)
    if device.user_id is not None:
        raise delete_conflict("MFA VirtualDevice in use. Must deactivate first.")
    request.delete(device)
    return {}


def get_mfa_device(request: IAMRequest) -> Output:
    """GetMFADevice."""
    device = find_mfa_device(request)
    owner = request.state.get(UserRecord, device.user_id) if device.user_id is not None else None
    output: dict[str, Any] = {"SerialNumber": device.id}
    if owner is not None and device.enabled_at is not None:
        output |= {"UserName": owner.name, "EnableDate": time(device.enabled_at)}
    return output


def list_mfa_devices(request: IAMRequest) -> Output:
    """ListMFADevices of a user."""
    user = request.user()
    devices = sorted(request.state.owned(MFADeviceRecord, user), key=lambda device: device.id)
    return request.page(
        "MFADevices",
        devices,
        lambda device: device.id,
        lambda device: {
            "UserName": user.name,
            "SerialNumber": device.id,
            "EnableDate": time(device.enabled_at or device.created_at),
        },
    )


def list_virtual_mfa_devices(request: IAMRequest) -> Output:
    """ListVirtualMFADevices."""
    wanted = request.input.get("AssignmentStatus", "Any")
    devices = [
        device
        for device in request.state.records(MFADeviceRecord)
        if wanted == "Any" or (wanted == "Assigned") == (device.user_id is not None)
    ]

    def show(device: MFADeviceRecord) -> dict[str, Any]:
        owner = request.state.get(UserRecord, device.user_id) if device.user_id is not None else None
        output: dict[str, Any] = {"SerialNumber": device.id}
        if owner is not None and device.enabled_at is not None:
            output |= {"User": shown.user(owner, request.state, whole=False), "EnableDate": time(device.enabled_at)}
        return output

    return request.page("VirtualMFADevices", devices, lambda device: device.id, show)


# SSH public keys


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
        "Status": _status(key.active),
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
            "Status": _status(key.active),
            "UploadDate": time(key.created_at),
        },
    )


def update_ssh_public_key(request: IAMRequest) -> Output:
    """UpdateSSHPublicKey."""
    request.put(replace(_user_ssh_key(request), active=_wanted_status(request)))
    return {}


def delete_ssh_public_key(request: IAMRequest) -> Output:
    """DeleteSSHPublicKey."""
    request.delete(_user_ssh_key(request))
    return {}


# Signing certificates


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
        "Status": _status(certificate.active),
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
    certificates = sorted(request.state.owned(SigningCertificateRecord, user), key=lambda one: one.id)
    return request.page("Certificates", certificates, lambda one: one.id, lambda one: _shown_certificate(one, user))


def update_signing_certificate(request: IAMRequest) -> Output:
    """UpdateSigningCertificate."""
    request.put(replace(_user_certificate(request), active=_wanted_status(request)))
    return {}


def delete_signing_certificate(request: IAMRequest) -> Output:
    """DeleteSigningCertificate."""
    request.delete(_user_certificate(request))
    return {}
