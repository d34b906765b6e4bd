"""Quotas of an account: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.account.iam import request as iam_request
from support.complete import key_and_certificate
from support.iam_account import ACCOUNT, DOCUMENT, IAM, METADATA, TRUST, Given, quota

PRIVATE, CERTIFICATE, PUBLIC = key_and_certificate()


@pytest.mark.parametrize("kind", iam_request.MOST)
def test_an_account_has_no_more_than_its_quota(iam: IAM, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    state = iam.store.newest_iam(ACCOUNT, "aws")
    create: dict[str, tuple[str, Given]] = {
        "group": ("CreateGroup", {"GroupName": "new"}),
        "instance-profile": ("CreateInstanceProfile", {"InstanceProfileName": "new"}),
        "policy": ("CreatePolicy", {"PolicyName": "new", "PolicyDocument": DOCUMENT}),
        "oidc-provider": ("CreateOpenIDConnectProvider", {"Url": "https://example.com", "ThumbprintList": ["a" * 40]}),
        "role": ("CreateRole", {"RoleName": "new", "AssumeRolePolicyDocument": TRUST}),
        "saml-provider": ("CreateSAMLProvider", {"Name": "new", "SAMLMetadataDocument": METADATA}),
        "server-certificate": (
            "UploadServerCertificate",
            {"ServerCertificateName": "new", "CertificateBody": CERTIFICATE, "PrivateKey": PRIVATE},
        ),
        "user": ("CreateUser", {"UserName": "new"}),
    }
    operation, given = create[kind.table]
    name, _ = iam_request.MOST[kind]
    most = state.count(kind)
    monkeypatch.setitem(iam_request.MOST, kind, (name, most))  # type: ignore[arg-type]
    assert iam.refused(operation, **given) == quota(name, most)
    monkeypatch.setitem(iam_request.MOST, kind, (name, most + 1))  # type: ignore[arg-type]
    iam(operation, **given)
