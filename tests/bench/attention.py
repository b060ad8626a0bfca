"""``python -m tests.bench.attention [--quick] [--json] [--check]``: what it saves to encode only what the wearer attends to.

One walk through the gallery goes through the whole runtime three times, with the pocket models: (a) two frames a second, each encoded
whole and under the gaze; (b) as the product does it, ten frames a second offered and attention choosing; (c) frames of (a) drawn by lot
until they cost what (b) cost. Afterwards the runtime is asked what happened, in the wearer's words, and its answers and alerts are held
against what is known of the walk. ``--check`` exits 1 below the levels.

Cost is processor time inside the networks. A part of a frame that an earlier run of the same walk has encoded is not encoded again but
charged again, so that the runs are compared by what they encode and not by how busy the machine was.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from apps.playing import play
from devices import gallery
from devices.recording import Recording
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.hosts.capture import Frame
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import Crop, Looker, open_looker
from edge_runtime.models.opening import only_looking
from edge_runtime.protocol import Command, Event, Look, Say
from edge_runtime.speech import Response
from edge_runtime.types import WHOLE, Box, Capabilities, LookedRegion, Region
from tests.bench.attention_truth import APART_KINDS, Truth, told
from tests.bench.replay import cut

SEEDS = (7, 8, 9)
QUICK_NS = 48 * S
LOTS = 3
"""Draws of (c) for each walk."""
EVERYTHING_HZ = 2
DAY_MIN = 16 * 60
COST_MUST = 0.25
POINTS_MUST = 0.02


class Account:
    """A looker that keeps account of another one.

    Attributes:
        regions: Regions encoded since the last :meth:`begin`, by kind.
        spent_ns: What they cost, by kind.
        by_frame_ns: What they cost, by frame.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._known: dict[tuple[int, str, Box, tuple[str, ...]], tuple[LookedRegion, int]] = {}
        self.begin()

    @property
    def capabilities(self) -> Capabilities:
        """What the looker behind it can do."""
        return self._looker.capabilities

    def begin(self) -> None:
        """Open a new account; what has been encoded stays known."""
        self.looks = 0
        self.regions: Counter[str] = Counter()
        self.spent_ns: Counter[str] = Counter()
        self.by_frame_ns: Counter[int] = Counter()

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        """Look at crops, and charge for them."""
        self.looks += 1
        return tuple(self._charged(command, index, crop) for index, crop in enumerate(crops))

    def _charged(self, command: Look, index: int, crop: Crop) -> LookedRegion:
        region = crop.region
        key = (command.frame_seq, region.kind, region.box, region.want)
        if key not in self._known:
            begun_ns = time.process_time_ns()
            (seen,) = self._looker.look(command, [crop])
            self._known[key] = (seen, time.process_time_ns() - begun_ns)
        seen, cost_ns = self._known[key]
        self.regions[region.kind] += 1
        self.spent_ns[region.kind] += cost_ns
        self.by_frame_ns[command.frame_seq] += cost_ns
        if seen.thumb is not None:
            seen = msgspec.structs.replace(seen, thumb=msgspec.structs.replace(seen.thumb, id=f"{command.frame_seq}-{index}"))
        return seen


@dataclass
class Result:
    """What runs of one kind cost and what came of them, summed over walks."""

    stream_s: float = 0.0
    looks: int = 0
    regions: Counter[str] = field(default_factory=Counter)
    spent_ns: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    due: int = 0
    told: int = 0
    alerts: int = 0
    true_alerts: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def spent_s(self) -> float:
        """Core-seconds of encoding."""
        return sum(self.spent_ns.values()) / S

    @property
    def recall(self) -> float:
        """Share of the facts that memory can answer."""
        return self.answers / sum(n for kind, n in self.asked.items() if kind not in APART_KINDS)

    @property
    def answers(self) -> int:
        """Right answers about the facts."""
        return sum(n for kind, n in self.right.items() if kind not in APART_KINDS)

    @property
    def alert_recall(self) -> float:
        """Share of the appearances waited for and looked at that were told."""
        return self.told / self.due if self.due else 1.0

    @property
    def alert_precision(self) -> float:
        """Share of the alerts given while the thing was in the picture."""
        return self.true_alerts / self.alerts if self.alerts else 1.0

    def row(self) -> dict[str, float]:
        """The figures, by name."""
        per_min = self.spent_s / self.stream_s * 60
        return {
            "core-s a minute": per_min,
            "core-h a 16-hour day (extrapolated)": per_min * DAY_MIN / 3600,
            "looks a minute": self.looks / self.stream_s * 60,
            "regions a minute": self.regions.total() / self.stream_s * 60,
            **{
                f"core-s a minute, {kind}": self.spent_ns[kind] / S / self.stream_s * 60 for kind in ("overview", "foveal", "text", "watch")
            },
            "recall": self.recall,
            **{f"recall, {kind}": self.right[kind] / n for kind, n in self.asked.items() if kind not in APART_KINDS},
            "how long, within 30 %": self.right["how_long"] / self.asked["how_long"],
            "called seen, never there": 1 - self.right["absent"] / self.asked["absent"],
            "alert recall": self.alert_recall,
            "alert precision": self.alert_precision,
            "answers a core-s": self.answers / self.spent_s,
        }


