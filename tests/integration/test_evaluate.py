"""The evaluation hook: of an annotation it reads only what a wearer would know, and its log is what the scorer reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from apps.evaluate import main, read_annotation
from edge_runtime.codec import encode

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
SIZE = (160, 120)

ANNOTATION: dict[str, Any] = {
    "clip": "a.mp4",
    "fps": 10.0,
    "duration_s": 4.0,
    "width": 160,
    "height": 120,
    "view": "egocentric, head-worn",
    "scenes": [{"t0": 0, "t1": 2.0, "place": "desk"}, {"t0": 2.0, "t1": 4.0, "place": "hall"}],
    "objects": [{"label": "sign", "t0": 0, "t1": 2.0, "boxes": [[0, 0.2, 0.3, 0.8, 0.7], [1.5, 0.2, 0.3, 0.8, 0.7]]}],
    "text": [{"t": 0.5, "string": "EXIT", "box": [0.2, 0.3, 0.8, 0.7]}],
    "actions": [{"t0": 0.1, "t1": 1.9, "verb_noun": "read sign"}],
    "cuts": [2.0],
    "gaze_note": {"synthetic": True, "rate_hz": 50, "noise_deg_sd": 0.4, "hfov_deg_assumed": 80, "seed": 3, "blink": "x and y are null"},
    "fixations": [{"label": "sign", "t0": 0.0, "t1": 1.9}, {"label": None, "t0": 2.1, "t1": 4.0}],
    "watches": [
        {"watch": "a-w1", "ask": "tell me when I see the word exit", "kind": "gaze", "target": "sign", "onset_s": 0.0, "until_s": 1.9},
        {"watch": "a-w2", "ask": "tell me when I see a bus", "kind": "scene", "target": "bus", "onset_s": None, "until_s": None},
    ],
    "questions": [
        {
            "qid": "a-q1",
            "ask_t": 3.0,
            "question": "What did the sign say?",
            "options": ["STOP", "EXIT", "TAXI", "OPEN"],
            "answer": 1,
            "evidence_t": 0.5,
            "type": "text",
        },
        {
            "qid": "a-q2",
            "ask_t": 3.8,
            "question": "Which of these did I never look at?",
            "options": ["a sign", "a bus", "a grey wall", "the word exit"],
            "answer": 1,
            "evidence_t": 3.0,
            "type": "never_looked",
        },
    ],
}
KNOWN = {"gaze", "watches.*.watch", "watches.*.ask", "questions.*.qid", "questions.*.ask_t", "questions.*.question", "questions.*.options"}
"""All that may be read."""


def gaze() -> list[list[float | None]]:
    """Rests on the sign, blinks, rests elsewhere; 50 samples a second."""
    return [[n / 50, *((None, None) if 95 <= n < 102 else (0.5, 0.5) if n < 95 else (0.8, 0.2))] for n in range(200)]


def write_clip(folder: Path, name: str = "a") -> Path:
    """A clip of a sign, then of a wall; and its annotation. Returns the annotation's path."""
    folder.mkdir(exist_ok=True)
    writer = cv2.VideoWriter(str(folder / f"{name}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, SIZE)
    assert writer.isOpened()
    for number in range(40):
        image = np.full((SIZE[1], SIZE[0], 3), 90 if number < 20 else 150, np.uint8)
        if number < 20:
            cv2.rectangle(image, (30, 35), (130, 85), (250, 250, 250), -1)
            cv2.putText(image, "EXIT", (38, 74), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 3)
        writer.write(image)
    writer.release()
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**ANNOTATION, "gaze": gaze()}))
    return path


def altered(value: Any, path: str, counted: list[str]) -> Any:
    """The annotation with every leaf that is not known changed, and names that nobody asked for added."""
    if path in KNOWN:
        return value
    if isinstance(value, dict):
        inner = {key: altered(item, f"{path}.{key}".strip("."), counted) for key, item in value.items()}
        return {**inner, "unasked": [1, {"answer": 3}]}
    if isinstance(value, list):
        items = [altered(item, f"{path}.*", counted) for item in value]
        # Lists of what was there lose their first entry; the lists of words keep all of theirs.
        return items if path in ("watches", "questions") else items[1:]
    counted.append(path)
    if isinstance(value, bool) or value is None:
        return "something else"
    if isinstance(value, str):
        return {"not": "even text"}
    return -7 * value - 1000


