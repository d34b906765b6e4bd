"""Secrets that IAM is told or makes are shown to nobody again: in no event, log, error or list."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from support.aws import LocalAWS, allow, policy
from support.complete import key_and_certificate

PASSWORD, OTHER = "pass-Word-1-secret", "other-Word-2-secret"


def quietly(call: Any, **given: Any) -> str:
    """Call an operation and return what it said, if it was refused."""
    try:
        call(**given)
    except ClientError as refusal:
        return str(refusal.response)
    return ""


def test_secrets_are_shown_to_nobody(aws: LocalAWS, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "podrole")
    client = aws.client("iam", parameter_validation=False)
    key = aws.user("ann", allow("iam:ChangePassword"))
    private, certificate, _ = key_and_certificate()
    other_private, _, _ = key_and_certificate(1)
    device = client.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    said = [
        quietly(client.create_login_profile, UserName="ann", Password=PASSWORD),
        quietly(client.create_login_profile, UserName="ann", Password=PASSWORD),
        quietly(client.create_login_profile, UserName="none", Password=PASSWORD),
        quietly(client.update_login_profile, UserName="ann", Password=PASSWORD + "\u3042"),
        quietly(aws.client("iam", key).change_password, OldPassword=OTHER, NewPassword=OTHER),
        quietly(aws.client("iam", key).change_password, OldPassword=PASSWORD, NewPassword=OTHER),
    ]
    given: dict[str, Any] = {"ServerCertificateName": "web", "CertificateBody": certificate}
    said += [
        quietly(client.upload_server_certificate, **given, PrivateKey=private),
        quietly(client.upload_server_certificate, **given, PrivateKey=private),
        quietly(client.upload_server_certificate, **{**given, "ServerCertificateName": "x"}, PrivateKey=other_private),
        quietly(client.upload_server_certificate, **{**given, "ServerCertificateName": "x y"}, PrivateKey=private),
    ]
    assert [bool(text) for text in said] == [False, True, True, True, True, False, False, True, True, True]
    said += [
        str(client.get_account_authorization_details()),
        str(client.list_access_keys(UserName="ann")),
        str(client.get_server_certificate(ServerCertificateName="web")),
        str(client.list_virtual_mfa_devices()),
    ]
    assert aws.endpoint is not None
    said += [msgspec.json.encode(event, enc_hook=repr).decode() for event in aws.events.recent()]
    said += [repr(event) for event in aws.events.recent()]
    said += [record.getMessage() for record in caplog.records]
    said += [repr(record) for _, state in aws.store.scopes() for record in state.all()]
    secrets = [
        PASSWORD,
        OTHER,
        key["SecretAccessKey"],
        device["Base32StringSeed"].decode(),
        *(text.splitlines()[2] for text in (private, other_private)),
    ]
    shown = "\n".join(said)
    assert not [secret for secret in secrets if secret in shown]


def test_a_private_key_is_not_kept(aws: LocalAWS) -> None:
    private, certificate, _ = key_and_certificate()
    aws.client("iam").upload_server_certificate(
        ServerCertificateName="web", CertificateBody=certificate, PrivateKey=private
    )
    kept = [value for _, state in aws.store.scopes() for record in state.all() for value in _values(record)]
    assert certificate in kept
    assert private not in kept


def _values(record: Any) -> list[Any]:
    return [getattr(record, name) for name in type(record).__dataclass_fields__]


def test_a_user_with_permission_changes_its_password_whatever_the_console_allows(aws: LocalAWS) -> None:
    """AllowUsersToChangePassword grants permission; without it IAM policies still can."""
    client = aws.client("iam")
    key = aws.user("ann", allow("iam:ChangePassword"))
    client.create_login_profile(UserName="ann", Password=PASSWORD)
    client.update_account_password_policy(MinimumPasswordLength=8, AllowUsersToChangePassword=False)
    aws.client("iam", key).change_password(OldPassword=PASSWORD, NewPassword=OTHER)
    client.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy(allow("s3:*")))
    assert "AccessDenied" in quietly(aws.client("iam", key).change_password, OldPassword=OTHER, NewPassword=PASSWORD)
