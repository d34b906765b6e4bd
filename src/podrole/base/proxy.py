"""An HTTP proxy's decisions: what a client asks it for, and what becomes of that. Pure.

A proxy gets two forms of a request (RFC 9112 3.2): ``CONNECT host:port``, after which it carries bytes, and a request
with a whole URL. ``read_head`` reads both. ``Rules.route`` says where they lead: to the server that is the proxy, to
the host that they name, or nowhere.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urlsplit

CONNECT = b"CONNECT"
HTTP_PORT, HTTPS_PORT = 80, 443
_OURS_PORTS = (HTTP_PORT, HTTPS_PORT)
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP/1\.([01])")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t\x20-\x7e\x80-\xff]*")
_PORT = re.compile(r"[0-9]{1,5}")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_MOST_CHARACTERS = 253
_LOCALHOST = "localhost"
_METADATA = ipaddress.ip_network("fd00:ec2::/32")
"""Where EC2's metadata service, ECS' and EKS' agents are by IPv6; by IPv4 they are link-local."""
_NO_PROXY_URL = "not the URL of an HTTP proxy"
_URL = re.compile(r"(?i:http)://([^/?#]+)([^#]*)")
_REPLACED = frozenset({b"connection", b"host", b"keep-alive", b"proxy-authorization", b"proxy-connection"})
"""Headers for the proxy (RFC 9110 7.6.1), and those that it writes itself."""


