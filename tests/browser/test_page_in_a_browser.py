"""The page itself in a real browser: two tabs, names that mean harm, its policy, and every screen."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.conftest import ASK, MUG_AT, PATIENCE_MS, SIGN_AT, Room, Served, Wearer, enter, served
from tests.fake_camera import FakeCamera

expect.set_options(timeout=PATIENCE_MS)


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
