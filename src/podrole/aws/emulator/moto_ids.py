"""Unique ids and secrets of what moto's IAM makes, in the form and from the source that AWS's are.

The prefix of a unique id tells what it is of
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids). moto draws ids
and secrets from a pseudo-random generator, whose next value who has seen enough of it can tell.
"""

from __future__ import annotations

import base64
import functools
import secrets
from typing import Any

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def unique_id(prefix: str) -> str:
    """Return a new unique id: the prefix and 17 characters."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(17))


@functools.cache
def give_ids_as_aws_does() -> None:
    """Make moto's IAM give such ids from now on. Runs in moto's thread."""
    from moto.iam import models

    # Wrapped, since moto has no place where ids could be passed in.
    _wrap(models.User, lambda user: setattr(user, "id", unique_id("AIDA")))
    _wrap(models.Group, lambda group: setattr(group, "id", unique_id("AGPA")))
    _wrap(models.InstanceProfile, lambda profile: setattr(profile, "id", unique_id("AIPA")))
    _wrap(models.AccessKey, lambda key: setattr(key, "secret_access_key", _secret()))
    _wrap(models.ManagedPolicy, lambda policy: setattr(policy, "id", unique_id("ANPA")))


def _wrap(kind: Any, afterwards: Any) -> None:
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        afterwards(self)

    kind.__init__ = init


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode()
