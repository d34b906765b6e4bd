"""Who is let in, from a request's headers alone: each line fails by one of them."""

from __future__ import annotations

import pytest

from podrole.console.access import AccessRefusal, BrowserAccess

ACCESS = BrowserAccess("secret", 4580, "folder")
COOKIE = "podrole-console-4580=secret"


def headers(**given: str) -> list[tuple[bytes, bytes]]:
    named = {"host": "127.0.0.1:4580", "cookie": COOKIE, **given}
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items() if value]


@pytest.mark.parametrize(
    ("method", "given", "refusal"),
    [
        ("GET", {}, None),
        ("GET", {"host": "localhost:4580"}, None),
        ("GET", {"cookie": f"other=1; {COOKIE}"}, None),
        ("GET", {"cookie": f'{{"a": "b"}}; c[0]="x, y;z"; {COOKIE}; d=\x01'}, None),
        ("GET", {"cookie": f"{COOKIE}; podrole-console-4580=of-another-program"}, None),
        ("GET", {"cookie": f"podrole-console-4580=of-another-program; {COOKIE}"}, None),
        ("GET", {"sec_fetch_site": "same-origin"}, None),
        ("GET", {"sec_fetch_site": "none"}, None),
        ("POST", {"origin": "http://127.0.0.1:4580"}, None),
        ("POST", {"host": "localhost:4580", "origin": "http://localhost:4580"}, None),
        # another name that leads to this machine
        ("GET", {"host": "rebound.example:4580"}, AccessRefusal.HOST),
        ("GET", {"host": "127.0.0.1"}, AccessRefusal.HOST),
        ("GET", {"host": "127.0.0.1:4581"}, AccessRefusal.HOST),
        ("GET", {"host": "127.0.0.1:4580.rebound.example"}, AccessRefusal.HOST),
        ("GET", {"host": ""}, AccessRefusal.HOST),
        # another user of the machine, or an earlier start
        ("GET", {"cookie": ""}, AccessRefusal.TOKEN),
        ("GET", {"cookie": "podrole-console-4580="}, AccessRefusal.TOKEN),
        ("GET", {"cookie": "podrole-console-4580=secre"}, AccessRefusal.TOKEN),
        ("GET", {"cookie": "podrole-console-4581=secret"}, AccessRefusal.TOKEN),
        ("GET", {"cookie": "podrole-console-4580=sécret"}, AccessRefusal.TOKEN),
        ("GET", {"cookie": "\x00;=;"}, AccessRefusal.TOKEN),
        # another site in the same browser
        ("GET", {"sec_fetch_site": "cross-site"}, AccessRefusal.ORIGIN),
        ("GET", {"sec_fetch_site": "same-site"}, AccessRefusal.ORIGIN),
        ("POST", {}, AccessRefusal.ORIGIN),
        ("POST", {"origin": "null"}, AccessRefusal.ORIGIN),
        ("POST", {"origin": "http://localhost:4580"}, AccessRefusal.ORIGIN),
        ("POST", {"origin": "https://127.0.0.1:4580"}, AccessRefusal.ORIGIN),
        ("POST", {"origin": "http://127.0.0.1:4581"}, AccessRefusal.ORIGIN),
    ],
)
def test_a_request_is_let_in_by_its_host_its_cookie_and_its_origin(
    method: str, given: dict[str, str], refusal: AccessRefusal | None
) -> None:
    assert ACCESS.refusal(method, headers(**given)) is refusal


def test_the_printed_url_lets_in_from_anywhere_but_another_host() -> None:
    followed = headers(cookie="", sec_fetch_site="cross-site")
    assert ACCESS.refusal("GET", followed, token="secret") is None
    assert ACCESS.refusal("GET", headers(cookie="", host="rebound.example:4580"), token="secret") is AccessRefusal.HOST
    assert ACCESS.refusal("GET", headers(cookie=""), token="another") is AccessRefusal.TOKEN


def test_two_hosts_or_two_origins_are_refused() -> None:
    assert ACCESS.refusal("GET", [*headers(), (b"host", b"127.0.0.1:4580")]) is AccessRefusal.HOST
    twice = [*headers(origin="http://127.0.0.1:4580"), (b"origin", b"http://127.0.0.1:4580")]
    assert ACCESS.refusal("POST", twice) is AccessRefusal.ORIGIN


def test_the_url_and_the_cookie_hold_the_token_of_this_start() -> None:
    assert ACCESS.url == "http://127.0.0.1:4580/?token=secret"
    assert ACCESS.cookie == (b"set-cookie", b"podrole-console-4580=secret; Path=/folder/; HttpOnly; SameSite=Strict")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_wrong_token_does_not_make_up_for_another_site(site: str) -> None:
    assert ACCESS.refusal("GET", headers(sec_fetch_site=site), token="wrong") is AccessRefusal.ORIGIN


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/folder/", "/"),
        ("/folder/chain", "/chain"),
        ("/folder//chain", "//chain"),
        ("/folder", None),
        ("/", None),
        ("/chain", None),
        ("/folders/chain", None),
        ("//folder/chain", None),
        ("/f\u00f6lder/chain", None),
    ],
)
def test_pages_lie_in_the_folder_alone(path: str, inside: str | None) -> None:
    assert ACCESS.inside(path) == inside
