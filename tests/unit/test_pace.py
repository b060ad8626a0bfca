"""A board's pace: looks one after another in stream time, each as long as its figures say, and only the newest few wait."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from edge_runtime.boards import board
from edge_runtime.config import MS, S
from edge_runtime.hosts.pace import Pace, PacedLooks
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.protocol import Append, Failed, Look, Looked, Search
from edge_runtime.records import Query
from edge_runtime.types import WHOLE, Capabilities, Region, Want

NANO = board("orin-nano")
ENCODE_NS = NANO.cost_ns("encode")


def look(number: int, *wants: Want, deadline_ns: int = 60 * S, regions: int = 1) -> Look:
    region = Region("foveal", WHOLE, wants or ("vector",))
    return Look(id=number, deadline_ns=deadline_ns, frame_seq=0, t_capture_ns=0, regions=(region,) * regions, why="fixation")


class Lane:
    """A lane whose looks all succeed but those in ``evicted``; remembers when each was begun."""

    def __init__(self, evicted: Iterable[int] = ()) -> None:
        self.begun: list[tuple[int, int]] = []
        self._evicted = set(evicted)
        self.paced = PacedLooks(Pace(NANO), EVERYTHING, self._look)

    def _look(self, command: Look, t_ns: int) -> Looked | Failed:
        self.begun.append((command.id, t_ns))
        if command.id in self._evicted:
            return Failed(t_ns=t_ns, answers=command.id, reason="evicted")
        return Looked(t_ns=t_ns, answers=command.id, frame_seq=0, t_capture_ns=0, regions=())


@pytest.mark.parametrize(
    ("wants", "stages"),
    [
        (("vector",), ["encode"]),
        (("vector", "tokens"), ["encode"]),
        (("vector", "labels", "tokens", "thumb"), ["encode", "name", "thumb"]),
        (("labels", "thumb"), ["name", "thumb"]),
        (("text",), ["read"]),
    ],
)
def test_a_look_takes_what_its_parts_take_and_one_encoding_gives_vector_and_tokens(wants: tuple[Want, ...], stages: list[str]) -> None:
    pace = Pace(NANO)
    assert pace.look_ns(look(1, *wants, regions=2), EVERYTHING) == 2 * sum(NANO.cost_ns(stage) for stage in pace.used)
    assert sorted(pace.used) == stages


def test_what_the_models_cannot_do_takes_no_time() -> None:
    pace = Pace(NANO)
    assert pace.look_ns(look(1, "vector", "labels", "text", "thumb"), Capabilities()) == NANO.cost_ns("thumb")
    assert set(pace.used) == {"thumb"}


def test_the_log_takes_time_by_the_row_and_by_the_question() -> None:
    pace = Pace(NANO)
    assert pace.log_ns(Append(id=1, deadline_ns=0, rows=())) == 0
    assert pace.log_ns(Search(id=2, deadline_ns=0, query=Query())) == NANO.cost_ns("search")


def test_a_look_is_answered_when_its_time_is_over_and_the_next_begins_then() -> None:
    lane = Lane()
    (first,) = lane.paced.ask(look(1), 0)
    assert list(lane.paced.ask(look(2), 10 * MS)) == []
    assert first.t_ns == ENCODE_NS
    (second,) = lane.paced.answered(1, first.t_ns)
    assert (second.answers, second.t_ns) == (2, 2 * ENCODE_NS)
    assert lane.begun == [(1, 0), (2, ENCODE_NS)]


def test_of_looks_that_wait_only_the_newest_three_do_and_the_others_are_failed() -> None:
    lane = Lane()
    answers = [answer for number in range(1, 7) for answer in lane.paced.ask(look(number), 0)]
    assert [(answer.answers, answer.reason) for answer in answers if isinstance(answer, Failed)] == [(2, "superseded"), (3, "superseded")]


def test_a_look_whose_deadline_passed_while_it_waited_is_not_begun() -> None:
    lane = Lane()
    list(lane.paced.ask(look(1), 0))
    list(lane.paced.ask(look(2, deadline_ns=ENCODE_NS - 1), 0))
    list(lane.paced.ask(look(3), 0))
    late, third = lane.paced.answered(1, ENCODE_NS)
    assert isinstance(late, Failed) and (late.answers, late.reason) == (2, "deadline")
    assert third.answers == 3
    assert [number for number, _ in lane.begun] == [1, 3]


def test_a_frame_that_has_left_the_ring_takes_no_time() -> None:
    lane = Lane(evicted=[2])
    list(lane.paced.ask(look(1), 0))
    list(lane.paced.ask(look(2), 0))
    list(lane.paced.ask(look(3), 0))
    answers = list(lane.paced.answered(1, ENCODE_NS))
    assert [(answer.answers, answer.t_ns) for answer in answers] == [(2, ENCODE_NS), (3, 2 * ENCODE_NS)]


def test_a_look_that_waits_can_be_given_up_and_one_under_way_is_done_to_its_end() -> None:
    lane = Lane()
    list(lane.paced.ask(look(1), 0))
    list(lane.paced.ask(look(2), 0))
    assert lane.paced.cancel(2)
    assert not lane.paced.cancel(1)
    assert lane.paced.under_way == 1
    assert list(lane.paced.answered(1, ENCODE_NS)) == []
    assert lane.begun == [(1, 0)]
