"""Who may use the console: a browser on this machine that was opened with the URL that the command printed.

The page shows role names, policies and refusals, and may run commands. So another site in the same browser, another
name that leads to loopback (DNS rebinding) and another user of the machine are refused. All of it is decided here, from
a request's path and headers alone.

Browsers send a cookie to every port of a host, so to every program that listens on loopback, pods among them. They send
it only to paths below its own, so the pages lie below a path that nobody else knows.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from podrole.base.asgi import Header

SECURITY_HEADERS: tuple[Header, ...] = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer, browsers hide the origin of this page's own forms
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""On every response. No script and no style stands in a page itself, so nothing that a page quotes can become one."""


class AccessRefusal(StrEnum):
    """Why a request is refused, as the browser shows it."""

    HOST = "The request names another host. Open the console with the URL that podrole console printed."
    TOKEN = "This browser has not been let in. Open the URL that podrole console printed; each start prints a new one."  # noqa: S105 - no token
    ORIGIN = "The request comes from another site. Open the page again and repeat the step there."


@dataclass(frozen=True, slots=True)
class BrowserAccess:
    """The token of one start, the port on which the page is served, and the name of the folder of its pages, which is
    as secret as the token."""

    token: str
    port: int
    folder: str

    @property
    def url(self) -> str:
        """The URL that lets a browser in. It holds the token: it is printed, and never logged."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def cookie_name(self) -> str:
        """The cookie's name, with the port, for the eyes of who looks at a browser's cookies."""
        return f"podrole-console-{self.port}"

    @property
    def home(self) -> str:
        """The path of the first page. The others lie beside it."""
        return f"/{self.folder}/"

    def inside(self, path: str) -> str | None:
        """Return a path below the folder as if it were the root, None for any other."""
        folder, slash, rest = path.removeprefix("/").partition("/")
        return slash + rest if slash and hmac.compare_digest(folder.encode(), self.folder.encode()) else None

    @property
    def cookie(self) -> Header:
        """The header that lets the browser in from now on, until it is closed."""
        return b"set-cookie", f"{self.cookie_name}={self.token}; Path={self.home}; HttpOnly; SameSite=Strict".encode()

    def is_token(self, text: str) -> bool:
        """Say whether a text is the token of this start."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def refusal(self, method: str, headers: Sequence[Header], *, token: str = "") -> AccessRefusal | None:
        """Return why a request is refused, None if it is not.

        ``token`` is the one in the request's URL. A request that changes something (POST) must name this page as its
        origin; browsers send that header with every POST.
        """
        by_name = _headers(headers)
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        host = by_name.get("host", ())
        if len(host) != 1 or host[0] not in hosts:
            return AccessRefusal.HOST
        if by_name.get("sec-fetch-site", ("none",))[-1] in ("cross-site", "same-site") and not self.is_token(token):
            return AccessRefusal.ORIGIN
        if not self.is_token(token) and not any(map(self.is_token, self._cookies(by_name))):
            return AccessRefusal.TOKEN
        if method == "POST" and by_name.get("origin", ()) != (f"http://{host[0]}",):
            return AccessRefusal.ORIGIN
        return None

    def _cookies(self, headers: Mapping[str, tuple[str, ...]]) -> list[str]:
        """Return the values of the cookie. Other programs of the host may have set further ones, in any form."""
        pairs = (pair.partition("=") for text in headers.get("cookie", ()) for pair in text.split(";"))
        return [value.strip() for name, _, value in pairs if name.strip() == self.cookie_name]


def _headers(headers: Sequence[Header]) -> dict[str, tuple[str, ...]]:
    by_name: dict[str, tuple[str, ...]] = {}
    for name, value in headers:
        key = name.decode("latin-1").lower()
        by_name[key] = (*by_name.get(key, ()), value.decode("latin-1"))
    return by_name
