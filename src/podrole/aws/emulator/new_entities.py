"""What new entities of moto's IAM get: unpredictable ids and secrets in AWS's form, and a user its boundary.

The prefix of a unique id tells what it is of
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids). moto draws ids
and secrets from a predictable generator.
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import functools
import secrets
from collections.abc import Iterator
from typing import Any

from podrole.aws.emulator.identity_store import set_boundary

_boundary_of_new_user: contextvars.ContextVar[str | None] = contextvars.ContextVar("boundary", default=None)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def unique_id(prefix: str) -> str:
    """Return a new unique id: the prefix and 17 characters."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(17))


@contextlib.contextmanager
def boundary_of_new_user(policy_arn: str | None) -> Iterator[None]:
    """Let users that are made in this context have that permissions boundary from the start. moto knows none."""
    before = _boundary_of_new_user.set(policy_arn)
    try:
        yield
    finally:
        _boundary_of_new_user.reset(before)


@functools.cache
def give_ids_as_aws_does() -> None:
    """Make moto's IAM give such ids from now on. Runs in moto's thread."""
    from moto.iam import models

    # Wrapped, since moto has no place where ids could be passed in.
    _wrap(models.User, _new_user)
    _wrap(models.Group, lambda group: setattr(group, "id", unique_id("AGPA")))
    _wrap(models.InstanceProfile, lambda profile: setattr(profile, "id", unique_id("AIPA")))
    _wrap(models.AccessKey, lambda key: setattr(key, "secret_access_key", _secret()))
    _wrap(models.ManagedPolicy, lambda policy: setattr(policy, "id", unique_id("ANPA")))


def _new_user(user: Any) -> None:
    user.id = unique_id("AIDA")
    boundary = _boundary_of_new_user.get()
    if boundary is not None:
        set_boundary(user, boundary)


def _wrap(kind: Any, afterwards: Any) -> None:
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        afterwards(self)

    kind.__init__ = init


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode()