def run_on(folder: Path) -> bytes:
    log = folder.parent / f"{folder.name}.jsonl"
    assert main(["clips", str(folder), "--log", str(log)]) == 0
    return log.read_bytes()


# ------------------------------------------------------------ what is read


@pytest.mark.weights
def test_altering_every_other_field_gives_the_same_log(pocket_cache: Path, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clips")
    before, read = run_on(tmp_path / "clips"), read_annotation(path)
    row, counted = json.loads(path.read_text()), list[str]()
    changed = altered(row, "", counted)
    path.write_text(json.dumps(changed))

    # The change is a change: of an original leaf nothing is left outside what may be read.
    assert set(row) - set(changed) == set() and set(changed) - set(row) == {"unasked"}
    assert all(changed[key] != row[key] for key in row if key != "gaze")
    for name in ("objects.*.label", "text.*.string", "actions.*.verb_noun", "scenes.*.place", "fixations.*.label", "cuts.*", "fps"):
        assert name in counted
    for name in ("watches.*.kind", "watches.*.target", "watches.*.onset_s", "watches.*.until_s"):
        assert counted.count(name) == 2
    for name in ("questions.*.answer", "questions.*.evidence_t", "questions.*.type"):
        assert counted.count(name) == 2
    for name in ("view", "duration_s", "width", "height", "clip", "gaze_note.hfov_deg_assumed"):
        assert name in counted
    assert changed["gaze"] == row["gaze"]

    assert read_annotation(path) == read
    assert run_on(tmp_path / "clips") == before
    assert b'"alert"' in before and b'"answer"' in before


def test_what_may_be_read_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clips")
    row = json.loads(path.read_text())
    before = encode(read_annotation(path).script), read_annotation(path).gaze
    for change in (
        {"watches": [{**row["watches"][0], "ask": "tell me when I see a cat"}]},
        {"questions": [{**row["questions"][0], "ask_t": 1.0}]},
        {"questions": [{**row["questions"][0], "options": ["A", "B", "C", "D"]}]},
        {"gaze": row["gaze"][:50]},
    ):
        path.write_text(json.dumps({**row, **change}))
        assert (encode(read_annotation(path).script), read_annotation(path).gaze) != before


# ------------------------------------------------------------ what is written


@pytest.mark.weights
def test_the_log_has_the_lines_that_the_scorer_reads(pocket_cache: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / "clips", name)
    lines = [json.loads(line) for line in run_on(tmp_path / "clips").splitlines()]

    assert {line["clip"] for line in lines} == {"a.mp4", "b.mp4"}
    for line in lines:
        match line["kind"]:
            case "answer":
                assert set(line) == {"clip", "kind", "qid", "choice", "said"}
                assert line["choice"] is None or 0 <= line["choice"] < 4
            case "alert":
                assert set(line) == {"clip", "kind", "watch", "t", "said"}
                assert line["watch"] in ("a-w1", "a-w2")
            case kind:
                assert kind == "event_boundary"
                assert set(line) == {"clip", "kind", "t"}
        assert 0.0 <= line.get("t", 0.0) <= 10.0
    for clip in ("a.mp4", "b.mp4"):
        asked = {line["qid"] for line in lines if line["clip"] == clip and line["kind"] == "answer"}
        assert asked == {"a-q1", "a-q2"}


@pytest.mark.weights
def test_a_question_that_is_held_back_has_its_line_too(pocket_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clips")
    monkeypatch.setenv("EDGE_RUNTIME_SPEAK_QUIET", "true")
    lines = [json.loads(line) for line in run_on(tmp_path / "clips").splitlines()]
    choices = {line["qid"]: line["choice"] for line in lines if line["kind"] == "answer"}
    assert choices == {"a-q1": None, "a-q2": None}


@pytest.mark.slow
@pytest.mark.weights
def test_the_scorer_takes_the_log_of_a_real_clip(shared_data: Path, pocket_cache: Path, tmp_path: Path) -> None:
    scorer = shared_data.parent / "tools" / "clip_score.py"
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("v03.json", "v03.mp4"):
        (clips / name).symlink_to(shared_data / "video" / name)
    log = tmp_path / "log.jsonl"
    assert main(["clips", str(clips), "--log", str(log)]) == 0
    command = [sys.executable, str(scorer), "--json", str(log), str(clips)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    score = json.loads(done.stdout)
    questions = json.loads((clips / "v03.json").read_text())["questions"]
    assert score["questions"] == len(questions)
    assert score["unknown_qids"] == []
    assert score["hours"] == pytest.approx(10.0 / 3600)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["qid"] for line in lines if line["kind"] == "answer"} == {question["qid"] for question in questions}


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        json.dumps({**ANNOTATION}),
        json.dumps({**ANNOTATION, "gaze": [[0.0, 0.5]]}),
        json.dumps({**ANNOTATION, "gaze": [[0.0, 0.5, None]]}),
        json.dumps({**ANNOTATION, "gaze": [[None, 0.5, 0.5]]}),
        json.dumps({**ANNOTATION, "gaze": [[1e300, 0.5, 0.5]]}),
        json.dumps({**ANNOTATION, "gaze": [], "questions": [{"qid": "q"}]}),
        json.dumps({**ANNOTATION, "gaze": [], "watches": [{"watch": "w", "ask": 3}]}),
    ],
)
def test_a_bad_annotation_ends_with_3_and_costs_no_earlier_log(text: str, tmp_path: Path, capsys: Capture) -> None:
    write_clip(tmp_path / "clips", "a")
    (tmp_path / "clips/b.json").write_text(text)
    log = tmp_path / "log.jsonl"
    log.write_text("an earlier log\n")
    assert main(["clips", str(tmp_path / "clips"), "--log", str(log)]) == 3
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert first.startswith("evaluate: ") and "b.json is not a clip annotation" in first
    assert second == "hint: it needs gaze, watches and questions"
    assert printed.out == ""
    assert log.read_text() == "an earlier log\n"


