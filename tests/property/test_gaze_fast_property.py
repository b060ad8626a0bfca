"""The compiled detector tells what the readable one tells, to the last bit, whatever the gaze does."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.gaze_table import read_table
from edge_runtime.errors import GazeFileError
from gaze import EyeEvents, FixationDetector, GazeSample, HeadRotation, Rules
from gaze.labels import EyeLabel
from tests.gaze_paths import ASPECT, HFOV_DEG, MS, Part, samples

fast = pytest.importorskip("gaze.fast", reason="numba absent", exc_type=ImportError)
distance = pytest.importorskip("gaze.fast.distance", reason="numba absent", exc_type=ImportError)

# compiling takes longer than all the examples
pytestmark = pytest.mark.slow

Turns = list[HeadRotation | None] | None


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[GazeSample], Turns]:
    """Gaze at any rate and noise, with blinks, doubts, losses, samples that are missing or out of order, and a head that turns."""
    place = st.integers(-25, 25)
    part = st.one_of(
        st.builds(Part, st.just("to"), st.integers(20, 900), place, place),
        st.builds(Part, st.just("jump"), st.integers(15, 60), place, place),
        st.builds(Part, st.just("drift"), st.integers(200, 900), place, place),
        st.builds(Part, st.sampled_from(["closed", "silent"]), st.integers(5, 700), st.just(0), st.just(0)),
    )
    gaze = samples(
        draw(st.lists(part, min_size=1, max_size=10)),
        hz=draw(st.sampled_from([10.0, 30.0, 60.0, 200.0, 500.0, 1000.0])),
        noise_deg=draw(st.sampled_from([0.0, 0.05, 0.4, 3.0])),
        uneven=draw(st.sampled_from([0.0, 0.4, 0.9])),
        seed=draw(st.integers(0, 99)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    sure = np.clip(rng.normal(draw(st.sampled_from([0.55, 0.9, 2.0])), 0.15, len(gaze)), 0.0, 1.0)
    gaze = [replace(sample, confidence=float(c), worn=bool(rng.random() > 0.002)) for sample, c in zip(gaze, sure, strict=True)]
    lost, moved = draw(st.sampled_from([0.0, 0.05, 0.4])), draw(st.sampled_from([0.0, 0.02]))
    kept = [sample for sample in gaze if rng.random() >= lost]
    for k in np.flatnonzero(rng.random(max(len(kept) - 1, 0)) < moved).tolist():
        kept[k + 1] = replace(kept[k + 1], t_ns=kept[k].t_ns - int(rng.integers(0, 3)) * MS)
    if not draw(st.booleans()):
        return kept, None
    angles = rng.normal(0.0, draw(st.sampled_from([1e-14, 0.02, 1.0])), (len(kept), 3)).tolist()
    return kept, [HeadRotation(*turn) if rng.random() > 0.1 else None for turn in angles]


@given(streams(), st.lists(st.integers(1, 700), min_size=1, max_size=5))
@settings(max_examples=150)
def test_in_blocks_of_any_size_it_tells_the_same(stream: tuple[list[GazeSample], Turns], sizes: list[int]) -> None:
    gaze, turns = stream
    readable, compiled = EyeEvents(HFOV_DEG, ASPECT, labels=True), fast.CompiledEyeEvents(HFOV_DEG, ASPECT, labels=True)
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(gaze):
            break
        block = slice(at, at + size)
        given_turns = turns[block] if turns is not None else None
        assert compiled.feed(gaze[block], given_turns) == readable.feed(gaze[block], given_turns)
        assert compiled.labels() == readable.labels()
        at += size
    for later_ns in (100 * MS, 600 * MS, 2000 * MS):
        until_ns = max((sample.t_ns for sample in gaze), default=0) + later_ns
        assert compiled.advance(until_ns) == readable.advance(until_ns)
        assert compiled.labels() == readable.labels()
    assert compiled.dropped == readable.dropped


@given(streams())
@settings(max_examples=50)
def test_with_other_rules_and_a_tracker_that_freezes_it_tells_the_same(stream: tuple[list[GazeSample], Turns]) -> None:
    gaze, _ = stream
    rules = Rules(frozen_ns=150 * MS, return_ns=120 * MS, settled_ns=90 * MS, join_cap_deg=1.5)
    readable, compiled = FixationDetector(HFOV_DEG, ASPECT, rules=rules, labels=True), fast.CompiledDetector(HFOV_DEG, ASPECT, rules=rules)
    # every twentieth place is given ten times: the tracker stands still
    still = [
        replace(s, x_norm=gaze[k // 10 * 10].x_norm, y_norm=gaze[k // 10 * 10].y_norm) if k % 200 < 100 else s for k, s in enumerate(gaze)
    ]
    readable.feed(still)
    assert told_labels(compiled.feed(*columns(still)).labels) == readable.labels()
    assert compiled.dropped == readable.dropped


@pytest.mark.slow
def test_on_every_recording_it_tells_the_same(shared_data: Path) -> None:
    """In the picture, and in the world where the recording tells how the head turned."""
    compared = 0
    for file in sorted((shared_data / "gaze").rglob("*.csv")):
        for steady in (False, True):
            try:
                table = read_table(file, steady=steady)
            except GazeFileError:
                continue
            readable, compiled = (make(table.hfov_deg, table.aspect, labels=True) for make in (EyeEvents, fast.CompiledEyeEvents))
            end_ns = table.kept[-1].t_ns + 1000 * MS
            assert compiled.feed(table.kept, table.turns) == readable.feed(table.kept, table.turns), file
            assert compiled.advance(end_ns) == readable.advance(end_ns), file
            assert compiled.labels() == readable.labels(), file
            compared += 1
    assert compared > 40


def test_a_tracker_of_any_rate_is_given_room() -> None:
    """100 kHz: more samples wait for their label than there is room for at first."""
    rng = np.random.default_rng(3)
    gaze = [GazeSample(10_000 * k, float(x), float(y)) for k, (x, y) in enumerate(rng.normal(0.5, 0.001, (9000, 2)))]
    readable, compiled = FixationDetector(HFOV_DEG, ASPECT, labels=True), fast.CompiledDetector(HFOV_DEG, ASPECT)
    readable.feed(gaze)
    assert told_labels(compiled.feed(*columns(gaze)).labels) == readable.labels() != []


@given(st.lists(st.integers(-(10**15), 10**15), min_size=6, max_size=6), st.sampled_from([1e-15, 1e-19, 1e-24, 1e-30]))
@settings(max_examples=500)
def test_distances_are_those_of_the_math_library(numbers: list[int], scale: float) -> None:
    a = [number * scale for number in numbers]
    assert distance.length(a[0] - a[3], a[1] - a[4], a[2] - a[5]) == math.dist(a[:3], a[3:])


def told_labels(rows: npt.NDArray[np.void]) -> list[EyeLabel]:
    return [EyeLabel(int(row["t_ns"]), fast.KINDS[row["kind"]], fast.STAGES[row["stage"]], int(row["t_emit_ns"])) for row in rows]


def columns(gaze: Sequence[GazeSample]) -> tuple[list[int], list[float], list[float], list[float], list[bool]]:
    return (
        [sample.t_ns for sample in gaze],
        [math.nan if sample.x_norm is None else sample.x_norm for sample in gaze],
        [math.nan if sample.y_norm is None else sample.y_norm for sample in gaze],
        [sample.confidence for sample in gaze],
        [sample.worn for sample in gaze],
    )
