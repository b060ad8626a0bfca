"""The thread that runs a camera: real threads, real video files through the real decoder. Nothing here waits for a clock but the film."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.cameras import Feed, Player, Shot, Webcam, open_webcam
from devices.cameras.webcam import Capture
from devices.video import open_video
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import CameraError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.host import Observer
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Command, Event
from edge_runtime.records import Dropped
from edge_runtime.store import open_store
from edge_runtime.types import Percept, Session
from gaze import EyeEvents
from tests import world
from tests.feeding import PATIENCE_S, Notes, Patience, Pauses, until

PICTURE = np.zeros((9, 16, 3), np.uint8)


def clip(path: Path, count: int, fps: float) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (160, 120))
    assert writer.isOpened()
    for number in range(count):
        writer.write(np.full((120, 160, 3), 20 + 5 * number % 200, np.uint8))
    writer.release()
    return path


class Scripted:
    """A camera whose turns are scripted: so many pictures, then trouble or quiet. The last turn repeats.

    A camera that shows nothing waits until it is stopped.
    """

    name, width_px, height_px, hfov_deg, note, live, own_gaze = "scripted", 16, 9, 90.0, "Made for a test.", True, False

    def __init__(self, *turns: tuple[int, Exception | None]) -> None:
        self.turns = list(turns)
        self.opened = 0
        self.open_now = 0

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        count, trouble = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        self.opened += 1
        self.open_now += 1
        try:
            for _ in range(count):
                yield Shot(PICTURE, 0)
            if trouble is not None:
                raise trouble
            stopping.wait()
        finally:
            self.open_now -= 1

    def dropped(self) -> tuple[Dropped, ...]:
        return (Dropped("frame", "rate", 2),)


def unplugged(words: str = "it was unplugged") -> CameraError:
    return CameraError(words, hint="plug it in again")


# ------------------------------------------------------------ real pictures


def test_a_video_file_comes_through_at_its_own_speed_round_and_round(tmp_path: Path) -> None:
    rounds: list[str] = []
    notes = Notes()
    recording = open_video(clip(tmp_path / "clip.avi", 8, 20.0), offered_hz=20.0)
    with Feed(Player(recording, on_round=rounds.append), notes.take, on_trouble=notes.hear) as feed:
        notes.until(lambda: len(notes.shots) >= 20)
    assert notes.words == []
    assert len(rounds) >= 2
    assert feed.shots == len(notes.shots)
    assert all(shot.image.shape == (120, 160, 3) and shot.age_ns >= 0 for shot in notes.shots)
    brightness = [round(float(shot.image.mean())) for shot in notes.shots[:8]]
    assert brightness == sorted(brightness)


def test_a_device_that_is_pulled_out_is_said_and_asked_again(tmp_path: Path) -> None:
    """A video file read through the capture that reads cameras: its end is what an unplugged camera looks like."""
    path = clip(tmp_path / "clip.avi", 6, 30.0)

    def opener(device: int | str) -> Capture:
        return cv2.VideoCapture(str(device))

    notes, pauses = Notes(), Pauses(3)
    camera = Webcam(str(path), offered_hz=30.0, opener=opener, now_ns=frames_apart(S // 30))
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses) as feed:
        assert pauses.enough.wait(PATIENCE_S)
    assert notes.words
    assert all("was unplugged" in words and "plug it in" in words for words in notes.words)
    assert (camera.width_px, camera.height_px) == (160, 120)
    counts = {f"{drop.what}:{drop.reason}": drop.count for drop in feed.dropped()}
    assert counts["camera:trouble"] == 3
    assert feed.shots + counts.get("frame:behind", 0) + counts.get("frame:rate", 0) == 18


def frames_apart(period_ns: int) -> Callable[[], int]:
    """A clock that goes on by one frame whenever it is read: a file is read faster than a camera gives pictures."""
    lock, state = threading.Lock(), [0]

    def now_ns() -> int:
        with lock:
            state[0] += period_ns
            return state[0]

    return now_ns


def test_a_camera_that_was_tried_and_is_gone_when_it_is_run_is_asked_for_until_it_is_back(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.avi", 6, 30.0)
    opened: list[int | str] = []

    def opener(device: int | str) -> Capture:
        opened.append(device)
        if len(opened) in (2, 3, 4):
            raise unplugged()
        return cv2.VideoCapture(str(device))

    camera = open_webcam(str(path), offered_hz=30.0, opener=opener, now_ns=frames_apart(S // 30))
    assert (camera.width_px, camera.height_px) == (160, 120)
    notes, pauses = Notes(), Pauses()
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses):
        notes.until(lambda: bool(notes.shots))
    assert pauses.seconds[:3] == [1.0, 2.0, 4.0]
    assert notes.words[0] == "it was unplugged: plug it in again"


def test_a_camera_that_is_not_there_is_said_once_and_asked_for_again_later_and_later() -> None:
    notes, pauses = Notes(), Pauses(7)
    with Feed(Webcam(97, offered_hz=10.0), notes.take, on_trouble=notes.hear, wait=pauses) as feed:
        assert pauses.enough.wait(PATIENCE_S)
    (words,) = notes.words
    assert "no camera at /dev/video97" in words
    assert pauses.seconds == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert feed.dropped() == (Dropped("camera", "trouble", 7),)


def test_in_a_live_run_every_picture_of_a_recording_finds_its_own_gaze(tmp_path: Path) -> None:
    percepts: list[Percept] = []
    notes = Notes()

    def observe(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        for attended, _ in core.facts:
            percepts.extend(attended.percepts)
        notes.hear("")

    def take(shot: Shot) -> None:
        now_ns = host.time_ns()
        host.offer(shot.image, now_ns - shot.age_ns)
        host.look_at(tuple(dataclasses.replace(sample, t_ns=now_ns + sample.t_ns) for sample in shot.gaze if now_ns + sample.t_ns >= 0))

    with live(tmp_path / "run", observe) as host, Feed(Player(world.recording()), take, on_trouble=notes.hear):
        notes.until(lambda: len(percepts) >= 10)
    # The first picture comes with the first sample alone: nothing older is there to be nearer.
    assert all(percept.gaze is not None and percept.eye_kind == "fixation" for percept in percepts[3:])
    assert all(abs(percept.residual_ns or 0) <= 50 * MS for percept in percepts)
    assert not host.core.dropped
    assert not [drop for drop in host.cost.dropped if drop.count]


@contextlib.contextmanager
def live(out: Path, observer: Observer) -> Iterator[LiveHost]:
    config, looker = Config(), ScriptedLooker(world.see)
    session = Session(looker.capabilities)
    core = Core(config, session)
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    out.mkdir()
    with (
        open_store(out / "log", log_bytes=config.store.log_bytes) as store,
        Journal(out / "journal", head, core.snapshot) as journal,
        DecisionLog(out / "decisions.jsonl") as decisions,
    ):
        workers = Workers(FrameRing(config.capture.ring_bytes), looker, store)
        eyes = EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX)
        with LiveHost(core, workers, journal, decisions, eyes=eyes, observers=[observer]) as host:
            yield host


# ------------------------------------------------------------ what can go wrong


def test_after_trouble_pictures_come_again_and_the_next_trouble_is_said_again() -> None:
    notes, pauses = Notes(), Pauses()
    camera = Scripted((2, unplugged()), (0, unplugged()), (0, unplugged("nothing there")), (3, unplugged()), (1, None))
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses) as feed:
        notes.until(lambda: len(notes.shots) == 6)
    assert notes.words == [f"{words}: plug it in again" for words in ("it was unplugged", "nothing there", "it was unplugged")]
    assert pauses.seconds == [1.0, 2.0, 4.0, 1.0]
    assert feed.dropped() == (Dropped("frame", "rate", 2), Dropped("camera", "trouble", 4))


@pytest.mark.parametrize("turn", [(1, None), (1, ZeroDivisionError("a bug"))], ids=["it just ends", "a fault of ours"])
def test_a_camera_that_ends_or_has_a_fault_is_trouble_too(turn: tuple[int, Exception | None]) -> None:
    class Short(Scripted):
        def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
            yield Shot(PICTURE, 0)
            if turn[1] is not None:
                raise turn[1]

    notes, pauses = Notes(), Pauses(2)
    with Feed(Short(turn), notes.take, on_trouble=notes.hear, wait=pauses):
        assert pauses.enough.wait(PATIENCE_S)
    assert len(notes.shots) == 2
    assert "scripted gives no more pictures" in notes.words[0] or "scripted has a fault: a bug" in notes.words[0]


def test_a_picture_that_cannot_be_taken_in_is_counted_and_said_once_and_the_next_is() -> None:
    notes = Notes()

    refused: list[Shot] = []
    said: list[str] = []

    def take(shot: Shot) -> None:
        if len(refused) < 3:
            refused.append(shot)
            raise ValueError("no room")
        notes.take(shot)

    with Feed(Scripted((5, None)), take, on_trouble=said.append) as feed:
        notes.until(lambda: len(notes.shots) == 2)
    assert said == ["A picture of scripted was not taken in: no room"]
    assert feed.shots == 2
    assert Dropped("shot", "fault", 3) in feed.dropped()


# ------------------------------------------------------------ on and off


def test_paused_the_device_is_let_go_and_resumed_it_is_opened_again() -> None:
    notes, camera = Notes(), Scripted((2, None))
    with Feed(camera, notes.take, on_trouble=notes.hear) as feed:
        notes.until(lambda: len(notes.shots) == 2)
        feed.pause()
        until(lambda: camera.open_now == 0)
        feed.pause()
        assert (camera.opened, len(notes.shots)) == (1, 2)
        feed.resume()
        notes.until(lambda: len(notes.shots) == 4)
        feed.resume()
        assert camera.opened == 2
    assert camera.open_now == 0
    assert notes.words == []


def test_a_feed_paused_before_it_begins_opens_nothing() -> None:
    notes, camera = Notes(), Scripted((2, None))
    feed = Feed(camera, notes.take, on_trouble=notes.hear)
    feed.pause()
    with feed:
        assert camera.opened == 0
        feed.resume()
        notes.until(lambda: len(notes.shots) == 2)


def test_paused_while_it_waits_to_try_again_it_tries_no_more() -> None:
    notes, pauses, camera = Notes(), Pauses(1), Scripted((0, unplugged()), (2, None))
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses) as feed:
        assert pauses.enough.wait(PATIENCE_S)
        feed.pause()
        assert camera.opened == 1
        feed.resume()
        notes.until(lambda: len(notes.shots) == 2)
    assert notes.words == ["it was unplugged: plug it in again"]


def test_a_shot_in_the_wrong_moment_goes_no_further() -> None:
    """A picture that the camera had ready when it was switched off is not handed on."""
    taken: list[Shot] = []

    def take(shot: Shot) -> None:
        taken.append(shot)
        feed.pause()

    feed = Feed(Scripted((5, None)), take, on_trouble=lambda words: pytest.fail(words))
    with feed:
        until(lambda: feed.shots == 1)
    assert len(taken) == 1


class Stuck:
    """A device that does not answer until it is freed."""

    def __init__(self) -> None:
        self.asked, self.freed, self.released = threading.Event(), threading.Event(), threading.Event()

    def grab(self) -> bool:
        self.asked.set()
        assert self.freed.wait(PATIENCE_S)
        return False

    def retrieve(self) -> tuple[bool, None]:
        return False, None

    def get(self, propId: int, /) -> float:
        return 0.0

    def set(self, propId: int, value: float, /) -> bool:
        return False

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    device = Stuck()
    yield device
    device.freed.set()
    assert device.released.wait(PATIENCE_S)


def test_a_device_that_has_stopped_answering_does_not_hold_up_the_end(stuck: Stuck) -> None:
    camera = Webcam(0, offered_hz=10.0, opener=lambda device: stuck)
    with Feed(camera, lambda shot: None, on_trouble=lambda words: None):
        assert stuck.asked.wait(PATIENCE_S)
    # The feed's own thread has ended; the device is still held by the one that reads it, which lets it go when it can.
    assert not any(thread.name == "camera" for thread in threading.enumerate())
    assert not stuck.released.is_set()


def test_a_device_that_gives_no_pictures_is_said_when_it_is_tried(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.cameras.device.TRY_S", 0.05)
    with pytest.raises(CameraError, match="camera 0 gives no pictures"):
        open_webcam(0, offered_hz=10.0, opener=lambda device: stuck)


def test_a_device_that_hangs_is_held_once_however_often_it_is_tried(stuck: Stuck, caplog: pytest.LogCaptureFixture) -> None:
    opened: list[int | str] = []

    def opener(device: int | str) -> Capture:
        opened.append(device)
        return stuck

    notes, pauses = Notes(), Pauses(3)
    camera = Webcam(0, offered_hz=10.0, opener=opener)
    clock = Patience(lambda: stuck.asked.is_set() and not notes.words)
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses, now_ns=clock.now_ns, watch=clock.wait) as feed:
        assert pauses.enough.wait(PATIENCE_S)
    assert notes.words == [
        "camera 0 has given no picture for 5 s: it is closed and opened again",
        "camera 0 does not answer, and is still held from the last time: switch it off and on, or plug it out",
    ]
    assert opened == [0]
    assert feed.dropped() == (Dropped("camera", "silent", 1), Dropped("camera", "trouble", 2))
    assert [record.getMessage() for record in caplog.records] == [
        "camera 0 does not answer: the thread that reads it is left behind until it does"
    ]


# ------------------------------------------------------------ silence


class Silent(Scripted):
    """A camera that gives a picture and then nothing; it ends when it is told to, or, deaf, only once it is freed."""

    def __init__(self, *, deaf: bool) -> None:
        super().__init__((0, None))
        self.freed, self.deaf = threading.Event(), deaf
        self.until: threading.Event | None = None

    def hangs(self) -> bool:
        return self.until is not None and not self.until.is_set()

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        self.opened += 1
        yield Shot(PICTURE, 0)
        self.until = self.freed if self.deaf else stopping
        assert self.until.wait(PATIENCE_S)


def test_a_camera_that_falls_silent_is_said_closed_and_opened_again() -> None:
    camera, notes, pauses = Silent(deaf=False), Notes(), Pauses(3)
    clock = Patience(camera.hangs)
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses, silent_s=5.0, now_ns=clock.now_ns, watch=clock.wait) as feed:
        assert pauses.enough.wait(PATIENCE_S)
    assert (camera.opened, feed.shots) == (3, 3)
    assert notes.words == ["scripted has given no picture for 5 s: it is closed and opened again"] * 3
    assert pauses.seconds == [1.0, 1.0, 1.0], "it did give a picture each time"
    assert Dropped("camera", "silent", 3) in feed.dropped()
    assert 15 * S <= clock.t_ns <= 17 * S


def test_a_camera_that_hangs_in_its_driver_is_said_and_not_opened_before_it_comes_back() -> None:
    camera, notes = Silent(deaf=True), Notes()
    clock = Patience(camera.hangs)
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=Pauses(), now_ns=clock.now_ns, watch=clock.wait) as feed:
        notes.until(lambda: len(notes.words) == 2)
        until(lambda: clock.t_ns > 60 * S)
        assert camera.opened == 1
        camera.freed.set()
        notes.until(lambda: len(notes.shots) >= 2)
    assert notes.words[:2] == [
        "scripted has given no picture for 5 s: it is closed and opened again",
        "scripted hangs, and does not let go of its device: it is opened again once it has",
    ]
    assert {Dropped("camera", "silent", 1), Dropped("camera", "stuck", 1)} < set(feed.dropped())


def test_who_takes_a_picture_may_take_his_time() -> None:
    taking, camera = threading.Event(), Scripted((1, None), (0, None))
    clock = Patience(taking.is_set)

    def take(shot: Shot) -> None:
        taking.set()
        until(lambda: clock.t_ns > 60 * S)
        taking.clear()

    with Feed(camera, take, on_trouble=lambda words: pytest.fail(words), now_ns=clock.now_ns, watch=clock.wait) as feed:
        until(lambda: feed.shots == 1)
    assert camera.opened == 1


def test_a_film_may_hold_still(tmp_path: Path) -> None:
    shown = threading.Event()
    player = Player(open_video(clip(tmp_path / "clip.avi", 2, 0.01), offered_hz=10.0))
    clock = Patience(shown.is_set)
    with Feed(player, lambda shot: shown.set(), on_trouble=lambda words: pytest.fail(words), now_ns=clock.now_ns, watch=clock.wait) as feed:
        until(lambda: clock.t_ns > 60 * S)
    assert feed.dropped() == ()
