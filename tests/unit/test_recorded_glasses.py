"""A journal behind the page: any moment of it, forwards and backwards, is what the page would have shown then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from apps.display import Display
from apps.glasses import recorded as film
from apps.glasses.recorded import RecordedGlasses
from apps.glasses.reel import REEL_BYTES
from devices.page.board import BOUNDS, Board
from devices.page.items import Line
from devices.page.requests import AnyRequest, Ask, ForgetWish, Mute, Play, Seek, SetQuiet, SetWatch, SwitchCamera, Teach, Verdict
from devices.page.views import ENCODER, SessionView, Update, View
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import JournalError
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.protocol import Command, Event, Forget, FrameSeen
from edge_runtime.records import Scope
from tests import world

PIN = Forget(t_ns=31 * S, scope=Scope("since", t_from_ns=24 * S))
SEED = 5


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.t_ns = 500 * S

    def now_ns(self) -> int:
        return self.t_ns


def opened(run: Path, *, limit_bytes: int = REEL_BYTES, now_ns: Callable[[], int] = lambda: 0) -> RecordedGlasses:
    with DecisionLog(run.parent / "again.jsonl") as decisions:
        return RecordedGlasses(run, decisions, limit_bytes=limit_bytes, now_ns=now_ns)


def config(**journal: Any) -> Config:
    return Config(journal=msgspec.structs.replace(Config().journal, **journal))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing was done to."""
    folder = tmp_path_factory.mktemp("film") / "run"
    world.run(folder, config=config(segment_ns=5 * S))
    assert len(list((folder / "journal").glob("*.segment"))) > 4
    return folder


@pytest.fixture(scope="module")
def glasses(run: Path) -> RecordedGlasses:
    return opened(run)


class Page:
    """What a page knows after the updates it was sent; forgets with a fresh one, as the page does."""

    def __init__(self) -> None:
        self.parts: dict[str, View] = {}
        self.rolls: dict[str, dict[int | str, View]] = {roll: {} for roll in BOUNDS}
        self.t_ns = -1
        self.fresh = 0

    def take(self, update: Update | None) -> None:
        if update is None:
            return
        if update.fresh:
            self.parts, self.rolls = {}, {roll: {} for roll in BOUNDS}
            self.fresh += 1
        self.t_ns = update.t_ns
        self.parts.update(update.parts)
        for roll, changes in update.rolls.items():
            if changes.whole:
                self.rolls[roll] = {}
            self.rolls[roll].update((item.key, item) for item in changes.items)  # type: ignore[attr-defined]

    def shown(self) -> dict[str, Any]:
        """All of it but what the replay itself adds."""
        parts = {name: part for name, part in self.parts.items() if name not in ("session", "camera")}
        return {**parts, **{roll: tuple(items.values()) for roll, items in self.rolls.items()}}

    def said(self) -> list[str]:
        return [line.text for line in self.rolls["said"].values() if isinstance(line, Line)]


class Truth:
    """The board as it really is when the replay has come to each of some times."""

    def __init__(self, times_ns: Sequence[int]) -> None:
        self.left = sorted(set(times_ns))
        self.at: dict[int, dict[str, Any]] = {}
        self.board = Board()
        self.display = Display(self.board)

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        while self.left and event.t_ns > self.left[0]:
            self.note(self.left.pop(0))
        self.display(event, commands, core)

    def note(self, t_ns: int) -> None:
        page = Page()
        page.take(self.board.since(0)[1])
        self.at[t_ns] = page.shown()


def truth(run: Path, times_ns: Sequence[int]) -> dict[int, dict[str, Any]]:
    true = Truth(times_ns)
    with DecisionLog(run.parent / "truth.jsonl") as decisions:
        replay_journal(run, decisions, observers=(true,))
    for t_ns in true.left:
        true.note(t_ns)
    return true.at


