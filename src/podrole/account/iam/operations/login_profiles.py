"""A user's console password. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html."""

from __future__ import annotations

import hashlib
import hmac
import string
from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, already_exists, no_such_entity, validation_error
from podrole.account.iam.records import Password, PasswordPolicy, UserRecord
from podrole.account.iam.request import IAMRequest, Output, time

_DEFAULT_LENGTH, _DEFAULT_MIX = 8, 3


def create_login_profile(request: IAMRequest) -> Output:
    """CreateLoginProfile."""
    user, parameters = request.user(), request.input
    if user.password is not None:
        raise already_exists(f"Login Profile for user {user.name} already exists.")
    text = parameters.get("Password")
    if text is None:
        raise validation_error("Password must be specified.")
    password = _password(request, text, reset_required=parameters.get("PasswordResetRequired", False))
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
    user, parameters = request.user(), request.input
    present = _present_password(user)
    reset = parameters.get("PasswordResetRequired", present.reset_required)
    if "Password" in parameters:
        new = replace(_password(request, parameters["Password"], reset_required=reset), created_at=present.created_at)
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
