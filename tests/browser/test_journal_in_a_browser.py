"""A journal in a real browser: any moment of it can be looked at, with what a decision rests on, and nothing in it can be changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, WebSocket, expect

from apps.glasses.recorded import RecordedGlasses
from edge_runtime import pixels
from edge_runtime.config import Config, S
from edge_runtime.decisions import DecisionLog
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Forget, Look
from edge_runtime.records import Scope
from edge_runtime.types import LookedRegion
from tests import world
from tests.browser.conftest import PATIENCE_MS, Simulator, Wearer, serving, start_page
from tests.fake_camera import FakeCamera

expect.set_options(timeout=PATIENCE_MS)
PIN = Forget(t_ns=31 * S, scope=Scope("since", t_from_ns=24 * S))
MUG_JPEG = pixels.jpeg_encode(np.full((60, 80, 3), (60, 90, 200), np.uint8), 80, 160)


def see(command: Look) -> Sequence[LookedRegion]:
    """The scripted world, with pictures that a browser can open."""
    regions = world.see(command)
    return [
        msgspec.structs.replace(r, thumb=msgspec.structs.replace(r.thumb, nbytes=len(MUG_JPEG), data=MUG_JPEG)) if r.thumb else r
        for r in regions
    ]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 36 seconds that recorded its pictures, and in which a span of seven seconds was forgotten."""
    out = tmp_path_factory.mktemp("journal") / "run"
    config = Config(journal=msgspec.structs.replace(Config().journal, record_pixels=True))
    world.run(out, *world.WORDS, PIN, config=config, looker=ScriptedLooker(see))
    return out


@pytest.fixture(scope="module")
def glasses(journal: Path, tmp_path_factory: pytest.TempPathFactory) -> RecordedGlasses:
    """What ``replay --open`` serves."""
    with DecisionLog(tmp_path_factory.mktemp("scratch") / "decisions.jsonl") as decisions:
        return RecordedGlasses(journal, decisions)


@dataclass
class Viewer(Wearer):
    """Somebody in front of a page that shows a journal."""

    lines_to_server: list[WebSocket] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.page.on("websocket", lambda line: self.lines_to_server.append(line))

    @property
    def time(self) -> Locator:
        """The moment that is shown, and the length of it all."""
        return self.page.locator("#film .film-time")

    def go_to(self, t_s: float) -> None:
        """Drag the scrubber there, and wait until the page has been told what stood there."""
        with self.lines_to_server[-1].expect_event("framereceived", lambda frame: b'"told"' in bytes(frame, "utf-8")):
            self.page.get_by_role("slider", name="Moment of the journal").fill(str(round(t_s * 1000)))
        expect(self.time).to_have_text(re.compile(rf"^0:{t_s:04.1f} of "))


@pytest.fixture
def film(glasses: RecordedGlasses, context: BrowserContext, camera: FakeCamera) -> Iterator[Viewer]:
    """A page that shows the journal, at its beginning."""
    with serving(glasses) as server:
        viewer = Viewer(context.new_page(), camera)
        viewer.page.goto(server.url)
        expect(viewer.time).to_have_text(re.compile(r"^0:00\.\d of 0:3\d\.\d$"))
        yield viewer
        assert viewer.complaints == []


# ---------------------------------------------------------------- the verb


