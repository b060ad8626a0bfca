"""Films: what is kept, on which clock, in how many bytes, and what goes when something is to be forgotten."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.film import FilmNote, read_note
from devices.films import WAITING_BYTES, Films
from devices.gaze_csv import read_gaze_csv
from devices.video import VideoFile
from edge_runtime.config import MIB, MS, S
from edge_runtime.hosts.capture import Frame
from edge_runtime.records import Dropped
from gaze.types import GazeSample

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 160, 120
BEGIN = 7 * S


def films(folder: Path, *, film_bytes: int = MIB, waiting_bytes: int = WAITING_BYTES) -> Films:
    return Films(folder, film_bytes, hfov_deg=80.0, waiting_bytes=waiting_bytes)


def x_at(t_ns: int) -> float:
    """Where the white bar is, and where the wearer looks, 0..1: from one side to the other in four seconds."""
    return 0.1 + 0.8 * (t_ns - BEGIN) / (4 * S)


def frame(seq: int, t_ns: int) -> Frame:
    """A white bar at the place of its capture time."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    left = round(x_at(t_ns) * WIDTH) - 4
    image[:, max(0, left) : left + 8] = 255
    return Frame(seq, t_ns, image)


def noise(seq: int, t_ns: int) -> Frame:
    """A picture that takes many bytes."""
    return Frame(seq, t_ns, np.random.default_rng(seq).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))


def take(target: Films, times: list[int], picture: Callable[[int, int], Frame] = frame) -> None:
    for seq, t_ns in enumerate(times):
        target.take(picture(seq, t_ns), t_ns)


def shot(folder: Path, times: list[int]) -> None:
    """A film of these times, in a run of its own."""
    with films(folder) as target:
        target.begin(60 * S, times[0])
        take(target, times)


def note(folder: Path, number: str = "0001") -> FilmNote:
    found = read_note(folder / number)
    assert found is not None
    return found


def numbers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dropped_for(target: Films, reason: str) -> int:
    """Frames dropped, all of them for this reason; those that came when the film had ended already belong to none."""
    (drop,) = target.dropped()
    assert (drop.what, drop.reason) == ("film_frame", reason)
    return drop.count


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


STEADY = [BEGIN + n * 100 * MS for n in range(10)]


# ------------------------------------------------------------ what is kept


