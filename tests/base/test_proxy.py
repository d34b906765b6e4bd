"""What a proxy's client asks for, and where it leads."""

from __future__ import annotations

import time

import pytest

from podrole.base.proxy import BadRequest, ProxyRequest, Rules, Upstream, Way, read_head

CONNECTS = [
    ("a.test:443", "a.test", 443),
    ("A.Test.:1", "a.test", 1),
    ("a_b.test:65535", "a_b.test", 65535),
    ("127.0.0.1:80", "127.0.0.1", 80),
    ("[::1]:443", "::1", 443),
    ("[2001:DB8:0::1]:443", "2001:db8::1", 443),
    ("[::ffff:127.0.0.1]:443", "127.0.0.1", 443),
    ("127.1:443", "127.0.0.1", 443),
    ("0x7F.1.:443", "127.0.0.1", 443),
    ("0177.0.0.1:443", "127.0.0.1", 443),
    ("2130706433:443", "127.0.0.1", 443),
    ("127.0.0.0.1:443", "127.0.0.0.1", 443),
    ("a" * 63 + ".test:443", "a" * 63 + ".test", 443),
    ("a." * 126 + "b:443", "a." * 126 + "b", 443),
]


@pytest.mark.parametrize(("target", "host", "port"), CONNECTS)
def test_connect_names_host_and_port(target: str, host: str, port: int) -> None:
    asked = read_head(f"CONNECT {target} HTTP/1.1\r\nHost: other\r\n\r\n".encode())
    assert asked == ProxyRequest(host, port)
    assert asked.authority == (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


MALFORMED = """
    a.test a.test: a.test:0 a.test:65536 a.test:+1 a.test:0x1 a.test:000443 :443 [::1] []:1 [::1:443 ::1]:443 [::g]:443
    ::1:443 x::1]:443 a..test:443 -a.test:443 a.test/:443 u@a.test:443 *:443 ..:443 a\x7f:443
"""


@pytest.mark.parametrize("target", [*MALFORMED.split(), "a" * 64 + ".test:443", "a." * 126 + "ab:443", "a.test:1 "])
def test_connect_to_what_is_no_host_and_port_is_malformed(target: str) -> None:
    with pytest.raises(BadRequest):
        read_head(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())


def test_malformed_address_is_said_to_be_one() -> None:
    with pytest.raises(BadRequest, match="IPv6"):
        read_head(b"CONNECT [1.2.3.4]:443 HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"CONNECT a.test:443\r\n\r\n",
        b"CONNECT  a.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.2\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\n\r\n\r\n",
        b"C" * 33 + b" a.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\r\nA\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\r\nA : b\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\r\n: b\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\r\nA: b\x00\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\r\nA: b\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET a.test/ HTTP/1.1\r\n\r\n",
        b"GET https://a.test/ HTTP/1.1\r\n\r\n",
        b"GET http:///x HTTP/1.1\r\n\r\n",
        b"GET http://a.test:x/ HTTP/1.1\r\n\r\n",
        b"GET http://a.test/#x HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_head_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequest):
        read_head(head)


@pytest.mark.parametrize(
    "header", [b"A:" + b" " * 32_000 + b"\x00", b"A" * 32_000, b":" * 32_000], ids=["blanks", "name", "colons"]
)
def test_longest_malformed_header_is_refused_at_once(header: bytes) -> None:
    began = time.process_time()
    with pytest.raises(BadRequest):
        read_head(b"CONNECT a.test:443 HTTP/1.1\r\n" + header + b"\r\n\r\n")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "header"),
    [
        ("http://a.test/x?y=1", "a.test", 80, "/x?y=1", "a.test"),
        ("HTTP://A.test:8080/", "a.test", 8080, "/", "A.test:8080"),
        ("http://a.test", "a.test", 80, "/", "a.test"),
        ("http://a.test?x=/y", "a.test", 80, "/?x=/y", "a.test"),
        ("http://[::1]:8080/x", "::1", 8080, "/x", "[::1]:8080"),
        ("http://[::1]/x", "::1", 80, "/x", "[::1]"),
    ],
)
def test_whole_url_becomes_a_path(url: str, host: str, port: int, path: str, header: str) -> None:
    dropped = "Host: z\r\nProxy-Connection: a\r\nKeep-Alive: b\r\nCONNECTION: c\r\nProxy-Authorization: d"
    sent = f"POST {url} HTTP/1.0\r\n{dropped}\r\nX: \xe9 \r\n\r\n".encode("latin-1")
    asked = read_head(sent)
    assert (asked.host, asked.port) == (host, port)
    head = f"POST {path} HTTP/1.0\r\nHost: {header}\r\nX: \xe9 \r\nConnection: close\r\n\r\n".encode("latin-1")
    assert asked.head == head
    assert "Connection" not in repr(asked)
    own = head.replace(path.encode(), f"http://{asked.authority}{path}".encode(), 1)
    assert asked.head_for_proxy("") == own
    line, _, rest = own.partition(b"\r\n")
    assert asked.head_for_proxy("Basic eA==") == line + b"\r\nProxy-Authorization: Basic eA==\r\n" + rest


def test_proxy_is_plain_and_reaches_the_internet_unless_told_otherwise() -> None:
    assert not Upstream("proxy.test", 1).tls
    assert Rules(lambda _: False).route(ProxyRequest("example.com", 1)) == (Way.DIRECT, "")


