"""The command line of ``gaze``: labels for every row, pictures, device recordings as one table, and what it refuses."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from apps.gaze_labels import watch
from apps.gaze_plot import quality_lines
from apps.main import main
from devices.gaze_csv import read_gaze_csv
from devices.gaze_table import read_table
from gaze.geometry import deg_to_norm
from gaze.types import GazeSample
from tests.gaze_paths import Part, samples

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
WALK = [Part("to", 600), Part("jump", 40, 10.0), Part("to", 500, 10.0), Part("closed", 150), Part("to", 500, 10.0)]
WALK += [Part("jump", 50, -12.0, 5.0), Part("to", 700, -12.0, 5.0)]


def write(path: Path, gaze: Sequence[GazeSample], *, dx: float = 0.0, scale: float = 1.0, columns: str = "t_s,x_norm,y_norm") -> Path:
    """Gaze as a table; an empty cell where there is none."""
    rows = [
        f"{s.t_ns / 1e9:.4f},,"
        if s.x_norm is None or s.y_norm is None
        else f"{s.t_ns / 1e9:.4f},{scale * s.x_norm + dx:.6f},{scale * s.y_norm:.6f}"
        for s in gaze
    ]
    path.write_text("\n".join([columns, *rows, ""]))
    return path


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    return write(tmp_path / "walk.csv", samples(WALK))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def events(source: Path, out: Path, *words: str) -> list[dict[str, str]]:
    assert main(["gaze", "events", str(source), "-o", str(out), *words]) == 0
    return read(out)


def refused(words: Sequence[str | Path], code: int, message: str, hint: str, capsys: Capture) -> None:
    """The call ends with this code, and with one line and a hint as the last words; nothing on standard output."""
    capsys.readouterr()
    assert main(["gaze", *map(str, words)]) == code
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()[-2:]
    assert first.startswith("edge-runtime: ") and message in first
    assert second.startswith("hint: ") and hint in second
    assert "Traceback" not in printed.err and printed.out == ""


# ------------------------------------------------------------ events


@pytest.mark.parametrize("labels", ["final", "provisional"])
def test_every_row_gets_one_label_and_the_time_it_was_told(walk: Path, tmp_path: Path, labels: str) -> None:
    rows = events(walk, tmp_path / "out.csv", "--labels", labels)
    assert [row["t_s"] for row in rows] == [row["t_s"] for row in read(walk)]
    assert list(rows[0]) == ["t_s", "label", "t_emit_s"]
    assert {row["label"] for row in rows} >= {"1", "2"}
    assert all(float(row["t_emit_s"]) >= float(row["t_s"]) for row in rows)


def test_final_labels_say_what_the_eyes_did(walk: Path, tmp_path: Path) -> None:
    label = {float(row["t_s"]): row["label"] for row in events(walk, tmp_path / "out.csv")}
    # in the middle of each part: rest, jump, rest, closed eyes, rest, jump, rest
    assert [label[t] for t in (0.3, 0.62, 0.9, 1.22, 1.5, 1.815, 2.3)] == ["1", "2", "1", "5", "1", "2", "1"]


def test_events_come_one_a_line_in_order(walk: Path, tmp_path: Path) -> None:
    rows = events(walk, tmp_path / "out.csv", "--labels", "events")
    assert [row["label"] for row in rows] == ["1", "2", "1", "5", "1", "2", "1"]
    starts = [float(row["start_s"]) for row in rows]
    assert starts == sorted(starts)
    assert all(float(row["t_emit_s"]) >= float(row["end_s"]) > float(row["start_s"]) for row in rows)
    assert [bool(row["peak_dps"]) for row in rows] == [row["label"] == "2" for row in rows]
    assert float(rows[1]["amplitude_deg"]) == pytest.approx(10.0, abs=0.5)


def test_positions_mean_what_the_camera_makes_of_them(walk: Path, tmp_path: Path) -> None:
    """The same angles as positions of a narrow and of a wide camera give the same labels when the camera is told."""
    wide = events(walk, tmp_path / "wide.csv")
    narrow = write(tmp_path / "narrow.csv", samples(WALK), dx=-0.5, scale=2.0)  # half as wide a picture plane: 53.13 degrees
    lines = [line.split(",") for line in narrow.read_text().splitlines()[1:]]
    moved = [f"{t},{x},{float(y) - 0.5}" if y else f"{t},," for t, x, y in lines]
    narrow.write_text("\n".join(["t_s,x_norm,y_norm", *moved, ""]))
    assert [row["label"] for row in events(narrow, tmp_path / "out.csv", "--hfov-deg", "53.13010")] == [row["label"] for row in wide]


def test_the_camera_may_stand_in_the_file(walk: Path, tmp_path: Path) -> None:
    noted = tmp_path / "noted.csv"
    noted.write_text(f"# hfov_deg=60 aspect=1.5\n{walk.read_text()}")
    table = read_table(noted)
    assert (table.hfov_deg, table.aspect) == (60.0, 1.5)
    assert read_table(noted, hfov_deg=70.0).hfov_deg == 70.0


def test_columns_of_people_are_left_alone(walk: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.csv"
    lines = walk.read_text().splitlines()
    labelled.write_text("\n".join([f"{lines[0]},label_MN", *(f"{line},9" for line in lines[1:]), ""]))
    assert events(labelled, tmp_path / "a.csv") == events(walk, tmp_path / "b.csv")


def test_pipes(walk: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(walk.read_bytes())))
    assert main(["gaze", "events", "-", "-o", "-"]) == 0
    piped = capfdbinary.readouterr()
    events(walk, tmp_path / "out.csv")
    assert piped.out == (tmp_path / "out.csv").read_bytes()
    assert piped.err.startswith(b"note: ")


def test_one_program_after_another(walk: Path) -> None:
    """Converted, then labelled, over real pipes; the notes go beside them."""
    command = [sys.executable, "-m", "apps.main", "gaze"]
    with walk.open("rb") as file:
        first = subprocess.run([*command, "convert", "-", "-o", "-"], stdin=file, capture_output=True, cwd=ROOT, check=True)  # noqa: S603
    done = subprocess.run([*command, "events", "-", "-o", "-"], input=first.stdout, capture_output=True, cwd=ROOT, check=True)  # noqa: S603
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "t_s,label,t_emit_s" and len(lines) == len(walk.read_text().splitlines())
    assert first.stderr.startswith(b"note: ") and done.stderr.startswith(b"note: ")


# ------------------------------------------------------------ the scene's movement


def test_steady_takes_the_scenes_movement_out(tmp_path: Path, capsys: Capture) -> None:
    """The target jumps about in the picture, and the gaze with it: nothing was looked at anew."""
    shaken = tmp_path / "shaken.csv"
    rows = [f"{k * 0.01:.3f},{x},{1 + 0.02 * (k % 3)},{x - 2},{0.0}" for k in range(300) for x in (12.0 if k // 50 % 2 else -3.0,)]
    shaken.write_text("\n".join(["t_s,gaze_x_deg,gaze_y_deg,target_x_deg,target_y_deg", *rows, ""]))
    assert sum(row["label"] == "1" for row in events(shaken, tmp_path / "raw.csv", "--labels", "events")) > 3
    assert "--steady takes it out" in capsys.readouterr().err
    (held,) = [row for row in events(shaken, tmp_path / "still.csv", "--labels", "events", "--steady") if row["label"] in "14"]
    assert float(held["end_s"]) - float(held["start_s"]) > 2.8


def test_steady_needs_a_scene(walk: Path, capsys: Capture) -> None:
    refused(["events", walk, "-o", "-", "--steady"], 3, "does not tell how the head turns", "target_x_deg", capsys)


def test_eyes_in_a_turning_head(tmp_path: Path) -> None:
    """The eyes turn back as the head turns on: gaze rests in the world."""
    turned = tmp_path / "turned.csv"
    rows = [f"{k * 0.005:.3f},{-0.2 * k + 0.01 * (k % 2):.3f},{0.2 * k:.3f},0" for k in range(200)]
    turned.write_text("\n".join(["t_s,eye_deg,head_deg,gaze_deg", *rows, ""]))
    (held,) = [row for row in events(turned, tmp_path / "out.csv", "--labels", "events", "--steady") if row["label"] != "5"]
    assert held["label"] == "1"


# ------------------------------------------------------------ what cannot be used


def rows_of(*rows: str) -> str:
    return "\n".join(["t_s,x_deg,y_deg,valid", *rows, ""])


def pixels(k: int) -> str:
    return f"{k * 0.01:.2f},{400 + 500 * (k // 30 % 2) + k % 3},{300 + k % 2},1"


BAD = {
    "not one row with gaze": (rows_of(*(f"{k * 0.01},nan,nan,1" for k in range(200))), "no row", "valid=0 means no gaze"),
    "nothing valid": (rows_of(*(f"{k * 0.01},1,1,0" for k in range(200))), "no row", "valid=0 means no gaze"),
    "frozen": (rows_of(*(f"{k * 0.01},1.5,2,1" for k in range(200))), "never moves", "no eye holds so still"),
    "one sample": (rows_of("0,1,1,1"), "1 usable rows", "two rows or more"),
    "backwards": (rows_of(*(f"{2 - k * 0.01:.2f},{k % 7},1,1" for k in range(200))), "in time", "two recordings"),
    "clock set back": (rows_of(*(f"{k % 100 * 0.01:.2f},{k % 7},1,1" for k in range(200))), "in time", "two recordings"),
    "pixels called degrees": (rows_of(*map(pixels, range(300))), "look like pixels", "call them x_norm, y_norm"),
    "degrees called norm": (
        rows_of(*(f"{k * 0.01},{9 - k // 30},-7,1" for k in range(300))).replace("_deg", "_norm"),
        "pictures",
        "degrees",
    ),
    "milliseconds": (rows_of(*(f"{k * 10},{k % 7},1,1" for k in range(200))), "samples a second", "seconds"),
    "confidence in percent": (
        rows_of(*(f"{k * 0.01},{k % 7},1,80" for k in range(200))).replace("valid", "confidence"),
        "confidence",
        "0 to 1",
    ),
    "no header": ("0,1,1,1\n0.01,1,1,1\n", "no gaze recording is recognised", "t_s,x_norm,y_norm"),
    "foreign columns": ("t_s,left,right\n0,1,1\n", "is not understood", "t_s,x_norm,y_norm"),
    "positions twice": ("t_s,x_norm,y_norm,x_deg,y_deg\n0,0,0,0,0\n", "gives positions twice", "t_s,x_norm,y_norm"),
    "impossible camera": ("# hfov_deg=200\n" + rows_of("0,1,1,1", "1,2,2,1"), "camera noted", "mend or remove the note"),
    "camera in words": ("# hfov_deg=1.2.3\n" + rows_of("0,1,1,1", "1,2,2,1"), "camera noted", "mend or remove the note"),
    "empty": ("", "is empty", ""),
    "words": (rows_of(*["now,left,up,1"] * 50), "0 usable rows", "two rows or more"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_gaze_is_refused_with_a_way_on(name: str, tmp_path: Path, capsys: Capture) -> None:
    text, message, hint = BAD[name]
    source = tmp_path / "bad.csv"
    source.write_text(text)
    for labels in ("final", "provisional", "events"):
        refused(["events", source, "-o", tmp_path / "out.csv", "--labels", labels], 3, message, hint, capsys)
    refused(["show", source, "-o", tmp_path / "out.png"], 3, message, hint, capsys)
    assert not (tmp_path / "out.csv").exists() and not (tmp_path / "out.png").exists()


def test_a_few_rows_out_of_order_are_left_out_labelled_and_said(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    lines = walk.read_text().splitlines()
    lines.insert(60, lines[20])
    lines.insert(90, lines[89])
    lines.insert(100, "left,0.5,0.5")
    muddled = tmp_path / "muddled.csv"
    muddled.write_text("\n".join([*lines, ""]))
    rows = events(muddled, tmp_path / "out.csv")
    assert [rows[k]["label"] for k in (59, 89, 99)] == ["5", "5", "5"]
    said = capsys.readouterr().err
    assert all(f"1 more rows left out ({reason})" in said for reason in ("backward", "duplicate", "unreadable"))
    kept = [row for k, row in enumerate(rows) if k not in (59, 89, 99)]
    assert [row["label"] for row in kept] == [row["label"] for row in events(walk, tmp_path / "clean.csv")]


def loss(silent: bool) -> list[GazeSample]:
    """Ten minutes without gaze between two looks: empty samples, or none at all."""
    parts: list[Part] = [Part("to", 1000), Part("silent" if silent else "closed", 600_000), Part("to", 1000)]
    return samples(parts, hz=50.0)


@pytest.mark.parametrize("silent", [False, True])
def test_ten_minutes_of_loss_are_a_loss_and_no_fixation_reaches_into_it(silent: bool, tmp_path: Path) -> None:
    source = write(tmp_path / "lost.csv", loss(silent))
    assert all(row["label"] == "5" for row in events(source, tmp_path / "rows.csv") if 1.2 < float(row["t_s"]) < 600.9)
    found = events(source, tmp_path / "events.csv", "--labels", "events")
    held = [row for row in found if row["label"] in "14"]
    assert len(held) == 2 and float(held[0]["end_s"]) <= 1.0 and float(held[1]["start_s"]) >= 601.0
    (gone,) = [row for row in found if row["label"] == "5"]
    assert float(gone["end_s"]) - float(gone["start_s"]) == pytest.approx(600.0, abs=0.1)


def test_a_loss_that_never_ends_is_told_too(tmp_path: Path) -> None:
    source = write(tmp_path / "lost.csv", samples([Part("to", 1000), Part("closed", 3000)]))
    last = events(source, tmp_path / "events.csv", "--labels", "events")[-1]
    assert last["label"] == "5" and float(last["end_s"]) == pytest.approx(4.0, abs=0.01)


def test_a_path_that_wanders_off_keeps_its_steps(tmp_path: Path, capsys: Capture) -> None:
    """Forty looks, each 6 degrees to the right of the last, as speeds add up where nothing brings them back."""
    chance = random.Random(1)  # noqa: S311
    rows = []
    for k in range(40 * 60):
        look, step = divmod(k, 60)
        x_deg = 6.0 * (look + max(0, step - 54) / 6.0) + chance.gauss(0.0, 0.02)
        rows.append(f"{k * 0.005:.3f},{x_deg:.4f},{chance.gauss(0.0, 0.02):.4f},1")
    far = tmp_path / "far.csv"
    far.write_text(rows_of(*rows))
    held = [row for row in events(far, tmp_path / "out.csv", "--labels", "events") if row["label"] in "14"]
    assert "angles reach 239 deg" in capsys.readouterr().err
    # a step that the fold halves lands where it began
    assert 37 <= len(held) <= 40


def film(path: Path, heads_deg: Sequence[float], *, light: int) -> Path:
    """What a head that turns on the spot sees of a panorama on a cylinder, 90 degrees wide, 30 frames a second."""
    file = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (640, 480))
    wide = cv2.resize(np.random.default_rng(1).integers(0, light, (24, 80, 3)).astype(np.uint8), (3200, 480), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(640) - 319.5, np.arange(480) - 239.5)
    up = (y / np.hypot(x, 320.0) * 280.0 + 240.0).astype(np.float32)
    for head_rad in np.radians(heads_deg):
        file.write(cv2.remap(wide, ((np.arctan2(x, 320.0) + head_rad) * 700.0 + 800.0).astype(np.float32), up, cv2.INTER_LINEAR))
    file.release()
    return path


def test_eyes_that_hold_a_thing_while_the_head_turns_hold_it(tmp_path: Path, capsys: Capture) -> None:
    video = film(tmp_path / "scene.avi", [min(max(k - 30, 0), 30) for k in range(90)], light=255)
    x_norm = [float(deg_to_norm(15.0 - min(max(k - 200, 0) * 0.15, 30.0), 0.0, hfov_deg=90.0, aspect=4 / 3)[0]) for k in range(600)]
    source = write(tmp_path / "gaze.csv", [GazeSample(k * 5_000_000, x, 0.5) for k, x in enumerate(x_norm)])
    both = [events(source, tmp_path / "out.csv", *words) for words in ((), ("--video", str(video)))]
    assert "samples know how the head turned" in capsys.readouterr().err
    held = [sum(row["label"] == "1" for row in rows if 1.2 < float(row["t_s"]) < 1.9) for rows in both]
    assert held[0] < 0.2 * 139 and held[1] > 0.9 * 139


# ------------------------------------------------------------ calls


def test_calls_that_are_off(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    refused(["events", tmp_path / "none.csv", "-o", "-"], 3, "there is no", "check the path", capsys)
    refused(["events", walk, "-o", walk], 2, "is what is to be read", "another file", capsys)
    refused(["events", walk, "-o", tmp_path / "no" / "out.csv"], 5, "cannot be written", "another file", capsys)
    refused(["events", walk, "-o", "-", "--hfov-deg", "180"], 2, "no field of view", "between 0 and 180", capsys)
    refused(["show", walk, "-o", tmp_path / "out.jpg"], 2, ".png", "out.png", capsys)
    refused(["convert", tmp_path, "-o", "-"], 3, "no gaze recording is recognised", "Tobii", capsys)
    refused([], 2, "ACTION", "--help", capsys)
    dark = film(tmp_path / "dark.avi", [0.0] * 10, light=9)
    refused(["events", walk, "-o", "-", "--video", dark], 3, "9 dark", "--video-at", capsys)


# ------------------------------------------------------------ show


def test_show_draws_a_picture_or_names_the_extra(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "plot.png"
    if importlib.util.find_spec("matplotlib") is None:
        refused(["show", walk, "-o", out], 4, "matplotlib", "the extra plots", capsys)
        assert not out.exists()
        return
    assert main(["gaze", "show", str(walk), "-o", str(out)]) == 0
    again = tmp_path / "again.png"
    assert main(["gaze", "show", str(walk), "-o", str(again)]) == 0
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and out.read_bytes() == again.read_bytes()
    refused(["show", walk, "-o", out, "--from", "50"], 2, "there is no gaze from 50 s", "runs to 2.", capsys)


def test_without_matplotlib_the_extra_is_named(walk: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    refused(["show", walk, "-o", tmp_path / "plot.png"], 4, "matplotlib", "the extra plots", capsys)


def test_the_numbers_beside_the_picture(walk: Path) -> None:
    table = read_table(walk)
    lines = quality_lines(table, watch(table))
    assert lines[0].split() == ["rate", "200.0", "Hz"]
    assert any(line.split()[:2] == ["fixation", "4"] for line in lines)
    assert any(line.split()[:3] == ["data", "loss", "5.9"] for line in lines)


# ------------------------------------------------------------ convert, and real recordings


def test_a_converted_file_reads_back_as_it_was(walk: Path, tmp_path: Path) -> None:
    out = tmp_path / "converted.csv"
    assert main(["gaze", "convert", str(walk), "-o", str(out)]) == 0
    before, after = read_gaze_csv(walk), read_gaze_csv(out)
    assert [s.t_ns for s in after.samples] == [s.t_ns for s in before.samples]
    assert [s.x_norm for s in after.samples] == [pytest.approx(s.x_norm, abs=1e-6) if s.valid else None for s in before.samples]
    assert after.ignored_columns == () and after.dropped == {}


@pytest.mark.parametrize("device", ["neon_native", "pupil_invisible", "tobii_g2"])
def test_device_recordings_can_be_converted_and_labelled(device: str, shared_data: Path, tmp_path: Path) -> None:
    source, out = shared_data / "ego" / device, tmp_path / "converted.csv"
    assert main(["gaze", "convert", str(source), "-o", str(out)]) == 0
    assert len(read_gaze_csv(out).samples) > 500
    straight = events(source, tmp_path / "straight.csv")
    # times are kept to the microsecond, positions to 1e-7 of the picture
    differing = sum(a["label"] != b["label"] for a, b in zip(events(out, tmp_path / "out.csv"), straight, strict=True))
    assert differing <= len(straight) // 200


@pytest.fixture
def score(shared_data: Path, tmp_path: Path) -> Callable[..., dict[str, float]]:
    """Labels some published recordings by the verb and runs the scorer on them."""

    def run(group: str, names: Sequence[str], labels: str, *options: str) -> dict[str, float]:
        for name in names:
            events(shared_data / "gaze" / group / f"{name}.csv", tmp_path / f"{name}.csv", "--labels", labels)
        command = [sys.executable, str(shared_data.parent / "tools" / "gaze_score.py")]
        command += ["--dir", str(shared_data / "gaze" / group), str(tmp_path), "--json", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        row: dict[str, float] = json.loads(done.stdout.splitlines()[0])
        return row

    return run


@pytest.mark.parametrize("labels", ["final", "events"])
def test_the_scorer_reads_what_is_written(score: Callable[..., dict[str, float]], labels: str) -> None:
    row = score("gazecom", ["AAF_beach", "AAF_doves"], labels)
    assert row["pairs"] == 2 and row["kappa"] > 0.6 and row["f1"] > 0.8
    assert (row["lat50_ms"] is not None) == (labels == "final")


def test_the_scorer_reads_blinks(score: Callable[..., dict[str, float]]) -> None:
    assert score("hmr", ["user5_eye0"], "final", "--target", "blink")["kappa"] > 0.5


def test_a_worn_recording_whose_angles_wander_off_is_scored_whole(score: Callable[..., dict[str, float]]) -> None:
    row = score("giw", ["p18_a4"], "final")
    assert row["kappa"] > 0.4


def test_provisional_labels_are_told_within_12_ms(score: Callable[..., dict[str, float]]) -> None:
    assert score("gazecom", ["AAF_beach"], "provisional")["lat95_ms"] <= 12.001
