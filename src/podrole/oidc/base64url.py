"""Base64url without padding (RFC 7515, 2): the encoding of a JWT's segments and of a JWK's numbers."""

from __future__ import annotations

import base64
import binascii

# The last character carries only zero bits beyond the last byte (RFC 4648, 3.5): every byte string has one spelling.
_LAST_OF_TWO, _LAST_OF_THREE = frozenset("AQgw"), frozenset("AEIMQUYcgkosw048")
# The characters that only the standard alphabet has, and padding, become one that strict decoding refuses.
_STANDARD_ALPHABET = bytes.maketrans(b"-_+/=", b"+/...")


def encode_base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Decode the one spelling that ``encode_base64url`` gives. Raises ValueError for padding and for any other text."""
    left_over = len(text) % 4
    canonical = left_over == 0 or (left_over == 2 and text[-1] in _LAST_OF_TWO)
    canonical = canonical or (left_over == 3 and text[-1] in _LAST_OF_THREE)
    if not canonical:
        raise ValueError("not base64url without padding")
    try:
        standard = text.encode("ascii").translate(_STANDARD_ALPHABET)
        return binascii.a2b_base64(standard + b"=" * (-len(text) % 4), strict_mode=True)
    except ValueError:  # UnicodeEncodeError and binascii.Error are ValueErrors
        raise ValueError("not base64url without padding") from None
