"""The console in a real browser, in front of a real world in which STS refuses a pod.

With PODROLE_SCREENSHOTS=FOLDER the run writes the pictures that the documentation shows.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.broken_world import NAMESPACE, BrokenWorld
from support.browser import NARROW, NEEDS_CHROMIUM, WIDE, chromium
from support.faults import an_account_misspelt
from support.world import PODROLE, clean_environment, running_world

pytestmark = NEEDS_CHROMIUM
LIMIT = 60_000
SIGNATURE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenWorld]:
    """A world with a pod that STS refused, because the trust policy misspells its service account."""
    with running_world(tmp_path_factory.mktemp("shown")) as running:
        found = BrokenWorld(running)
        found.provider()
        found.create_namespace(NAMESPACE)
        found.open()
        an_account_misspelt(found, "distrusted")
        found.wait_until_ended(["distrusted"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def url(world: BrokenWorld) -> Iterator[str]:
    """The URL that ``podrole console --allow-repair`` prints."""
    with subprocess.Popen(
        [PODROLE, "console", "--port", "0", "--allow-repair"],
        cwd=world.running.directory,
        env=clean_environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield next((match[0] for line in process.stdout if (match := re.search(r"http://\S+", line))), "")
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Open]:
    """Open a view in a fresh browser profile that was let in. At the end no page may have said an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_view(path: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(url)
        expect(page).to_have_url(re.compile(r"^http://127\.0\.0\.1:\d+/[\w-]{22}/$"))
        page.goto(page.url.removesuffix("/") + path)
        return page

    yield open_view
    for context in contexts:
        context.close()
    assert errors == []


def picture(page: Page, name: str) -> None:
    """Write a screenshot for the documentation, if it was asked for."""
    folder = os.environ.get("PODROLE_SCREENSHOTS")
    if folder:
        # Not the footer: it names the directory of the world.
        page.locator("main").screenshot(path=Path(folder) / f"console-{name}.png")


def refused_exchange(world: BrokenWorld) -> None:
    """Have STS refuse the pod's service account once more."""
    token = world.running.ok("kubectl", "create", "token", "distrusted", "--namespace", NAMESPACE, "--audience",
                             "sts.amazonaws.com").strip()  # fmt: skip
    sts = world.running.client("sts")
    with pytest.raises(sts.exceptions.ClientError):
        sts.assume_role_with_web_identity(
            RoleArn=world.arn("distrusted"), RoleSessionName="again", WebIdentityToken=token
        )


def test_a_chain_shows_the_broken_link_and_its_commands(world: BrokenWorld, opened: Open) -> None:
    page = opened("/")
    row = page.locator("tr", has=page.get_by_role("rowheader", name=f"{NAMESPACE}/distrusted"))
    expect(row).to_contain_text("broken", timeout=LIMIT)
    expect(page.locator("#liveness")).to_have_text("live")
    picture(page, "chains")
    row.get_by_role("rowheader").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{NAMESPACE}/serviceaccount/distrusted")
    finding = page.locator("article.fault").first
    expect(finding).to_contain_text("expected")
    expect(finding.locator("code").first).to_contain_text("aws iam update-assume-role-policy")
    expect(finding.get_by_role("button", name="Copy").first).to_be_visible()
    picture(page, "chain")


def test_a_refusal_appears_while_the_page_is_open_and_opens_to_what_failed(world: BrokenWorld, opened: Open) -> None:
    page = opened("/calls?refused=yes")
    rows = page.locator("#calls tr")
    expect(page.locator("#liveness")).to_have_text("live")
    before = rows.count()
    refused_exchange(world)
    expect(rows).to_have_count(before + 1, timeout=LIMIT)
    picture(page, "calls")
    rows.first.get_by_role("link").first.click()
    expect(page.locator("ol.steps li", has_text="trust policy")).to_contain_text("failed")
    expect(page.locator("mark.failed")).to_have_count(1)
    expect(page.locator("mark.failed")).to_contain_text(":sub")
    picture(page, "call")


HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_page_that_is_not_seen_keeps_no_connection_and_catches_up_once(world: BrokenWorld, opened: Open) -> None:
    page = opened("/calls?refused=yes")
    rows = page.locator("#calls tr")
    expect(page.locator("#liveness")).to_have_text("live")
    before = rows.count()
    refused_exchange(world)
    expect(rows).to_have_count(before + 1, timeout=LIMIT)
    with page.expect_event("requestfailed", lambda request: "/live" in request.url):
        page.evaluate(HIDE, True)
    refused_exchange(world)
    with page.expect_request(re.compile("/live")):
        page.evaluate(HIDE, False)
    expect(rows).to_have_count(before + 2, timeout=LIMIT)


def test_a_role_shows_whom_it_lets_in(world: BrokenWorld, opened: Open) -> None:
    page = opened("/role?arn=" + world.arn("distrusted"))
    expect(page.get_by_role("heading", name="Who gets in")).to_be_visible()
    expect(page.locator("main")).to_contain_text("None of this cluster.")
    expect(page.locator("details pre").first).to_contain_text("sts:AssumeRoleWithWebIdentity")
    expect(page.get_by_role("rowheader", name="sts:AssumeRoleWithWebIdentity")).to_have_count(0)
    picture(page, "role")


def test_a_pasted_token_is_checked_and_its_signature_not_sent_back(world: BrokenWorld, opened: Open) -> None:
    token = world.running.ok("kubectl", "create", "token", "distrusted", "--namespace", NAMESPACE, "--audience",
                             "sts.amazonaws.com").strip()  # fmt: skip
    page = opened("/token")
    page.get_by_label("A token", exact=True).fill(token)
    page.get_by_label("May it assume this role?").fill(world.arn("distrusted"))
    page.get_by_role("button", name="Check").click()
    expect(page.locator("ol.steps li", has_text="signature")).to_contain_text("holds")
    expect(page.locator("ol.steps li", has_text="trust policy")).to_contain_text("failed")
    assert token.rpartition(".")[2] not in page.content()
    assert not SIGNATURE.search(page.content())
    picture(page, "token")


def test_a_pod_s_token_is_requested_and_checked(world: BrokenWorld, opened: Open) -> None:
    page = opened("/token")
    page.get_by_label("or a pod").fill(f"{NAMESPACE}/distrusted")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("verified")
    assert not SIGNATURE.search(page.content())


def test_the_map_finds_and_zooms(world: BrokenWorld, opened: Open) -> None:
    page = opened("/map")
    drawing = page.locator("#map")
    expect(drawing).to_contain_text("distrusted", timeout=LIMIT)
    width = float(drawing.get_attribute("width") or 0)
    page.get_by_role("button", name="Zoom in").click()
    assert float(drawing.get_attribute("width") or 0) > width
    page.get_by_label("Find").fill("no such name")
    assert drawing.locator("text:not(.faded)").count() == 0
    picture(page, "map")


def test_names_that_look_like_markup_stay_text(world: BrokenWorld, opened: Open) -> None:
    evil = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    sts = world.running.client("sts")
    with pytest.raises(sts.exceptions.ClientError):
        sts.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::111122223333:role/" + evil, RoleSessionName="hostile", WebIdentityToken="x" * 20
        )
    page = opened("/calls?refused=yes")
    expect(page.locator("#calls")).to_contain_text("AssumeRoleWithWebIdentity")
    assert page.locator("img, main script").count() == 0
    assert "podrole" in page.title()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/chain?namespace={NAMESPACE}&name=distrusted",
        "/calls",
        "/role",
        "/role?arn=arn:aws:iam::111122223333:role/distrusted",
        "/token",
        "/map",
    ],
)
def test_every_view_fits_a_phone_and_has_names_for_what_can_be_used(opened: Open, path: str) -> None:
    page = opened(path, viewport=NARROW, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]
                 .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel))
                 .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"


