"""What every token policy keeps to, whatever it is made of: the terms of ``MemoryPolicy``, one test a term, for each name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.records import Dropped, RetrievalCue
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.named import make_policy
from edge_runtime.types import WHOLE, Box, LookedRegion, Tokens
from tests.token_looks import (
    DIM,
    EVER_NS,
    EVERY_POLICY,
    EVERYTHING,
    GAZE,
    check_shapes,
    cues,
    dropped,
    held_bytes,
    insert_all,
    kept,
    lively,
    look,
    named,
    offered,
    region,
    same,
    slab_bits,
    told_tokens,
    traces,
)

BUDGET_BYTES = 24_000
"""Some 350 tokens of 16 numbers: the lively walk fills it many times over."""
FIXED_BYTES = 4096
"""What an empty policy may weigh and not count: the object itself, its settings, a random generator."""
OBJECTS_SHARE = 0.3
"""How far the bytes a policy counts may lie from the bytes found by walking it, besides: objects are counted by estimate."""

Make = Callable[..., MemoryPolicy]


@pytest.fixture(params=EVERY_POLICY)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes the policy under test; the budget is this module's unless another is given."""

    def made(budget_bytes: int = BUDGET_BYTES, seed: int = 0) -> MemoryPolicy:
        return make_policy(request.param, budget_bytes, seed)

    return made


# --- Bytes ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget_bytes", [3000, BUDGET_BYTES, 200_000])
def test_bytes_are_within_the_budget_after_every_insert(make: Make, budget_bytes: int) -> None:
    policy = make(budget_bytes)
    for one in lively(120):
        policy.insert(one, (GAZE,))
        assert 0 <= policy.nbytes() <= budget_bytes


def test_the_bytes_counted_are_the_bytes_held(make: Make) -> None:
    policy = make(200_000)
    for at, one in enumerate(lively(120, hw=(8, 8), dim=64)):
        policy.insert(one, (GAZE,))
        if at % 10 == 0:
            arrays, everything = held_bytes(policy)
            assert arrays <= policy.nbytes() + FIXED_BYTES // 8, "no array is left out"
            assert everything <= policy.nbytes() * (1 + OBJECTS_SHARE) + FIXED_BYTES, "nor lists and objects"
            # What two names share is counted twice, as it will be when a state is loaded; a full memory shares little.
            assert at < 60 or policy.nbytes() <= everything * (1 + OBJECTS_SHARE) + FIXED_BYTES, "and nothing that is not there"


def test_nothing_grows_over_a_long_stream_of_small_looks(make: Make) -> None:
    policy, rng = make(4000), np.random.default_rng(1)
    sizes = []
    for seq in range(900):
        emb = rng.normal(size=(1, 4)) if seq % 3 else np.ones((1, 4))
        policy.insert(look(seq, region(emb, (1, 1))), ())
        if seq % 150 == 149:
            sizes.append(held_bytes(policy)[1])
    assert max(sizes[2:]) <= max(sizes[:2]) * 1.1 + 1000, sizes


def test_memory_is_flat_once_it_is_full(make: Make) -> None:
    policy = make()
    insert_all(policy, lively(200))
    full = max(held_bytes(policy)[1], BUDGET_BYTES)
    insert_all(policy, lively(400)[200:])
    assert held_bytes(policy)[1] <= full * 1.1 + FIXED_BYTES


@pytest.mark.parametrize("budget_bytes", [0, 1, 1000])
def test_a_budget_too_small_for_one_look_keeps_nothing_and_counts_it(make: Make, budget_bytes: int) -> None:
    policy = make(budget_bytes)
    looks = [look(seq, region(np.random.default_rng(seq).normal(size=(64, 32)), (8, 8))) for seq in range(5)]
    gone = 0
    for one in looks:
        gone += dropped(policy.insert(one, (GAZE,)))
        assert policy.nbytes() <= budget_bytes
        assert kept(policy, make(budget_bytes)) + gone == 64 * (one.frame_seq + 1)


