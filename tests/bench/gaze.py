"""How well the eye-event detector agrees with people: ``python -m tests.bench.gaze [--quick] [--json] [--check]`` or ``--leave-one-out``.

Labelled recordings lie beside the project (``../shared/data/gaze``, scored by ``../shared/tools/gaze_score.py``); a moment counts as
rest if the eye fixates or follows something. Printed are the final and the provisional labels at full rate, the final ones of
recordings thinned to 100, 60 and 30 Hz, blinks, how often one target is taken for several while the wearer walks (its track in the
picture stands for the head's rotation: an oracle), the cost, and whether a label changes when the stream is cut. Other packages are
measured beside it if they are installed (:mod:`tests.bench.gaze_peers`). ``--check`` exits 1 below the levels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gaze import FixationDetector, GazeSample, Rules
from gaze.labels import EyeLabel
from gaze.types import Stage
from tests.bench.gaze_data import ASPECT, HFOV_DEG, MS, SETS, SHARED, Array, Codes, Recording, read_sets
from tests.bench.gaze_leave_out import Scores, leave_one_out
from tests.bench.gaze_peers import peers
from tests.bench.gaze_walk import SHIFTS_DEG, shifts_found, splits_a_minute

SETTLED_NS, SIGHT_NS = 100 * MS, 12 * MS
_CODES = {"fixation": 1, "pursuit": 4, "saccade": 2, "blink": 5, "lost": 5}
_CUTS = 6
# name of a figure, its least (or most, where marked) value
LEAST = {
    "final kappa": 0.76,
    "final F1": 0.885,
    "provisional kappa": 0.70,
    "provisional F1": 0.73,
    "blink kappa": 0.80,
    "blink F1": 0.61,
    "5 degrees, walk": 0.9,
    "5 degrees, skip": 0.85,
    "10 degrees, walk": 0.97,
    "10 degrees, skip": 0.97,
}
MOST = {
    "kappa lost at 100 Hz": 0.05,
    "kappa lost at 60 Hz": 0.06,
    "kappa lost at 30 Hz": 0.16,
    "fixations a minute, walk": 12.0,
    "fixations a minute, skip": 28.0,
    "us a sample": 10.0,
    "us a sample, compiled": 0.5,
    "labels changed by a cut": 0.0,
    "ms to the final label": 100.0,
    "ms past 12 or a sample": 0.0,
}

Row = dict[str, Any]


def labels_of(samples: Sequence[GazeSample], rules: Rules | None = None) -> list[EyeLabel]:
    """All labels of a recording, and a second after its end."""
    detector = FixationDetector(HFOV_DEG, ASPECT, rules=rules, labels=True)
    detector.feed(samples)
    detector.advance(samples[-1].t_ns + 10**9)
    return detector.labels()


def codes_of(labels: Sequence[EyeLabel], stage: Stage) -> Codes:
    """One stage of the labels in the scorer's code."""
    return np.array([_CODES[label.kind] for label in labels if label.stage == stage])


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
    """Score both stages of the labels; the mean also gets their lags, ms, and by how much they miss what is promised."""
    found: dict[Stage, dict[str, Row]] = {}
    every = [labels_of(recording.samples) for recording in recordings]
    stages: tuple[Stage, ...] = ("final", "provisional")
    for stage in stages:
        found[stage] = score(recordings, [codes_of(labels, stage) for labels in every], *options)
        lags_ns, late_ns = [], []
        for recording, labels in zip(recordings, every, strict=True):
            lag_ns = np.array([label.t_emit_ns - label.t_ns for label in labels if label.stage == stage])
            lags_ns.append(lag_ns)
            late_ns.append(lag_ns - promised_ns(recording.t_ns, stage))
        lag_ms = np.concatenate(lags_ns) / MS
        late_ms = float(np.concatenate(late_ns).max()) / MS
        found[stage]["ALL"] |= {"lag50_ms": float(np.median(lag_ms)), "lag100_ms": float(lag_ms.max()), "late_ms": max(late_ms, 0.0)}
    return found


