"""How well the fixation detector agrees with people: ``python -m tests.bench.gaze [--hz 60] [--json] [--check]``.

Labelled recordings lie beside the project (``../shared/data/gaze``, scored by ``../shared/tools/gaze_score.py``). A moment counts as
rest if the eye fixates or follows something. The last sample of a fixation, from which the eye leaves, is scored as movement: otherwise
a saccade that fits between two samples would leave no trace in labels made per sample. ``--check`` exits 1 below kappa 0.70 or
F1 0.80, mean of the sets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gaze import EyeEvent, FixationDetector, GazeSample, deg_to_norm

SHARED = Path(__file__).resolve().parents[3] / "shared"
SETS = ("lund2013", "hfc2018", "giw", "gazecom", "lookatpoint")
HFOV_DEG, ASPECT = 90.0, 16 / 9
LEAST_KAPPA, LEAST_F1 = 0.70, 0.80
_FOLD_DEG = 20.0
_CODES = {"fixation": 1, "pursuit": 4, "saccade": 2, "blink": 5, "lost": 5}

Array = npt.NDArray[np.float64]


class Recording(NamedTuple):
    """One labelled file: its lines, times and samples."""

    name: str
    lines: list[str]
    t_ns: npt.NDArray[np.int64]
    samples: list[GazeSample]


class Lags(NamedTuple):
    """How long after a fixation ended its end was told, milliseconds. A cut in a recording is told when it is over."""

    median_ms: float
    p99_ms: float
    worst_ms: float


def read(folder: Path, name: str, hz: float | None) -> Recording:
    """Read a labelled file, thinned to about ``hz``."""
    header, *lines = (folder / name).read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    table = np.array([[float(cell) if cell else np.nan for cell in line.split(",")] for line in lines])
    if hz is not None:
        every = max(1, round(1.0 / float(np.median(np.diff(table[:, 0]))) / hz))
        table, lines = table[::every], lines[::every]
    field = {column: table[:, k] for k, column in enumerate(columns)}
    x, y = field["x_deg"], field["y_deg"]
    if name.startswith("giw"):
        # these paths are summed from speeds and wander off by hundreds of degrees; folding keeps every step's size
        x, y = fold(x), fold(y)
    x_norm, y_norm = deg_to_norm(x, y, hfov_deg=HFOV_DEG, aspect=ASPECT)
    there = (field["valid"] > 0) & (np.abs(x_norm) < 100.0) & (np.abs(y_norm) < 100.0)
    sure = field.get("confidence", np.ones(len(table)))
    t_ns = np.round(field["t_s"] * 1e9).astype(np.int64)
    columns_of_samples = zip(t_ns.tolist(), x_norm.tolist(), y_norm.tolist(), sure.tolist(), there.tolist(), strict=True)
    samples = [GazeSample(t, x, y, c) if ok else GazeSample(t, None, None, c) for t, x, y, c, ok in columns_of_samples]
    return Recording(name, [header, *lines], t_ns, samples)


def fold(angle_deg: Array) -> Array:
    """Reflect angles into -20..20 degrees."""
    return np.abs((angle_deg + _FOLD_DEG) % (4.0 * _FOLD_DEG) - 2.0 * _FOLD_DEG) - _FOLD_DEG


def label(events: Sequence[EyeEvent], t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One code per sample, from final events."""
    codes = np.full(len(t_ns), 9, np.int64)
    for event in events:
        if event.stage == "final":
            start, end = np.searchsorted(t_ns, (event.t_start_ns, event.t_end_ns))
            # a saccade or blink is what lies between the last sample before it and the first after
            codes[start if event.kind in ("fixation", "pursuit") else start + 1 : end] = _CODES[event.kind]
    return codes


