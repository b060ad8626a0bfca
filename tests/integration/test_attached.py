"""A page that looks on at a running daemon: capture, core and model over real sockets, a real page server, and a tab's end of the line."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.daemon import shown
from apps.daemon.shown import Onlookers, session_view
from apps.glasses.attached import NOT_FROM_HERE, AttachedGlasses
from apps.main import main
from devices.page.glasses import Glasses
from devices.page.items import Line
from devices.page.requests import AnyRequest, Ask, GazeFrom, Mute, Play, Seek, SetQuiet, SwitchCamera
from devices.page.server import PageServer
from devices.page.views import Told
from edge_runtime.config import MS, CaptureConfig, Config, S
from edge_runtime.core import Core
from edge_runtime.errors import NotRunning
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.protocol import Asked, Forget, Gaze, Muted, Tick
from edge_runtime.transport.endpoints import held
from edge_runtime.transport.messages import Peek, Peeked, Shown, ViewsSince
from edge_runtime.transport.routes import SHOWN
from edge_runtime.types import Session
from gaze.types import GazeSample
from tests import world
from tests.integration.test_page_server import Page, get
from tests.three_processes import PATIENCE_S, Three, three

pytestmark = pytest.mark.slow
POINTER = Config(capture=CaptureConfig(gaze="pointer"))


@dataclass
class Attached:
    """A daemon, and a page attached to it.

    Attributes:
        run: The daemon.
        glasses: Behind the page.
        server: The page's.
        daemon: What holds the daemon's lock; closing it ends the daemon, as far as anybody can tell.
    """

    run: Three
    glasses: AttachedGlasses
    server: PageServer
    folder: Path
    daemon: contextlib.ExitStack

    def begin_daemon(self) -> None:
        begin(self.daemon, self.folder, self.folder.parent / "s")


def begin(daemon: contextlib.ExitStack, folder: Path, sockets: Path) -> None:
    """Hold the lock of a runtime folder, for a daemon whose sockets lie elsewhere."""
    daemon.enter_context(held(folder))
    own = folder / str(os.getpid())
    own.symlink_to(sockets)
    daemon.callback(own.unlink)


@contextlib.contextmanager
def attached(tmp_path: Path, config: Config | None = None) -> Iterator[Attached]:
    """Run a daemon, and a page of it."""
    folder = tmp_path / "r"
    folder.mkdir(mode=0o700)
    with three(tmp_path, config=config) as run, contextlib.ExitStack() as daemon:
        begin(daemon, folder, tmp_path / "s")
        with AttachedGlasses(folder) as glasses, PageServer(glasses) as server:
            yield Attached(run, glasses, server, folder, daemon)


def words(page: Page, who: str) -> list[str]:
    """What was said in the conversation, as a tab has it."""
    return [line["text"] for line in page.shown.rolls.get("said", {}).values() if line["who"] == who]


def camera(page: Page) -> dict[str, object]:
    found: dict[str, object] = page.shown.parts.get("camera", {})
    return found


def comes(so: Callable[[], object]) -> None:
    """Wait until something is so."""
    until_s = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < until_s, "it never came to that"
        threading.Event().wait(0.02)


@contextlib.contextmanager
def wearing(run: Three) -> Iterator[None]:
    """Somebody looks at the middle meanwhile: a frame and gaze every 50 ms, as sensors bring them."""
    over = threading.Event()

    def look() -> None:
        frames = list(world.frames(length_ns=S))
        while not over.wait(0.05):
            t_ns = run.time_ns()
            run.capture.look_at(tuple(GazeSample(t_ns - (4 - n) * 10 * MS, 0.5, 0.5) for n in range(5)))
            run.capture.offer(frames[0].image, t_ns)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# ---------------------------------------------------------------- what is shown


def test_a_tab_sees_what_the_daemon_sees_and_hears_what_it_says(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        glasses: Glasses = here.glasses
        assert glasses.see(b"", 0) == "The pictures come from the daemon's camera."
        with wearing(here.run):
            page.follow(lambda page: page.shown.rolls.get("sightings") and page.shown.parts["gazed"]["guesses"])
            page.follow(lambda page: camera(page)["state"] == "seeing")
        assert page.shown.parts["session"]["camera"] == "daemon"
        assert page.shown.parts["session"]["camera_note"] == "A made-up world."
        page.say(type="ask", key=1, text="what is known?")
        assert page.follow_until_told(1) == {"key": 1, "ok": True, "words": ""}
        page.follow(lambda page: words(page, "glasses"))
        assert words(page, "wearer") == ["what is known?"]


def test_times_are_the_daemons(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.follow(lambda page: "session" in page.shown.parts)
        before_ns = here.run.time_ns()
        page.receive()
        assert abs(page.last["t_ns"] - before_ns) < 3 * S
        # An answer takes no time at all only in theory: the page is behind, never ahead.
        assert 0 <= here.run.time_ns() - here.glasses.time_ns() < S


def test_the_light_tells_what_is_kept_and_the_stores_are_those_of_all_processes(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.follow(lambda page: "No frame is held." in str(camera(page).get("keeping_words")))
        assert not camera(page)["keeping"]
        here.run.watch()
        page.follow(lambda page: camera(page)["keeping"])
        assert "are held in memory, on no disk" in str(camera(page)["keeping_words"])
        page.follow(lambda page: "gauges" in page.shown.parts)
        assert {store["name"] for store in page.shown.parts["gauges"]["stores"]} >= {"memory", "log", "journal", "pictures", "frames"}
        here.run.films.filming = True
        page.follow(lambda page: "A film is being taken, on disk." in str(camera(page)["keeping_words"]))


def test_the_picture_is_the_newest_frame_until_it_is_forgotten(tmp_path: Path) -> None:
    with attached(tmp_path) as here:
        assert get(here.server, "picture.jpg").status == 204
        here.run.watch()
        first, again = get(here.server, "picture.jpg"), get(here.server, "picture.jpg")
        assert (first.status, first.body[:3]) == (200, b"\xff\xd8\xff")
        assert (again.body, again.headers["X-Frame-Seq"]) == (first.body, first.headers["X-Frame-Seq"]), "what is known is not sent again"
        with Page(here.server) as page:
            page.say(type="forget", key=3, kind="all")
            assert page.follow_until_told(3)["ok"]
            here.run.steps.wait_for(lambda event, commands: isinstance(event, Forget))
            comes(lambda: get(here.server, "picture.jpg").status == 204)


def test_the_largest_picture_that_may_be_asked_for_fits_its_route(tmp_path: Path) -> None:
    with attached(tmp_path) as here:
        noise = np.random.default_rng(5).integers(0, 256, (1280, 1280, 3), np.uint8)
        here.run.capture.offer(noise, here.run.time_ns())
        assert here.glasses._line is not None
        answer = here.glasses._line.peeks.ask(Peek(max_side_px=10**6))
        assert isinstance(answer, Peeked) and len(answer.jpeg) > 500_000


def test_small_pictures_come_from_the_memory_too(tmp_path: Path) -> None:
    with attached(tmp_path) as here:
        with wearing(here.run):
            comes(lambda: here.run.core.core.memory.tiers()["thumbs"] > 0)
        # Another display: it has seen none of the pictures come.
        here.run.onlookers.look_away()
        with Page(here.server) as page:
            page.follow(lambda page: any(seen["thumbs"] for seen in page.shown.rolls.get("sightings", {}).values()))
            thumbs = [thumb for seen in page.shown.rolls["sightings"].values() for thumb in seen["thumbs"]]
            assert get(here.server, f"thumb/{thumbs[0]}.jpg").body.startswith(b"\xff\xd8 pixels of the")
            assert get(here.server, "thumb/987654321-0.jpg").status == 404


# ---------------------------------------------------------------- what the wearer wants


def test_every_wish_of_the_page_reaches_the_core(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        here.run.watch()
        page.follow(lambda page: page.shown.parts.get("frame", {}).get("seq", -1) >= 0)
        page.say(type="watch", key=1, text="tell me when I see a bicycle", minutes=10)
        assert page.follow_until_told(1)["ok"]
        page.follow(lambda page: page.shown.rolls.get("watches"))
        (watch,) = page.shown.rolls["watches"]
        page.say(type="unwatch", key=2, watch=watch)
        assert page.follow_until_told(2)["ok"]
        page.follow(lambda page: not page.shown.rolls["watches"])
        page.say(type="unwatch", key=3, watch="watch-0")
        assert page.follow_until_told(3) == {"key": 3, "ok": False, "words": "There is no watch watch-0."}
        page.say(type="mute", key=4, minutes=10)
        assert page.follow_until_told(4)["ok"]
        page.follow(lambda page: page.shown.parts["voice"]["muted_until_ns"])
        page.say(type="mute", key=5, minutes=None)
        page.follow(lambda page: page.shown.parts["voice"]["muted_until_ns"] is None)
        page.say(type="teach", key=6, name="my mug")
        assert page.follow_until_told(6) == {"key": 6, "ok": True, "words": "Now look at your mug."}
        page.follow(lambda page: page.shown.parts["lesson"]["name"] == "mug")


def test_muting_without_an_end_lasts_until_it_is_unmuted(tmp_path: Path) -> None:
    with attached(tmp_path) as here:
        assert here.glasses.hear(Mute(minutes=0.0)).ok
        event, _ = here.run.steps.wait_for(lambda event, commands: isinstance(event, Muted))
        assert isinstance(event, Muted) and event.until_ns is not None and event.until_ns > 365 * 24 * 3600 * S


@pytest.mark.parametrize(
    "request_",
    [
        SwitchCamera(on=False, key=7),
        SetQuiet(start="22:00", end="07:00", key=7),
        GazeFrom(source="pointer", key=7),
        Seek(key=7),
        Play(on=True, key=7),
    ],
)
def test_what_cannot_be_done_from_here_is_said_and_how_it_is_done(request_: AnyRequest, tmp_path: Path) -> None:
    with attached(tmp_path) as here:
        assert here.glasses.hear(request_) == Told(7, False, NOT_FROM_HERE[type(request_)])


# ---------------------------------------------------------------- whose gaze counts


def test_the_pointer_is_the_gaze_where_the_daemon_was_started_so(tmp_path: Path) -> None:
    with attached(tmp_path, POINTER) as here, Page(here.server) as page:
        page.follow(lambda page: camera(page).get("gaze_from") == "pointer")
        assert page.shown.parts["session"]["gaze_note"] == ""
        page.acknowledge()
        page.follow(lambda page: page.shown.parts.get("gauges", {}).get("clock_error_ms") is not None)
        page.say(type="gaze", samples=[[page.ms - 20, 0.25, 0.75], [page.ms, 0.5, 0.5]])
        seen, _ = here.run.steps.wait_for(lambda event, commands: isinstance(event, Gaze))
        assert isinstance(seen, Gaze)
        assert [(sample.x_norm, sample.source) for sample in seen.samples] == [(0.25, "pointer"), (0.5, "pointer")]
        assert all(abs(sample.t_ns - seen.t_ns) < S for sample in seen.samples)


def test_elsewhere_it_is_not_and_the_page_says_whose_gaze_is(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.follow(lambda page: "session" in page.shown.parts and "camera" in page.shown.parts)
        page.follow(lambda page: camera(page).get("gaze_from") == "recording")
        assert page.shown.parts["session"]["gaze_note"] == "the camera's own gaze"
        here.glasses.look_at((GazeSample(here.run.time_ns(), 0.5, 0.5, source="pointer"),))
        page.follow(lambda page: any(drop["code"] == "gaze_sample:unwanted" for drop in page.shown.parts.get("drops", {}).get("drops", ())))
        assert not any(isinstance(event, Gaze) for event, _ in here.run.steps.steps)


@pytest.mark.parametrize(
    ("gaze", "has_gaze", "said"),
    [
        ("pointer", True, ""),
        ("own", True, "the camera's own gaze"),
        ("own", False, "no gaze"),
        ("none", False, "no gaze"),
        ("saliency", True, "no eyes: guessed from the picture"),
        ("pupil:192.168.1.7", True, "gaze of the tracker pupil"),
    ],
)
def test_whose_gaze_counts_in_words(gaze: str, has_gaze: bool, said: str) -> None:
    assert shown.gaze_note(gaze, has_gaze=has_gaze) == said


# ---------------------------------------------------------------- when the daemon is not there


def test_a_core_that_was_started_again_is_shown_afresh(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.say(type="ask", key=1, text="what is known?")
        page.follow(lambda page: words(page, "glasses"))
        here.run.restart_core()
        page.follow(lambda page: "session" in page.shown.parts and not page.shown.rolls.get("said"))
        comes(lambda: here.glasses.hear(Ask(text="and now?")).ok)  # every lane finds the new core by itself
        page.follow(lambda page: words(page, "wearer"))
        assert set(words(page, "wearer")) == {"and now?"}


def test_a_core_that_is_silent_is_said_to_be_and_nothing_waits_for_it(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.follow(lambda page: "session" in page.shown.parts)
        here.run.stop("core")
        page.follow(lambda page: str(camera(page)["words"]).startswith("The daemon does not answer; last heard "))
        assert camera(page)["state"] == "failed"
        page.say(type="ask", key=1, text="anybody?")
        told = page.follow_until_told(1)
        assert not told["ok"] and told["words"].startswith("The daemon does not answer; last heard ")
        assert page.last["t_ns"] > 2 * S, "ages grow on"


def test_a_daemon_that_has_ended_is_said_to_have_and_another_is_found(tmp_path: Path) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.follow(lambda page: "session" in page.shown.parts)
        here.daemon.close()
        page.follow(lambda page: str(camera(page)["words"]).startswith("The daemon has ended; last heard "))
        assert not camera(page)["keeping"]
        assert get(here.server, "picture.jpg").status == 204
        here.begin_daemon()
        page.follow(lambda page: camera(page)["state"] == "waiting")
        page.say(type="ask", key=1, text="back?")
        assert page.follow_until_told(1)["ok"]
        here.run.steps.wait_for(lambda event, commands: isinstance(event, Asked))


def test_without_a_daemon_there_is_nothing_to_attach_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r").mkdir(mode=0o700)
    with pytest.raises(NotRunning):
        AttachedGlasses(tmp_path / "r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main(["simulator", "--attach", "--no-open", "--port", "0"]) == 5
    assert "no daemon runs" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [("--camera", "gallery"), ("--hfov-deg", "70"), ("--out", "elsewhere"), ("--set", "speak.quiet=true")])
def test_a_page_that_looks_on_has_no_camera_or_settings_of_its_own(flags: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulator", "--attach", "--port", "0", *flags]) == 2
    assert f"--attach takes no {flags[0]}" in capsys.readouterr().err


# ---------------------------------------------------------------- what it costs the core


def test_the_core_shows_only_while_somebody_looks_on(tmp_path: Path) -> None:
    with attached(tmp_path) as here:
        onlookers = here.run.onlookers
        comes(lambda: onlookers.are_there)
    late = Tick(t_ns=onlookers._asked_ns + shown.ALONE_NS)
    onlookers(late, (), here.run.core.core)
    assert not onlookers.are_there


def test_a_fault_in_what_is_shown_does_not_end_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with attached(tmp_path) as here, Page(here.server) as page:
        page.follow(lambda page: "session" in page.shown.parts)

        def broken(*step: object) -> None:
            raise RuntimeError("the display is broken")

        monkeypatch.setattr("apps.display.Display.__call__", broken)
        page.follow(lambda page: str(camera(page)["words"]).startswith("What the daemon shows has failed"))
        assert here.run.client.status("core").phase == "ready"
        assert [record.getMessage() for record in caplog.records] == ["what is shown has failed; nobody looks on for 10 s"]


def test_more_than_one_message_holds_is_left_out_oldest_first_and_counted(tmp_path: Path) -> None:
    session = Session(EVERYTHING)
    core = Core(Config(), session)
    onlookers = Onlookers(core, session_view(Config(), session, tmp_path, ""), lambda meters: None, lambda: S)
    ask = onlookers.answers[ViewsSince]
    first = ask(ViewsSince())
    assert isinstance(first, Shown)
    for key in range(200):
        onlookers._board.put("said", key, Line(key, "glasses", S, "x" * 6000, "answer"))
    full = ask(ViewsSince())
    assert isinstance(full, Shown)
    assert len(full.update) <= SHOWN.max_bytes
    lines = msgspec.json.decode(full.update)["rolls"]["said"]["items"]
    assert [line["key"] for line in lines] == [*range(200 - len(lines), 200)]
    assert onlookers._display is not None
    assert {drop.code: drop.count for drop in onlookers._display.meters.drops(core).drops}["view:size"] == 200 - len(lines)
