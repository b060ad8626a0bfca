"""Cameras of a live run: a film at real speed, and a webcam whose device is scripted. Every clock here is the test's own."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.cameras import Player, Shot, Webcam, open_webcam
from devices.cameras.device import HEIGHT_PX, WIDTH_PX
from devices.cameras.player import AGAIN, MOST_SKIPPING_NS
from devices.cameras.webcam import open_device
from devices.recording import Recording
from edge_runtime.config import MS, S
from edge_runtime.errors import CameraError
from edge_runtime.hosts.capture import Frame
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample

PERIOD_NS = 100 * MS


class Clock:
    """Time that passes only when somebody waits, or works."""

    def __init__(self) -> None:
        self.t_ns = 1000 * S

    def now_ns(self) -> int:
        return self.t_ns

    def wait(self, stopping: threading.Event, seconds: float) -> bool:
        self.t_ns += round(seconds * S)
        return stopping.is_set()

    def work(self, ns: int) -> None:
        self.t_ns += ns


def picture(number: int) -> Picture:
    return np.full((9, 16, 3), number % 256, np.uint8)


def film(count: int, *, decode: Callable[[int], None] = lambda seq: None, gaze: tuple[GazeSample, ...] = ()) -> Recording:
    """So many pictures, ten a second; picture ``n`` is of brightness ``n``."""

    def frames() -> Iterator[Frame]:
        for seq in range(count):
            decode(seq)
            yield Frame(seq, seq * PERIOD_NS, picture(seq))

    return Recording(
        name="film",
        frames=frames,
        gaze=gaze,
        script=(),
        width_px=16,
        height_px=9,
        hfov_deg=90.0,
        offered_hz=10.0,
        duration_ns=count * PERIOD_NS,
        has_gaze=bool(gaze),
        note="Made for a test.",
        dropped=lambda: (Dropped("frame", "rate", 3),),
    )


def seen(
    recording: Recording,
    clock: Clock,
    count: int,
    *,
    take: Callable[[Shot], None] = lambda shot: None,
    on_round: Callable[[str], None] = lambda words: None,
) -> tuple[list[tuple[int, int, Shot]], Player]:
    """The first shots: milliseconds since the start, which picture, and the shot."""
    player, begun_ns = Player(recording, on_round=on_round, now_ns=clock.now_ns, wait=clock.wait), clock.t_ns
    stopping, found = threading.Event(), []
    for shot in player.shots(stopping):
        found.append(((clock.t_ns - begun_ns) // MS, int(shot.image[0, 0, 0]), shot))
        take(shot)
        if len(found) == count:
            stopping.set()
    return found, player


# ------------------------------------------------------------ a film


def test_a_film_runs_at_its_own_speed_and_every_picture_is_new() -> None:
    found, player = seen(film(5), Clock(), 5)
    assert [(at_ms, number) for at_ms, number, _ in found] == [(0, 0), (100, 1), (200, 2), (300, 3), (400, 4)]
    assert [shot.age_ns for _, _, shot in found] == [0] * 5
    assert player.dropped() == ()


def test_it_goes_round_and_round_in_time_and_says_so() -> None:
    words: list[str] = []
    found, player = seen(film(3), Clock(), 7, on_round=words.append)
    assert [(at_ms, number) for at_ms, number, _ in found] == [(n * 100, n % 3) for n in range(7)]
    assert words == [AGAIN, AGAIN]
    assert player.rounds == 2


def test_what_the_recording_leaves_out_is_counted_with_every_round() -> None:
    _, player = seen(film(3), Clock(), 7)
    assert player.dropped() == (Dropped("frame", "rate", 6),)


def test_a_picture_that_comes_late_says_how_late() -> None:
    clock = Clock()
    found, player = seen(
        film(4, decode=lambda seq: clock.work(40 * MS if seq == 2 else 0)), clock, 4, take=lambda shot: clock.work(80 * MS)
    )
    assert [(at_ms, shot.age_ns // MS) for at_ms, _, shot in found] == [(0, 0), (100, 0), (220, 20), (300, 0)]
    assert player.dropped() == ()


def test_pictures_that_come_too_late_are_skipped_and_counted() -> None:
    clock = Clock()
    found, player = seen(film(10, decode=lambda seq: clock.work(350 * MS if seq == 2 else 0)), clock, 5)
    assert [(at_ms, number) for at_ms, number, _ in found] == [(0, 0), (100, 1), (450, 4), (500, 5), (600, 6)]
    assert player.dropped() == (Dropped("frame", "slow", 2),)


def test_a_film_that_is_always_too_slow_is_still_seen_and_never_falls_behind_for_good() -> None:
    clock = Clock()
    found, player = seen(film(200, decode=lambda seq: clock.work(170 * MS)), clock, 30)
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(found)]
    assert max(gaps) * MS <= MOST_SKIPPING_NS + 170 * MS
    assert all(shot.age_ns <= PERIOD_NS for _, _, shot in found)
    (slow,) = player.dropped()
    assert (slow.what, slow.reason) == ("frame", "slow")
    assert slow.count == found[-1][1] + 1 - 30


def test_opening_a_film_takes_none_of_its_time() -> None:
    clock = Clock()
    found, player = seen(film(3, decode=lambda seq: clock.work(4 * S if seq == 0 else 0)), clock, 3)
    assert [(at_ms, number) for at_ms, number, _ in found] == [(4000, 0), (4100, 1), (4200, 2)]
    assert player.dropped() == ()


def test_a_take_that_holds_the_film_up_lets_it_go_on_where_it_was() -> None:
    clock, held = Clock(), iter([5 * S])
    found, player = seen(film(6), clock, 4, take=lambda shot: clock.work(next(held, 0)))
    assert [(at_ms, number) for at_ms, number, _ in found] == [(0, 0), (5000, 1), (5100, 2), (5200, 3)]
    assert player.dropped() == ()


def test_a_film_without_a_picture_is_said_and_does_not_spin() -> None:
    with pytest.raises(CameraError, match="film holds no picture"):
        next(Player(film(0)).shots(threading.Event()))


def test_it_stops_without_another_picture() -> None:
    stopping = threading.Event()
    stopping.set()
    assert list(Player(film(3)).shots(stopping)) == []


# ------------------------------------------------------------ its gaze


def walk(length_ns: int) -> tuple[GazeSample, ...]:
    """Gaze 100 times a second; where it is says when."""
    return tuple(GazeSample(n * 10 * MS, n / 1000, 0.5) for n in range(length_ns // (10 * MS)))


def on_the_clock(found: list[tuple[int, int, Shot]]) -> list[tuple[int, float | None]]:
    """Samples as they are taken in: milliseconds since the start, and which."""
    return [(at_ms + sample.t_ns // MS, sample.x_norm) for at_ms, _, shot in found for sample in shot.gaze]


def test_gaze_comes_along_at_its_own_times_and_none_is_missing_or_from_the_future() -> None:
    found, player = seen(film(5, gaze=walk(5 * PERIOD_NS)), Clock(), 5)
    assert player.own_gaze
    assert on_the_clock(found) == [(n * 10, n / 1000) for n in range(41)]
    assert all(sample.t_ns <= 0 for _, _, shot in found for sample in shot.gaze)


def test_gaze_of_skipped_pictures_comes_with_the_next() -> None:
    clock = Clock()
    recording = film(10, decode=lambda seq: clock.work(350 * MS if seq == 2 else 0), gaze=walk(10 * PERIOD_NS))
    found, _ = seen(recording, clock, 4)
    assert on_the_clock(found) == [(n * 10, n / 1000) for n in range(51)]


def test_gaze_after_the_last_picture_is_not_lost_in_the_next_round_and_times_rise() -> None:
    found, _ = seen(film(3, gaze=walk(3 * PERIOD_NS)), Clock(), 6)
    assert on_the_clock(found) == [(n * 10, (n % 30) / 1000) for n in range(51)]


def test_times_of_gaze_rise_when_the_film_is_held_up() -> None:
    clock, held = Clock(), iter([0, 5 * S])
    found, _ = seen(film(6, gaze=walk(6 * PERIOD_NS)), clock, 5, take=lambda shot: clock.work(next(held, 0)))
    times = [t_ms for t_ms, _ in on_the_clock(found)]
    assert times == sorted(times)
    assert [x for _, x in on_the_clock(found)] == [n / 1000 for n in range(41)]


# ------------------------------------------------------------ a webcam


class Device:
    """A scripted device: 30 pictures a second on the test's clock, so many, then none.

    ``grab`` lets time pass as a real one does; the test goes on when the pictures are used up.
    """

    def __init__(self, clock: Clock, count: int, *, stamp_age_ns: int | None = None, size: tuple[int, int] = (640, 480)) -> None:
        self.clock, self.count, self.stamp_age_ns, self.size = clock, count, stamp_age_ns, size
        self.number = -1
        self.asked: dict[int, float] = {}
        self.released = threading.Event()
        self.broken = False

    def grab(self) -> bool:
        if self.number + 1 >= self.count:
            return False
        self.number += 1
        self.clock.work(S // 30)
        return True

    def retrieve(self) -> tuple[bool, Any]:
        if self.broken:
            return False, None
        return True, np.full((self.size[1], self.size[0], 3), self.number, np.uint8)

    def get(self, propId: int, /) -> float:
        if propId == cv2.CAP_PROP_POS_MSEC and self.stamp_age_ns is not None:
            return (self.clock.t_ns - self.stamp_age_ns) / MS
        return 0.0

    def set(self, propId: int, value: float, /) -> bool:
        self.asked[propId] = value
        return True

    def release(self) -> None:
        self.released.set()


def webcam(device: Device, offered_hz: float = 10.0) -> Webcam:
    return Webcam(0, offered_hz=offered_hz, opener=lambda number: device, now_ns=device.clock.now_ns)


def until_unplugged(camera: Webcam) -> list[Shot]:
    """All shots of a device whose pictures run out, as fast as they are given."""
    shots = []
    with pytest.raises(CameraError, match="unplugged"):
        for shot in camera.shots(threading.Event()):
            shots.append(shot)
    return shots


def test_a_webcam_is_asked_for_its_size_and_says_what_came() -> None:
    device = Device(Clock(), 3)
    camera = webcam(device)
    assert (camera.width_px, camera.height_px) == (1280, 720)
    assert "is expected to give 1280 x 720" in camera.note
    until_unplugged(camera)
    assert device.asked[cv2.CAP_PROP_FRAME_WIDTH] == WIDTH_PX
    assert device.asked[cv2.CAP_PROP_FRAME_HEIGHT] == HEIGHT_PX
    assert device.asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert (camera.width_px, camera.height_px) == (640, 480)
    assert "gives 640 x 480" in camera.note


def test_a_camera_that_was_tried_knows_its_size_and_has_been_let_go_before_it_is_run() -> None:
    clock = Clock()
    opened: list[Device] = []

    def opener(number: int | str) -> Device:
        assert all(device.released.is_set() for device in opened), "a camera is held by one program at a time"
        opened.append(Device(clock, 90, size=(640, 480)))
        return opened[-1]

    camera = open_webcam(3, offered_hz=10.0, hfov_deg=60.0, opener=opener, now_ns=clock.now_ns)
    assert (camera.width_px, camera.height_px) == (640, 480)
    assert camera.note == "A camera of this machine (camera 3); it gives 640 x 480. Its field of view is as given: 60 degrees."
    assert [device.released.is_set() for device in opened] == [True]
    assert camera.dropped() == (), "what nobody wanted yet is no loss"

    shots = until_unplugged(camera)
    assert len(opened) == 2
    assert len(shots) + sum(drop.count for drop in camera.dropped()) == 90


def test_the_first_picture_that_can_be_decoded_gives_the_size() -> None:
    class Hiccup(Device):
        def retrieve(self) -> tuple[bool, Any]:
            self.broken = self.number == 0
            return super().retrieve()

    device = Hiccup(Clock(), 9, size=(320, 240))
    camera = open_webcam(0, offered_hz=30.0, opener=lambda number: device, now_ns=device.clock.now_ns)
    assert (camera.width_px, camera.height_px) == (320, 240)


def test_a_field_of_view_that_nobody_gave_is_said_to_be_assumed() -> None:
    assert "Its field of view is assumed: 78 degrees." in webcam(Device(Clock(), 1)).note


@pytest.mark.parametrize("count", [None, 0], ids=["not there", "it gives none"])
def test_a_camera_that_gives_no_picture_is_said_when_it_is_tried(count: int | None) -> None:
    device = Device(Clock(), count or 0)

    def opener(number: int | str) -> Device:
        if count is None:
            raise CameraError("there is no camera at /dev/video0", hint="plug one in")
        return device

    with pytest.raises(CameraError, match="no camera at" if count is None else "gives no more pictures") as caught:
        open_webcam(0, offered_hz=10.0, opener=opener, now_ns=device.clock.now_ns)
    assert "plug" in caught.value.hint
    assert device.released.is_set() == (count is not None)


def test_every_picture_is_handed_over_or_counted() -> None:
    camera = webcam(Device(Clock(), 90))
    shots = until_unplugged(camera)
    counts = {drop.reason: drop.count for drop in camera.dropped()}
    assert counts["rate"] == 60
    assert len(shots) + counts.get("behind", 0) == 30


def test_who_is_slow_gets_the_newest_and_what_was_replaced_is_counted() -> None:
    class Steps(Device):
        """A device that gives its last pictures only after the first has been fetched."""

        fetched = threading.Event()

        def grab(self) -> bool:
            assert self.number < 0 or self.fetched.wait(10.0)
            return super().grab()

    device = Steps(Clock(), 30)
    camera = webcam(device)
    shots = camera.shots(threading.Event())
    assert int(next(shots).image[0, 0, 0]) == 0
    device.fetched.set()
    assert device.released.wait(10.0)
    assert int(next(shots).image[0, 0, 0]) == 27
    with pytest.raises(CameraError, match="unplugged"):
        next(shots)
    assert camera.dropped() == (Dropped("frame", "behind", 8), Dropped("frame", "rate", 20))


@pytest.mark.parametrize(
    ("stamp_age_ns", "age_ms"),
    [(70 * MS, 70), (0, 0), (-5 * MS, 0), (3600 * S, 0), (None, 0)],
    ids=["the driver knows", "just now", "from the future", "another clock", "no stamp"],
)
def test_a_picture_is_as_old_as_the_driver_says_where_that_can_be_true(stamp_age_ns: int | None, age_ms: int) -> None:
    class Waits(Device):
        def grab(self) -> bool:
            return super().grab() if self.number < 0 else self.released.wait(0.01)

    device = Waits(Clock(), 1, stamp_age_ns=stamp_age_ns)
    stopping = threading.Event()
    for shot in webcam(device).shots(stopping):
        assert shot.age_ns // MS == age_ms
        stopping.set()
        break


def test_pictures_that_cannot_be_decoded_are_counted_and_the_next_may_be_fine() -> None:
    class Hiccup(Device):
        def retrieve(self) -> tuple[bool, Any]:
            self.broken = self.number == 0
            return super().retrieve()

    camera = webcam(Hiccup(Clock(), 2), offered_hz=30.0)
    assert [int(shot.image[0, 0, 0]) for shot in until_unplugged(camera)] == [1]
    assert camera.dropped() == (Dropped("frame", "unreadable", 1),)


def test_the_device_is_let_go_when_it_fails_when_it_is_stopped_and_when_nobody_reads_on() -> None:
    class Endless(Device):
        def grab(self) -> bool:
            self.released.wait(0.001)
            return super().grab()

    failed = Device(Clock(), 3)
    until_unplugged(webcam(failed))
    assert failed.released.is_set()

    stopped, stopping = Endless(Clock(), 10**9), threading.Event()
    for _ in webcam(stopped).shots(stopping):
        stopping.set()
    assert stopped.released.is_set()

    left = Endless(Clock(), 10**9)
    shots = webcam(left).shots(threading.Event())
    next(shots)
    shots.close()
    assert left.released.is_set()


def test_a_fault_of_the_driver_is_said_as_trouble_of_the_camera() -> None:
    class Faulty(Device):
        def grab(self) -> bool:
            cv2.resize(np.zeros((0, 0), np.uint8), (1, 1))
            return False

    with pytest.raises(CameraError, match="camera 0 fails"):
        next(webcam(Faulty(Clock(), 1)).shots(threading.Event()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files are Linux")
def test_a_camera_that_is_not_there_not_allowed_or_none_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="there is no camera at /dev/video97"):
        open_device(97)
    with pytest.raises(CameraError, match=r"no camera at .*elsewhere") as missing:
        open_device(str(tmp_path / "elsewhere"))
    assert "plug one in" in missing.value.hint

    file = tmp_path / "video0"
    file.write_bytes(b"no camera")
    with pytest.raises(CameraError, match="does not open") as held:
        open_device(str(file))
    assert "video call" in held.value.hint


def test_a_camera_of_another_account_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "video0"
    file.touch()
    # Who runs as root may do everything, so the system's answer is given here.
    monkeypatch.setattr("os.access", lambda *args: False)
    with pytest.raises(CameraError, match="may not be used") as refused:
        open_device(str(file))
    assert '"video"' in refused.value.hint
    assert refused.value.exit_code == 5


def test_a_shot_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Shot(picture(0), 0).age_ns = 1  # type: ignore[misc]