def predict(recordings: Sequence[Recording], folder: Path) -> tuple[float, Lags]:
    """Write the detector's labels; returns the time per sample in microseconds and the lags."""
    seconds, count = 0.0, 0
    lags_ms: list[float] = []
    for recording in recordings:
        detector = FixationDetector(HFOV_DEG, ASPECT)
        begun_s = time.process_time()
        events = detector.feed(recording.samples)
        spent_s = time.process_time() - begun_s
        lags_ms += [(e.t_emit_ns - e.t_end_ns) / 1e6 for e in events if e.stage == "final" and e.kind in ("fixation", "pursuit")]
        events += detector.advance(recording.samples[-1].t_ns + 10**9)
        seconds, count = seconds + spent_s, count + len(recording.samples)
        codes = label(events, recording.t_ns)
        rows = [f"{line.split(',')[0]},{code}" for line, code in zip(recording.lines[1:], codes, strict=True)]
        target = folder / recording.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join([f"# us_per_sample={1e6 * spent_s / len(rows):.3f}", "t_s,label", *rows, ""]), encoding="utf-8")
    return 1e6 * seconds / count, Lags(*np.percentile(lags_ms, (50, 99, 100)).tolist())


def score(labels: Path, predictions: Path, *options: str) -> list[dict[str, Any]]:
    """The scorer's rows, one a set and their mean."""
    command = [sys.executable, str(SHARED / "tools" / "gaze_score.py"), "--dir", str(labels), str(predictions), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(sets: Sequence[str], hz: float | None, *options: str) -> tuple[list[dict[str, Any]], float, Lags]:
    """Predict and score some sets."""
    data = SHARED / "data" / "gaze"
    recordings = [read(data, str(path.relative_to(data)), hz) for name in sets for path in sorted((data / name).glob("*.csv"))]
    with tempfile.TemporaryDirectory() as scratch:
        labels, predictions = Path(scratch, "labels"), Path(scratch, "predictions")
        for recording in recordings:
            (labels / recording.name).parent.mkdir(parents=True, exist_ok=True)
            (labels / recording.name).write_text("\n".join([*recording.lines, ""]), encoding="utf-8")
        us_per_sample, lags = predict(recordings, predictions)
        return score(labels, predictions, *options), us_per_sample, lags


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gaze", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hz", type=float, help="thin the recordings to about this rate")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    args = parser.parse_args(argv)
    if not (SHARED / "data" / "gaze").is_dir() or not (SHARED / "tools" / "gaze_score.py").is_file():
        print(f"skipped: no labelled gaze under {SHARED}")
        return 0
    rows, us_per_sample, lags = measure(SETS, args.hz, "--pursuit", "fix")
    blinks, _, _ = measure(("hmr",), args.hz, "--target", "blink")
    mean = next(row for row in rows if row["group"] == "ALL")
    passed = mean["kappa"] >= LEAST_KAPPA and mean["f1"] >= LEAST_F1
    if args.json:
        report = {"rest": rows, "blinks": blinks, "us_per_sample": us_per_sample, "end_lag_ms": lags._asdict(), "passed": passed}
        print(json.dumps(report))
    else:
        print(f"{'set':<12}{'kappa':>8}{'F1':>8}{'count':>8}{'onset ms':>10}{'offset ms':>11}{'length RMSE ms':>16}")
        for row in [*rows, {**blinks[0], "group": "hmr blinks"}]:
            print(
                f"{row['group']:<12}{row['kappa']:>8.3f}{row['f1']:>8.3f}{row['ratio']:>8.2f}"
                f"{row['onset_med_ms']:>10.0f}{row['offset_med_ms']:>11.0f}{row['dur_rmse_ms']:>16.0f}"
            )
        print(f"{us_per_sample:.1f} us of CPU a sample")
        print(f"a fixation's end is told after {lags.median_ms:.0f} ms (median), {lags.p99_ms:.0f} (99 %), {lags.worst_ms:.0f} (worst)")
    if args.check and not passed:
        print(f"below the level: kappa {mean['kappa']:.3f} (least {LEAST_KAPPA}), F1 {mean['f1']:.3f} (least {LEAST_F1})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