@pytest.mark.parametrize("path", ["/", "/calls", "/map"])
def test_every_view_is_whole_without_javascript(world: BrokenWorld, opened: Open, path: str) -> None:
    # Without JavaScript a page shows what was known when it was opened: the first look must have ended.
    expect(opened(path).locator("main")).to_contain_text("distrusted", timeout=LIMIT)
    page = opened(path, java_script_enabled=False)
    expect(page.locator("main")).to_contain_text("distrusted")


def test_a_browser_that_was_not_let_in_sees_nothing(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(url.partition("?")[0])
    assert answer is not None
    assert answer.status == 403
    assert "podrole console printed" in page.content()
    context.close()


def test_the_doctor_s_commands_run_after_they_were_shown_and_confirmed(world: BrokenWorld, opened: Open) -> None:
    page = opened(f"/chain?namespace={NAMESPACE}&name=distrusted")
    page.get_by_role("button", name="Run these commands").first.click()
    expect(page.locator("main")).to_contain_text("These commands run on this machine")
    expect(page.get_by_role("button", name="Run them")).to_be_visible()
    picture(page, "repair")
    page.get_by_role("button", name="Run them").click()
    expect(page.locator("main")).to_contain_text("succeeded")
    page.get_by_role("link", name="See what the doctor says now").click()
    expect(page.locator("ol.chain li", has_text="trust policy")).to_contain_text("holds")


def test_another_program_of_this_machine_does_not_get_the_cookie(opened: Open) -> None:
    asked: list[str] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Cookie", ""))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            # With an icon of its own, the browser asks for nothing more, while the server already stops.
            self.wfile.write(b'<link rel="icon" href="data:,">')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    page = opened("/")
    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert asked
    assert not any("podrole" in cookie for cookie in asked)


def test_the_printed_url_can_be_a_link_of_another_page(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_content(f'<a href="{url}">open</a>')
    page.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chains", timeout=LIMIT)
    context.close()
