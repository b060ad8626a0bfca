"""What each stage of a look and of the log costs on this machine: ``python -m tests.bench.stages [--json]``.

Wall time (median) and processor time (mean) of each stage that ``edge_runtime/boards.toml`` has a figure for and that can be measured
here, with the pocket bundle and its default threads, as ``edge-runtime field-report`` measures them. The figures of the profile ``pc``
are printed by this.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from apps.field import log, looks
from apps.field.report import Cost
from apps.field.timing import THOROUGH, timed
from edge_runtime.config import Config
from edge_runtime.models.bundle import load_bundle


def measure() -> dict[str, Cost]:
    """The cost of every stage."""
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        for jobs in (looks.jobs(load_bundle("pocket"), Config().models.threads), log.jobs(Path(folder))):
            with contextlib.closing(jobs):
                found |= {job.name: timed(job, THOROUGH) for job in jobs}
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stages", description=__doc__)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    found = measure()
    if args.json:
        print(json.dumps({name: {"wall_ms": cost.median_us / 1e3, "cpu_ms": cost.cpu_us / 1e3} for name, cost in found.items()}, indent=2))
        return 0
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    for stage, cost in found.items():
        print(f"{stage:<8}{cost.median_us / 1e3:8.2f} ms of time {cost.cpu_us / 1e3:8.2f} ms of processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
