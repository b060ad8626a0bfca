"""How many tokens of real footage say nothing new: ``python -m tests.bench.token_drop [--hz 2] [--json] [--check]``.

Clips lie beside the project (``../shared/data/video``), some of a camera that stands still, some of one worn on the head. Their overviews
are encoded by the pocket bundle; a token is dropped when its cosine with the one held for its cell is above 0.92. Held is the last kept
token, matched at the same place, over 3 x 3 cells, or after the one shift of the grid that fits best. Printed beside it: the same for
one picture that is panned by parts of a cell, and what 196 tokens of 1,024 numbers cost to match, and to insert into each policy built
on this. ``--check`` exits 1 below the levels.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.video import VideoFile
from edge_runtime.config import S
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.vision_onnx import Encoder
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Looked
from edge_runtime.remember.policies.frames import TokenFrame, unit_rows
from edge_runtime.remember.policies.matching import LastKept, best_neighbour, shifted_cosine
from edge_runtime.remember.policies.published.curvature import Curvature
from edge_runtime.remember.policies.published.curvature_compat import CurvatureCompat
from edge_runtime.remember.policies.published.dtd import Dtd
from edge_runtime.remember.policies.published.dtd_compat import DtdCompat
from edge_runtime.remember.policies.published.key_delta import KeyDelta
from edge_runtime.remember.policies.published.savemem import SaveMem
from edge_runtime.remember.policies.published.slow_fast import SlowFast
from edge_runtime.types import WHOLE, LookedRegion, Tokens

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "video"
TAU = 0.92
STILL_MUST = 0.80
GAIN_MUST = 0.15
PANS_CELLS = (0.0, 0.25, 0.5, 1.0, 2.0)
POLICIES = (Dtd, DtdCompat, Curvature, CurvatureCompat, SaveMem, KeyDelta, SlowFast)

Rows = npt.NDArray[np.float32]
Found = tuple[Rows, npt.NDArray[np.int64]]
Match = Callable[[Rows, Rows, tuple[int, int]], Found]


def aligned(rows: Rows, held: Rows, hw: tuple[int, int]) -> Found:
    """Match at the same place."""
    return best_neighbour(rows, held, hw, 0)


def around(rows: Rows, held: Rows, hw: tuple[int, int]) -> Found:
    """Match over 3 x 3 cells."""
    return best_neighbour(rows, held, hw, 1)


def shifted(rows: Rows, held: Rows, hw: tuple[int, int]) -> Found:
    """Match after the one shift that fits best."""
    cosine, (dy, dx) = shifted_cosine(rows, held, hw)
    cells = np.arange(len(rows))
    return cosine, np.where(cosine > -1.0, cells + dy * hw[1] + dx, cells)


MATCHES: dict[str, Match] = {"aligned": aligned, "3x3": around, "shifted": shifted}


def dropped(frames: Sequence[Rows], hw: tuple[int, int], match: Match) -> float:
    """Share of tokens dropped of all frames after the first."""
    held, shares = frames[0], []
    for rows in frames[1:]:
        cosine, source = match(rows, held, hw)
        keep = cosine <= TAU
        held = np.where(keep[:, None], rows, held[source])
        shares.append(1.0 - float(keep.mean()))
    return float(np.mean(shares))


def encoded(encoder: Encoder, pictures: Sequence[Picture]) -> tuple[list[Rows], tuple[int, int]]:
    """Unit rows of the tokens of each picture, and their grid."""
    tokens = [found for _, found in encoder.encode(pictures)]
    return [unit_rows(found.emb) for found in tokens if found.emb is not None], tokens[0].hw


def clip(encoder: Encoder, path: Path, hz: float) -> dict[str, Any]:
    """The shares of one clip."""
    frames, hw = encoded(encoder, [frame.image for frame in VideoFile(path, offered_hz=hz).frames()])
    view = json.loads(path.with_suffix(".json").read_text())["view"]
    shares = {name: dropped(frames, hw, match) for name, match in MATCHES.items()}
    return {"clip": path.stem, "still": view.startswith("fixed"), "frames": len(frames), "hw": hw, **shares}


def panned(encoder: Encoder, picture: Picture) -> list[dict[str, float]]:
    """One picture against itself panned by parts of a cell: what matching can find at best."""
    window = round(0.7 * picture.shape[1])
    rows = []
    for cells in PANS_CELLS:
        start = round(cells * window / 8)
        frames, hw = encoded(encoder, [picture[:, :window], picture[:, start : start + window]])
        rows.append({"cells": cells, **{name: dropped(frames, hw, match) for name, match in MATCHES.items()}})
    return rows


def keep_ms(reach: int) -> float:
    """Median processor time of telling the new of 14 x 14 tokens of 1,024 numbers from the others: D5 of the notes, 1 ms wanted."""
    rng, reference, spent = np.random.default_rng(0), LastKept(0.9, reach), []
    emb = rng.normal(size=(196, 1024)).astype(np.float16)
    for seq in range(120):
        frame = TokenFrame(seq, seq, "overview", WHOLE, (14, 14), emb, np.zeros(1, np.float32), np.zeros(196, np.bool_))
        start = time.process_time_ns()
        reference.keep(frame)
        spent.append(time.process_time_ns() - start)
    return float(np.median(spent[40:])) / 1e6


def cost_ms(make: Callable[[int], Any]) -> float:
    """Median processor time of an insert of 14 x 14 tokens of 1,024 numbers, of which a tenth are new."""
    rng, policy, spent = np.random.default_rng(0), make(64 * 2**20), []
    emb = rng.normal(size=(196, 1024)).astype(np.float16)
    for seq in range(120):
        emb[rng.integers(0, 196, 20)] = rng.normal(size=(20, 1024))
        vector = emb.mean(axis=0, dtype=np.float32)
        region = LookedRegion("overview", WHOLE, vector / np.linalg.norm(vector), Tokens((14, 14), 1024, emb.copy()))
        look = Looked(t_ns=seq * S, answers=seq, frame_seq=seq, t_capture_ns=seq * S, regions=(region,))
        start = time.process_time_ns()
        policy.insert(look, ())
        spent.append(time.process_time_ns() - start)
    return float(np.median(spent[40:])) / 1e6


def measure(hz: float) -> dict[str, Any]:
    """Everything."""
    with Encoder(load_bundle("pocket"), threads=2) as encoder:
        paths = sorted(CLIPS.glob("*.mp4"))
        clips = [clip(encoder, path, hz) for path in paths]
        still = next(path for path, found in zip(paths, clips, strict=True) if found["still"])
        pans = panned(encoder, next(iter(VideoFile(still, offered_hz=1.0).frames())).image)
    return {
        "hz": hz,
        "tau": TAU,
        "clips": clips,
        "pans": pans,
        "keep_cpu_ms": {"aligned": keep_ms(0), "3x3": keep_ms(1)},
        "insert_cpu_ms": {make.__name__: cost_ms(make) for make in POLICIES},
    }


def missed(result: dict[str, Any]) -> list[str]:
    """The levels that were not reached, in words."""
    found = []
    for row in result["clips"]:
        if row["still"] and row["3x3"] < STILL_MUST:
            found.append(f"{row['clip']}, still: {row['3x3']:.1%} dropped, {STILL_MUST:.0%} wanted")
        gain = max(row["3x3"], row["shifted"]) - row["aligned"]
        if not row["still"] and gain < GAIN_MUST:
            found.append(f"{row['clip']}, worn: {100 * gain:.1f} points more than aligned, {100 * GAIN_MUST:.0f} wanted")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: measure and show; with ``--check`` exit 1 below the levels."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.token_drop", description=__doc__)
    parser.add_argument("--hz", type=float, default=2.0, help="overviews a second")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 when a level is missed")
    options = parser.parse_args(arguments)
    if not CLIPS.is_dir():
        sys.stderr.write(f"no clips at {CLIPS}\n")
        return 3
    result = measure(options.hz)
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        _show(result)
    return 1 if options.check and missed(result) else 0


def _show(result: dict[str, Any]) -> None:
    lines = [f"share dropped at {result['hz']:g} frames a second, cosine with the held token above {result['tau']}"]
    lines.append(f"{'clip':<5} {'camera':<6} {'frames':>6} " + " ".join(f"{name:>8}" for name in MATCHES))
    for row in result["clips"]:
        camera = "still" if row["still"] else "worn"
        lines.append(f"{row['clip']:<5} {camera:<6} {row['frames']:>6} " + " ".join(f"{row[name]:>8.1%}" for name in MATCHES))
    for row in result["pans"]:
        lines.append(f"one picture panned by {row['cells']:4.2f} cells: " + ", ".join(f"{name} {row[name]:.0%}" for name in MATCHES))
    for what in ("keep", "insert"):
        costs = ", ".join(f"{name} {spent:.2f}" for name, spent in result[f"{what}_cpu_ms"].items())
        lines.append(f"ms of processor time to {what} 196 x 1,024: {costs}")
    lines += [f"missed: {text}" for text in missed(result)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
