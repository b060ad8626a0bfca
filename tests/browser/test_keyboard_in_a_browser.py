"""The page without a mouse: Tab reaches everything, everything has a name, and keys and fingers look around."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import ASK, MUG_AT, NOTHING_AT, PATIENCE_MS, SIGN_AT, Served, comes, enter
from tests.fake_camera import FakeCamera

expect.set_options(timeout=PATIENCE_MS)
SECTIONS = ["bar", "stage", "talk", "memory", "watches", "concepts", "decisions", "forget", "health"]
"""In the order of reading."""


def focused(page: Page) -> dict[str, Any] | None:
    """What has the focus, and the section it stands in; ``None`` when nothing has it."""
    found: dict[str, Any] | None = page.evaluate("""() => {
        const at = document.activeElement;
        if (!at || at === document.body) return null;
        at.dataset.reached = "yes";
        const section = at.closest("main > section, #bar");
        return { section: section ? section.id : "", words: at.getAttribute("aria-label") || at.textContent || at.id };
    }""")
    return found


def test_tab_reaches_every_control_once_in_the_order_of_reading(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    wearer = enter(context, room.url, camera)
    page = wearer.page
    wearer.point(*MUG_AT)
    wearer.say("tell me when I see a bicycle")
    wearer.say("this is my mug")
    expect(page.locator("#concepts")).to_contain_text("from 3 looks")
    room.worn.glasses.count("picture", "rate")
    expect(page.locator("#health .drops")).to_be_visible()
    page.reload()  # the focus begins at the top
    expect(page.locator("#watches li")).to_have_count(1)
    page.keyboard.press("Tab")
    assert (focused(page) or {})["words"] == "Skip to the question"
    order: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        at = focused(page)
        if at is None:
            break
        order.append(at["section"])
    assert list(dict.fromkeys(order)) == SECTIONS  # each begins after the one before it
    assert order == sorted(order, key=SECTIONS.index)  # and is left once
    controls = "button, input, select, summary, a[href], [tabindex='0']"
    missed = page.locator(f":is({controls}):visible:not(:disabled):not([data-reached])")
    assert missed.all_inner_texts() == []


def test_every_control_has_a_name(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    wearer = enter(context, room.url, camera)
    page = wearer.page
    wearer.point(*SIGN_AT)
    wearer.hears("ROOM 204")
    line = context.new_cdp_session(page)

    def nameless() -> tuple[list[str], set[str]]:
        nodes = [node for node in line.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        controls = [node for node in nodes if any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", ()))]
        controls = [node for node in controls if node["role"]["value"] != "RootWebArea"]
        bad = [node["role"]["value"] for node in controls if not node.get("name", {}).get("value", "").strip()]
        return bad, {node["role"]["value"] for node in controls}

    bad, roles = nameless()
    assert bad == []
    assert roles >= {"application", "button", "textbox", "searchbox", "checkbox", "combobox", "link", "group"}
    for menu in page.locator("#voice-controls summary").all():
        menu.click()
        assert nameless()[0] == []
    page.keyboard.press("Escape")
    for opener in (page.locator("#memory .sighting").first, page.get_by_role("button", name="Everything")):
        opener.click()
        expect(page.get_by_role("dialog")).to_have_accessible_name(re.compile(r"\w"))
        assert nameless()[0] == []
        page.keyboard.press("Escape")


def test_one_can_ask_and_take_back_a_wish_to_forget_without_a_mouse(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    page = enter(context, room.url, camera).page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the way past the picture
    page.keyboard.press("Tab") if focused(page) is None else None
    expect(page.get_by_label(ASK)).to_be_focused()
    page.keyboard.type("did you see my passport?")
    page.keyboard.press("Enter")
    expect(page.locator("#talk .line-glasses")).to_contain_text("passport")
    expect(page.get_by_label(ASK)).to_have_value("")
    expect(page.get_by_label(ASK)).to_be_focused()

    forget = page.get_by_role("button", name="The last ten minutes")
    forget.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Forget the last 10 min?")).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()  # a key pressed too often harms nothing
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Forget it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(forget).to_be_focused()
    expect(page.locator("#talk .line-wearer")).to_have_count(1)

    mute = page.locator("summary", has_text="Mute")
    mute.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="15 min")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="15 min")).to_be_hidden()
    expect(mute).to_be_focused()


def test_arrow_keys_look_around_and_escape_looks_away(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    wearer = enter(context, room.url, camera)
    page = wearer.page
    page.locator("#stage .view").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".badge-held")).to_contain_text("held by the arrow keys; Escape looks away")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    for _ in range(10):
        page.keyboard.press("ArrowUp")
    expect_gaze(page, 0.82, 0.30)
    wearer.hears("ROOM 204")  # what is looked at so is read like anything else

    page.keyboard.press("Escape")
    expect(page.locator(".badge-held")).to_have_text("")
    expect(page.locator(".fact-gaze")).to_have_text("gaze not on the picture")


def test_a_finger_looks_too_and_a_tap_holds_the_gaze(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    wearer = enter(context, room.url, camera)
    box = wearer.page.locator("#stage .view").bounding_box()
    assert box is not None
    line = context.new_cdp_session(wearer.page)
    x, y = box["x"] + NOTHING_AT[0] * box["width"], box["y"] + NOTHING_AT[1] * box["height"]
    line.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    line.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(wearer.page.locator(".badge-held")).to_contain_text("held here; touch and drag to look around")
    expect_gaze(wearer.page, *NOTHING_AT)


def expect_gaze(page: Page, x_norm: float, y_norm: float) -> None:
    """Wait until the dot stands there, give or take a hundredth of the picture."""
    stage = page.locator("#stage .view").bounding_box()
    assert stage is not None

    def off() -> float:
        dot = page.locator("#stage .dot").bounding_box()
        if dot is None:
            return 1.0
        x, y = dot["x"] + dot["width"] / 2 - stage["x"], dot["y"] + dot["height"] / 2 - stage["y"]
        return max(abs(x / stage["width"] - x_norm), abs(y / stage["height"] - y_norm))

    comes(page, lambda: off() < 0.01)
