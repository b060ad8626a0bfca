"""What can go wrong while the glasses are worn in a browser: it is said on the page in plain words, and the run goes on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from tests.browser.conftest import ASK, CHROMIUM, PATIENCE_MS, Simulator, enter, served, start_page
from tests.conftest import ROOT
from tests.fake_camera import FakeCamera

expect.set_options(timeout=PATIENCE_MS)
ASKS_NOBODY = "--use-fake-ui-for-media-stream"
"""With this Chromium allows every page the camera; without it nobody is there to allow it, and the permissions of the context count."""


@pytest.fixture(scope="module")
def strict_browser(browser: Browser, camera: FakeCamera) -> Iterator[Browser]:
    """A browser with a camera that it gives only to whom it was allowed."""
    arguments = [argument for argument in camera.arguments if argument != ASKS_NOBODY]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *arguments]) as strict:
        yield strict


@pytest.fixture
def strict_context(strict_browser: Browser) -> Iterator[BrowserContext]:
    with strict_browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture(scope="module")
def blind_browser(browser: Browser) -> Iterator[Browser]:
    """A browser on a machine without a camera."""
    arguments = ["--no-sandbox", "--disable-gpu", ASKS_NOBODY, "--use-fake-device-for-media-stream=device-count=0"]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=arguments) as blind:
        yield blind


def curtain(page: Page) -> Locator:
    """What stands where the picture would be."""
    return page.locator("#stage .curtain")


def notices(page: Page, words: str) -> Locator:
    """Lines in which the machine says this about itself."""
    return page.locator("#talk .line-notice").filter(has_text=words)


def dropped(page: Page, code: str) -> Locator:
    """The row in which the page counts what was let go for this reason."""
    return page.locator("#health .drops tr").filter(has=page.get_by_text(code, exact=True))


# ---------------------------------------------------------------- the camera


def test_a_camera_that_is_refused_is_said_and_the_button_brings_it(strict_context: BrowserContext, tmp_path: Path) -> None:
    with served(tmp_path / "run") as run:
        strict_context.grant_permissions([], origin=run.origin)
        page = strict_context.new_page()
        page.goto(run.url)
        expect(curtain(page)).to_contain_text("The camera is not allowed. Allow it for this page beside the address bar, then try again.")
        expect(notices(page, "The camera is not allowed.")).to_have_count(1)
        assert run.newest == -1

        strict_context.grant_permissions(["camera"], origin=run.origin)
        page.get_by_role("button", name="Try again").click()
        expect(curtain(page)).to_be_hidden()
        run.goes_on_seeing(page)
        expect(page.locator("#stage .view")).to_be_focused()


def test_a_machine_without_a_camera_says_so_and_looks_again_when_asked(blind_browser: Browser, tmp_path: Path) -> None:
    counted = """
        const ask = MediaDevices.prototype.getUserMedia;
        window.asked = 0;
        MediaDevices.prototype.getUserMedia = function (...wish) { window.asked += 1; return ask.apply(this, wish); };
    """
    with served(tmp_path / "run") as run, blind_browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(counted)
        page.goto(run.url)
        words = "The browser finds no camera. Plug one in and try again, or start with --camera gallery."
        expect(curtain(page)).to_contain_text(words)
        page.get_by_role("button", name="Try again").click()
        expect(curtain(page)).to_contain_text(words)
        assert page.evaluate("window.asked") == 2
        # A camera that keeps failing is said once.
        expect(notices(page, words)).to_have_count(1)


def test_a_camera_taken_away_in_the_middle_is_said_and_the_button_brings_it_back(
    strict_context: BrowserContext, camera: FakeCamera, tmp_path: Path
) -> None:
    with served(tmp_path / "run") as run:
        strict_context.grant_permissions(["camera"], origin=run.origin)
        wearer = enter(strict_context, run.url, camera)
        page = wearer.page
        run.goes_on_seeing(page)

        # The browser ends the track of a page that may not have it any more, as it does when the plug is pulled.
        strict_context.clear_permissions()
        expect(curtain(page)).to_contain_text("The camera was unplugged, or the browser took it away.")
        expect(curtain(page)).not_to_contain_text("The camera sees.")
        expect(page.locator("#stage video")).to_be_hidden()
        wearer.shot("trouble-unplugged")
        expect(notices(page, "unplugged")).to_have_count(1)

        strict_context.grant_permissions(["camera"], origin=run.origin)
        page.get_by_role("button", name="Try again").click()
        expect(curtain(page)).to_be_hidden()
        run.goes_on_seeing(page)


def test_switched_off_nothing_is_seen_and_switched_on_again_it_is(context: BrowserContext, camera: FakeCamera, tmp_path: Path) -> None:
    with served(tmp_path / "run") as run:
        page = enter(context, run.url, camera).page
        run.goes_on_seeing(page)
        page.get_by_role("button", name="Switch camera off").click()
        expect(curtain(page)).to_contain_text("The camera is off. Nothing is seen.")
        expect(page.locator("#light .lamp")).not_to_have_class(re.compile("on"))
        assert run.newest == -1
        assert page.evaluate("document.querySelector('#stage video').srcObject") is None
        curtain(page).get_by_role("button", name="Switch the camera on").click()
        expect(curtain(page)).to_be_hidden()
        run.goes_on_seeing(page)


# ---------------------------------------------------------------- nonsense


def test_pictures_that_are_none_are_said_and_counted_and_the_next_good_one_is_taken(
    context: BrowserContext, camera: FakeCamera, tmp_path: Path
) -> None:
    with served(tmp_path / "run") as run:
        page = enter(context, run.url, camera).page
        run.goes_on_seeing(page)
        page.evaluate("""() => {
            window.good = OffscreenCanvas.prototype.convertToBlob;
            OffscreenCanvas.prototype.convertToBlob = async () => new Blob([new Uint8Array([0xff, 0xd8, 0xff, 7, 7, 7, 7])]);
        }""")
        expect(page.locator(".fact-refusal")).to_have_text("a picture was not taken: That was no readable JPEG.")
        expect(dropped(page, "picture:unreadable")).to_be_visible()
        page.evaluate("() => { OffscreenCanvas.prototype.convertToBlob = window.good; }")
        run.goes_on_seeing(page)
        expect(page.locator(".fact-refusal")).to_have_text("")


def test_a_page_that_talks_nonsense_is_counted_while_another_goes_on(context: BrowserContext, camera: FakeCamera, tmp_path: Path) -> None:
    with served(tmp_path / "run") as run:
        page = enter(context, run.url, camera).page
        page.evaluate("""() => new Promise((done, failed) => {
            const line = new WebSocket(new URL("ws", location.href.replace("http:", "ws:")));
            line.onerror = failed;
            line.onopen = () => {
                const texts = ["", "{", "[]", '{"type":"no such"}', '{"type":"ask","text":7}', "[".repeat(9000)];
                for (const text of texts) line.send(text);
                for (const size of [0, 7, 8, 5000]) line.send(new Uint8Array(size).fill(255));
                line.send(JSON.stringify({ type: "gaze", samples: [[1e11, 9, -9], [-5, 0, 0]] }));
                window.nonsense = line;
                done();
            };
        })""")
        expect(dropped(page, "page:unreadable").locator(".number")).to_have_text("6")
        expect(dropped(page, "picture:unreadable").locator(".number")).to_have_text("4")
        expect(dropped(page, "gaze_sample:not_wearing").locator(".number")).to_have_text("2")
        run.goes_on_seeing(page)


def test_a_clock_that_jumps_is_measured_anew(context: BrowserContext, camera: FakeCamera, tmp_path: Path) -> None:
    with served(tmp_path / "run") as run:
        wearer = enter(context, run.url, camera)
        page = wearer.page
        run.goes_on_seeing(page)
        page.evaluate("""() => {
            const now = performance.now.bind(performance);
            window.ahead = 0;
            performance.now = () => now() + window.ahead;
        }""")
        for jumps, ahead_ms in ((1, 3_600_000), (2, -3_600_000)):  # an hour on, then two hours back
            page.evaluate("(ahead) => { window.ahead = ahead; }", ahead_ms)
            expect(dropped(page, "clock:jump").locator(".number")).to_have_text(str(jumps))
            run.goes_on_seeing(page)
            wearer.point(0.3 * jumps, 0.4)
            expect(page.locator(".fact-gaze")).to_have_text(re.compile(r"^gaze \d+ ms ago$"))
            expect(page.locator(".fact-frame")).to_have_text(re.compile(r"^newest frame \d+ ms ago$"))
        assert wearer.complaints == []


# ---------------------------------------------------------------- the line


def test_when_the_program_ends_the_page_says_since_when_and_goes_on_with_the_next(
    context: BrowserContext, camera: FakeCamera, tmp_path: Path
) -> None:
    with served(tmp_path / "first") as run:
        wearer = enter(context, run.url, camera)
        page = wearer.page
        run.goes_on_seeing(page)
        port, token = run.server.door.port, run.server.door.token
    veil = page.get_by_role("alert")
    expect(veil).to_contain_text("The program behind this page has ended. Trying again.")
    expect(veil).to_contain_text(re.compile(r"No word since \d+:\d\d:\d\d.*, .+ ago\. What the glasses show is as old as that\."))
    expect(page.locator("#link-state")).to_have_text("not connected")
    page.get_by_label(ASK).fill("half a quest")
    expect(veil).to_contain_text("If they were started anew, their page has a new address: it stands in the terminal.")
    wearer.shot("trouble-ended")

    with served(tmp_path / "second", port=port, token=token) as run:
        expect(veil).to_be_hidden()
        expect(page.locator("#link-state")).to_have_text("connected")
        run.goes_on_seeing(page)
        # What was being written is still there.
        expect(page.get_by_label(ASK)).to_have_value("half a quest")


def test_a_page_closed_in_mid_word_leaves_the_run_going_and_the_next_shows_the_sentence(
    context: BrowserContext, camera: FakeCamera, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with served(out) as run:
        wearer = enter(context, run.url, camera)
        wearer.say("did you see my passport?")
        spoken = wearer.page.locator(".captions .said")
        expect(spoken).to_be_visible()
        sentence = spoken.inner_text()
        wearer.page.close()

        page = enter(context, run.url, camera).page
        expect(page.locator(".captions .said")).to_have_text(sentence)
        expect(page.locator("#talk .line-glasses .line-text")).to_have_text(sentence)
        run.goes_on_seeing(page)
    with DecisionLog(tmp_path / "again.jsonl") as again:
        replay_journal(out, again)
    assert (tmp_path / "again.jsonl").read_bytes() == (out / "decisions.jsonl").read_bytes()


# ---------------------------------------------------------------- starting


def test_a_port_that_is_taken_is_said_with_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path / "run") as run:
        port = str(run.server.door.port)
        command = [sys.executable, "-m", "apps.main", "simulator", "--no-open", "--port", port, "--out", str(tmp_path / "other")]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)  # noqa: S603
    assert ended.returncode == 5
    assert f"edge-runtime: port {port} is taken by another program" in ended.stderr
    assert "hint: choose another with --port, or any that is free with --port 0" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_models_the_page_says_what_is_lacking_and_how_to_get_it_and_pictures_are_shown(
    context: BrowserContext, camera: FakeCamera, tmp_path: Path, simulators: list[Simulator]
) -> None:
    out = tmp_path / "run"
    simulators.append(simulator := start_page("simulator", "--no-open", "--port", "0", "--out", str(out), out=out))
    wearer = enter(context, simulator.url, camera)
    lack = notices(wearer.page, "There are no models")
    expect(lack).to_contain_text("recognise, read and remember nothing")
    expect(lack).to_contain_text("edge-runtime models prepare pocket")
    wearer.point(0.5, 0.5)
    expect(wearer.page.locator(".fact-frame")).to_have_text(re.compile(r"^newest frame \d+ ms ago$"))
    expect(wearer.page.locator(".fact-look")).to_have_text(re.compile("^looked .+ ago, took .+: "))
    wearer.say("where was my mug?")
    wearer.hears("mug")
    assert wearer.complaints == []
    assert f"edge-runtime replay {out} --open" in simulator.stop()