def promised_ns(t_ns: Codes, stage: Stage) -> Codes:
    """How soon each sample is to be labelled: for good within 100 ms, at first sight within 12 ms or with the next sample."""
    if stage == "final":
        return np.full(len(t_ns), SETTLED_NS)
    # after the last sample there is none; the usual step stands for it
    next_ns: Codes = np.append(np.diff(t_ns), 5 * int(np.median(np.diff(t_ns))) // 4)
    return np.maximum(SIGHT_NS, next_ns)


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


def compiled_cost(recordings: Sequence[Recording]) -> tuple[float, float] | None:
    """CPU of the compiled detector, with labels: microseconds a sample, as above, and seconds until it is ready; None without it."""
    begun_s = time.process_time()
    try:
        from gaze.fast import CompiledDetector
    except ImportError:
        return None
    CompiledDetector(HFOV_DEG, ASPECT).advance(0)
    ready_s = time.process_time() - begun_s
    tables = [_columns(recording.samples) for recording in recordings]
    rounds: list[float] = []
    for _ in range(3):
        spent_s = 0.0
        for columns in tables:
            detector = CompiledDetector(HFOV_DEG, ASPECT)
            begun_s = time.process_time()
            detector.feed(*columns)
            spent_s += time.process_time() - begun_s
        rounds.append(1e6 * spent_s / sum(len(recording.samples) for recording in recordings))
    return min(rounds), ready_s


def _columns(samples: Sequence[GazeSample]) -> tuple[Codes, Array, Array, Array, npt.NDArray[np.bool_]]:
    places = np.array([(s.x_norm, s.y_norm) for s in samples], np.float64)  # None becomes nan
    confidence, worn = np.array([s.confidence for s in samples]), np.array([s.worn for s in samples])
    return np.array([s.t_ns for s in samples]), places[:, 0], places[:, 1], confidence, worn


def changed_by_cuts(recordings: Sequence[Recording]) -> int:
    """Labels older than they may be that are not what they were when the stream is cut and nothing comes after."""
    changed = 0
    for recording in recordings:
        samples = recording.samples
        whole = {(label.t_ns, label.stage): label.kind for label in labels_of(samples)}
        step_ns = int(np.median(np.diff(recording.t_ns)))
        lag_ns: dict[Stage, int] = {"final": SETTLED_NS, "provisional": max(SIGHT_NS, 2 * step_ns)}
        for cut in np.linspace(0, len(samples), _CUTS + 1).astype(int)[1:-1].tolist():
            last_ns = samples[cut - 1].t_ns
            said = labels_of(samples[:cut])
            changed += sum(whole[e.t_ns, e.stage] != e.kind for e in said if e.t_ns <= last_ns - lag_ns[e.stage])
    return changed


def report(quick: bool) -> dict[str, Any]:
    """All figures. ``quick`` leaves out the lower rates and the peers."""
    recordings = read_sets(SETS, None)
    full = measure(recordings, "--pursuit", "fix")
    blinks = measure(read_sets(("hmr",), None), "--target", "blink")["final"]["ALL"]
    head, shifts = splits_a_minute(), shifts_found()
    found: dict[str, Any] = {"full rate": full, "blinks": blinks, "fixations a minute on one target": head, "shifts": shifts}
    figures = {
        "final kappa": full["final"]["ALL"]["kappa"],
        "final F1": full["final"]["ALL"]["f1"],
        "provisional kappa": full["provisional"]["ALL"]["kappa"],
        "provisional F1": full["provisional"]["ALL"]["f1"],
        "blink kappa": blinks["kappa"],
        "blink F1": blinks["f1"],
        "fixations a minute, walk": head["walk"],
        "fixations a minute, skip": head["skip"],
        **{name: share for name, share in shifts.items() if name in LEAST},
        "us a sample": cost_us(recordings),
        "labels changed by a cut": changed_by_cuts(recordings[:: 8 if quick else 1]),
    }
    if (compiled := compiled_cost(recordings)) is not None:
        figures["us a sample, compiled"], found["compile seconds"] = compiled
    if not quick:
        found["rates"] = rates = {hz: measure(read_sets(SETS, hz), "--pursuit", "fix") for hz in (100, 60, 30)}
        for hz, rows in rates.items():
            figures[f"kappa lost at {hz} Hz"] = figures["final kappa"] - rows["final"]["ALL"]["kappa"]
        found["peers"] = {name: measure_peer(recordings, peer) for name, peer in peers().items()}
    every = [full, *found.get("rates", {}).values()]
    figures["ms to the final label"] = max(both["final"]["ALL"]["lag100_ms"] for both in every)
    figures["ms past 12 or a sample"] = max(both["provisional"]["ALL"]["late_ms"] for both in every)
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
    for size_deg in SHIFTS_DEG:
        shares = ", ".join(f"{task} {found['shifts'][f'{size_deg:g} degrees, {task}']:.2f}" for task in tasks)
        print(f"share of shifts by {size_deg:g} degrees that is found with the track: {shares}")
    print(
        f"the compiled detector was ready after {found['compile seconds']:.1f} s of CPU (less where its code was kept)"
        if "compile seconds" in found
        else "the compiled detector was not measured: the extra fast is not installed"
    )
    for name, value in found["figures"].items():
        level = f"at least {LEAST[name]:g}" if name in LEAST else f"at most {MOST[name]:g}"
        print(f"{name:<28}{value:>9.3f}   {level}{'   BELOW' if name in found['below'] else ''}")


def show_left_out() -> None:
    """Print what each set gets when the parameters are chosen without it."""
    recordings = read_sets(SETS, None)

    def scores(rules: Rules) -> Scores:
        codes = [codes_of(labels_of(recording.samples, rules), "final") for recording in recordings]
        rows = score(recordings, codes, "--pursuit", "fix")
        return {name: (rows[name]["kappa"], rows[name]["f1"]) for name in SETS}

    left = list(leave_one_out(scores))
    print(f"{'left out':<14}{'kappa / F1':>16}   chosen on the others")
    for one in left:
        print(f"{one.name:<14}{one.kappa:>8.3f} /{one.f1:>6.3f}   " + ", ".join(f"{name} {value}" for name, value in one.chosen.items()))
    print(f"{'mean':<14}{np.mean([one.kappa for one in left]):>8.3f} /{np.mean([one.f1 for one in left]):>6.3f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gaze", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="full rate only, and no other packages")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    parser.add_argument("--leave-one-out", action="store_true", help="only this: choose parameters without a set, score on it (minutes)")
    args = parser.parse_args(argv)
    if not (SHARED / "data" / "gaze").is_dir() or not (SHARED / "tools" / "gaze_score.py").is_file():
        print(f"skipped: no labelled gaze under {SHARED}")
        return 0
    if args.leave_one_out:
        show_left_out()
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