def frames_of(run: Path) -> list[int]:
    times: list[int] = []

    def note(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        if isinstance(event, FrameSeen):
            times.append(event.t_ns)

    with DecisionLog(run.parent / "frames.jsonl") as decisions:
        replay_journal(run, decisions, observers=(note,))
    return times


def marks_of(glasses: RecordedGlasses) -> tuple[Any, ...]:
    assert glasses.session.film is not None
    return glasses.session.film.marks


def at(glasses: RecordedGlasses, t_ns: int) -> Page:
    reader, page = glasses.reader(), Page()
    reader.steer(Seek(t_ns=t_ns))
    page.take(reader.read())
    return page


# ------------------------------------------------------------ any moment


def test_any_moment_is_what_stood_on_the_board_then(run: Path, glasses: RecordedGlasses) -> None:
    frames = frames_of(run)
    times = [*frames[3::13], frames[0], frames[-1], *(mark.t_ns for mark in marks_of(glasses))]
    true = truth(run, times)
    for t_ns in times:
        assert at(glasses, t_ns).shown() == true[t_ns], t_ns


def test_between_two_frames_stands_what_stood_at_the_first(run: Path, glasses: RecordedGlasses) -> None:
    frames = frames_of(run)
    for n in (3, 100, 217):
        assert at(glasses, (frames[n] + frames[n + 1]) // 2).shown() == at(glasses, frames[n]).shown()


def test_seeking_to_and_fro_always_gives_the_moment_itself(glasses: RecordedGlasses) -> None:
    reader, page = glasses.reader(), Page()
    for t_s in (30, 3, 3, 29, 0, 35, 12):
        reader.steer(Seek(t_ns=t_s * S))
        page.take(reader.read())
        assert page.t_ns == t_s * S
        assert page.shown() == at(glasses, t_s * S).shown()
    assert page.fresh == 7


def test_a_seek_stays_inside_the_film(glasses: RecordedGlasses) -> None:
    assert glasses.session.film is not None
    assert at(glasses, 10**15).t_ns == glasses.session.film.t_to_ns
    assert at(glasses, 0).t_ns == glasses.session.film.t_from_ns == 0


def test_the_first_update_is_fresh_and_names_the_recording(run: Path, glasses: RecordedGlasses) -> None:
    update = glasses.reader().read()
    assert update is not None
    assert update.fresh
    session = update.parts["session"]
    assert isinstance(session, SessionView)
    assert (session.mode, session.camera, session.bundle) == ("journal", "journal", "scripted")
    assert session.folder == str(run / "journal")
    assert "A scripted world for tests." in session.camera_note
    assert set(session.capabilities) == {"vector", "labels", "text"}
    assert ENCODER.encode(update)


def test_nothing_new_is_nothing(glasses: RecordedGlasses) -> None:
    reader = glasses.reader()
    assert reader.read() is not None
    assert reader.read() is None


# ------------------------------------------------------------ step by step


def test_stepping_by_frames_shows_every_frame_once_and_comes_back(run: Path, glasses: RecordedGlasses) -> None:
    frames = frames_of(run)
    reader, page, seen = glasses.reader(), Page(), list[int]()
    reader.steer(Seek(t_ns=frames[50]))
    for step in (1, 1, 1, -1, -1, -1, -1, 10, -1000, 1000, 1000):
        reader.steer(Seek(step=step))
        page.take(reader.read())
        seen.append(page.t_ns)
    assert seen == [frames[n] for n in (51, 52, 53, 52, 51, 50, 49, 59, 0, 359, 359)]


def test_a_step_from_between_two_frames_goes_to_the_next_or_to_the_one_before(run: Path, glasses: RecordedGlasses) -> None:
    frames = frames_of(run)
    for step, n in ((1, 21), (-1, 20)):
        reader, page = glasses.reader(), Page()
        reader.steer(Seek(t_ns=frames[20] + 30 * MS))
        reader.steer(Seek(step=step))
        page.take(reader.read())
        assert page.t_ns == frames[n]


def test_after_the_last_frame_a_step_on_goes_nowhere_and_a_step_back_to_it(run: Path, glasses: RecordedGlasses) -> None:
    frames = frames_of(run)
    reader, page = glasses.reader(), Page()
    reader.steer(Seek(t_ns=frames[-1] + S))
    reader.steer(Seek(step=1))
    page.take(reader.read())
    assert page.t_ns == frames[-1] + S
    reader.steer(Seek(step=-1))
    page.take(reader.read())
    assert page.t_ns == frames[-1]


def test_stepping_by_marks_shows_what_happened_there(glasses: RecordedGlasses) -> None:
    reader, page, seen = glasses.reader(), Page(), list[int]()
    while not seen or seen[-1] != page.t_ns:
        seen.append(page.t_ns)
        reader.steer(Seek(step=1, marks=True))
        page.take(reader.read())
        for mark in marks_of(glasses):
            if mark.t_ns == page.t_ns and mark.kind in ("asked", "taught", "watch"):
                assert mark.text in page.said()
    assert seen[1:] == sorted({mark.t_ns for mark in marks_of(glasses)})


def test_marks_are_what_was_asked_taught_watched_said_and_kept_quiet(tmp_path: Path, glasses: RecordedGlasses) -> None:
    loud = [(mark.kind, mark.text) for mark in marks_of(glasses)]
    assert ("taught", "This is my mug.") in loud
    assert ("watch", "tell me when I see my mug") in loud
    assert ("asked", "where was my mug?") in loud
    assert ("spoke", 'It says: "ROOM 204".') in loud
    world.run(tmp_path / "run", config=Config(speak=msgspec.structs.replace(Config().speak, quiet=True)))
    quiet = [(mark.kind, mark.text) for mark in marks_of(opened(tmp_path / "run"))]
    assert ("vetoed", 'It says: "ROOM 204".') in quiet


# ------------------------------------------------------------ time runs


def test_played_by_the_clock_the_page_knows_at_every_moment_what_a_seek_would_show(run: Path) -> None:
    clock = Clock()
    glasses = opened(run, now_ns=clock.now_ns)
    reader, page, chance = glasses.reader(), Page(), np.random.default_rng(SEED)
    page.take(reader.read())
    reader.steer(Play(on=True, speed=2.0))
    assert reader.playing
    for _ in range(60):
        clock.t_ns += int(chance.integers(20 * MS, 700 * MS))
        page.take(reader.read())
        t_ns = min(2 * (clock.t_ns - 500 * S), glasses.session.film.t_to_ns if glasses.session.film else 0)
        assert t_ns - page.t_ns < 100 * MS
        assert page.shown() == at(glasses, t_ns).shown()
    assert page.fresh == 1
    assert not reader.playing


def test_it_stops_at_the_end_and_plays_from_the_beginning_again(run: Path) -> None:
    clock = Clock()
    glasses = opened(run, now_ns=clock.now_ns)
    reader, page = glasses.reader(), Page()
    reader.steer(Play(on=True, speed=16.0))
    clock.t_ns += 3600 * S
    page.take(reader.read())
    assert glasses.session.film is not None
    assert page.t_ns == glasses.session.film.t_to_ns
    assert not reader.playing
    assert reader.read() is None
    reader.steer(Play(on=True))
    clock.t_ns += 2 * S
    page.take(reader.read())
    assert page.t_ns == 2 * S
    assert reader.playing


def test_stopped_no_time_passes_and_a_seek_while_playing_goes_on_from_there(run: Path) -> None:
    clock = Clock()
    reader, page = opened(run, now_ns=clock.now_ns).reader(), Page()
    page.take(reader.read())
    clock.t_ns += 10 * S
    assert reader.read() is None
    reader.steer(Play(on=True))
    clock.t_ns += 1 * S
    reader.steer(Seek(t_ns=20 * S))
    clock.t_ns += 1 * S
    page.take(reader.read())
    assert page.t_ns == 21 * S
    reader.steer(Play(on=False))
    clock.t_ns += 1 * S
    assert reader.read() is None


def test_every_tab_is_at_a_moment_of_its_own(glasses: RecordedGlasses) -> None:
    one, other = glasses.reader(), glasses.reader()
    one.steer(Seek(t_ns=30 * S))
    first, second = Page(), Page()
    first.take(one.read())
    second.take(other.read())
    assert (first.t_ns, second.t_ns) == (30 * S, 0)


# ------------------------------------------------------------ a recording is a recording


@pytest.mark.parametrize(
    "wish",
    [
        Ask(text="where was my mug?", key=3),
        Teach(name="cup", key=3),
        SetWatch(text="tell me when I see my mug", key=3),
        ForgetWish(kind="all", key=3),
        Mute(minutes=1.0, key=3),
        SetQuiet(start="", end="", key=3),
        Verdict(decision=1, verdict="yes", key=3),
        SwitchCamera(on=True, key=3),
    ],
    ids=lambda wish: type(wish).__name__,
)
def test_nothing_can_be_changed_in_it_and_it_says_so(glasses: RecordedGlasses, wish: AnyRequest) -> None:
    before = at(glasses, 30 * S).shown()
    told = glasses.hear(wish)
    assert (told.key, told.ok) == (3, False)
    assert "This is a recording" in told.words
    assert at(glasses, 30 * S).shown() == before


def test_seeking_and_playing_are_taken(glasses: RecordedGlasses) -> None:
    assert glasses.hear(Seek(t_ns=1, key=4)).ok
    assert glasses.hear(Play(on=True, key=5)).ok


def test_pictures_and_gaze_of_a_page_are_counted_and_go_nowhere(run: Path) -> None:
    glasses = opened(run)
    assert "recording" in glasses.see(b"\xff\xd8\xff", 0)
    glasses.look_at(world.gaze(length_ns=S))
    glasses.count("page", "rate", 2)
    assert glasses.dropped == {"picture:recording": 1, "gaze_sample:recording": 100, "page:rate": 2}
    assert glasses.picture() is None


def test_small_pictures_are_there_if_the_run_recorded_them(tmp_path: Path) -> None:
    for name, kept in (("with", True), ("without", False)):
        world.run(tmp_path / name, config=config(record_pixels=kept))
        glasses = opened(tmp_path / name)
        thumbs = {view.thumb for view in at(glasses, 36 * S).rolls["said"].values() if isinstance(view, Line) and view.thumb}
        assert thumbs
        found = {glasses.thumb(thumb) for thumb in thumbs}
        assert found == {None} if not kept else all(jpeg is not None and b"pixels of the" in jpeg for jpeg in found)
        assert glasses.thumb("99999-0") is None


# ------------------------------------------------------------ what a journal has lost


def test_what_was_forgotten_is_at_no_moment_of_it_and_the_gap_is_said(tmp_path: Path) -> None:
    world.run(tmp_path / "run", *world.WORDS, PIN, config=config(segment_ns=5 * S))
    glasses = opened(tmp_path / "run")
    for t_ns in range(0, 40 * S, S // 4):
        assert "4071" not in repr(at(glasses, t_ns).shown()), t_ns
    assert "4071" not in repr(glasses.session)
    before, after = at(glasses, 30 * S), at(glasses, 31 * S + S // 2)
    assert not [text for text in before.said() if "forgotten" in text.lower()]
    assert "Forgotten." in after.said() or any("forgot" in text.lower() for text in after.said())
    assert "From 0:24.0 to 0:31.0 nothing is left: it was forgotten." in after.said()
    assert ("forgot", "7.0 s forgotten") in [(mark.kind, mark.text) for mark in marks_of(glasses)]
    # What was before is still there, and what came after goes on.
    assert 'It says: "ROOM 204".' in after.said()
    assert any("cat" in text for text in at(glasses, 36 * S).said())


def test_a_page_that_plays_over_a_gap_forgets_too(tmp_path: Path) -> None:
    clock = Clock()
    world.run(tmp_path / "run", *world.WORDS, PIN)
    reader, page = opened(tmp_path / "run", now_ns=clock.now_ns).reader(), Page()
    reader.steer(Seek(t_ns=23 * S))
    page.take(reader.read())
    reader.steer(Play(on=True))
    times = []
    for _ in range(36):
        clock.t_ns += 250 * MS
        page.take(reader.read())
        times.append(page.t_ns)
    assert times == [23 * S + n * 250 * MS for n in range(1, 37)]
    assert page.fresh == 2


def test_after_a_gap_the_watches_and_the_taught_are_those_the_memory_still_has(tmp_path: Path) -> None:
    forget = Forget(t_ns=31 * S, scope=Scope("thing", name="mug"))
    world.run(tmp_path / "run", *world.WORDS, forget)
    glasses = opened(tmp_path / "run")
    page = at(glasses, 36 * S)
    assert "mug" not in repr(page.shown()).lower()
    assert {str(key) for key in page.rolls["concepts"]} == set(glasses.core.memory.concepts)
    assert set(page.rolls["watches"]) == {watch.id for watch in glasses.core.speaker.state.watches}


def test_a_journal_in_which_everything_was_forgotten_is_a_short_film(tmp_path: Path) -> None:
    world.run(tmp_path / "run", *world.WORDS, Forget(t_ns=38 * S, scope=Scope("all")))
    glasses = opened(tmp_path / "run")
    reader, page = glasses.reader(), Page()
    page.take(reader.read())
    assert glasses.session.film is not None
    assert glasses.session.film.t_from_ns >= 38 * S
    assert any("it was forgotten" in text for text in page.said())
    reader.steer(Seek(step=1))
    reader.steer(Seek(step=-1, marks=True))
    page.take(reader.read())
    assert glasses.session.film.t_from_ns <= page.t_ns <= glasses.session.film.t_to_ns


def test_a_torn_tail_is_said_at_the_end_and_costs_only_itself(tmp_path: Path) -> None:
    world.run(tmp_path / "run", config=config(segment_ns=5 * S))
    last = sorted((tmp_path / "run/journal").glob("*.segment"))[-1]
    last.write_bytes(last.read_bytes()[:-40])
    glasses = opened(tmp_path / "run")
    assert glasses.torn_bytes > 0
    assert any("is torn" in text for text in at(glasses, 10**12).said())
    assert not any("is torn" in text for text in at(glasses, 20 * S).said())


def test_a_journal_whose_beginning_made_room_says_so_and_shows_what_it_remembers(tmp_path: Path) -> None:
    world.run(tmp_path / "run", config=config(segment_ns=5 * S))
    segments = sorted((tmp_path / "run/journal").glob("*.segment"))
    for path in segments[:3]:
        path.unlink()
    glasses = opened(tmp_path / "run")
    assert glasses.session.film is not None
    assert glasses.session.film.t_from_ns >= 15 * S
    page = Page()
    page.take(glasses.reader().read())
    assert page.rolls["sightings"]
    assert page.rolls["watches"]
    assert any("Up to 0:1" in text and "missing" in text for text in page.said())


def test_a_journal_with_a_hole_in_the_middle_says_so(tmp_path: Path) -> None:
    world.run(tmp_path / "run", config=config(segment_ns=5 * S))
    sorted((tmp_path / "run/journal").glob("*.segment"))[3].unlink()
    glasses = opened(tmp_path / "run")
    assert not any("missing" in text for text in at(glasses, 14 * S).said())
    assert any(text.startswith("Here the journal is missing") for text in at(glasses, 22 * S).said())


def test_no_journal_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal in"):
        opened(tmp_path / "run")


# ------------------------------------------------------------ bounded


def test_past_its_bytes_the_film_lets_its_beginning_go_and_says_so(run: Path, glasses: RecordedGlasses) -> None:
    short = opened(run, limit_bytes=100_000)
    assert short.session.film is not None
    from_ns = short.session.film.t_from_ns
    assert from_ns > 5 * S
    assert f"Its first {from_ns / S:.1f} s are not shown" in short.session.camera_note
    assert all(mark.t_ns >= from_ns for mark in short.session.film.marks)
    for t_ns in (from_ns, from_ns + 3 * S, 36 * S):
        assert at(short, t_ns).shown() == at(glasses, t_ns).shown()
    assert at(short, 0).t_ns == from_ns
    reader, page = short.reader(), Page()
    reader.steer(Seek(step=-1000))
    page.take(reader.read())
    assert page.t_ns >= from_ns


def test_marks_are_bounded_and_the_count_is_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "MOST_MARKS", 3)
    glasses = opened(run)
    assert len(marks_of(glasses)) == 3
    assert "marks the last 3 are shown" in glasses.session.camera_note
