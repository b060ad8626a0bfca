"""The verb ``simulator``: wrong calls are one line and a hint; a right one serves a page, says where, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import simulator
from apps.main import main
from devices.page.items import Line
from devices.video import open_video
from edge_runtime.config import Config
from edge_runtime.journal import JournalReader
from edge_runtime.models.looker import ThumbLooker
from edge_runtime.models.opening import only_looking
from edge_runtime.store import open_store
from tests.conftest import ROOT
from tests.dying_disk import in_child, room
from tests.unit.test_video import write

WRONG: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("--camera", "periscope"), 2, "no camera or file called periscope"),
    (("--port", "70000"), 2, "70000 is no port"),
    (("--port", "-1"), 2, "-1 is no port"),
    (("--camera", "server", "--hfov-deg", "200"), 2, "200 is no field of view"),
    (("--camera", "gallery", "--hfov-deg", "60"), 2, "the gallery brings its own camera"),
    (("--set", "capture.offered_hz=never"), 2, "capture.offered_hz"),
)


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
def test_a_wrong_call_is_one_line_and_a_hint(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulator", "--no-open", "--out", str(tmp_path / "run"), *arguments]) == code
    said, hint = capsys.readouterr().err.splitlines()
    assert words in said and hint.startswith("hint: ")


def test_a_film_that_is_none_is_unusable_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"not a film")
    assert main(["simulator", "--no-open", "--camera", str(film), "--out", str(tmp_path / "run")]) == 3
    assert "hint: " in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "decisions.jsonl").write_text("of an earlier run")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["simulator", "--no-open", "--port", str(port), "--out", str(run)]) == 5
    assert "--port" in capsys.readouterr().err
    assert (run / "decisions.jsonl").read_text() == "of an earlier run"


def test_a_run_in_the_same_folder_is_not_disturbed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(tmp_path / "run" / "log", log_bytes=2**20):
        assert main(["simulator", "--no-open", "--port", "0", "--out", str(tmp_path / "run")]) == 5
    assert "another process holds the log" in capsys.readouterr().err


def test_files_of_somebody_else_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["simulator", "--no-open", "--port", "0", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulator without models, in a process of its own, and the address it printed."""
    command = [sys.executable, "-m", "apps.main", "simulator", "--no-open", "--port", "0", "--out", str(tmp_path / "run")]
    environment = {**os.environ, "EDGE_RUNTIME_CACHE": str(tmp_path / "empty")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)  # noqa: S603
    assert process.stdout is not None
    said = ""
    while not (found := re.search(r"http://127\.0\.0\.1:\d+/\S+", said)):
        said += process.stdout.readline()
    assert "There are no models" in said and "models prepare pocket" in said
    yield process, found[0]
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_a_page_without_models_and_ends_when_told(
    running: tuple[subprocess.Popen[str], str], number: signal.Signals, tmp_path: Path
) -> None:
    process, url = running
    with urllib.request.urlopen(url) as answer:  # noqa: S310  loopback
        assert b"<title>edge_runtime simulator</title>" in answer.read()
    process.send_signal(number)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"edge-runtime replay {tmp_path / 'run'} --open" in rest
    assert JournalReader(tmp_path / "run").heads[0].note.startswith("Live. The webcam of this browser")


def test_a_film_is_worn_at_its_own_size_and_its_drops_are_shown(tmp_path: Path) -> None:
    film = write(tmp_path / "film.mp4", 20)
    recording = open_video(film, offered_hz=10.0, hfov_deg=60.0)
    with simulator.wear("video", recording, tmp_path / "run", Config(), only_looking(ThumbLooker())) as worn:
        assert worn.feed is not None
        reader = worn.glasses.reader()
        update = reader.read()
        assert update is not None
        session = update.parts["session"]
        assert (session.mode, session.camera, session.own_gaze, session.hfov_deg) == ("live", "video", False, 60.0)  # type: ignore[attr-defined]
    head = JournalReader(tmp_path / "run").heads[0]
    assert (head.width_px, head.height_px) == (recording.width_px, recording.height_px)


def test_a_log_that_does_not_fit_on_the_disk_is_told_on_the_page_and_the_run_goes_on(tmp_path: Path) -> None:
    in_child(_wear_on_a_full_disk, tmp_path / "run")


def test_a_disk_that_takes_nothing_at_all_is_told_on_the_page_and_the_run_goes_on(tmp_path: Path) -> None:
    in_child(_wear_on_a_disk_that_takes_nothing, tmp_path / "run")


def _wear_on_a_full_disk(out: Path) -> None:
    room(30_000)  # enough for the beginning of a journal, not for a log's tables
    with simulator.wear("browser", None, out, Config(), only_looking(ThumbLooker())) as worn:
        (line,) = _troubles(worn)
        assert "The log takes nothing" in line and "Free some space" in line


def _wear_on_a_disk_that_takes_nothing(out: Path) -> None:
    room(0)
    with simulator.wear("browser", None, out, Config(), only_looking(ThumbLooker())) as worn:
        first, second = _troubles(worn)
        assert "The log takes nothing" in first and "This run is not kept" in second


def _troubles(worn: simulator.Worn) -> list[str]:
    update = worn.glasses.reader().read()
    assert update is not None
    return [line.text for line in update.rolls["said"].items if isinstance(line, Line) and line.kind == "trouble"]
