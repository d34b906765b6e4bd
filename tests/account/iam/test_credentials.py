"""Credentials of users: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from podrole.account.iam.records import Password, UserRecord
from support.complete import key_and_certificate
from support.iam_account import ACCOUNT, ANN, IAM, Before, Given, Refusal, exists, no_such, quota

PRIVATE, CERTIFICATE, PUBLIC = key_and_certificate()


def openssh(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(*form).decode()


REFUSED: dict[str, Refusal] = {
    "a third key": (
        [("CreateAccessKey", ANN)] * 2,
        "CreateAccessKey",
        ANN,
        quota("AccessKeysPerUser", 2),
    ),
    "a profile without a password": (
        [],
        "CreateLoginProfile",
        ANN,
        ("ValidationError", 400, "Password must be specified."),
    ),
    "an SSH key of another algorithm": (
        [],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": openssh(ed25519.Ed25519PrivateKey.generate())},
        ("InvalidPublicKey", 400, "The public key is not valid."),
    ),
    "a short SSH key": (
        [],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": openssh(rsa.generate_private_key(65537, 2_047))},
        ("InvalidPublicKey", 400, "The public key is not valid."),
    ),
    "an SSH key of an unknown algorithm": (
        [],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": "ssh-unknown AAAAC3NzaC1lZDI1NTE5AAAA"},
        ("InvalidPublicKey", 400, "The public key is not valid."),
    ),
    "a second password": (
        [("CreateLoginProfile", {**ANN, "Password": "pass-Word-1"})],
        "CreateLoginProfile",
        {**ANN, "Password": "pass-Word-1"},
        exists("Login Profile for user ann already exists."),
    ),
    "no password": ([], "GetLoginProfile", ANN, no_such("Login Profile for User ann cannot be found.")),
    "no password to delete": ([], "DeleteLoginProfile", ANN, no_such("Login Profile for User ann cannot be found.")),
    "no password to change": (
        [],
        "UpdateLoginProfile",
        {**ANN, "Password": "pass-Word-1"},
        no_such("Login Profile for User ann cannot be found."),
    ),
    "no SSH key": (
        [],
        "GetSSHPublicKey",
        {**ANN, "SSHPublicKeyId": "APKA", "Encoding": "PEM"},
        no_such("The Public Key with id APKA cannot be found."),
    ),
    "no signing certificate": (
        [],
        "DeleteSigningCertificate",
        {**ANN, "CertificateId": "A" * 24},
        no_such(f"The Certificate with id {'A' * 24} cannot be found."),
    ),
    "a signing certificate that is none": (
        [],
        "UploadSigningCertificate",
        {**ANN, "CertificateBody": "x"},
        ("MalformedCertificate", 400, "The certificate is malformed."),
    ),
    "an SSH key that is none": (
        [],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": "ssh-rsa x"},
        ("InvalidPublicKey", 400, "The public key is not valid."),
    ),
    "an SSH key twice": (
        [("UploadSSHPublicKey", {**ANN, "SSHPublicKeyBody": PUBLIC})],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": PUBLIC},
        ("DuplicateSSHPublicKey", 400, "The SSH public key is already associated with the user."),
    ),
    "a short password": (
        [],
        "CreateLoginProfile",
        {**ANN, "Password": "aB3-567"},
        ("PasswordPolicyViolation", 400, "Password does not conform to the account password policy."),
    ),
    "a password of two kinds of characters": (
        [],
        "CreateLoginProfile",
        {**ANN, "Password": "password1"},
        ("PasswordPolicyViolation", 400, "Password does not conform to the account password policy."),
    ),
    **{
        f"a password against its policy: {text}": (
            [("UpdateAccountPasswordPolicy", rules)],
            "CreateLoginProfile",
            {**ANN, "Password": password},
            ("PasswordPolicyViolation", 400, text),
        )
        for rules, password, text in (
            ({"MinimumPasswordLength": 9}, "aB3-5678", "Password should have a minimum length of 9"),
            ({"RequireUppercaseCharacters": True}, "password", "Password should have at least one uppercase letter"),
            ({"RequireLowercaseCharacters": True}, "PASSWORD", "Password should have at least one lowercase letter"),
            ({"RequireNumbers": True}, "password", "Password should have at least one number"),
            ({"RequireSymbols": True}, "password", "Password should have at least one symbol"),
        )
    },
    "a password of nobody": (
        [],
        "ChangePassword",
        {"OldPassword": "a", "NewPassword": "b"},
        ("InvalidUserType", 400, "Only IAM Users can change their own password"),
    ),
    "an expired key": (
        [],
        "UpdateAccessKey",
        {**ANN, "AccessKeyId": "", "Status": "Expired"},
        no_such("The Access Key with id  cannot be found."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


MANY: dict[str, tuple[int, str, Callable[[int], tuple[str, Given]]]] = {
    "signing certificates": (
        2,
        "CertificatesPerUser",
        lambda number: ("UploadSigningCertificate", {**ANN, "CertificateBody": key_and_certificate(number)[1]}),
    ),
    "SSH keys": (
        5,
        "SSHPublicKeysPerUser",
        lambda number: ("UploadSSHPublicKey", {**ANN, "SSHPublicKeyBody": key_and_certificate(number)[2]}),
    ),
}


@pytest.mark.parametrize(("most", "name", "call"), MANY.values(), ids=MANY.keys())
def test_a_user_has_no_more_than_its_quota(
    iam: IAM, most: int, name: str, call: Callable[[int], tuple[str, Given]]
) -> None:
    for number in range(most):
        operation, given = call(number)
        iam(operation, **given)
    operation, given = call(most)
    assert iam.refused(operation, **given) == quota(name, most)


def test_a_certificate_signs_for_one_user(iam: IAM) -> None:
    made = iam("UploadSigningCertificate", **ANN, CertificateBody=CERTIFICATE)["Certificate"]["CertificateId"]
    answer = iam.refused("UploadSigningCertificate", UserName="bob", CertificateBody=CERTIFICATE)
    assert answer == ("DuplicateCertificate", 409, f"Certificate {made} is a duplicate.")


def test_only_aws_lets_a_key_expire(iam: IAM) -> None:
    key = iam("CreateAccessKey", **ANN)["AccessKey"]["AccessKeyId"]
    answer = iam.refused("UpdateAccessKey", **ANN, AccessKeyId=key, Status="Expired")
    assert answer == ("ValidationError", 400, "Status must be Active or Inactive.")
    assert iam.refused("DeleteAccessKey", UserName="bob", AccessKeyId=key)[0] == "NoSuchEntity"


def test_the_old_password_must_be_right(iam: IAM) -> None:
    user_id = iam("GetUser", **ANN)["User"]["UserId"]
    iam("CreateLoginProfile", **ANN, Password="pass-Word-1")
    change = {"user_id": user_id, "OldPassword": "other-Word-1", "NewPassword": "pass-Word-2"}
    assert iam.refused("ChangePassword", **change) == ("InvalidInput", 400, "The old password was incorrect.")


def test_a_key_is_shown_with_its_secret_once(iam: IAM) -> None:
    made = [iam("CreateAccessKey", **ANN)["AccessKey"] for _ in range(2)]
    assert all(key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20 for key in made)
    assert all(len(key["SecretAccessKey"]) == 40 and key["Status"] == "Active" for key in made)
    listed = iam("ListAccessKeys", **ANN)["AccessKeyMetadata"]
    ids = sorted(key["AccessKeyId"] for key in made)
    assert [key["AccessKeyId"] for key in listed] == ids
    assert "SecretAccessKey" not in listed[0]
    iam("UpdateAccessKey", **ANN, AccessKeyId=ids[0], Status="Inactive")
    assert iam.listed("ListAccessKeys", "Status", **ANN) == ["Inactive", "Active"]
    iam("UpdateAccessKey", **ANN, AccessKeyId=ids[0], Status="Active")
    assert iam.listed("ListAccessKeys", "Status", **ANN) == ["Active", "Active"]
    iam("DeleteAccessKey", **ANN, AccessKeyId=ids[0])
    assert iam.listed("ListAccessKeys", "AccessKeyId", **ANN) == ids[1:]


# Passwords


def password_of(iam: IAM) -> Password:
    user = iam.store.newest_iam(ACCOUNT, "aws").named(UserRecord, "ann")
    assert user is not None
    assert user.password is not None
    return user.password


def test_a_password_is_kept_as_a_salted_hash(iam: IAM) -> None:
    iam("CreateLoginProfile", **ANN, Password="pass-Word-1")
    kept = password_of(iam)
    assert len(kept.salt) == 16
    assert kept.hash == hashlib.scrypt(b"pass-Word-1", salt=kept.salt, n=16_384, r=8, p=1)


def test_a_login_profile_is_changed_and_deleted(iam: IAM) -> None:
    assert not iam("CreateLoginProfile", **ANN, Password="pass-Word-1")["LoginProfile"]["PasswordResetRequired"]
    created = iam("GetLoginProfile", **ANN)["LoginProfile"]["CreateDate"]
    iam.clock.now += 60
    iam("UpdateLoginProfile", **ANN, PasswordResetRequired=True)
    before = password_of(iam)
    iam("UpdateLoginProfile", **ANN, Password="pass-Word-2")
    assert password_of(iam).hash != before.hash
    assert iam("GetLoginProfile", **ANN)["LoginProfile"] == {
        **ANN,
        "CreateDate": created,
        "PasswordResetRequired": True,
    }
    iam("DeleteLoginProfile", **ANN)
    assert iam.refused("GetLoginProfile", **ANN)[0] == "NoSuchEntity"
    given = {"Password": "pass-Word-1", "PasswordResetRequired": True}
    assert iam("CreateLoginProfile", **ANN, **given)["LoginProfile"]["PasswordResetRequired"]


def test_a_user_changes_the_own_password(iam: IAM) -> None:
    user_id = iam("GetUser", **ANN)["User"]["UserId"]
    change = {"user_id": user_id, "OldPassword": "pass-Word-1", "NewPassword": "pass-Word-2"}
    assert iam.refused("ChangePassword", **change)[0] == "InvalidInput"  # there is none
    iam("CreateLoginProfile", **ANN, Password="pass-Word-1", PasswordResetRequired=True)
    created = iam("GetLoginProfile", **ANN)["LoginProfile"]["CreateDate"]
    iam.clock.now += 60
    iam("ChangePassword", **change)
    assert iam.refused("ChangePassword", **change)[0] == "InvalidInput"
    shown = iam("GetLoginProfile", **ANN)["LoginProfile"]
    assert (shown["CreateDate"], shown["PasswordResetRequired"]) == (created, False)


@pytest.mark.parametrize(
    ("rules", "password"),
    [
        (None, "aB345678"),
        (None, "aB!defgh"),
        ({}, "abcdef"),
        ({"MinimumPasswordLength": 8}, "aB3-5678"),
        ({"RequireUppercaseCharacters": True, "RequireSymbols": True, "RequireNumbers": True}, "A-3456"),
        ({"RequireLowercaseCharacters": True}, "ABCDEf"),
    ],
)
def test_a_password_as_its_policy_wants_it_is_taken(iam: IAM, rules: Given | None, password: str) -> None:
    if rules is not None:
        iam("UpdateAccountPasswordPolicy", **rules)
    iam("CreateLoginProfile", **ANN, Password=password)


# SSH keys and signing certificates


def test_an_ssh_key_is_shown_in_both_encodings(iam: IAM) -> None:
    made = iam("UploadSSHPublicKey", **ANN, SSHPublicKeyBody=PUBLIC)["SSHPublicKey"]
    pem, key_id = made["SSHPublicKeyBody"], made["SSHPublicKeyId"]
    digest = hashlib.md5(base64.b64decode(PUBLIC.split()[1]), usedforsecurity=False).hexdigest()
    assert made["Fingerprint"].replace(":", "") == digest
    assert {len(part) for part in made["Fingerprint"].split(":")} == {2}
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    for encoding, body in (("PEM", pem), ("SSH", PUBLIC)):
        shown = iam("GetSSHPublicKey", **ANN, SSHPublicKeyId=key_id, Encoding=encoding)["SSHPublicKey"]
        assert shown == {**made, "SSHPublicKeyBody": body}
    second = iam("UploadSSHPublicKey", UserName="bob", SSHPublicKeyBody=pem)["SSHPublicKey"]
    assert second["Fingerprint"] == made["Fingerprint"]
    other = {"UserName": "bob", "SSHPublicKeyId": key_id, "Encoding": "PEM"}
    assert iam.refused("GetSSHPublicKey", **other)[0] == "NoSuchEntity"
    iam("UpdateSSHPublicKey", **ANN, SSHPublicKeyId=key_id, Status="Inactive")
    assert iam.listed("ListSSHPublicKeys", "Status", **ANN) == ["Inactive"]
    iam("DeleteSSHPublicKey", **ANN, SSHPublicKeyId=key_id)
    assert iam("ListSSHPublicKeys", **ANN)["SSHPublicKeys"] == []


def test_a_signing_certificate_is_named_by_its_fingerprint(iam: IAM) -> None:
    made = iam("UploadSigningCertificate", **ANN, CertificateBody=CERTIFICATE)["Certificate"]
    digest = x509.load_pem_x509_certificate(CERTIFICATE.encode()).fingerprint(hashes.SHA256()).hex()
    assert made["CertificateId"] == digest[:24].upper()
    named = {"CertificateId": made["CertificateId"]}
    refused = iam.refused("UpdateSigningCertificate", UserName="bob", **named, Status="Inactive")
    assert refused[0] == "NoSuchEntity"
    iam("UpdateSigningCertificate", **ANN, **named, Status="Inactive")
    assert iam("ListSigningCertificates", **ANN)["Certificates"] == [{**made, "Status": "Inactive"}]
    iam("DeleteSigningCertificate", **ANN, **named)
    assert iam("ListSigningCertificates", **ANN)["Certificates"] == []
