"""How long the daemon takes to be well again after a kill: ``python -m tests.bench.restart [--quick] [--json] [--check]``.

The real daemon on the gallery with the pocket models; each process is killed with SIGKILL a few times, the supervisor too, which is then
started again at once. Well again means: every process has spoken and a frame taken after the kill has reached the core, whose word on it
comes once a second. ``--check`` exits 1 if one took longer than five seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys

from tests.daemon_run import home_of_its_own
from tests.isolation import REAL_CACHE
from tests.killing import ROLES, killer

LEVEL_S = 5.0


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(description="How long the daemon takes to be well again when a process of it is killed.")
    parser.add_argument("--quick", action="store_true", help="each process twice instead of ten times")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help=f"exit 1 if one took longer than {LEVEL_S:g} s")
    args = parser.parse_args(argv)
    with home_of_its_own(EDGE_RUNTIME_CACHE=str(REAL_CACHE)) as home, killer(home, "--camera", "gallery") as run:
        for _ in range(2 if args.quick else 10):
            for role in ROLES:
                run.kill(role)
    found = {role: {"median_s": statistics.median(times), "max_s": max(times), "kills": len(times)} for role, times in run.back_s.items()}
    if args.json:
        print(json.dumps(found))
    else:
        for role, of in found.items():
            middle_s, most_s = of["median_s"], of["max_s"]
            print(f"{role:12} well again after {middle_s:.1f} s (median of {of['kills']}), {most_s:.1f} s at most")
    slowest_s = max(figures["max_s"] for figures in found.values())
    if args.check and slowest_s > LEVEL_S:
        print(f"{slowest_s:.1f} s is more than {LEVEL_S:g} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
