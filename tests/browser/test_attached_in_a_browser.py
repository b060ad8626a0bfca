"""The page of a running daemon in a real browser: it attaches, shows what the camera sees, takes a question and shows the answer."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import ASK, PATIENCE_MS, Wearer
from tests.fake_camera import FakeCamera
from tests.integration.test_attached import POINTER, attached, wearing

expect.set_options(timeout=PATIENCE_MS)


def test_a_question_is_asked_and_answered_and_what_cannot_be_done_is_said(
    context: BrowserContext, camera: FakeCamera, tmp_path: Path
) -> None:
    with attached(tmp_path, POINTER) as here, wearing(here.run):
        wearer = Wearer(context.new_page(), camera)
        page = wearer.page
        page.goto(here.server.url)
        expect(page).to_have_title("edge_runtime daemon")
        expect(page.locator("#stage .picture")).to_be_visible()
        expect(page.locator("#stage video")).to_be_hidden()
        expect(page.locator(".keeping")).to_contain_text("are held in memory, on no disk")
        expect(page.locator(".badge")).to_contain_text("simulated gaze")

        page.get_by_label(ASK).fill("where is my mug?")
        page.keyboard.press("Enter")
        expect(page.locator("#talk .line-wearer")).to_contain_text("where is my mug?")
        wearer.hears(re.compile("mug"))

        page.get_by_role("button", name="Switch camera off").click()
        expect(page.locator("#light")).to_contain_text("The daemon's camera is on as long as the daemon runs.")

        here.run.stop("core")
        expect(page.locator(".curtain")).to_contain_text(re.compile(r"The daemon does not answer; last heard \d+ s ago\."))
        wearer.shot("attached-silent")
        here.run.restart_core()
        expect(page.locator(".curtain")).to_be_hidden()
        expect(page.locator("#talk .line-wearer")).to_have_count(0)
        assert wearer.complaints == []
