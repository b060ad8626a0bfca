"""How well the eye-event detector agrees with people: ``python -m tests.bench.gaze [--quick] [--json] [--check]``.

Labelled recordings lie beside the project (``../shared/data/gaze``, scored by ``../shared/tools/gaze_score.py``); a moment counts as
rest if the eye fixates or follows something. Printed are the final and the provisional labels at full rate, the final ones of
recordings thinned to 100, 60 and 30 Hz, blinks, how often one target is taken for several while the wearer walks (its track in the
picture stands for the head's rotation: an oracle), the cost, and whether a label changes when the stream is cut. Other packages are
measured beside it if they are installed (:mod:`tests.bench.gaze_peers`). ``--check`` exits 1 below the levels.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gaze import EyeEvents, FixationDetector, GazeSample, deg_to_norm, norm_to_ray
from gaze.head import HeadRotation, rotation_of_points
from gaze.labels import EyeLabel
from gaze.types import Stage
from tests.bench.gaze_peers import peers

SHARED = Path(__file__).resolve().parents[3] / "shared"
SETS = ("lund2013", "hfc2018", "giw", "gazecom", "lookatpoint")
HFOV_DEG, ASPECT = 90.0, 16 / 9
MS = 1_000_000
SETTLED_NS, SIGHT_NS = 100 * MS, 12 * MS
_FOLD_DEG = 20.0
_CODES = {"fixation": 1, "pursuit": 4, "saccade": 2, "blink": 5, "lost": 5}
_CUTS = 6
# name of a figure, its least (or most, where marked) value
LEAST = {
    "final kappa": 0.737,
    "final F1": 0.859,
    "provisional kappa": 0.70,
    "provisional F1": 0.73,
    "blink kappa": 0.80,
    "blink F1": 0.61,
}
MOST = {
    "kappa lost at 100 Hz": 0.05,
    "kappa lost at 60 Hz": 0.06,
    "kappa lost at 30 Hz": 0.16,
    "fixations a minute, walk": 12.0,
    "fixations a minute, skip": 28.0,
    "us a sample": 10.0,
    "labels changed by a cut": 0.0,
}

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Row = dict[str, Any]


class Recording(NamedTuple):
    """One labelled file: its lines, times, angles and samples."""

    name: str
    lines: list[str]
    t_ns: Codes
    x_deg: Array
    y_deg: Array
    samples: list[GazeSample]


def table(path: Path) -> tuple[str, list[str], dict[str, Array]]:
    """Header, lines and columns of a CSV file of numbers; an empty cell is NaN."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    cells = np.array([[float(cell) if cell else np.nan for cell in line.split(",")] for line in lines])
    return header, lines, dict(zip(header.split(","), cells.T, strict=True))


def to_samples(t_ns: Codes, x_deg: Array, y_deg: Array, sure: Array) -> list[GazeSample]:
    """Angles as samples; NaN is no gaze."""
    x_norm, y_norm = deg_to_norm(x_deg, y_deg, hfov_deg=HFOV_DEG, aspect=ASPECT)
    there = (np.abs(x_norm) < 100.0) & (np.abs(y_norm) < 100.0)
    rows = zip(t_ns.tolist(), x_norm.tolist(), y_norm.tolist(), sure.tolist(), there.tolist(), strict=True)
    return [GazeSample(t, x, y, c) if ok else GazeSample(t, None, None, c) for t, x, y, c, ok in rows]


def read(folder: Path, name: str, hz: float | None) -> Recording:
    """Read a labelled file, thinned to about ``hz``."""
    header, lines, field = table(folder / name)
    if hz is not None:
        every = max(1, round(1.0 / float(np.median(np.diff(field["t_s"]))) / hz))
        lines, field = lines[::every], {column: values[::every] for column, values in field.items()}
    x, y = field["x_deg"], field["y_deg"]
    if name.startswith("giw"):
        # these paths are summed from speeds and wander off by hundreds of degrees; folding keeps every step's size
        x, y = fold(x), fold(y)
    x, y = (np.where(field["valid"] > 0, place, np.nan) for place in (x, y))
    t_ns = np.round(field["t_s"] * 1e9).astype(np.int64)
    sure = field.get("confidence", np.ones(len(t_ns)))
    return Recording(name, [header, *lines], t_ns, x, y, to_samples(t_ns, x, y, sure))


def fold(angle_deg: Array) -> Array:
    """Reflect angles into -20..20 degrees."""
    return np.abs((angle_deg + _FOLD_DEG) % (4.0 * _FOLD_DEG) - 2.0 * _FOLD_DEG) - _FOLD_DEG


def read_sets(sets: Sequence[str], hz: float | None) -> list[Recording]:
    """All recordings of some sets."""
    data = SHARED / "data" / "gaze"
    return [read(data, str(path.relative_to(data)), hz) for name in sets for path in sorted((data / name).glob("*.csv"))]


