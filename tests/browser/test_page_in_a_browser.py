"""The page itself in a real browser: two tabs, names that mean harm, its policy, every screen, and a keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.conftest import MUG_AT, NOTHING_AT, PATIENCE_MS, SIGN_AT, Room, Served, Wearer, comes, enter, served
from tests.fake_camera import FakeCamera

expect.set_options(timeout=PATIENCE_MS)
ASK = "Ask, teach, watch or forget, in words"
SECTIONS = ["bar", "stage", "talk", "memory", "watches", "concepts", "decisions", "forget", "health"]
"""In the order of reading."""


@pytest.fixture
def room(tmp_path: Path, camera: FakeCamera) -> Iterator[Served]:
    """Glasses in a room with a mug and a sign."""
    camera.show([Room.picture()])
    with served(tmp_path / "run", Room()) as run:
        yield run


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


# ---------------------------------------------------------------- tabs


def test_of_two_tabs_one_wears_both_see_and_a_press_moves_the_glasses(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    first = enter(context, room.url, camera).page
    second = context.new_page()
    second.goto(room.url)
    note = "Another tab wears the glasses; this one looks on."
    expect(second.locator(".not-wearing")).to_contain_text(note)
    expect(second.locator("#stage .picture")).to_be_visible()
    expect(first.locator(".not-wearing")).to_be_hidden()
    for page in (first, second):
        expect(page.locator("#link-state")).to_have_text("connected, 2 tabs")

    second.get_by_role("button", name="Wear them here").click()
    expect(second.locator("#stage video")).to_be_visible()
    expect(second.locator(".not-wearing")).to_be_hidden()
    expect(first.locator(".not-wearing")).to_contain_text(note)
    expect(first.locator("#stage video")).to_be_hidden()
    expect(first.locator("#stage .picture")).to_be_visible()
    assert first.evaluate("document.querySelector('#stage video').srcObject") is None
    room.goes_on_seeing(second)

    # Who looks on may ask, and both hear.
    first.get_by_label(ASK).fill("did you see my passport?")
    first.keyboard.press("Enter")
    for page in (first, second):
        expect(page.locator("#talk .line-wearer")).to_contain_text("did you see my passport?")

    # When the tab that wears is closed, the other one wears.
    second.close()
    expect(first.locator("#stage video")).to_be_visible()
    room.goes_on_seeing(first)


# ---------------------------------------------------------------- names that mean harm


def test_markup_is_words_wherever_it_appears(context: BrowserContext, camera: FakeCamera, tmp_path: Path) -> None:
    words = "</script><script>window.harmed=1</script><img src=x onerror=window.harmed=1>"
    camera.show([Room.picture()])
    with served(tmp_path / "run", Room(sign=words)) as run:
        wearer = enter(context, run.url, camera)
        page = wearer.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        # Read from a sign: over the picture, at the gaze, in the conversation, among the decisions and in the memory.
        wearer.point(*SIGN_AT)
        for place in (".captions .said", ".name-tag b", ".line-glasses .line-text", ".decision-text", ".sighting-name"):
            expect(page.locator(place).filter(has_text=words).first).to_be_visible()

        # Typed: as a name, as a watch and as a question.
        wearer.point(*MUG_AT)
        page.get_by_label("This is my").fill(words)
        page.keyboard.press("Enter")
        concept = page.locator("#concepts li").filter(has_text=words)
        expect(concept).to_contain_text("from 3 looks")
        page.get_by_label("Tell me when I see", exact=True).fill(words)
        page.keyboard.press("Enter")
        wearer.say(words)
        for line in (f"This is my {words}.", f"tell me when I see {words}", words):
            expect(page.locator("#talk .line-wearer .line-text").get_by_text(line, exact=True)).to_be_visible()

        read = page.locator("#memory .sighting").filter(has_text=words).first
        for opener in (concept.get_by_role("button"), read):
            opener.click()
            expect(page.get_by_role("dialog").get_by_role("heading")).to_contain_text(words)
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_be_hidden()
        assert page.evaluate("window.harmed") is None
        assert page.locator("img[src='x'], script:not([src]), [onerror]").count() == 0
        assert [url for url in asked if url.endswith("/x")] == []
        assert wearer.complaints == []


def test_a_mark_that_turns_writing_round_ends_with_the_words_it_stands_in(
    context: BrowserContext, camera: FakeCamera, tmp_path: Path
) -> None:
    words = "mug\u202egnp.exe"
    camera.show([Room.picture()])
    with served(tmp_path / "run", Room(sign=words)) as run:
        wearer = enter(context, run.url, camera)
        wearer.point(*SIGN_AT)
        caption = wearer.page.locator(".captions .caption").filter(has_text=words)
        expect(caption).to_be_visible()
        said, seen = (caption.locator(part).bounding_box() for part in (".said", ".seen"))
        assert said is not None and seen is not None
        assert said["x"] + said["width"] <= seen["x"]


def test_five_hundred_letters_without_a_space_stay_inside_the_page(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    words = "w" * 500
    wearer = enter(context, room.url, camera)
    page = wearer.page
    wearer.point(*MUG_AT)
    wearer.say(f"this is my {words}")
    expect(page.locator("#concepts li").filter(has_text=words[:80])).to_contain_text("from 3 looks")
    wearer.say(f"tell me when I see my {words[:80]}")
    expect(page.locator("#watches li")).to_have_count(1)
    wearer.say(words)
    expect(page.locator("#talk .line-wearer .line-text").get_by_text(words, exact=True)).to_be_visible()
    page.get_by_role("button", name=f"Forget {words[:80]}").click()
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        assert sideways(page) == 0
        dialog = page.get_by_role("dialog")
        assert dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0
    wearer.shot("page-long-words")


# ---------------------------------------------------------------- what the page may do


def test_a_whole_visit_asks_only_its_own_machine_and_breaks_no_rule(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    wearer = Wearer(context.new_page(), camera)
    page = wearer.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda line: asked.append(line.url.replace("ws:", "http:")))
    page.goto(room.url)
    expect(page.locator("#stage video")).to_be_visible()

    wearer.point(*SIGN_AT)
    wearer.hears("ROOM 204")
    wearer.say("tell me when I see a bicycle")
    expect(page.locator("#watches li")).to_have_count(1)
    page.locator("#memory .sighting").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("First seen")
    page.get_by_role("button", name="Close").click()
    page.locator("#decisions summary").first.click()
    expect(page.locator("#decisions .decision-facts")).to_contain_text("Worth saying")
    page.get_by_text("Speak aloud").click()
    page.locator("summary", has_text="Mute").click()
    page.get_by_role("button", name="15 min").click()
    expect(page.locator(".muted")).to_contain_text("muted for 15 min more")
    page.get_by_role("button", name="Unmute").click()
    page.locator("summary", has_text="Quiet hours").click()
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator("#voice-controls summary", has_text="quiet from 22:00 to 07:00")).to_be_visible()
    page.reload()
    expect(page.locator("#watches li")).to_have_count(1)
    page.get_by_role("button", name="Everything").click()
    page.get_by_role("button", name="Forget it").click()
    wearer.hears("Forgotten")
    expect(page.locator("#watches li")).to_have_count(0)

    assert {url.split("?")[0][: len(room.origin)] for url in asked if not url.startswith("blob:")} == {room.origin}
    assert wearer.complaints == []

    # And a script that gets in all the same does not run.
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text) as complaint:
        page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "window.harmed = 1";
            document.body.append(script);
        }""")
    refused: ConsoleMessage = complaint.value
    assert refused.type == "error"
    assert page.evaluate("window.harmed") is None