# --- Every token is accounted for -------------------------------------------------------------------------------------------------


def test_what_is_kept_and_what_was_dropped_is_what_was_offered(make: Make) -> None:
    policy, looks = make(), lively(120)
    gone = 0
    for at, one in enumerate(looks):
        gone += dropped(policy.insert(one, (GAZE,)))
        assert kept(policy, make()) + gone == offered(looks[: at + 1])


def test_weights_are_whole_and_positive(make: Make) -> None:
    policy = make()
    insert_all(policy, lively(100))
    weight = policy.view(EVERYTHING).weight
    assert (weight >= 1.0).all() and np.allclose(weight, np.round(weight), atol=1e-3)


def test_forgetting_keeps_the_account(make: Make) -> None:
    policy, looks = make(), lively(90)
    gone = insert_all(policy, looks)
    gone += dropped(policy.forget(((5 * S, 20 * S),)))
    assert kept(policy, make()) + gone == offered(looks)
    gone += insert_all(policy, lively(130)[90:])
    assert kept(policy, make()) + gone == offered(lively(130))


# --- Only what was offered, in its order, always alike ------------------------------------------------------------------------------


def test_nothing_depends_on_how_inserts_are_grouped(make: Make) -> None:
    together, apart = make(), make()
    for one in lively(80):
        together.insert(one, (GAZE,))
        for part in one.regions:
            apart.insert(msgspec.structs.replace(one, regions=(part,)), (GAZE,))
    assert apart.state() == together.state()


def test_asking_between_inserts_changes_nothing(make: Make) -> None:
    asked, quiet, looks = make(), make(), lively(50)
    for one in looks:
        asked.insert(one, (GAZE,))
        quiet.insert(one, (GAZE,))
        for cue in cues(looks):
            asked.view(40, cue)
        asked.nbytes()
        asked.state()
    assert asked.state() == quiet.state()


def test_the_same_looks_and_seed_give_the_same_bits(make: Make) -> None:
    one, other = make(seed=7), make(seed=7)
    insert_all(one, lively(100))
    insert_all(other, lively(100))
    assert one.state() == other.state() and same(one.view(200), other.view(200))


def test_no_look_of_the_future_counts(make: Make) -> None:
    policy, stopped, looks = make(), make(), lively(100)
    insert_all(policy, looks[:60])
    then, state = policy.view(EVERYTHING), policy.state()
    before = slab_bits(then)
    insert_all(policy, looks[60:])
    insert_all(stopped, looks[:60])
    assert stopped.state() == state
    assert slab_bits(then) == before, "a view that was given stays as it was"


def test_the_arrays_of_the_caller_are_not_kept(make: Make) -> None:
    lent, owned = make(), make()
    for one in lively(60):
        lent.insert(one, (GAZE,))
        for part in one.regions:
            assert part.tokens is not None and part.tokens.emb is not None
            part.tokens.emb[:] = 99.0
    insert_all(owned, lively(60))
    assert lent.state() == owned.state()


# --- Saved and taken up -----------------------------------------------------------------------------------------------------------


def test_a_state_comes_back_whole_and_goes_on_the_same(make: Make) -> None:
    policy, other, looks = make(), make(), lively(160)
    insert_all(policy, looks[:90])
    other.load(policy.state())
    assert other.state() == policy.state() and other.nbytes() == policy.nbytes()
    for one in looks[90:]:
        assert other.insert(one, (GAZE,)) == policy.insert(one, (GAZE,))
    assert other.state() == policy.state()
    for cue in cues(looks):
        assert same(other.view(60, cue), policy.view(60, cue))


def test_a_loaded_state_can_be_forgotten_from(make: Make) -> None:
    policy, other = make(), make()
    insert_all(policy, lively(90))
    other.load(policy.state())
    assert other.forget(((5 * S, 22 * S),)) == policy.forget(((5 * S, 22 * S),))
    assert other.state() == policy.state() and other.nbytes() == policy.nbytes()