PROXY = Upstream("proxy.test", 3128, exceptions="intranet.test,.local.test")


@pytest.mark.parametrize(
    ("host", "port", "internet", "upstream", "way"),
    [
        ("a.ours.test", 443, False, None, Way.HERE),
        ("a.ours.test", 80, True, PROXY, Way.HERE),
        ("a.ours.test", 22, True, PROXY, Way.REFUSED),
        ("moved.ours.test", 443, False, PROXY, Way.DIRECT),
        ("moved.ours.test", 22, False, PROXY, Way.REFUSED),
        ("example.com", 443, True, None, Way.DIRECT),
        ("example.com", 22, True, None, Way.DIRECT),
        ("example.com", 443, True, PROXY, Way.UPSTREAM),
        ("example.com", 443, False, PROXY, Way.REFUSED),
        ("intranet.test", 443, True, PROXY, Way.DIRECT),
        ("x.local.test", 443, True, PROXY, Way.DIRECT),
        ("localhost", 1, False, PROXY, Way.DIRECT),
        ("a.localhost", 1, False, PROXY, Way.DIRECT),
        ("notlocalhost", 1, False, PROXY, Way.REFUSED),
        ("127.9.9.9", 1, False, PROXY, Way.DIRECT),
        ("::1", 1, False, PROXY, Way.DIRECT),
        ("10.0.0.1", 1, False, PROXY, Way.REFUSED),
        ("10.0.0.1", 1, True, None, Way.DIRECT),
        ("169.254.169.254", 80, True, None, Way.REFUSED),
        ("169.254.170.23", 80, True, PROXY, Way.REFUSED),
        ("169.255.0.1", 80, True, None, Way.DIRECT),
        ("fe80::1", 80, True, None, Way.REFUSED),
        ("fd00:ec2::254", 80, True, PROXY, Way.REFUSED),
        ("fd00:ec3::254", 80, True, None, Way.DIRECT),
    ],
)
def test_way_of_a_request(host: str, port: int, internet: bool, upstream: Upstream | None, way: Way) -> None:
    moved = {"moved.ours.test": ("127.0.0.1", 7)}
    rules = Rules(lambda name: name.endswith(".ours.test"), moved, internet, upstream)
    found, why = rules.route(ProxyRequest(host, port))
    assert found is way
    assert bool(why) is (way is Way.REFUSED)
    to = "localhost" if host == "a.localhost" else host  # not looked up
    assert rules.address(ProxyRequest(host, port)) == moved.get(host, (to, port))


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://p.test:3128", ("p.test", 3128, False, "")),
        ("p.test:3128", ("p.test", 3128, False, "")),
        ("http://p.test", ("p.test", 80, False, "")),
        ("https://p.test/", ("p.test", 443, True, "")),
        ("http://u:p%3Aw@p.test:1", ("p.test", 1, False, "Basic dTpwOnc=")),
        ("http://u@p.test:1", ("p.test", 1, False, "Basic dTo=")),
    ],
)
def test_url_of_another_proxy(url: str, read: tuple[str, int, bool, str]) -> None:
    proxy = Upstream.of(url, "x")
    assert (proxy.host, proxy.port, proxy.tls, proxy.authorization) == read
    assert proxy.exceptions == "x"
    assert "Basic" not in repr(proxy)


@pytest.mark.parametrize("url", ["socks5://p.test:1", "http://", "http://p.test:x", "http://:1", "ftp://p.test"])
def test_url_that_is_not_an_http_proxys_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^not the URL of an HTTP proxy$"):
        Upstream.of(url)


@pytest.mark.parametrize(
    ("host", "address", "loopback", "way", "reached"),
    [
        ("127.0.0.1", "127.0.0.1", False, Way.REFUSED, False),
        ("localhost", "127.0.0.1", False, Way.REFUSED, False),
        ("alias.test", "127.0.0.1", False, Way.DIRECT, False),
        ("alias.test", "192.0.2.1", False, Way.DIRECT, True),
        ("moved.test", "127.0.0.1", False, Way.DIRECT, True),
        ("127.0.0.1", "127.0.0.1", True, Way.DIRECT, True),
    ],
)
def test_loopback_is_not_reached_where_the_rules_say_so(
    host: str, address: str, loopback: bool, way: Way, reached: bool
) -> None:
    rules = Rules(lambda _: False, {"moved.test": ("127.0.0.1", 1)}, loopback=loopback)
    asked = ProxyRequest(host, 443)
    assert rules.route(asked)[0] is way
    assert rules.may_reach(asked, address) is reached


@pytest.mark.parametrize(
    ("host", "client", "address"),
    [
        ("web", "10.0.0.2", "10.0.0.200"),
        ("web", "10.0.0.3", None),
        ("web.ours.test", "10.0.0.2", None),
        ("moved.test", "10.0.0.2", None),
    ],
)
def test_name_of_a_cluster_leads_into_it_for_its_own_clients_and_is_never_a_name_of_ours(
    host: str, client: str, address: str | None
) -> None:
    rules = Rules(
        lambda name: name.endswith(".ours.test"),
        {"moved.test": ("127.0.0.1", 1)},
        in_cluster=lambda _, asking: "10.0.0.200" if asking == "10.0.0.2" else None,
    )
    assert rules.cluster_address(ProxyRequest(host, 80), client) == address
    assert Rules(lambda _: False).cluster_address(ProxyRequest(host, 80), client) is None
