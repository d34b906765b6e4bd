"""What temporary credentials may not call, whatever their policies say."""

from __future__ import annotations

import pytest

from podrole.sts.limits import session_denial
from podrole.sts.session import Session, SessionKind
from support.sts import ACCOUNT, NOW

ROLE, TOKEN, FEDERATED = SessionKind.ASSUMED_ROLE, SessionKind.SESSION_TOKEN, SessionKind.FEDERATED_USER
DENIED = "AccessDenied"
INVALID = "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("service", "operation", "kind", "code"),
    [
        ("iam", "ListUsers", None, None),
        ("iam", "ListUsers", ROLE, None),
        ("iam", "ListUsers", TOKEN, INVALID),
        ("iam", "ListUsers", FEDERATED, INVALID),
        ("s3", "ListBuckets", ROLE, None),
        ("s3", "ListBuckets", TOKEN, None),
        ("s3", "ListBuckets", FEDERATED, None),
        *(("sts", "GetCallerIdentity", kind, None) for kind in (None, ROLE, TOKEN, FEDERATED)),
        ("sts", "AssumeRole", ROLE, None),
        ("sts", "AssumeRole", TOKEN, None),
        ("sts", "AssumeRole", FEDERATED, DENIED),
        ("sts", "DecodeAuthorizationMessage", ROLE, None),
        ("sts", "DecodeAuthorizationMessage", TOKEN, DENIED),
        ("sts", "DecodeAuthorizationMessage", FEDERATED, DENIED),
        *(("sts", "GetSessionToken", kind, DENIED) for kind in (ROLE, TOKEN, FEDERATED)),
        *(("sts", "GetFederationToken", kind, DENIED) for kind in (ROLE, TOKEN, FEDERATED)),
        ("sts", "GetSessionToken", None, None),
        ("sts", "GetFederationToken", None, None),
    ],
)
def test_credentials_may_not_call(service: str, operation: str, kind: SessionKind | None, code: str | None) -> None:
    session = None if kind is None else Session(kind, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:x/y", "ID", "n", NOW, NOW)
    denial = session_denial(service, operation, session)
    assert (None if denial is None else denial.code) == code
    if denial is not None:
        assert denial.status == 403
        assert denial.message == (
            f"Cannot call {operation} with session credentials"
            if code == DENIED
            else "The security token included in the request is invalid"
        )