def test_loading_replaces_what_was_there(make: Make) -> None:
    policy, other = make(), make()
    insert_all(policy, lively(40))
    insert_all(other, lively(70, seed=3))
    other.load(policy.state())
    assert other.state() == policy.state() and other.nbytes() == policy.nbytes()


def test_bytes_that_are_no_state_are_refused(make: Make) -> None:
    policy = make()
    insert_all(policy, lively(20))
    before = policy.state()
    with pytest.raises(msgspec.DecodeError):
        policy.load(b"\xc1 no state")
    assert policy.state() == before


# --- What a model is shown --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 1, 15, 100, EVERYTHING])
def test_a_view_is_small_enough_and_in_order_of_time(make: Make, most: int) -> None:
    policy, looks = make(), lively(100)
    insert_all(policy, looks)
    before = policy.state()
    for cue in cues(looks):
        slab = policy.view(most, cue)
        assert told_tokens(slab) <= most
        assert all((np.diff(t_ns) >= 0).all() for t_ns in np.split(slab.t_ns, [slab.standing])) and (slab.t_end_ns >= slab.t_ns).all()
        assert slab.t_ns.min(initial=0) >= 0 and slab.t_end_ns.max(initial=0) <= looks[-1].t_capture_ns
        check_shapes(slab)
    assert policy.state() == before, "asking changes nothing"


def test_a_view_with_room_shows_something(make: Make) -> None:
    policy, looks = make(), lively(60)
    insert_all(policy, looks)
    assert all(told_tokens(policy.view(EVERYTHING, cue)) for cue in cues(looks))


def test_an_empty_memory_answers(make: Make) -> None:
    policy, looks = make(), lively(5)
    for cue in cues(looks):
        for most in (0, 100):
            slab = policy.view(most, cue)
            assert told_tokens(slab) == 0
            check_shapes(slab)
    assert policy.forget(((0, S),)) == ()
    fresh = make()
    fresh.load(policy.state())
    assert fresh.state() == policy.state()


# --- What cannot be used ----------------------------------------------------------------------------------------------------------


def test_numbers_that_are_none_do_no_harm(make: Make) -> None:
    policy, rng = make(), np.random.default_rng(5)
    looks = []
    for seq in range(60):
        emb = rng.normal(size=(16, DIM))
        emb[seq % 16] = (np.nan, np.inf, -np.inf, 0.0, 7e4)[seq % 5]  # the last is infinite as float16
        with np.errstate(over="ignore"):
            looks.append(look(seq, region(np.zeros_like(emb) if seq % 11 == 0 else emb, (4, 4))))
    gone = insert_all(policy, looks)
    assert kept(policy, make()) + gone == offered(looks)
    for cue in cues(looks):
        check_shapes(policy.view(100, cue))
    zero = RetrievalCue(np.zeros(DIM, np.float32), np.full((2, DIM), np.nan, np.float16))
    check_shapes(policy.view(100, zero))


def test_tokens_that_are_absent_are_counted(make: Make) -> None:
    policy = make()
    bare = LookedRegion("overview", WHOLE, tokens=Tokens((4, 4), DIM))
    assert policy.insert(look(0, bare), ()) == (Dropped("token", "absent", 16),)
    assert policy.insert(look(1, LookedRegion("overview", WHOLE)), ()) == ()
    assert policy.insert(look(2), ()) == ()
    assert kept(policy, make()) == 0


def test_tokens_of_another_model_are_refused(make: Make) -> None:
    policy = make()
    gone = insert_all(policy, lively(30))
    before = policy.state()
    other = region(np.ones((16, DIM + 8)), (4, 4))
    refused = policy.insert(look(30, other), (GAZE,))
    if kept(policy, make()):  # one that keeps no tokens takes any for what they are to it: none
        assert refused == (Dropped("token", "shape", 16),) and policy.state() == before
    gone += dropped(refused) + insert_all(policy, lively(50)[31:])
    assert kept(policy, make()) + gone == offered(lively(50)) - offered(lively(31)[30:]) + 16