def labels_of(samples: Sequence[GazeSample], block: int = 256) -> list[EyeLabel]:
    """All labels of a recording, and a second after its end."""
    eyes = EyeEvents(HFOV_DEG, ASPECT, labels=True)
    labels: list[EyeLabel] = []
    for k in range(0, len(samples), block):
        eyes.feed(samples[k : k + block])
        labels += eyes.labels()
    eyes.advance(samples[-1].t_ns + 10**9)
    return labels + eyes.labels()


def score(recordings: Sequence[Recording], codes: Sequence[Codes], *options: str) -> dict[str, Row]:
    """The scorer's rows by set, and their mean as ``ALL``."""
    with tempfile.TemporaryDirectory() as scratch:
        truth, said = Path(scratch, "labels"), Path(scratch, "predictions")
        for recording, code in zip(recordings, codes, strict=True):
            rows = [f"{line.split(',')[0]},{c}" for line, c in zip(recording.lines[1:], code.tolist(), strict=True)]
            for folder, lines in ((truth, recording.lines), (said, ["t_s,label", *rows])):
                (folder / recording.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / recording.name).write_text("\n".join([*lines, ""]), encoding="utf-8")
        command = [sys.executable, str(SHARED / "tools" / "gaze_score.py"), "--dir", str(truth), str(said), "--json", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found = {row["group"]: row for row in map(json.loads, done.stdout.splitlines())}
    found.setdefault("ALL", next(iter(found.values())))
    return found


def measure(recordings: Sequence[Recording], *options: str) -> dict[Stage, dict[str, Row]]:
    """Score both stages of the labels; each set also gets the lags of its labels, ms."""
    found: dict[Stage, dict[str, Row]] = {}
    every = [labels_of(recording.samples) for recording in recordings]
    stages: tuple[Stage, ...] = ("final", "provisional")
    for stage in stages:
        chosen = [[label for label in labels if label.stage == stage] for labels in every]
        found[stage] = score(recordings, [np.array([_CODES[label.kind] for label in labels]) for labels in chosen], *options)
        lags_ms = [(label.t_emit_ns - label.t_ns) / MS for labels in chosen for label in labels[:-50]]
        found[stage]["ALL"] |= {"lag50_ms": float(np.percentile(lags_ms, 50)), "lag100_ms": max(lags_ms)}
    return found


def measure_peer(recordings: Sequence[Recording], peer: Callable[[Array, Array, Array], Codes]) -> dict[str, Row]:
    """Score another detector, and time it."""
    begun_s = time.process_time()
    codes = [peer(recording.t_ns.astype(np.float64) / 1e9, recording.x_deg, recording.y_deg) for recording in recordings]
    spent_s = time.process_time() - begun_s
    found = score(recordings, codes, "--pursuit", "fix")
    found["ALL"]["us"] = 1e6 * spent_s / sum(len(recording.t_ns) for recording in recordings)
    return found


def cost_us(recordings: Sequence[Recording]) -> float:
    """CPU a sample for events, microseconds: the best of three rounds, for the machine is shared."""
    rounds: list[float] = []
    for _ in range(3):
        spent_s = 0.0
        for recording in recordings:
            detector = FixationDetector(HFOV_DEG, ASPECT)
            begun_s = time.process_time()
            detector.feed(recording.samples)
            spent_s += time.process_time() - begun_s
        rounds.append(1e6 * spent_s / sum(len(recording.samples) for recording in recordings))
    return min(rounds)


def changed_by_cuts(recordings: Sequence[Recording]) -> int:
    """Labels older than their stated lag that are not what they were when the stream is cut and nothing comes after."""
    changed = 0
    for recording in recordings:
        samples = recording.samples
        whole = {(label.t_ns, label.stage): label.kind for label in labels_of(samples)}
        step_ns = int(np.median(np.diff(recording.t_ns)))
        lag_ns: dict[Stage, int] = {"final": SETTLED_NS + step_ns, "provisional": max(SIGHT_NS, 2 * step_ns)}
        for cut in np.linspace(0, len(samples), _CUTS + 1).astype(int)[1:-1].tolist():
            last_ns = samples[cut - 1].t_ns
            said = labels_of(samples[:cut])
            changed += sum(whole[e.t_ns, e.stage] != e.kind for e in said if e.t_ns <= last_ns - lag_ns[e.stage])
    return changed


def splits_a_minute() -> dict[str, float]:
    """Fixations a minute while the wearer keeps to one target, by task: without and with the head's rotation."""
    counts: dict[str, list[float]] = {}
    for path in sorted((SHARED / "data" / "gaze" / "headmotion").glob("*.csv")):
        _, _, field = table(path)
        t_ns = np.round(field["t_s"] * 1e9).astype(np.int64)
        samples = to_samples(t_ns, field["gaze_x_deg"], field["gaze_y_deg"], np.ones(len(t_ns)))
        target = deg_to_norm(field["target_x_deg"], field["target_y_deg"], hfov_deg=HFOV_DEG, aspect=ASPECT)
        rays = norm_to_ray(*target, hfov_deg=HFOV_DEG, aspect=ASPECT)
        turns: list[HeadRotation | None] = [None]
        for before, after in itertools.pairwise(rays):
            # a thing that stands still shows how the camera turned
            known = bool(np.isfinite(before).all() and np.isfinite(after).all())
            turns.append(rotation_of_points([before], [after])[0] if known else None)
        task = path.stem.rsplit("_", 1)[1]
        for name, rotations in ((f"{task} raw", None), (task, turns)):
            detector = FixationDetector(HFOV_DEG, ASPECT)
            events = detector.feed(samples, rotations) + detector.advance(samples[-1].t_ns + 10**9)
            held = sum(event.stage == "final" and event.kind in ("fixation", "pursuit") for event in events)
            counts.setdefault(name, []).append(held * 60e9 / (samples[-1].t_ns - samples[0].t_ns))
    return {task: float(np.mean(values)) for task, values in counts.items()}


def report(quick: bool) -> dict[str, Any]:
    """All figures. ``quick`` leaves out the lower rates and the peers."""
    recordings = read_sets(SETS, None)
    full = measure(recordings, "--pursuit", "fix")
    blinks = measure(read_sets(("hmr",), None), "--target", "blink")["final"]["ALL"]
    head = splits_a_minute()
    found: dict[str, Any] = {"full rate": full, "blinks": blinks, "fixations a minute on one target": head}
    figures = {
        "final kappa": full["final"]["ALL"]["kappa"],
        "final F1": full["final"]["ALL"]["f1"],
        "provisional kappa": full["provisional"]["ALL"]["kappa"],
        "provisional F1": full["provisional"]["ALL"]["f1"],
        "blink kappa": blinks["kappa"],
        "blink F1": blinks["f1"],
        "fixations a minute, walk": head["walk"],
        "fixations a minute, skip": head["skip"],
        "us a sample": cost_us(recordings),
        "labels changed by a cut": changed_by_cuts(recordings[:: 8 if quick else 1]),
    }
    if not quick:
        found["rates"] = {hz: measure(read_sets(SETS, hz), "--pursuit", "fix") for hz in (100, 60, 30)}
        for hz, rows in found["rates"].items():
            figures[f"kappa lost at {hz} Hz"] = figures["final kappa"] - rows["final"]["ALL"]["kappa"]
        found["peers"] = {name: measure_peer(recordings, peer) for name, peer in peers().items()}
    below = [name for name, least in LEAST.items() if name in figures and figures[name] < least]
    below += [name for name, most in MOST.items() if name in figures and figures[name] > most]
    return {"figures": figures, "below": below, **found}


def show(found: dict[str, Any]) -> None:
    """Print the figures as tables."""
    print(f"{'kappa / F1':<24}" + "".join(f"{name:>16}" for name in (*SETS, "mean")) + f"{'lag ms: usual, most':>24}")
    stages = [(f"{stage}, full rate", rows) for stage, rows in found["full rate"].items()]
    stages += [(f"{stage}, {hz} Hz", rows) for hz, both in found.get("rates", {}).items() for stage, rows in both.items()]
    for name, rows in [*stages, *found.get("peers", {}).items()]:
        cells = "".join(f"{rows[group]['kappa']:>8.3f} /{rows[group]['f1']:>6.3f}" for group in (*SETS, "ALL"))
        lags = f"{rows['ALL']['lag50_ms']:>16.0f},{rows['ALL']['lag100_ms']:>5.0f}" if "lag50_ms" in rows["ALL"] else ""
        print(f"{name:<24}{cells}{lags}" + (f"   {rows['ALL']['us']:.1f} us a sample" if name in found.get("peers", {}) else ""))
    splits = found["fixations a minute on one target"]
    tasks = sorted(task for task in splits if not task.endswith("raw"))
    print(
        "fixations a minute on one target, raw and with its track: "
        + ", ".join(f"{t} {splits[t + ' raw']:.0f} {splits[t]:.0f}" for t in tasks)
    )
    for name, value in found["figures"].items():
        level = f"at least {LEAST[name]:g}" if name in LEAST else f"at most {MOST[name]:g}"
        print(f"{name:<28}{value:>9.3f}   {level}{'   BELOW' if name in found['below'] else ''}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gaze", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="full rate only, and no other packages")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    args = parser.parse_args(argv)
    if not (SHARED / "data" / "gaze").is_dir() or not (SHARED / "tools" / "gaze_score.py").is_file():
        print(f"skipped: no labelled gaze under {SHARED}")
        return 0
    found = report(args.quick)
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    if args.check and found["below"]:
        print(f"below the level: {', '.join(found['below'])}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
