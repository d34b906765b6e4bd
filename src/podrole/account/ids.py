"""Unique ids and secrets in the form that AWS gives them. Randomness is a parameter: ``random(n)`` returns n bytes.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

from __future__ import annotations

import base64
from collections.abc import Callable

Random = Callable[[int], bytes]


def unique_id(prefix: str, random: Random) -> str:
    """Return a new unique id: the prefix (``AROA``, ``AIDA`` …) and 17 characters, 85 random bits."""
    return prefix + base64.b32encode(random(11)).decode()[:17]


def secret_key(random: Random) -> str:
    """Return a new secret access key of 40 characters, 240 random bits."""
    return base64.b64encode(random(30)).decode()