def run(walk: Recording, truth: Truth, config: Config, account: Account, result: Result) -> None:
    """Play a walk, ask about it, and add the outcome to ``result``; the account stays open for a look at it."""
    questions = truth.questions()
    script = sorted((*truth.script(), *(question.event for question in questions)), key=lambda event: event.t_ns)
    said: list[tuple[int, Response]] = []

    def listen(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        said.extend((event.t_ns, command.response) for command in commands if isinstance(command, Say))

    account.begin()
    asked = dataclasses.replace(walk, script=tuple(script))
    with tempfile.TemporaryDirectory() as out, play(asked, Path(out), config, only_looking(account), observers=(listen,)):
        pass
    result.stream_s += walk.duration_ns / S
    result.looks += account.looks
    result.regions += account.regions
    result.spent_ns += account.spent_ns
    answers = {response.question: response for _, response in said if response.question}
    for question in questions:
        answer = answers.get(question.event.question)
        right = answer is not None and question.right(answer)
        result.asked[question.kind] += 1
        result.right[question.kind] += right
        if not right:
            result.wrong.append(f"{question.event.text} {answer.text if answer is not None else '(no answer)'}")
    for alert in truth.alerts():
        times_ns = [t_ns for t_ns, response in said if response.watch == alert.watch]
        hits, true = told(alert, times_ns)
        result.due, result.told = result.due + len(alert.due), result.told + hits
        result.alerts, result.true_alerts = result.alerts + len(times_ns), result.true_alerts + true


def only(walk: Recording, wanted: Callable[[Frame], bool]) -> Recording:
    """A walk of which only some frames are offered."""

    def frames() -> Iterator[Frame]:
        return (frame for frame in walk.frames() if wanted(frame))

    return dataclasses.replace(walk, frames=frames)


def drawn(by_frame_ns: Counter[int], budget_ns: int, seed: int) -> set[int]:
    """Frames by lot until they have cost the budget."""
    order = np.random.default_rng(seed).permutation(sorted(by_frame_ns))
    costs = np.cumsum([by_frame_ns[int(seq)] for seq in order])
    return {int(seq) for seq in order[: int(np.searchsorted(costs, budget_ns)) + 1]}


def compare(seeds: Sequence[int], length_ns: int, looker: Looker) -> dict[str, Result]:
    """Play every walk in every way."""
    chosen = Config()
    everything = msgspec.structs.replace(chosen, attend=msgspec.structs.replace(chosen.attend, looks_per_s=0.0))
    _open(looker)
    results = {"everything": Result(), "attention": Result(), "by lot": Result()}
    for seed in seeds:
        account, truth = Account(looker), Truth(seed, length_ns)
        walk = cut(gallery.sample(seed), length_ns)
        thinned = only(walk, lambda frame: frame.t_capture_ns % (S // EVERYTHING_HZ) == 0)
        run(thinned, truth, everything, account, results["everything"])
        by_frame_ns = account.by_frame_ns
        run(walk, truth, chosen, account, results["attention"])
        budget_ns = sum(account.spent_ns.values())
        for lot in range(LOTS):
            kept = drawn(by_frame_ns, budget_ns, seed * 100 + lot)
            run(only(thinned, lambda frame: frame.seq in kept), truth, everything, account, results["by lot"])  # noqa: B023
    return results


def _open(looker: Looker) -> None:
    """Have every network opened and run once: what that takes is no cost of a look."""
    region = Region("foveal", WHOLE, ("vector", "labels", "text", "thumb"))
    blank = np.zeros((320, 320, 3), np.uint8)
    looker.look(Look(id=0, deadline_ns=0, frame_seq=0, t_capture_ns=0, regions=(region,), why="warm"), [Crop(region, blank)])


def failures(results: dict[str, Result]) -> list[str]:
    """Every level that is missed, in words."""
    everything, attention, lot = results["everything"], results["attention"], results["by lot"]
    found = []
    share = attention.spent_s / everything.spent_s
    if share > COST_MUST:
        found.append(f"attention encodes {share:.3f} of everything, more than {COST_MUST}")
    if attention.recall < everything.recall - POINTS_MUST:
        found.append(f"recall {attention.recall:.3f}, more than {POINTS_MUST} below {everything.recall:.3f}")
    for name in ("alert_recall", "alert_precision"):
        if getattr(attention, name) < getattr(everything, name) - POINTS_MUST:
            found.append(f"{name} {getattr(attention, name):.3f}, more than {POINTS_MUST} below {getattr(everything, name):.3f}")
    if attention.recall <= lot.recall or attention.alert_recall < lot.alert_recall:
        found.append(f"no better than frames by lot at the same cost: recall {attention.recall:.3f} and {lot.recall:.3f}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.attention", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one walk, its first 54 s")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="print every question that was not answered rightly")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    args = parser.parse_args(argv)
    gallery.prepare()
    seeds, length_ns = (SEEDS[:1], QUICK_NS) if args.quick else (SEEDS, gallery.sample().duration_ns)
    with open_looker(load_bundle("pocket"), threads=1) as looker:
        results = compare(seeds, length_ns, looker)
    rows = {name: result.row() for name, result in results.items()}
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'':<38}" + "".join(f"{name:>14}" for name in rows))
        for key in rows["everything"]:
            print(f"{key:<38}" + "".join(f"{row[key]:>14.3f}" for row in rows.values()))
        print(f"attention / everything, core-s        {results['attention'].spent_s / results['everything'].spent_s:>14.3f}")
    if args.wrong:
        for name, result in results.items():
            print(*(f"{name}: {line}" for line in result.wrong), sep="\n")
    missed = failures(results)
    for line in missed:
        sys.stderr.write(line + "\n")
    return 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