class BadRequest(Exception):
    """A head that a proxy does not understand. The text says why."""


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """What a client asks for: a connection to ``host`` and ``port``.

    ``host`` is a name in lower case without a dot at its end, or an IP address in its usual form without brackets.
    ``head`` is the head of the request as its host gets it, empty for CONNECT.
    """

    host: str
    port: int
    head: bytes = field(default=b"", repr=False)

    @property
    def authority(self) -> str:
        """Host and port as a URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def head_for_proxy(self, authorization: str) -> bytes:
        """Return the head as another proxy gets it: with the whole URL, and with ``authorization`` unless it is
        empty."""
        line, _, headers = self.head.partition(b"\r\n")
        method, _, rest = line.partition(b" ")
        own = f"Proxy-Authorization: {authorization}\r\n".encode() if authorization else b""
        return b"%b http://%b%b\r\n%b%b" % (method, self.authority.encode(), rest, own, headers)


def read_head(head: bytes) -> ProxyRequest:
    """Read the head of a request to a proxy, up to and with its empty line. Raises BadRequest."""
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    line = _LINE.fullmatch(lines[0])
    if line is None:
        raise BadRequest("The first line is not a request to a proxy.")
    method, target = line[1], line[2].decode("ascii")
    kept: list[bytes] = []
    for each in lines[1:]:
        header = _HEADER.fullmatch(each)
        if header is None:
            raise BadRequest("A header of the request is malformed.")
        if header[1].lower() not in _REPLACED:
            kept.append(each)
    if method == CONNECT:
        return ProxyRequest(*_authority(target, None))
    url = _URL.fullmatch(target)
    if url is None:
        raise BadRequest("The request names no http URL. A proxy carries https by CONNECT.")
    authority, path = url[1], url[2] if url[2].startswith("/") else "/" + url[2]
    host, port = _authority(authority, HTTP_PORT)
    first = b"%b %b HTTP/1.%b" % (method, path.encode(), line[3])
    new = [first, b"Host: " + authority.encode(), *kept, b"Connection: close"]
    return ProxyRequest(host, port, b"\r\n".join([*new, b"", b""]))


def _authority(text: str, default_port: int | None) -> tuple[str, int]:
    host, colon, digits = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, digits = text, str(default_port)
    if not _PORT.fullmatch(digits) or not 0 < int(digits) <= 65535:
        raise BadRequest("The request names no port from 1 to 65535.")
    return _host(host), int(digits)


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            raise BadRequest("The request names no valid IPv6 address.") from None
        return str(address.ipv4_mapped or address)
    name = text.lower().removesuffix(".")
    if len(name) > _MOST_CHARACTERS or not _NAME.fullmatch(name):
        raise BadRequest("The request names no valid host.")
    try:
        return socket.inet_ntoa(socket.inet_aton(name))  # 127.1, 0x7f000001 and 2130706433 are addresses too
    except OSError:
        return name


class Way(Enum):
    """Where a request leads."""

    HERE = "here"
    """To the server that is the proxy."""
    DIRECT = "direct"
    UPSTREAM = "upstream"
    """Through another proxy."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another proxy, through which this one reaches hosts. ``authorization`` is the value of Proxy-Authorization, empty
    without a password. ``exceptions`` are the hosts that are reached directly, as in ``NO_PROXY``."""

    host: str
    port: int
    tls: bool = False
    authorization: str = field(default="", repr=False)
    exceptions: str = ""

    @classmethod
    def of(cls, url: str, exceptions: str = "") -> Upstream:
        """Return the proxy with that URL, as in ``HTTPS_PROXY``. Raises ValueError if it is not an HTTP proxy."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError:
            raise ValueError(_NO_PROXY_URL) from None  # the message of urllib repeats what may be a password
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(_NO_PROXY_URL)
        secret = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            secret = "Basic " + base64.b64encode(pair.encode()).decode()
        tls = parts.scheme == "https"
        return cls(parts.hostname, port or (HTTPS_PORT if tls else HTTP_PORT), tls, secret, exceptions)

    def is_for(self, host: str) -> bool:
        """Say whether a host is reached through this proxy."""
        return not urllib.request.proxy_bypass_environment(host, {"no": self.exceptions})  # type: ignore[attr-defined] # not in typeshed


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of each request.

    ``is_ours`` says of a host name whether this server answers for it. ``moved`` are names with another server on this
    machine, each with its address and port. ``internet`` allows every other host,
    ``loopback`` the ports of this machine. ``in_cluster`` returns where a name leads inside a cluster, for a client's
    address; None for every other name.
    """

    is_ours: Callable[[str], bool]
    moved: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    internet: bool = True
    upstream: Upstream | None = None
    loopback: bool = True
    in_cluster: Callable[[str, str], str | None] = lambda _name, _client: None

    def cluster_address(self, asked: ProxyRequest, client: str) -> str | None:
        """Return the address in the cluster that a client's request leads to; None if its host is not in the cluster.

        A name that is ours or moved never leads there.
        """
        if self.is_ours(asked.host) or asked.host in self.moved:
            return None
        return self.in_cluster(asked.host, client)

    def route(self, asked: ProxyRequest) -> tuple[Way, str]:
        """Return where a request leads, and for a refused one why.

        A name that is ours or moved never leads elsewhere. Hosts on loopback are reached whether or not others are,
        where the client is on this machine. The addresses of EC2's metadata service give credentials of a real account,
        so they are not reached.
        """
        if self.is_ours(asked.host) or asked.host in self.moved:
            if asked.port in _OURS_PORTS:
                return (Way.DIRECT if asked.host in self.moved else Way.HERE), ""
            return Way.REFUSED, f"{asked.host} is answered on this machine, on the ports 443 and 80 only."
        if _is_loopback(asked.host):
            if not self.loopback:
                return Way.REFUSED, f"{asked.host} is not reached through podrole's proxy from a container."
            return Way.DIRECT, ""
        if _is_of_metadata(asked.host):
            return Way.REFUSED, f"{asked.host} is for metadata of a real machine; podrole's proxy does not lead there."
        if not self.internet:
            return Way.REFUSED, f"podrole up --no-internet reaches no other hosts: {asked.host} is not AWS's."
        if self.upstream is not None and self.upstream.is_for(asked.host):
            return Way.UPSTREAM, ""
        return Way.DIRECT, ""

    def may_reach(self, asked: ProxyRequest, address: str) -> bool:
        """Say whether a request may go to the address that its host's name has led to."""
        return self.loopback or asked.host in self.moved or not _is_loopback(address)

    def address(self, asked: ProxyRequest) -> tuple[str, int]:
        """Return where the host of a request is."""
        host = _LOCALHOST if _is_localhost(asked.host) else asked.host  # RFC 6761 6.3: not looked up
        return self.moved.get(asked.host, (host, asked.port))


def _is_localhost(host: str) -> bool:
    return f".{host}".endswith(f".{_LOCALHOST}")


def _is_loopback(host: str) -> bool:
    address = _ip_address(host)
    return _is_localhost(host) if address is None else address.is_loopback


def _is_of_metadata(host: str) -> bool:
    address = _ip_address(host)
    return address is not None and (address.is_link_local or address in _METADATA)


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
