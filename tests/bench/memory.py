"""What token policies keep of a day, at equal bytes: ``python -m tests.bench.memory [--quick] [--json] [--check]``.

A synthetic day of 16 hours (:mod:`tests.bench.memory_stream`): real tokens tiled and jittered, and a hundred needles, things looked at
for 1 to 3 s. Every policy takes in the same looks with the same bytes, a 128th of what is offered. Each needle is asked for at once, 10
minutes and 10 hours later, by tokens alone: the token most like the question is right if it was captured while the needle was looked
at, and stands for no more than ten minutes. Printed beside it: bytes, share dropped, and processor time per insert, on the day and of
196 tokens of 1,024 numbers. Controls: the recent window, and an even sample of everything. Then the log of such a day, searched by
vector. ``--check`` exits 1 below the levels.
"""

from __future__ import annotations

import os

# One thread: processor time then says what one insert costs, not how many threads turned idly.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from edge_runtime.remember.policies.named import POLICIES, PRODUCT
from tests.bench.memory_controls import Reservoir
from tests.bench.memory_day import AGES, Remembers, live
from tests.bench.memory_features import load_features
from tests.bench.memory_log import LogFigures, log
from tests.bench.memory_speed import speed
from tests.bench.memory_stream import Day

BUDGET_SHARE = 1 / 128
TOKEN_BYTES = 36
"""Of one token beside its numbers: place, times, weight, salience."""
EVERY_S, QUICK_EVERY_S = 4.0, 64.0
"""Between looks. Every 4 s is the heartbeat of the runtime."""
RESERVOIR = "reservoir (control)"
RECALL_MUST, TIMES_RESERVOIR_MUST, INSERT_MS_MUST, LATE_MUST = 0.5, 1.2, 2.0, 1.10
KEYS_MS_MUST, ANSWER_MS_MUST, LOG_RECALL_MUST = 10.0, 50.0, 0.95


def report(*, quick: bool) -> dict[str, Any]:
    """All figures."""
    features = load_features()
    day = Day(features, every_s=QUICK_EVERY_S if quick else EVERY_S)
    budget_bytes = round(day.offered_tokens * (2 * day.dim + TOKEN_BYTES) * BUDGET_SHARE)
    policies: dict[str, Remembers] = {name: make(budget_bytes) for name, make in POLICIES.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, figures in live(day, {**policies, RESERVOIR: Reservoir(budget_bytes)}, ask_every=2 if quick else 1).items():
        rows[name] = {**figures._asdict(), "older": figures.older}
        if name in POLICIES:
            rows[name].update(speed(POLICIES[name], inserts=_inserts(name, quick)))
    logged = log(quick=quick)
    return {
        "features": features.source,
        "looks": len(day),
        "needles": len(day.needles),
        "offered_tokens": day.offered_tokens,
        "budget_bytes": budget_bytes,
        "policies": rows,
        "log": logged._asdict(),
        "below": below(rows, logged),
    }


def _inserts(name: str, quick: bool) -> int:
    if name in PRODUCT:
        return 1000 if quick else 14_400
    return 130 if quick else 1000


def below(rows: Mapping[str, dict[str, Any]], logged: LogFigures) -> list[str]:
    """The levels that are missed, by the product's own policy and by the log."""
    tiered, sampled = rows["tiered"], rows[RESERVOIR]["older"]
    found = tiered["older"]
    levels = {
        f"tiered finds {found:.2f} of the older needles < {RECALL_MUST}": found >= RECALL_MUST,
        f"that is less than {TIMES_RESERVOIR_MUST} times what an even sample finds, {sampled:.2f}": found >= TIMES_RESERVOIR_MUST * sampled,
        f"an insert of 196 x 1,024 takes tiered {tiered['large_ms']:.2f} ms >= {INSERT_MS_MUST}": tiered["large_ms"] < INSERT_MS_MUST,
        f"in hour 16 it takes {tiered['late_ratio']:.2f} times as long > {LATE_MUST}": tiered["late_ratio"] <= LATE_MUST,
        f"a search over 100,000 keys takes {logged.keys_p99_ms:.2f} ms >= {KEYS_MS_MUST}": logged.keys_p99_ms < KEYS_MS_MUST,
        f"the log answers in {logged.answer_p99_ms:.1f} ms in hour 16 >= {ANSWER_MS_MUST}": logged.answer_p99_ms < ANSWER_MS_MUST,
        f"the log finds {logged.recall:.2f} of the needles < {LOG_RECALL_MUST}": logged.recall >= LOG_RECALL_MUST,
    }
    return [missed for missed, held in levels.items() if not held]


def show(found: dict[str, Any]) -> None:
    """Print the figures as a table."""
    print(f"tokens of {found['features']}")
    print(f"{found['looks']} looks, {found['offered_tokens']} tokens offered, {found['budget_bytes']} bytes for each policy\n")
    print(
        f"{'policy':<21}{'bytes':>11}{'dropped':>9}{'ms':>7}{'196x1024 ms':>13}{'hour 16':>9}{'recall@1':>10}"
        + "".join(f"{a:>8}" for a in AGES)
    )
    rows = found["policies"]
    for name in sorted(rows, key=lambda name: -float(rows[name]["older"])):
        row = rows[name]
        large = f"{row['large_ms']:>13.2f}{row['late_ratio']:>8.2f}x" if "large_ms" in row else " " * 22
        recall = " " * 10 + "".join(f"{row['recall'][age]:>8.2f}" for age in AGES)
        print(f"{name:<21}{row['most_bytes']:>11}{row['dropped']:>9.1%}{row['insert_ms']:>7.2f}{large}{recall}")
    logged = found["log"]
    print(f"\nlog: a search over 100,000 keys {logged['keys_p99_ms']:.2f} ms p99; of {logged['rows']} sightings in hour 16 ", end="")
    print(f"{logged['answer_p50_ms']:.2f} ms p50, {logged['answer_p99_ms']:.2f} ms p99, recall@1 {logged['recall']:.2f}")


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look every 64 s instead of every 4 s, every other needle asked for")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    args = parser.parse_args(argv)
    found = report(quick=args.quick)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    for missed in found["below"]:
        sys.stderr.write(missed + "\n")
    return 1 if args.check and found["below"] else 0


if __name__ == "__main__":
    sys.exit(main())