def test_the_verb_opens_a_journal_in_the_page_and_ends_with_ctrl_c(
    journal: Path, context: BrowserContext, camera: FakeCamera, tmp_path: Path, simulators: list[Simulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "true")  # a browser that does nothing: the test brings its own
    out = tmp_path / "again"
    simulators.append(shower := start_page("replay", str(journal), "--open", "--out", str(out), out=out))
    viewer = Viewer(context.new_page(), camera)
    viewer.page.goto(shower.url)
    expect(viewer.page).to_have_title("edge_runtime journal")
    expect(viewer.page.locator("#light")).to_contain_text("Nothing is recorded here.")
    viewer.go_to(17.0)
    expect(viewer.lines.filter(has_text="where was my mug?")).to_have_count(1)
    expect(viewer.page.locator("#concepts li")).to_contain_text("mug")
    viewer.shot("journal")
    shower.stop()
    assert (out / "decisions.jsonl").read_bytes() == (journal / "decisions.jsonl").read_bytes()
    assert viewer.complaints == []


# ---------------------------------------------------------------- time


def test_the_scrubber_shows_what_stood_there_then_forwards_and_back(film: Viewer) -> None:
    page = film.page
    expect(film.lines).to_have_count(0)
    film.go_to(17.0)
    answer = film.lines.filter(has_text="Glasses").filter(has_text="I last saw your mug")
    expect(answer).to_have_count(1)
    expect(page.locator("#watches li")).to_have_count(1)
    before = film.lines.all_inner_texts()

    film.go_to(5.5)
    expect(film.lines.filter(has_text="This is my mug.")).to_have_count(1)
    expect(answer).to_have_count(0)
    expect(page.locator("#watches li")).to_have_count(0)

    film.go_to(17.0)
    expect(answer).to_have_count(1)
    assert film.lines.all_inner_texts() == before


def test_keys_step_by_frames_and_by_moments(film: Viewer) -> None:
    page = film.page
    page.get_by_role("slider", name="Moment of the journal").focus()
    page.keyboard.press("ArrowRight")
    expect(film.time).to_have_text(re.compile(r"^0:00\.1 "))
    page.keyboard.press("ArrowRight")
    expect(film.time).to_have_text(re.compile(r"^0:00\.2 "))
    page.keyboard.press("ArrowLeft")
    expect(film.time).to_have_text(re.compile(r"^0:00\.1 "))

    # The first moments: the sign is read aloud, then something is taught.
    page.keyboard.press("PageDown")
    expect(film.lines.filter(has_text="ROOM 204")).to_have_count(1)
    page.keyboard.press("PageDown")
    expect(film.lines.filter(has_text="This is my mug.")).to_have_count(1)
    page.keyboard.press("PageUp")
    expect(film.lines.filter(has_text="This is my mug.")).to_have_count(0)
    expect(film.lines.filter(has_text="ROOM 204")).to_have_count(1)

    page.keyboard.press("End")
    expect(film.time).to_have_text(re.compile(r"^(\S+) of \1$"))
    page.keyboard.press("Home")
    expect(film.time).to_have_text(re.compile(r"^0:00\.\d of "))
    expect(film.lines).to_have_count(0)


def test_it_plays_as_fast_as_wanted_and_pauses(film: Viewer) -> None:
    page = film.page
    page.get_by_label("Speed").select_option("8")
    page.get_by_role("button", name="Play").click()
    expect(film.lines.filter(has_text="This is my mug.")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    stood_s = float(film.time.inner_text()[2:6])
    assert 5.0 <= stood_s < 30.0
    page.get_by_role("button", name="Next frame").click()
    expect(film.time).to_have_text(re.compile(rf"^0:({stood_s:04.1f}|{stood_s + 0.1:04.1f}) "))


def test_a_moment_can_be_chosen_by_its_name(film: Viewer) -> None:
    page = film.page
    jump = page.get_by_label("Jump to a moment")
    named = jump.locator("option").filter(has_text="you asked: where was my mug?")
    jump.select_option(label=named.inner_text())
    expect(film.time).to_have_text(re.compile(r"^0:16\.0 "))
    expect(film.lines.filter(has_text="where was my mug?")).to_have_count(1)


# ---------------------------------------------------------------- inspecting


def test_a_decision_shows_its_reasons_and_the_picture_it_rests_on(film: Viewer) -> None:
    page = film.page
    film.go_to(22.5)
    said = page.locator("#decisions li").filter(has_text="I see your mug.").filter(has_text="spoke")
    expect(said).to_have_count(1)
    said.locator("summary").click()
    facts = said.locator(".decision-facts")
    expect(facts).to_contain_text("Worth saying")
    expect(facts).to_contain_text(re.compile(r"Rests on\s*what was seen .+ ago, at 0:2\d\.\d"))
    expect(facts).to_contain_text("For the watch")
    picture = facts.locator(".thumb img")
    expect(picture).to_have_js_property("naturalWidth", 80)

    # An age is counted from the moment that is shown, not from now.
    age = said.locator("summary .when")
    expect(age).to_have_text(re.compile(r"^(just now|[12]\.\d s ago)$"))
    film.go_to(23.9)
    expect(age).to_have_text(re.compile(r"^[23]\.\d s ago$"))


def test_what_was_kept_silent_is_there_with_its_veto(film: Viewer) -> None:
    page = film.page
    film.go_to(35.0)
    page.get_by_label("only what was not said").check()
    entries = page.locator("#decisions .decision-list > li")
    expect(entries.first).to_be_visible()
    expect(entries.filter(has_text="spoke")).to_have_count(0)
    expect(entries.first.locator(".decision-veto")).to_contain_text("because: ")


def test_only_light_and_shade_are_left_of_the_pictures_and_the_page_says_so(film: Viewer) -> None:
    page = film.page
    film.go_to(6.0)
    expect(page.locator(".glimpse-words")).to_have_text("a journal keeps no pictures, only light and shade")
    shades = page.locator("#stage .glimpse").evaluate(
        "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, 8, 4).data.filter((_, at) => at % 4 === 0)).size"
    )
    assert shades > 1
    assert page.locator("#stage video").evaluate("video => video.srcObject") is None
    expect(page.locator("#stage .eye")).to_be_visible()
    expect(page.locator(".badge-words")).to_have_text("gaze as recorded")


# ---------------------------------------------------------------- what cannot be done, and what is not there


def test_nothing_can_be_asked_taught_watched_muted_or_forgotten_in_it(film: Viewer) -> None:
    page = film.page
    film.go_to(22.5)
    for part in (
        "#talk form",
        "#watches form",
        "#forget",
        "#voice-controls",
        "#light button",
        ".line-verdict button",
        "#concepts .row button",
    ):
        for element in page.locator(part).all():
            expect(element).to_be_hidden()
    page.locator("#memory .sighting").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("First seen")
    expect(dialog.get_by_role("button")).to_have_text(["Close"])
    page.keyboard.press("Escape")
    # And a page that asks all the same is told.
    told = page.evaluate("""() => new Promise((done) => {
        const line = new WebSocket(new URL("ws", location.href.replace("http:", "ws:")));
        line.onopen = () => line.send(JSON.stringify({ type: "forget", kind: "all", key: 7 }));
        line.onmessage = (message) => {
            const update = JSON.parse(message.data);
            line.send(JSON.stringify({ type: "got", n: update.n, page_ms: performance.now() }));
            if (update.told) { line.close(); done(update.told[0]); }
        };
    })""")
    assert told["ok"] is False
    assert told["words"].startswith("This is a recording")


def test_what_was_forgotten_is_at_no_moment_of_it_and_the_gap_is_said(film: Viewer) -> None:
    page = film.page
    for t_s in (23.9, 24.1, 26.0, 28.0, 30.9, 31.1, 33.0, 35.9):
        film.go_to(t_s)
        assert "4071" not in page.content()
    expect(film.lines.filter(has_text="From 0:24.0 to 0:31.0 nothing is left: it was forgotten.")).to_have_count(1)
    jump = page.get_by_label("Jump to a moment").locator("option")
    assert [text for text in jump.all_inner_texts() if "forgot" in text] != []


def test_it_fits_a_phone_and_a_wide_screen(film: Viewer) -> None:
    page = film.page
    film.go_to(22.5)
    for name, width_px, height_px in (("phone", 390, 844), ("wide", 1920, 1080)):
        page.set_viewport_size({"width": width_px, "height": height_px})
        assert page.evaluate("document.documentElement.scrollWidth") == width_px
        page.get_by_role("button", name="Play").click(trial=True)
        film.shot(f"journal-{name}")