def test_a_folder_without_annotations_ends_with_3(tmp_path: Path, capsys: Capture) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert main(["clips", str(folder), "--log", str(tmp_path / "log.jsonl")]) == 3
        assert "no annotations in" in capsys.readouterr().err


def test_without_the_models_it_says_how_to_get_them(tmp_path: Path, capsys: Capture) -> None:
    write_clip(tmp_path / "clips")
    assert main(["clips", str(tmp_path / "clips"), "--log", str(tmp_path / "log.jsonl")]) == 4
    assert "edge-runtime models prepare pocket" in capsys.readouterr().err
    assert not (tmp_path / "log.jsonl").exists()


@pytest.mark.weights
def test_a_clip_that_is_missing_ends_with_3(pocket_cache: Path, tmp_path: Path, capsys: Capture) -> None:
    write_clip(tmp_path / "clips").with_suffix(".mp4").unlink()
    assert main(["clips", str(tmp_path / "clips"), "--log", str(tmp_path / "log.jsonl")]) == 3
    assert "a.mp4 does not exist" in capsys.readouterr().err


@pytest.mark.weights
def test_a_log_that_cannot_be_written_ends_with_5(pocket_cache: Path, tmp_path: Path, capsys: Capture) -> None:
    write_clip(tmp_path / "clips")
    for log in (tmp_path / "missing/log.jsonl", tmp_path / "clips"):
        assert main(["clips", str(tmp_path / "clips"), "--log", str(log)]) == 5
        printed = capsys.readouterr().err
        assert "cannot be written" in printed and "choose another file with --log" in printed