def test_a_question_in_another_space_is_answered(make: Make) -> None:
    policy = make()
    insert_all(policy, lively(40))
    vector = np.eye(1, DIM + 8, dtype=np.float32)[0]
    check_shapes(policy.view(50, RetrievalCue(vector, np.ones((2, DIM + 8), np.float16))))
    check_shapes(policy.view(50, RetrievalCue(tokens=np.empty((0, DIM), np.float16))))


def test_all_kinds_and_sizes_of_grids_go_together(make: Make) -> None:
    policy, rng = make(), np.random.default_rng(2)
    sizes = [(1, 1), (60, 50), (1, 9), (7, 1), (2, 2), (3, 5), (1, 1), (8, 8)]
    looks = []
    for seq in range(48):
        hw = sizes[seq % len(sizes)]
        foveal = region(rng.normal(size=(6, DIM)), (2, 3), "foveal", Box(0.1, 0.1, 0.3 + seq / 100, 0.5))
        looks.append(look(seq, region(rng.normal(size=(hw[0] * hw[1], DIM)), hw), foveal))
    gone = 0
    for at, one in enumerate(looks):
        gone += dropped(policy.insert(one, (GAZE,)))
        assert policy.nbytes() <= BUDGET_BYTES
        assert kept(policy, make()) + gone == offered(looks[: at + 1])
    for cue in cues(looks):
        assert told_tokens(policy.view(33, cue)) <= 33


# --- Forgetting -------------------------------------------------------------------------------------------------------------------

SPANS = ((4 * S, 9 * S), (17 * S, 17 * S), (25 * S, 26 * S))


def within(t_ns: int) -> bool:
    return any(start <= t_ns <= end for start, end in SPANS)


def test_nothing_captured_within_the_spans_is_left(make: Make) -> None:
    policy, looks = make(80_000), [named(one, "secret" if within(one.t_capture_ns) else "cup") for one in lively(90)]
    insert_all(policy, looks)
    policy.forget(SPANS)
    for cue in cues(looks):
        slab = policy.view(EVERYTHING, cue)
        # A token merged for the view may reach over a gap; it neither begins nor ends in one.
        assert not any(map(within, [*slab.t_ns.tolist(), *slab.t_end_ns.tolist()]))
        assert not any("secret" in note.text for note in slab.notes)
    assert b"secret" not in policy.state()
    assert policy.forget(SPANS) == (), "what is gone cannot go twice"


@pytest.mark.parametrize("stop", [28, 30, 52, 79, 90])
def test_no_number_of_what_was_forgotten_is_left(make: Make, stop: int) -> None:
    policy, looks = make(80_000), lively(stop)
    insert_all(policy, looks)
    marks = []
    for one in looks:
        for part in one.regions if within(one.t_capture_ns) else ():
            assert part.tokens is not None and part.tokens.emb is not None and part.vector is not None
            marks += [*traces(part.tokens.emb), *traces(part.vector[None])]
    policy.forget(SPANS)
    data = policy.state()
    assert [mark for mark in marks if mark in data] == []


def test_forgetting_everything_leaves_nothing(make: Make) -> None:
    policy, empty = make(), make()
    insert_all(policy, lively(60))
    policy.forget(((0, EVER_NS),))
    assert told_tokens(policy.view(EVERYTHING)) == 0
    assert policy.nbytes() <= empty.nbytes() + FIXED_BYTES // 8


def test_after_forgetting_it_goes_on(make: Make) -> None:
    policy, looks = make(), lively(140)
    insert_all(policy, looks[:90])
    policy.forget(((10 * S, EVER_NS),))
    for one in looks[90:]:
        policy.insert(one, (GAZE,))
        assert policy.nbytes() <= BUDGET_BYTES
    slab = policy.view(EVERYTHING)
    assert max([*slab.t_ns.tolist(), *(note.t_end_ns for note in slab.notes)]) >= looks[90].t_capture_ns
    check_shapes(slab)
