"""The five journeys on the sample, with real weights: read, teach, find, alert once, forget."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.playing import Played, play
from apps.witness import Witness
from devices import gallery
from devices.gallery.script import FORGET_FROM_NS, FORGET_NS, PRIVATE_NUMBER, Expected
from edge_runtime.config import Config, S
from edge_runtime.decisions import DecisionLog, read_decisions
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import open_looker
from edge_runtime.models.opening import only_looking
from edge_runtime.protocol import Asked, Command, Event, Say
from edge_runtime.records import Query, Sighting
from edge_runtime.speech import Response
from tests.isolation import REAL_CACHE

pytestmark = [pytest.mark.weights, pytest.mark.slow]

TRUTH = gallery.truth()


@dataclass(frozen=True)
class Walk:
    """One walk through the gallery, as it went."""

    out: Path
    played: Played
    said: tuple[tuple[int, Response], ...]
    rows: tuple[Sighting, ...]
    thumbs: dict[str, bytes | None]

    def between(self, from_ns: int, to_ns: int) -> list[Response]:
        return [response for t_ns, response in self.said if from_ns <= t_ns <= to_ns]

    def answer(self, question: str) -> Response:
        (response,) = [response for _, response in self.said if response.question == question]
        return response


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    if not (REAL_CACHE / "bundles" / "pocket" / "bundle.toml").is_file():
        pytest.skip("pocket pack not prepared")
    os.environ["EDGE_RUNTIME_CACHE"] = str(REAL_CACHE)
    try:
        out = tmp_path_factory.mktemp("walk")
        said: list[tuple[int, Response]] = []

        def listen(event: Event, commands: tuple[Command, ...], core: object) -> None:
            said.extend((event.t_ns, command.response) for command in commands if isinstance(command, Say))

        with (
            open_looker(load_bundle("pocket"), threads=2) as looker,
            play(gallery.sample(), out, Config(), only_looking(looker), witness=Witness(), observers=[listen]) as played,
        ):
            rows, _ = played.store.search(Query(limit=500, newest_first=False))
            ids = {look.thumb_id for row in rows for look in row.evidence if look.thumb_id is not None}
            thumbs = {thumb_id: played.store.thumb(thumb_id) for thumb_id in sorted(ids)}
        yield Walk(out, played, tuple(said), rows, thumbs)
    finally:
        del os.environ["EDGE_RUNTIME_CACHE"]


@pytest.mark.parametrize("expected", TRUTH.expected, ids=lambda e: f"{e.journey}-{e.outcome}-{e.about or e.from_ns // S}")
def test_what_should_be_said_is_said_and_nothing_that_should_not(walk: Walk, expected: Expected) -> None:
    said = [response for response in walk.between(expected.from_ns, expected.to_ns) if _matches(response, expected)]
    assert len(said) == expected.times, [response.text for response in walk.between(expected.from_ns, expected.to_ns)]
    for response in said:
        text = response.text.casefold()
        assert not expected.holds or any(word.casefold() in text for word in expected.holds), response.text
        assert not any(word.casefold() in text for word in expected.never), response.text


def _matches(response: Response, expected: Expected) -> bool:
    if expected.outcome == "answer":
        return response.question == expected.about
    if expected.outcome == "alert":
        return response.watch == expected.about
    text = response.text.casefold()
    return not response.question and not response.watch and any(word.casefold() in text for word in expected.holds)


def test_read_what_is_dwelt_on_is_read_aloud_with_the_look_as_evidence(walk: Walk) -> None:
    (heard,) = [response for _, response in walk.said if response.text.startswith("It says") and "ROOM 204" in response.text]
    (look, *_) = heard.evidence
    fixated = [held for held in TRUTH.fixations if held.start_ns <= look.t_ns <= held.end_ns]
    assert fixated
    assert look.thumb_id is not None


def test_teach_three_looks_make_a_mug_that_is_known_again(walk: Walk) -> None:
    concept = walk.played.core.memory.concepts["mug"]
    assert len(concept.views) >= 3
    seen = [row for row in walk.rows if row.what.kind == "concept" and row.what.name == "mug"]
    assert seen
    for row in seen:
        assert any(found.start_ns - S <= row.t_start_ns and row.t_end_ns <= found.end_ns + S for found in TRUTH.in_view("mug")), row


def test_find_answers_with_time_place_and_picture(walk: Walk) -> None:
    answer = walk.answer("where-mug")
    last = max(found.end_ns for found in TRUTH.in_view("mug") if found.end_ns < 30 * S)
    assert answer.evidence
    assert all(look.thumb_id is not None and walk.thumbs.get(look.thumb_id) for look in answer.evidence)
    assert max(look.t_ns for look in answer.evidence) <= last
    assert f"0:{last // S:02d}" in answer.text or f"0:{last // S - 1:02d}" in answer.text, answer.text


def test_find_says_no_where_it_has_not_seen(walk: Walk) -> None:
    assert walk.answer("passport").evidence == ()


def test_find_obeys_the_words_of_time(walk: Walk) -> None:
    core = copy.deepcopy(walk.played.core)
    question = Asked(t_ns=core.state.t_ns, question="early-cat", text="did I look at the cat before 0:20?")
    (answer,) = [command.response for command in core.feed(question) if isinstance(command, Say)]
    assert answer.text.startswith("Yes, before 0:20 you looked at what looks like a cat")
    for look in answer.evidence:
        assert any(held.start_ns <= look.t_ns <= held.end_ns < 20 * S for held in TRUTH.looked_at("cat")), look


def test_alert_once_with_its_evidence(walk: Walk) -> None:
    alerts = [(t_ns, response) for t_ns, response in walk.said if response.watch]
    ((t_ns, alert),) = alerts
    (back,) = [found for found in TRUTH.in_view("mug") if found.start_ns > 37 * S and found.start_ns <= t_ns <= found.end_ns + S]
    assert back.start_ns <= alert.evidence[0].t_ns <= back.end_ns
    assert t_ns - alert.evidence[0].t_ns <= 2 * S


def test_forget_leaves_no_trace_in_answers_log_thumbnails_and_file_bytes(walk: Walk) -> None:
    assert any(PRIVATE_NUMBER in response.text for t_ns, response in walk.said if t_ns < FORGET_NS), "it was never read: nothing is shown"
    assert not any(PRIVATE_NUMBER in response.text for t_ns, response in walk.said if t_ns >= FORGET_NS)
    for path in walk.out.rglob("*"):
        if path.is_file():
            assert PRIVATE_NUMBER.encode() not in path.read_bytes(), path
    assert PRIVATE_NUMBER.encode() not in walk.played.core.snapshot()
    forgotten = [row for row in walk.rows if FORGET_FROM_NS <= row.t_end_ns < FORGET_NS]
    assert forgotten == []
    assert not [look for row in walk.rows for look in row.evidence if FORGET_FROM_NS <= look.t_ns < FORGET_NS]


def test_the_journal_of_the_walk_replays_exactly(walk: Walk, tmp_path: Path) -> None:
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(walk.out, decisions)
    assert (tmp_path / "again.jsonl").read_bytes() == (walk.out / "decisions.jsonl").read_bytes()


def test_every_decision_that_spoke_has_a_reason_and_every_silence_a_veto(walk: Walk) -> None:
    decisions = read_decisions(walk.out / "decisions.jsonl")
    assert decisions
    for decision in decisions:
        assert decision.reasons
        assert bool(decision.vetoes) == (decision.action in ("SILENT", "QUEUE"))


def test_most_frames_were_never_encoded(walk: Walk) -> None:
    assert walk.played.cost.looks < walk.played.cost.frames / 3
