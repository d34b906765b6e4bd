"""What surrounds a token in a file or a pipe: STS gets the bytes as they are, and takes nothing but the token."""

from __future__ import annotations

import codecs
import json
import re

from podrole.oidc.errors import TokenFault, TokenRefused

_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEADER = re.compile(r"(?:authorization\s*:\s*)?bearer\b", re.IGNORECASE)
_QUOTES = "\"'`“”‘’"
_WITHOUT = "write the token alone: kubectl create token NAME --audience sts.amazonaws.com"


def token_text(raw: bytes, *, piped: bool) -> str:
    """Return the token that STS would get from these bytes.

    A line break at the end of a pipe is left out, as a shell's ``$(…)`` does; an SDK sends a file as it is. Raises
    TokenRefused, in the words of what is there beside the token. No message holds the token.
    """
    if raw.startswith(_BYTE_ORDER_MARKS):
        raise _refused("The text begins with a byte order mark.", "a byte order mark", "save the file as ASCII")
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as problem:
        raise _refused(
            "The text has a character that no token has.",
            f"byte 0x{raw[problem.start]:02x} at position {problem.start + 1}",
        ) from None
    if piped:
        text = text.rstrip("\n")
    return _checked(text)


def _checked(text: str) -> str:
    trimmed = text.strip()
    if not trimmed:
        raise _refused("There is no token.", f"{len(text)} characters of white space" if text else "nothing")
    if trimmed.startswith(("{", "[")):
        raise _refused(_json_problem(trimmed), "JSON", "take the token alone: --output jsonpath={.status.token}")
    if _HEADER.match(trimmed):
        raise _refused("The text is a header of HTTP: it begins with “Bearer”.", "Bearer and a token", _WITHOUT)
    if trimmed[0] in _QUOTES or trimmed[-1] in _QUOTES:
        raise _refused("The token is in quotation marks.", f"a {trimmed[0]!r} or {trimmed[-1]!r} around it", _WITHOUT)
    parts = trimmed.split()
    if len(parts) > 1:
        where = "after" if parts[0].count(".") == 2 else "in or before"
        got = f"{len(parts)} words on {len(trimmed.splitlines())} lines"
        raise _refused(f"There is other text {where} the token.", got)
    if text != trimmed:
        place = "begins" if text[0].isspace() else "ends"
        raise _refused(
            f"The file {place} with white space, which an SDK sends to STS together with the token.",
            repr(text[: len(text) - len(text.lstrip())] or text[len(text.rstrip()) :]),
            "write the file without it: printf %s TOKEN; the kubelet's files have none",
        )
    return text


def _json_problem(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "The text is not a token: it begins like JSON."
    status = value.get("status") if isinstance(value, dict) else None
    if isinstance(status, dict) and "token" in status:
        return "The text is a whole TokenRequest, which holds the token in status.token."
    return "The text is a JSON document, not a token."


def _refused(what: str, got: str, next_step: str = _WITHOUT) -> TokenRefused:
    return TokenRefused(TokenFault.NOT_A_JWT, what, got=got, expected="a token and nothing else", next_step=next_step)
