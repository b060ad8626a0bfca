"""The compiled detector's arrays, what it refuses, where its code is kept, and what happens without it."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from apps import gaze_labels
from apps.main import main
from gaze import FixationDetector
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples

# each process compiles for itself: a test's home is its own
compiles = pytest.mark.slow


@pytest.fixture
def fast() -> ModuleType:
    module: ModuleType = pytest.importorskip("gaze.fast", reason="numba absent", exc_type=ImportError)
    return module


def test_gaze_goes_without_numba() -> None:
    code = "import sys, gaze; sys.exit('numba' in sys.modules or 'gaze.fast' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_without_numba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("gaze.fast")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"edge-runtime\[fast\]"):
        importlib.import_module("gaze.fast")


def test_machine_code_is_kept_in_the_cache_of_the_user(fast: ModuleType, isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    folder = importlib.import_module("gaze.fast.compiled").cache_folder()
    assert folder.parent == isolated / "cache" / "edge_runtime" / "gaze"


@compiles
def test_every_sample_of_a_recording_gets_both_labels(fast: ModuleType) -> None:
    gaze = samples([Part("to", 500), Part("jump", 40, 10.0), Part("to", 300, 10.0), Part("closed", 120), Part("to", 400, 10.0)])
    t_ns = np.array([sample.t_ns for sample in gaze])
    x, y = (np.array([math.nan if v is None else v for v in column]) for column in zip(*((s.x_norm, s.y_norm) for s in gaze), strict=True))
    # one sample comes twice, and one from long ago
    order = [*range(50), 49, 3, *range(50, len(gaze))]
    told = fast.label_samples(t_ns[order], x[order], y[order], hfov_deg=HFOV_DEG, aspect=ASPECT)
    assert [k for k in range(len(order)) if told.final[k] == fast.UNTOLD] == [50, 51]
    assert [k for k in range(len(order)) if told.provisional[k] == fast.UNTOLD] == [50, 51]
    detector = FixationDetector(HFOV_DEG, ASPECT, labels=True)
    events = detector.feed(gaze) + detector.advance(gaze[-1].t_ns + 1000 * MS)
    labels = detector.labels()
    for stage, kinds, emits_ns in (
        ("provisional", told.provisional, told.provisional_emit_ns),
        ("final", told.final, told.final_emit_ns),
    ):
        of_stage = [(label.kind, label.t_emit_ns) for label in labels if label.stage == stage]
        taken = np.delete(np.arange(len(order)), [50, 51])
        assert [(fast.KINDS[kinds[k]], emits_ns[k]) for k in taken] == of_stage
    assert told.events["t_start_ns"].tolist() == [event.t_start_ns for event in events]
    assert told.events["dispersion_deg"].tolist() == [event.dispersion_deg for event in events]


@compiles
def test_no_samples_have_no_labels(fast: ModuleType) -> None:
    told = fast.label_samples([], [], [], hfov_deg=HFOV_DEG, aspect=ASPECT)
    assert len(told.final) == len(told.provisional) == len(told.events) == 0


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (([0, 1], [0.5], [0.5, 0.5]), "one value a sample"),
        (([0], [0.5], [math.nan]), "both coordinates or none"),
        (([0], [math.inf], [0.5]), "finite"),
        (([0], [0.5], [0.5], [1.5]), "confidence"),
        (([0], [0.5], [0.5], [math.nan]), "confidence"),
        (([2**62], [0.5], [0.5]), "146 years"),
        (([0], [0.5], [0.5], 1.0, True, [[0.0, math.nan, 0.0]]), "rotation"),
        (([0], [0.5], [0.5], 1.0, True, [[0.0, math.inf, 0.0]]), "rotation"),
        (([0], [0.5], [0.5], 1.0, True, [[0.0, 0.0]]), "rotations three"),
    ],
)
def test_what_no_sample_can_have_is_refused(fast: ModuleType, columns: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        fast.CompiledDetector(HFOV_DEG, ASPECT).feed(*columns)


def test_samples_of_two_sources_are_refused(fast: ModuleType) -> None:
    with pytest.raises(ValueError, match="pointer"):
        fast.CompiledEyeEvents(HFOV_DEG, ASPECT, source="pointer").feed(samples([Part("to", 50)]))


@compiles
@pytest.mark.parametrize("labels", ["final", "provisional", "events"])
def test_the_command_writes_the_same_and_says_what_it_used(
    fast: ModuleType, labels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gaze = samples(
        [Part("to", 900), Part("jump", 40, 10.0), Part("to", 2600, 10.0), Part("closed", 150), Part("drift", 900)], noise_deg=0.2
    )
    rows = [f"{s.t_ns / 1e9:.6f},{'' if s.x_norm is None else s.x_norm},{'' if s.y_norm is None else s.y_norm}" for s in gaze]
    source = tmp_path / "gaze.csv"
    source.write_text("\n".join(["t_s,x_norm,y_norm", *rows, ""]))
    written = []
    for least, name in ((len(gaze) + 1, "readable.csv"), (len(gaze), "compiled.csv")):
        monkeypatch.setattr(gaze_labels, "_COMPILED_FROM", least)
        assert main(["gaze", "events", str(source), "-o", str(tmp_path / name), "--labels", labels]) == 0
        written.append((tmp_path / name).read_bytes())
        assert ("compiled detector" in capfd.readouterr().err) == (name == "compiled.csv")
    assert written[0] == written[1]