def test_picture_and_gaze_of_a_film_stay_together_whatever_the_camera_did(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    steps = rng.integers(60 * MS, 160 * MS, 34)
    steps[12] += 350 * MS  # the camera was gone for a while
    times = [int(t) for t in BEGIN + 30 * MS + np.cumsum(steps) if t < BEGIN + 4 * S]
    gaze = [GazeSample(t, x_at(t), 0.5) for t in range(BEGIN, BEGIN + 4 * S, 10 * MS)]
    with films(tmp_path) as target:
        target.begin(4 * S, BEGIN)
        for seq, t_ns in enumerate(times):
            # gaze comes sooner than the picture of its time
            target.look([sample for sample in gaze if (times[seq - 1] if seq else 0) <= sample.t_ns < t_ns])
            target.take(frame(seq, t_ns), t_ns)

    video = VideoFile(tmp_path / "0001" / "scene.mkv", offered_hz=1000.0)
    seen = list(video.frames())
    looked = read_gaze_csv(tmp_path / "0001" / "gaze.csv").samples

    assert len(seen) == len(times)
    assert max(abs(image.t_capture_ns - (t - times[0])) for image, t in zip(seen, times, strict=True)) <= MS
    for image in seen[:-1]:
        bar = float(np.flatnonzero(image.image[HEIGHT // 2, :, 0] > 128).mean() + 0.5) / WIDTH
        nearest = min(looked, key=lambda sample: abs(sample.t_ns - image.t_capture_ns))
        assert nearest.x_norm is not None
        # 50 ms are 0.01 of the width; a pixel is 0.00625
        assert abs(nearest.x_norm - bar) < 0.01
    assert video.dropped() == ()
    assert video.duration_ns == pytest.approx(len(times) * (times[-1] - times[0]) / (len(times) - 1), abs=2 * MS)


def test_a_film_says_what_it_is(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        target.begin(S, BEGIN)
        target.look([GazeSample(BEGIN - MS, 0.5, 0.5), GazeSample(BEGIN + 5 * MS, None, None, 0.0, source="saliency")])
        take(target, STEADY)
        target.tick(BEGIN + S)
        assert not target.filming
        target.take(frame(10, BEGIN + S), BEGIN + S)

    assert json.loads((tmp_path / "0001" / "film.json").read_text()) == {
        "t_first_ns": BEGIN,
        "t_due_ns": BEGIN + S,
        "width_px": WIDTH,
        "height_px": HEIGHT,
        "hfov_deg": 80.0,
        "t_last_ns": BEGIN + 900 * MS,
        "frames": 10,
        "rate_hz": 10.0,
        "gaze_samples": 1,
        "gaze_sources": ["saliency"],
        "dropped": {},
        "ended": "its time was up",
    }
    assert target.trouble == ""
    assert target.dropped() == ()


def test_gaze_comes_back_as_it_was_on_the_clock_of_the_film(tmp_path: Path) -> None:
    samples = [
        GazeSample(BEGIN, 0.25, 0.75, 0.5),
        GazeSample(BEGIN + 5 * MS, None, None, 0.0),
        GazeSample(BEGIN + 10 * MS, -0.1, 1.2, worn=False),
    ]
    with films(tmp_path) as target:
        target.begin(S, BEGIN)
        target.take(frame(0, BEGIN), BEGIN)
        target.look(samples)

    back = read_gaze_csv(tmp_path / "0001" / "gaze.csv").samples
    assert back == (GazeSample(0, 0.25, 0.75, 0.5), GazeSample(5 * MS, None, None, 0.0), GazeSample(10 * MS, -0.1, 1.2, worn=False))


def test_without_gaze_there_is_no_gaze_file(tmp_path: Path) -> None:
    shot(tmp_path, STEADY)
    assert numbers(tmp_path / "0001") == ["film.json", "scene.mkv"]


def test_nothing_is_kept_before_it_is_wished_for_or_after_it_ended(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        take(target, STEADY[:2])
        target.begin(60 * S, STEADY[4])
        take(target, STEADY[3:6])
        target.end()
        assert not target.filming
        take(target, STEADY[6:])

    assert numbers(tmp_path) == ["0001"]
    assert (note(tmp_path).t_first_ns, note(tmp_path).t_last_ns) == (STEADY[4], STEADY[5])
    assert note(tmp_path).ended == "it was ended on wish"


def test_a_second_wish_makes_the_film_longer(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        target.begin(300 * MS, BEGIN)
        take(target, STEADY[:2])
        target.begin(500 * MS, STEADY[2])
        target.tick(STEADY[3])
        assert target.filming
        take(target, STEADY[2:])

    assert numbers(tmp_path) == ["0001"]
    assert (note(tmp_path).frames, note(tmp_path).t_due_ns) == (7, STEADY[7])


def test_films_are_numbered_on_over_runs_and_only_their_owner_may_look(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "films"
    shot(folder, STEADY)
    shot(folder, STEADY)
    assert numbers(folder) == ["0001", "0002"]
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())} == {0o700}


def test_a_film_of_which_no_picture_came_leaves_nothing_but_words(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        target.begin(S, BEGIN)
        target.look([GazeSample(BEGIN, 0.5, 0.5)])
        target.end()
    assert numbers(tmp_path) == []
    assert target.trouble == "there is no film: no picture came"


def test_a_player_is_told_its_true_rate_and_length(tmp_path: Path) -> None:
    shot(tmp_path, STEADY)
    capture = cv2.VideoCapture(str(tmp_path / "0001" / "scene.mkv"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 10
    capture.release()


# ------------------------------------------------------------ bounds and drops


def test_all_films_together_stay_within_their_bytes_and_the_last_one_ends_for_it(tmp_path: Path) -> None:
    bound = 100_000
    shot(tmp_path, STEADY)
    before = bytes_in(tmp_path)
    with films(tmp_path, film_bytes=bound) as target:
        target.begin(60 * S, BEGIN)
        take(target, STEADY, noise)

    assert before < bytes_in(tmp_path) == target.nbytes <= bound
    assert numbers(tmp_path) == ["0001", "0002"]
    kept = note(tmp_path, "0002").frames
    assert 0 < kept < 10
    assert 0 < dropped_for(target, "film_bytes") <= 10 - kept
    assert target.trouble == note(tmp_path, "0002").ended == "films have no room left: remove old films or raise capture.film_bytes"
    assert len(list(VideoFile(tmp_path / "0002" / "scene.mkv", offered_hz=100.0).frames())) == kept


def test_with_no_room_at_all_nothing_is_written(tmp_path: Path) -> None:
    shot(tmp_path, STEADY)
    with films(tmp_path, film_bytes=bytes_in(tmp_path)) as target:
        target.begin(60 * S, BEGIN)
        take(target, STEADY)
    assert numbers(tmp_path) == ["0001"]
    assert dropped_for(target, "film_bytes") > 0
    assert "no room" in target.trouble


def test_no_bytes_mean_no_films(tmp_path: Path) -> None:
    with films(tmp_path, film_bytes=0) as target:
        target.begin(60 * S, BEGIN)
        assert not target.filming
        assert target.trouble == "no film is taken: capture.film_bytes is 0"


def test_what_waits_is_bounded_in_bytes_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    with films(tmp_path, waiting_bytes=frame(0, BEGIN).image.nbytes - 1) as target:
        target.begin(60 * S, BEGIN)
        take(target, STEADY)
        target.look([GazeSample(BEGIN + n * MS, 0.5, 0.5) for n in range(1000)])
    assert target.dropped() == (Dropped("film_frame", "behind", 10), Dropped("film_gaze", "behind", 1000))


def test_frames_that_cannot_be_part_of_it_are_counted_and_named_in_the_film(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        target.begin(60 * S, BEGIN)
        take(target, [STEADY[0], STEADY[1], STEADY[1]])
        target.take(Frame(3, STEADY[2], np.zeros((60, 80, 3), np.uint8)), STEADY[2])
        take(target, STEADY[3:])
    assert target.dropped() == (Dropped("film_frame", "clock", 1), Dropped("film_frame", "size", 1))
    assert note(tmp_path).dropped == {"film_frame:clock": 1, "film_frame:size": 1}
    assert note(tmp_path).frames == 9


# ------------------------------------------------------------ forgetting


def test_forgetting_takes_every_film_that_shows_anything_of_that_time(tmp_path: Path) -> None:
    shot(tmp_path, STEADY)
    shot(tmp_path, [t + 20 * S for t in STEADY])
    with films(tmp_path) as target:
        target.forget(STEADY[-1] + 1)
    assert numbers(tmp_path) == ["0001"]
    assert target.nbytes == bytes_in(tmp_path)
    with films(tmp_path) as target:
        target.forget(STEADY[-1])
    assert numbers(tmp_path) == []
    assert target.nbytes == 0


def test_forgetting_takes_the_film_that_is_being_taken_and_what_waits_for_it(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        target.begin(60 * S, BEGIN)
        take(target, STEADY)
        target.forget(STEADY[5])
        assert not target.filming
        target.begin(60 * S, BEGIN + S)
        take(target, [t + S for t in STEADY])
    assert target.trouble == ""
    assert [note(tmp_path, number).t_first_ns for number in numbers(tmp_path)] == [BEGIN + S]


def test_a_film_that_shows_nothing_of_that_time_yet_goes_on(tmp_path: Path) -> None:
    with films(tmp_path) as target:
        target.begin(60 * S, BEGIN)
        take(target, STEADY[:5])
        target.forget(STEADY[5])
        assert target.filming
        take(target, STEADY[5:])
    assert note(tmp_path).frames == 10


def test_a_film_of_which_nothing_is_known_goes_with_every_forgetting(tmp_path: Path) -> None:
    shot(tmp_path, STEADY)
    (tmp_path / "0001" / "film.json").write_text("{")
    with films(tmp_path) as target:
        target.forget(10**6 * S)
    assert numbers(tmp_path) == []


# ------------------------------------------------------------ processes that die, disks that refuse

_CHILD = """
import os, signal, sys
from pathlib import Path
from tests.unit.test_films import BEGIN, STEADY, S, films, take
folder, whole = Path(sys.argv[1]), int(sys.argv[2])
target = films(folder)
target.begin(60 * S, BEGIN)
take(target, STEADY)
scene = folder / "0001" / "scene.mkv"
while not scene.exists() or scene.stat().st_size < whole:
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_film_outlives_the_process_that_was_killed(tmp_path: Path) -> None:
    shot(tmp_path / "whole", STEADY)
    whole = (tmp_path / "whole" / "0001" / "scene.mkv").stat().st_size
    child = subprocess.run([sys.executable, "-c", _CHILD, tmp_path / "cut", str(whole)], cwd=ROOT, timeout=60, check=False)  # noqa: S603
    assert child.returncode == -signal.SIGKILL

    seen = list(VideoFile(tmp_path / "cut" / "0001" / "scene.mkv", offered_hz=100.0).frames())

    assert [image.t_capture_ns // MS for image in seen] == [n * 100 for n in range(10)]
    assert note(tmp_path / "cut").ended == ""
    with films(tmp_path / "cut") as target:
        target.forget(BEGIN + 60 * S)  # what it shows is not known but for its bounds
    assert numbers(tmp_path / "cut") == []


@pytest.mark.parametrize("share", [0.35, 0.7, 0.999])
def test_a_film_cut_off_anywhere_plays_up_to_there(tmp_path: Path, share: float) -> None:
    shot(tmp_path, STEADY)
    scene = tmp_path / "0001" / "scene.mkv"
    data = scene.read_bytes()
    scene.write_bytes(data[: int(share * len(data))])
    seen = list(VideoFile(scene, offered_hz=100.0).frames())
    assert int(10 * share) - 1 <= len(seen) < 10
    assert [image.t_capture_ns // MS for image in seen] == [n * 100 for n in range(len(seen))]


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.unit.test_films import BEGIN, STEADY, S, films, noise, take
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
with films(Path(sys.argv[1])) as target:
    target.begin(60 * S, BEGIN)
    take(target, STEADY, noise)
print(target.trouble, sum(drop.count for drop in target.dropped()), {drop.reason for drop in target.dropped()}, sep="|")
"""


def test_a_disk_that_refuses_ends_the_film_in_words_and_leaves_what_can_be_played(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FULL_DISK, str(tmp_path), "40000"]
    child = subprocess.run(command, cwd=ROOT, timeout=60, check=True, capture_output=True, text=True)  # noqa: S603
    trouble, dropped, reasons = child.stdout.strip().split("|")

    assert trouble == note(tmp_path).ended == "the disk refuses a film: File too large"
    assert reasons == "{'disk'}"
    seen = list(VideoFile(tmp_path / "0001" / "scene.mkv", offered_hz=100.0).frames())
    assert 0 < len(seen) == note(tmp_path).frames <= 10 - int(dropped) < 10


def test_a_folder_that_cannot_be_made_is_said_and_every_frame_is_counted(tmp_path: Path) -> None:
    (tmp_path / "films").write_text("in the way")
    with films(tmp_path / "films") as target:
        target.begin(60 * S, BEGIN)
        take(target, STEADY)
    assert target.trouble == "the disk refuses a film: File exists"
    assert dropped_for(target, "disk") > 0
    assert not target.filming
