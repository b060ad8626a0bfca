"""The command line of ``replay``, on a real video and the real models: what it writes, what it refuses, and that nothing is lost."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from apps.main import main
from apps.playing import play
from apps.report import Run
from apps.telling import failures
from devices.recording import Recording
from edge_runtime.config import Config, S
from edge_runtime.decisions import read_decisions
from edge_runtime.hosts.capture import Frame
from edge_runtime.journal import JournalReader
from edge_runtime.models.opening import only_looking
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Failed
from edge_runtime.store import open_store
from gaze.types import GazeSample
from tests.isolation import REAL_CACHE

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
SIZE = (160, 120)
WORDS = ["--watch", "tell me when I see a bus", "--ask", "2: what did it say?"]
PREPARED = (REAL_CACHE / "bundles" / "pocket" / "bundle.toml").is_file()


def write_video(path: Path, *, codec: str = "mp4v", seconds: int = 3) -> Path:
    """A bright square wanders over a fixed pattern, ten frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10.0, SIZE)
    assert writer.isOpened()
    ground = cv2.resize(np.random.default_rng(7).integers(0, 120, (6, 8, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    for number in range(10 * seconds):
        image = ground.copy()
        image[30:70, 20 + 2 * number : 60 + 2 * number] = (40, 200, 250)
        writer.write(image)
    writer.release()
    return path


def write_gaze(path: Path, *, scale: float = 1.0) -> Path:
    """Gaze that rests on two places, 50 samples a second."""
    rows = [f"{n / 50:.3f},{scale * (0.3 if n < 75 else 0.7):.4f},{scale * 0.4:.4f}" for n in range(150)]
    path.write_text("\n".join(["t_s,x_norm,y_norm", *rows, ""]))
    return path


def refused(words: list[str | Path], code: int, message: str, hint: str, capsys: Capture) -> None:
    """The call ends with this code, and with one line and a hint as the last words; nothing on standard output."""
    assert main(["replay", *map(str, words)]) == code
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()[-2:]
    assert first.startswith("edge-runtime: ") and message in first
    assert second.startswith("hint: ") and hint in second
    assert "Traceback" not in printed.err
    assert printed.out == ""


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "walk.mp4")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """One run with gaze, a watch and a question: its folder, standard output and standard error. Tests only read it."""
    if not PREPARED:
        pytest.skip("pocket pack not prepared")
    folder = tmp_path_factory.mktemp("once")
    video, gaze, out = write_video(folder / "walk.mp4"), write_gaze(folder / "gaze.csv"), folder / "run"
    spoken, aside = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_RUNTIME_CACHE", str(REAL_CACHE))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        with contextlib.redirect_stdout(spoken), contextlib.redirect_stderr(aside):
            assert main(["replay", str(video), "--gaze", str(gaze), *WORDS, "--out", str(out), "--json"]) == 0
    yield out, spoken.getvalue(), aside.getvalue()


@pytest.fixture
def made(printed: tuple[Path, str, str]) -> Path:
    return printed[0]


# ------------------------------------------------------------ what a run leaves behind


@pytest.mark.weights
def test_a_run_writes_decisions_journal_log_and_report(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {"decisions.jsonl", "journal", "log", "report.html"}
    assert read_decisions(made / "decisions.jsonl")
    assert sum(1 for _ in JournalReader(made)) > 30
    page = (made / "report.html").read_text(encoding="utf-8")
    assert "<h1>walk.mp4</h1>" in page
    assert "what did it say?" in page


@pytest.mark.weights
def test_json_is_all_there_is_on_standard_output(printed: tuple[Path, str, str]) -> None:
    out, spoken, aside = printed
    summary = json.loads(spoken)
    assert summary["frames offered"] == "30"
    assert summary["report"] == str(out / "report.html")
    assert int(summary["looks"].split()[0]) > 0
    assert "Traceback" not in aside


@pytest.mark.weights
def test_a_video_with_a_gaze_file_is_not_said_to_be_without_gaze(printed: tuple[Path, str, str]) -> None:
    out, _, aside = printed
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "with gaze from gaze.csv" in page and "with gaze from gaze.csv" in aside
    assert "150 gaze samples over 3.0 s" in page
    assert "no gaze of its own" not in page


@pytest.mark.weights
def test_the_report_is_as_long_as_the_pictures(made: Path) -> None:
    page = (made / "report.html").read_text(encoding="utf-8")
    assert "of stream</dt><dd><b>2.9 s</b>" in page


@pytest.mark.weights
def test_twice_into_the_same_folder_gives_the_same_decisions(pocket_cache: Path, tmp_path: Path, made: Path, capsys: Capture) -> None:
    video, gaze, out = write_video(tmp_path / "walk.mp4"), write_gaze(tmp_path / "gaze.csv"), tmp_path / "run"
    for _ in range(2):
        assert main(["replay", str(video), "--gaze", str(gaze), *WORDS, "--out", str(out)]) == 0
        assert (out / "decisions.jsonl").read_bytes() == (made / "decisions.jsonl").read_bytes()
    told = capsys.readouterr().out
    assert "0:02.0  you      what did it say?" in told
    assert "0:00.0  you      tell me when I see a bus" in told
    assert "glasses  " in told


@pytest.mark.weights
def test_a_journal_replays_to_the_same_bytes_without_weights(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(tmp_path / "empty"))
    before = content(made)
    for source in (made, made / "journal"):
        assert main(["replay", str(source), "--out", str(tmp_path / "again")]) == 0
        assert (tmp_path / "again/decisions.jsonl").read_bytes() == before["decisions.jsonl"]
        assert "<h1>Journal of run</h1>" in (tmp_path / "again/report.html").read_text(encoding="utf-8")
    assert content(made) == before
    assert not (tmp_path / "empty").exists()


@pytest.mark.weights
def test_a_truncated_video_plays_what_there_is_and_says_how_much_is_missing(pocket_cache: Path, tmp_path: Path, capsys: Capture) -> None:
    whole = write_video(tmp_path / "whole.avi", codec="MJPG").read_bytes()
    short = tmp_path / "short.avi"
    short.write_bytes(whole[: len(whole) // 2])
    assert main(["replay", str(short), "--out", str(tmp_path / "run"), "--json"]) == 0
    printed = capsys.readouterr()
    played = int(json.loads(printed.out)["frames offered"])
    assert 5 < played < 30
    assert f"short.avi ends early: {30 - played} frames that it promises are missing" in printed.err
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "<code>truncated</code>" in page


def test_a_picture_that_changes_its_size_on_the_way_goes_on(tmp_path: Path) -> None:
    def frames() -> Iterator[Frame]:
        for seq in range(40):
            height, width = (120, 160) if seq < 20 else (540, 300)
            image = np.full((height, width, 3), 60 + 4 * seq, np.uint8)
            yield Frame(seq, seq * S // 10, image)

    gaze = tuple(GazeSample(n * S // 50, 0.5, 0.5) for n in range(200))
    recording = Recording("two sizes", frames, gaze, (), 160, 120, 90.0, 10.0, 4 * S, True, "Two sizes.")
    looker = ScriptedLooker({})
    with play(recording, tmp_path / "run", Config(), only_looking(looker)) as played:
        assert played.cost.frames == 40
        assert played.cost.failed_looks == {}
    looked = [look.frame_seq for look in looker.asked]
    assert min(looked) < 20 <= max(looked)


# ------------------------------------------------------------ calls that are refused


def test_the_help_says_what_is_written(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Writes decisions.jsonl, journal/, log/ and report.html" in text


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--ask", "no time"], "--ask 'no time' has no time", '--ask "9.5: where was my mug?"'),
        (["--ask", "3:"], "--ask '3:' has no time", "seconds, a colon and the question"),
        (["--ask", "9999: where?"], "--ask at 9999 s comes long after the recording is over", "it lasts 3.0 s"),
        (["--hfov-deg", "0"], "--hfov-deg 0 is no field of view", "between 0 and 180"),
        (["--hfov-deg", "nan"], "--hfov-deg nan is no field of view", "between 0 and 180"),
        (["--set", "speak.quite=1"], "unknown setting speak.quite (flag)", "did you mean speak.quiet?"),
    ],
)
def test_a_slip_in_the_call_ends_with_2(words: list[str | Path], message: str, hint: str, video: Path, capsys: Capture) -> None:
    refused([video, *words, "--out", video.parent / "run"], 2, message, hint, capsys)
    assert not (video.parent / "run").exists()


@pytest.mark.parametrize("source", ["sample", "street"])
@pytest.mark.parametrize("flag", [["--gaze", "gaze.csv"], ["--hfov-deg", "80"]])
def test_what_is_built_in_brings_its_own_gaze_and_camera(source: str, flag: list[str | Path], capsys: Capture) -> None:
    refused([source, *flag], 2, f"'{source}' brings its own gaze and camera", "with a video of yours", capsys)


def test_words_are_checked_before_anything_is_opened(tmp_path: Path, capsys: Capture) -> None:
    refused([tmp_path / "missing.mp4", "--ask", "no time"], 2, "has no time", "seconds, a colon", capsys)


def test_gaze_in_pixels_is_refused(video: Path, tmp_path: Path, capsys: Capture) -> None:
    gaze = write_gaze(tmp_path / "gaze.csv", scale=1000.0)
    refused([video, "--gaze", gaze], 3, "look like pixels", "divide x by the picture's width", capsys)


def test_missing_and_unusable_sources_end_with_3(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "folder").mkdir()
    refused([tmp_path / "missing.mp4"], 3, "does not exist", "or 'sample' or 'street'", capsys)
    refused([tmp_path / "empty.mp4"], 3, "is empty", "get it again", capsys)
    refused([tmp_path / "text.mp4"], 3, "cannot be decoded as a video", "check that a player opens it", capsys)
    refused([tmp_path / "folder"], 3, "no journal in", "edge-runtime replay ... --out DIR", capsys)


def test_without_the_models_it_says_how_to_get_them_and_touches_nothing(
    video: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "run"
    (out / "journal").mkdir(parents=True)
    (out / "decisions.jsonl").write_text("an earlier run\n")
    refused([video, "--out", out], 4, "pocket", "edge-runtime models prepare pocket", capsys)
    assert (out / "decisions.jsonl").read_text() == "an earlier run\n"


@pytest.mark.weights
@pytest.mark.parametrize(
    "flag", [["--watch", "tell me when I see a bus"], ["--ask", "1: where?"], ["--gaze", "g.csv"], ["--hfov-deg", "80"]]
)
def test_a_journal_takes_no_words_and_no_gaze(flag: list[str | Path], made: Path, tmp_path: Path, capsys: Capture) -> None:
    refused([made, *flag, "--out", tmp_path / "again"], 2, "a journal is replayed as it was recorded", "go with a recording", capsys)


@pytest.mark.weights
def test_a_journal_is_not_replayed_into_its_own_folder(made: Path, capsys: Capture) -> None:
    before = content(made)
    for source, out in ((made, made), (made / "journal", made), (made, made / "journal"), (made, made / "log" / "..")):
        refused([source, "--out", out], 2, "is the journal's own folder", "choose another one with --out", capsys)
    assert content(made) == before


# ------------------------------------------------------------ nothing is lost


@pytest.mark.weights
@pytest.mark.parametrize("name", ["holiday.jpg", "journal/diary.txt", "log/server.log"])
def test_a_folder_with_something_of_somebody_else_is_left_alone(
    name: str, pocket_cache: Path, made: Path, video: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "mine"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    (out / "decisions.jsonl").write_text("an earlier run\n")
    for source in (video, made):
        refused([source, "--out", out], 2, Path(name).name, "choose an empty folder with --out", capsys)
    assert content(out) == {name: b"mine", "decisions.jsonl": b"an earlier run\n"}


@pytest.mark.weights
def test_a_log_that_another_run_holds_is_left_alone(pocket_cache: Path, made: Path, video: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "run"
    with open_store(out / "log", log_bytes=2**30) as other:
        (out / "decisions.jsonl").write_text("of the other run\n")
        for source in (video, made):
            refused([source, "--out", out], 5, "another process holds the log in", "end the other run", capsys)
        assert (out / "decisions.jsonl").read_text() == "of the other run\n"
        assert (out / "log/log.db").is_file()
        assert other.nbytes() > 0
    assert main(["replay", str(made), "--out", str(out)]) == 0


@pytest.mark.weights
def test_a_file_in_place_of_the_folder_ends_with_5(pocket_cache: Path, made: Path, video: Path, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for source in (video, made):
        for out in (file, file / "run"):
            refused([source, "--out", out], 5, "cannot be written", "choose another folder with --out", capsys)
    assert file.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize(
    ("kib", "words", "what"),
    [(24, [], "journal"), (128, [], "journal"), (64, ["--set", "journal.keep_tokens=false"], "report.html")],
)
def test_a_full_disk_ends_with_5_and_what_was_written_can_still_be_read(
    kib: int, words: list[str], what: str, pocket_cache: Path, tmp_path: Path, capsys: Capture
) -> None:
    video, gaze, out = write_video(tmp_path / "walk.mp4"), write_gaze(tmp_path / "gaze.csv"), tmp_path / "run"
    call = ["replay", str(video), "--gaze", str(gaze), *words, "--out", str(out)]
    # No file may grow beyond so many bytes: every writer meets the error that a full disk gives it.
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kib * 1024}, {kib * 1024}))"
    program = f"import resource, sys; from apps.main import main; {limit}; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", program, *call], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr
    first, second = done.stderr.splitlines()[-2:]
    assert first.startswith("edge-runtime: ") and str(out) in first and what in first
    assert second.startswith("hint: free some")
    assert main(["replay", str(out), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again/decisions.jsonl").read_bytes() == (out / "decisions.jsonl").read_bytes()
    # And once there is room again, the same call works.
    assert main(call) == 0
    capsys.readouterr()


def test_what_failed_on_the_way_is_told_with_how_often_and_why() -> None:
    full = "the disk that holds log.db is full"
    events = [Failed(t_ns=n, answers=n, reason="storeerror", detail=full) for n in range(3)]
    events.append(Failed(t_ns=4, answers=4, reason="evicted", detail="frame 1 has left the ring"))
    run = Run("", "", "", 1, 1, 0, 90.0, events=list(enumerate(events)))
    assert failures(run) == [
        f"3 requests failed (storeerror): {full}",
        "1 request failed (evicted): frame 1 has left the ring",
    ]
