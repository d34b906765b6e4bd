"""The built documentation site in a real browser, wide and on a phone. `make docs` builds it and runs this file."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from podrole.doctor.report.codes import CODES
from support.browser import NARROW, NEEDS_CHROMIUM, WIDE, chromium

SITE = Path(__file__).parents[2] / "build" / "site"
pytestmark = [pytest.mark.site, NEEDS_CHROMIUM]
LIMIT = 60_000
WIDTHS = pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
UNCOVERED = """(id) => {
    const heading = document.querySelector(`#${id} > :is(h1, h2, h3, h4)`), box = heading.getBoundingClientRect();
    return document.elementFromPoint(box.left + 5, box.top + 5) === heading;
}"""
"""Whether the heading of a section is in view, and nothing is over it."""


class Files(SimpleHTTPRequestHandler):
    """The files of the site, without a line for each request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    assert (SITE / "index.html").exists(), "make docs builds the site first"
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Open]:
    """Open a page in a browser of this size. At the end no page may have said an error or asked another host."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(path: str, viewport: Any) -> Page:
        context = browser.new_context(viewport=viewport)
        contexts.append(context)
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith(url) else problems.append(asked.url))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@WIDTHS
def test_no_page_scrolls_sideways_or_lacks_a_picture(opened: Open, url: str, viewport: dict[str, int]) -> None:
    page = opened("index.html", viewport)
    paths = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    assert len(paths) > len(list((SITE.parents[1] / "docs").glob("*.md")))
    faults = []
    for path in paths:
        page.goto(url + path)
        if page.evaluate("document.documentElement.scrollWidth") > viewport["width"]:
            faults.append(f"{path} scrolls sideways")
        broken = "[...document.images].filter((one) => !one.naturalWidth).map((one) => one.src)"
        faults += [f"{path} lacks {image}" for image in page.evaluate(broken)]
    assert faults == []


@WIDTHS
def test_one_drawing_of_the_chain_is_shown_and_can_be_read(opened: Open, viewport: dict[str, int]) -> None:
    page = opened("index.html", viewport)
    [shown] = [image for image in page.locator("article img").all() if image.is_visible()]
    # In the drawings the small text is 11 units high, of which the browser makes this many pixels.
    scale = shown.evaluate("(one) => one.getBoundingClientRect().width / one.naturalWidth")
    assert scale * 11 > 7
    assert shown.get_attribute("alt") == "The chain from a pod to an AWS call"


@WIDTHS
def test_every_code_has_a_section_that_its_address_leads_to(opened: Open, url: str, viewport: dict[str, int]) -> None:
    page = opened("doctor.html", viewport)
    titles = {code: page.evaluate(
        """(id) => { location.hash = id; return document.querySelector(":target > h4")?.firstChild.textContent; }""",
        code.lower()) for code in CODES}  # fmt: skip
    assert titles == {code: code for code in CODES}
    for code in ("PR101", "PR204", "PR803"):
        page.goto(url)
        page.goto(url + CODES[code].page)
        page.wait_for_function(UNCOVERED, arg=code.lower())


def test_the_search_leads_to_a_code_and_to_a_guide(opened: Open) -> None:
    page = opened("index.html", WIDE)
    page.get_by_role("textbox", name="Search").fill("PR204")
    page.keyboard.press("Enter")
    page.locator("#search-results a[href*='doctor.html#pr204']").click()
    page.wait_for_function(UNCOVERED, arg="pr204")
    page = opened("search.html?q=move+Amazon+webhook", NARROW)
    expect(page.locator("#search-results a[href*='replace-the-webhook.html']").first).to_be_visible()


def test_on_a_phone_the_menu_leads_to_a_guide(opened: Open) -> None:
    page = opened("index.html", NARROW)
    guide = page.locator(".sidebar-tree").get_by_role("link", name="Set up IRSA on EKS")
    expect(guide).not_to_be_in_viewport()
    page.locator("header label[for='__navigation']").click()
    guide.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Set up IRSA on EKS")


def test_what_is_copied_from_a_transcript_is_without_its_prompt(opened: Open) -> None:
    page = opened("irsa-on-eks.html", WIDE)
    copied = page.evaluate(
        """() => {
            getSelection().selectAllChildren(document.querySelector(".highlight-console pre"));
            return getSelection().toString();
        }"""
    )
    assert copied.startswith("podrole utils associate-iam-oidc-provider")
