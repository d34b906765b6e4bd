"""The values of annotations and ConfigMap fields, as both are written."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from podrole.webhook.identity import role_arn
from podrole.webhook.settings import MAX_TOKEN_EXPIRATION, MIN_TOKEN_EXPIRATION, CABundle

MAX_VALUE = role_arn.MAX_LENGTH
"""Characters of an annotation's value that is used: what is given to containers must not blow up a pod."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


def clamp_expiration(seconds: int) -> int:
    """Return the nearest lifetime that Kubernetes takes for a projected token."""
    return min(max(seconds, MIN_TOKEN_EXPIRATION), MAX_TOKEN_EXPIRATION)


def parse_endpoint(text: str) -> str | None:
    """Return an endpoint URL, ``""`` for none, or None where ``text`` is no http(s) URL with a host."""
    if text == "":
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc) and (parts.port or 1) > 0
    except ValueError:
        return None
    return text if usable and text.isprintable() and " " not in text else None


def parse_ca_bundle(text: str) -> CABundle | Literal[False] | None:
    """Read ``<configmap>`` or ``<configmap>/<key>``; ``""`` is False, meaning none; None where it is neither."""
    if text == "":
        return False
    name, slash, key = text.partition("/")
    if not _is_config_map_name(name) or (slash and not _is_config_map_key(key)):
        return None
    return CABundle(name, key) if slash else CABundle(name)


def _is_config_map_name(name: str) -> bool:
    return (
        0 < len(name) <= 253
        and all(character in "abcdefghijklmnopqrstuvwxyz0123456789-." for character in name)
        and name[0] not in "-."
        and name[-1] not in "-."
    )


def _is_config_map_key(key: str) -> bool:
    return 0 < len(key) <= 253 and key not in (".", "..") and key.isascii() and not set(key) - _KEY_CHARACTERS


_KEY_CHARACTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
