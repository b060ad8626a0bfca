"""What always holds of the memory: its bound after every event, drops that add up, order, exact restarts, and a clean forgetting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_runtime import codec
from edge_runtime.config import RememberConfig, S
from edge_runtime.facts import Remembered
from edge_runtime.records import Query, Row, Scope
from edge_runtime.types import Box, LookedRegion, Thumb, Tokens
from tests.wearer import LEFT, MIDDLE, RIGHT, Wearer, direction, like, place, seen

Step = Callable[[Wearer, float], Remembered | None]

THINGS = st.integers(1, 6)
BOXES = st.sampled_from([LEFT, MIDDLE, RIGHT])
NAMES = st.sampled_from(["mug", "keys", "passport", "glasses"])
WORDS = st.lists(st.sampled_from(["EXIT", "EXlT", "Level 2", "GARDEN CAFE", "passport control", "出口", "12"]), max_size=3)
LABELS = st.lists(st.tuples(st.sampled_from(["cup", "vase", "passport", "bus"]), st.sampled_from([0.3, 0.75, 0.95])), max_size=2)
TOKENS = st.one_of(st.none(), st.integers(1, 40).map(lambda h: Tokens((h, 4), 8, np.zeros((4 * h, 8), np.float16))))
PICTURES = st.one_of(st.none(), st.integers(0, 9000).map(bytes))


@st.composite
def regions(draw: st.DrawFn) -> LookedRegion:
    kind = draw(st.sampled_from(["foveal", "foveal", "watch", "text", "overview"]))
    if kind == "overview":
        return place(direction(100 + draw(THINGS)))
    if kind == "text":
        return seen(kind="text", box=draw(BOXES), text=draw(WORDS), sure=draw(st.sampled_from([0.7, 0.85, 0.99])), jpeg=draw(PICTURES))
    vector = like(direction(draw(THINGS)), draw(st.sampled_from([0.33, 0.5, 0.8, 1.0])), draw(st.integers(0, 3)))
    box = draw(BOXES)
    return seen(vector, "foveal" if kind == "foveal" else "watch", box, labels=draw(LABELS), jpeg=draw(PICTURES), tokens=draw(TOKENS))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from(["look"] * 8 + ["tick", "tick", "teach", "lesson", "say", "eye", "log", "forget"]))
    number, name = draw(st.integers(1, 9)), draw(NAMES)
    if kind == "look":
        found = draw(st.lists(regions(), min_size=1, max_size=4))
        why, scene = draw(st.sampled_from(["fixation", "text", "teach", "scene"])), draw(st.booleans())
        return lambda wearer, t_s: wearer.look(t_s, *found, why=why, eye=number, new_scene=scene)
    if kind == "teach":
        views = [like(direction(number), 0.8, seed) for seed in range(draw(st.integers(1, 15)))]
        return lambda wearer, t_s: wearer.teach(t_s, name, *views)
    if kind == "lesson":
        return lambda wearer, t_s: wearer.teach(t_s, name)
    if kind == "say":
        verdict = draw(st.sampled_from(["yes", "no"]))
        return lambda wearer, t_s: wearer.says(t_s, "yes" if verdict == "yes" else "no")
    if kind == "eye":
        return lambda wearer, t_s: wearer.eye(number, max(0.0, t_s - 1.5), t_s)
    if kind == "log":
        answer = draw(st.sampled_from(["stores", "fails", "silent"]))
        return lambda wearer, t_s: setattr(wearer, "log", answer)
    if kind == "forget":
        scope = draw(st.sampled_from([Scope("thing", name=name), Scope("place", place_id=number), Scope("since"), Scope("all")]))

        def forget(wearer: Wearer, t_s: float) -> None:
            wearer.forget(t_s, Scope("since", t_from_ns=max(0, round((t_s - 5) * S))) if scope.kind == "since" else scope)

        return forget
    return lambda wearer, t_s: wearer.tick(t_s)


DAYS = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 2.0, 5.0, 25.0]), steps()), min_size=10, max_size=80)
CONFIGS = st.builds(
    RememberConfig,
    ram_bytes=st.sampled_from([65536, 90_000, 200_000, 4_000_000]),
    token_share=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    token_policy=st.sampled_from(["recent_window", "tiered"]),
)


class Replayed(Wearer):
    """A wearer whose looks come from a journal that has lost the numbers of its tokens."""

    def look(self, t_s: float, *regions: LookedRegion, **how: Any) -> Remembered:
        bare = [r if r.tokens is None else replace(r, tokens=replace(r.tokens, emb=None)) for r in regions]
        return super().look(t_s, *bare, **how)


def live(wearer: Wearer, day: list[tuple[float, Step]], begun_s: float = 0.0) -> float:
    for wait_s, step in day:
        begun_s += wait_s
        step(wearer, begun_s)
    return begun_s


@settings(max_examples=25)
@given(CONFIGS, DAYS)
def test_the_bound_holds_after_every_event(config: RememberConfig, day: list[tuple[float, Step]]) -> None:
    wearer, t_s = Wearer(config), 0.0
    for wait_s, step in day:
        t_s += wait_s
        step(wearer, t_s)
        assert 0 <= wearer.memory.nbytes() <= config.ram_bytes
        assert all(nbytes >= 0 for nbytes in wearer.memory.tiers().values())
        assert wearer.memory.tiers()["tokens"] <= config.token_share * config.ram_bytes
    size = wearer.memory.tiers()
    wearer.memory.restore(wearer.memory.snapshot())
    assert wearer.memory.tiers() == {**size, "tokens": 0}, "what is counted as it goes equals what is counted anew"


@settings(max_examples=25)
@given(CONFIGS, DAYS)
def test_what_is_kept_of_facts_does_not_depend_on_the_numbers_in_tokens(config: RememberConfig, day: list[tuple[float, Step]]) -> None:
    one, bare = Wearer(config), Replayed(config)
    t_s = 0.0
    for wait_s, step in day:
        t_s += wait_s
        assert told(step(one, t_s)) == told(step(bare, t_s))
    assert one.memory.snapshot() == bare.memory.snapshot()


@settings(max_examples=25)
@given(CONFIGS, DAYS, DAYS)
def test_a_restored_memory_goes_on_as_the_other_would(
    config: RememberConfig, day: list[tuple[float, Step]], rest: list[tuple[float, Step]]
) -> None:
    one, other = Wearer(config), Wearer(config)
    t_s = live(one, day)
    other.memory.restore(one.memory.snapshot())
    other.log, other.next_id, other.seq = one.log, one.next_id, one.seq
    for wait_s, step in rest:
        t_s += wait_s
        assert told(step(other, t_s)) == told(step(one, t_s))
    assert other.memory.snapshot() == one.memory.snapshot()


@settings(max_examples=25)
@given(DAYS, st.integers(0, 60), st.integers(0, 60), st.booleans(), st.integers(0, 9))
def test_recall_is_in_order_and_within_its_terms(
    day: list[tuple[float, Step]], start_s: int, end_s: int, newest_first: bool, limit: int
) -> None:
    wearer = Wearer()
    live(wearer, day)
    query = Query(t_from_ns=start_s * S, t_to_ns=end_s * S, newest_first=newest_first, limit=limit)
    found = wearer.memory.recall(query)
    keys = [(-s.t_end_ns, -s.id) if newest_first else (s.t_start_ns, s.id) for s in found]
    assert keys == sorted(keys) and len(found) <= limit
    assert all(s.t_end_ns >= start_s * S and s.t_start_ns <= end_s * S for s in found)
    everything = wearer.memory.recall(Query(limit=10_000))
    assert all(1 <= len(s.evidence) <= 4 and s.looks >= 1 and s.gaze_ns >= 0 for s in everything)
    for s in everything:
        times = [look.t_ns for look in s.evidence]
        assert min(times) == s.t_start_ns and max(times) == s.t_end_ns, "both ends are vouched for"


@settings(max_examples=25)
@given(DAYS, NAMES)
def test_what_is_forgotten_by_name_is_nowhere(day: list[tuple[float, Step]], name: str) -> None:
    wearer = Wearer()
    t_s = live(wearer, day)
    concept = wearer.memory.concepts.get(name)
    traces = [view.tobytes() for view in concept.views] if concept else []
    traces += [s.vector.tobytes() for s in wearer.memory.recall(Query(names=(name,), limit=1000)) if s.vector is not None]
    others = [view.tobytes() for known in wearer.memory.concepts.values() if known.name != name for view in known.views]
    wearer.forget(t_s, Scope("thing", name=name))
    data = wearer.memory.snapshot()
    assert name.encode() not in data.lower()
    assert [trace for trace in traces if trace in data and trace not in others] == []
    assert wearer.memory.recall(Query(names=(name,))) == () and wearer.memory.recall(Query(text=name)) == ()


@settings(max_examples=25)
@given(DAYS, st.sampled_from([0.0, 3.0, 20.0, 1000.0]))
def test_nothing_of_a_forgotten_time_is_left(day: list[tuple[float, Step]], back_s: float) -> None:
    wearer = Wearer()
    t_s = live(wearer, day)
    t_from_ns = max(0, round((t_s - back_s) * S))
    before = {s.id for s in wearer.memory.recall(Query(limit=10_000)) if s.t_end_ns < t_from_ns}
    wearer.forget(t_s, Scope("since", t_from_ns=t_from_ns))
    left = wearer.memory.recall(Query(limit=10_000))
    assert all(look.t_ns < t_from_ns for s in left for look in s.evidence) and all(s.t_end_ns < t_from_ns for s in left)
    assert before <= {s.id for s in left}
    assert all(t_ns < t_from_ns for t_ns in wearer.memory.slab(10**6).t_ns.tolist())
    assert all(concept.t_taught_ns < t_from_ns for concept in wearer.memory.concepts.values())


def told(result: Remembered | None) -> bytes:
    """What a step told of facts, without pixels: a snapshot carries neither these nor tokens."""
    if result is None:
        return b""
    facts = tuple(drop for drop in result.dropped if drop.what != "token")
    rows = tuple(Row(row.sighting, row.place, tuple(Thumb(thumb.id, thumb.nbytes) for thumb in row.thumbs)) for row in result.rows)
    return codec.encode(replace(result, rows=rows, dropped=facts))


def test_the_boxes_of_the_strategies_lie_apart() -> None:
    assert all(isinstance(box, Box) for box in (LEFT, MIDDLE, RIGHT)) and LEFT.x1 < MIDDLE.x0 and MIDDLE.x1 < RIGHT.x0
