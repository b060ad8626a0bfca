"""``python -m tests.bench.saliency [--json]``: how far the guesses for those without an eye tracker are from where people looked.

Data lies beside the project (``../shared/data``); without it there is nothing to print but what a guess costs. Two tables, because no
recording there has both a person's own gaze and its pictures:

    ego    real gaze of worn trackers, without pictures: how far it is from the middle of the picture, which is what ``prior`` says
    video  real pictures with gaze that a script put on things that people had marked, so it says how far the guess is from *things*,
           and nothing about real eyes; worn cameras and standing ones apart, ten pictures a second

Distances are in shares of the picture's width, medians over samples, then the mean over recordings.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median

import numpy as np

from devices.recordings import open_gaze
from devices.trackers.prior import CENTRE
from devices.trackers.saliency import salient_point
from devices.video import open_video
from edge_runtime.config import MS, S
from edge_runtime.pixels import Picture

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EGO = ("aria_gen1/mps_sample/eye_gaze/eyegaze.csv", "aria_gen2/mps_sample", "neon_native", "pupil_invisible", "tobii_g2")
OFFERED_HZ = 10
NEAR = 0.1
COST_PX = (1280, 720)
COST_ROUNDS = 60
Guess = Callable[[Picture], tuple[float, float]]
GUESSES: dict[str, Guess] = {"prior": lambda image: CENTRE, "saliency": salient_point}
Row = dict[str, float | str]


def apart(place: tuple[float, float], gaze: tuple[float, float], aspect: float) -> float:
    """Distance of two places, as a share of the picture's width."""
    return math.hypot(place[0] - gaze[0], (place[1] - gaze[1]) / aspect)


def real_gaze(name: str) -> Row:
    """How far a person's gaze was from the middle."""
    recorded = open_gaze(DATA / "ego" / name)
    aspect = recorded.width_px / recorded.height_px if recorded.width_px and recorded.height_px else 1.0
    places = [(s.x_norm, s.y_norm) for s in recorded.samples if s.x_norm is not None and s.y_norm is not None]
    far = [apart(CENTRE, place, aspect) for place in places]
    x, y = np.median(places, axis=0)
    return {"recording": name, "samples": len(far), "prior": median(far), "x": float(x), "y": float(y)}


def clip(number: int) -> Row:
    """How far each guess is from the gaze that was put on a clip."""
    path = DATA / "video" / f"v{number:02}.mp4"
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    times = np.array([row[0] for row in about["gaze"]])
    far: dict[str, list[float]] = {name: [] for name in GUESSES}
    recording = open_video(path, offered_hz=OFFERED_HZ)
    for frame in recording.frames():
        _, x, y = about["gaze"][int(np.abs(times - frame.t_capture_ns / S).argmin())]
        if x is not None:
            for name, guess in GUESSES.items():
                far[name].append(apart(guess(frame.image), (x, y), recording.width_px / recording.height_px))
    row: Row = {"recording": path.stem, "view": "standing" if "fixed" in about["view"] else "worn", "samples": len(far["prior"])}
    for name, distances in far.items():
        row[name] = median(distances)
        row[f"{name} near"] = mean(distance <= NEAR for distance in distances)
    return row


def cost_ms() -> float:
    """Processor time of a guess, the best of some, for the machine is shared; a picture of 1280 x 720."""
    image = np.random.default_rng(1).integers(0, 256, (COST_PX[1], COST_PX[0], 3), np.uint8)
    spent = []
    for _ in range(COST_ROUNDS):
        begun_ns = time.thread_time_ns()
        salient_point(image)
        spent.append(time.thread_time_ns() - begun_ns)
    return min(spent) / MS


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.saliency", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, object] = {"cost_ms": cost_ms()}
    if DATA.is_dir():
        result["ego"] = ego = [real_gaze(name) for name in EGO]
        result["video"] = video = [clip(number) for number in range(1, 9)]
    else:
        ego, video = [], []
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"one guess: {result['cost_ms']:.2f} ms of one core, picture {COST_PX[0]} x {COST_PX[1]}")
    if not ego:
        print(f"no data at {DATA}: nothing else to measure")
        return 0
    print("\nreal gaze, no pictures: median distance from the middle, widths; median place")
    for row in ego:
        print(f"  {row['recording']:42} {row['samples']:6}  prior {row['prior']:.3f}   at ({row['x']:.2f}, {row['y']:.2f})")
    print(f"\nreal pictures, gaze put on marked things: median distance, widths; share within {NEAR:g}")
    for row in video:
        print("  " + f"{row['recording']:4} {row['view']:9} {row['samples']:5}  " + _figures(row))
    for view in ("worn", "standing"):
        rows = [row for row in video if row["view"] == view]
        print(
            f"  mean, {view:20}  " + _figures({key: mean(float(row[key]) for row in rows) for key in rows[0] if key.split()[0] in GUESSES})
        )
    return 0


def _figures(row: Row) -> str:
    return "   ".join(f"{name} {row[name]:.3f} ({row[f'{name} near']:4.0%})" for name in GUESSES)


if __name__ == "__main__":
    sys.exit(main())