# ---------------------------------------------------------------- every screen


def test_it_fits_every_screen_and_can_be_read_in_light_and_dark(context: BrowserContext, room: Served, camera: FakeCamera) -> None:
    wearer = enter(context, room.url, camera)
    page, ask = wearer.page, wearer.page.get_by_label(ASK)
    wearer.point(*MUG_AT)
    wearer.say("this is my mug")
    expect(page.locator("#concepts")).to_contain_text("from 3 looks")

    for name, width_px, height_px in (("phone", 390, 844), ("tablet", 820, 1180), ("wide", 1920, 1080)):
        page.set_viewport_size({"width": width_px, "height": height_px})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            ask.blur()
            page.evaluate("scrollTo(0, 0)")
            wearer.point(*MUG_AT)
            assert sideways(page) == 0, name
            assert faint(page) == [], (name, scheme)
            wearer.shot(f"page-{name}-{scheme}")
        # Wherever one has scrolled to, the way to the box leads to where it can be seen and clicked.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        ask.focus()
        assert in_sight(ask), name
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        ask.click(trial=True)


def sideways(page: Page) -> int:
    """Pixels by which the page is wider than the screen."""
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


def in_sight(element: Locator) -> bool:
    """Whether it is on the screen and nothing lies over it."""
    seen: bool = element.evaluate("""(element) => {
        const box = element.getBoundingClientRect();
        return element.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
    }""")
    return seen


def faint(page: Page) -> list[str]:
    """Words outside the picture that stand out too little from what is behind them: less than 4.5 to 1."""
    found: list[str] = page.evaluate("""() => {
        const part = (value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
        const behind = (element) => {
            for (let at = element; at; at = at.parentElement) {
                const colour = numbers(getComputedStyle(at).backgroundColor);
                if (colour.length < 4 || colour[3] === 1) return colour;
            }
            return [255, 255, 255];
        };
        const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const faint = [];
        while (words.nextNode()) {
            const element = words.currentNode.parentElement;
            const text = words.currentNode.textContent.trim();
            if (!text || element.closest(".scene, script, noscript, option, :disabled") || !element.checkVisibility()) continue;
            const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (contrast < 4.5) faint.push(`${contrast.toFixed(1)} ${text}`);
        }
        return faint;
    }""")
    return found


def test_who_wants_no_motion_gets_none(context: BrowserContext, camera: FakeCamera, tmp_path: Path) -> None:
    with served(tmp_path / "run") as run:
        still, moving = context.new_page(), context.new_page()
        for page in (still, moving):
            page.goto(run.url)
            expect(page.locator("#link-state")).to_contain_text("connected")
        still.emulate_media(reduced_motion="reduce")
    for page, name in ((still, "none"), (moving, "come")):
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator(".veil")).to_have_css("animation-name", name)


# ---------------------------------------------------------------- a keyboard alone


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
