"""How long gaze rested on a thing: the movements that were looked at, and the others of the same stay."""

from __future__ import annotations

from edge_runtime.config import S
from edge_runtime.remember import gazes
from edge_runtime.remember.gazes import GazesState, Span
from gaze.types import EyeEvent

MUG, BOOK = 1, 2


def movement(eye_id: int, start_s: float, end_s: float) -> EyeEvent:
    span = round(start_s * S), round(end_s * S)
    return EyeEvent(eye_id, "fixation", *span, 0.5, 0.5, 0.2, "final", span[1])


def span(start_s: float, end_s: float) -> Span:
    return Span(round(start_s * S), round(end_s * S))


def test_a_look_credits_the_movement_it_was_taken_in_whichever_comes_first() -> None:
    state = GazesState()
    assert gazes.rest(state, 7, MUG, S) == ()
    assert gazes.end(state, movement(7, 0.8, 1.2)) == ((MUG, span(0.8, 1.2)),)
    assert gazes.rest(state, 7, BOOK, S) == ((BOOK, span(0.8, 1.2)),)


def test_movements_of_one_stay_are_credited_though_only_one_was_looked_at() -> None:
    state = GazesState()
    for eye_id in (1, 2, 3):
        gazes.belong(state, eye_id, 10)
    assert gazes.end(state, movement(1, 0.0, 0.3)) == ()
    assert gazes.rest(state, 2, MUG, S // 2) == ((MUG, span(0.0, 0.3)),), "it rested there before the look"
    assert set(gazes.end(state, movement(2, 0.4, 0.7))) == {(MUG, span(0.4, 0.7))}
    assert gazes.end(state, movement(3, 0.8, 1.5)) == ((MUG, span(0.8, 1.5)),)


def test_a_movement_whose_stay_is_known_only_after_its_end_is_credited_then() -> None:
    state = GazesState()
    gazes.belong(state, 1, 10)
    gazes.rest(state, 1, MUG, S // 2)
    assert gazes.end(state, movement(2, 0.8, 1.5)) == ()
    assert gazes.belong(state, 2, 10) == ((MUG, span(0.8, 1.5)),)


def test_another_stay_is_not_credited() -> None:
    state = GazesState()
    gazes.belong(state, 1, 10)
    gazes.belong(state, 2, 11)
    gazes.rest(state, 1, MUG, S // 2)
    assert gazes.end(state, movement(2, 0.8, 1.5)) == ()


def test_a_look_tells_nothing_of_what_gaze_rests_on_long_after_it() -> None:
    state = GazesState()
    for eye_id in (1, 2):
        gazes.belong(state, eye_id, 10)
    gazes.rest(state, 1, MUG, S // 2)
    assert gazes.end(state, movement(2, 4.0, 5.0)) == ()


def test_what_is_noted_stays_small_and_is_let_go_piece_by_piece() -> None:
    state = GazesState()
    for number in range(500):
        gazes.belong(state, number, number // 5)
        gazes.rest(state, number, number, number * S)
        gazes.end(state, movement(number + 1000, number, number + 0.5))
    most = gazes.nbytes(state)
    assert most < 60_000
    while gazes.nbytes(state):
        gazes.shed(state)
        assert gazes.nbytes(state) < most
        most = gazes.nbytes(state)
