"""CurveStream, with a floor under motion and bend and as published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped
from edge_runtime.remember.policies.published.curvature import Curvature
from edge_runtime.remember.policies.published.curvature_compat import CurvatureCompat
from edge_runtime.types import Vector
from tests.token_looks import EVERYTHING, look, region

HW = (4, 4)
CELLS = 16
G = 384
ROOM = 2**24
Make = Callable[..., Curvature]


def unit(vector: npt.NDArray[np.floating]) -> Vector:
    found: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


def still(rng: np.random.Generator, frames: int, noise: float = 0.07) -> list[Vector]:
    """One scene with sensor noise; frames of it are ``noise * sqrt(2)`` apart."""
    scene = unit(rng.normal(size=G))
    return [unit(scene + noise * unit(rng.normal(size=G))) for _ in range(frames)]


def panned(rng: np.random.Generator, frames: int, step: float = 0.05) -> list[Vector]:
    """Features that drift steadily one way, hardly any noise."""
    start, way = unit(rng.normal(size=G)), unit(rng.normal(size=G))
    return [unit(start + at * step * way + 0.001 * unit(rng.normal(size=G))) for at in range(frames)]


def shown(seq: int, vector: Vector) -> Looked:
    """A look whose overview has this vector."""
    tokens = np.random.default_rng(seq).normal(size=(CELLS, 8))
    return look(seq, msgspec.structs.replace(region(tokens, HW), vector=vector))


def routes(policy: Curvature, vectors: Iterable[Vector]) -> list[str]:
    """What became of each frame once the next had come, the last one aside."""
    found: list[str] = []
    for seq, vector in enumerate(vectors):
        skipped = any(drop.reason == "skipped" for drop in policy.insert(shown(seq, vector), ()))
        if seq:
            left = int(np.count_nonzero(policy.view(EVERYTHING).pos[:, 0] == seq - 1))
            found.append("skipped" if skipped else {CELLS: "clear", CELLS // 4: "blurred"}[left])
    return found


def share(make: Make, stream: Callable[[np.random.Generator, int], list[Vector]], route: str) -> float:
    """Of 300 frames that take this route; the mean of two streams."""
    return float(np.mean([Counter(routes(make(ROOM), stream(np.random.default_rng(seed), 301)))[route] / 300 for seed in range(2)]))


# --- C1: what is clear -------------------------------------------------------------------------------------------------------------


def test_c1_a_still_scene_is_hardly_ever_clear() -> None:
    assert share(Curvature, still, "clear") <= 0.02
    assert share(Curvature, still, "skipped") >= 0.95


def test_c1_a_steady_pan_is_hardly_ever_clear_and_not_lost() -> None:
    assert share(Curvature, panned, "clear") <= 0.05
    assert share(Curvature, panned, "blurred") >= 0.01


def test_c1_the_published_rule_calls_a_sixth_of_a_still_scene_and_half_of_a_pan_clear() -> None:
    assert share(CurvatureCompat, still, "clear") == pytest.approx(0.17, abs=0.04)
    assert share(CurvatureCompat, panned, "clear") == pytest.approx(0.47, abs=0.06)


@pytest.mark.parametrize("make", [Curvature, CurvatureCompat])
def test_c1_ten_cuts_are_all_clear(make: Make) -> None:
    rng = np.random.default_rng(0)
    vectors = [vector for _ in range(11) for vector in still(rng, 30)]
    found = routes(make(ROOM), vectors)
    assert [found[at] for at in range(30, 330, 30)] == ["clear"] * 10


def test_c1_an_object_there_for_three_frames_is_clear_once_at_least() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        vectors, thing = still(rng, 60), unit(rng.normal(size=G))
        for at in (40, 41, 42):
            vectors[at] = unit(vectors[at] + 0.4 * thing)
        assert "clear" in routes(Curvature(ROOM), vectors)[40:43]


@pytest.mark.parametrize("make", [Curvature, CurvatureCompat])
def test_c1_the_frame_of_the_question_is_clear(make: Make) -> None:
    policy = make(ROOM)
    for seq, vector in enumerate(still(np.random.default_rng(0), 40)):
        policy.insert(shown(seq, vector), ())
        newest = policy.view(EVERYTHING).pos
        assert np.count_nonzero(newest[:, 0] == seq) == CELLS
        assert (policy.view(CELLS).pos[:, 0] == seq).all()


# --- C2: bounds --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Curvature, CurvatureCompat])
def test_c2_the_bank_holds_at_most_so_many_frames_and_a_view_so_many_tokens_under_any_mix(make: Make) -> None:
    rng = np.random.default_rng(0)
    mix = [vector for part in range(12) for vector in (still, panned, still)[part % 3](rng, int(rng.integers(1, 30)))]
    policy = make(ROOM, most_frames=6)
    for seq, vector in enumerate(mix):
        policy.insert(shown(seq, vector), ())
        assert len(set(policy.view(EVERYTHING).pos[:, 0].tolist())) <= 6
        assert len(policy.view(20).t_ns) <= 20


# --- The rest ----------------------------------------------------------------------------------------------------------------------


def test_a_blurred_frame_is_a_coarser_grid_that_stands_for_all_of_it() -> None:
    policy = Curvature(ROOM)
    found = routes(policy, panned(np.random.default_rng(0), 30))
    slab = policy.view(EVERYTHING)
    blurred = slab.pos[:, 0] == found.index("blurred")
    assert slab.weight[blurred].tolist() == [4.0] * 4


def test_slow_drift_is_blurred_now_and_then() -> None:
    scene = panned(np.random.default_rng(1), 100, step=0.01)
    found = routes(Curvature(ROOM), scene)
    assert set(found[1:]) == {"skipped", "blurred"} and found[0] == "clear"
    assert 2 <= found.count("blurred") <= 5


def test_a_skipped_frame_is_counted_when_the_next_one_comes() -> None:
    policy, vectors = Curvature(ROOM), still(np.random.default_rng(0), 3)
    assert [policy.insert(shown(seq, vector), ()) for seq, vector in enumerate(vectors)] == [(), (), (Dropped("token", "skipped", CELLS),)]


def test_forgetting_starts_the_path_anew() -> None:
    policy = Curvature(ROOM)
    for seq, vector in enumerate(still(np.random.default_rng(0), 5)):
        policy.insert(shown(seq, vector), ())
    before = policy.nbytes()
    policy.forget(((0, 0),))
    assert policy.nbytes() < before - 3 * G * 4
