"""A user's access keys. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.account.errors import limit_exceeded, no_such_entity
from podrole.account.iam.operations.credential_status import status, wanted_status
from podrole.account.iam.records import AccessKeyRecord, UserRecord
from podrole.account.iam.request import IAMRequest, Output, time
from podrole.account.ids import secret_key
from podrole.sts.credentials import access_key_id

MOST_KEYS = 2
"""Of each user (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


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
        "Status": status(key.active),
        "CreateDate": time(key.created_at),
    }


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
    request.put(replace(_user_key(request), active=wanted_status(request)))
    return {}


def delete_access_key(request: IAMRequest) -> Output:
    """DeleteAccessKey."""
    request.delete(_user_key(request))
    return {}
