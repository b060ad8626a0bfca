"""A film that was taken is played by the command line: picture and gaze of one moment come together again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from apps.main import main
from devices.films import Films
from edge_runtime.config import MIB, MS, S
from edge_runtime.hosts.capture import Frame
from edge_runtime.journal import JournalReader, Step
from edge_runtime.protocol import FrameSeen, Gaze
from gaze.types import GazeSample
from tests.tiny_bundle import tiny_bundle

BEGIN = 42 * S
TIMES = [BEGIN + n * 100 * MS + (n % 3) * 15 * MS for n in range(30)]


def test_a_film_replays_with_its_gaze(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ground = np.random.default_rng(5).integers(0, 255, (12, 16, 3), np.uint8).repeat(20, 0).repeat(20, 1)
    with Films(tmp_path / "films", 8 * MIB, hfov_deg=80.0) as films:
        films.begin(300 * S, BEGIN)
        for seq, t_ns in enumerate(TIMES):
            films.take(Frame(seq, t_ns, np.roll(ground, seq, 1)), t_ns)
        films.look([GazeSample(t_ns, 0.25, 0.75) for t_ns in range(BEGIN, TIMES[-1], 5 * MS)])
    assert films.dropped() == ()
    film, out = tmp_path / "films" / "0001", tmp_path / "out"
    bundle = tiny_bundle(tmp_path / "tiny").folder

    words = ["replay", str(film / "scene.mkv"), "--gaze", str(film / "gaze.csv"), "--out", str(out), "--json"]
    assert main([*words, "--set", f"models.bundle={bundle}", "--set", "capture.offered_hz=20"]) == 0

    assert json.loads(capsys.readouterr().out)["frames offered"] == "30"
    events = [record.event for record in JournalReader(out) if isinstance(record, Step)]
    seen = [event.t_capture_ns for event in events if isinstance(event, FrameSeen)]
    looked = [sample for event in events if isinstance(event, Gaze) for sample in event.samples]
    assert max(abs(t_ns - (taken - BEGIN)) for t_ns, taken in zip(seen, TIMES, strict=True)) <= MS
    assert [sample.t_ns for sample in looked] == [t_ns - BEGIN for t_ns in range(BEGIN, TIMES[-1], 5 * MS)]
