"""Which URLs an OpenID Connect provider of IAM can have.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html (``Url``): https, without port,
user, query and fragment.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?")


def provider_url_fault(url: str) -> str | None:
    """Return why no provider can have this URL, as the end of a sentence; None if one can."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is not a URL"
    if not url.startswith("https://"):
        return "it does not begin with https://"
    if "@" in parts.netloc:
        return "it has user information"
    if ":" in parts.netloc:
        return "it has a port, which IAM does not take"
    if "?" in url or "#" in url:
        return "it has a query or a fragment"
    if not _HOST.fullmatch(parts.netloc) or ".." in parts.netloc:
        return f"its host is not a name: {parts.netloc!r}"
    if not _PATH.fullmatch(parts.path) or url != f"https://{parts.netloc}{parts.path}":
        return "its path has characters that a URL does not have"
    return None
