"""What each stage of a look and of the log costs on this machine: ``python -m tests.bench.stages [--json]``.

Wall time (median of 20 after three to warm up) and processor time (mean) of each stage that ``edge_runtime/boards.toml`` has a figure
for, with the pocket bundle and its default threads. The figures of the profile ``pc`` are printed by this.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from edge_runtime.boards import Stage
from edge_runtime.config import Config
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import Crop, open_looker
from edge_runtime.pixels import resize
from edge_runtime.protocol import Look
from edge_runtime.records import Query
from edge_runtime.store import open_store
from edge_runtime.types import WHOLE, Region, Want
from tests.bench.log import Day
from tests.bench.text import card

TIMES, WARM = 20, 3
_WANT: dict[Stage, Want] = {"encode": "vector", "name": "labels", "read": "text", "thumb": "thumb"}


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Wall and processor time of one call, milliseconds."""
    for _ in range(WARM):
        work()
    walls = []
    begun_cpu = time.process_time()
    for _ in range(TIMES):
        begun = time.perf_counter()
        work()
        walls.append(1e3 * (time.perf_counter() - begun))
    return {"wall_ms": statistics.median(walls), "cpu_ms": 1e3 * (time.process_time() - begun_cpu) / TIMES}


def look_stages() -> dict[Stage, dict[str, float]]:
    """Stages of a look, each on one crop; the one that is read is 320 px of a page, as the runtime cuts it."""
    page = card()
    crops = {"read": page[:320, :320], "encode": resize(page, 448, 448), "name": resize(page, 448, 448), "thumb": resize(page, 448, 448)}
    found: dict[Stage, dict[str, float]] = {}
    with open_looker(load_bundle("pocket"), threads=Config().models.threads) as looker:
        for stage, want in _WANT.items():
            region = Region("foveal", WHOLE, (want,))
            look = Look(id=1, deadline_ns=0, frame_seq=0, t_capture_ns=0, regions=(region,), why="fixation")
            crop = Crop(region, np.ascontiguousarray(crops[stage]))
            found[stage] = timed(lambda look=look, crop=crop: looker.look(look, [crop]))  # type: ignore[misc]
    return found


def log_stages() -> dict[Stage, dict[str, float]]:
    """One row appended, and one search by a word, in a log of 4,000 rows."""
    day = Day(2000)
    rows = list(day.rows())
    fresh = (
        msgspec.structs.replace(row, sighting=msgspec.structs.replace(row.sighting, id=len(rows) + n)) for n, row in enumerate(rows, 1)
    )
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=Config().store.log_bytes) as store:
        for begin in range(0, len(rows), 64):
            store.append(rows[begin : begin + 64])
        asked = Query(text=day.texts[77].split()[-1])
        return {"append": timed(lambda: store.append([next(fresh)])), "search": timed(lambda: store.search(asked))}


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stages", description=__doc__)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    found = {**look_stages(), **log_stages()}
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    for stage, cost in found.items():
        print(f"{stage:<8}{cost['wall_ms']:8.2f} ms of time {cost['cpu_ms']:8.2f} ms of processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
